-- What monitoring reads: the state of the database as a few rows of numbers. The exporter's queries, the dashboard and the runbooks
-- all use these views, so that an alert and the person it wakes see the same figures.

do $$
begin
    create role raceday_monitor login;
    -- Only where it was just created: two databases migrating at once must not alter the same role.
    alter role raceday_monitor set search_path = '';
    alter role raceday_monitor set statement_timeout = '5s';
    comment on role raceday_monitor is 'Monitoring logs in as this role: server statistics and the views raceday.monitor_*, no payload';
    grant pg_monitor to raceday_monitor;
exception
    when duplicate_object or unique_violation then null;
end
$$;

-- For the runbooks, where the server collects statistics of statements.
do $$
begin
    if 'pg_stat_statements' = any (regexp_split_to_array(current_setting('shared_preload_libraries'), '\s*,\s*')) then
        create extension if not exists pg_stat_statements schema public;
    end if;
end
$$;

create or replace view raceday.monitor_partitions as
select
    p.parent_table,
    c.relname::text as partition,
    b.bounds[1]::timestamptz as from_at,
    b.bounds[2]::timestamptz as to_at,
    pg_catalog.pg_total_relation_size(c.oid) as bytes
from partman.part_config p
join pg_catalog.pg_inherits i on i.inhparent = p.parent_table::regclass
join pg_catalog.pg_class c on c.oid = i.inhrelid
cross join lateral (
    select pg_catalog.regexp_match(pg_catalog.pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.+)''\) TO \(''(.+)''\)') as bounds
) b;
comment on view raceday.monitor_partitions is 'Every daily partition with its bounds and its size on disk, including indexes and TOAST';

create or replace view raceday.monitor_partition_gaps as
select p.parent_table, lower(g.gap) as from_at, upper(g.gap) as to_at
from partman.part_config p
cross join lateral (
    select coalesce(range_agg(tstzrange(q.from_at, q.to_at)), '{}'::tstzmultirange) as ranges
    from raceday.monitor_partitions q
    where q.parent_table = p.parent_table
) covered
cross join lateral generate_series(0, p.premake) n (days)
-- '24 hours' rather than '1 day', which has another length in a session whose time zone changes its clock on that day.
cross join lateral (select date_trunc('day', raceday.now(), 'UTC') + n.days * interval '24 hours' as begins_at) d
cross join lateral unnest(tstzmultirange(tstzrange(d.begins_at, d.begins_at + interval '24 hours')) - covered.ranges) g (gap)
where p.parent_table like 'raceday.%';
comment on view raceday.monitor_partition_gaps is
    'Times from today until premake days ahead (UTC days) without a partition: raceday_maintain creates them';

create or replace view raceday.monitor_partitions_due as
select q.parent_table, q.partition, q.from_at, q.to_at, d.due_at
from partman.part_config p
join raceday.monitor_partitions q on q.parent_table = p.parent_table
cross join lateral (select (q.to_at at time zone 'UTC' + p.retention::interval) at time zone 'UTC' as due_at) d
where d.due_at < raceday.now() and p.parent_table like 'raceday.%';
comment on view raceday.monitor_partitions_due is 'Partitions past their retention: raceday_maintain archives or drops them';

create or replace view raceday.monitor_maintenance as
select
    p.parent_table,
    m.days_ahead,
    m.has_tomorrow,
    m.partitions,
    m.bytes,
    p.maintenance_last_run as last_run_at,
    g.gaps,
    g.first_gap_at,
    d.retirements_due,
    d.retirement_overdue_s
from partman.part_config p
cross join lateral (
    select
        count(*) filter (where q.from_at > raceday.now()) as days_ahead,
        coalesce(bool_or(raceday.now() + interval '1 day' >= q.from_at and raceday.now() + interval '1 day' < q.to_at), false) as has_tomorrow,
        count(*) as partitions,
        coalesce(sum(q.bytes), 0)::bigint as bytes
    from raceday.monitor_partitions q
    where q.parent_table = p.parent_table
) m
cross join lateral (
    select count(*) as gaps, min(g.from_at) as first_gap_at
    from raceday.monitor_partition_gaps g
    where g.parent_table = p.parent_table
) g
cross join lateral (
    select
        count(*) as retirements_due,
        coalesce(extract(epoch from raceday.now() - min(d.due_at)), 0)::double precision as retirement_overdue_s
    from raceday.monitor_partitions_due d
    where d.parent_table = p.parent_table
) d;
comment on view raceday.monitor_maintenance is
    'Each partitioned table: days created ahead and gaps among them, size, when it was last maintained (null: never), and what is due to be retired';

create or replace view raceday.monitor_payloads as
select
    s.staged_last_hour,
    s.failed_last_hour,
    q.pending,
    coalesce(extract(epoch from raceday.now() - q.oldest_pending_at), 0)::double precision as oldest_pending_age_s
from (
    select count(*) as staged_last_hour, count(*) filter (where status = 'failed') as failed_last_hour
    from raceday.staged_payloads
    where fetched_at > raceday.now() - interval '1 hour'
) s
cross join (
    select count(*) as pending, min(fetched_at) as oldest_pending_at from raceday.pending_payloads
) q;
comment on view raceday.monitor_payloads is 'Payloads of the last hour, how many of them failed, and how many are still pending';

create or replace view raceday.monitor_races as
select
    c.every_s as cadence_s,
    count(d.race_id) as races,
    coalesce(greatest(max(extract(epoch from raceday.now() - d.due_at)), 0), 0)::double precision as overdue_s
from (select distinct every_s from raceday.poll_cadence) c
left join raceday.due_races d on d.cadence_s = c.every_s
group by c.every_s;
comment on view raceday.monitor_races is 'Races still polled, by the seconds between their polls, and how overdue the most overdue of them is';

create or replace view raceday.monitor_live_races as
select
    count(*) as races,
    coalesce(greatest(max(extract(epoch from raceday.now() - d.due_at)), 0), 0)::double precision as overdue_s
from raceday.due_races d
where d.is_live;
comment on view raceday.monitor_live_races is 'Live races, and how overdue the most overdue poll of one is';

create or replace view raceday.monitor_near_races as
select count(*) as races, count(*) filter (where d.is_missing) as missing
from raceday.due_races d
where d.seconds_to_start between -900 and 3900;
comment on view raceday.monitor_near_races is
    'Races from 65 minutes before their start to 15 after it, and how many of them are missing: not found, or no longer listed';

create or replace view raceday.monitor_lists as
select
    coalesce(greatest(extract(epoch from raceday.now() - max(l.slot_at) - s.meetings_every), 0), 0)::double precision as overdue_s,
    coalesce(max(l.failures), 0) as failures
from raceday.poll_settings s
left join raceday.list_polls l on l.list_date = (raceday.now() at time zone 'Pacific/Auckland')::date
group by s.meetings_every;
comment on view raceday.monitor_lists is 'Today''s meetings list: how overdue it is, and how often it has failed since it last succeeded';

create or replace view raceday.monitor_sessions as
select
    a.usename::text as role,
    count(*) as sessions,
    coalesce(max(extract(epoch from pg_catalog.clock_timestamp() - a.query_start)) filter (where a.state = 'active'), 0)::double precision as longest_query_s,
    coalesce(max(extract(epoch from pg_catalog.clock_timestamp() - a.xact_start)), 0)::double precision as longest_transaction_s
from pg_catalog.pg_stat_activity a
where a.datname = current_database()
  and a.backend_type = 'client backend'
  -- A backup is expected to run long.
  and a.application_name <> 'pg_dump'
group by a.usename;
comment on view raceday.monitor_sessions is 'Sessions of this database by role, with their longest-running query and transaction';

-- SQL offers no other way to read the server's memory. In a container, the container's limit counts; elsewhere, the machine's.
-- Stays owned by the superuser: reading the server's files is a superuser's right, and it reads fixed files only.
create or replace function raceday.monitor_memory(out used_bytes bigint, out limit_bytes bigint)
    language plpgsql stable parallel restricted security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit text := pg_catalog.btrim(pg_catalog.pg_read_file('/sys/fs/cgroup/memory.max', true), E'\n');
    v_machine text;
begin
    if v_limit ~ '^\d+$' then
        limit_bytes := v_limit::bigint;
        -- Reclaimable page cache does not count as used.
        used_bytes := pg_catalog.btrim(pg_catalog.pg_read_file('/sys/fs/cgroup/memory.current'), E'\n')::bigint
            - (pg_catalog.regexp_match(pg_catalog.pg_read_file('/sys/fs/cgroup/memory.stat'), '\minactive_file (\d+)'))[1]::bigint;
    else
        v_machine := pg_catalog.pg_read_file('/proc/meminfo', true);
        limit_bytes := (pg_catalog.regexp_match(v_machine, 'MemTotal: +(\d+)'))[1]::bigint * 1024;
        used_bytes := limit_bytes - (pg_catalog.regexp_match(v_machine, 'MemAvailable: +(\d+)'))[1]::bigint * 1024;
    end if;
end
$$;
comment on function raceday.monitor_memory() is 'Memory in use where the server runs, without page cache, and its limit; null where the system does not report it';
