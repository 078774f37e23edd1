-- Who owns Raceday's views and functions, and who may use them. The tables' owners and rights are set by the migrations.
--
-- Everything is owned by raceday_owner, which nobody logs in as: a SECURITY DEFINER function may write tables that its callers may not
-- touch, without being a superuser. A dump does not record the owner of an extension's functions, and an update may add functions:
-- therefore every `migrate` sets all of it again, and each role ends up with exactly the rights below.

do $$
declare
    v_object record;
begin
    for v_object in
        select c.oid::regclass as name, c.relowner <> 'raceday_owner'::regrole as is_foreign
        from pg_catalog.pg_class c
        where c.relnamespace in ('raceday'::regnamespace, 'api'::regnamespace, 'analysis'::regnamespace) and c.relkind = 'v'
          and not exists (
              select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    loop
        if v_object.is_foreign then
            execute format('alter view %s owner to raceday_owner', v_object.name);
        end if;
        execute format('revoke all on %s from public, web_anon, raceday_fetcher, raceday_monitor, raceday_analyst, raceday_importer, raceday_live', v_object.name);
    end loop;

    for v_object in
        select p.oid::regprocedure as name, p.proowner <> 'raceday_owner'::regrole as is_foreign
        from pg_catalog.pg_proc p
        left join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
        left join pg_catalog.pg_extension e on e.oid = d.refobjid
        where p.pronamespace in ('raceday'::regnamespace, 'api'::regnamespace)
          and (d.objid is null or e.extname = 'pg_raceday_ext')
          -- What only a superuser may do: read three fixed files of the server, and maintain pg_partman's partitions.
          and p.oid not in ('raceday.monitor_memory()'::regprocedure, 'raceday.raceday_maintain(boolean)'::regprocedure,
              'raceday.create_missing_partitions()'::regprocedure, 'raceday.retire_due_partition(text)'::regprocedure,
              'raceday.create_partition(text, timestamptz, timestamptz)'::regprocedure,
              'raceday.calibrate_nightly(timestamptz)'::regprocedure, 'raceday.drop_archived_history(text)'::regprocedure,
              'raceday.retire_partition(text, text)'::regprocedure, 'raceday.import_partition(timestamptz, boolean)'::regprocedure)
    loop
        if v_object.is_foreign then
            execute format('alter function %s owner to raceday_owner', v_object.name);
        end if;
        execute format('revoke all on function %s from public, web_anon, raceday_fetcher, raceday_monitor, raceday_analyst, raceday_importer, raceday_live', v_object.name);
    end loop;

    for v_object in
        select t.oid::regtype as name from pg_catalog.pg_type t
        where t.typnamespace = 'api'::regnamespace and t.typtype = 'd' and t.typowner <> 'raceday_owner'::regrole
    loop
        execute format('alter domain %s owner to raceday_owner', v_object.name);
    end loop;
end
$$;
revoke all on function
    raceday.monitor_memory(), raceday.raceday_maintain(boolean), raceday.create_missing_partitions(), raceday.retire_due_partition(text),
    raceday.create_partition(text, timestamptz, timestamptz), raceday.retire_partition(text, text),
    raceday.calibrate_nightly(timestamptz), raceday.drop_archived_history(text), raceday.import_partition(timestamptz, boolean)
    from public, web_anon, raceday_fetcher, raceday_monitor, raceday_analyst, raceday_importer, raceday_live;

-- The views raceday.monitor_* show pg_partman's settings.
grant usage on schema partman to raceday_owner;
grant select on partman.part_config to raceday_owner;

-- REST: reads the views and calls the functions of schema api, and nothing else. Only their owner may call the helper functions, except
-- the one that a view calls as its reader.
grant usage on schema api to web_anon;
do $$
declare
    v_object record;
begin
    for v_object in
        select c.oid::regclass as name from pg_catalog.pg_class c where c.relnamespace = 'api'::regnamespace and c.relkind = 'v'
    loop
        execute format('grant select on %s to web_anon', v_object.name);
    end loop;
end
$$;
grant execute on all functions in schema api to web_anon;
grant execute on function raceday.movers() to web_anon;

-- The fetcher: stages, claims and processes. The extension's other functions are for DBAs.
grant execute on function
    raceday.now(), raceday.clock_rate(), raceday.clock_is_simulated(),
    raceday.raceday_ingest(text, text, timestamptz, text, bytea), raceday.raceday_stage(text, text, timestamptz, text, bytea),
    raceday.raceday_process(text), raceday.raceday_process_pending(int),
    raceday.raceday_claim_races(text, int), raceday.raceday_poll_done(text, text), raceday.raceday_poll_done(text, text, boolean),
    raceday.raceday_poll_done(text, text, boolean, jsonb),
    raceday.raceday_release_leases(text), raceday.raceday_report_missing(), raceday.raceday_report_refusal(text, text),
    raceday.raceday_next_due(), raceday.raceday_poll_plan(interval), raceday.raceday_polls_noted(text, text[], timestamptz[]),
    raceday.raceday_claim_meetings(text), raceday.raceday_meetings_done(date, text, boolean), raceday.raceday_poll_scope(),
    raceday.raceday_status(), raceday.raceday_oldest_live_payload_age_s(), raceday.raceday_maintain(boolean),
    raceday.raceday_archive_begin(), raceday.raceday_archive_due(boolean),
    raceday.raceday_archive_page(timestamptz, timestamptz, text, timestamptz, bigint, int),
    raceday.raceday_archived(text, text, bigint, text, bigint, text, text)
    to raceday_fetcher;

-- The hub hears which races change (LISTEN needs no right) and reads them, and sends signals to a webhook, through these
-- functions and nothing else.
grant execute on function raceday.live_progress(text[]), raceday.live_delta(text, bigint, timestamptz), raceday.live_overview(),
    raceday.raceday_webhook_collect(int, text[], interval), raceday.raceday_webhook_claim(int, interval),
    raceday.raceday_webhook_done(text, int, text, text, interval)
    to raceday_live;

-- Analysts read the views of schema analysis and nothing else. The fetcher exports what is old through them.
grant usage on schema analysis to raceday_analyst, raceday_fetcher;
grant select on all tables in schema analysis to raceday_analyst, raceday_fetcher;

-- An import: its functions, which call one that only a superuser may own.
grant usage on schema raceday to raceday_importer;
grant execute on function
    raceday.raceday_import_documents(text, jsonb, text[], boolean), raceday.raceday_imported_races(),
    raceday.raceday_import_begin(text), raceday.raceday_import_note(text, text, text, text, jsonb)
    to raceday_importer;
grant execute on function raceday.import_partition(timestamptz, boolean) to raceday_owner;

-- Monitoring. A view reads tables as its owner but calls functions as its reader, so the reader also needs what those functions read.
grant usage on schema raceday to raceday_monitor;
grant select on
    raceday.monitor_partitions, raceday.monitor_partition_gaps, raceday.monitor_partitions_due, raceday.monitor_maintenance,
    raceday.monitor_payloads, raceday.monitor_races, raceday.monitor_live_races, raceday.monitor_near_races,
    raceday.monitor_lists, raceday.monitor_sessions, raceday.monitor_archive, raceday.monitor_webhooks,
    raceday.monitor_replication
    to raceday_monitor;
grant select on raceday.poll_cadence to raceday_monitor;
grant execute on function
    raceday.monitor_memory(), raceday.standby_lag_s(), raceday.now(), raceday.next_poll(timestamptz, timestamptz, timestamptz), raceday.live_lead(),
    raceday.is_live(timestamptz, timestamptz), raceday.after_close_s(timestamptz, timestamptz),
    raceday.around(double precision, double precision),
    raceday.poll_before_start(timestamptz, double precision, double precision, double precision),
    raceday.aligned_slot(timestamptz, timestamptz, int, timestamptz, double precision, double precision, double precision)
    to raceday_monitor;
