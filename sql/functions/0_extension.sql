-- The extension, brought to the version that is installed on the server, its functions' owner, and what each of them does.
--
-- They write tables that their callers may not touch, as the tables' owner and not as the superuser who made the extension. A dump does not
-- keep the owner of an extension's functions, and an update may bring new ones: so this is said again by every `migrate`.

do $$
declare
    v_installed text := (select extversion from pg_catalog.pg_extension where extname = 'pg_raceday_ext');
    v_available text := (select default_version from pg_catalog.pg_available_extensions where name = 'pg_raceday_ext');
begin
    if exists (
        select from pg_catalog.pg_extension_update_paths('pg_raceday_ext')
        where source = v_installed and target = v_available and path is not null
    ) then
        alter extension pg_raceday_ext update;
    elsif v_installed <> v_available then
        -- A server that went back to a former version: the newer functions stay.
        raise warning 'pg_raceday_ext % is in this database, and % on the server has no way from it', v_installed, v_available
            using hint = 'Run the server with the library of the newer version: a former fetcher works with that.';
    end if;
end
$$;

do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid::regprocedure
        from pg_catalog.pg_depend d
        join pg_catalog.pg_extension e on e.oid = d.refobjid
        join pg_catalog.pg_proc p on p.oid = d.objid
        where e.extname = 'pg_raceday_ext'
          and d.classid = 'pg_catalog.pg_proc'::regclass
          and d.refclassid = 'pg_catalog.pg_extension'::regclass
          and d.deptype = 'e'
          and p.proowner <> 'raceday_owner'::regrole
    loop
        execute format('alter function %s owner to raceday_owner', v_function);
        execute format('revoke all on function %s from public', v_function);
    end loop;
end
$$;

comment on function raceday.raceday_ingest(text, text, timestamptz, text, bytea) is
    'Stages a payload (event or meetings; as text, or as bytes when it is none) and handles all pending ones of its race; one that is staged already is not staged again';
comment on function raceday.raceday_stage(text, text, timestamptz, text, bytea) is 'Stages a payload for a later raceday_process; true unless it was staged already';
comment on function raceday.raceday_process(text) is 'Handles all pending payloads of a race, or of a day''s list (meetings:YYYY-MM-DD), and says what it did';
comment on function raceday.raceday_process_pending(int) is 'raceday_process for up to so many races, the longest waiting first; races that another call is at are left out';
comment on function raceday.raceday_rebuild(text) is 'Recomputes a race''s derived rows from its staged payloads; readers see the old rows until it commits';
comment on function raceday.raceday_rebuild_day(date) is 'raceday_rebuild for every race of a New Zealand day, with a NOTICE a race';
comment on function raceday.raceday_replay(text) is 'The money-flow rows that a race''s staged payloads give, written nowhere: what the table should hold';
comment on function raceday.raceday_transform(text, timestamptz) is 'The money-flow rows that a race''s first payload would give, written nowhere; amounts in cents';
comment on function raceday.raceday_time_interval(int) is 'The bucket of so many seconds before the start: 60, 55, ..., 5, 4, 3, 2, 1, 0, then -1, -2, ...';
comment on function raceday.raceday_entrants_json(text, text[], text[], timestamptz, timestamptz) is 'For api.client_entrants: the runners given, each with the history of its odds and money';
comment on function raceday.raceday_timeline_page(text, text[], timestamptz, timestamptz, bigint, timestamptz, int) is 'For api.client_money_flow_timeline: a page of a race''s money flow as documents';
