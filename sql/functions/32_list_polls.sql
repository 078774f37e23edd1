-- Claiming the meetings lists and finishing their polls, and what fetchers poll at all.

-- Today's list; tomorrow's from two hours before midnight in New Zealand, in time for the first races of the day; and yesterday's
-- until four hours after midnight, while Australia's last races of the evening are still running.
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
          -- A slot in the future dates from before the clock was set back.
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
comment on function raceday.raceday_claim_meetings(text) is 'Leases the meetings lists that are due to a worker; returns their New Zealand dates';

create or replace function raceday.raceday_meetings_done(p_date date, p_worker text, p_ok boolean) returns void
    language sql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    update raceday.list_polls
    set slot_at = case when p_ok then raceday.now() else slot_at end,
        failures = case when p_ok then 0 else failures + 1 end,
        -- Retried soon, but ever less often: a client that keeps asking while it is being refused stays refused.
        lease_until = case when p_ok then null
            else raceday.now() + least(interval '1 second' * 2 ^ least(failures, 5), interval '30 seconds') * raceday.clock_rate() end
    where list_date = p_date and claimed_by = p_worker
$$;
comment on function raceday.raceday_meetings_done(date, text, boolean) is
    'Ends a worker''s lease on a meetings list; after a failure the list is due again in 1, 2, 4, ... 30 s';

create or replace function raceday.raceday_report_refusal(p_worker text, p_reason text) returns void
    language sql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    delete from raceday.source_refusals
    where p_reason is null and worker = p_worker or reported_at < clock_timestamp() - interval '1 hour';
    insert into raceday.source_refusals (worker, reason, reported_at)
    select p_worker, p_reason, clock_timestamp() where p_reason is not null
    on conflict (worker) do update set reason = excluded.reason, reported_at = excluded.reported_at;
$$;
comment on function raceday.raceday_report_refusal(text, text) is
    'Records that the TAB refuses a fetcher, and why; null ends that. A fetcher repeats it every 10 s while it lasts';

-- raceday_process calls it for the newest list of a day. A race that an earlier list of the day named and this one does not is missing
-- (cancelled, as far as is known). When a list changes a missing race or names it again, the race is due at once. If its event was not
-- found, it stays missing until it is.
create or replace function raceday.races_listed(p_date date, p_fetched_at timestamptz, p_race_ids text[], p_is_whole boolean) returns void
    language sql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
    with polls as materialized (
        select p.race_id, n.race_id is not null as is_listed, p.is_missing and (p.unlisted > 0 or r.listed_at >= p_fetched_at) as is_renewed
        from raceday.races r
        join raceday.race_polls p on p.race_id = r.race_id
        left join unnest(p_race_ids) n (race_id) on n.race_id = r.race_id
        where r.phase in ('upcoming', 'in_progress')
          and case when n.race_id is null then p_is_whole and p.list_date = p_date
              else p.list_date is distinct from p_date or p.is_missing and (p.unlisted > 0 or r.listed_at >= p_fetched_at) end
        -- In the order of raceday_polls_noted.
        order by p.race_id
        for update of p
    )
    update raceday.race_polls p
    set list_date = p_date,
        unlisted = case when l.is_listed then 0 else p.unlisted + 1 end,
        not_found = case when l.is_listed and l.is_renewed then least(p.not_found, 1) else p.not_found end,
        -- Counting starts again: the slots since the last poll are not missed.
        slot_at = case when l.is_listed and l.is_renewed then null else p.slot_at end,
        first_due_at = case when l.is_listed and l.is_renewed then raceday.now() else p.first_due_at end
    from polls l
    where p.race_id = l.race_id
$$;
comment on function raceday.races_listed(date, timestamptz, text[], boolean) is
    'Records which races the newest meetings list of a day names; if it is the whole list, the others of that day are missing';

create or replace function raceday.raceday_poll_scope() returns table (countries text[], categories text[], lease interval, meetings_every interval)
    language sql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
    select countries, categories, lease, meetings_every from raceday.poll_settings
$$;
comment on function raceday.raceday_poll_scope() is 'The settings of polling that a fetcher needs';
