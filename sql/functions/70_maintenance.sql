-- raceday_maintain() creates and retires partitions and calibrates the signals. Fetchers call it every minute, runbooks and people whenever they like.
--
-- No step makes a reader or a writer wait: each waits for its lock for at most maintenance_settings.lock_wait, in a subtransaction, and
-- is deferred to the next call if it does not get it. See docs/decisions/partition-worker.md.
--
-- All functions of this file stay owned by the superuser, who owns the partitions, pg_partman's settings and schema archive.

-- pg_partman computes the boundaries of days in the session's time zone, and waits for locks without a limit. Whoever calls it directly
-- gets both right too.
do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid from pg_catalog.pg_proc p
        where p.pronamespace = 'partman'::regnamespace and p.prokind = 'f'
          and p.proname in ('run_maintenance', 'create_partition_time', 'drop_partition_time', 'partition_gap_fill')
    loop
        execute format('alter function %s set timezone = ''UTC''', v_function);
        execute format('alter function %s set lock_timeout = ''100ms''', v_function);
    end loop;
end
$$;

create or replace function raceday.create_partition(p_parent_table text, p_from_at timestamptz, p_to_at timestamptz) returns text
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
as $$
declare
    v_config partman.part_config;
begin
    -- Readers and writers are compatible with this lock. Taken first, it fails with a lock's error, which pg_partman would replace.
    execute format('lock table only %s in share update exclusive mode', p_parent_table::regclass);
    select c.* into strict v_config from partman.part_config c where c.parent_table = p_parent_table;
    if p_to_at - p_from_at = v_config.partition_interval::interval and partman.create_partition_time(p_parent_table, array[p_from_at]) then
        null;
    else
        -- Part of a day, or the day's name is taken. pg_partman creates the rest of the day with another interval and a longer name.
        update partman.part_config c
        set partition_interval = extract(epoch from p_to_at - p_from_at) || ' seconds', datetime_string = 'YYYYMMDD_HH24MISS'
        where c.parent_table = p_parent_table;
        if not partman.create_partition_time(p_parent_table, array[p_from_at]) then
            raise exception 'a table with the name of the partition of % from % already exists', p_parent_table, p_from_at;
        end if;
        update partman.part_config c
        set partition_interval = v_config.partition_interval, datetime_string = v_config.datetime_string
        where c.parent_table = p_parent_table;
    end if;
    return (select q.partition from raceday.monitor_partitions q where q.parent_table = p_parent_table and q.from_at = p_from_at);
end
$$;
comment on function raceday.create_partition(text, timestamptz, timestamptz) is 'Creates the partition for a range that has none, at most a day; returns its name';

create or replace function raceday.is_archived_first(p_parent_table text) returns boolean
    language sql stable parallel safe
    return p_parent_table = 'raceday.staged_payloads' and (select s.archive_payloads from raceday.maintenance_settings s);
comment on function raceday.is_archived_first(text) is 'Whether a partition of a table must be archived before it is retired';

create or replace function raceday.retire_partition(p_parent_table text, p_partition text) returns void
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
as $$
declare
    v_partition text := format('%I.%I', split_part(p_parent_table, '.', 1), p_partition);
    v_from_at timestamptz;
    v_archived bigint;
    v_row_count bigint;
begin
    execute format('lock table only %s in access exclusive mode', p_parent_table::regclass);
    execute format('lock table %s in access exclusive mode', v_partition::regclass);
    if raceday.is_archived_first(p_parent_table) then
        -- Payloads that came late may have been staged after the others were archived. Bodies are stored apart, so counting is quick.
        execute format('select count(*) from %s', v_partition) into v_row_count;
        select a.row_count into v_archived from raceday.archived_partitions a
        where a.parent_table = p_parent_table and a.partition = p_partition;
        if v_row_count is distinct from v_archived then
            raise exception '% has % rows, its archive %: it is archived again first', v_partition, v_row_count, v_archived;
        end if;
    end if;
    select q.from_at into strict v_from_at from raceday.monitor_partitions q
    where q.parent_table = p_parent_table and q.partition = p_partition;
    -- For pg_partman, exactly the oldest partition is past its retention at this moment.
    if partman.drop_partition_time(p_parent_table, p_retention := interval '0',
        p_reference_timestamp := v_from_at + interval '24 hours 1 second') <> 1
    then
        raise exception 'pg_partman did not retire %', v_partition;
    end if;
    if to_regclass(format('archive.%I', p_partition)) is not null then
        -- For raceday_archive_due, which counts its rows, and for the export.
        execute format('grant select on archive.%I to raceday_owner, raceday_fetcher', p_partition);
    end if;
end
$$;
comment on function raceday.retire_partition(text, text) is 'Archives or drops the oldest partition of a table, as partman.part_config says';

create or replace function raceday.create_missing_partitions()
    returns table (parent_table text, partition text, action text, status text, detail text)
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_gap record;
    v_blocked text[] := '{}';
begin
    action := 'create';
    for v_gap in select g.parent_table, g.from_at, g.to_at from raceday.monitor_partition_gaps g order by g.from_at, g.parent_table loop
        -- A table that is locked now is also locked for its next day.
        continue when v_gap.parent_table = any (v_blocked);
        parent_table := v_gap.parent_table;
        partition := null;
        detail := format('%s to %s', raceday.utc_text(v_gap.from_at), raceday.utc_text(v_gap.to_at));
        begin
            partition := raceday.create_partition(v_gap.parent_table, v_gap.from_at, v_gap.to_at);
            status := 'created';
        exception
            when lock_not_available or deadlock_detected then
                status := 'deferred';
                detail := detail || ': ' || sqlerrm;
                v_blocked := v_blocked || v_gap.parent_table;
            when others then
                status := 'failed';
                detail := detail || ': ' || sqlerrm;
        end;
        return next;
    end loop;
end
$$;
comment on function raceday.create_missing_partitions() is 'Creates what raceday.monitor_partition_gaps lists; for raceday_maintain';

create or replace function raceday.retire_due_partition(p_waits_for text)
    returns table (parent_table text, partition text, action text, status text, detail text)
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_due record;
begin
    action := 'retire';
    for v_due in
        select d.parent_table, d.partition, row_number() over (partition by d.parent_table order by d.from_at) as place
        from raceday.monitor_partitions_due d
        order by place, d.due_at, d.parent_table
    loop
        parent_table := v_due.parent_table;
        partition := v_due.partition;
        status := 'waiting';
        detail := coalesce(p_waits_for, case
            when v_due.place > 1 then 'for an older partition of the table'
            when raceday.is_archived_first(v_due.parent_table) and not exists (
                select from raceday.archived_partitions a
                where a.parent_table = v_due.parent_table and a.partition = v_due.partition)
            then 'until it is archived: RACEDAY_ARCHIVE_DIR' end);
        if detail is null then
            begin
                perform raceday.retire_partition(v_due.parent_table, v_due.partition);
                status := 'retired';
                -- Its table stays locked until the caller's transaction ends, so the next one is for the next call.
                p_waits_for := 'for the next call: each call retires one partition';
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
comment on function raceday.retire_due_partition(text) is
    'Retires the first partition of raceday.monitor_partitions_due whose lock it gets, unless all wait for something; for raceday_maintain';

create or replace function raceday.calibrate_nightly(p_begun_at timestamptz)
    returns table (parent_table text, partition text, action text, status text, detail text)
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
    set client_min_messages = warning
as $$
#variable_conflict use_column
declare
    -- A call is over within seconds, so collecting the races of the span is spread over calls.
    c_races_per_call constant int := 250;
    v_to timestamptz := raceday.now();
    v_from timestamptz;
    v_calibrated record;
begin
    select v_to - s.calibration_span into v_from from raceday.signal_settings s
    where s.calibrated_at is null or s.calibrated_at < p_begun_at;
    if not found then
        return;
    end if;
    action := 'calibrate';
    begin
        if raceday.raceday_collect_flows(v_from, v_to, c_races_per_call) = c_races_per_call then
            status := 'waiting';
            detail := 'for the next call: each call collects the flows of a few races';
            return next;
            return;
        end if;
        select c.* into strict v_calibrated from raceday.raceday_calibrate(v_from, v_to) c;
        if v_calibrated.is_new then
            status := 'calibrated';
            detail := format('version %s from %s races', v_calibrated.version, v_calibrated.races);
            return next;
        end if;
    exception
        when lock_not_available or deadlock_detected then
            status := 'deferred';
            detail := sqlerrm;
            return next;
            return;
        when others then
            -- Once per night: what failed now fails again in a minute.
            status := 'failed';
            detail := sqlerrm;
            return next;
    end;
    update raceday.signal_settings s set calibrated_at = v_to;
end
$$;
comment on function raceday.calibrate_nightly(timestamptz) is
    'A step of the calibration of the night that began then, unless it is done; for raceday_maintain';

create or replace function raceday.raceday_maintain(p_force boolean default false)
    returns table (parent_table text, partition text, action text, status text, detail text)
    language plpgsql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
    set lock_timeout = '100ms'
as $$
#variable_conflict use_column
declare
    v_settings raceday.maintenance_settings;
    v_now timestamp := raceday.now() at time zone 'Pacific/Auckland';
    v_is_hour boolean := raceday.is_retirement_hour();
    v_waits_for text;
    v_is_locked boolean := false;
    v_step record;
begin
    if not pg_try_advisory_xact_lock(hashtext('raceday_maintain')) then
        return query select null::text, null::text, 'maintain'::text, 'waiting'::text, 'for another session that maintains the partitions'::text;
        return;
    end if;
    select s.* into strict v_settings from raceday.maintenance_settings s;
    perform set_config('lock_timeout', ceil(extract(epoch from v_settings.lock_wait) * 1000) || 'ms', true);

    for v_step in select c.* from raceday.create_missing_partitions() c loop
        v_is_locked := v_is_locked or v_step.status = 'created';
        return query select v_step.parent_table, v_step.partition, v_step.action, v_step.status, v_step.detail;
    end loop;
    update partman.part_config c set maintenance_last_run = clock_timestamp()
    where c.parent_table like 'raceday.%'
      and not exists (select from raceday.monitor_partition_gaps g where g.parent_table = c.parent_table);

    if not (v_is_hour or p_force) then
        v_waits_for := format('until %s New Zealand time', to_char(v_settings.retire_from, 'HH24:MI'));
    end if;
    for v_step in
        select r.* from raceday.retire_due_partition(v_waits_for) r
        union all
        select d.* from raceday.drop_archived_history(v_waits_for) d
    loop
        v_is_locked := v_is_locked or v_step.status in ('retired', 'dropped');
        return query select v_step.parent_table, v_step.partition, v_step.action, v_step.status, v_step.detail;
    end loop;

    -- A table whose partition was created or retired stays locked until this call ends: it must not last.
    if v_is_hour and not v_is_locked then
        return query select n.* from raceday.calibrate_nightly(
            (v_now::date + v_settings.retire_from - case when v_now::time < v_settings.retire_from then interval '1 day' else interval '0' end)
                at time zone 'Pacific/Auckland') n;
    end if;
end
$$;
comment on function raceday.raceday_maintain(boolean) is
    'Creates missing partitions, retires at most one that is due, at the hour for it or if forced, and calibrates the signals once per night; never waits long for a lock. Call it again while a row is deferred or waiting';

-- Again with every `migrate`: going back to 0.2.0 gives these functions to raceday_owner, and the tables to pg_partman's worker
-- (docs/runbooks/deploy.md).
do $$
declare
    v_function regprocedure;
begin
    foreach v_function in array array[
        'raceday.create_partition(text, timestamptz, timestamptz)', 'raceday.retire_partition(text, text)',
        'raceday.create_missing_partitions()', 'raceday.retire_due_partition(text)', 'raceday.calibrate_nightly(timestamptz)',
        'raceday.raceday_maintain(boolean)']::regprocedure[]
    loop
        execute format('alter function %s owner to current_user', v_function);
    end loop;
    -- The worker retires at any hour and waits for its lock without a limit. It skips tables with 'off'.
    update partman.part_config set automatic_maintenance = 'off'
    where parent_table like 'raceday.%' and automatic_maintenance <> 'off';
end
$$;
