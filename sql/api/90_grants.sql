-- web_anon reads the views and calls the functions of schema api; nothing else, and no more than is there now.

do $$
declare
    v_object record;
begin
    for v_object in
        select c.oid::regclass as name
        from pg_catalog.pg_class c
        where c.relnamespace = 'api'::regnamespace and c.relkind = 'v'
    loop
        execute format('alter view %s owner to raceday_owner', v_object.name);
        execute format('revoke all on %s from public, web_anon', v_object.name);
        execute format('grant select on %s to web_anon', v_object.name);
    end loop;

    for v_object in
        select p.oid::regprocedure as name
        from pg_catalog.pg_proc p
        where p.pronamespace = 'api'::regnamespace
    loop
        execute format('alter function %s owner to raceday_owner', v_object.name);
        execute format('revoke all on function %s from public', v_object.name);
        execute format('grant execute on function %s to web_anon', v_object.name);
    end loop;

    -- What they are made of is nobody's to call but their owner's.
    for v_object in
        select p.oid::regprocedure as name
        from pg_catalog.pg_proc p
        where p.pronamespace = 'raceday'::regnamespace
          and p.proname in (
              'request_header', 'decode_url_text', 'path_id', 'query_values', 'query_value', 'bounded_int', 'utc_text', 'parse_instant',
              'refuse', 'set_cache_headers', 'cacheable', 'version_answer', 'race_version', 'meeting_body', 'race_body', 'nav_body',
              'entrant_body', 'cents', 'timeline_entrant_ids', 'timeline_pool_type',
              'timeline_refusal', 'timeline_coverage', 'live_races_polled', 'default_alerts', 'valid_user_id',
              'make_missing_alerts', 'alerts_body', 'body_value', 'read_indicator', 'number_within', 'indicator_problems',
              'alerts_problems', 'store_alerts', 'parse_body')
    loop
        execute format('alter function %s owner to raceday_owner', v_object.name);
        execute format('revoke all on function %s from public', v_object.name);
    end loop;
end
$$;

grant usage on schema api to web_anon;
