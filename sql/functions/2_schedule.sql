-- Which race is due, and who polls it. A fetcher asks raceday_claim_races again and again; any number of fetchers share the work.

create or replace function raceday.poll_every_s(p_seconds_to_start double precision) returns int
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select c.every_s from raceday.poll_cadence c where c.within_s >= p_seconds_to_start order by c.within_s limit 1
$$;
comment on function raceday.poll_every_s(double precision) is 'Seconds between polls so many seconds before the start; null: not polled yet';

-- The start that counts is the newest known: a list may move it between two polls.
-- A poll's successor is due at the earliest moment at which the cadence then in force has passed since its slot. For each row of
-- poll_cadence that is: the slot plus the row's seconds, but not before the race comes within the row's range.
-- All is written out: as a function it would be called for each race, which costs ten times as much.
create or replace view raceday.due_races as
select
    r.race_id,
    -- A lease that was not ended belongs to a worker that died: its slot is not polled yet, if it is to be polled at all now.
    case when n.every_s is null then n.slot_at else least(n.slot_at, p.lease_until) end as due_at,
    s.start_time,
    r.status,
    extract(epoch from s.start_time - t.now)::double precision as seconds_to_start,
    n.every_s as cadence_s,
    p.slot_at,
    p.claimed_by,
    p.lease_until,
    n.slot_at as next_slot_at,
    extract(epoch from s.start_time - t.now) between -900 and 300 as is_live
from raceday.races r
join raceday.race_polls p on p.race_id = r.race_id
cross join raceday.poll_settings settings
cross join lateral (select raceday.now() as now) t
cross join lateral (
    select case when r.listed_at > p.claimed_at or r.polled_at is null then coalesce(r.listed_start_time, r.start_time) else r.start_time end as start_time
) s
cross join lateral (
    select
        case when p.slot_at is null
            then greatest(least(p.first_due_at, t.now), s.start_time - make_interval(secs => max(c.within_s)))
            -- Of a clock that has been set back since: counted from there, the race would not be polled until it is that late again.
            when p.slot_at > t.now + interval '5 seconds'
            then greatest(t.now, s.start_time - make_interval(secs => max(c.within_s)))
            else min(greatest(p.slot_at + make_interval(secs => c.every_s), s.start_time - make_interval(secs => c.within_s)))
        end as slot_at,
        min(c.every_s) filter (where c.within_s >= extract(epoch from s.start_time - t.now)) as every_s
    from raceday.poll_cadence c
) n
where r.phase in ('upcoming', 'in_progress')
  and r.start_time > t.now - settings.stop_after - interval '1 day'
  and s.start_time > t.now - settings.stop_after;
comment on view raceday.due_races is 'Races still polled, with when each is due next; due now where due_at <= raceday.now() and no lease runs';

-- A lease is about a worker's life, so it runs by the server's clock even where raceday.now() runs faster.
create or replace function raceday.lease_end(p_now timestamptz) returns timestamptz
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select p_now + s.lease * raceday.clock_rate() from raceday.poll_settings s
$$;
comment on function raceday.lease_end(timestamptz) is 'When a lease that begins now ends';

-- A function's columns cannot be replaced.
drop function if exists raceday.raceday_claim_races(text, int);
create function raceday.raceday_claim_races(p_worker text, p_max int)
    returns table (race_id text, due_at timestamptz, start_time timestamptz, status text, seconds_to_start double precision, cadence_s int,
                   missed int, lease_until timestamptz, polled_by text, is_live boolean)
    language plpgsql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := raceday.now();
begin
    return query
    with claimable as materialized (
        select d.race_id, d.due_at, d.start_time, d.status, d.seconds_to_start, d.cadence_s, d.slot_at, d.claimed_by, d.is_live
        from raceday.due_races d
        where d.due_at <= v_now and d.cadence_s is not null and (d.lease_until is null or d.lease_until <= v_now)
        -- Before or after: what is left of a day whose end nobody polled waits until those about to start are polled.
        order by abs(d.seconds_to_start), d.race_id
    ), locked as materialized (
        select p.race_id
        from raceday.race_polls p
        join claimable c on c.race_id = p.race_id
        where (p.lease_until is null or p.lease_until <= v_now)
          -- Another worker may have taken it between the two looks.
          and p.slot_at is not distinct from c.slot_at
        order by abs(c.seconds_to_start), c.race_id
        limit p_max
        for update of p skip locked
    ), claimed as (
        update raceday.race_polls p
        set -- Late by a whole cadence or more: the slots in between are missed, and counting starts anew. So it does with a first
            -- poll: a day's races become known at once, and would be due at once for ever.
            slot_at = case when c.slot_at is not null and v_now - c.due_at < make_interval(secs => c.cadence_s) then c.due_at else v_now end,
            claimed_at = v_now,
            claimed_by = p_worker,
            lease_until = raceday.lease_end(v_now)
        from locked l
        join claimable c on c.race_id = l.race_id
        where p.race_id = l.race_id
        returning p.race_id, p.lease_until
    )
    select c.race_id, c.due_at, c.start_time, c.status, c.seconds_to_start, c.cadence_s,
        case when c.slot_at is null then 0
            else floor(greatest(extract(epoch from v_now - c.due_at), 0) / c.cadence_s)::int end,
        claimed.lease_until, c.claimed_by, c.is_live
    from claimed
    join claimable c on c.race_id = claimed.race_id
    order by abs(c.seconds_to_start), c.race_id;
end
$$;
comment on function raceday.raceday_claim_races(text, int) is
    'Claims up to p_max due races for a worker until its lease ends, nearest start first; missed = slots that passed unpolled, polled_by = who claimed it before';

create or replace function raceday.raceday_poll_done(p_race_id text, p_worker text) returns void
    language sql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    update raceday.race_polls set lease_until = null where race_id = p_race_id and claimed_by = p_worker
$$;
comment on function raceday.raceday_poll_done(text, text) is 'Ends a worker''s lease on a race: its slot is polled';

create or replace function raceday.raceday_release_leases(p_worker text) returns int
    language sql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    with races as (
        -- Ended now, not null: the slot was not polled, so it is due for whoever comes.
        update raceday.race_polls set lease_until = raceday.now()
        where claimed_by = p_worker and lease_until > raceday.now()
        returning 1
    ), lists as (
        update raceday.list_polls set lease_until = null where claimed_by = p_worker and lease_until is not null
    )
    select count(*)::int from races
$$;
comment on function raceday.raceday_release_leases(text) is 'Gives up what a worker that stops has not polled; returns how many races';

-- A function's columns cannot be replaced.
drop function if exists raceday.raceday_poll_plan(interval);
create function raceday.raceday_poll_plan(p_ahead interval)
    returns table (race_id text, slot_at timestamptz, every_s int, is_live boolean)
    language sql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
    with recursive plan as (
        select d.race_id, d.start_time, greatest(d.next_slot_at, raceday.now()) as slot_at
        from raceday.due_races d
        where d.next_slot_at <= raceday.now() + p_ahead
        union all
        select p.race_id, p.start_time, n.slot_at
        from plan p
        cross join lateral (
            select min(greatest(p.slot_at + make_interval(secs => c.every_s), p.start_time - make_interval(secs => c.within_s))) as slot_at
            from raceday.poll_cadence c
        ) n
        where n.slot_at <= raceday.now() + p_ahead
    )
    select p.race_id, p.slot_at, n.every_s, extract(epoch from p.start_time - p.slot_at) between -900 and 300
    from plan p
    cross join lateral (
        select min(c.every_s) as every_s from raceday.poll_cadence c where c.within_s >= extract(epoch from p.start_time - p.slot_at)
    ) n
    order by p.slot_at, p.race_id
$$;
comment on function raceday.raceday_poll_plan(interval) is
    'Every poll ahead as far as is known now: what a fetcher goes by while the database is away';

create or replace function raceday.raceday_polls_noted(p_worker text, p_race_ids text[], p_slots timestamptz[]) returns void
    language sql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    with noted as (
        select n.race_id, max(n.slot_at) as slot_at
        from unnest(p_race_ids, p_slots) n (race_id, slot_at)
        group by n.race_id
    ), locked as (
        select p.race_id, n.slot_at
        from raceday.race_polls p
        join noted n on n.race_id = p.race_id
        order by p.race_id
        for update of p
    )
    update raceday.race_polls p
    set slot_at = greatest(p.slot_at, l.slot_at),
        lease_until = case when p.claimed_by = p_worker then null else p.lease_until end
    from locked l
    where p.race_id = l.race_id
$$;
comment on function raceday.raceday_polls_noted(text, text[], timestamptz[]) is
    'Notes slots that a fetcher polled while the database was away, so that they are not taken for missed';

create or replace function raceday.raceday_next_due() returns timestamptz
    language sql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
    select min(greatest(d.due_at, coalesce(d.lease_until, d.due_at))) from raceday.due_races d
$$;
comment on function raceday.raceday_next_due() is 'When the next race can be claimed; null when none is known';

-- Today's list; tomorrow's from two hours before New Zealand's midnight on, so that the first races of the day are met in time; and
-- yesterday's until four hours after it, as Australia's last races of the evening run until then.
create or replace function raceday.raceday_claim_meetings(p_worker text) returns setof date
    language plpgsql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := raceday.now();
begin
    insert into raceday.list_polls (list_date)
    select distinct (at at time zone 'Pacific/Auckland')::date
    from (values (v_now - interval '4 hours'), (v_now), (v_now + interval '2 hours')) v (at)
    on conflict do nothing;

    return query
    with due as (
        select l.list_date
        from raceday.list_polls l
        cross join raceday.poll_settings settings
        where l.list_date >= ((v_now - interval '4 hours') at time zone 'Pacific/Auckland')::date
          and l.list_date <= ((v_now + interval '2 hours') at time zone 'Pacific/Auckland')::date
          -- A slot in the future is of a clock that has been set back since.
          and (l.slot_at is null or l.slot_at + settings.meetings_every <= v_now or l.slot_at > v_now + interval '5 seconds')
          and (l.lease_until is null or l.lease_until <= v_now)
        order by l.list_date
        for update of l skip locked
    )
    update raceday.list_polls l
    set lease_until = raceday.lease_end(v_now), claimed_by = p_worker
    from due
    where l.list_date = due.list_date
    returning l.list_date;
end
$$;
comment on function raceday.raceday_claim_meetings(text) is 'Claims the meetings lists that are due, as New Zealand dates';

create or replace function raceday.raceday_meetings_done(p_date date, p_worker text, p_ok boolean) returns void
    language sql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    update raceday.list_polls
    set slot_at = case when p_ok then raceday.now() else slot_at end,
        failures = case when p_ok then 0 else failures + 1 end,
        -- Soon again, but who is refused and goes on asking every second stays refused.
        lease_until = case when p_ok then null
            else raceday.now() + least(interval '1 second' * 2 ^ least(failures, 5), interval '30 seconds') * raceday.clock_rate() end
    where list_date = p_date and claimed_by = p_worker
$$;
comment on function raceday.raceday_meetings_done(date, text, boolean) is
    'Ends a worker''s lease on a meetings list; a failed one is due again after 1, 2, 4, ... 30 s';

create or replace function raceday.raceday_poll_scope() returns table (countries text[], categories text[], lease interval, meetings_every interval)
    language sql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
    select countries, categories, lease, meetings_every from raceday.poll_settings
$$;
comment on function raceday.raceday_poll_scope() is 'What the fetcher asks the TAB for';

-- Their places were taken by raceday_stage and the view due_races.
drop function if exists raceday.raceday_stage_spooled(text, text, timestamptz, text, bytea);
drop function if exists raceday.poll_due_at(timestamptz, timestamptz, timestamptz);

alter function raceday.raceday_release_leases(text) owner to raceday_owner;
alter function raceday.raceday_poll_plan(interval) owner to raceday_owner;
alter function raceday.raceday_polls_noted(text, text[], timestamptz[]) owner to raceday_owner;
alter function raceday.lease_end(timestamptz) owner to raceday_owner;
revoke all on function raceday.lease_end(timestamptz) from public;
alter function raceday.poll_every_s(double precision) owner to raceday_owner;
alter view raceday.due_races owner to raceday_owner;
alter function raceday.raceday_claim_races(text, int) owner to raceday_owner;
alter function raceday.raceday_poll_done(text, text) owner to raceday_owner;
alter function raceday.raceday_next_due() owner to raceday_owner;
alter function raceday.raceday_claim_meetings(text) owner to raceday_owner;
alter function raceday.raceday_meetings_done(date, text, boolean) owner to raceday_owner;
alter function raceday.raceday_poll_scope() owner to raceday_owner;

revoke all on function raceday.poll_every_s(double precision) from public;
grant execute on function
    raceday.raceday_claim_races(text, int), raceday.raceday_poll_done(text, text), raceday.raceday_next_due(),
    raceday.raceday_claim_meetings(text), raceday.raceday_meetings_done(date, text, boolean), raceday.raceday_poll_scope(),
    raceday.raceday_release_leases(text), raceday.raceday_poll_plan(interval), raceday.raceday_polls_noted(text, text[], timestamptz[])
    to raceday_fetcher;
