-- The state of fetching at a glance, for a person.

create or replace function raceday.raceday_status() returns table (item text, value text)
    language sql stable parallel restricted security definer
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_custom_plan
as $$
    with t as materialized (
        select raceday.now() as now
    ), d as materialized (
        select * from raceday.due_races
    ), s as materialized (
        select p.status, count(*) as payloads, max(p.fetched_at) as newest
        from raceday.staged_payloads p
        where p.fetched_at > (select t.now from t) - interval '1 hour'
        group by p.status
    )
    select v.item, v.value
    from t
    cross join lateral (values
        ('clock', to_char(t.now at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') || case when raceday.clock_is_simulated() then ' (simulated)' else '' end),
        ('races polled', (select count(*)::text from d where d.cadence_s is not null)),
        ('races in their last 5 minutes', (select count(*)::text from d where d.seconds_to_start between 0 and 300)),
        ('races due now', (select count(*)::text from d where d.due_at <= t.now and (d.lease_until is null or d.lease_until <= t.now))),
        ('races leased now', (select count(*)::text from d where d.lease_until > t.now)),
        ('workers', (select coalesce(string_agg(distinct d.claimed_by, ', '), 'none') from d where d.lease_until > t.now or d.slot_at > t.now - interval '1 minute')),
        ('next poll', (select coalesce(round(extract(epoch from min(greatest(d.due_at, d.lease_until)) - t.now), 1) || ' s', 'none') from d)),
        ('payloads of the last hour', (select coalesce(string_agg(s.payloads || ' ' || s.status, ', ' order by s.status), 'none') from s)),
        ('newest payload', (select coalesce(round(extract(epoch from t.now - max(s.newest)), 1) || ' s old', 'none') from s)),
        ('payloads pending', (select count(*)::text from raceday.pending_payloads)),
        ('oldest pending', (select coalesce(round(extract(epoch from t.now - min(q.fetched_at)), 1) || ' s old', 'none') from raceday.pending_payloads q)),
        ('partitions for tomorrow', (
            select string_agg(split_part(m.parent_table, '.', 2) || case when m.has_tomorrow then ' yes' else ' MISSING' end, ', ' order by m.parent_table)
            from raceday.monitor_maintenance m
        ))
    ) v (item, value)
$$;
comment on function raceday.raceday_status() is 'What raceday-fetcher status prints';

alter function raceday.raceday_status() owner to raceday_owner;
grant execute on function raceday.raceday_status() to raceday_fetcher;

-- A list that was polled says nothing of a race, so only processed payloads count.
create or replace function raceday.raceday_oldest_live_payload_age_s() returns double precision
    language sql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
    select coalesce(max(extract(epoch from raceday.now() - greatest(
        p.processed_through, d.start_time - interval '5 minutes', q.first_due_at
    ))), 0)::double precision
    from raceday.due_races d
    join raceday.race_polls q on q.race_id = d.race_id
    left join raceday.race_progress p on p.race_id = d.race_id
    -- Long after its start a race waits for the judge, and its payloads may well stay the same.
    where d.seconds_to_start between -900 and 300
$$;
comment on function raceday.raceday_oldest_live_payload_age_s() is
    'Seconds since the newest payload of the race near its start whose newest is oldest; 0 when no race is near its start';
alter function raceday.raceday_oldest_live_payload_age_s() owner to raceday_owner;
grant execute on function raceday.raceday_oldest_live_payload_age_s() to raceday_fetcher;
