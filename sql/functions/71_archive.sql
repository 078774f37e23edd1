-- The archive: which partitions are to be written to files before they are dropped, their payloads page by page, and the files.
-- Fetchers with RACEDAY_ARCHIVE_DIR, and `raceday-fetcher archive`, write the files. See docs/decisions/archive.md.

create or replace view raceday.archived_history as
select
    'raceday.' || pg_catalog.regexp_replace(c.relname, '_p\d{8}(_\d{6})?$', '') as parent_table,
    c.relname::text as partition,
    c.oid::regclass as relation,
    -- A partition that was created in another time zone ends up to a day later.
    pg_catalog.to_date(pg_catalog.substring(c.relname, '_p(\d{8})'), 'YYYYMMDD') as first_day
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'archive' and c.relkind = 'r' and c.relname ~ '^(money_flow_history|odds_history)_p\d{8}(_\d{6})?$';
comment on view raceday.archived_history is 'Partitions of the histories that were retired into schema archive';

create or replace view raceday.monitor_archive as
select
    p.parent_table,
    s.archive_payloads or s.archive_keep is not null as is_on,
    w.waiting,
    coalesce(greatest(extract(epoch from raceday.now() - w.due_at), 0), 0)::double precision as overdue_s,
    (select max(a.archived_at) from raceday.archived_partitions a where a.parent_table = p.parent_table) as last_archived_at
from partman.part_config p
cross join raceday.maintenance_settings s
cross join lateral (
    select count(*) as waiting, min(d.due_at) as due_at
    from (
        select d.partition, d.due_at
        from raceday.monitor_partitions_due d
        where d.parent_table = p.parent_table and s.archive_payloads and p.parent_table = 'raceday.staged_payloads'
        union all
        select h.partition, (h.first_day + 1 + s.archive_keep) at time zone 'UTC'
        from raceday.archived_history h
        where h.parent_table = p.parent_table and (h.first_day + 1 + s.archive_keep) at time zone 'UTC' < raceday.now()
    ) d
    where not exists (
        select from raceday.archived_partitions a where a.parent_table = p.parent_table and a.partition = d.partition)
) w
where p.parent_table like 'raceday.%';
comment on view raceday.monitor_archive is
    'Each partitioned table: partitions that are past their time but wait to be archived, how long the oldest has waited, and the last archived';

create or replace function raceday.is_retirement_hour() returns boolean
    language sql stable parallel safe
    return (
        select case when s.retire_from < s.retire_until
            then t.now_nz >= s.retire_from and t.now_nz < s.retire_until
            else t.now_nz >= s.retire_from or t.now_nz < s.retire_until end
        from raceday.maintenance_settings s
        cross join (select (raceday.now() at time zone 'Pacific/Auckland')::time as now_nz) t
    );
comment on function raceday.is_retirement_hour() is 'Whether it is the time of day at which partitions are archived and retired';

create or replace function raceday.raceday_archive_begin() returns void
    language sql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    update raceday.maintenance_settings set archive_payloads = true where not archive_payloads;
$$;
comment on function raceday.raceday_archive_begin() is
    'From now on, payloads are dropped only once they are archived. Fetchers with RACEDAY_ARCHIVE_DIR call it; only a person ends it';

create or replace function raceday.raceday_archive_due(p_force boolean default false)
    returns table (parent_table text, partition text, first_day date, last_day date, row_count bigint)
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_settings raceday.maintenance_settings;
    v_partition record;
    v_last_at timestamptz;
begin
    if not (p_force or raceday.is_retirement_hour()) then
        return;
    end if;
    select s.* into strict v_settings from raceday.maintenance_settings s;
    for v_partition in
        -- Through the parent, whose owner needs no right on its partitions.
        select q.parent_table, q.partition, 'fetched_at' as control, (q.from_at at time zone 'UTC')::date as first_day,
            format('%s where fetched_at >= %L and fetched_at < %L', q.parent_table, q.from_at, q.to_at) as rows
        from raceday.monitor_partitions q
        where q.parent_table = 'raceday.staged_payloads' and v_settings.archive_payloads and q.to_at <= raceday.now()
        union all
        select h.parent_table, h.partition, 'event_timestamp', h.first_day, h.relation::text
        from raceday.archived_history h
        where (h.first_day + 1 + v_settings.archive_keep) at time zone 'UTC' < raceday.now()
        order by first_day, parent_table
    loop
        execute format('select count(*), max(%I) from %s', v_partition.control, v_partition.rows) into row_count, v_last_at;
        continue when row_count = (
            select a.row_count from raceday.archived_partitions a
            where a.parent_table = v_partition.parent_table and a.partition = v_partition.partition);
        parent_table := v_partition.parent_table;
        partition := v_partition.partition;
        first_day := v_partition.first_day;
        last_day := coalesce((v_last_at at time zone 'UTC')::date, first_day);
        return next;
    end loop;
end
$$;
comment on function raceday.raceday_archive_due(boolean) is
    'Partitions whose rows are not all in the archive, at the hour for it or if forced: payloads of days that are over, and history past archive_keep';

create or replace function raceday.raceday_archive_page(
    p_from_at timestamptz, p_to_at timestamptz, p_race_id text, p_fetched_at timestamptz, p_payload_id bigint, p_limit int
)
    returns table (payload_id bigint, kind text, race_id text, fetched_at timestamptz, is_raw boolean, body bytea)
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
        select p.payload_id, p.kind, p.race_id, p.fetched_at, p.payload is null, coalesce(p.payload_raw, convert_to(p.payload, 'UTF8'))
        from raceday.staged_payloads p
        where p.fetched_at >= p_from_at and p.fetched_at < p_to_at
          and (p.race_id, p.fetched_at, p.payload_id) > (p_race_id, p_fetched_at, p_payload_id)
        order by p.race_id, p.fetched_at, p.payload_id
        limit p_limit;
end
$$;
comment on function raceday.raceday_archive_page(timestamptz, timestamptz, text, timestamptz, bigint, int) is
    'The next payloads of a time by race and time, after the one given; in short transactions, so that nothing waits for an archive';

create or replace function raceday.raceday_archived(
    p_parent_table text, p_partition text, p_row_count bigint, p_file text, p_file_bytes bigint, p_sha256 text, p_archived_by text
)
    returns void
    language sql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    insert into raceday.archived_partitions (parent_table, partition, row_count, file, file_bytes, sha256, archived_by)
    values (p_parent_table, p_partition, p_row_count, p_file, p_file_bytes, p_sha256, p_archived_by)
    on conflict (parent_table, partition) do update
    set row_count = excluded.row_count, file = excluded.file, file_bytes = excluded.file_bytes, sha256 = excluded.sha256,
        archived_by = excluded.archived_by, archived_at = clock_timestamp();
$$;
comment on function raceday.raceday_archived(text, text, bigint, text, bigint, text, text) is 'Notes that a partition''s rows are in a file';

create or replace function raceday.drop_archived_history(p_waits_for text)
    returns table (parent_table text, partition text, action text, status text, detail text)
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_due record;
    v_row_count bigint;
begin
    action := 'drop';
    for v_due in
        select h.parent_table, h.partition, h.relation, a.row_count
        from raceday.maintenance_settings s
        join raceday.archived_history h on (h.first_day + 1 + s.archive_keep) at time zone 'UTC' < raceday.now()
        left join raceday.archived_partitions a on a.parent_table = h.parent_table and a.partition = h.partition
        order by h.first_day, h.parent_table
    loop
        parent_table := v_due.parent_table;
        partition := v_due.partition;
        status := 'waiting';
        detail := coalesce(p_waits_for, case when v_due.row_count is null then 'until it is exported: RACEDAY_ARCHIVE_DIR' end);
        if detail is null then
            begin
                execute format('lock table %s in access exclusive mode', v_due.relation);
                execute format('select count(*) from %s', v_due.relation) into v_row_count;
                if v_row_count <> v_due.row_count then
                    detail := format('until it is exported again: it has %s rows, the file %s', v_row_count, v_due.row_count);
                else
                    execute format('drop table %s', v_due.relation);
                    status := 'dropped';
                end if;
            exception
                when lock_not_available or deadlock_detected then
                    status := 'deferred';
                    detail := sqlerrm;
                when others then
                    status := 'failed';
                    detail := sqlerrm;
            end;
        end if;
        return next;
    end loop;
end
$$;
comment on function raceday.drop_archived_history(text) is
    'Drops history that has been in schema archive for archive_keep, once it is exported, unless all waits for something; for raceday_maintain';

-- As for the functions of 70_maintenance.sql: the superuser owns what was retired.
alter function raceday.drop_archived_history(text) owner to current_user;

-- What was retired before retire_partition granted it.
grant usage on schema archive to raceday_owner, raceday_fetcher;
grant select on all tables in schema archive to raceday_owner, raceday_fetcher;
