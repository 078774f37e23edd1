-- Claiming races and finishing their polls. Fetchers call raceday_claim_races repeatedly; any number of them share the races.

-- A lease measures a worker's life, so it runs by the server's clock even where raceday.now() runs faster: see
-- docs/decisions/lease-clock.md.
create or replace function raceday.lease_end(p_now timestamptz) returns timestamptz
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select p_now + s.lease * raceday.clock_rate() from raceday.poll_settings s
$$;
comment on function raceday.lease_end(timestamptz) is 'When a lease that begins now ends';

-- The result columns of an existing function cannot be replaced.
drop function if exists raceday.raceday_claim_races(text, int);
create function raceday.raceday_claim_races(p_worker text, p_max int)
    returns table (race_id text, due_at timestamptz, start_time timestamptz, status text, seconds_to_start double precision, cadence_s int,
                   missed int, lease_until timestamptz, polled_by text, is_live boolean, refresh_state jsonb, period_s double precision, margin_s double precision,
                   is_aligned boolean, is_again boolean)
    language plpgsql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := raceday.now();
begin
    return query
    with races as materialized (
        select * from raceday.due_races
    ), claimable as materialized (
        select d.race_id, d.due_at, d.start_time, d.status, d.seconds_to_start, d.cadence_s, d.slot_at, d.claimed_by, d.is_live,
            d.claimed_at, d.period_s, d.is_over, d.phase_s is not null as is_aligned, d.due_at is not distinct from d.again_at as is_again
        from races d
        where d.due_at <= v_now and d.cadence_s is not null and (d.lease_until is null or d.lease_until <= v_now)
          -- Of the races that are over one at a time: workers must be free when a refresh arrives.
          and (not d.is_over or d.race_id = (
              select o.race_id from races o where o.is_over and o.due_at <= v_now order by o.lease_until > v_now desc nulls last, o.start_time desc, o.race_id limit 1))
        -- Distance from the start in either direction: races about to start go before a backlog of old unfinished ones.
        order by d.is_over, abs(d.seconds_to_start), d.race_id
    ), locked as materialized (
        select p.race_id
        from raceday.race_polls p
        join claimable c on c.race_id = p.race_id
        where (p.lease_until is null or p.lease_until <= v_now)
          -- Another worker may have claimed it since the first look.
          and p.slot_at is not distinct from c.slot_at and p.claimed_at is not distinct from c.claimed_at
        order by c.is_over, abs(c.seconds_to_start), c.race_id
        limit p_max
        for update of p skip locked
    ), claimed as (
        update raceday.race_polls p
        set -- A whole cadence late or more: the slots in between are missed, and counting starts again from now. A first poll also
            -- starts from now: a day's races become known together, and would otherwise be due together forever.
            slot_at = case when c.is_again then p.slot_at
                when c.slot_at is not null and v_now - c.due_at < make_interval(secs => c.cadence_s) then c.due_at else v_now end,
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
        claimed.lease_until, c.claimed_by, c.is_live, f.state, c.period_s, extract(epoch from s.margin)::double precision, c.is_aligned, c.is_again
    from claimed
    join claimable c on c.race_id = claimed.race_id
    left join raceday.race_refreshes f on f.race_id = claimed.race_id
    cross join raceday.refresh_settings s
    order by c.is_over, abs(c.seconds_to_start), c.race_id;
end
$$;
comment on function raceday.raceday_claim_races(text, int) is
    'Leases up to p_max due races to a worker, nearest start first; missed = slots that passed unpolled, polled_by = the previous claimant, is_again = between two slots';

create or replace function raceday.raceday_poll_done(p_race_id text, p_worker text, p_is_found boolean) returns void
    language sql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    update raceday.race_polls p
    set lease_until = case when p.claimed_by = p_worker then null else p.lease_until end,
        not_found = case when p_is_found then 0 when not p_is_found then p.not_found + 1 else p.not_found end,
        -- An event that appears counts for more than the lists before it.
        unlisted = case when p_is_found and p.not_found > 0 then 0 else p.unlisted end
    where p.race_id = p_race_id
      -- Whoever found the event: it may also have been fetched by hand, or during an outage of the database.
      and (p.claimed_by = p_worker or p_is_found and p.not_found > 0)
$$;
comment on function raceday.raceday_poll_done(text, text, boolean) is
    'Ends a worker''s lease on a race: its slot has been polled. p_is_found: whether the TAB has the event; null: it did not say';

-- For fetchers of a former version, which run on this schema until they are replaced. Not a default of the function above: migrate of
-- that version would add its own function, and calls with two arguments would be ambiguous.
create or replace function raceday.raceday_poll_done(p_race_id text, p_worker text) returns void
    language sql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    select raceday.raceday_poll_done(p_race_id, p_worker, null)
$$;
comment on function raceday.raceday_poll_done(text, text) is 'The same for a fetcher that does not report whether the TAB has the event';

create or replace function raceday.raceday_poll_done(p_race_id text, p_worker text, p_is_found boolean, p_refresh jsonb) returns void
    language plpgsql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform raceday.raceday_poll_done(p_race_id, p_worker, p_is_found);
    if p_refresh is not null then
        perform raceday.note_refresh(p_race_id, p_worker, p_refresh);
    end if;
end
$$;
comment on function raceday.raceday_poll_done(text, text, boolean, jsonb) is
    'The same with what the poll has shown of the race''s refreshes (null: nothing): see note_refresh';

create or replace function raceday.raceday_report_missing() returns table (race_id text, is_missing boolean, not_found int, unlisted int)
    language sql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    with unreported as materialized (
        select p.race_id from raceday.race_polls p where p.is_missing <> p.missing_reported order by p.race_id for update of p skip locked
    )
    update raceday.race_polls p
    set missing_reported = p.is_missing
    from unreported u
    where p.race_id = u.race_id
    returning p.race_id, p.is_missing, p.not_found, p.unlisted
$$;
comment on function raceday.raceday_report_missing() is
    'The races that have become missing or are back since the last call, each to one caller only; a fetcher logs them';

create or replace function raceday.raceday_release_leases(p_worker text) returns int
    language sql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    with races as (
        -- Ended now rather than set to null: the slot was not polled, so it is due for the next worker.
        update raceday.race_polls set lease_until = raceday.now()
        where claimed_by = p_worker and lease_until > raceday.now()
        returning 1
    ), lists as (
        update raceday.list_polls set lease_until = null where claimed_by = p_worker and lease_until is not null
    )
    select count(*)::int from races
$$;
comment on function raceday.raceday_release_leases(text) is 'Releases what a stopping worker has not polled; returns the number of races';

-- The columns of a function cannot be replaced.
drop function if exists raceday.raceday_poll_plan(interval);
create function raceday.raceday_poll_plan(p_ahead interval)
    returns table (race_id text, slot_at timestamptz, every_s int, is_live boolean)
    language sql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
    with recursive plan as (
        select d.race_id, d.start_time, d.is_missing, d.backoff, d.is_closed, d.phase_s, d.lag_s, d.period_s,
            greatest(d.next_slot_at, raceday.now()) as slot_at
        from raceday.due_races d
        where d.next_slot_at <= raceday.now() + p_ahead and not d.is_over
        union all
        select p.race_id, p.start_time, p.is_missing, p.backoff, p.is_closed, p.phase_s, p.lag_s, p.period_s, n.slot_at
        from plan p
        cross join lateral raceday.next_poll(p.slot_at, p.start_time, p.slot_at) following
        -- The offsets let aligned_slot be inlined: it uses its arguments several times.
        cross join lateral (
            select greatest(
                following.slot_at, p.slot_at + p.backoff,
                case when p.is_closed then p.slot_at + make_interval(secs => raceday.after_close_s(p.slot_at, p.start_time)) end) as slot_at
            offset 0
        ) plain
        cross join lateral (
            select raceday.aligned_slot(
                p.slot_at, plain.slot_at, following.every_s, p.start_time, p.phase_s, p.lag_s, p.period_s) as slot_at
            offset 0
        ) n
        where n.slot_at <= raceday.now() + p_ahead
    )
    select p.race_id, p.slot_at, n.every_s, raceday.is_live(p.start_time, p.slot_at) and not p.is_missing
    from plan p
    cross join lateral raceday.next_poll(null, p.start_time, p.slot_at) n
    order by p.slot_at, p.race_id
$$;
comment on function raceday.raceday_poll_plan(interval) is
    'Every poll ahead, as far as is known now: the schedule that a fetcher follows while the database is unavailable';

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
    'Records slots that a fetcher polled while the database was unavailable, so that they do not count as missed';

create or replace function raceday.raceday_next_due() returns timestamptz
    language sql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
    select min(greatest(d.due_at, coalesce(d.lease_until, d.due_at))) from raceday.due_races d
    -- Those that are over follow one another, whenever a worker looks.
    where not d.is_over
$$;
comment on function raceday.raceday_next_due() is 'When the next race can be claimed; null if no race is polled';
