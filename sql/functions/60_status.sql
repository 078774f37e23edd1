-- The state of fetching: at a glance for a person, and as one number for the fetcher's metrics.

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
    ), f as (
        select
            trim_scale(extract(epoch from s.period)) as period_s, trim_scale(extract(epoch from s.margin)) as margin_s, s.is_aligned,
            count(e.race_id) as races, count(e.race_id) filter (where e.is_certain) as certain,
            avg(e.age_s) filter (where e.is_certain) as age_s,
            percentile_cont(0.5) within group (order by e.data_age_s) filter (where d.is_live) as live_p50,
            percentile_cont(0.95) within group (order by e.data_age_s) filter (where d.is_live) as live_p95
        from raceday.refresh_settings s
        left join (d join raceday.race_refreshes e on e.race_id = d.race_id) on true
        group by s.period, s.margin, s.is_aligned
    )
    select v.item, v.value
    from t
    cross join lateral (values
        ('clock', to_char(t.now at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') || case when raceday.clock_is_simulated() then ' (simulated)' else '' end),
        ('races polled', (select count(*)::text from d where d.cadence_s is not null)),
        ('live races', (select count(*)::text from d where d.is_live)),
        ('missing races', (select count(*)::text from d where d.is_missing)),
        ('races due now', (select count(*)::text from d where d.due_at <= t.now and (d.lease_until is null or d.lease_until <= t.now))),
        ('races leased now', (select count(*)::text from d where d.lease_until > t.now)),
        ('workers', (select coalesce(string_agg(distinct d.claimed_by, ', '), 'none') from d where d.lease_until > t.now or d.slot_at > t.now - interval '1 minute')),
        ('next poll', (select coalesce(round(extract(epoch from min(greatest(d.due_at, d.lease_until)) - t.now), 1) || ' s', 'none') from d)),
        ('refreshes', (
            select 'every ' || f.period_s || ' s; '
                || case when f.is_aligned then 'polled ' || f.margin_s || ' s after; ' else 'not aligned; ' end
                || f.certain || ' of ' || f.races || ' races certain'
                || coalesce(', data expected ' || round(f.age_s::numeric, 1) || ' s old', '')
            from f
        )),
        ('common phase', (
            select coalesce(round(c.phase_s::numeric, 1) || ' s within ' || round(c.spread_s::numeric, 1) || ' s', 'none') || ' of ' || c.races || ' races'
            from raceday.feed_refresh c
        )),
        ('data of live races', (
            select coalesce('p50 ' || round(f.live_p50::numeric, 1) || ' s old, p95 ' || round(f.live_p95::numeric, 1) || ' s', 'none') from f
        )),
        ('payloads of the last hour', (select coalesce(string_agg(s.payloads || ' ' || s.status, ', ' order by s.status), 'none') from s)),
        ('newest payload', (select coalesce(round(extract(epoch from t.now - max(s.newest)), 1) || ' s old', 'none') from s)),
        ('payloads pending', (select count(*)::text from raceday.pending_payloads)),
        ('oldest pending', (select coalesce(round(extract(epoch from t.now - min(q.fetched_at)), 1) || ' s old', 'none') from raceday.pending_payloads q)),
        ('partitions', (
            select string_agg(split_part(m.parent_table, '.', 2)
                    || coalesce(' MISSING from ' || to_char(m.first_gap_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI"Z"'), ' ' || m.days_ahead || ' days ahead')
                    || case when m.retirements_due > 0 then ' and ' || m.retirements_due || ' to retire' else '' end,
                ', ' order by m.parent_table)
            from raceday.monitor_maintenance m
        ))
    ) v (item, value)
$$;
comment on function raceday.raceday_status() is 'The lines that raceday-fetcher status prints';

-- Only a race's own processed payloads count: a meetings list that arrived says nothing about the race.
create or replace function raceday.raceday_oldest_live_payload_age_s() returns double precision
    language sql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
    select coalesce(max(extract(epoch from raceday.now() - greatest(
        p.processed_through, d.start_time - raceday.live_lead(), q.first_due_at
    ))), 0)::double precision
    from raceday.due_races d
    join raceday.race_polls q on q.race_id = d.race_id
    left join raceday.race_progress p on p.race_id = d.race_id
    where d.is_live
$$;
comment on function raceday.raceday_oldest_live_payload_age_s() is
    'Seconds since the latest payload of the live race that has waited longest for one; 0 if no race is live';
