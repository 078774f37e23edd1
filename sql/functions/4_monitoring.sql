-- What monitoring reads: the state of the database as a few rows of numbers. The exporter's queries, the dashboard and the runbooks
-- all look through these views, so that an alert and the person it wakes see the same thing.

do $$
begin
    create role raceday_monitor login;
    -- Only by whoever made it: two databases migrating at once must not alter the same role.
    alter role raceday_monitor set search_path = '';
    alter role raceday_monitor set statement_timeout = '5s';
    comment on role raceday_monitor is 'Monitoring logs in as this role: server statistics and the views raceday.monitor_*, no payload';
    grant pg_monitor to raceday_monitor;
exception
    when duplicate_object or unique_violation then null;
end
$$;

grant usage on schema partman to raceday_owner;
grant select on partman.part_config to raceday_owner;

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
comment on view raceday.monitor_partitions is 'Every daily partition with its bounds and its size on disk, indexes and TOAST included';

create or replace view raceday.monitor_maintenance as
select
    p.parent_table,
    m.days_ahead,
    m.has_tomorrow,
    m.partitions,
    m.bytes,
    p.maintenance_last_run as last_run_at
from partman.part_config p
cross join lateral (
    select
        count(*) filter (where q.from_at > raceday.now()) as days_ahead,
        coalesce(bool_or(raceday.now() + interval '1 day' >= q.from_at and raceday.now() + interval '1 day' < q.to_at), false) as has_tomorrow,
        count(*) as partitions,
        coalesce(sum(q.bytes), 0)::bigint as bytes
    from raceday.monitor_partitions q
    where q.parent_table = p.parent_table
) m;
comment on view raceday.monitor_maintenance is 'Each partitioned table: days made ahead, size, and when pg_partman last looked after it (null: never)';

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
comment on view raceday.monitor_payloads is 'Payloads of the last hour, how many of them failed, and what waits to be processed';

create or replace view raceday.monitor_races as
select
    c.every_s as cadence_s,
    count(d.race_id) as races,
    coalesce(greatest(max(extract(epoch from raceday.now() - d.due_at)), 0), 0)::double precision as overdue_s
from (select distinct every_s from raceday.poll_cadence) c
left join raceday.due_races d on d.cadence_s = c.every_s
group by c.every_s;
comment on view raceday.monitor_races is 'Races still polled, by the seconds between their polls, and how late the latest of them is';

create or replace view raceday.monitor_lists as
select
    coalesce(greatest(extract(epoch from raceday.now() - max(l.slot_at) - s.meetings_every), 0), 0)::double precision as overdue_s,
    coalesce(max(l.failures), 0) as failures
from raceday.poll_settings s
left join raceday.list_polls l on l.list_date = (raceday.now() at time zone 'Pacific/Auckland')::date
group by s.meetings_every;
comment on view raceday.monitor_lists is 'Today''s meetings list: how late it is, and how often it failed since it last succeeded';

create or replace view raceday.monitor_sessions as
select
    a.usename::text as role,
    count(*) as sessions,
    coalesce(max(extract(epoch from pg_catalog.clock_timestamp() - a.query_start)) filter (where a.state = 'active'), 0)::double precision as longest_query_s,
    coalesce(max(extract(epoch from pg_catalog.clock_timestamp() - a.xact_start)), 0)::double precision as longest_transaction_s
from pg_catalog.pg_stat_activity a
where a.datname = current_database()
  and a.backend_type = 'client backend'
  -- A backup runs long, and may.
  and a.application_name <> 'pg_dump'
group by a.usename;
comment on view raceday.monitor_sessions is 'Sessions of this database by role, with their longest running query and transaction';

-- The server's memory cannot be had over SQL otherwise. In a container its own limit counts, elsewhere the machine's.
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
        -- Page cache that can be given back is not used memory.
        used_bytes := pg_catalog.btrim(pg_catalog.pg_read_file('/sys/fs/cgroup/memory.current'), E'\n')::bigint
            - (pg_catalog.regexp_match(pg_catalog.pg_read_file('/sys/fs/cgroup/memory.stat'), '\minactive_file (\d+)'))[1]::bigint;
    else
        v_machine := pg_catalog.pg_read_file('/proc/meminfo', true);
        limit_bytes := (pg_catalog.regexp_match(v_machine, 'MemTotal: +(\d+)'))[1]::bigint * 1024;
        used_bytes := limit_bytes - (pg_catalog.regexp_match(v_machine, 'MemAvailable: +(\d+)'))[1]::bigint * 1024;
    end if;
end
$$;
comment on function raceday.monitor_memory() is 'Memory in use where the server runs, without page cache, and its limit; null where the system does not tell';

-- monitor_memory stays the superuser's: reading the server's files is a superuser's right, and it reads three fixed ones.
alter view raceday.monitor_partitions owner to raceday_owner;
alter view raceday.monitor_maintenance owner to raceday_owner;
alter view raceday.monitor_payloads owner to raceday_owner;
alter view raceday.monitor_races owner to raceday_owner;
alter view raceday.monitor_lists owner to raceday_owner;
alter view raceday.monitor_sessions owner to raceday_owner;
revoke all on function raceday.monitor_memory() from public;

grant usage on schema raceday to raceday_monitor;
grant select on raceday.monitor_partitions, raceday.monitor_maintenance, raceday.monitor_payloads, raceday.monitor_races, raceday.monitor_lists,
    raceday.monitor_sessions to raceday_monitor;
-- A view reads tables as its owner but calls functions as its reader; those of the schedule read the cadence.
grant select on raceday.poll_cadence to raceday_monitor;
grant execute on function raceday.monitor_memory(), raceday.now(), raceday.poll_every_s(double precision) to raceday_monitor;
