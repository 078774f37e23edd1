-- Updates the extension to the version installed on the server, and documents its functions.

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
        -- The server was rolled back to an earlier version: the newer functions stay.
        raise warning 'pg_raceday_ext % is in this database, and the server''s version % cannot be reached from it', v_installed, v_available
            using hint = 'Run the server with the newer version of the library: an older fetcher works with it.';
    end if;
end
$$;

comment on function raceday.raceday_ingest(text, text, timestamptz, text, bytea) is
    'Stages a payload (kind event or meetings; as text, or as bytes if it is not valid text) and processes everything pending for its race; a payload already staged is not staged again';
comment on function raceday.raceday_stage(text, text, timestamptz, text, bytea) is 'Stages a payload for a later raceday_process; returns false if it is already staged';
comment on function raceday.raceday_process(text) is 'Processes all pending payloads of a race, or of a meetings list (meetings:YYYY-MM-DD), and returns one row that summarises the call';
comment on function raceday.raceday_process_pending(int) is 'Runs raceday_process for up to this many races, longest waiting first; skips races that another call is processing';
comment on function raceday.raceday_rebuild(text) is 'Recomputes a race''s derived rows from its staged payloads; readers see the old rows until it commits';
comment on function raceday.raceday_rebuild_day(date) is 'Runs raceday_rebuild for every race of a New Zealand day, with one NOTICE per race';
comment on function raceday.raceday_replay(text) is 'The money-flow rows that a race''s staged payloads yield, without writing them: what the table should hold';
comment on function raceday.raceday_replay_signals(text) is 'The signals that a race''s staged payloads yield, without writing them: what the table should hold';
comment on function raceday.raceday_replay_state(text, timestamptz) is 'A race as it stood at a moment by its staged payloads: the rows of races, race_pools and entrants as JSON; none if it was not polled by then or its first payloads are no longer staged';
comment on function raceday.raceday_watch(text) is 'Where every runner of a race stands now: the evidence that it is being backed, how rare that is, and what it received in the watch';
comment on function raceday.raceday_calibrate(timestamptz, timestamptz) is
    'Derives a calibration from the races that are Final and started within a span, and puts it in force unless the version in force says the same';
comment on function raceday.raceday_collect_flows(timestamptz, timestamptz, int) is
    'Collects the flows of up to this many races for raceday_calibrate, and returns of how many: one of its steps, as short as wanted';
comment on function raceday.raceday_transform(text, timestamptz) is 'The money-flow rows that a race''s first payload would yield, without writing them; amounts in cents';
comment on function raceday.raceday_time_interval(int) is 'The bucket for a number of seconds before the start: 60, 55, ..., 5, 4, 3, 2, 1, 0, then -1, -2, ...';
comment on function raceday.raceday_entrants_json(text, text[], text[], timestamptz, timestamptz) is 'For api.client_entrants: the given runners, each with the history of its odds and money';
comment on function raceday.raceday_timeline_page(text, text[], timestamptz, timestamptz, bigint, timestamptz, int) is 'For api.client_money_flow_timeline: one page of a race''s money flow as documents';
