-- The schema that sql/migrations, sql/functions, sql/api and sql/appwrite create, as pg_dump writes it. For reading, not for restoring:
-- owners, the daily partitions and the extension's functions are left out.
-- Generated. After a change of the SQL: UPDATE_SCHEMA=1 cargo test --package raceday-tests the_committed_schema

CREATE SCHEMA analysis;

COMMENT ON SCHEMA analysis IS 'Documented views for analysts and exports: docs/analysis.md';

CREATE SCHEMA api;

COMMENT ON SCHEMA api IS 'Everything served over REST: views and functions, no tables';

CREATE SCHEMA raceday;

COMMENT ON SCHEMA raceday IS 'Raceday''s data and functions';

CREATE DOMAIN api."application/json" AS text;

COMMENT ON DOMAIN api."application/json" IS 'The body of a large response, sent as it is';

CREATE FUNCTION api.appwrite_key() RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if raceday.appwrite_key_role(
            raceday.request_header('x-appwrite-project'), raceday.request_header('x-appwrite-key')) is null then
        perform set_config('response.status', '401', true);
    end if;
    return 'null';
end
$$;

COMMENT ON FUNCTION api.appwrite_key() IS 'Whether the request has a valid key, 200 or 401: nginx asks it once a minute per key';

CREATE FUNCTION api.appwrite_read() RETURNS api."application/json"
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_request record := raceday.appwrite_open(false);
    v_queries jsonb := raceday.appwrite_valid_queries(v_request.collection, raceday.request_header('x-raceday-query'));
begin
    if v_request.document is null then
        return raceday.appwrite_list(v_request.collection, v_queries);
    end if;
    return raceday.appwrite_get(v_request.collection, v_request.document, v_queries);
end
$$;

COMMENT ON FUNCTION api.appwrite_read() IS 'GET of documents in Appwrite''s protocol; the path, the query and the key are request headers that nginx sets';

CREATE FUNCTION api.appwrite_write(text) RETURNS json
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_request record := raceday.appwrite_open(true);
    v_method text := raceday.request_header('x-raceday-method');
    v_body jsonb := raceday.parse_body($1);
    v_document text := v_request.document;
begin
    if (v_method = 'POST' and v_document is null or v_method = 'PATCH' and v_document is not null) is not true then
        perform raceday.appwrite_raise(404, 'general_route_not_found', 'Route not found');
    elsif jsonb_typeof(v_body) is distinct from 'object' then
        perform raceday.appwrite_raise(400, 'document_invalid_structure', 'Invalid document structure: the body must be a JSON object');
    end if;
    begin
        if v_method = 'POST' then
            v_document := raceday.appwrite_create_alert(v_body);
        else
            perform raceday.appwrite_update_alert(v_document, v_body);
        end if;
    exception
        -- Its id is taken, or the user already has an alert in this place: of parallel calls, one succeeds.
        when unique_violation then
            perform raceday.appwrite_raise(409, 'document_already_exists', 'Document with the requested ID already exists');
    end;
    if v_method = 'POST' then
        perform set_config('response.status', '201', true);
    end if;
    return raceday.appwrite_get('user-alert-configs', v_document, '[]');
end
$_$;

COMMENT ON FUNCTION api.appwrite_write(text) IS 'POST and PATCH of alerts in Appwrite''s protocol; the method, the path and the key are request headers that nginx sets';

CREATE FUNCTION api.client_alert_configs(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_user_id text := coalesce(raceday.request_parameter(p_query, 'userId', 'user_id'), 'Default User');
begin
    if not raceday.valid_user_id(v_user_id) then
        return raceday.error_response(400, 'userId must be text of at most 200 characters');
    end if;
    if (select count(*) from raceday.user_alert_configs c where c.user_id = v_user_id) < 6 then
        perform raceday.create_missing_alerts(v_user_id);
    end if;
    return raceday.alerts_body(v_user_id);
end
$$;

COMMENT ON FUNCTION api.client_alert_configs(p_query text) IS 'GET /api/user-alert-configs: the alerts of a user; missing ones are created with their defaults';

CREATE FUNCTION api.client_entrants(p_query text DEFAULT NULL::text) RETURNS api."application/json"
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_race_id text := raceday.request_parameter(p_query, 'raceId', 'race_id');
    v_entrant_ids text[];
    v_bodies text[];
    v_first timestamptz;
    v_last timestamptz;
begin
    select array_agg(e.entrant_id), array_agg(raceday.entrant_body(e)::text) into v_entrant_ids, v_bodies
    from (select * from raceday.entrants where race_id = v_race_id order by runner_number, entrant_id) e;
    if v_entrant_ids is null then
        return '[]';
    end if;
    select p.first_event_timestamp, p.last_event_timestamp into v_first, v_last
    from raceday.race_progress p where p.race_id = v_race_id;
    return raceday.raceday_entrants_json(v_race_id, v_entrant_ids, v_bodies, v_first, v_last);
end
$$;

COMMENT ON FUNCTION api.client_entrants(p_query text) IS 'GET /api/entrants: the runners of a race with the history of their odds and money';

CREATE FUNCTION api.client_entrants_version(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_query text := raceday.request_query(p_query);
    v_race_id text := raceday.query_value(v_query, 'raceId', 'race_id');
begin
    return raceday.version_response(
        v_query, case when v_race_id is null then json_build_object('error', 'raceId is required') end,
        raceday.race_version(v_race_id));
end
$$;

COMMENT ON FUNCTION api.client_entrants_version(p_query text) IS 'The version of what client_entrants returns: nginx asks for it before the body';

CREATE FUNCTION api.client_health(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_reason text;
begin
    -- Of a fetcher that still runs. Its reports are by the real clock.
    select r.reason into v_reason
    from raceday.source_refusals r
    where r.reported_at > clock_timestamp() - interval '30 seconds'
    order by r.reported_at desc
    limit 1;
    if v_reason is null and not raceday.live_races_polled() then
        v_reason := 'a live race has had no payload for 60 seconds';
    end if;
    return json_strip_nulls(json_build_object(
        'status', 'healthy',
        'timestamp', raceday.utc_text(raceday.now()),
        'database', 'connected',
        'workers', case when v_reason is null then 'operational' else 'degraded' end,
        'reason', v_reason,
        -- Of a standby only.
        'standby_lag_seconds', round(raceday.standby_lag_s()::numeric, 1)
    ));
end
$$;

COMMENT ON FUNCTION api.client_health(p_query text) IS 'GET /health: whether the database responds and live races are polled, and if not, why';

CREATE FUNCTION api.client_meeting(p_id text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_id text := coalesce(p_id, raceday.path_id());
begin
    return raceday.row_or_404((
        select raceday.meeting_body(m, r.track_condition, r.weather)
        from raceday.meetings m
        left join lateral raceday.race_conditions(m.meeting_id) r on m.track_condition is null or m.weather is null
        where m.meeting_id = v_id), 'Meeting');
end
$$;

COMMENT ON FUNCTION api.client_meeting(p_id text) IS 'GET /api/meetings/:id: one meeting';

CREATE FUNCTION api.client_meetings(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_query text := raceday.request_query(p_query);
    v_date text := raceday.query_value(v_query, 'date');
    v_race_type text := lower(raceday.query_value(v_query, 'raceType', 'race_type'));
    v_body json;
begin
    if v_race_type not in ('thoroughbred', 'harness') then
        return raceday.error_response(400, 'raceType must be thoroughbred or harness');
    end if;
    if v_date is null then
        select json_agg(raceday.meeting_body(m, r.track_condition, r.weather) order by m.date, m.meeting_name, m.meeting_id) into v_body
        from raceday.meetings m
        left join lateral raceday.race_conditions(m.meeting_id) r on m.track_condition is null or m.weather is null
        where v_race_type is null or m.race_type = v_race_type;
    elsif v_date ~ '^\d{4}-\d\d-\d\d$' and pg_input_is_valid(v_date, 'date') then
        select json_agg(raceday.meeting_body(m, r.track_condition, r.weather) order by m.date, m.meeting_name, m.meeting_id) into v_body
        from raceday.meetings m
        left join lateral raceday.race_conditions(m.meeting_id) r on m.track_condition is null or m.weather is null
        where m.date = v_date::date and (v_race_type is null or m.race_type = v_race_type);
    else
        return raceday.error_response(400, 'date must be a day as YYYY-MM-DD');
    end if;
    return raceday.cacheable_response(coalesce(v_body, '[]'));
end
$_$;

COMMENT ON FUNCTION api.client_meetings(p_query text) IS 'GET /api/meetings: meetings, filtered by date and raceType';

CREATE FUNCTION api.client_money_flow_timeline(p_query text DEFAULT NULL::text) RETURNS api."application/json"
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_query text := raceday.request_query(p_query);
    v_race_id text := raceday.query_value(v_query, 'raceId', 'race_id');
    v_entrant_ids text[] := raceday.timeline_entrant_ids(v_query);
    v_limit int := raceday.bounded_int(raceday.query_value(v_query, 'limit'), 2000, 1, 2000);
    v_after_id bigint := raceday.timeline_cursor(v_query);
    v_created_after timestamptz := raceday.parse_instant(raceday.query_value(v_query, 'createdAfter', 'created_after'));
    -- Clients send created_at back in whole milliseconds, so it is compared in whole milliseconds.
    v_created_from timestamptz := coalesce(v_created_after + interval '1 millisecond', '-infinity');
    v_page record;
begin
    select page.* into v_page
    from raceday.race_progress p
    cross join raceday.raceday_timeline_page(
        v_race_id, v_entrant_ids, p.first_event_timestamp, p.last_event_timestamp, v_after_id, v_created_from, v_limit) page
    where p.race_id = v_race_id;
    return '{"documents":' || coalesce(v_page.documents, '[]')
        || case when v_page.documents is null then ',"message":"No timeline data available"' else '' end
        || ',' || ltrim(json_build_object(
        'success', true,
        'total', coalesce(cardinality(v_page.covered_ids), 0),
        'race_id', v_race_id,
        'entrant_ids', v_entrant_ids,
        'pool_type', lower(raceday.timeline_pool_type(v_query)),
        'bucketed_data', v_page.next_cursor is not null,
        'interval_coverage', raceday.timeline_coverage(v_entrant_ids, v_page.covered_ids, v_page.intervals),
        'next_cursor', v_page.next_cursor,
        'next_created_at', raceday.utc_text(v_page.next_created_at),
        'limit', v_limit,
        'created_after', raceday.utc_text(v_created_after),
        'query_optimizations', '[]'::json
    )::text, '{');
end
$$;

COMMENT ON FUNCTION api.client_money_flow_timeline(p_query text) IS 'GET /api/money-flow-timeline: the money flow of entrants, paged in insertion order';

CREATE FUNCTION api.client_money_flow_timeline_version(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_query text := raceday.request_query(p_query);
    v_race_id text := raceday.query_value(v_query, 'raceId', 'race_id');
begin
    if raceday.is_behind_cursor(v_race_id, raceday.timeline_cursor(v_query)) then
        perform set_config('response.headers', '[{"Retry-After": "1"}]', true);
        return raceday.error_response(503, 'this standby has not received yet what the cursor stands for; retry');
    end if;
    return raceday.version_response(v_query, raceday.timeline_error(v_query), raceday.race_version(v_race_id));
end
$$;

COMMENT ON FUNCTION api.client_money_flow_timeline_version(p_query text) IS 'The version of what client_money_flow_timeline returns: nginx asks for it before the body';

CREATE FUNCTION api.client_movers(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_limit int := raceday.bounded_int(raceday.request_parameter(p_query, 'limit'), 20, 1, 100);
    v_body json;
begin
    select json_build_object('movers', coalesce(json_agg(json_build_object(
        'race_id', v.race_id,
        'entrant_id', v.entrant_id,
        'runner_number', v.runner_number,
        'name', v.name,
        'race_number', v.race_number,
        'race_name', v.race_name,
        'meeting_id', v.meeting_id,
        'meeting_name', v.meeting_name,
        'country', v.country,
        'type', v.type,
        'start_time', raceday.utc_text(v.start_time),
        'status', v.status,
        'minutes_to_start', v.minutes_to_start,
        'evidence', v.evidence,
        'rarity', v.rarity,
        'provisional', v.provisional,
        'level', v.level,
        'signalled_at', raceday.utc_text(v.signalled_at),
        'money', v.money,
        'excess', v.excess,
        'multiple', v.multiple,
        'share_before', v.share_before,
        'share_after', v.share_after,
        'fixed_win_odds', v.fixed_win_odds,
        'pool_win_odds', v.pool_win_odds,
        'reasons', v.reasons
    ) order by v.evidence desc, v.start_time, v.race_id, v.runner_number, v.entrant_id), '[]'), 'total', count(*))
    into v_body
    from (
        select * from raceday.movers() f
        order by f.evidence desc, f.start_time, f.race_id, f.runner_number, f.entrant_id limit v_limit
    ) v;
    return raceday.cacheable_response(v_body);
end
$$;

COMMENT ON FUNCTION api.client_movers(p_query text) IS 'GET /api/movers: runners that are being backed in races not yet finished, by evidence';

CREATE FUNCTION api.client_next_scheduled_race(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_race raceday.races;
    v_meeting_name text;
begin
    select r.* into v_race
    from raceday.races r
    where r.phase in ('upcoming', 'in_progress') and r.start_time > raceday.now()
    order by r.start_time, r.race_id
    limit 1;
    if not found then
        return raceday.cacheable_response('null');
    end if;
    select m.meeting_name into v_meeting_name from raceday.meetings m where m.meeting_id = v_race.meeting_id;
    return raceday.cacheable_response((
        rtrim(raceday.race_body(v_race)::text, '}') || ', "meeting_name" : ' || coalesce(to_json(v_meeting_name)::text, 'null') || '}'
    )::json);
end
$$;

COMMENT ON FUNCTION api.client_next_scheduled_race(p_query text) IS 'GET /api/races/next-scheduled: the next race to start, or null';

CREATE FUNCTION api.client_race(p_id text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_id text := coalesce(p_id, raceday.path_id());
begin
    return raceday.row_or_404((select raceday.race_body(r) from raceday.races r where r.race_id = v_id), 'Race');
end
$$;

COMMENT ON FUNCTION api.client_race(p_id text) IS 'GET /api/races/:id: one race';

CREATE FUNCTION api.client_race_at(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_query text := raceday.request_query(p_query);
    v_race_id text := raceday.query_value(v_query, 'raceId', 'race_id');
    v_at timestamptz := raceday.parse_instant(raceday.query_value(v_query, 'at'));
begin
    if v_race_id is null or v_at is null then
        return raceday.error_response(400, 'raceId and at are required; at is an instant such as 2025-10-05T12:00:00.000Z');
    end if;
    if not exists (select from raceday.races r where r.race_id = v_race_id) then
        return raceday.error_response(404, 'Race not found');
    end if;
    -- Timestamps are returned in milliseconds, and the polling_timestamp of a poll must select that poll.
    return raceday.row_or_404(raceday.raceday_at(v_race_id, v_at + interval '999 microseconds'), 'Poll of the race by then');
end
$$;

COMMENT ON FUNCTION api.client_race_at(p_query text) IS 'GET /api/race-at: a race, its runners and its pools as they stood at a moment';

CREATE FUNCTION api.client_race_navigation(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_race_id text := raceday.request_parameter(p_query, 'raceId', 'race_id');
    v_start_time timestamptz;
begin
    if v_race_id is null then
        return raceday.error_response(400, 'raceId is required');
    end if;
    select r.start_time into v_start_time from raceday.races r where r.race_id = v_race_id;
    if not found then
        return raceday.error_response(404, 'Race not found');
    end if;
    return raceday.cacheable_response(json_build_object(
        'previousRace', (
            select raceday.navigation_body(r) from raceday.races r
            where (r.start_time, r.race_id) < (v_start_time, v_race_id)
            order by r.start_time desc, r.race_id desc limit 1),
        'nextRace', (
            select raceday.navigation_body(r) from raceday.races r
            where (r.start_time, r.race_id) > (v_start_time, v_race_id)
            order by r.start_time, r.race_id limit 1),
        'nextScheduledRace', (
            select raceday.navigation_body(r) from raceday.races r
            where r.phase in ('upcoming', 'in_progress') and r.start_time > raceday.now()
            order by r.start_time, r.race_id limit 1)
    ));
end
$$;

COMMENT ON FUNCTION api.client_race_navigation(p_query text) IS 'GET /api/races/navigation: the races before and after a race, and the next race to start';

CREATE FUNCTION api.client_race_pools(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_race_id text := raceday.request_parameter(p_query, 'raceId', 'race_id');
begin
    return raceday.row_of_race_or_404(
        v_race_id, (select raceday.pools_body(p) from raceday.race_pools p where p.race_id = v_race_id), 'Race pools');
end
$$;

COMMENT ON FUNCTION api.client_race_pools(p_query text) IS 'GET /api/race-pools: the tote pools of a race, in cents';

CREATE FUNCTION api.client_race_results(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_race_id text := raceday.request_parameter(p_query, 'raceId', 'race_id');
begin
    return raceday.row_of_race_or_404(
        v_race_id, (
            select raceday.results_body(r) from raceday.race_results r where r.race_id = v_race_id and r.results_available
        ), 'Race results');
end
$$;

COMMENT ON FUNCTION api.client_race_results(p_query text) IS 'GET /api/race-results: placings, dividends and final fixed odds of a race; 404 until there are placings, and for an abandoned race';

CREATE FUNCTION api.client_races(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_meeting_id text := raceday.request_parameter(p_query, 'meetingId', 'meeting_id');
    v_body json;
begin
    if v_meeting_id is null then
        return raceday.error_response(400, 'meetingId is required');
    end if;
    select json_agg(raceday.race_body(r) order by r.race_number, r.race_id) into v_body
    from raceday.races r
    where r.meeting_id = v_meeting_id;
    return raceday.cacheable_response(coalesce(v_body, '[]'));
end
$$;

COMMENT ON FUNCTION api.client_races(p_query text) IS 'GET /api/races: the races of a meeting';

CREATE FUNCTION api.client_save_alert_configs(text) RETURNS json
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_body jsonb := raceday.parse_body($1);
    v_indicators jsonb[];
    v_user_ids text[];
    v_user_id text;
    v_problems text[];
begin
    if jsonb_typeof(v_body) is distinct from 'object' then
        return raceday.error_response(400, 'The body must be a JSON object');
    elsif jsonb_typeof(v_body -> 'indicators') is distinct from 'array' or jsonb_array_length(v_body -> 'indicators') = 0 then
        return raceday.error_response(400, 'indicators must be a non-empty list');
    end if;
    select array_agg(raceday.read_indicator(i)) into v_indicators from jsonb_array_elements(v_body -> 'indicators') i;
    select coalesce(array_agg(distinct u), '{}') into v_user_ids
    from (
        select raceday.body_value(v_body, 'user_id', 'userId') #>> '{}' as u
        union all
        select i ->> 'user_id' from unnest(v_indicators) i
    ) given
    where u is not null;
    v_problems := raceday.alerts_problems(v_body, v_indicators, v_user_ids);
    if v_problems <> '{}' then
        return raceday.error_response(400, 'Invalid alert configuration', json_build_object('details', v_problems));
    end if;

    v_user_id := coalesce(v_user_ids[1], 'Default User');
    perform raceday.create_missing_alerts(v_user_id);
    perform raceday.store_alerts(v_user_id, v_indicators,
        coalesce((raceday.body_value(v_body, 'audible_alerts_enabled', 'audibleAlertsEnabled'))::boolean, true));
    return jsonb_build_object('success', true) || raceday.alerts_body(v_user_id);
end
$_$;

COMMENT ON FUNCTION api.client_save_alert_configs(text) IS 'POST /api/user-alert-configs: validates and stores a user''s alerts, all or none';

CREATE FUNCTION api.client_signal_chart(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_query text := raceday.request_query(p_query);
    v_race_id text := raceday.query_value(v_query, 'raceId', 'race_id');
    v_entrant_id text := raceday.query_value(v_query, 'entrantId', 'entrant_id');
    v_body json;
begin
    if v_race_id is null or v_entrant_id is null then
        return raceday.error_response(400, 'raceId and entrantId are required');
    end if;
    select json_build_object(
        'race_id', e.race_id,
        'entrant_id', e.entrant_id,
        'runner_number', e.runner_number,
        'name', e.name,
        'evidence_20', w.evidence_20,
        'evidence_200', w.evidence_200,
        'provisional', w.provisional,
        'points', coalesce(raceday.chart_points(e.race_id, e.entrant_id, p.first_event_timestamp, p.last_event_timestamp), '[]'))
    into v_body
    from raceday.entrants e
    left join raceday.race_progress p on p.race_id = e.race_id
    left join raceday.raceday_watch(v_race_id) w on w.entrant_id = e.entrant_id
    where e.race_id = v_race_id and e.entrant_id = v_entrant_id;
    return raceday.row_or_404(v_body, 'Runner');
end
$$;

COMMENT ON FUNCTION api.client_signal_chart(p_query text) IS 'GET /api/signals/chart: a runner''s share of the win pool, odds and evidence over time, with the evidence that 1 race in 20 and 1 in 200 reach';

CREATE FUNCTION api.client_signal_runners(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
declare
    v_race_id text := raceday.request_parameter(p_query, 'raceId', 'race_id');
    v_first timestamptz;
    v_last timestamptz;
    v_body json;
begin
    select p.first_event_timestamp, p.last_event_timestamp into v_first, v_last
    from raceday.race_progress p where p.race_id = v_race_id;
    select json_agg(json_build_object(
        'entrant_id', e.entrant_id,
        'runner_number', e.runner_number,
        'name', e.name,
        'is_scratched', e.is_scratched,
        'win_low', h.win_low,
        'win_mid', h.win_mid,
        'win_high', h.win_high,
        'evidence', w.evidence,
        'rarity', w.rarity,
        'provisional', w.provisional,
        'level', s.level,
        'signalled_at', raceday.utc_text(s.event_timestamp),
        'money', w.money,
        'excess', w.excess,
        'multiple', w.multiple,
        'share_before', w.share_before,
        'share_after', w.share_after,
        'reasons', s.reasons
    ) order by e.runner_number, e.entrant_id) into v_body
    from raceday.entrants e
    left join raceday.raceday_watch(v_race_id) w on w.entrant_id = e.entrant_id
    left join lateral (
        select f.win_low, f.win_mid, f.win_high from raceday.money_flow_history f
        where f.entrant_id = e.entrant_id and f.race_id = v_race_id and f.event_timestamp between v_first and v_last
            and f.win_mid is not null
        order by f.event_timestamp desc, f.id desc limit 1
    ) h on true
    left join lateral (
        select l.level, l.event_timestamp, l.reasons from raceday.signals l
        where l.race_id = v_race_id and l.entrant_id = e.entrant_id
        order by l.level desc limit 1
    ) s on true
    where e.race_id = v_race_id;
    if v_race_id is not null and v_body is null and not exists (select from raceday.races r where r.race_id = v_race_id) then
        return raceday.error_response(404, 'Race not found');
    end if;
    return raceday.row_of_race_or_404(v_race_id, coalesce(v_body, '[]'), 'Race');
end
$$;

COMMENT ON FUNCTION api.client_signal_runners(p_query text) IS 'GET /api/signals/runners: each runner of a race with the range of money on it and the evidence that it is being backed';

CREATE FUNCTION api.client_signals(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_query text := raceday.request_query(p_query);
    v_race_id text := raceday.query_value(v_query, 'raceId', 'race_id');
    v_since_text text := raceday.query_value(v_query, 'since');
    v_since timestamptz := raceday.parse_instant(v_since_text);
    v_limit int := raceday.bounded_int(raceday.query_value(v_query, 'limit'), 200, 1, 2000);
    v_body json;
begin
    if v_race_id is null and v_since_text is null then
        return raceday.error_response(400, 'raceId or since is required');
    elsif v_since_text is not null and v_since is null then
        return raceday.error_response(400, 'since must be a time such as 2025-10-05T12:00:00.000Z');
    end if;
    select json_build_object(
        'signals', coalesce(json_agg(raceday.signal_body(s) order by s.created_at, s.race_id, s.entrant_id, s.level), '[]'),
        'total', count(*),
        'race_id', v_race_id,
        'since', raceday.utc_text(v_since),
        'next_cursor', (extract(epoch from max(s.created_at)) * 1000000)::bigint,
        'next_created_at', raceday.utc_text(max(s.created_at)),
        'limit', v_limit)
    into v_body
    from raceday.signals_page(
        v_race_id,
        greatest(
            -- Clients know created_at in whole milliseconds.
            coalesce(v_since + interval '999 microseconds', '-infinity'),
            coalesce(raceday.cursor_moment(raceday.query_value(v_query, 'cursorAfter', 'cursor_after')), '-infinity')),
        v_limit) s;
    return raceday.cacheable_response(v_body);
end
$$;

COMMENT ON FUNCTION api.client_signals(p_query text) IS 'GET /api/signals: the signals of a race, or of all races since a time, paged in the order in which they were written';

CREATE FUNCTION api.client_upcoming_races(p_query text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_query text := raceday.request_query(p_query);
    v_window_minutes int := raceday.bounded_int(raceday.query_value(v_query, 'windowMinutes', 'window_minutes'), 120, 0, 480);
    v_lookback_minutes int := raceday.bounded_int(raceday.query_value(v_query, 'lookbackMinutes', 'lookback_minutes'), 5, 0, 120);
    v_limit int := raceday.bounded_int(raceday.query_value(v_query, 'limit'), 50, 1, 100);
    v_now timestamptz := raceday.now();
    v_lower timestamptz := v_now - make_interval(mins => v_lookback_minutes);
    v_upper timestamptz := v_now + make_interval(mins => v_window_minutes);
    v_races json;
    v_total int;
begin
    select json_agg(raceday.race_body(r.race) order by (r.race).start_time, (r.race).race_id), count(*)
    into v_races, v_total
    from (
        select race
        from raceday.races race
        where race.phase in ('upcoming', 'in_progress') and race.start_time > v_lower and race.start_time <= v_upper
        order by race.start_time, race.race_id
        limit v_limit
    ) r;
    return raceday.cacheable_response(json_build_object(
        'races', coalesce(v_races, '[]'),
        'total', v_total,
        'timestamp', raceday.utc_text(v_now),
        'window', json_build_object(
            'lower_bound', raceday.utc_text(v_lower),
            'upper_bound', raceday.utc_text(v_upper),
            'window_minutes', v_window_minutes,
            'lookback_minutes', v_lookback_minutes)
    ));
end
$$;

COMMENT ON FUNCTION api.client_upcoming_races(p_query text) IS 'GET /api/races/upcoming: races about to start or just started, in order of start time';

CREATE FUNCTION api.probe_targets() RETURNS json
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_race_id text;
    v_entrant_ids text;
begin
    -- The race that clients look at: the next one, or the last if there is no next.
    select coalesce(
        (select r.race_id from raceday.races r where r.start_time >= raceday.now() and r.polled_at is not null
         order by r.start_time, r.race_id limit 1),
        (select r.race_id from raceday.races r where r.start_time < raceday.now() and r.polled_at is not null
         order by r.start_time desc, r.race_id desc limit 1)
    ) into v_race_id;
    select string_agg(e.entrant_id, ',' order by e.runner_number, e.entrant_id) into v_entrant_ids
    from raceday.entrants e where e.race_id = v_race_id;
    -- An address needs no encoding: identifiers are the TAB's UUIDs.
    if v_race_id || ',' || v_entrant_ids ~ '^[0-9A-Za-z_,-]+$' then
        return json_build_array(
            json_build_object('labels', json_build_object('endpoint', '/api/entrants'),
                'targets', json_build_array('/api/entrants?raceId=' || v_race_id)),
            json_build_object('labels', json_build_object('endpoint', '/api/money-flow-timeline'),
                'targets', json_build_array(format('/api/money-flow-timeline?raceId=%s&entrants=%s', v_race_id, v_entrant_ids))));
    end if;
    return json_build_array();
end
$_$;

COMMENT ON FUNCTION api.probe_targets() IS 'Entrants and timeline of the race that is next, as targets of Prometheus'' HTTP service discovery; empty if no race is known';

CREATE TABLE raceday.poll_cadence (
    within_s integer NOT NULL,
    every_s integer NOT NULL,
    after_close boolean DEFAULT false NOT NULL,
    CONSTRAINT poll_cadence_every_s_check CHECK ((every_s > 0))
);

COMMENT ON TABLE raceday.poll_cadence IS 'Seconds between polls, by seconds to the start; a race further away than the widest row is not polled';

COMMENT ON COLUMN raceday.poll_cadence.within_s IS 'The row applies from this many seconds before the start; the smallest also applies after the start';

COMMENT ON COLUMN raceday.poll_cadence.after_close IS 'The least time between polls from the close of betting to the result, from within_s (negative: after the start) on';

CREATE FUNCTION raceday.after_close_s(p_slot_at timestamp with time zone, p_start_time timestamp with time zone) RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT max(c.every_s) AS max
    FROM raceday.poll_cadence c
   WHERE (c.after_close AND (after_close_s.p_slot_at >= (after_close_s.p_start_time - make_interval(secs => (c.within_s)::double precision))));
END;

COMMENT ON FUNCTION raceday.after_close_s(p_slot_at timestamp with time zone, p_start_time timestamp with time zone) IS 'The least seconds from a slot to the next of a race whose betting is closed; null: as while it was open';

CREATE FUNCTION raceday.alerts_body(p_user_id text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select jsonb_build_object(
        'user_id', p_user_id,
        'indicators', jsonb_agg(jsonb_build_object(
            'indicator_id', c.indicator_id,
            'user_id', c.user_id,
            'indicator_type', c.indicator_type,
            'percentage_range_min', c.percentage_range_min,
            'percentage_range_max', c.percentage_range_max,
            'color', c.color,
            'is_default', c.is_default,
            'enabled', c.enabled,
            'display_order', c.display_order,
            'audible_alerts_enabled', c.audible_alerts_enabled,
            'created_at', raceday.utc_text(c.created_at),
            'updated_at', raceday.utc_text(c.updated_at)
        ) order by c.display_order),
        'toggle_all', bool_and(c.enabled),
        'audible_alerts_enabled', bool_and(c.audible_alerts_enabled)
    )
    from raceday.user_alert_configs c
    where c.user_id = p_user_id
$$;

COMMENT ON FUNCTION raceday.alerts_body(p_user_id text) IS 'The alerts of a user as the client API returns them';

CREATE FUNCTION raceday.alerts_problems(p_body jsonb, p_indicators jsonb[], p_user_ids text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select array_remove(
        coalesce((
            select array_agg(format('indicators[%s]: %s', i.position - 1, problem) order by i.position)
            from unnest(p_indicators) with ordinality i (indicator, position)
            cross join unnest(raceday.indicator_problems(i.indicator)) problem), '{}')
        || array[
            case when exists (select from unnest(p_user_ids) u where not raceday.valid_user_id(u))
                then 'user_id must be text of at most 200 characters' end,
            case when cardinality(p_user_ids) > 1 then 'user_id must be the same throughout' end,
            case when jsonb_typeof(raceday.body_value(p_body, 'user_id', 'userId')) <> 'string' then 'user_id must be text' end,
            case when jsonb_typeof(raceday.body_value(p_body, 'audible_alerts_enabled', 'audibleAlertsEnabled')) <> 'boolean'
                then 'audible_alerts_enabled must be true or false' end,
            case when (select count(*) <> count(distinct i -> 'display_order') from unnest(p_indicators) i)
                then 'display_order must differ between indicators' end,
            case when (select count(i ->> 'indicator_id') <> count(distinct i ->> 'indicator_id') from unnest(p_indicators) i)
                then 'indicator_id must differ between indicators' end
        ], null)
$$;

COMMENT ON FUNCTION raceday.alerts_problems(p_body jsonb, p_indicators jsonb[], p_user_ids text[]) IS 'The errors in posted alerts: as a whole, and in each indicator';

CREATE FUNCTION raceday.around(p_s double precision, p_period_s double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (p_s - (p_period_s * round((p_s / p_period_s))));

COMMENT ON FUNCTION raceday.around(p_s double precision, p_period_s double precision) IS 'p_s as an offset on a circle of p_period_s, from minus half of it to half of it';

CREATE FUNCTION raceday.poll_before_start(p_start_time timestamp with time zone, p_phase_s double precision, p_lag_s double precision, p_period_s double precision) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_timestamp(((p_phase_s + p_lag_s) + (p_period_s * floor((((EXTRACT(epoch FROM p_start_time))::double precision - p_phase_s) / p_period_s)))));

COMMENT ON FUNCTION raceday.poll_before_start(p_start_time timestamp with time zone, p_phase_s double precision, p_lag_s double precision, p_period_s double precision) IS 'When the last refresh before a start is polled';

CREATE FUNCTION raceday.aligned_slot(p_last timestamp with time zone, p_next timestamp with time zone, p_every_s integer, p_start_time timestamp with time zone, p_phase_s double precision, p_lag_s double precision, p_period_s double precision) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN (p_phase_s IS NULL) THEN p_next ELSE LEAST(CASE WHEN (((p_every_s)::double precision >= p_period_s) AND (raceday.around((p_every_s)::double precision, p_period_s) = (0)::double precision)) THEN (p_next + make_interval(secs => raceday.around(((p_phase_s + p_lag_s) - (EXTRACT(epoch FROM p_next))::double precision), p_period_s))) ELSE p_next END, CASE WHEN ((p_last + make_interval(secs => (p_period_s / (2)::double precision))) < raceday.poll_before_start(p_start_time, p_phase_s, p_lag_s, p_period_s)) THEN raceday.poll_before_start(p_start_time, p_phase_s, p_lag_s, p_period_s) ELSE NULL::timestamp with time zone END, CASE WHEN ((p_last - make_interval(secs => (p_period_s / (2)::double precision))) < raceday.poll_before_start(p_start_time, p_phase_s, p_lag_s, p_period_s)) THEN (raceday.poll_before_start(p_start_time, p_phase_s, p_lag_s, p_period_s) + make_interval(secs => p_period_s)) ELSE NULL::timestamp with time zone END) END;

COMMENT ON FUNCTION raceday.aligned_slot(p_last timestamp with time zone, p_next timestamp with time zone, p_every_s integer, p_start_time timestamp with time zone, p_phase_s double precision, p_lag_s double precision, p_period_s double precision) IS 'The slot p_next, after the slot p_last, moved to p_lag_s after a refresh; p_phase_s is null: not moved';

CREATE TABLE raceday.user_alert_configs (
    indicator_id text DEFAULT substr(md5((gen_random_uuid())::text), 1, 20) NOT NULL,
    user_id text NOT NULL,
    indicator_type text DEFAULT 'percentage_range'::text NOT NULL,
    percentage_range_min numeric(5,2) NOT NULL,
    percentage_range_max numeric(5,2),
    color text NOT NULL,
    is_default boolean DEFAULT false NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    display_order integer NOT NULL,
    audible_alerts_enabled boolean DEFAULT true NOT NULL,
    last_updated timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    client_created_at timestamp with time zone,
    CONSTRAINT user_alert_configs_color_check CHECK ((color ~ '^#[0-9A-F]{6}$'::text)),
    CONSTRAINT user_alert_configs_display_order_check CHECK (((display_order >= 1) AND (display_order <= 6))),
    CONSTRAINT user_alert_configs_indicator_type_check CHECK ((indicator_type = 'percentage_range'::text)),
    CONSTRAINT user_alert_configs_max_check CHECK (((percentage_range_max > percentage_range_min) AND (percentage_range_max <= (100)::numeric))),
    CONSTRAINT user_alert_configs_min_check CHECK (((percentage_range_min >= (0)::numeric) AND (percentage_range_min <= (100)::numeric)))
);

COMMENT ON TABLE raceday.user_alert_configs IS 'The six indicator colours in which a user sees shares of the money';

COMMENT ON COLUMN raceday.user_alert_configs.client_created_at IS 'When the client that created it says so, in Appwrite''s protocol; null if it did not say';

CREATE FUNCTION raceday.appwrite_alert(p_alert raceday.user_alert_configs, p_data jsonb) RETURNS raceday.user_alert_configs
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    v_alert raceday.user_alert_configs := p_alert;
    v_problem text := case
        when jsonb_typeof(p_data) is distinct from 'object' then 'data must be an object'
        else (
            select raceday.appwrite_alert_problem(d.key, d.value)
            from jsonb_each(p_data) d
            where raceday.appwrite_alert_problem(d.key, d.value) is not null
            limit 1)
    end;
begin
    if v_problem is null then
        v_alert.user_id := coalesce(p_data ->> 'userId', v_alert.user_id);
        v_alert.percentage_range_min := coalesce((p_data ->> 'percentageRangeMin')::numeric, v_alert.percentage_range_min);
        if p_data ? 'percentageRangeMax' then
            v_alert.percentage_range_max := (p_data ->> 'percentageRangeMax')::numeric;
        end if;
        v_alert.color := coalesce(upper(p_data ->> 'color'), v_alert.color);
        v_alert.is_default := coalesce((p_data ->> 'isDefault')::boolean, v_alert.is_default);
        v_alert.enabled := coalesce((p_data ->> 'enabled')::boolean, v_alert.enabled);
        v_alert.audible_alerts_enabled := coalesce((p_data ->> 'audibleAlertsEnabled')::boolean, v_alert.audible_alerts_enabled);
        v_alert.display_order := coalesce((p_data ->> 'displayOrder')::numeric, v_alert.display_order);
        v_alert.last_updated := coalesce(raceday.parse_instant(p_data ->> 'lastUpdated'), clock_timestamp());
        v_alert.client_created_at := coalesce(raceday.parse_instant(p_data ->> 'createdAt'), v_alert.client_created_at);
        v_problem := case
            when v_alert.user_id is null then 'Missing required attribute "userId"'
            when v_alert.percentage_range_min is null then 'Missing required attribute "percentageRangeMin"'
            when v_alert.color is null then 'Missing required attribute "color"'
            when v_alert.display_order is null then 'Missing required attribute "displayOrder"'
            when v_alert.percentage_range_max <= v_alert.percentage_range_min
                then 'percentageRangeMax must be null or above percentageRangeMin'
        end;
    end if;
    if v_problem is not null then
        perform raceday.appwrite_raise(400, 'document_invalid_structure', 'Invalid document structure: ' || v_problem);
    end if;
    return v_alert;
end
$$;

COMMENT ON FUNCTION raceday.appwrite_alert(p_alert raceday.user_alert_configs, p_data jsonb) IS 'An alert with the attributes that were sent; raises an error if it is not valid then';

CREATE FUNCTION raceday.appwrite_alert_problem(p_name text, p_value jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_type text := raceday.appwrite_collection('user-alert-configs') -> 'attributes' -> p_name ->> 0;
begin
    if v_type is null or p_name ~ '^\$' then
        return format('Unknown attribute: "%s"', left(p_name, 100));
    elsif p_name = 'percentageRangeMax' and jsonb_typeof(p_value) = 'null' then
        return null;
    elsif not raceday.appwrite_fits(v_type, p_value) then
        return format('Attribute "%s" has invalid type', p_name);
    elsif p_name = 'userId' and not raceday.valid_user_id(p_value #>> '{}') then
        return 'userId must be text of at most 200 characters';
    elsif p_name = 'indicatorType' and p_value <> '"percentage_range"' then
        return 'indicatorType must be percentage_range';
    elsif p_name = 'color' and p_value #>> '{}' !~ '^#[0-9A-Fa-f]{6}$' then
        return 'color must be #RRGGBB';
    elsif p_name in ('percentageRangeMin', 'percentageRangeMax') and p_value::numeric not between 0 and 100 then
        return p_name || ' must be a number from 0 to 100';
    elsif p_name = 'displayOrder' and not raceday.appwrite_whole_number(p_value, 1, 6) then
        return 'displayOrder must be a whole number from 1 to 6';
    end if;
    return null;
end
$_$;

COMMENT ON FUNCTION raceday.appwrite_alert_problem(p_name text, p_value jsonb) IS 'What is wrong with an attribute of an alert; null if nothing is';

CREATE FUNCTION raceday.appwrite_cast(p_type text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE p_type WHEN 'number'::text THEN 'numeric'::text WHEN 'integer'::text THEN 'bigint'::text WHEN 'instant'::text THEN 'timestamptz'::text WHEN 'day'::text THEN 'date'::text WHEN 'boolean'::text THEN 'boolean'::text ELSE 'text'::text END;

COMMENT ON FUNCTION raceday.appwrite_cast(p_type text) IS 'The SQL type of an attribute''s type';

CREATE FUNCTION raceday.appwrite_collection(p_name text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE p_name WHEN 'meetings'::text THEN '{"key": "d.meeting_id = $1", "from": "raceday.meetings d", "inserted": [["instant", "d.created_at"], ["text", "d.meeting_id"]], "attributes": {"$id": ["text", "d.meeting_id"], "date": ["day", "d.date"], "country": ["text", "d.country"], "weather": ["text", "coalesce(d.weather, (select r.weather from raceday.race_conditions(d.meeting_id) r))"], "category": ["text", "d.category"], "raceType": ["text", "case d.race_type when ''thoroughbred'' then ''Thoroughbred Horse Racing'' else ''Harness Horse Racing'' end"], "meetingId": ["text", "d.meeting_id"], "$createdAt": ["instant", "d.created_at"], "$updatedAt": ["instant", "d.updated_at"], "meetingName": ["text", "d.meeting_name"], "trackCondition": ["text", "coalesce(d.track_condition, (select r.track_condition from raceday.race_conditions(d.meeting_id) r))"]}}'::jsonb WHEN 'races'::text THEN '{"key": "d.race_id = $1", "from": "raceday.races d left join raceday.meetings m on m.meeting_id = d.meeting_id", "inserted": [["instant", "d.created_at"], ["text", "d.race_id"]], "attributes": {"$id": ["text", "d.race_id"], "name": ["text", "d.name"], "type": ["text", "d.type"], "raceId": ["text", "d.race_id"], "status": ["text", "d.status"], "meeting": ["meeting", "d.meeting_id"], "weather": ["text", "coalesce(d.weather, m.weather)"], "distance": ["integer", "d.distance"], "startTime": ["instant", "d.start_time"], "$createdAt": ["instant", "d.created_at"], "$updatedAt": ["instant", "d.updated_at"], "raceNumber": ["integer", "d.race_number"], "actualStart": ["instant", "d.actual_start"], "trackCondition": ["text", "coalesce(d.track_condition, m.track_condition)"]}}'::jsonb WHEN 'entrants'::text THEN '{"key": "d.entrant_id = $1", "from": "raceday.entrants d", "inserted": [["instant", "d.created_at"], ["text", "d.race_id"], ["text", "d.entrant_id"]], "attributes": {"$id": ["text", "d.entrant_id"], "name": ["text", "d.name"], "jockey": ["text", "d.jockey"], "raceId": ["text", "d.race_id"], "entrantId": ["text", "d.entrant_id"], "silkUrl64": ["text", "d.silk_url_64"], "$createdAt": ["instant", "d.created_at"], "$updatedAt": ["instant", "d.updated_at"], "silkUrl128": ["text", "d.silk_url_128"], "isScratched": ["boolean", "d.is_scratched"], "poolWinOdds": ["number", "d.pool_win_odds"], "silkColours": ["text", "d.silk_colours"], "trainerName": ["text", "d.trainer_name"], "fixedWinOdds": ["number", "d.win_odds"], "runnerNumber": ["integer", "d.runner_number"], "poolPlaceOdds": ["number", "d.pool_place_odds"], "fixedPlaceOdds": ["number", "d.place_odds"]}}'::jsonb WHEN 'money-flow-history'::text THEN '{"key": "d.id = case when $1 ~ ''^[1-9][0-9]{0,17}$'' then $1::bigint end", "from": "raceday.money_flow_history d", "inserted": [["integer", "d.id"]], "attributes": {"$id": ["text", "d.id::text"], "type": ["text", "d.type"], "raceId": ["text", "d.race_id"], "entrantId": ["text", "d.entrant_id"], "$createdAt": ["instant", "d.created_at"], "$updatedAt": ["instant", "d.created_at"], "poolWinOdds": ["number", "d.pool_win_odds"], "timeToStart": ["integer", "d.time_to_start"], "fixedWinOdds": ["number", "d.fixed_win_odds"], "intervalType": ["text", "d.interval_type"], "timeInterval": ["integer", "d.time_interval"], "poolPlaceOdds": ["number", "d.pool_place_odds"], "winPoolAmount": ["integer", "d.win_pool_amount"], "eventTimestamp": ["instant", "d.event_timestamp"], "fixedPlaceOdds": ["number", "d.fixed_place_odds"], "holdPercentage": ["number", "d.hold_percentage"], "placePoolAmount": ["integer", "d.place_pool_amount"], "pollingTimestamp": ["instant", "d.polling_timestamp"], "winPoolPercentage": ["number", "d.win_pool_percentage"], "placePoolPercentage": ["number", "d.place_pool_percentage"], "incrementalWinAmount": ["integer", "d.incremental_win_amount"], "incrementalPlaceAmount": ["integer", "d.incremental_place_amount"]}}'::jsonb WHEN 'race-pools'::text THEN '{"key": "d.race_id = $1", "from": "raceday.races d left join raceday.race_pools p on p.race_id = d.race_id", "inserted": [["instant", "d.created_at"], ["text", "d.race_id"]], "attributes": {"$id": ["text", "d.race_id"], "raceId": ["text", "d.race_id"], "currency": ["text", "coalesce(p.currency, ''$'')"], "$createdAt": ["instant", "d.created_at"], "$updatedAt": ["instant", "coalesce(p.last_updated, d.created_at)"], "winPoolTotal": ["integer", "coalesce((p.win_pool_total * 100)::bigint, 0)"], "totalRacePool": ["integer", "coalesce((p.total_race_pool * 100)::bigint, 0)"], "placePoolTotal": ["integer", "coalesce((p.place_pool_total * 100)::bigint, 0)"], "exactaPoolTotal": ["integer", "coalesce((p.exacta_pool_total * 100)::bigint, 0)"], "first4PoolTotal": ["integer", "coalesce((p.first4_pool_total * 100)::bigint, 0)"], "quinellaPoolTotal": ["integer", "coalesce((p.quinella_pool_total * 100)::bigint, 0)"], "trifectaPoolTotal": ["integer", "coalesce((p.trifecta_pool_total * 100)::bigint, 0)"]}}'::jsonb WHEN 'race-results'::text THEN '{"key": "d.race_id = $1", "from": "raceday.race_results d", "inserted": [["instant", "d.created_at"], ["text", "d.race_id"]], "attributes": {"$id": ["text", "d.race_id"], "race": ["text", "d.race_id"], "raceId": ["text", "d.race_id"], "$createdAt": ["instant", "d.created_at"], "$updatedAt": ["instant", "d.updated_at"], "resultTime": ["instant", "d.result_time"], "photoFinish": ["boolean", "d.photo_finish"], "resultsData": ["text", "d.results_data::text"], "resultStatus": ["text", "d.result_status"], "dividendsData": ["text", "d.dividends_data::text"], "fixedOddsData": ["text", "d.fixed_odds_data::text"], "protestLodged": ["boolean", "d.protest_lodged"], "stewardsInquiry": ["boolean", "d.stewards_inquiry"], "resultsAvailable": ["boolean", "d.results_available"]}}'::jsonb WHEN 'user-alert-configs'::text THEN '{"key": "d.indicator_id = $1", "from": "raceday.user_alert_configs d", "inserted": [["instant", "d.created_at"], ["text", "d.indicator_id"]], "attributes": {"$id": ["text", "d.indicator_id"], "color": ["text", "d.color"], "userId": ["text", "d.user_id"], "enabled": ["boolean", "d.enabled"], "createdAt": ["instant", "coalesce(d.client_created_at, d.created_at)"], "isDefault": ["boolean", "d.is_default"], "$createdAt": ["instant", "d.created_at"], "$updatedAt": ["instant", "d.updated_at"], "lastUpdated": ["instant", "d.last_updated"], "displayOrder": ["integer", "d.display_order"], "indicatorType": ["text", "d.indicator_type"], "percentageRangeMax": ["number", "d.percentage_range_max"], "percentageRangeMin": ["number", "d.percentage_range_min"], "audibleAlertsEnabled": ["boolean", "d.audible_alerts_enabled"]}}'::jsonb ELSE NULL::jsonb END;

COMMENT ON FUNCTION raceday.appwrite_collection(p_name text) IS 'A collection of documents as SQL; null if there is none of this name';

CREATE FUNCTION raceday.appwrite_create_alert(p_body jsonb) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_alert raceday.user_alert_configs;
    v_id text := p_body ->> 'documentId';
begin
    if jsonb_typeof(p_body -> 'documentId') is distinct from 'string' or v_id !~ '^([A-Za-z0-9][A-Za-z0-9._-]{0,35}|unique\(\))$' then
        perform raceday.appwrite_raise(400, 'document_invalid_structure',
            'documentId must be unique() or 1 to 36 letters, digits, dots, hyphens or underscores, and not begin with one of the latter three');
    elsif v_id = 'unique()' then
        v_id := substr(md5(gen_random_uuid()::text), 1, 20);
    end if;
    v_alert.indicator_type := 'percentage_range';
    v_alert.is_default := false;
    v_alert.enabled := true;
    v_alert.audible_alerts_enabled := true;
    v_alert := raceday.appwrite_alert(v_alert, p_body -> 'data');
    insert into raceday.user_alert_configs (indicator_id, user_id, indicator_type, percentage_range_min, percentage_range_max, color,
        is_default, enabled, display_order, audible_alerts_enabled, last_updated, client_created_at)
    values (v_id, v_alert.user_id, v_alert.indicator_type, v_alert.percentage_range_min, v_alert.percentage_range_max, v_alert.color,
        v_alert.is_default, v_alert.enabled, v_alert.display_order, v_alert.audible_alerts_enabled, v_alert.last_updated,
        v_alert.client_created_at);
    return v_id;
end
$_$;

COMMENT ON FUNCTION raceday.appwrite_create_alert(p_body jsonb) IS 'Creates an alert from the body of a POST and returns its id';

CREATE FUNCTION raceday.appwrite_document(p_name text, p_selected text[], p_meeting text DEFAULT NULL::text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select format('format(%L, %s)',
        '{' || string_agg(format('"%s":%%s', a.name), ',')
            || format(',"$permissions":[],"$databaseId":"raceday-db","$collectionId":"%s"}', p_name),
        string_agg(raceday.appwrite_value(a.value ->> 0, a.value ->> 1, p_meeting), ', '))
    from jsonb_each(raceday.appwrite_collection(p_name) -> 'attributes') a (name, value)
    -- The client reads the meeting without selecting it.
    where p_selected is null or a.name = any (p_selected) or a.name in ('$id', '$createdAt', '$updatedAt') or a.name = 'meeting'
$_$;

COMMENT ON FUNCTION raceday.appwrite_document(p_name text, p_selected text[], p_meeting text) IS 'The JSON text of a document with the selected attributes, or all, as SQL';

CREATE FUNCTION raceday.appwrite_filter_problem(p_type text, p_method text, p_attribute text, p_values jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_value jsonb;
begin
    if p_method not in ('equal', 'notEqual') then
        if jsonb_array_length(p_values) > 1 then
            return p_method || ' needs one value';
        elsif p_type not in ('number', 'integer', 'instant', 'day') then
            return p_method || ' needs an attribute that is a number or an instant';
        end if;
    end if;
    for v_value in select v from jsonb_array_elements(p_values) v loop
        if not raceday.appwrite_fits(p_type, v_value) then
            return format('Query value is invalid for attribute "%s"', p_attribute);
        end if;
    end loop;
    return null;
end
$$;

COMMENT ON FUNCTION raceday.appwrite_filter_problem(p_type text, p_method text, p_attribute text, p_values jsonb) IS 'What is wrong with a comparison of an attribute of this type and these values; null if nothing is';

CREATE FUNCTION raceday.appwrite_filters(p_attributes jsonb, p_queries jsonb, OUT conditions text, OUT race_id text, OUT texts text[], OUT numbers numeric[], OUT instants timestamp with time zone[], OUT days timestamp without time zone[]) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $_$
declare
    v_filter record;
    v_first int;
    v_conditions text[] := '{true}';
begin
    texts := '{}';
    numbers := '{}';
    instants := '{}';
    days := '{}';
    for v_filter in
        select q ->> 'method' as method, q ->> 'attribute' as name, p_attributes -> (q ->> 'attribute') ->> 0 as type,
            p_attributes -> (q ->> 'attribute') ->> 1 as expression, array(select jsonb_array_elements_text(q -> 'values')) as given
        from jsonb_array_elements(p_queries) q
        where q ->> 'method' in ('equal', 'notEqual', 'lessThan', 'lessThanEqual', 'greaterThan', 'greaterThanEqual')
    loop
        if v_filter.type in ('number', 'integer') then
            v_first := cardinality(numbers) + 1;
            numbers := numbers || v_filter.given::numeric[];
            v_conditions := v_conditions || raceday.appwrite_value_condition(v_filter.method, v_filter.expression, '($2)',
                case v_filter.type when 'integer' then '::float8' else '::numeric' end, v_first, cardinality(numbers));
        elsif v_filter.type in ('instant', 'day') then
            v_conditions := v_conditions || (
                select '(' || string_agg(raceday.appwrite_instant_condition(v_filter.method, v_filter.expression, case v_filter.type
                    when 'instant' then format('($3)[%s]', cardinality(instants) + i) else format('($4)[%s]', cardinality(days) + i) end),
                    case v_filter.method when 'notEqual' then ' and ' else ' or ' end) || ')'
                from generate_subscripts(v_filter.given, 1) i);
            if v_filter.type = 'instant' then
                instants := instants || array(select raceday.parse_instant(g) from unnest(v_filter.given) g);
            else
                days := days || array(select raceday.parse_instant(g)::timestamp from unnest(v_filter.given) g);
            end if;
        else
            v_first := cardinality(texts) + 1;
            texts := texts || v_filter.given;
            v_conditions := v_conditions || raceday.appwrite_value_condition(v_filter.method, v_filter.expression, '($1)',
                case v_filter.type when 'boolean' then '::boolean' else '::text' end, v_first, cardinality(texts));
            if v_filter.method = 'equal' and v_filter.name = 'raceId' and cardinality(v_filter.given) = 1 then
                race_id := v_filter.given[1];
            end if;
        end if;
    end loop;
    conditions := array_to_string(v_conditions || array(
        select (p_attributes -> (q ->> 'attribute') ->> 1) || ' is not null'
        from jsonb_array_elements(p_queries) q where q ->> 'method' = 'isNotNull'), ' and ');
end
$_$;

COMMENT ON FUNCTION raceday.appwrite_filters(p_attributes jsonb, p_queries jsonb, OUT conditions text, OUT race_id text, OUT texts text[], OUT numbers numeric[], OUT instants timestamp with time zone[], OUT days timestamp without time zone[]) IS 'The filters among valid queries as one SQL condition, the values that it refers to, and the one race it is about, if it is';

CREATE FUNCTION raceday.appwrite_first_value(p_queries jsonb, p_method text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (jsonb_path_query_first(p_queries, '$[*]?(@."method" == $"method")."values"[0]'::jsonpath, jsonb_build_object('method', p_method)) #>> '{}'::text[]);

COMMENT ON FUNCTION raceday.appwrite_first_value(p_queries jsonb, p_method text) IS 'The value of the first query with this method; null if there is none';

CREATE FUNCTION raceday.parse_instant(p_text text) RETURNS timestamp with time zone
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $_$
declare
    -- A plus sign that was not percent-encoded arrives as a space.
    v_text text := regexp_replace(p_text, ' (\d\d:?\d\d)$', '+\1');
begin
    if v_text ~ '^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$'
        and pg_input_is_valid(v_text, 'timestamptz') then
        return date_trunc('milliseconds', v_text::timestamptz);
    end if;
    return null;
end
$_$;

COMMENT ON FUNCTION raceday.parse_instant(p_text text) IS 'An ISO instant truncated to milliseconds, in UTC unless it has an offset; null for anything else';

CREATE FUNCTION raceday.appwrite_fits(p_type text, p_value jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (p_type = ANY (ARRAY['number'::text, 'integer'::text])) THEN CASE WHEN (jsonb_typeof(p_value) = 'number'::text) THEN (abs((p_value)::numeric) < '1000000000000000000'::numeric) ELSE false END WHEN (p_type = 'boolean'::text) THEN (jsonb_typeof(p_value) = 'boolean'::text) WHEN (jsonb_typeof(p_value) <> 'string'::text) THEN false ELSE ((p_type <> ALL (ARRAY['instant'::text, 'day'::text])) OR (raceday.parse_instant((p_value #>> '{}'::text[])) IS NOT NULL)) END;

COMMENT ON FUNCTION raceday.appwrite_fits(p_type text, p_value jsonb) IS 'Whether a value is one of this type';

CREATE FUNCTION raceday.appwrite_get(p_name text, p_document text, p_queries jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    v_collection jsonb := raceday.appwrite_collection(p_name);
    v_document text;
begin
    execute format('select %s from %s where %s limit 1',
        raceday.appwrite_selected_document(p_name, p_queries), v_collection ->> 'from', v_collection ->> 'key')
    into v_document
    using p_document;
    if v_document is null then
        perform raceday.appwrite_raise(404, 'document_not_found', 'Document with the requested ID could not be found');
    end if;
    return v_document;
end
$$;

COMMENT ON FUNCTION raceday.appwrite_get(p_name text, p_document text, p_queries jsonb) IS 'The JSON text of one document; raises an error if it does not exist';

CREATE FUNCTION raceday.appwrite_instant_condition(p_method text, p_expression text, p_value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN format(CASE p_method WHEN 'equal'::text THEN '(%1$s >= %2$s and %1$s < %2$s + interval ''1 millisecond'')'::text WHEN 'notEqual'::text THEN '(%1$s < %2$s or %1$s >= %2$s + interval ''1 millisecond'')'::text WHEN 'lessThan'::text THEN '%1$s < %2$s'::text WHEN 'lessThanEqual'::text THEN '%1$s < %2$s + interval ''1 millisecond'''::text WHEN 'greaterThan'::text THEN '%1$s >= %2$s + interval ''1 millisecond'''::text WHEN 'greaterThanEqual'::text THEN '%1$s >= %2$s'::text ELSE NULL::text END, p_expression, p_value);

COMMENT ON FUNCTION raceday.appwrite_instant_condition(p_method text, p_expression text, p_value text) IS 'A comparison with a whole millisecond, as SQL';

CREATE FUNCTION raceday.appwrite_key_role(p_project text, p_key text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select k.role
    from raceday.api_keys k
    where k.key_hash = raceday.key_hash(p_key) and k.revoked_at is null and p_project = 'raceday'
$$;

COMMENT ON FUNCTION raceday.appwrite_key_role(p_project text, p_key text) IS 'The role of a key, read or alerts; null if the key is missing, wrong or revoked, or the project is not raceday';

CREATE FUNCTION raceday.appwrite_list(p_name text, p_queries jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET enable_bitmapscan TO 'off'
    AS $_$
declare
    v_collection jsonb := raceday.appwrite_collection(p_name);
    v_filter record := raceday.appwrite_filters(v_collection -> 'attributes', p_queries);
    v_order record := raceday.appwrite_order(v_collection, p_queries);
    v_rows text := format(' from %s where %s', v_collection ->> 'from', v_filter.conditions);
    v_first timestamptz;
    v_last timestamptz;
    v_limit bigint := coalesce(raceday.appwrite_first_value(p_queries, 'limit')::numeric, 25);
    v_offset bigint := coalesce(raceday.appwrite_first_value(p_queries, 'offset')::numeric, 0);
    v_cursor text := raceday.appwrite_first_value(p_queries, 'cursorAfter');
    v_place text[];
    v_documents text;
    v_count bigint;
begin
    if p_name = 'money-flow-history' then
        if v_filter.race_id is null then
            perform raceday.appwrite_raise(400, 'general_query_invalid', 'Invalid query: money-flow-history needs equal("raceId", one id)');
        end if;
        -- The one or two partitions that the race's history is in.
        select p.first_event_timestamp, p.last_event_timestamp into v_first, v_last
        from raceday.race_progress p where p.race_id = v_filter.race_id;
        v_rows := v_rows || ' and d.event_timestamp between $5 and $6';
    end if;
    if v_cursor is not null then
        v_place := raceday.appwrite_place(p_name, v_cursor, v_order.place, v_filter.race_id, v_first, v_last);
    end if;
    execute format(
        'select string_agg(page.document, '',''), count(*) from (select %s as document%s and %s order by %s limit $7 offset $8) page',
        raceday.appwrite_selected_document(p_name, p_queries), v_rows,
        case when v_cursor is null then 'true' else v_order.after end, v_order.order_by)
    into v_documents, v_count
    using v_filter.texts, v_filter.numbers, v_filter.instants, v_filter.days, v_first, v_last, v_limit, v_offset, v_place;
    if v_cursor is not null or v_offset > 0 or v_count = v_limit then
        execute 'select count(*)' || v_rows into v_count
        using v_filter.texts, v_filter.numbers, v_filter.instants, v_filter.days, v_first, v_last;
    end if;
    return format('{"total":%s,"documents":[%s]}', v_count, v_documents);
end
$_$;

COMMENT ON FUNCTION raceday.appwrite_list(p_name text, p_queries jsonb) IS 'The JSON text of a list of documents: a page, and the number of all that match the filters';

CREATE FUNCTION raceday.appwrite_money_flow_place(p_cursor text) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select array[p_cursor]
    where p_cursor ~ '^[1-9]\d{0,17}$'
      and p_cursor::bigint <= pg_sequence_last_value(pg_get_serial_sequence('raceday.money_flow_history', 'id')::regclass)
$_$;

COMMENT ON FUNCTION raceday.appwrite_money_flow_place(p_cursor text) IS 'Where a row of money flow is in the order of insertion; null if there never was one';

CREATE FUNCTION raceday.appwrite_open(p_may_write boolean, OUT collection text, OUT document text) RETURNS record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_path record := raceday.appwrite_path();
    v_role text := raceday.appwrite_key_role(
        raceday.request_header('x-appwrite-project'), raceday.request_header('x-appwrite-key'));
begin
    if v_role is null then
        perform raceday.appwrite_raise(401, 'general_unauthorized_scope', 'The project or the API key is missing or wrong');
    elsif v_path.database is null then
        perform raceday.appwrite_raise(404, 'general_route_not_found', 'Route not found');
    elsif v_path.database <> 'raceday-db' then
        perform raceday.appwrite_raise(404, 'database_not_found', 'Database not found');
    elsif raceday.appwrite_collection(v_path.collection) is null then
        perform raceday.appwrite_raise(404, 'collection_not_found', 'Collection with the requested ID could not be found');
    elsif p_may_write and (v_role <> 'alerts' or v_path.collection <> 'user-alert-configs') then
        perform raceday.appwrite_raise(401, 'general_unauthorized_scope',
            'A key with the role alerts may write user-alert-configs; nothing else may be written');
    end if;
    collection := v_path.collection;
    document := v_path.document;
end
$$;

COMMENT ON FUNCTION raceday.appwrite_open(p_may_write boolean, OUT collection text, OUT document text) IS 'The collection and document that the current request may read, or write; document is null if it is about the whole collection';

CREATE FUNCTION raceday.appwrite_order(p_collection jsonb, p_queries jsonb, OUT order_by text, OUT after text, OUT place text) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_inserted jsonb := p_collection -> 'inserted';
    v_orders jsonb[] := array(
        select (p_collection -> 'attributes' -> (q.query ->> 'attribute')) || jsonb_build_array(q.query ->> 'method' = 'orderDesc')
        from jsonb_array_elements(p_queries) with ordinality q (query, position)
        where q.query ->> 'method' in ('orderAsc', 'orderDesc')
        order by q.position);
    -- Ascending $createdAt is the order of insertion, and nothing after it has an effect.
    v_length int := coalesce(array_position(v_orders, (p_collection -> 'attributes' -> '$createdAt') || 'false') - 1, cardinality(v_orders));
begin
    select string_agg(i ->> 1, ', '),
        format('(%s) > (%s)', string_agg(i ->> 1, ', '), string_agg(
            format('($9)[%s]::%s', v_length + n, raceday.appwrite_cast(i ->> 0)), ', ')),
        string_agg(format('(%s)::text', i ->> 1), ', ')
    into order_by, after, place
    from jsonb_array_elements(v_inserted) with ordinality e (i, n);
    for i in reverse v_length..1 loop
        order_by := format('%s%s, %s', v_orders[i] ->> 1, case when (v_orders[i] -> 2)::boolean then ' desc' else '' end, order_by);
        after := format(
            case when (v_orders[i] -> 2)::boolean
                then '(%1$s < %2$s or %1$s is not null and %2$s is null or %1$s is not distinct from %2$s and %3$s)'
                else '(%1$s > %2$s or %1$s is null and %2$s is not null or %1$s is not distinct from %2$s and %3$s)' end,
            v_orders[i] ->> 1, format('($9)[%s]::%s', i, raceday.appwrite_cast(v_orders[i] ->> 0)), after);
        place := format('(%s)::text, %s', v_orders[i] ->> 1, place);
    end loop;
end
$_$;

COMMENT ON FUNCTION raceday.appwrite_order(p_collection jsonb, p_queries jsonb, OUT order_by text, OUT after text, OUT place text) IS 'The order of valid queries as SQL, ending with that of insertion; the condition that a row comes after the cursor; the cursor''s place';

CREATE FUNCTION raceday.appwrite_page_problem(p_collection text, p_method text, p_values jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_name jsonb;
begin
    if p_method = 'select' then
        for v_name in select v from jsonb_array_elements(p_values) v loop
            if jsonb_typeof(v_name) <> 'string' or not raceday.appwrite_selectable(p_collection, v_name #>> '{}') then
                return 'Attribute not found in schema: ' || left(v_name #>> '{}', 100);
            end if;
        end loop;
    elsif jsonb_array_length(p_values) > 1 then
        return p_method || ' needs one value';
    elsif p_method = 'cursorAfter' and jsonb_typeof(p_values -> 0) <> 'string' then
        return 'cursorAfter needs the $id of a document';
    elsif p_method = 'limit' and not raceday.appwrite_whole_number(p_values -> 0, 1, 5000) then
        return 'limit must be a whole number from 1 to 5000';
    elsif p_method = 'offset' and not raceday.appwrite_whole_number(p_values -> 0, 0, 1000000000) then
        return 'offset must be a whole number from 0 to 1000000000';
    end if;
    return null;
end
$_$;

COMMENT ON FUNCTION raceday.appwrite_page_problem(p_collection text, p_method text, p_values jsonb) IS 'What is wrong with select, limit, offset or cursorAfter and these values; null if nothing is';

CREATE FUNCTION raceday.appwrite_path(OUT database text, OUT collection text, OUT document text) RETURNS record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_parts text[] := regexp_match(
        raceday.request_header('x-raceday-path'), '^/v1/databases/([^/]+)/collections/([^/]+)/documents(?:/([^/]+))?/?$');
begin
    -- In a path, a plus sign is literal.
    database := raceday.decode_url_text(replace(v_parts[1], '+', '%2B'));
    collection := raceday.decode_url_text(replace(v_parts[2], '+', '%2B'));
    document := raceday.decode_url_text(replace(v_parts[3], '+', '%2B'));
end
$_$;

COMMENT ON FUNCTION raceday.appwrite_path(OUT database text, OUT collection text, OUT document text) IS 'What the path of the current REST request names; nulls if it names no documents';

CREATE FUNCTION raceday.appwrite_place(p_name text, p_cursor text, p_place text, p_race_id text, p_first timestamp with time zone, p_last timestamp with time zone) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_collection jsonb := raceday.appwrite_collection(p_name);
    v_statement text := format(
        'select array[%s] from %s where %s', p_place, v_collection ->> 'from', v_collection ->> 'key');
    v_place text[];
begin
    if p_name = 'money-flow-history' and p_place = '(d.id)::text' then
        v_place := raceday.appwrite_money_flow_place(p_cursor);
    elsif p_name = 'money-flow-history' then
        execute v_statement || ' and d.race_id = $2 and d.event_timestamp between $3 and $4'
        into v_place using p_cursor, p_race_id, p_first, p_last;
    end if;
    -- A row of another race is looked for in all partitions, which no client does.
    if v_place is null and p_place <> '(d.id)::text' then
        execute v_statement || ' limit 1' into v_place using p_cursor;
    end if;
    if v_place is null then
        perform raceday.appwrite_raise(400, 'general_cursor_not_found',
            format('Document ''%s'' for the ''cursor'' value not found', left(p_cursor, 100)));
    end if;
    return v_place;
end
$_$;

COMMENT ON FUNCTION raceday.appwrite_place(p_name text, p_cursor text, p_place text, p_race_id text, p_first timestamp with time zone, p_last timestamp with time zone) IS 'The values of the cursor''s document in the expressions of an order; raises an error if it does not exist';

CREATE FUNCTION raceday.appwrite_queries(p_query text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_bytes text := replace(replace(replace(replace(p_query, '\', '%5C'), '"', '%22'), '+', '%20'), '&', '%01');
begin
    v_bytes := ('"' || replace(v_bytes, '%', '\u00') || '"')::json #>> '{}';
    return coalesce((
        select jsonb_agg(substr(p.part, strpos(p.part, '=') + 1)::jsonb order by p.position)
        from string_to_table(convert_from(convert_to(v_bytes, 'LATIN1'), 'UTF8'), E'\x01') with ordinality p (part, position)
        where p.part ~ '^queries(\[[^]]*\])?='), '[]');
exception
    -- Not percent-encoded UTF-8, not JSON, with NUL or an unpaired surrogate, nested too deeply, a number that is too long.
    when others then
        return null;
end
$$;

COMMENT ON FUNCTION raceday.appwrite_queries(p_query text) IS 'The queries of a raw query string as a list; null if one of them is not JSON';

CREATE FUNCTION raceday.appwrite_query_problem(p_collection text, p_query jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_method text := p_query ->> 'method';
    v_attribute text := p_query ->> 'attribute';
    v_values jsonb := p_query -> 'values';
    v_type text := raceday.appwrite_collection(p_collection) -> 'attributes' -> v_attribute ->> 0;
begin
    if jsonb_typeof(p_query) <> 'object' or v_method is null then
        return 'a query must be an object with a method';
    elsif v_method not in ('equal', 'notEqual', 'lessThan', 'lessThanEqual', 'greaterThan', 'greaterThanEqual', 'isNotNull',
            'orderAsc', 'orderDesc', 'select', 'limit', 'offset', 'cursorAfter') then
        return 'Invalid query method: ' || left(v_method, 100);
    elsif v_method not in ('select', 'limit', 'offset', 'cursorAfter') and v_type is null then
        return 'Attribute not found in schema: ' || left(coalesce(v_attribute, ''), 100);
    elsif v_method in ('isNotNull', 'orderAsc', 'orderDesc') then
        return null;
    elsif jsonb_typeof(v_values) is distinct from 'array' or jsonb_array_length(v_values) = 0 then
        return v_method || ' needs a list of values';
    elsif v_method in ('select', 'limit', 'offset', 'cursorAfter') then
        return raceday.appwrite_page_problem(p_collection, v_method, v_values);
    end if;
    return raceday.appwrite_filter_problem(v_type, v_method, v_attribute, v_values);
end
$$;

COMMENT ON FUNCTION raceday.appwrite_query_problem(p_collection text, p_query jsonb) IS 'What is wrong with a query of a collection; null if nothing is';

CREATE FUNCTION raceday.appwrite_raise(p_status integer, p_type text, p_message text) RETURNS void
    LANGUAGE plpgsql PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_body text := raceday.ascii_json(
        json_build_object('message', p_message, 'code', p_status, 'type', p_type, 'version', '1.7.4')::text);
begin
    raise sqlstate 'PGRST' using
        message = json_build_object('code', p_type, 'message', p_message),
        detail = json_build_object('status', p_status, 'headers', json_build_object('X-Raceday-Error', v_body));
end
$$;

COMMENT ON FUNCTION raceday.appwrite_raise(p_status integer, p_type text, p_message text) IS 'Ends the request with an error of Appwrite''s';

CREATE FUNCTION raceday.appwrite_selectable(p_collection text, p_name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((p_name = ANY (ARRAY['*'::text, '$permissions'::text, '$databaseId'::text, '$collectionId'::text])) OR ((raceday.appwrite_collection(p_collection) -> 'attributes'::text) ? p_name) OR ((p_collection = 'races'::text) AND ((p_name = 'meeting.*'::text) OR ((p_name ~ '^meeting\.'::text) AND ((raceday.appwrite_collection('meetings'::text) -> 'attributes'::text) ? substr(p_name, 9))))));

COMMENT ON FUNCTION raceday.appwrite_selectable(p_collection text, p_name text) IS 'Whether select may name this attribute, or this path to the related meeting';

CREATE FUNCTION raceday.appwrite_selected_document(p_name text, p_queries jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_selected text[] := (
        select array_agg(s)
        from jsonb_array_elements(p_queries) q
        cross join jsonb_array_elements_text(q -> 'values') s
        where q ->> 'method' = 'select');
begin
    if '*' = any (v_selected) then
        v_selected := null;
    end if;
    return raceday.appwrite_document(
        p_name, v_selected, case when p_name = 'races' then raceday.appwrite_document('meetings', null) end);
end
$$;

COMMENT ON FUNCTION raceday.appwrite_selected_document(p_name text, p_queries jsonb) IS 'appwrite_document of what the queries select';

CREATE FUNCTION raceday.appwrite_update_alert(p_document text, p_body jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_alert raceday.user_alert_configs;
begin
    select * into v_alert from raceday.user_alert_configs c where c.indicator_id = p_document for update;
    if not found then
        perform raceday.appwrite_raise(404, 'document_not_found', 'Document with the requested ID could not be found');
    end if;
    v_alert := raceday.appwrite_alert(v_alert, p_body -> 'data');
    update raceday.user_alert_configs c
    set user_id = v_alert.user_id, percentage_range_min = v_alert.percentage_range_min,
        percentage_range_max = v_alert.percentage_range_max, color = v_alert.color, is_default = v_alert.is_default,
        enabled = v_alert.enabled, display_order = v_alert.display_order, audible_alerts_enabled = v_alert.audible_alerts_enabled,
        last_updated = v_alert.last_updated, client_created_at = v_alert.client_created_at
    where c.indicator_id = p_document;
end
$$;

COMMENT ON FUNCTION raceday.appwrite_update_alert(p_document text, p_body jsonb) IS 'Changes an alert by the body of a PATCH';

CREATE FUNCTION raceday.appwrite_valid_queries(p_collection text, p_query text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_queries jsonb := raceday.appwrite_queries(p_query);
    v_query jsonb;
    v_problem text := case
        when v_queries is null then 'a query must be JSON'
        when jsonb_array_length(v_queries) > 100 then 'there may be at most 100 queries' end;
begin
    if v_problem is null then
        for v_query in select q from jsonb_array_elements(v_queries) q loop
            v_problem := raceday.appwrite_query_problem(p_collection, v_query);
            exit when v_problem is not null;
        end loop;
    end if;
    if v_problem is not null then
        perform raceday.appwrite_raise(400, 'general_query_invalid', 'Invalid query: ' || v_problem);
    end if;
    return v_queries;
end
$$;

COMMENT ON FUNCTION raceday.appwrite_valid_queries(p_collection text, p_query text) IS 'The queries of a raw query string; raises an error if one of them is invalid';

CREATE FUNCTION raceday.appwrite_value(p_type text, p_expression text, p_meeting text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN format('coalesce(%s, ''null'')'::text, CASE p_type WHEN 'instant'::text THEN format('to_char(%s, ''\"YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"\"'')'::text, p_expression) WHEN 'day'::text THEN format('to_char(%s, ''\"YYYY-MM-DD"T00:00:00.000+00:00"\"'')'::text, p_expression) WHEN 'text'::text THEN format('to_json(%s)::text'::text, p_expression) WHEN 'meeting'::text THEN format('(select %s from (select m.*) d where d.meeting_id is not null)'::text, p_meeting) ELSE format('(%s)::text'::text, p_expression) END);

COMMENT ON FUNCTION raceday.appwrite_value(p_type text, p_expression text, p_meeting text) IS 'The JSON text of an attribute as SQL; p_meeting is that of the related meeting';

CREATE FUNCTION raceday.appwrite_value_condition(p_method text, p_expression text, p_values text, p_cast text, p_first integer, p_last integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (p_first < p_last) THEN format('%s %s (%s[%s:%s]%s)'::text, p_expression, CASE p_method WHEN 'equal'::text THEN '= any'::text ELSE '<> all'::text END, p_values, p_first, p_last, (p_cast || '[]'::text)) ELSE format('%s %s %s[%s]%s'::text, p_expression, CASE p_method WHEN 'equal'::text THEN '='::text WHEN 'notEqual'::text THEN '<>'::text WHEN 'lessThan'::text THEN '<'::text WHEN 'lessThanEqual'::text THEN '<='::text WHEN 'greaterThan'::text THEN '>'::text WHEN 'greaterThanEqual'::text THEN '>='::text ELSE NULL::text END, p_values, p_first, p_cast) END;

COMMENT ON FUNCTION raceday.appwrite_value_condition(p_method text, p_expression text, p_values text, p_cast text, p_first integer, p_last integer) IS 'A comparison with one or several values, as SQL: the array of the values, a cast, and their first and last position';

CREATE FUNCTION raceday.appwrite_whole_number(p_value jsonb, p_min numeric, p_max numeric) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (jsonb_typeof(p_value) = 'number'::text) THEN ((((p_value)::numeric >= p_min) AND ((p_value)::numeric <= p_max)) AND ((p_value)::numeric = trunc((p_value)::numeric))) ELSE false END;

COMMENT ON FUNCTION raceday.appwrite_whole_number(p_value jsonb, p_min numeric, p_max numeric) IS 'Whether a value is a whole number within these bounds';

CREATE FUNCTION raceday.ascii_json(p_json text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case when p_json !~ '[^ -~]' then p_json else (
        select string_agg(
            case when c.code between 32 and 126 then chr(c.code)
                when c.code < 65536 then '\u' || lpad(to_hex(c.code), 4, '0')
                -- A surrogate pair.
                else '\u' || to_hex(55232 + (c.code >> 10)) || '\u' || to_hex(56320 + (c.code & 1023)) end,
            '' order by c.position)
        from (select ascii(letter), position from string_to_table(p_json, null) with ordinality l (letter, position)) c (code, position)
    ) end
$$;

COMMENT ON FUNCTION raceday.ascii_json(p_json text) IS 'JSON text, on one line, with what is not printable ASCII in strings as \u escapes';

CREATE FUNCTION raceday.at_by_history(p_race_id text, p_at timestamp with time zone) RETURNS json
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    with flow as materialized (select f from raceday.money_flow_at(p_race_id, p_at) f),
    known as (
        select (f).entrant_id, f, jsonb_populate_record(e, jsonb_build_object(
            'win_odds', (f).fixed_win_odds, 'place_odds', (f).fixed_place_odds,
            'pool_win_odds', (f).pool_win_odds, 'pool_place_odds', (f).pool_place_odds,
            'hold_percentage', (f).hold_percentage, 'bet_percentage', (f).bet_percentage,
            'is_scratched', e.is_scratched and coalesce(e.scratched_at <= p_at, true),
            'favourite', null, 'mover', null, 'highest_odds', null, 'lowest_odds', null)) as entrant
        from flow
        join raceday.entrants e on e.race_id = p_race_id and e.entrant_id = (f).entrant_id
    )
    select json_build_object(
        'race', (
            select raceday.race_body(jsonb_populate_record(r, case
                when r.last_status_change <= p_at then '{"updated_at": null}'
                else '{"status": null, "phase": null, "actual_start": null, "updated_at": null}' end::jsonb))
            from raceday.races r where r.race_id = p_race_id),
        'entrants', json_agg(raceday.entrant_at(k.entrant, k.f) order by (k.entrant).runner_number, k.entrant_id),
        'pools', (
            select raceday.pools_body(jsonb_populate_record(null::raceday.race_pools, jsonb_build_object(
                'race_id', p_race_id, 'currency', '$', 'last_updated', (f).event_timestamp,
                'win_pool_total', (f).win_pool_cents / 100.0, 'place_pool_total', (f).place_pool_cents / 100.0)))
            from flow order by (f).polling_timestamp desc, (f).id desc limit 1))
    from known k
    having count(*) > 0
$_$;

COMMENT ON FUNCTION raceday.at_by_history(p_race_id text, p_at timestamp with time zone) IS 'race, entrants and pools as they stood at a moment, as far as money flow tells; null if it has nothing of the race by then';

CREATE FUNCTION raceday.at_by_payloads(p_race_id text, p_at timestamp with time zone) RETURNS json
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    with state as materialized (
        select s.of_table, s.id, s.columns::jsonb as columns from raceday.raceday_replay_state(p_race_id, p_at) s
    )
    select json_build_object(
        'race', raceday.race_body(jsonb_populate_record(r, s.columns || '{"updated_at": null}')),
        'entrants', (
            select json_agg(raceday.entrant_at(e.entrant, f) order by (e.entrant).runner_number, e.id)
            from (
                select s.id, jsonb_populate_record(
                    null::raceday.entrants, s.columns || jsonb_build_object('race_id', p_race_id, 'entrant_id', s.id)) as entrant
                from state s where s.of_table = 'entrants'
            ) e
            left join raceday.money_flow_at(p_race_id, p_at) f on f.entrant_id = e.id),
        'pools', (
            select raceday.pools_body(jsonb_populate_record(
                null::raceday.race_pools, s.columns || jsonb_build_object('race_id', p_race_id, 'currency', '$')))
            from state s where s.of_table = 'race_pools'))
    from state s
    join raceday.races r on r.race_id = s.id
    where s.of_table = 'races'
$_$;

COMMENT ON FUNCTION raceday.at_by_payloads(p_race_id text, p_at timestamp with time zone) IS 'race, entrants and pools as they stood at a moment, by the staged payloads; null if the race was not polled by then or its first payloads are gone';

CREATE FUNCTION raceday.backtest_signals(p_from timestamp with time zone, p_to timestamp with time zone, p_level integer) RETURNS TABLE(month date, race_id text, entrant_id text, event_timestamp timestamp with time zone, evidence numeric, provisional boolean, fixed_win_odds numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
begin
    return query
    with watched as materialized (
        select r.month, r.country, r.type, h.race_id, h.entrant_id, h.event_timestamp, h.polling_timestamp, h.id, h.evidence,
            h.fixed_win_odds, raceday.win_pool_band(h.win_pool_cents) as band
        from (
            select r.race_id, r.type, coalesce(r.meeting_country, m.country, '') as country,
                date_trunc('month', r.start_time at time zone 'Pacific/Auckland')::date as month
            from raceday.races r
            left join raceday.meetings m on m.meeting_id = r.meeting_id
            where r.start_time >= p_from and r.start_time < p_to and r.status = 'Final'
        ) r
        join raceday.money_flow_history h on h.race_id = r.race_id
        -- A race may be polled some hours before and after its advertised start.
        where h.event_timestamp >= p_from - interval '1 day' and h.event_timestamp < p_to + interval '1 day'
          and h.evidence is not null and h.win_pool_cents is not null
    ), best as materialized (
        select w.month, w.country, w.type, max(w.evidence) as evidence,
            (array_agg(w.band order by w.polling_timestamp desc, w.id desc))[1] as band
        from watched w
        group by w.race_id, w.month, w.country, w.type
    ), kinds as materialized (
        select held.month, b.country, b.type, b.band, grouping(b.country, b.type) as breadth,
            (array_agg(b.evidence order by b.evidence desc))[(count(*) + 1) / p_level] as threshold
        from (select distinct best.month from best) held
        join best b on b.month <> held.month
        group by grouping sets ((held.month, b.country, b.type, b.band), (held.month, b.type, b.band), (held.month, b.band))
        having count(*) >= greatest(199, p_level - 1)
    ), thresholds as materialized (
        select g.month, g.country, g.type, g.band, k.threshold is null as provisional,
            coalesce(k.threshold, case p_level when 20 then 4.0 when 200 then 5.5 end) as threshold
        from (select distinct w.month, w.country, w.type, w.band from watched w) g
        left join lateral (
            select c.threshold from kinds c
            where c.month = g.month and c.band = g.band
              and (c.breadth = 0 and c.country = g.country and c.type = g.type or c.breadth = 2 and c.type = g.type or c.breadth = 3)
            order by c.breadth limit 1
        ) k on true
    )
    select distinct on (w.race_id, w.entrant_id)
        w.month, w.race_id, w.entrant_id, w.event_timestamp, w.evidence, t.provisional, w.fixed_win_odds
    from watched w
    join thresholds t on t.month = w.month and t.country = w.country and t.type = w.type and t.band = w.band
    where w.evidence >= t.threshold and w.evidence > 0
    order by w.race_id, w.entrant_id, w.polling_timestamp, w.id;
end
$$;

COMMENT ON FUNCTION raceday.backtest_signals(p_from timestamp with time zone, p_to timestamp with time zone, p_level integer) IS 'The signals of final races, judged by the evidence that races of the other months reached';

CREATE FUNCTION raceday.body_value(p_object jsonb, VARIADIC p_names text[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select p_object -> n.name
    from unnest(p_names) with ordinality n (name, position)
    where jsonb_typeof(p_object -> n.name) <> 'null'
    order by n.position
    limit 1
$$;

COMMENT ON FUNCTION raceday.body_value(p_object jsonb, VARIADIC p_names text[]) IS 'The value of a key of a posted object, under the first of its spellings that is present and not null; null if there is none';

CREATE FUNCTION raceday.bounded_int(p_text text, p_default integer, p_min integer, p_max integer) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((p_text ~ '^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$'::text) AND pg_input_is_valid(p_text, 'numeric'::text)) THEN (LEAST(GREATEST(floor((p_text)::numeric), (p_min)::numeric), (p_max)::numeric))::integer ELSE p_default END;

COMMENT ON FUNCTION raceday.bounded_int(p_text text, p_default integer, p_min integer, p_max integer) IS 'A number rounded down and clamped to bounds; the default for anything that is not a number';

CREATE FUNCTION raceday.cacheable_response(p_body json) RETURNS json
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform raceday.set_cache_headers(to_hex(hashtextextended(p_body::text, 0)));
    return p_body;
end
$$;

COMMENT ON FUNCTION raceday.cacheable_response(p_body json) IS 'Sets ETag and Cache-Control; returns the body';

CREATE FUNCTION raceday.calibrate_nightly(p_begun_at timestamp with time zone) RETURNS TABLE(parent_table text, partition text, action text, status text, detail text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET client_min_messages TO 'warning'
    AS $$
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

COMMENT ON FUNCTION raceday.calibrate_nightly(p_begun_at timestamp with time zone) IS 'A step of the calibration of the night that began then, unless it is done; for raceday_maintain';

CREATE FUNCTION raceday.cents(p_dollars numeric) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((p_dollars * (100)::numeric))::bigint;

COMMENT ON FUNCTION raceday.cents(p_dollars numeric) IS 'Dollars as integer cents';

CREATE FUNCTION raceday.chart_points(p_race_id text, p_entrant_id text, p_first timestamp with time zone, p_last timestamp with time zone) RETURNS json
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
begin
    return (
        select coalesce(json_agg(json_build_object(
            'event_timestamp', raceday.utc_text(p.event_timestamp),
            'seconds_to_start', p.seconds_to_start,
            'share_low', round(100.0 * p.win_low / nullif(p.win_pool_cents, 0), 2),
            'share', round(100.0 * p.win_mid / nullif(p.win_pool_cents, 0), 2),
            'share_high', round(100.0 * p.win_high / nullif(p.win_pool_cents, 0), 2),
            'win_low', p.win_low,
            'win_mid', p.win_mid,
            'win_high', p.win_high,
            'fixed_win_odds', p.fixed_win_odds,
            'pool_win_odds', p.pool_win_odds,
            'flow_multiple', p.flow_multiple,
            'evidence', p.evidence
        ) order by p.id), '[]')
        from raceday.money_flow_history p
        where p.entrant_id = p_entrant_id and p.race_id = p_race_id and p.event_timestamp between p_first and p_last
    );
end
$$;

COMMENT ON FUNCTION raceday.chart_points(p_race_id text, p_entrant_id text, p_first timestamp with time zone, p_last timestamp with time zone) IS 'Per poll of a race: the range of a runner''s share of the win pool, its odds and the evidence that it is being backed';

CREATE FUNCTION raceday.clock_is_simulated() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN false;

COMMENT ON FUNCTION raceday.clock_is_simulated() IS 'Whether raceday.now() is simulated; if so, the fetcher refuses any TAB that is not on this machine';

CREATE FUNCTION raceday.clock_rate() RETURNS double precision
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (1.0)::double precision;

COMMENT ON FUNCTION raceday.clock_rate() IS 'Seconds of raceday.now() per second of the server''s clock; 1 unless simulated';

CREATE FUNCTION raceday.create_missing_alerts(p_user_id text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform pg_advisory_xact_lock(hashtextextended('user_alert_configs ' || p_user_id, 0));
    insert into raceday.user_alert_configs (user_id, display_order, percentage_range_min, percentage_range_max, color, is_default)
    select p_user_id, d.display_order, d.percentage_range_min, d.percentage_range_max, d.color, true
    from raceday.default_alerts() d
    where not exists (
        select from raceday.user_alert_configs c where c.user_id = p_user_id and c.display_order = d.display_order);
end
$$;

COMMENT ON FUNCTION raceday.create_missing_alerts(p_user_id text) IS 'Creates a user''s missing indicators with their defaults; locks the user''s alerts until commit';

CREATE FUNCTION raceday.create_missing_partitions() RETURNS TABLE(parent_table text, partition text, action text, status text, detail text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION raceday.create_missing_partitions() IS 'Creates what raceday.monitor_partition_gaps lists; for raceday_maintain';

CREATE FUNCTION raceday.create_partition(p_parent_table text, p_from_at timestamp with time zone, p_to_at timestamp with time zone) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
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

COMMENT ON FUNCTION raceday.create_partition(p_parent_table text, p_from_at timestamp with time zone, p_to_at timestamp with time zone) IS 'Creates the partition for a range that has none, at most a day; returns its name';

CREATE FUNCTION raceday.cursor_moment(p_cursor text) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (p_cursor ~ '^\d{1,16}$'::text) THEN (('1970-01-01 00:00:00+00'::timestamp with time zone + ((((p_cursor)::bigint / 1000000))::double precision * '00:00:01'::interval)) + ((((p_cursor)::bigint % (1000000)::bigint))::double precision * '00:00:00.000001'::interval)) ELSE NULL::timestamp with time zone END;

COMMENT ON FUNCTION raceday.cursor_moment(p_cursor text) IS 'The moment that a cursor stands for, in microseconds since 1970; null for anything else';

CREATE FUNCTION raceday.decode_url_text(p_text text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_text text := replace(p_text, '+', ' ');
    v_bytes bytea;
begin
    if strpos(v_text, '%') = 0 then
        return v_text;
    end if;
    select string_agg(
        case when m.chunk[1] ~ '^(%[0-9A-Fa-f]{2})+$'
            then decode(replace(m.chunk[1], '%', ''), 'hex')
            else convert_to(m.chunk[1], 'UTF8') end,
        ''::bytea order by m.position)
    into v_bytes
    from regexp_matches(v_text, '(?:%[0-9A-Fa-f]{2})+|[^%]+|%', 'g') with ordinality m (chunk, position);
    begin
        return convert_from(v_bytes, 'UTF8');
    exception
        when character_not_in_repertoire or untranslatable_character then
            -- Not text. The leading U+FFFD makes it a value that no id equals and that validation can recognise.
            return U&'\FFFD' || encode(v_bytes, 'escape');
    end;
end
$_$;

COMMENT ON FUNCTION raceday.decode_url_text(p_text text) IS 'Percent-decoded text; if the bytes are not valid UTF-8, U+FFFD followed by the bytes in escape format';

CREATE FUNCTION raceday.default_alerts() RETURNS TABLE(display_order integer, percentage_range_min numeric, percentage_range_max numeric, color text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
 VALUES (1,(5)::numeric,(10)::numeric,'#E5E7EB'::text), (2,10,15,'#BFDBFE'::text), (3,15,20,'#FEF3C7'::text), (4,20,25,'#BBF7D0'::text), (5,25,50,'#FECACA'::text), (6,50,NULL::numeric,'#F3E8FF'::text);
END;

COMMENT ON FUNCTION raceday.default_alerts() IS 'The six default indicators';

CREATE FUNCTION raceday.drop_archived_history(p_waits_for text) RETURNS TABLE(parent_table text, partition text, action text, status text, detail text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION raceday.drop_archived_history(p_waits_for text) IS 'Drops history that has been in schema archive for archive_keep, once it is exported, unless all waits for something; for raceday_maintain';

CREATE TABLE raceday.entrants (
    entrant_id text NOT NULL,
    race_id text NOT NULL,
    name text,
    runner_number integer,
    win_odds numeric(10,2),
    place_odds numeric(10,2),
    pool_win_odds numeric(10,2),
    pool_place_odds numeric(10,2),
    hold_percentage numeric(5,2),
    bet_percentage numeric(5,2),
    is_scratched boolean DEFAULT false NOT NULL,
    is_late_scratched boolean DEFAULT false NOT NULL,
    scratched_at timestamp with time zone,
    barrier integer,
    jockey text,
    trainer_name text,
    silk_colours text,
    silk_url_64 text,
    silk_url_128 text,
    runner_change text,
    favourite boolean DEFAULT false NOT NULL,
    mover boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    opening_odds numeric(10,2),
    opening_odds_at timestamp with time zone,
    nine_am_odds numeric(10,2),
    highest_odds numeric(10,2),
    lowest_odds numeric(10,2)
)
WITH (fillfactor='70');

COMMENT ON TABLE raceday.entrants IS 'A runner of a race, in its current state';

COMMENT ON COLUMN raceday.entrants.entrant_id IS 'The TAB''s id of the runner, unique within its race';

COMMENT ON COLUMN raceday.entrants.win_odds IS 'Fixed odds to win';

COMMENT ON COLUMN raceday.entrants.pool_win_odds IS 'Tote odds to win';

COMMENT ON COLUMN raceday.entrants.hold_percentage IS 'The runner''s share of all money held, in per cent: the sum of its money-tracker rows';

COMMENT ON COLUMN raceday.entrants.opening_odds IS 'Fixed odds to win when the market opened';

COMMENT ON COLUMN raceday.entrants.opening_odds_at IS 'When the opening odds were set';

COMMENT ON COLUMN raceday.entrants.nine_am_odds IS 'Fixed odds to win at 9 am on the day of the race';

COMMENT ON COLUMN raceday.entrants.highest_odds IS 'Highest fixed odds to win so far';

COMMENT ON COLUMN raceday.entrants.lowest_odds IS 'Lowest fixed odds to win so far';

CREATE TABLE raceday.money_flow_history (
    id bigint NOT NULL,
    entrant_id text NOT NULL,
    race_id text NOT NULL,
    hold_percentage numeric(5,2),
    bet_percentage numeric(5,2),
    type text NOT NULL,
    time_to_start integer NOT NULL,
    seconds_to_start integer NOT NULL,
    time_interval integer NOT NULL,
    interval_type text NOT NULL,
    event_timestamp timestamp with time zone NOT NULL,
    polling_timestamp timestamp with time zone NOT NULL,
    win_pool_amount bigint,
    place_pool_amount bigint,
    win_pool_percentage numeric(5,2),
    place_pool_percentage numeric(5,2),
    incremental_amount bigint,
    incremental_win_amount bigint,
    incremental_place_amount bigint,
    tote_win_percentage numeric(5,2),
    tote_win_amount bigint,
    fixed_win_odds numeric(10,2),
    fixed_place_odds numeric(10,2),
    pool_win_odds numeric(10,2),
    pool_place_odds numeric(10,2),
    pool_type text NOT NULL,
    is_consolidated boolean NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    win_pool_cents bigint,
    place_pool_cents bigint,
    win_low bigint,
    win_high bigint,
    win_mid bigint,
    flow_multiple numeric(10,2),
    evidence numeric(8,2)
)
PARTITION BY RANGE (event_timestamp);

COMMENT ON TABLE raceday.money_flow_history IS 'Money flow: one row per runner per poll; amounts in integer cents';

COMMENT ON COLUMN raceday.money_flow_history.time_interval IS 'Bucket in minutes to the start: 60, 55, ..., 5, 4, 3, 2, 1, 0, -1, -2, ...';

COMMENT ON COLUMN raceday.money_flow_history.incremental_win_amount IS 'Cents gained since the previous bucket';

COMMENT ON COLUMN raceday.money_flow_history.tote_win_amount IS 'Cents of the win pool on the runner by 1 / tote odds: overstates favourites, by 0.6 points of the pool below odds of 2.00, because odds are rounded down';

COMMENT ON COLUMN raceday.money_flow_history.win_pool_cents IS 'The win pool at the poll';

COMMENT ON COLUMN raceday.money_flow_history.place_pool_cents IS 'The place pool at the poll';

COMMENT ON COLUMN raceday.money_flow_history.win_low IS 'Cents of the win pool that are on the runner at least, whatever the rounding of the odds; null unless the poll has a win pool and tote odds of every runner not scratched';

COMMENT ON COLUMN raceday.money_flow_history.win_high IS 'Cents of the win pool that are on the runner at most';

COMMENT ON COLUMN raceday.money_flow_history.win_mid IS 'Cents of the win pool on the runner, in the middle of what its odds stand for; within win_low and win_high';

COMMENT ON COLUMN raceday.money_flow_history.flow_multiple IS 'How many times its share of the win pool the runner received of the money since the last snapshot; null where nothing new came in';

COMMENT ON COLUMN raceday.money_flow_history.evidence IS 'Evidence in nats that the runner is being backed, collected from 300 seconds before the start while the race is Open; null outside that time';

CREATE FUNCTION raceday.entrant_at(p_entrant raceday.entrants, p_flow raceday.money_flow_history) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select (raceday.entrant_body(p_entrant)::jsonb || jsonb_build_object(
        'win_low', p_flow.win_low, 'win_mid', p_flow.win_mid, 'win_high', p_flow.win_high, 'evidence', p_flow.evidence))::json
$$;

COMMENT ON FUNCTION raceday.entrant_at(p_entrant raceday.entrants, p_flow raceday.money_flow_history) IS 'A runner as the client API returns it, with the range of money on it and the evidence that it is being backed';

CREATE FUNCTION raceday.entrant_body(p_entrant raceday.entrants) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN json_build_object('entrant_id', (p_entrant).entrant_id, 'name', (p_entrant).name, 'runner_number', (p_entrant).runner_number, 'win_odds', (p_entrant).win_odds, 'place_odds', (p_entrant).place_odds, 'hold_percentage', (p_entrant).hold_percentage, 'is_scratched', (p_entrant).is_scratched, 'pool_win_odds', (p_entrant).pool_win_odds, 'pool_place_odds', (p_entrant).pool_place_odds, 'barrier', (p_entrant).barrier, 'jockey', (p_entrant).jockey, 'trainer_name', (p_entrant).trainer_name, 'silk_colours', (p_entrant).silk_colours, 'silk_url', COALESCE((p_entrant).silk_url_128, (p_entrant).silk_url_64), 'silk_url_64', (p_entrant).silk_url_64, 'silk_url_128', (p_entrant).silk_url_128, 'favourite', (p_entrant).favourite, 'mover', (p_entrant).mover, 'opening_odds', (p_entrant).opening_odds, 'nine_am_odds', (p_entrant).nine_am_odds, 'highest_odds', (p_entrant).highest_odds, 'lowest_odds', (p_entrant).lowest_odds);

COMMENT ON FUNCTION raceday.entrant_body(p_entrant raceday.entrants) IS 'A runner as the client API returns it, without its history';

CREATE FUNCTION raceday.error_header(p_body json) RETURNS json
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select json_build_object('X-Raceday-Error', case
        -- nginx reads at most 16 kB of headers.
        when octet_length(b.body) <= 12000 then b.body
        else raceday.ascii_json(json_build_object('error', p_body ->> 'error')::text) end)
    from (select raceday.ascii_json(p_body::text)) b (body)
$$;

COMMENT ON FUNCTION raceday.error_header(p_body json) IS 'The response header that marks a 400 as ours and repeats its body; without details if they are very long';

CREATE FUNCTION raceday.error_response(p_status integer, p_error text, p_more json DEFAULT NULL::json) RETURNS json
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_body json := json_build_object('error', p_error);
begin
    if p_more is not null then
        v_body := v_body::jsonb || p_more::jsonb;
    end if;
    perform set_config('response.status', p_status::text, true);
    if p_status = 400 then
        perform set_config('response.headers', json_build_array(raceday.error_header(v_body))::text, true);
    end if;
    return v_body;
end
$$;

COMMENT ON FUNCTION raceday.error_response(p_status integer, p_error text, p_more json) IS 'Sets an error status; returns the body {"error": ..., ...}';

CREATE TABLE raceday.race_results (
    race_id text NOT NULL,
    results_available boolean NOT NULL,
    results_data jsonb NOT NULL,
    dividends_data jsonb NOT NULL,
    fixed_odds_data jsonb NOT NULL,
    result_status text,
    photo_finish boolean DEFAULT false NOT NULL,
    stewards_inquiry boolean DEFAULT false NOT NULL,
    protest_lodged boolean DEFAULT false NOT NULL,
    result_time timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT race_results_result_status_check CHECK ((result_status = ANY (ARRAY['interim'::text, 'final'::text, 'protest'::text])))
);

COMMENT ON TABLE raceday.race_results IS 'Placings and dividends, once known';

COMMENT ON COLUMN raceday.race_results.result_time IS 'event_timestamp of the first poll with results';

CREATE FUNCTION raceday.final_payout(p_results raceday.race_results, p_product text, p_runner_number integer) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select max((d.dividend ->> 'dividend')::numeric)
    from jsonb_array_elements(p_results.dividends_data) d (dividend)
    where d.dividend ->> 'product_name' ~* ('^(pool )?' || p_product || '$')
      and d.dividend -> 'positions' @> jsonb_build_array(jsonb_build_object('runner_number', p_runner_number))
$_$;

COMMENT ON FUNCTION raceday.final_payout(p_results raceday.race_results, p_product text, p_runner_number integer) IS 'What the tote paid per dollar on a runner, in Win or Place; null if nothing';

CREATE FUNCTION raceday.import_alert(p jsonb, p_ours jsonb, p_dry_run boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_data jsonb := '{"percentageRangeMax": null}'::jsonb || p - '{$id,$createdAt,$updatedAt}'::text[];
    -- Validates it as if its client had sent it.
    v_alert jsonb := jsonb_strip_nulls(to_jsonb(raceday.appwrite_alert(null, v_data)));
begin
    if p_ours is null then
        perform raceday.import_insert('raceday.user_alert_configs', v_alert || jsonb_build_object(
            'indicator_id', p -> '$id', 'created_at', p -> '$createdAt', 'updated_at', p -> '$updatedAt'), p_dry_run);
    elsif not p_dry_run then
        perform raceday.appwrite_update_alert(p_ours ->> '$id', jsonb_build_object('data', v_data));
    end if;
end
$_$;

COMMENT ON FUNCTION raceday.import_alert(p jsonb, p_ours jsonb, p_dry_run boolean) IS 'Creates an alert, or changes ours';

CREATE FUNCTION raceday.import_attributes(p_collection text, p_attributes jsonb, p_document jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_attribute record;
    v_value jsonb;
    v_result jsonb := '{}';
    v_missing text;
begin
    if jsonb_typeof(p_document) is distinct from 'object' then
        raise data_exception using message = 'it is not an object';
    end if;
    for v_attribute in select a.key as name, a.value ->> 0 as type from jsonb_each(p_attributes) a loop
        v_value := raceday.import_word(p_collection, v_attribute.name,
            raceday.import_value(v_attribute.type, v_attribute.name, p_document -> v_attribute.name));
        if v_value is not null then
            v_result := v_result || jsonb_build_object(v_attribute.name, v_value);
        end if;
    end loop;
    select r into v_missing from unnest(raceday.import_required(p_collection)) r where not v_result ? r limit 1;
    if v_missing is not null then
        raise data_exception using message = case
            when jsonb_typeof(p_document -> v_missing) is distinct from 'null' and p_document ? v_missing
                then format('its %s has no place here', v_missing)
            else format('it has no %s', v_missing) end;
    end if;
    return v_result;
end
$$;

COMMENT ON FUNCTION raceday.import_attributes(p_collection text, p_attributes jsonb, p_document jsonb) IS 'What is known of a document, in one form; raises an error if an attribute has another type or is missing';

CREATE FUNCTION raceday.import_difference(p_collection text, p_theirs jsonb, p_ours jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select string_agg(n.name, ', ' order by n.name)
    from jsonb_object_keys(
        -- What is not known there is no difference, except that an alert may have no upper end.
        case when p_collection = 'user-alert-configs' and p_ours ? 'percentageRangeMax'
            then '{"percentageRangeMax": null}'::jsonb || p_theirs else p_theirs end) n (name)
    where n.name !~ '^\$' and p_theirs -> n.name is distinct from p_ours -> n.name
$_$;

COMMENT ON FUNCTION raceday.import_difference(p_collection text, p_theirs jsonb, p_ours jsonb) IS 'The names of the attributes that differ from ours; null if none does';

CREATE FUNCTION raceday.import_insert(p_table regclass, p_row jsonb, p_dry_run boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    v_columns text := (select string_agg(quote_ident(k), ', ') from jsonb_object_keys(p_row) k);
    v_row text := format('select %s from jsonb_populate_record(null::%s, $1)', v_columns, p_table);
begin
    if p_dry_run then
        execute v_row using p_row;
    else
        execute format('insert into %s (%s) %s', p_table, v_columns, v_row) using p_row;
    end if;
end
$_$;

COMMENT ON FUNCTION raceday.import_insert(p_table regclass, p_row jsonb, p_dry_run boolean) IS 'Inserts a row, by column; columns that it does not have get their defaults';

CREATE FUNCTION raceday.import_key(p_collection text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE p_collection WHEN 'meetings'::text THEN 'd.meeting_id = $1 ->> ''meetingId'''::text WHEN 'entrants'::text THEN 'd.race_id = $1 ->> ''raceId'' and d.entrant_id = $1 ->> ''entrantId'''::text WHEN 'race-pools'::text THEN 'd.race_id = $1 ->> ''raceId'' and p.race_id is not null'::text WHEN 'money-flow-history'::text THEN format('d.race_id = $1 ->> ''raceId'' and d.entrant_id = $1 ->> ''entrantId'' and %s and %s'::text, raceday.appwrite_instant_condition('equal'::text, 'd.event_timestamp'::text, '($1 ->> ''eventTimestamp'')::timestamptz'::text), raceday.appwrite_instant_condition('equal'::text, 'd.polling_timestamp'::text, '($1 ->> ''pollingTimestamp'')::timestamptz'::text)) WHEN 'user-alert-configs'::text THEN '(d.indicator_id = $1 ->> ''$id'' or d.user_id = $1 ->> ''userId''
            and d.display_order = ($1 ->> ''displayOrder'')::numeric) order by d.indicator_id = $1 ->> ''$id'' desc'::text ELSE 'd.race_id = $1 ->> ''raceId'''::text END;

COMMENT ON FUNCTION raceday.import_key(p_collection text) IS 'The condition that a row is that of a document; an alert is also that of its user and place';

CREATE FUNCTION raceday.import_known(p_collection text, p_theirs jsonb, p_ours jsonb, p_dry_run boolean, OUT outcome text, OUT reason text) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    reason := 'differs from ours in ' || raceday.import_difference(p_collection, p_theirs, p_ours);
    outcome := case
        when reason is null then 'equal'
        when p_collection = 'user-alert-configs' and p_theirs ->> 'lastUpdated' > p_ours ->> 'lastUpdated' then 'replaced'
        else 'different' end;
    if outcome = 'replaced' then
        perform raceday.import_alert(p_theirs, p_ours, p_dry_run);
    end if;
end
$$;

COMMENT ON FUNCTION raceday.import_known(p_collection text, p_theirs jsonb, p_ours jsonb, p_dry_run boolean, OUT outcome text, OUT reason text) IS 'Compares a document with ours, and replaces an older alert';

CREATE FUNCTION raceday.import_more(p_collection text, p jsonb, p_document jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select coalesce(case p_collection
        when 'races' then case when jsonb_typeof(p_document -> 'meeting') = 'object' then jsonb_build_object(
            'meeting_name', p_document #> '{meeting,meetingName}', 'meeting_country', p_document #> '{meeting,country}',
            'race_date_nz', left(p_document #>> '{meeting,date}', 10)) end
        when 'race-results' then jsonb_build_object('results_data', coalesce((p ->> 'resultsData')::jsonb, '[]'),
            'dividends_data', coalesce((p ->> 'dividendsData')::jsonb, '[]'),
            'fixed_odds_data', coalesce((p ->> 'fixedOddsData')::jsonb, '{}'))
        when 'race-pools' then (
            select jsonb_object_agg(c.name, round((p ->> c.attribute)::numeric / 100, 2)) || jsonb_build_object(
                'extracted_pools', count(*) filter (where c.name <> 'total_race_pool' and p ? c.attribute),
                -- As for a poll: without a win or a place pool, less is to be relied on.
                'data_quality_score', case when p ?& '{winPoolTotal,placePoolTotal}' then 100 else 70 end,
                'last_updated', p -> '$updatedAt')
            from (values ('win_pool_total', 'winPoolTotal'), ('place_pool_total', 'placePoolTotal'),
                ('quinella_pool_total', 'quinellaPoolTotal'), ('trifecta_pool_total', 'trifectaPoolTotal'),
                ('exacta_pool_total', 'exactaPoolTotal'), ('first4_pool_total', 'first4PoolTotal'),
                ('total_race_pool', 'totalRacePool')) c (name, attribute))
        when 'money-flow-history' then jsonb_build_object('seconds_to_start', coalesce((
            select floor(extract(epoch from r.start_time - (p ->> 'eventTimestamp')::timestamptz))
            from raceday.races r where r.race_id = p ->> 'raceId'), (p ->> 'timeToStart')::numeric * 60))
    end, '{}')
$_$;

COMMENT ON FUNCTION raceday.import_more(p_collection text, p jsonb, p_document jsonb) IS 'The other columns of the row of a document';

CREATE FUNCTION raceday.import_new(p_collection text, p jsonb, p_document jsonb, p_dry_run boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if p_collection = 'user-alert-configs' then
        perform raceday.import_alert(p, null, p_dry_run);
        return;
    end if;
    perform raceday.import_insert(
        ('raceday.' || replace(p_collection, '-', '_'))::regclass,
        raceday.import_row(p_collection, p) || raceday.import_more(p_collection, p, p_document), p_dry_run);
    if p_collection = 'races' and not p_dry_run then
        insert into raceday.imported_races (race_id) values (p ->> 'raceId');
    end if;
end
$$;

COMMENT ON FUNCTION raceday.import_new(p_collection text, p jsonb, p_document jsonb, p_dry_run boolean) IS 'Imports a document that is not here';

CREATE FUNCTION raceday.import_partition(p_at timestamp with time zone, p_dry_run boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
    v_day timestamptz := date_trunc('day', p_at);
    v_retention interval := (
        select c.retention::interval from partman.part_config c where c.parent_table = 'raceday.money_flow_history');
begin
    if p_at > raceday.now() then
        raise data_exception using message = 'its time is to come';
    elsif v_day + interval '24 hours' + v_retention < raceday.now() then
        raise data_exception using message = 'it is older than history is kept: raise the retention of raceday.money_flow_history first';
    elsif not p_dry_run then
        perform raceday.create_partition('raceday.money_flow_history', lower(g), upper(g))
        from unnest(tstzmultirange(tstzrange(v_day, v_day + interval '24 hours')) - (
            select coalesce(range_agg(tstzrange(q.from_at, q.to_at)), '{}') from raceday.monitor_partitions q
            where q.parent_table = 'raceday.money_flow_history')) g;
    end if;
end
$$;

COMMENT ON FUNCTION raceday.import_partition(p_at timestamp with time zone, p_dry_run boolean) IS 'Creates the partition of money flow for a past day that is within retention, if there is none';

CREATE FUNCTION raceday.import_problem(p_collection text, p jsonb, p_accepted text[], p_dry_run boolean) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_race_id text := p ->> 'raceId';
    v_is_imported boolean;
begin
    if p_collection = 'races' then
        return case
            when p ->> 'status' not in ('Final', 'Abandoned') then 'it is not over: Raceday polls it itself'
            when p ? 'meeting' and p ->> 'meeting' <> all (p_accepted)
                and not exists (select from raceday.meetings m where m.meeting_id = p ->> 'meeting')
                then 'its meeting was not imported' end;
    elsif p_collection in ('meetings', 'user-alert-configs') then
        return null;
    end if;
    v_is_imported := exists (select from raceday.imported_races i where i.race_id = v_race_id);
    return case
        when not v_is_imported and v_race_id <> all (p_accepted) then case
            when exists (select from raceday.races r where r.race_id = v_race_id) then 'Raceday has its race from the TAB'
            else 'its race was not imported' end
        when p_collection = 'money-flow-history' and v_is_imported and not p_dry_run and not exists (
            select from raceday.entrants e where e.race_id = v_race_id and e.entrant_id = p ->> 'entrantId')
            then 'its runner was not imported' end;
end
$$;

COMMENT ON FUNCTION raceday.import_problem(p_collection text, p jsonb, p_accepted text[], p_dry_run boolean) IS 'Why a document that is not here may not be imported; null if it may';

CREATE FUNCTION raceday.import_progress(p_race_id text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_ids text[] := array(select e.entrant_id from raceday.entrants e where e.race_id = p_race_id order by e.entrant_id collate "C");
    v_none bigint[] := array_fill(null::bigint, array[cardinality(v_ids)]);
begin
    insert into raceday.race_progress (race_id, processed_through, payload_hash, event_timestamp, first_event_timestamp,
        last_event_timestamp, first_fetched_at, rows_created_at, has_history, entrant_ids, win_intervals, win_amounts, win_bases,
        place_intervals, place_amounts, place_bases, fixed_win_odds, fixed_place_odds, pool_win_odds, pool_place_odds)
    select p_race_id, max(h.polling_timestamp), 0, max(h.event_timestamp), min(h.event_timestamp), max(h.event_timestamp),
        min(h.polling_timestamp), max(h.created_at), true, v_ids, v_none, v_none, v_none, v_none, v_none, v_none, v_none, v_none,
        v_none, v_none
    from raceday.money_flow_history h
    where h.race_id = p_race_id
    having count(*) > 0
    on conflict (race_id) do update
    set processed_through = excluded.processed_through, event_timestamp = excluded.event_timestamp,
        first_event_timestamp = excluded.first_event_timestamp, last_event_timestamp = excluded.last_event_timestamp,
        first_fetched_at = excluded.first_fetched_at, rows_created_at = excluded.rows_created_at;
end
$$;

COMMENT ON FUNCTION raceday.import_progress(p_race_id text) IS 'Notes where the history of an imported race begins and ends, which is where readers look for it';

CREATE FUNCTION raceday.import_required(p_collection text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ('{$id,$createdAt,$updatedAt}'::text[] || CASE p_collection WHEN 'meetings'::text THEN '{meetingId,raceType,date}'::text[] WHEN 'races'::text THEN '{raceId,status,startTime,type}'::text[] WHEN 'entrants'::text THEN '{raceId,entrantId}'::text[] WHEN 'race-pools'::text THEN '{raceId}'::text[] WHEN 'race-results'::text THEN '{raceId,resultsAvailable}'::text[] WHEN 'money-flow-history'::text THEN '{raceId,entrantId,type,timeToStart,timeInterval,intervalType,eventTimestamp,pollingTimestamp}'::text[] ELSE '{userId,percentageRangeMin,color,displayOrder}'::text[] END);

COMMENT ON FUNCTION raceday.import_required(p_collection text) IS 'The attributes that a document of a collection must have';

CREATE FUNCTION raceday.import_row(p_collection text, p jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
    select jsonb_strip_nulls(case p_collection
        when 'meetings' then jsonb_build_object('meeting_id', p -> 'meetingId', 'meeting_name', p -> 'meetingName',
            'country', p -> 'country', 'race_type', lower(split_part(p ->> 'raceType', ' ', 1)), 'date', p -> 'date',
            'weather', p -> 'weather', 'track_condition', p -> 'trackCondition')
        -- As if it had been polled: it is not due, and lists leave it as it is.
        when 'races' then jsonb_build_object('race_id', p -> 'raceId', 'meeting_id', p -> 'meeting', 'name', p -> 'name',
            'status', p -> 'status', 'phase', case p ->> 'status' when 'Final' then 'finished' else 'abandoned' end,
            'race_number', p -> 'raceNumber', 'distance', p -> 'distance', 'start_time', p -> 'startTime',
            'actual_start', p -> 'actualStart', 'track_condition', p -> 'trackCondition', 'weather', p -> 'weather',
            'type', p -> 'type', 'polled_at', p -> 'startTime')
        when 'entrants' then jsonb_build_object('race_id', p -> 'raceId', 'entrant_id', p -> 'entrantId', 'name', p -> 'name',
            'jockey', p -> 'jockey', 'trainer_name', p -> 'trainerName', 'silk_colours', p -> 'silkColours',
            'silk_url_64', p -> 'silkUrl64', 'silk_url_128', p -> 'silkUrl128', 'runner_number', p -> 'runnerNumber',
            'is_scratched', p -> 'isScratched', 'win_odds', p -> 'fixedWinOdds', 'pool_win_odds', p -> 'poolWinOdds',
            'place_odds', p -> 'fixedPlaceOdds', 'pool_place_odds', p -> 'poolPlaceOdds')
        when 'race-pools' then jsonb_build_object('race_id', p -> 'raceId', 'currency', p -> 'currency')
        when 'race-results' then jsonb_build_object('race_id', p -> 'raceId', 'results_available', p -> 'resultsAvailable',
            'photo_finish', p -> 'photoFinish', 'stewards_inquiry', p -> 'stewardsInquiry', 'protest_lodged', p -> 'protestLodged',
            'result_status', p -> 'resultStatus', 'result_time', coalesce(p -> 'resultTime', p -> '$createdAt'))
        when 'money-flow-history' then jsonb_build_object('race_id', p -> 'raceId', 'entrant_id', p -> 'entrantId', 'type', p -> 'type',
            'interval_type', p -> 'intervalType', 'time_interval', p -> 'timeInterval', 'time_to_start', p -> 'timeToStart',
            'hold_percentage', p -> 'holdPercentage', 'incremental_amount', p -> 'incrementalWinAmount',
            'incremental_win_amount', p -> 'incrementalWinAmount', 'incremental_place_amount', p -> 'incrementalPlaceAmount',
            'win_pool_amount', p -> 'winPoolAmount', 'place_pool_amount', p -> 'placePoolAmount',
            'win_pool_percentage', p -> 'winPoolPercentage', 'place_pool_percentage', p -> 'placePoolPercentage',
            'fixed_win_odds', p -> 'fixedWinOdds', 'fixed_place_odds', p -> 'fixedPlaceOdds', 'pool_win_odds', p -> 'poolWinOdds',
            'pool_place_odds', p -> 'poolPlaceOdds', 'event_timestamp', p -> 'eventTimestamp',
            'polling_timestamp', p -> 'pollingTimestamp', 'pool_type', 'combined', 'is_consolidated', true)
    end) || case
        when p_collection = 'race-pools' then '{}'::jsonb
        when p_collection = 'money-flow-history' then jsonb_build_object('created_at', p -> '$createdAt')
        else jsonb_build_object('created_at', p -> '$createdAt', 'updated_at', p -> '$updatedAt') end
$_$;

COMMENT ON FUNCTION raceday.import_row(p_collection text, p jsonb) IS 'The row of a document, by column: what needs no other table';

CREATE FUNCTION raceday.import_value(p_type text, p_name text, p_value jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $_$
declare
    -- A related document, or its id.
    v_value jsonb := case
        when p_name in ('meeting', 'race') and jsonb_typeof(p_value) = 'object' then p_value -> '$id' else p_value end;
    v_text text := v_value #>> '{}';
begin
    if v_text is null then
        return null;
    elsif not raceday.appwrite_fits(case p_type when 'meeting' then 'text' else p_type end, v_value)
        or p_type = 'integer' and v_value::numeric <> trunc(v_value::numeric) then
        raise data_exception using message = format('%s is not of type %s', p_name, p_type);
    elsif p_type = 'instant' then
        return to_jsonb(to_char(raceday.parse_instant(v_text), 'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"'));
    elsif p_type = 'day' then
        return to_jsonb(to_char(raceday.parse_instant(v_text), 'YYYY-MM-DD'));
    elsif p_name in ('resultsData', 'dividendsData', 'fixedOddsData') then
        if not pg_input_is_valid(v_text, 'jsonb') then
            raise data_exception using message = format('%s is not JSON', p_name);
        end if;
        return to_jsonb(v_text::jsonb::text);
    end if;
    return v_value;
end
$_$;

COMMENT ON FUNCTION raceday.import_value(p_type text, p_name text, p_value jsonb) IS 'An attribute in one form, so that equal ones are equal; raises an error if it has another type';

CREATE FUNCTION raceday.import_word(p_collection text, p_name text, p_value jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE ((p_collection || ' '::text) || p_name) WHEN 'meetings raceType'::text THEN CASE WHEN ((p_value #>> '{}'::text[]) = ANY (ARRAY['Thoroughbred Horse Racing'::text, 'Harness Horse Racing'::text])) THEN p_value ELSE NULL::jsonb END WHEN 'races status'::text THEN CASE lower((p_value #>> '{}'::text[])) WHEN 'finalized'::text THEN '"Final"'::jsonb ELSE to_jsonb(initcap((p_value #>> '{}'::text[]))) END WHEN 'races type'::text THEN CASE WHEN ("left"((p_value #>> '{}'::text[]), 1) = ANY (ARRAY['T'::text, 'H'::text])) THEN to_jsonb("left"((p_value #>> '{}'::text[]), 1)) ELSE NULL::jsonb END WHEN 'race-results resultStatus'::text THEN CASE WHEN ((p_value #>> '{}'::text[]) = ANY (ARRAY['interim'::text, 'final'::text, 'protest'::text])) THEN p_value ELSE NULL::jsonb END WHEN 'money-flow-history type'::text THEN CASE WHEN (p_value = '"bucketed_aggregation"'::jsonb) THEN p_value ELSE NULL::jsonb END WHEN 'user-alert-configs color'::text THEN to_jsonb(upper((p_value #>> '{}'::text[]))) ELSE CASE WHEN ((p_collection = 'race-pools'::text) AND (p_value = '0'::jsonb)) THEN NULL::jsonb ELSE p_value END END;

COMMENT ON FUNCTION raceday.import_word(p_collection text, p_name text, p_value jsonb) IS 'A value as Raceday has it; null if it has no such value';

CREATE FUNCTION raceday.number_within(p_value jsonb, p_min numeric, p_max numeric) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((jsonb_typeof(p_value) = 'number'::text) AND (((p_value)::numeric >= p_min) AND ((p_value)::numeric <= p_max)));

COMMENT ON FUNCTION raceday.number_within(p_value jsonb, p_min numeric, p_max numeric) IS 'Whether a posted value is a number within bounds';

CREATE FUNCTION raceday.indicator_problems(p_indicator jsonb) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_remove(ARRAY[CASE WHEN ((p_indicator -> 'type'::text) IS DISTINCT FROM '"percentage_range"'::jsonb) THEN 'indicator_type must be percentage_range'::text ELSE NULL::text END, CASE WHEN (raceday.number_within((p_indicator -> 'min'::text), (0)::numeric, (100)::numeric) IS NOT TRUE) THEN 'percentage_range_min must be a number from 0 to 100'::text ELSE NULL::text END, CASE WHEN ((jsonb_typeof((p_indicator -> 'max'::text)) <> 'null'::text) AND ((NOT raceday.number_within((p_indicator -> 'max'::text), (0)::numeric, (100)::numeric)) OR (raceday.number_within((p_indicator -> 'min'::text), (0)::numeric, (100)::numeric) AND (round(((p_indicator -> 'min'::text))::numeric, 2) >= round(((p_indicator -> 'max'::text))::numeric, 2))))) THEN 'percentage_range_max must be null or a number above percentage_range_min up to 100'::text ELSE NULL::text END, CASE WHEN ((jsonb_typeof((p_indicator -> 'color'::text)) IS DISTINCT FROM 'string'::text) OR ((p_indicator ->> 'color'::text) !~ '^#[0-9A-Fa-f]{6}$'::text)) THEN 'color must be #RRGGBB'::text ELSE NULL::text END, CASE WHEN ((raceday.number_within((p_indicator -> 'display_order'::text), (1)::numeric, (6)::numeric) IS NOT TRUE) OR (((p_indicator -> 'display_order'::text))::numeric <> trunc(((p_indicator -> 'display_order'::text))::numeric))) THEN 'display_order must be a whole number from 1 to 6'::text ELSE NULL::text END, CASE WHEN (jsonb_typeof((p_indicator -> 'indicator_id'::text)) <> ALL (ARRAY['string'::text, 'null'::text])) THEN 'indicator_id must be text'::text ELSE NULL::text END, CASE WHEN (jsonb_typeof((p_indicator -> 'user_id'::text)) <> ALL (ARRAY['string'::text, 'null'::text])) THEN 'user_id must be text'::text ELSE NULL::text END, CASE WHEN (jsonb_typeof((p_indicator -> 'enabled'::text)) <> ALL (ARRAY['boolean'::text, 'null'::text])) THEN 'enabled must be true or false'::text ELSE NULL::text END, CASE WHEN (jsonb_typeof((p_indicator -> 'is_default'::text)) <> ALL (ARRAY['boolean'::text, 'null'::text])) THEN 'is_default must be true or false'::text ELSE NULL::text END], NULL::text);

COMMENT ON FUNCTION raceday.indicator_problems(p_indicator jsonb) IS 'The errors in a posted indicator';

CREATE TABLE raceday.maintenance_settings (
    only_row boolean DEFAULT true NOT NULL,
    retire_from time without time zone DEFAULT '04:00:00'::time without time zone NOT NULL,
    retire_until time without time zone DEFAULT '09:00:00'::time without time zone NOT NULL,
    lock_wait interval DEFAULT '00:00:00.1'::interval NOT NULL,
    archive_payloads boolean DEFAULT false NOT NULL,
    archive_keep interval,
    CONSTRAINT maintenance_settings_archive_keep_check CHECK ((archive_keep > '00:00:00'::interval)),
    CONSTRAINT maintenance_settings_lock_wait_check CHECK (((lock_wait >= '00:00:00.001'::interval) AND (lock_wait <= '00:00:01'::interval))),
    CONSTRAINT maintenance_settings_only_row_check CHECK (only_row)
);

COMMENT ON TABLE raceday.maintenance_settings IS 'Settings of raceday_maintain, one row; how far ahead and how long partitions are kept is in partman.part_config';

COMMENT ON COLUMN raceday.maintenance_settings.retire_from IS 'New Zealand time from which partitions are retired: after Australia''s last race';

COMMENT ON COLUMN raceday.maintenance_settings.retire_until IS 'New Zealand time until which partitions are retired; the same as retire_from for the whole day';

COMMENT ON COLUMN raceday.maintenance_settings.lock_wait IS 'How long a step waits for its lock before it is deferred';

COMMENT ON COLUMN raceday.maintenance_settings.archive_payloads IS 'Whether payloads are kept until they are archived; a fetcher with RACEDAY_ARCHIVE_DIR sets it, a person unsets it';

COMMENT ON COLUMN raceday.maintenance_settings.archive_keep IS 'How long history stays in schema archive before it is exported and dropped, counted from its last day; null for ever';

CREATE FUNCTION raceday.is_archived_first(p_parent_table text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ((p_parent_table = 'raceday.staged_payloads'::text) AND (SELECT s.archive_payloads FROM raceday.maintenance_settings s));

COMMENT ON FUNCTION raceday.is_archived_first(p_parent_table text) IS 'Whether a partition of a table must be archived before it is retired';

CREATE FUNCTION raceday.is_behind_cursor(p_race_id text, p_cursor bigint) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select pg_is_in_recovery() and p_cursor >= 0 and not exists (
        select
        from raceday.race_progress p
        join raceday.money_flow_history h
            on h.race_id = p.race_id and h.event_timestamp between p.first_event_timestamp and p.last_event_timestamp
        where p.race_id = p_race_id and h.id >= p_cursor)
$$;

COMMENT ON FUNCTION raceday.is_behind_cursor(p_race_id text, p_cursor bigint) IS 'Whether this is a standby that has not received yet what a reader with this cursor has seen of the race';

CREATE FUNCTION raceday.live_lead() RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '00:05:00'::interval;

COMMENT ON FUNCTION raceday.live_lead() IS 'How long before its start a race becomes live';

CREATE FUNCTION raceday.is_live(p_start_time timestamp with time zone, p_at timestamp with time zone) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((p_at >= (p_start_time - raceday.live_lead())) AND (p_at <= (p_start_time + '00:15:00'::interval)));

COMMENT ON FUNCTION raceday.is_live(p_start_time timestamp with time zone, p_at timestamp with time zone) IS 'Whether a race that starts at p_start_time is live at p_at';

CREATE FUNCTION raceday.now() RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN statement_timestamp();

COMMENT ON FUNCTION raceday.now() IS 'Raceday''s current time: the server''s clock, or a demo''s simulated one';

CREATE FUNCTION raceday.is_retirement_hour() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT CASE WHEN (s.retire_from < s.retire_until) THEN ((t.now_nz >= s.retire_from) AND (t.now_nz < s.retire_until)) ELSE ((t.now_nz >= s.retire_from) OR (t.now_nz < s.retire_until)) END AS "case" FROM (raceday.maintenance_settings s CROSS JOIN (SELECT ((raceday.now() AT TIME ZONE 'Pacific/Auckland'::text))::time without time zone AS now_nz) t));

COMMENT ON FUNCTION raceday.is_retirement_hour() IS 'Whether it is the time of day at which partitions are archived and retired';

CREATE FUNCTION raceday.key_hash(p_key text) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN sha256(convert_to(COALESCE(p_key, ''::text), 'UTF8'::name));

COMMENT ON FUNCTION raceday.key_hash(p_key text) IS 'What is stored of a key; a missing key is hashed like a wrong one';

CREATE FUNCTION raceday.lease_end(p_now timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select p_now + s.lease * raceday.clock_rate() from raceday.poll_settings s
$$;

COMMENT ON FUNCTION raceday.lease_end(p_now timestamp with time zone) IS 'When a lease that begins now ends';

CREATE FUNCTION raceday.live_delta(p_race_id text, p_after bigint DEFAULT NULL::bigint, p_signals_after timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(version bigint, is_stale boolean, cursor_id bigint, has_more boolean, race text, pools text, documents text, signals text[], signals_through timestamp with time zone, result text, status text, start_time text, committed_at timestamp with time zone, committed_ago double precision)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
declare
    v_race raceday.races;
    v_progress record;
    -- created_at of the row that the cursor names.
    v_after_at timestamptz;
    v_signals_after timestamptz;
begin
    select r.* into v_race from raceday.races r where r.race_id = p_race_id;
    if not found then
        return;
    end if;
    select p.first_event_timestamp as first, p.last_event_timestamp as last, p.rows_created_at, p.payload_hash into v_progress
    from raceday.race_progress p where p.race_id = p_race_id;
    if p_after > 0 then
        select h.created_at into v_after_at from raceday.money_flow_history h
        where h.race_id = p_race_id and h.id = p_after and h.event_timestamp between v_progress.first and v_progress.last;
        is_stale := v_after_at is null
            or exists (select from raceday.history_deletions d where d.race_id = p_race_id and d.deleted_at > v_after_at);
    end if;
    is_stale := coalesce(is_stale, false);
    if p_after is null or is_stale then
        select n.documents, n.cursor_id, false into documents, cursor_id, has_more
        from raceday.live_newest(p_race_id, v_progress.first, v_progress.last) n;
    else
        select l.documents, l.cursor_id, l.has_more into documents, cursor_id, has_more
        from raceday.live_rows(p_race_id, p_after, v_progress.first, v_progress.last) l;
    end if;
    v_signals_after := coalesce(p_signals_after, case when not is_stale then v_after_at end, '-infinity');
    select array_agg(raceday.signal_body(s)::text order by s.created_at, s.entrant_id, s.level), max(s.created_at)
    into signals, signals_through
    from raceday.signals s where s.race_id = p_race_id and s.created_at > v_signals_after;

    version := raceday.live_version(v_progress.rows_created_at, v_progress.payload_hash, v_race.updated_at);
    cursor_id := coalesce(cursor_id, p_after, 0);
    has_more := coalesce(has_more, false);
    documents := coalesce(documents, '[]');
    signals := coalesce(signals, '{}');
    signals_through := nullif(coalesce(signals_through, v_signals_after), '-infinity');
    race := raceday.race_body(v_race);
    pools := (select raceday.pools_body(p) from raceday.race_pools p where p.race_id = p_race_id);
    result := (select raceday.results_body(r) from raceday.race_results r where r.race_id = p_race_id and r.results_available);
    status := v_race.status;
    start_time := raceday.utc_text(v_race.start_time);
    committed_at := greatest(v_progress.rows_created_at, v_race.updated_at);
    committed_ago := extract(epoch from clock_timestamp() - committed_at);
    return next;
end
$$;

COMMENT ON FUNCTION raceday.live_delta(p_race_id text, p_after bigint, p_signals_after timestamp with time zone) IS 'A race as it is now, with its money flow after a cursor and its signals after a time; without a cursor, or if rows before it were replaced (is_stale), the newest row of each runner. No row if there is no such race';

CREATE FUNCTION raceday.live_newest(p_race_id text, p_first timestamp with time zone, p_last timestamp with time zone) RETURNS TABLE(documents text, cursor_id bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
begin
    return query
    select '[' || coalesce(string_agg(substr(page.documents, 2, length(page.documents) - 2), ',' order by newest.id), '') || ']',
        coalesce(max(newest.id), 0)
    from raceday.entrants e
    cross join lateral (
        select h.id from raceday.money_flow_history h
        where h.entrant_id = e.entrant_id and h.race_id = p_race_id and h.event_timestamp between p_first and p_last
            and h.type = 'bucketed_aggregation' and h.time_interval > -65 and h.time_interval < 66
        order by h.event_timestamp desc, h.id desc limit 1
    ) newest
    cross join lateral raceday.raceday_timeline_page(
        p_race_id, array[e.entrant_id], p_first, p_last, newest.id - 1, '-infinity', 1) page
    where e.race_id = p_race_id;
end
$$;

COMMENT ON FUNCTION raceday.live_newest(p_race_id text, p_first timestamp with time zone, p_last timestamp with time zone) IS 'The newest document of each runner of a race, as the timeline has it, and the cursor of the newest of all';

CREATE FUNCTION raceday.live_overview() RETURNS TABLE(movers text, next text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    movers := api.client_movers('');
    next := api.client_upcoming_races('lookbackMinutes=0&limit=10') -> 'races';
    return next;
end
$$;

COMMENT ON FUNCTION raceday.live_overview() IS 'Who is being backed over all races, and the next races to start, as the client API returns them';

CREATE FUNCTION raceday.live_progress(p_race_ids text[]) RETURNS TABLE(race_id text, version bigint)
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select c.race_id, raceday.live_version(g.rows_created_at, g.payload_hash, c.updated_at)
    from (
        select r.race_id, r.updated_at from raceday.races r
        where r.start_time between raceday.now() - interval '4 hours' and raceday.now() + interval '4 hours'
        union
        select r.race_id, r.updated_at from raceday.races r where r.race_id = any (p_race_ids)
    ) c
    left join raceday.race_progress g on g.race_id = c.race_id
$$;

COMMENT ON FUNCTION raceday.live_progress(p_race_ids text[]) IS 'The versions of the races that start or started within four hours, and of the given races: the hub asks once per second';

CREATE FUNCTION raceday.live_races_polled() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select not exists (
        select
        from raceday.races r
        join raceday.due_races d on d.race_id = r.race_id
        join raceday.race_polls p on p.race_id = r.race_id
        left join raceday.race_progress progress on progress.race_id = r.race_id
        -- For the index: health checks are frequent, and most of the day's races are far from their start.
        where r.phase in ('upcoming', 'in_progress') and r.start_time <= raceday.now() + raceday.live_lead()
          -- However long after its start, a race that is not finished counts: clients are waiting for its result.
          and (d.is_live or d.seconds_to_start < 0)
          -- Of a missing race no payload can be expected.
          and not d.is_missing
          -- A race that was never polled counts from when it became known, and one that was no longer listed from when it was listed again.
          and greatest(progress.processed_through, p.first_due_at) < raceday.now() - interval '60 seconds'
    )
$$;

COMMENT ON FUNCTION raceday.live_races_polled() IS 'Whether every race that is live, or started and not finished, has had a payload in the last 60 seconds, except missing ones';

CREATE FUNCTION raceday.live_rows(p_race_id text, p_after bigint, p_first timestamp with time zone, p_last timestamp with time zone) RETURNS TABLE(documents text, cursor_id bigint, has_more boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select page.documents, page.next_cursor, cardinality(page.covered_ids) >= 2000
    from raceday.raceday_timeline_page(
        p_race_id, array(select e.entrant_id from raceday.entrants e where e.race_id = p_race_id), p_first, p_last, p_after, '-infinity',
        2000) page
$$;

COMMENT ON FUNCTION raceday.live_rows(p_race_id text, p_after bigint, p_first timestamp with time zone, p_last timestamp with time zone) IS 'The documents of all runners of a race after a cursor, up to 2000, as the timeline has them; no row if there are none';

CREATE FUNCTION raceday.live_version(p_rows_created_at timestamp with time zone, p_payload_hash bigint, p_updated_at timestamp with time zone) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN hashtextextended(concat_ws(' '::text, p_rows_created_at, p_payload_hash, p_updated_at), (0)::bigint);

COMMENT ON FUNCTION raceday.live_version(p_rows_created_at timestamp with time zone, p_payload_hash bigint, p_updated_at timestamp with time zone) IS 'A number that changes whenever what a race shows changes; it stays the same while polls repeat each other';

CREATE FUNCTION raceday.utc_text(p_at timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_char((p_at AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'::text);

COMMENT ON FUNCTION raceday.utc_text(p_at timestamp with time zone) IS 'An instant as 2025-10-05T12:00:00.000Z: always with milliseconds, always the same width';

CREATE TABLE raceday.meetings (
    meeting_id text NOT NULL,
    meeting_name text,
    country text,
    race_type text NOT NULL,
    category text GENERATED ALWAYS AS (
CASE race_type
    WHEN 'thoroughbred'::text THEN 'T'::text
    ELSE 'H'::text
END) STORED,
    date date NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    state text,
    track_condition text,
    weather text,
    tote_status text,
    listed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT meetings_race_type_check CHECK ((race_type = ANY (ARRAY['thoroughbred'::text, 'harness'::text]))),
    CONSTRAINT meetings_status_check CHECK ((status = ANY (ARRAY['active'::text, 'completed'::text, 'cancelled'::text])))
);

COMMENT ON TABLE raceday.meetings IS 'A day of racing at one track';

COMMENT ON COLUMN raceday.meetings.date IS 'New Zealand day';

COMMENT ON COLUMN raceday.meetings.listed_at IS 'fetched_at of the latest meetings list that names the meeting; null while it is known from races only';

CREATE FUNCTION raceday.meeting_body(p_meeting raceday.meetings, p_track_condition text, p_weather text) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN json_build_object('meeting_id', (p_meeting).meeting_id, 'meeting_name', (p_meeting).meeting_name, 'country', (p_meeting).country, 'race_type', (p_meeting).race_type, 'date', (p_meeting).date, 'status', (p_meeting).status, 'category', (p_meeting).category, 'track_condition', COALESCE((p_meeting).track_condition, p_track_condition), 'weather', COALESCE((p_meeting).weather, p_weather), 'created_at', raceday.utc_text((p_meeting).created_at), 'updated_at', raceday.utc_text((p_meeting).updated_at));

COMMENT ON FUNCTION raceday.meeting_body(p_meeting raceday.meetings, p_track_condition text, p_weather text) IS 'A meeting as the client API returns it, with the conditions to show if it has none itself';

CREATE FUNCTION raceday.money_flow_at(p_race_id text, p_at timestamp with time zone) RETURNS SETOF raceday.money_flow_history
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
declare
    v_first timestamptz;
    v_last timestamptz;
begin
    select p.first_event_timestamp, p.last_event_timestamp into v_first, v_last
    from raceday.race_progress p where p.race_id = p_race_id;
    return query
        select distinct on (h.entrant_id) h.*
        from raceday.money_flow_history h
        where h.race_id = p_race_id and h.event_timestamp between v_first and v_last and h.polling_timestamp <= p_at
        order by h.entrant_id, h.polling_timestamp desc, h.id desc;
end
$$;

COMMENT ON FUNCTION raceday.money_flow_at(p_race_id text, p_at timestamp with time zone) IS 'The newest row of money flow of each runner of a race by a moment';

CREATE FUNCTION raceday.monitor_memory(OUT used_bytes bigint, OUT limit_bytes bigint) RETURNS record
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
$_$;

COMMENT ON FUNCTION raceday.monitor_memory(OUT used_bytes bigint, OUT limit_bytes bigint) IS 'Memory in use where the server runs, without page cache, and its limit; null where the system does not report it';

CREATE FUNCTION raceday.movers() RETURNS TABLE(race_id text, entrant_id text, runner_number integer, name text, race_number integer, race_name text, meeting_id text, meeting_name text, country text, type text, start_time timestamp with time zone, status text, minutes_to_start integer, evidence numeric, rarity bigint, provisional boolean, level integer, signalled_at timestamp with time zone, money bigint, excess bigint, multiple numeric, share_before numeric, share_after numeric, fixed_win_odds numeric, pool_win_odds numeric, reasons jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select r.race_id, w.entrant_id, e.runner_number, e.name, r.race_number, r.name, r.meeting_id, m.meeting_name, m.country, r.type,
        r.start_time, r.status, floor(extract(epoch from r.start_time - t.now) / 60)::int, w.evidence, w.rarity, w.provisional,
        s.level, s.event_timestamp, w.money, w.excess, w.multiple, w.share_before, w.share_after, e.win_odds, e.pool_win_odds, s.reasons
    from (select raceday.now() as now) t
    join raceday.races r on r.phase in ('upcoming', 'in_progress')
        and r.start_time between t.now - interval '2 hours' and t.now + interval '1 hour'
    cross join lateral raceday.raceday_watch(r.race_id) w
    join raceday.entrants e on e.race_id = r.race_id and e.entrant_id = w.entrant_id and not e.is_scratched
    left join raceday.meetings m on m.meeting_id = r.meeting_id
    left join lateral (
        select l.level, l.event_timestamp, l.reasons from raceday.signals l
        where l.race_id = r.race_id and l.entrant_id = w.entrant_id
        order by l.level desc limit 1
    ) s on true
    where w.evidence > 0
$$;

COMMENT ON FUNCTION raceday.movers() IS 'Runners with evidence of being backed, in races that are not finished, from an hour before the start to two hours after it';

CREATE TABLE raceday.races (
    race_id text NOT NULL,
    meeting_id text,
    name text,
    race_number integer,
    start_time timestamp with time zone NOT NULL,
    status text DEFAULT 'Open'::text NOT NULL,
    phase text DEFAULT 'upcoming'::text NOT NULL,
    actual_start timestamp with time zone,
    distance integer,
    track_condition text,
    weather text,
    type text NOT NULL,
    protest boolean DEFAULT false NOT NULL,
    last_status_change timestamp with time zone,
    finalized_at timestamp with time zone,
    abandoned_at timestamp with time zone,
    polled_at timestamp with time zone,
    listed_at timestamp with time zone,
    listed_start_time timestamp with time zone,
    listed_status text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    meeting_name text,
    meeting_country text,
    meeting_state text,
    race_date_nz date,
    CONSTRAINT races_phase_check CHECK ((phase = ANY (ARRAY['upcoming'::text, 'in_progress'::text, 'finished'::text, 'abandoned'::text]))),
    CONSTRAINT races_type_check CHECK ((type = ANY (ARRAY['T'::text, 'H'::text])))
);

COMMENT ON TABLE raceday.races IS 'A race as of its latest poll; before its first poll, as of the latest meetings list';

COMMENT ON COLUMN raceday.races.start_time IS 'Advertised start';

COMMENT ON COLUMN raceday.races.status IS 'As the TAB gives it, capitalised: Open, Closed, Interim, Final, Abandoned';

COMMENT ON COLUMN raceday.races.actual_start IS 'As the TAB gives it once the race is no longer open; null until then';

COMMENT ON COLUMN raceday.races.last_status_change IS 'event_timestamp of the poll that brought the current status';

COMMENT ON COLUMN raceday.races.polled_at IS 'fetched_at of the first poll; from then on, polls own the row and meetings lists only set listed_*';

COMMENT ON COLUMN raceday.races.listed_at IS 'fetched_at of the latest meetings list that changed listed_start_time or listed_status';

COMMENT ON COLUMN raceday.races.meeting_name IS 'Name of the meeting as the race''s polls report it';

COMMENT ON COLUMN raceday.races.meeting_country IS 'Country of the meeting as the race''s polls report it';

COMMENT ON COLUMN raceday.races.meeting_state IS 'State of the meeting as the race''s polls report it';

COMMENT ON COLUMN raceday.races.race_date_nz IS 'New Zealand day as the race''s polls report it; a meeting that no list names has the earliest of its races';

CREATE FUNCTION raceday.navigation_body(p_race raceday.races) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN json_build_object('race_id', (p_race).race_id, 'name', (p_race).name, 'start_time', raceday.utc_text((p_race).start_time), 'meeting_name', (SELECT m.meeting_name FROM raceday.meetings m WHERE (m.meeting_id = (navigation_body.p_race).meeting_id)));

COMMENT ON FUNCTION raceday.navigation_body(p_race raceday.races) IS 'A race as a navigation target';

CREATE FUNCTION raceday.next_poll(p_slot_at timestamp with time zone, p_start_time timestamp with time zone, p_at timestamp with time zone) RETURNS TABLE(slot_at timestamp with time zone, first_slot_at timestamp with time zone, every_s integer)
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT min(GREATEST((next_poll.p_slot_at + make_interval(secs => (c.every_s)::double precision)), (next_poll.p_start_time - make_interval(secs => (c.within_s)::double precision)))) AS min,
     (next_poll.p_start_time - make_interval(secs => (max(c.within_s))::double precision)),
     min(c.every_s) FILTER (WHERE ((next_poll.p_start_time - make_interval(secs => (c.within_s)::double precision)) <= next_poll.p_at)) AS min
    FROM raceday.poll_cadence c
   WHERE (NOT c.after_close);
END;

COMMENT ON FUNCTION raceday.next_poll(p_slot_at timestamp with time zone, p_start_time timestamp with time zone, p_at timestamp with time zone) IS 'When a race is due after a slot, when it is first due, and the cadence in force at p_at (null: not polled yet)';

CREATE FUNCTION raceday.note_feed_refresh() RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with due as (
        select f.only_row from raceday.feed_refresh f
        where f.computed_at < raceday.now() - interval '5 seconds' or f.computed_at > raceday.now()
        for update skip locked
    ), phases as materialized (
        select f.phase_s, extract(epoch from s.period)::double precision as period_s
        from raceday.races r
        join raceday.race_refreshes f on f.race_id = r.race_id
        cross join raceday.refresh_settings s
        where r.phase in ('upcoming', 'in_progress') and f.is_certain and f.observed_at > raceday.now() - interval '5 minutes'
          and r.start_time between raceday.now() - interval '65 minutes' and raceday.now() + interval '65 minutes'
    ), middle as (
        select degrees(atan2(sum(sin(radians(360 * p.phase_s / p.period_s))), sum(cos(radians(360 * p.phase_s / p.period_s))))) / 360 * min(p.period_s)
            as phase_s
        from phases p
    ), spread as (
        select count(*)::int as races, m.phase_s + max(d.s) as phase_s, max(d.s) - min(d.s) as spread_s, min(p.period_s) as period_s
        from phases p
        cross join middle m
        cross join lateral (select raceday.around(p.phase_s - m.phase_s, p.period_s) as s) d
        group by m.phase_s
    )
    update raceday.feed_refresh f
    set phase_s = case when c.races >= 3 and c.spread_s <= 1.0 then c.phase_s - c.period_s * floor(c.phase_s / c.period_s) end,
        spread_s = c.spread_s,
        races = coalesce(c.races, 0),
        computed_at = raceday.now()
    from due
    left join spread c on true
    where f.only_row = due.only_row
$$;

COMMENT ON FUNCTION raceday.note_feed_refresh() IS 'Computes the phase that races have in common: at least three, which differ by at most a second';

CREATE FUNCTION raceday.note_refresh(p_race_id text, p_worker text, p_refresh jsonb) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    insert into raceday.race_refreshes as f (
        race_id, state, phase_s, age_s, is_certain, observed_at, rank, slot_at, gap_s, again_at, data_age_s, changed_within_s)
    select p.race_id, e.state, e.phase_s, e.age_s, e.is_certain, raceday.now(),
        case when e.is_certain then raceday.refresh_rank(p.race_id, e.phase_s) else 0 end,
        p.slot_at, e.gap_s, case when e.is_due then raceday.now() + s.again_after end, e.data_age_s, e.changed_within_s
    from jsonb_to_record(p_refresh) as e (
        state jsonb, phase_s double precision, age_s double precision, is_certain boolean, gap_s double precision, is_due boolean,
        data_age_s double precision, changed_within_s double precision)
    cross join raceday.refresh_settings s
    join raceday.race_polls p on p.race_id = p_race_id
    -- Another worker may have taken over since: what it observes is newer.
    where p.claimed_by = p_worker
    on conflict (race_id) do update set
        state = excluded.state, phase_s = excluded.phase_s, age_s = excluded.age_s, is_certain = excluded.is_certain,
        observed_at = excluded.observed_at, rank = excluded.rank, slot_at = excluded.slot_at, gap_s = excluded.gap_s,
        again_at = excluded.again_at, data_age_s = excluded.data_age_s, changed_within_s = excluded.changed_within_s;
    select raceday.note_feed_refresh()
$$;

COMMENT ON FUNCTION raceday.note_refresh(p_race_id text, p_worker text, p_refresh jsonb) IS 'Stores what a worker''s poll has shown of a race''s refreshes: the fields of race_refreshes; is_due: a refresh was due and had not arrived';

CREATE FUNCTION raceday.parse_body(p_body text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    return p_body::jsonb;
exception
    -- Not JSON, contains NUL or an unpaired surrogate, nested too deeply: for any such reason it is not a valid body.
    when others then
        return null;
end
$$;

COMMENT ON FUNCTION raceday.parse_body(p_body text) IS 'A posted body as JSON; null if it is not JSON';

CREATE FUNCTION raceday.request_header(p_name text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ((NULLIF(current_setting('request.headers'::text, true), ''::text))::json ->> p_name);

COMMENT ON FUNCTION raceday.request_header(p_name text) IS 'A header of the current REST request, by its lower-case name; null outside a request';

CREATE FUNCTION raceday.path_id() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN raceday.decode_url_text(replace(raceday.request_header('x-raceday-id'::text), '+'::text, '%2B'::text));

COMMENT ON FUNCTION raceday.path_id() IS 'The id at the end of the current REST request''s path';

CREATE FUNCTION raceday.poll_every_s(p_seconds_to_start double precision) RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT n.every_s
    FROM raceday.next_poll(NULL::timestamp with time zone, to_timestamp(poll_every_s.p_seconds_to_start), to_timestamp((0)::double precision)) n(slot_at, first_slot_at, every_s);
END;

COMMENT ON FUNCTION raceday.poll_every_s(p_seconds_to_start double precision) IS 'Seconds between polls this many seconds before the start; null: not polled yet';

CREATE TABLE raceday.race_pools (
    race_id text NOT NULL,
    win_pool_total numeric(12,2),
    place_pool_total numeric(12,2),
    quinella_pool_total numeric(12,2),
    trifecta_pool_total numeric(12,2),
    exacta_pool_total numeric(12,2),
    first4_pool_total numeric(12,2),
    total_race_pool numeric(12,2),
    currency text DEFAULT '$'::text NOT NULL,
    data_quality_score integer NOT NULL,
    extracted_pools integer NOT NULL,
    last_updated timestamp with time zone NOT NULL,
    multi_leg_pool_total numeric(12,2),
    CONSTRAINT race_pools_data_quality_score_check CHECK (((data_quality_score >= 0) AND (data_quality_score <= 100)))
)
WITH (fillfactor='50');

COMMENT ON TABLE raceday.race_pools IS 'Tote pools of a race in dollars, one column per product';

COMMENT ON COLUMN raceday.race_pools.total_race_pool IS 'Sum of the race''s own pools: may be added up over races';

COMMENT ON COLUMN raceday.race_pools.last_updated IS 'event_timestamp of the poll that last changed the pools';

COMMENT ON COLUMN raceday.race_pools.multi_leg_pool_total IS 'Sum of the pools that span several races, such as quadrellas: each is repeated in every leg, so do not add it up over races';

CREATE FUNCTION raceday.pools_body(p_pools raceday.race_pools) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN json_build_object('race_id', (p_pools).race_id, 'win_pool_total', raceday.cents((p_pools).win_pool_total), 'place_pool_total', raceday.cents((p_pools).place_pool_total), 'quinella_pool_total', raceday.cents((p_pools).quinella_pool_total), 'trifecta_pool_total', raceday.cents((p_pools).trifecta_pool_total), 'exacta_pool_total', raceday.cents((p_pools).exacta_pool_total), 'first4_pool_total', raceday.cents((p_pools).first4_pool_total), 'total_race_pool', raceday.cents((p_pools).total_race_pool), 'currency', (p_pools).currency, 'data_quality_score', (p_pools).data_quality_score, 'extracted_pools', (p_pools).extracted_pools, 'last_updated', raceday.utc_text((p_pools).last_updated));

COMMENT ON FUNCTION raceday.pools_body(p_pools raceday.race_pools) IS 'The pools of a race as the client API returns them, in cents';

CREATE FUNCTION raceday.query_values(p_query text, p_names text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select array_agg(v.value order by pair.position)
    from string_to_table(p_query, '&') with ordinality pair (text, position)
    cross join lateral (select strpos(pair.text, '=') as at) equals
    cross join lateral (select raceday.decode_url_text(substr(pair.text, equals.at + 1)) as value) v
    where equals.at > 1
      and raceday.decode_url_text(left(pair.text, equals.at - 1)) = any (p_names)
      and v.value <> ''
$$;

COMMENT ON FUNCTION raceday.query_values(p_query text, p_names text[]) IS 'Values of a parameter under any of its spellings, in order, without empty ones; null if there is none';

CREATE FUNCTION raceday.query_value(p_query text, VARIADIC p_names text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (p_query <> ''::text) THEN (raceday.query_values(p_query, p_names))[1] ELSE NULL::text END;

COMMENT ON FUNCTION raceday.query_value(p_query text, VARIADIC p_names text[]) IS 'The first non-empty value of a parameter; null if there is none';

CREATE FUNCTION raceday.queue_staged_payload() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    -- Asked here and not in a WHEN clause: that would be parsed anew at every insert.
    if new.status = 'pending' then
        insert into raceday.pending_payloads (race_id, fetched_at, payload_id)
        values (new.race_id, new.fetched_at, new.payload_id);
    end if;
    return null;
end
$$;

COMMENT ON FUNCTION raceday.queue_staged_payload() IS 'Trigger: queues a payload staged as pending, whoever staged it and however';

CREATE FUNCTION raceday.race_body(p_race raceday.races) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN json_build_object('race_id', (p_race).race_id, 'name', (p_race).name, 'race_number', (p_race).race_number, 'start_time', raceday.utc_text((p_race).start_time), 'status', (p_race).status, 'meeting_id', (p_race).meeting_id, 'phase', (p_race).phase, 'actual_start', raceday.utc_text((p_race).actual_start), 'distance', (p_race).distance, 'track_condition', COALESCE((p_race).track_condition, (SELECT m.track_condition FROM raceday.meetings m WHERE (m.meeting_id = (race_body.p_race).meeting_id))), 'weather', COALESCE((p_race).weather, (SELECT m.weather FROM raceday.meetings m WHERE (m.meeting_id = (race_body.p_race).meeting_id))), 'type', (p_race).type, 'created_at', raceday.utc_text((p_race).created_at), 'updated_at', raceday.utc_text((p_race).updated_at));

COMMENT ON FUNCTION raceday.race_body(p_race raceday.races) IS 'A race as the client API returns it';

CREATE FUNCTION raceday.race_conditions(p_meeting_id text) RETURNS TABLE(track_condition text, weather text)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT ( SELECT r.track_condition
            FROM raceday.races r
           WHERE ((r.meeting_id = race_conditions.p_meeting_id) AND (r.track_condition IS NOT NULL))
           ORDER BY r.race_number
          LIMIT 1) AS track_condition,
     ( SELECT r.weather
            FROM raceday.races r
           WHERE ((r.meeting_id = race_conditions.p_meeting_id) AND (r.weather IS NOT NULL))
           ORDER BY r.race_number
          LIMIT 1) AS weather;
END;

COMMENT ON FUNCTION raceday.race_conditions(p_meeting_id text) IS 'The first known track condition and weather of a meeting''s races: a meetings list may give them for the races only';

CREATE FUNCTION raceday.race_version(p_race_id text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select concat_ws(' ',
        (select row(p.processed_through, p.payload_hash, p.rows_created_at, p.first_event_timestamp, p.last_event_timestamp)::text
            from raceday.race_progress p where p.race_id = p_race_id),
        (select row(count(*), max(e.updated_at))::text from raceday.entrants e where e.race_id = p_race_id))
$$;

COMMENT ON FUNCTION raceday.race_version(p_race_id text) IS 'A text that changes whenever a race''s runners or history change';

CREATE FUNCTION raceday.raceday_archive_begin() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    update raceday.maintenance_settings set archive_payloads = true where not archive_payloads;
$$;

COMMENT ON FUNCTION raceday.raceday_archive_begin() IS 'From now on, payloads are dropped only once they are archived. Fetchers with RACEDAY_ARCHIVE_DIR call it; only a person ends it';

CREATE FUNCTION raceday.raceday_archive_due(p_force boolean DEFAULT false) RETURNS TABLE(parent_table text, partition text, first_day date, last_day date, row_count bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION raceday.raceday_archive_due(p_force boolean) IS 'Partitions whose rows are not all in the archive, at the hour for it or if forced: payloads of days that are over, and history past archive_keep';

CREATE FUNCTION raceday.raceday_archive_page(p_from_at timestamp with time zone, p_to_at timestamp with time zone, p_race_id text, p_fetched_at timestamp with time zone, p_payload_id bigint, p_limit integer) RETURNS TABLE(payload_id bigint, kind text, race_id text, fetched_at timestamp with time zone, is_raw boolean, body bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION raceday.raceday_archive_page(p_from_at timestamp with time zone, p_to_at timestamp with time zone, p_race_id text, p_fetched_at timestamp with time zone, p_payload_id bigint, p_limit integer) IS 'The next payloads of a time by race and time, after the one given; in short transactions, so that nothing waits for an archive';

CREATE FUNCTION raceday.raceday_archived(p_parent_table text, p_partition text, p_row_count bigint, p_file text, p_file_bytes bigint, p_sha256 text, p_archived_by text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    insert into raceday.archived_partitions (parent_table, partition, row_count, file, file_bytes, sha256, archived_by)
    values (p_parent_table, p_partition, p_row_count, p_file, p_file_bytes, p_sha256, p_archived_by)
    on conflict (parent_table, partition) do update
    set row_count = excluded.row_count, file = excluded.file, file_bytes = excluded.file_bytes, sha256 = excluded.sha256,
        archived_by = excluded.archived_by, archived_at = clock_timestamp();
$$;

COMMENT ON FUNCTION raceday.raceday_archived(p_parent_table text, p_partition text, p_row_count bigint, p_file text, p_file_bytes bigint, p_sha256 text, p_archived_by text) IS 'Notes that a partition''s rows are in a file';

CREATE FUNCTION raceday.raceday_at(p_race_id text, p_at timestamp with time zone) RETURNS json
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_source text := 'payloads';
    v_state json := raceday.at_by_payloads(p_race_id, p_at);
begin
    if v_state is null then
        v_source := 'history';
        v_state := raceday.at_by_history(p_race_id, p_at);
    end if;
    return case when v_state is not null then json_build_object(
        'at', raceday.utc_text(p_at),
        'source', v_source,
        'race', v_state -> 'race',
        'entrants', v_state -> 'entrants',
        'pools', v_state -> 'pools') end;
end
$$;

COMMENT ON FUNCTION raceday.raceday_at(p_race_id text, p_at timestamp with time zone) IS 'A race, its runners and its pools as they stood at a moment, named as in the client API; null if it was not polled by then. source is payloads, or history where the payloads are no longer staged: then status and other pools than win and place are unknown';

CREATE FUNCTION raceday.raceday_backtest(p_from timestamp with time zone, p_to timestamp with time zone, p_level integer DEFAULT 20) RETURNS TABLE(month date, races bigint, signals bigint, provisional bigint, won bigint, placed bigint, tote_per_dollar numeric, fixed_per_dollar numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if p_level is null or p_level not in (20, 50, 100, 200, 500, 1000) then
        raise exception 'no evidence is known for 1 race in %', p_level
            using errcode = 'invalid_parameter_value', hint = 'Use 20, 50, 100, 200, 500 or 1000.';
    elsif p_from is null or p_to is null or p_from >= p_to then
        raise exception 'nothing lies between % and %', p_from, p_to
            using errcode = 'invalid_parameter_value', hint = 'Give two times, the earlier one first.';
    end if;
    return query
    with bet as (
        select s.month, s.provisional, finish.is_first,
            finish.is_first or raceday.final_payout(q, 'place', e.runner_number) is not null as is_placed,
            coalesce(raceday.final_payout(q, 'win', e.runner_number), 0) as tote_return,
            -- Fixed odds are divided among the winners of a dead heat; a bet is off if there were none.
            case when finish.is_first then s.fixed_win_odds / finish.winners when s.fixed_win_odds is not null then 0 end as fixed_return
        from raceday.backtest_signals(p_from, p_to, p_level) s
        join raceday.race_results q on q.race_id = s.race_id and q.results_available
        -- Bets on a runner that was scratched later are refunded.
        join raceday.entrants e on e.race_id = s.race_id and e.entrant_id = s.entrant_id and not e.is_scratched
        cross join lateral (
            select coalesce(bool_or(p.runner ->> 'entrant_id' = s.entrant_id) filter (where p.runner ->> 'position' = '1'), false) as is_first,
                greatest(count(*) filter (where p.runner ->> 'position' = '1'), 1) as winners
            from jsonb_array_elements(q.results_data) p (runner)
        ) finish
    ), run as (
        select date_trunc('month', r.start_time at time zone 'Pacific/Auckland')::date as month, count(*) as races
        from raceday.races r
        where r.start_time >= p_from and r.start_time < p_to and r.status = 'Final'
        group by 1
    )
    select run.month, (sum(run.races))::bigint, coalesce(sum(b.signals), 0)::bigint, coalesce(sum(b.provisional), 0)::bigint,
        coalesce(sum(b.won), 0)::bigint, coalesce(sum(b.placed), 0)::bigint,
        round(sum(b.tote_return) / nullif(sum(b.signals), 0), 3), round(sum(b.fixed_return) / nullif(sum(b.fixed_bets), 0), 3)
    from run
    left join (
        select bet.month, count(*) as signals, count(*) filter (where bet.provisional) as provisional,
            count(*) filter (where bet.is_first) as won, count(*) filter (where bet.is_placed) as placed,
            sum(bet.tote_return) as tote_return, sum(bet.fixed_return) as fixed_return, count(bet.fixed_return) as fixed_bets
        from bet group by bet.month
    ) b on b.month = run.month
    group by rollup (run.month)
    order by run.month nulls last;
end
$$;

COMMENT ON FUNCTION raceday.raceday_backtest(p_from timestamp with time zone, p_to timestamp with time zone, p_level integer) IS 'For analysts: per month, and in total, the signals of final races, how many won or placed, and what a dollar on each returned at the final Win dividend and at the fixed odds of the moment. A month is judged by the evidence of the other months';

CREATE FUNCTION raceday.raceday_check(p_race_id text) RETURNS TABLE(violation text, detail text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    SET client_min_messages TO 'warning'
    AS $_$
declare
    v_from timestamptz;
    v_to timestamptz;
    v_first_fetched timestamptz;
begin
    select g.first_event_timestamp, g.last_event_timestamp, g.first_fetched_at
    into v_from, v_to, v_first_fetched
    from raceday.race_progress g where g.race_id = p_race_id;

    create temporary table if not exists raceday_check_rows (like raceday.money_flow_history) on commit drop;
    truncate pg_temp.raceday_check_rows;
    -- Searches every partition, not only those from v_from to v_to, since it is looking for stray rows.
    insert into pg_temp.raceday_check_rows select * from raceday.money_flow_history h where h.race_id = p_race_id;

    return query
    with last_of_bucket as (
        select r.entrant_id, r.polling_timestamp, r.id, pool.name, pool.amount, pool.increment,
            r.time_interval is distinct from lead(r.time_interval) over w as is_last
        from pg_temp.raceday_check_rows r
        cross join lateral (values
            ('win', r.win_pool_amount, r.incremental_win_amount),
            ('place', r.place_pool_amount, r.incremental_place_amount)
        ) pool (name, amount, increment)
        where pool.amount is not null
        window w as (partition by pool.name, r.entrant_id order by r.polling_timestamp, r.id)
    ), numbered as (
        select b.*, row_number() over (partition by b.name, b.entrant_id order by b.polling_timestamp, b.id) as bucket
        from last_of_bucket b where b.is_last
    ), summed as (
        select n.name, n.entrant_id,
            sum(n.increment) filter (where n.bucket > 1) as increments,
            (array_agg(n.amount order by n.bucket desc))[1] - (array_agg(n.amount order by n.bucket))[1] as growth
        from numbered n group by n.name, n.entrant_id having count(*) > 1
    )
    select 'increments', format('%s pool of entrant %s: increments add up to %s cents, but the amount grew by %s cents',
        s.name, s.entrant_id, s.increments, s.growth)
    from summed s where s.increments <> s.growth;

    return query
    select 'duplicate', format('entrant %s has %s rows for the poll of %s', r.entrant_id, count(*), r.polling_timestamp)
    from pg_temp.raceday_check_rows r
    group by r.entrant_id, r.polling_timestamp, r.event_timestamp having count(*) > 1;

    return query
    select 'tote_shares', format('tote shares at the poll of %s add up to %s', r.polling_timestamp, sum(r.tote_win_percentage))
    from pg_temp.raceday_check_rows r
    where r.tote_win_percentage is not null
    group by r.polling_timestamp, r.event_timestamp
    -- Each share is rounded to 0.01, so the sum may miss 100 by half of that per runner.
    having abs(sum(r.tote_win_percentage) - 100) > greatest(0.1, 0.005 * count(*));

    return query
    select 'bounds', format('entrant %s has %s to %s, %s in the middle, of a win pool of %s cents at the poll of %s',
        r.entrant_id, r.win_low, r.win_high, r.win_mid, r.win_pool_cents, r.polling_timestamp)
    from pg_temp.raceday_check_rows r
    where num_nonnulls(r.win_low, r.win_mid, r.win_high) not in (0, 3)
       or not (0 <= r.win_low and r.win_low <= r.win_mid and r.win_mid <= r.win_high and r.win_high <= r.win_pool_cents);

    return query
    select 'bounds_sum', format('of a win pool of %s cents at the poll of %s, runners have %s to %s',
        max(r.win_pool_cents), r.polling_timestamp, sum(r.win_low), sum(r.win_high))
    from pg_temp.raceday_check_rows r
    where r.win_mid is not null
    group by r.polling_timestamp, r.event_timestamp
    -- Two polls of one moment cannot be told apart.
    having count(*) = count(distinct r.entrant_id)
       and not (sum(r.win_low) <= max(r.win_pool_cents) and max(r.win_pool_cents) <= sum(r.win_high));

    return query
    select 'evidence', format('entrant %s has evidence of %s at the poll of %s, %s s before the start',
        r.entrant_id, r.evidence, r.polling_timestamp, r.seconds_to_start)
    from pg_temp.raceday_check_rows r
    where r.evidence < 0 or r.evidence is not null and r.seconds_to_start > 300;

    return query
    select 'signal_levels', format('entrant %s has a signal of level %s at the poll of %s, but %s', s.entrant_id, s.level, s.polling_timestamp,
        case when s.rarity < s.level then format('is 1 in %s', s.rarity)
             when s.level = 200 and f.race_id is null then 'none of level 20 before it'
             else 'is no runner of the race' end)
    from raceday.signals s
    left join raceday.signals f
        on f.race_id = s.race_id and f.entrant_id = s.entrant_id and f.level = 20 and f.polling_timestamp <= s.polling_timestamp
    where s.race_id = p_race_id
      and (s.rarity < s.level or s.level = 200 and f.race_id is null
           or not exists (select from raceday.entrants e where e.race_id = s.race_id and e.entrant_id = s.entrant_id));

    return query
    select 'signal_evidence', format('entrant %s has a signal of level %s at the poll of %s with evidence of %s, but its row has %s',
        s.entrant_id, s.level, s.polling_timestamp, s.evidence, r.evidence)
    from raceday.signals s
    join pg_temp.raceday_check_rows r
        on r.entrant_id = s.entrant_id and r.polling_timestamp = s.polling_timestamp and r.event_timestamp = s.event_timestamp
    where s.race_id = p_race_id
    group by s.entrant_id, s.level, s.polling_timestamp, s.evidence, r.evidence
    having not bool_or(r.evidence = s.evidence);

    return query
    select 'stranger', format('entrant %s has history but is not an entrant of the race', r.entrant_id)
    from (select distinct entrant_id from pg_temp.raceday_check_rows) r
    where not exists (select from raceday.entrants e where e.entrant_id = r.entrant_id and e.race_id = p_race_id);

    return query
    select 'current_row', format(
        case when e.entrant_id is null then 'entrant %s has no row in entrants' else 'entrant %s has a row in entrants that comes from no poll of the race' end,
        entrant_id)
    from (select unnest(g.entrant_ids) as entrant_id from raceday.race_progress g where g.race_id = p_race_id) p
    full join (select n.entrant_id from raceday.entrants n where n.race_id = p_race_id) e using (entrant_id)
    where p.entrant_id is null or e.entrant_id is null;

    return query
    select 'columns', format('row %s of entrant %s at the poll of %s contradicts itself', r.id, r.entrant_id, r.polling_timestamp)
    from pg_temp.raceday_check_rows r
    where r.incremental_amount is distinct from r.incremental_win_amount
       or r.time_interval <> raceday.raceday_time_interval(r.seconds_to_start)
       or r.time_to_start <> round(r.seconds_to_start / 60.0)
       or r.interval_type <> case when r.seconds_to_start > 1800 then '5m' when r.seconds_to_start > 300 then '2m'
                                  when r.seconds_to_start > 0 then '30s' else 'live' end;

    return query
    select 'span', format('row %s of %s is outside the span recorded in race_progress, %s to %s', r.id, r.event_timestamp, v_from, v_to)
    from pg_temp.raceday_check_rows r
    where (r.event_timestamp between v_from and v_to) is not true;

    return query
    select 'partition', format('row %s of %s is in partition %s', h.id, h.event_timestamp, h.tableoid::pg_catalog.regclass)
    from raceday.money_flow_history h
    where h.race_id = p_race_id
      and h.tableoid::pg_catalog.regclass::text !~ (to_char(h.event_timestamp at time zone 'UTC', 'YYYYMMDD') || '$');

    return query
    select 'pending', format('payload %s fetched at %s is not processed yet', q.payload_id, q.fetched_at)
    from raceday.pending_payloads q where q.race_id = p_race_id;

    return query
    select 'unqueued', format('payload %s fetched at %s is pending but not queued, so no call will process it', s.payload_id, s.fetched_at)
    from raceday.staged_payloads s
    where s.race_id = p_race_id and s.status = 'pending'
      and not exists (
          select from raceday.pending_payloads q
          where q.race_id = s.race_id and q.fetched_at = s.fetched_at and q.payload_id = s.payload_id
      );

    -- The remaining checks compare with the payloads themselves, provided that all of them are still staged.
    if not exists (
        select from raceday.staged_payloads s
        where s.race_id = p_race_id and s.kind = 'event' and s.fetched_at <= v_first_fetched
    ) then
        return;
    end if;

    create temporary table if not exists raceday_check_replay on commit drop as
        select * from raceday.raceday_replay(p_race_id) limit 0;
    truncate pg_temp.raceday_check_replay;
    insert into pg_temp.raceday_check_replay select * from raceday.raceday_replay(p_race_id);

    return query
    select 'signals', format('signal of level %s of entrant %s at the poll of %s is in %s only',
        level, entrant_id, polling_timestamp, case when s.race_id is null then 'the payloads' else 'the table' end)
    from (select r.* from raceday.signals r where r.race_id = p_race_id) s
    full join raceday.raceday_replay_signals(p_race_id) p using (entrant_id, level, polling_timestamp, event_timestamp, evidence, rarity, money, excess)
    where s.race_id is null or p.reasons is null or s.reasons <> p.reasons::jsonb;

    return query
    select 'holds', format('holds at the poll of %s add up to %s', r.polling_timestamp, r.hold_sum)
    from (select distinct polling_timestamp, hold_sum from pg_temp.raceday_check_replay) r
    where r.hold_sum not between 95 and 105;

    return query
    select 'missing', format('entrant %s has no row at the poll of %s with the values of its payload', m.entrant_id, m.polling_timestamp)
    from (
        select p.entrant_id, p.polling_timestamp, p.event_timestamp, p.time_interval, p.hold_percentage, p.win_pool_amount,
            p.place_pool_amount, p.incremental_win_amount, p.incremental_place_amount, p.tote_win_amount, p.win_low, p.win_high,
            p.win_mid, p.flow_multiple, p.evidence
        from pg_temp.raceday_check_replay p
        except all
        select r.entrant_id, r.polling_timestamp, r.event_timestamp, r.time_interval, r.hold_percentage, r.win_pool_amount,
            r.place_pool_amount, r.incremental_win_amount, r.incremental_place_amount, r.tote_win_amount, r.win_low, r.win_high,
            r.win_mid, r.flow_multiple, r.evidence
        from pg_temp.raceday_check_rows r
    ) m;

    return query
    select 'surplus', format('entrant %s has a row at the poll of %s that differs from its payload', m.entrant_id, m.polling_timestamp)
    from (
        select r.entrant_id, r.polling_timestamp, r.event_timestamp, r.time_interval, r.hold_percentage, r.win_pool_amount,
            r.place_pool_amount, r.incremental_win_amount, r.incremental_place_amount, r.tote_win_amount, r.win_low, r.win_high,
            r.win_mid, r.flow_multiple, r.evidence
        from pg_temp.raceday_check_rows r
        except all
        select p.entrant_id, p.polling_timestamp, p.event_timestamp, p.time_interval, p.hold_percentage, p.win_pool_amount,
            p.place_pool_amount, p.incremental_win_amount, p.incremental_place_amount, p.tote_win_amount, p.win_low, p.win_high,
            p.win_mid, p.flow_multiple, p.evidence
        from pg_temp.raceday_check_replay p
    ) m;
end
$_$;

COMMENT ON FUNCTION raceday.raceday_check(p_race_id text) IS 'Violations of the rules for a race''s rows, none on good data; for DBAs, reads every partition';

CREATE FUNCTION raceday.raceday_claim_meetings(p_worker text) RETURNS SETOF date
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_now timestamptz := raceday.now();
begin
    insert into raceday.list_polls (list_date)
    select distinct (at at time zone 'Pacific/Auckland')::date
    from (values (v_now - interval '4 hours'), (v_now), (v_now + interval '2 hours')) v (at)
    on conflict do nothing;

    return query
    with due as (
        select l.list_date
        from raceday.list_polls l
        cross join raceday.poll_settings settings
        where l.list_date >= ((v_now - interval '4 hours') at time zone 'Pacific/Auckland')::date
          and l.list_date <= ((v_now + interval '2 hours') at time zone 'Pacific/Auckland')::date
          -- A slot in the future dates from before the clock was set back.
          and (l.slot_at is null or l.slot_at + settings.meetings_every <= v_now or l.slot_at > v_now + interval '5 seconds')
          and (l.lease_until is null or l.lease_until <= v_now)
        order by l.list_date
        for update of l skip locked
    )
    update raceday.list_polls l
    set lease_until = raceday.lease_end(v_now), claimed_by = p_worker
    from due
    where l.list_date = due.list_date
    returning l.list_date;
end
$$;

COMMENT ON FUNCTION raceday.raceday_claim_meetings(p_worker text) IS 'Leases the meetings lists that are due to a worker; returns their New Zealand dates';

CREATE FUNCTION raceday.raceday_claim_races(p_worker text, p_max integer) RETURNS TABLE(race_id text, due_at timestamp with time zone, start_time timestamp with time zone, status text, seconds_to_start double precision, cadence_s integer, missed integer, lease_until timestamp with time zone, polled_by text, is_live boolean, refresh_state jsonb, period_s double precision, margin_s double precision, is_aligned boolean, is_again boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_now timestamptz := raceday.now();
begin
    return query
    with races as materialized (
        select * from raceday.due_races
    ), claimable as materialized (
        select d.race_id, d.due_at, d.start_time, d.status, d.seconds_to_start, d.cadence_s, d.slot_at, d.claimed_by, d.is_live,
            d.claimed_at, d.period_s, d.is_over, d.phase_s is not null as is_aligned, d.due_at is not distinct from d.again_at as is_again
        from races d
        where d.due_at <= v_now and d.cadence_s is not null and (d.lease_until is null or d.lease_until <= v_now)
          -- Of the races that are over one at a time: workers must be free when a refresh arrives.
          and (not d.is_over or d.race_id = (
              select o.race_id from races o where o.is_over and o.due_at <= v_now order by o.lease_until > v_now desc nulls last, o.start_time desc, o.race_id limit 1))
        -- Distance from the start in either direction: races about to start go before a backlog of old unfinished ones.
        order by d.is_over, abs(d.seconds_to_start), d.race_id
    ), locked as materialized (
        select p.race_id
        from raceday.race_polls p
        join claimable c on c.race_id = p.race_id
        where (p.lease_until is null or p.lease_until <= v_now)
          -- Another worker may have claimed it since the first look.
          and p.slot_at is not distinct from c.slot_at and p.claimed_at is not distinct from c.claimed_at
        order by c.is_over, abs(c.seconds_to_start), c.race_id
        limit p_max
        for update of p skip locked
    ), claimed as (
        update raceday.race_polls p
        set -- A whole cadence late or more: the slots in between are missed, and counting starts again from now. A first poll also
            -- starts from now: a day's races become known together, and would otherwise be due together forever.
            slot_at = case when c.is_again then p.slot_at
                when c.slot_at is not null and v_now - c.due_at < make_interval(secs => c.cadence_s) then c.due_at else v_now end,
            claimed_at = v_now,
            claimed_by = p_worker,
            lease_until = raceday.lease_end(v_now)
        from locked l
        join claimable c on c.race_id = l.race_id
        where p.race_id = l.race_id
        returning p.race_id, p.lease_until
    )
    select c.race_id, c.due_at, c.start_time, c.status, c.seconds_to_start, c.cadence_s,
        case when c.slot_at is null then 0
            else floor(greatest(extract(epoch from v_now - c.due_at), 0) / c.cadence_s)::int end,
        claimed.lease_until, c.claimed_by, c.is_live, f.state, c.period_s, extract(epoch from s.margin)::double precision, c.is_aligned, c.is_again
    from claimed
    join claimable c on c.race_id = claimed.race_id
    left join raceday.race_refreshes f on f.race_id = claimed.race_id
    cross join raceday.refresh_settings s
    order by c.is_over, abs(c.seconds_to_start), c.race_id;
end
$$;

COMMENT ON FUNCTION raceday.raceday_claim_races(p_worker text, p_max integer) IS 'Leases up to p_max due races to a worker, nearest start first; missed = slots that passed unpolled, polled_by = the previous claimant, is_again = between two slots';

CREATE FUNCTION raceday.raceday_import_begin(p_source text) RETURNS TABLE(collection text, race_id text, after_id text, report jsonb)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
begin
    -- Until the session ends.
    if not pg_try_advisory_lock(hashtextextended('raceday import', 0)) then
        raise object_in_use using message = 'another import is running', hint = 'Repeat the command once it has ended.';
    end if;
    return query select u.collection, u.race_id, u.after_id, u.report from raceday.unfinished_imports u where u.source = p_source;
end
$$;

COMMENT ON FUNCTION raceday.raceday_import_begin(p_source text) IS 'Begins an import, or continues the unfinished one of this source, which it returns';

CREATE FUNCTION raceday.raceday_import_documents(p_collection text, p_documents jsonb, p_accepted text[], p_dry_run boolean) RETURNS TABLE(document_id text, outcome text, reason text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $_$
declare
    v_collection jsonb := raceday.appwrite_collection(p_collection);
    v_known text := format('select %s from %s where %s limit 1', raceday.appwrite_selected_document(p_collection, '[]'),
        v_collection ->> 'from', raceday.import_key(p_collection));
    v_document jsonb;
    v_theirs jsonb;
    v_ours jsonb;
    v_day text;
    v_days text[] := '{}';
begin
    for v_document in select d from jsonb_array_elements(p_documents) d loop
        document_id := left(v_document ->> '$id', 100);
        begin
            v_theirs := raceday.import_attributes(p_collection, v_collection -> 'attributes', v_document);
            execute v_known into v_ours using v_theirs;
            reason := raceday.import_problem(p_collection, v_theirs, p_accepted, p_dry_run);
            v_day := left(v_theirs ->> 'eventTimestamp', 10);
            if v_ours is not null then
                v_ours := raceday.import_attributes(p_collection, v_collection -> 'attributes', v_ours);
                select k.outcome, k.reason into outcome, reason
                from raceday.import_known(p_collection, v_theirs, v_ours, p_dry_run) k;
            elsif p_collection = 'race-pools' and v_theirs - '{raceId,currency,$id,$createdAt,$updatedAt}'::text[] = '{}' then
                -- No total is known there, and none here.
                outcome := 'equal';
                reason := null;
            elsif reason is not null then
                outcome := 'refused';
            else
                outcome := 'new';
                if v_day is not null and v_day <> all (v_days) then
                    perform raceday.import_partition((v_theirs ->> 'eventTimestamp')::timestamptz, p_dry_run);
                end if;
                perform raceday.import_new(p_collection, v_theirs, v_document, p_dry_run);
                v_days := v_days || v_day;
            end if;
        exception
            when data_exception or integrity_constraint_violation then
                outcome := 'refused';
                reason := sqlerrm;
            when sqlstate 'PGRST' then
                outcome := 'refused';
                reason := sqlerrm::jsonb ->> 'message';
        end;
        return next;
    end loop;
    if p_collection = 'money-flow-history' and not p_dry_run then
        perform raceday.import_progress(i.race_id)
        from raceday.imported_races i
        where i.race_id in (select d ->> 'raceId' from jsonb_array_elements(p_documents) d);
    end if;
end
$_$;

COMMENT ON FUNCTION raceday.raceday_import_documents(p_collection text, p_documents jsonb, p_accepted text[], p_dry_run boolean) IS 'Imports a page of documents: new, equal, different (ours stays), replaced or refused, and why. p_accepted: meetings or races that a dry run would have imported';

CREATE FUNCTION raceday.raceday_import_note(p_source text, p_collection text, p_race_id text, p_after_id text, p_report jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    delete from raceday.unfinished_imports u where u.source = p_source;
    if p_collection is not null then
        insert into raceday.unfinished_imports (source, collection, race_id, after_id, report)
        values (p_source, p_collection, p_race_id, p_after_id, p_report);
    end if;
end
$$;

COMMENT ON FUNCTION raceday.raceday_import_note(p_source text, p_collection text, p_race_id text, p_after_id text, p_report jsonb) IS 'Notes how far an import has come, or with null as collection, that it is complete';

CREATE FUNCTION raceday.raceday_imported_races() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select i.race_id from raceday.imported_races i order by i.race_id collate "C"
$$;

COMMENT ON FUNCTION raceday.raceday_imported_races() IS 'The races whose money flow is to be imported';

CREATE FUNCTION raceday.raceday_key_add(p_name text, p_role text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    -- 244 random bits. The statement does not contain the key, so that no log and no statistics do.
    v_key text := 'raceday_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex');
begin
    insert into raceday.api_keys (key_hash, name, role) values (raceday.key_hash(v_key), p_name, p_role);
    return v_key;
exception
    when unique_violation then
        raise unique_violation using
            message = format('there is already a key named %s', p_name),
            hint = 'Choose another name, or revoke that key first: `raceday-fetcher key revoke`.';
    when check_violation or not_null_violation then
        raise check_violation using
            message = format('%L is not the name of a key, or %L is not a role', p_name, p_role),
            hint = 'A name is 1 to 64 letters, digits, dots, hyphens or underscores; a role is read or alerts.';
end
$$;

COMMENT ON FUNCTION raceday.raceday_key_add(p_name text, p_role text) IS 'Adds a key and returns it; only its hash is stored';

CREATE FUNCTION raceday.raceday_key_revoke(p_name text) RETURNS boolean
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with revoked as (
        update raceday.api_keys k set revoked_at = clock_timestamp() where k.name = p_name and k.revoked_at is null returning 1
    )
    select exists (select from revoked)
$$;

COMMENT ON FUNCTION raceday.raceday_key_revoke(p_name text) IS 'Revokes a key with immediate effect; false if there is no valid key with this name';

CREATE FUNCTION raceday.raceday_maintain(p_force boolean DEFAULT false) RETURNS TABLE(parent_table text, partition text, action text, status text, detail text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET lock_timeout TO '100ms'
    AS $$
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

COMMENT ON FUNCTION raceday.raceday_maintain(p_force boolean) IS 'Creates missing partitions, retires at most one that is due, at the hour for it or if forced, and calibrates the signals once per night; never waits long for a lock. Call it again while a row is deferred or waiting';

CREATE FUNCTION raceday.raceday_meetings_done(p_date date, p_worker text, p_ok boolean) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    update raceday.list_polls
    set slot_at = case when p_ok then raceday.now() else slot_at end,
        failures = case when p_ok then 0 else failures + 1 end,
        -- Retried soon, but ever less often: a client that keeps asking while it is being refused stays refused.
        lease_until = case when p_ok then null
            else raceday.now() + least(interval '1 second' * 2 ^ least(failures, 5), interval '30 seconds') * raceday.clock_rate() end
    where list_date = p_date and claimed_by = p_worker
$$;

COMMENT ON FUNCTION raceday.raceday_meetings_done(p_date date, p_worker text, p_ok boolean) IS 'Ends a worker''s lease on a meetings list; after a failure the list is due again in 1, 2, 4, ... 30 s';

CREATE FUNCTION raceday.raceday_next_due() RETURNS timestamp with time zone
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select min(greatest(d.due_at, coalesce(d.lease_until, d.due_at))) from raceday.due_races d
    -- Those that are over follow one another, whenever a worker looks.
    where not d.is_over
$$;

COMMENT ON FUNCTION raceday.raceday_next_due() IS 'When the next race can be claimed; null if no race is polled';

CREATE FUNCTION raceday.raceday_oldest_live_payload_age_s() RETURNS double precision
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select coalesce(max(extract(epoch from raceday.now() - greatest(
        p.processed_through, d.start_time - raceday.live_lead(), q.first_due_at
    ))), 0)::double precision
    from raceday.due_races d
    join raceday.race_polls q on q.race_id = d.race_id
    left join raceday.race_progress p on p.race_id = d.race_id
    where d.is_live
$$;

COMMENT ON FUNCTION raceday.raceday_oldest_live_payload_age_s() IS 'Seconds since the latest payload of the live race that has waited longest for one; 0 if no race is live';

CREATE FUNCTION raceday.raceday_poll_done(p_race_id text, p_worker text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select raceday.raceday_poll_done(p_race_id, p_worker, null)
$$;

COMMENT ON FUNCTION raceday.raceday_poll_done(p_race_id text, p_worker text) IS 'The same for a fetcher that does not report whether the TAB has the event';

CREATE FUNCTION raceday.raceday_poll_done(p_race_id text, p_worker text, p_is_found boolean) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    update raceday.race_polls p
    set lease_until = case when p.claimed_by = p_worker then null else p.lease_until end,
        not_found = case when p_is_found then 0 when not p_is_found then p.not_found + 1 else p.not_found end,
        -- An event that appears counts for more than the lists before it.
        unlisted = case when p_is_found and p.not_found > 0 then 0 else p.unlisted end
    where p.race_id = p_race_id
      -- Whoever found the event: it may also have been fetched by hand, or during an outage of the database.
      and (p.claimed_by = p_worker or p_is_found and p.not_found > 0)
$$;

COMMENT ON FUNCTION raceday.raceday_poll_done(p_race_id text, p_worker text, p_is_found boolean) IS 'Ends a worker''s lease on a race: its slot has been polled. p_is_found: whether the TAB has the event; null: it did not say';

CREATE FUNCTION raceday.raceday_poll_done(p_race_id text, p_worker text, p_is_found boolean, p_refresh jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform raceday.raceday_poll_done(p_race_id, p_worker, p_is_found);
    if p_refresh is not null then
        perform raceday.note_refresh(p_race_id, p_worker, p_refresh);
    end if;
end
$$;

COMMENT ON FUNCTION raceday.raceday_poll_done(p_race_id text, p_worker text, p_is_found boolean, p_refresh jsonb) IS 'The same with what the poll has shown of the race''s refreshes (null: nothing): see note_refresh';

CREATE FUNCTION raceday.raceday_poll_plan(p_ahead interval) RETURNS TABLE(race_id text, slot_at timestamp with time zone, every_s integer, is_live boolean)
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with recursive plan as (
        select d.race_id, d.start_time, d.is_missing, d.backoff, d.is_closed, d.phase_s, d.lag_s, d.period_s,
            greatest(d.next_slot_at, raceday.now()) as slot_at
        from raceday.due_races d
        where d.next_slot_at <= raceday.now() + p_ahead and not d.is_over
        union all
        select p.race_id, p.start_time, p.is_missing, p.backoff, p.is_closed, p.phase_s, p.lag_s, p.period_s, n.slot_at
        from plan p
        cross join lateral raceday.next_poll(p.slot_at, p.start_time, p.slot_at) following
        -- The offsets let aligned_slot be inlined: it uses its arguments several times.
        cross join lateral (
            select greatest(
                following.slot_at, p.slot_at + p.backoff,
                case when p.is_closed then p.slot_at + make_interval(secs => raceday.after_close_s(p.slot_at, p.start_time)) end) as slot_at
            offset 0
        ) plain
        cross join lateral (
            select raceday.aligned_slot(
                p.slot_at, plain.slot_at, following.every_s, p.start_time, p.phase_s, p.lag_s, p.period_s) as slot_at
            offset 0
        ) n
        where n.slot_at <= raceday.now() + p_ahead
    )
    select p.race_id, p.slot_at, n.every_s, raceday.is_live(p.start_time, p.slot_at) and not p.is_missing
    from plan p
    cross join lateral raceday.next_poll(null, p.start_time, p.slot_at) n
    order by p.slot_at, p.race_id
$$;

COMMENT ON FUNCTION raceday.raceday_poll_plan(p_ahead interval) IS 'Every poll ahead, as far as is known now: the schedule that a fetcher follows while the database is unavailable';

CREATE FUNCTION raceday.raceday_poll_scope() RETURNS TABLE(countries text[], categories text[], lease interval, meetings_every interval)
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select countries, categories, lease, meetings_every from raceday.poll_settings
$$;

COMMENT ON FUNCTION raceday.raceday_poll_scope() IS 'The settings of polling that a fetcher needs';

CREATE FUNCTION raceday.raceday_polls_noted(p_worker text, p_race_ids text[], p_slots timestamp with time zone[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with noted as (
        select n.race_id, max(n.slot_at) as slot_at
        from unnest(p_race_ids, p_slots) n (race_id, slot_at)
        group by n.race_id
    ), locked as (
        select p.race_id, n.slot_at
        from raceday.race_polls p
        join noted n on n.race_id = p.race_id
        order by p.race_id
        for update of p
    )
    update raceday.race_polls p
    set slot_at = greatest(p.slot_at, l.slot_at),
        lease_until = case when p.claimed_by = p_worker then null else p.lease_until end
    from locked l
    where p.race_id = l.race_id
$$;

COMMENT ON FUNCTION raceday.raceday_polls_noted(p_worker text, p_race_ids text[], p_slots timestamp with time zone[]) IS 'Records slots that a fetcher polled while the database was unavailable, so that they do not count as missed';

CREATE FUNCTION raceday.raceday_release_leases(p_worker text) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with races as (
        -- Ended now rather than set to null: the slot was not polled, so it is due for the next worker.
        update raceday.race_polls set lease_until = raceday.now()
        where claimed_by = p_worker and lease_until > raceday.now()
        returning 1
    ), lists as (
        update raceday.list_polls set lease_until = null where claimed_by = p_worker and lease_until is not null
    )
    select count(*)::int from races
$$;

COMMENT ON FUNCTION raceday.raceday_release_leases(p_worker text) IS 'Releases what a stopping worker has not polled; returns the number of races';

CREATE FUNCTION raceday.raceday_report_missing() RETURNS TABLE(race_id text, is_missing boolean, not_found integer, unlisted integer)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with unreported as materialized (
        select p.race_id from raceday.race_polls p where p.is_missing <> p.missing_reported order by p.race_id for update of p skip locked
    )
    update raceday.race_polls p
    set missing_reported = p.is_missing
    from unreported u
    where p.race_id = u.race_id
    returning p.race_id, p.is_missing, p.not_found, p.unlisted
$$;

COMMENT ON FUNCTION raceday.raceday_report_missing() IS 'The races that have become missing or are back since the last call, each to one caller only; a fetcher logs them';

CREATE FUNCTION raceday.raceday_report_refusal(p_worker text, p_reason text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    delete from raceday.source_refusals
    where p_reason is null and worker = p_worker or reported_at < clock_timestamp() - interval '1 hour';
    insert into raceday.source_refusals (worker, reason, reported_at)
    select p_worker, p_reason, clock_timestamp() where p_reason is not null
    on conflict (worker) do update set reason = excluded.reason, reported_at = excluded.reported_at;
$$;

COMMENT ON FUNCTION raceday.raceday_report_refusal(p_worker text, p_reason text) IS 'Records that the TAB refuses a fetcher, and why; null ends that. A fetcher repeats it every 10 s while it lasts';

CREATE FUNCTION raceday.raceday_status() RETURNS TABLE(item text, value text)
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
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

COMMENT ON FUNCTION raceday.raceday_status() IS 'The lines that raceday-fetcher status prints';

CREATE FUNCTION raceday.raceday_webhook_claim(p_limit integer, p_lease interval) RETURNS TABLE(delivery_id text, attempt integer, body text)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    update raceday.webhook_deliveries d
    set attempts = d.attempts + 1, next_attempt_at = clock_timestamp() + p_lease
    from (
        select q.delivery_id from raceday.webhook_deliveries q
        where q.status = 'pending' and q.next_attempt_at <= clock_timestamp() and q.expires_at > clock_timestamp()
        order by q.next_attempt_at, q.delivery_id limit p_limit
        for update skip locked
    ) due
    where d.delivery_id = due.delivery_id
    returning d.delivery_id::text, d.attempts, d.body::text
$$;

COMMENT ON FUNCTION raceday.raceday_webhook_claim(p_limit integer, p_lease interval) IS 'Begins an attempt at the deliveries that are due; until p_lease has passed nobody else begins one';

CREATE FUNCTION raceday.raceday_webhook_collect(p_min_level integer, p_countries text[], p_max_age interval) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_now timestamptz := clock_timestamp();
    v_filter raceday.webhook_filter;
    v_collected bigint;
begin
    insert into raceday.webhook_filter as f (min_level, countries, since, collected_until)
    values (p_min_level, p_countries, v_now, v_now)
    -- Also locks the row: of two programs with the same settings, one collects at a time.
    on conflict (only_row) do update
    set min_level = excluded.min_level,
        countries = excluded.countries,
        since = case when (f.min_level, f.countries) = (excluded.min_level, excluded.countries) then f.since else f.collected_until end,
        collected_until = excluded.collected_until
    returning * into v_filter;

    -- All of the time that counts, not only what is new: a signal may be committed long after its created_at.
    insert into raceday.webhook_deliveries (race_id, entrant_id, level, body, expires_at)
    select s.race_id, s.entrant_id, s.level, raceday.signal_body(s), s.created_at + p_max_age
    from raceday.signals s
    join raceday.races r on r.race_id = s.race_id
    left join raceday.meetings m on m.meeting_id = r.meeting_id
    where s.created_at > greatest(v_filter.since, v_now - p_max_age)
      and s.level >= p_min_level
      and (p_countries = '{}' or m.country = any (p_countries))
      and not exists (
          select from raceday.webhook_deliveries d
          where d.race_id = s.race_id and d.entrant_id = s.entrant_id and d.level = s.level)
    order by s.created_at
    on conflict (race_id, entrant_id, level) do nothing;
    get diagnostics v_collected = row_count;

    update raceday.webhook_deliveries d
    set status = 'failed', next_attempt_at = null, finished_at = v_now,
        last_error = concat_ws('; ', 'given up: not delivered in time', d.last_error)
    where d.status = 'pending' and d.next_attempt_at <= v_now and d.expires_at <= v_now;

    delete from raceday.webhook_deliveries d where d.finished_at < v_now - interval '30 days';
    return v_collected;
end
$$;

COMMENT ON FUNCTION raceday.raceday_webhook_collect(p_min_level integer, p_countries text[], p_max_age interval) IS 'Adds a delivery for each signal of the last p_max_age that passes the filter and has none, gives up expired ones, and forgets old ones; returns how many were added';

CREATE FUNCTION raceday.raceday_webhook_done(p_delivery_id text, p_attempt integer, p_status text, p_error text, p_retry_in interval) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    update raceday.webhook_deliveries d
    set status = p_status,
        last_error = p_error,
        next_attempt_at = case when p_status = 'pending' then clock_timestamp() + p_retry_in end,
        finished_at = case when p_status <> 'pending' then clock_timestamp() end
    where d.delivery_id = p_delivery_id::uuid and d.status = 'pending'
      -- What another attempt has taken over is its business, unless this one has delivered it after all.
      and (d.attempts = p_attempt or p_status = 'delivered')
    returning true
$$;

COMMENT ON FUNCTION raceday.raceday_webhook_done(p_delivery_id text, p_attempt integer, p_status text, p_error text, p_retry_in interval) IS 'Ends an attempt: p_status is delivered, failed, or pending to be retried after p_retry_in; null if the attempt is no longer the current one';

CREATE FUNCTION raceday.raceday_webhook_retry(p_since timestamp with time zone DEFAULT '-infinity'::timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_retried bigint;
begin
    update raceday.webhook_deliveries d
    set status = 'pending', next_attempt_at = clock_timestamp(), finished_at = null, expires_at = clock_timestamp() + interval '1 day'
    where d.status = 'failed' and d.finished_at >= p_since;
    get diagnostics v_retried = row_count;
    return v_retried;
end
$$;

COMMENT ON FUNCTION raceday.raceday_webhook_retry(p_since timestamp with time zone) IS 'For DBAs: sends again what has failed since a time; returns how many deliveries';

CREATE FUNCTION raceday.races_listed(p_date date, p_fetched_at timestamp with time zone, p_race_ids text[], p_is_whole boolean) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with polls as materialized (
        select p.race_id, n.race_id is not null as is_listed, p.is_missing and (p.unlisted > 0 or r.listed_at >= p_fetched_at) as is_renewed
        from raceday.races r
        join raceday.race_polls p on p.race_id = r.race_id
        left join unnest(p_race_ids) n (race_id) on n.race_id = r.race_id
        where r.phase in ('upcoming', 'in_progress')
          and case when n.race_id is null then p_is_whole and p.list_date = p_date
              else p.list_date is distinct from p_date or p.is_missing and (p.unlisted > 0 or r.listed_at >= p_fetched_at) end
        -- In the order of raceday_polls_noted.
        order by p.race_id
        for update of p
    )
    update raceday.race_polls p
    set list_date = p_date,
        unlisted = case when l.is_listed then 0 else p.unlisted + 1 end,
        not_found = case when l.is_listed and l.is_renewed then least(p.not_found, 1) else p.not_found end,
        -- Counting starts again: the slots since the last poll are not missed.
        slot_at = case when l.is_listed and l.is_renewed then null else p.slot_at end,
        first_due_at = case when l.is_listed and l.is_renewed then raceday.now() else p.first_due_at end
    from polls l
    where p.race_id = l.race_id
$$;

COMMENT ON FUNCTION raceday.races_listed(p_date date, p_fetched_at timestamp with time zone, p_race_ids text[], p_is_whole boolean) IS 'Records which races the newest meetings list of a day names; if it is the whole list, the others of that day are missing';

CREATE FUNCTION raceday.read_indicator(p_indicator jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN jsonb_build_object('indicator_id', raceday.body_value(p_indicator, VARIADIC ARRAY['indicator_id'::text, 'indicatorId'::text, '$id'::text]), 'user_id', raceday.body_value(p_indicator, VARIADIC ARRAY['user_id'::text, 'userId'::text]), 'type', raceday.body_value(p_indicator, VARIADIC ARRAY['indicator_type'::text, 'indicatorType'::text]), 'min', raceday.body_value(p_indicator, VARIADIC ARRAY['percentage_range_min'::text, 'percentageRangeMin'::text]), 'max', raceday.body_value(p_indicator, VARIADIC ARRAY['percentage_range_max'::text, 'percentageRangeMax'::text]), 'color', raceday.body_value(p_indicator, VARIADIC ARRAY['color'::text]), 'is_default', raceday.body_value(p_indicator, VARIADIC ARRAY['is_default'::text, 'isDefault'::text]), 'enabled', raceday.body_value(p_indicator, VARIADIC ARRAY['enabled'::text]), 'display_order', raceday.body_value(p_indicator, VARIADIC ARRAY['display_order'::text, 'displayOrder'::text]));

COMMENT ON FUNCTION raceday.read_indicator(p_indicator jsonb) IS 'A posted indicator, with one spelling for each key';

CREATE FUNCTION raceday.refresh_rank(p_race_id text, p_phase_s double precision) RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with near as (
        select r.race_id, r.phase <> 'upcoming' as is_closed, abs(extract(epoch from r.start_time - raceday.now())) as distance_s
        from raceday.races r
        where r.phase in ('upcoming', 'in_progress')
          and r.start_time between raceday.now() - interval '15 minutes' and raceday.now() + interval '15 minutes'
    )
    select count(*)::int
    from near own
    join near other on (other.is_closed, other.distance_s, other.race_id) < (own.is_closed, own.distance_s, own.race_id)
    join raceday.race_refreshes f on f.race_id = other.race_id and f.is_certain
    cross join raceday.refresh_settings s
    where own.race_id = p_race_id
      and abs(raceday.around(f.phase_s - p_phase_s, extract(epoch from s.period)::double precision)) < 1.0
$$;

COMMENT ON FUNCTION raceday.refresh_rank(p_race_id text, p_phase_s double precision) IS 'How many more urgent races are refreshed within a second of a race''s phase';

CREATE FUNCTION raceday.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    raise exception 'rows of raceday.% never change', tg_table_name
        using errcode = 'object_not_in_prerequisite_state', hint = 'raceday_calibrate writes a new version.';
end
$$;

COMMENT ON FUNCTION raceday.refuse_change() IS 'Trigger: a row that others depend on stays as it was written';

CREATE FUNCTION raceday.refuse_write() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    raise exception '% is computed and cannot be written', tg_relid::regclass using errcode = 'insufficient_privilege';
end
$$;

COMMENT ON FUNCTION raceday.refuse_write() IS 'Trigger: refuses to write to a view that is computed';

CREATE FUNCTION raceday.request_query(p_query text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN COALESCE(p_query, raceday.request_header('x-raceday-query'::text));

COMMENT ON FUNCTION raceday.request_query(p_query text) IS 'The given query or, if null, that of the current REST request';

CREATE FUNCTION raceday.request_parameter(p_query text, VARIADIC p_names text[]) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (raceday.query_values(raceday.request_query(p_query), p_names))[1];

COMMENT ON FUNCTION raceday.request_parameter(p_query text, VARIADIC p_names text[]) IS 'query_value of request_query, for functions with a single parameter';

CREATE FUNCTION raceday.results_body(p_results raceday.race_results) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN json_build_object('race_id', (p_results).race_id, 'results_available', (p_results).results_available, 'results_data', (p_results).results_data, 'dividends_data', (p_results).dividends_data, 'fixed_odds_data', (p_results).fixed_odds_data, 'result_status', (p_results).result_status, 'photo_finish', (p_results).photo_finish, 'stewards_inquiry', (p_results).stewards_inquiry, 'protest_lodged', (p_results).protest_lodged, 'result_time', raceday.utc_text((p_results).result_time), 'created_at', raceday.utc_text((p_results).created_at), 'updated_at', raceday.utc_text((p_results).updated_at));

COMMENT ON FUNCTION raceday.results_body(p_results raceday.race_results) IS 'The results of a race as the client API returns them';

CREATE FUNCTION raceday.retire_due_partition(p_waits_for text) RETURNS TABLE(parent_table text, partition text, action text, status text, detail text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION raceday.retire_due_partition(p_waits_for text) IS 'Retires the first partition of raceday.monitor_partitions_due whose lock it gets, unless all wait for something; for raceday_maintain';

CREATE FUNCTION raceday.retire_partition(p_parent_table text, p_partition text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
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

COMMENT ON FUNCTION raceday.retire_partition(p_parent_table text, p_partition text) IS 'Archives or drops the oldest partition of a table, as partman.part_config says';

CREATE FUNCTION raceday.row_of_race_or_404(p_race_id text, p_body json, p_name text) RETURNS json
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if p_race_id is null then
        return raceday.error_response(400, 'raceId is required');
    end if;
    return raceday.row_or_404(p_body, p_name);
end
$$;

COMMENT ON FUNCTION raceday.row_of_race_or_404(p_race_id text, p_body json, p_name text) IS 'row_or_404 for a row found by the parameter raceId; 400 if the parameter is missing';

CREATE FUNCTION raceday.row_or_404(p_body json, p_name text) RETURNS json
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if p_body is null then
        return raceday.error_response(404, p_name || ' not found');
    end if;
    return raceday.cacheable_response(p_body);
end
$$;

COMMENT ON FUNCTION raceday.row_or_404(p_body json, p_name text) IS 'The body of a row, cacheable; 404 if there is no row';

CREATE FUNCTION raceday.schedule_race() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    insert into raceday.race_polls (race_id) values (new.race_id) on conflict do nothing;
    return null;
end
$$;

COMMENT ON FUNCTION raceday.schedule_race() IS 'Trigger: a new race becomes due';

CREATE FUNCTION raceday.set_cache_headers(p_etag text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform set_config('response.headers', format(
        '[{"ETag": "\"%s\""}, {"Cache-Control": "public, max-age=1, stale-while-revalidate=2, stale-if-error=10"}]', p_etag), true);
end
$$;

COMMENT ON FUNCTION raceday.set_cache_headers(p_etag text) IS 'Sets the response headers ETag and Cache-Control';

CREATE TABLE raceday.signals (
    race_id text NOT NULL,
    entrant_id text NOT NULL,
    level integer NOT NULL,
    event_timestamp timestamp with time zone NOT NULL,
    polling_timestamp timestamp with time zone NOT NULL,
    seconds_to_start integer NOT NULL,
    evidence numeric(8,2) NOT NULL,
    rarity integer NOT NULL,
    provisional boolean NOT NULL,
    calibration_version integer,
    money bigint NOT NULL,
    excess bigint NOT NULL,
    multiple numeric(10,2),
    share_before numeric(5,2),
    share_after numeric(5,2),
    reasons jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT signals_level_check CHECK ((level = ANY (ARRAY[20, 200])))
);

COMMENT ON TABLE raceday.signals IS 'Unusual late money: one row where a runner''s evidence first reaches a level in its race; amounts in integer cents';

COMMENT ON COLUMN raceday.signals.level IS '20 or 200: 1 race in so many of its kind reaches as much evidence without anybody knowing more than others';

COMMENT ON COLUMN raceday.signals.evidence IS 'Nats';

COMMENT ON COLUMN raceday.signals.rarity IS 'The largest N of 20, 50, 100, 200, 500 and 1000 for which 1 race in N reaches as much';

COMMENT ON COLUMN raceday.signals.provisional IS 'Whether too few races were known to say how rare it is';

COMMENT ON COLUMN raceday.signals.calibration_version IS 'Version of signal_calibrations that it was judged by; null before the first one';

COMMENT ON COLUMN raceday.signals.money IS 'Cents that the runner received since the watch began';

COMMENT ON COLUMN raceday.signals.excess IS 'Cents of it that are certainly more than expected, whatever the rounding of the odds';

COMMENT ON COLUMN raceday.signals.multiple IS 'How many times its share it received since the watch began';

COMMENT ON COLUMN raceday.signals.share_before IS 'Per cent of the win pool on the runner when the watch began';

COMMENT ON COLUMN raceday.signals.share_after IS 'Per cent of the win pool on the runner at the signal';

COMMENT ON COLUMN raceday.signals.reasons IS 'Facts that accompany it, an object with a key per reason: see docs/signals.md';

COMMENT ON COLUMN raceday.signals.created_at IS 'When it was written or last changed: what readers page by';

CREATE FUNCTION raceday.signal_body(p_signal raceday.signals) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select json_build_object(
        'race_id', p_signal.race_id,
        'entrant_id', p_signal.entrant_id,
        'runner_number', e.runner_number,
        'name', e.name,
        'race_number', r.race_number,
        'race_name', r.name,
        'meeting_name', m.meeting_name,
        'start_time', raceday.utc_text(r.start_time),
        'level', p_signal.level,
        'seconds_to_start', p_signal.seconds_to_start,
        'evidence', p_signal.evidence,
        'rarity', p_signal.rarity,
        'provisional', p_signal.provisional,
        'calibration_version', p_signal.calibration_version,
        'money', p_signal.money,
        'excess', p_signal.excess,
        'multiple', p_signal.multiple,
        'share_before', p_signal.share_before,
        'share_after', p_signal.share_after,
        'reasons', p_signal.reasons,
        'event_timestamp', raceday.utc_text(p_signal.event_timestamp),
        'polling_timestamp', raceday.utc_text(p_signal.polling_timestamp),
        'created_at', raceday.utc_text(p_signal.created_at)
    )
    from raceday.races r
    left join raceday.entrants e on e.race_id = r.race_id and e.entrant_id = p_signal.entrant_id
    left join raceday.meetings m on m.meeting_id = r.meeting_id
    where r.race_id = p_signal.race_id
$$;

COMMENT ON FUNCTION raceday.signal_body(p_signal raceday.signals) IS 'A signal as the client API returns it';

CREATE FUNCTION raceday.signals_page(p_race_id text, p_after timestamp with time zone, p_limit integer) RETURNS SETOF raceday.signals
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
begin
    -- A cursor stands for a moment, so signals of one moment are not divided.
    if p_race_id is not null then
        return query
        select s.* from raceday.signals s
        where s.race_id = p_race_id and s.created_at > p_after
        order by s.created_at fetch first p_limit rows with ties;
    else
        return query
        select s.* from raceday.signals s
        where s.created_at > p_after and s.created_at < raceday.signals_settled_until()
        order by s.created_at fetch first p_limit rows with ties;
    end if;
end
$$;

COMMENT ON FUNCTION raceday.signals_page(p_race_id text, p_after timestamp with time zone, p_limit integer) IS 'Signals of a race, or of all if it is null, in the order in which they were written';

CREATE FUNCTION raceday.signals_settled_until() RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case when pg_snapshot_xmin(s) = pg_snapshot_xmax(s) then date_trunc('milliseconds', statement_timestamp())
        else statement_timestamp() - interval '1 second' end
    from (select pg_current_snapshot()) current (s)
$$;

COMMENT ON FUNCTION raceday.signals_settled_until() IS 'created_at up to which a list of the signals of all races is complete';

CREATE FUNCTION raceday.standby_lag_s() RETURNS double precision
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case
        when not pg_is_in_recovery() then null
        -- While nothing is written, the time of the last transaction says nothing; but only a receiver that runs knows of that.
        when exists (select from pg_stat_wal_receiver) and pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
        -- Of a standby that has replayed nothing since its start, at least since then.
        else extract(epoch from clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))
    end
$$;

COMMENT ON FUNCTION raceday.standby_lag_s() IS 'How many seconds this standby is behind the primary; null on a primary';

CREATE FUNCTION raceday.store_alerts(p_user_id text, p_indicators jsonb[], p_audible boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_ids text[] := array_fill(null::text, array[6]);
    v_indicator jsonb;
    v_order int;
    v_id text;
begin
    foreach v_indicator in array p_indicators loop
        select c.indicator_id into v_id from raceday.user_alert_configs c
        where c.user_id = p_user_id and c.indicator_id = v_indicator ->> 'indicator_id';
        v_ids[(v_indicator ->> 'display_order')::numeric::int] := v_id;
    end loop;
    -- First the requested places, then the rest.
    for v_order in
        select o from generate_series(1, 6) o
        order by not exists (select from unnest(p_indicators) i where (i ->> 'display_order')::numeric = o), o
    loop
        if v_ids[v_order] is null then
            v_ids[v_order] := (
                select c.indicator_id from raceday.user_alert_configs c
                where c.user_id = p_user_id and c.indicator_id <> all (array_remove(v_ids, null))
                order by c.display_order <> v_order, c.display_order limit 1);
        end if;
    end loop;

    update raceday.user_alert_configs c
    set display_order = place.display_order,
        percentage_range_min = case when i.given is null then c.percentage_range_min else (i.given -> 'min')::numeric end,
        percentage_range_max = case when i.given is null then c.percentage_range_max else (i.given ->> 'max')::numeric end,
        color = coalesce(upper(i.given ->> 'color'), c.color),
        enabled = coalesce((i.given ->> 'enabled')::boolean, c.enabled),
        is_default = case when i.given is null then c.is_default else coalesce((i.given ->> 'is_default')::boolean, (
            d.percentage_range_min, d.percentage_range_max, d.color) is not distinct from (
            (i.given -> 'min')::numeric, (i.given ->> 'max')::numeric, upper(i.given ->> 'color'))) end,
        audible_alerts_enabled = p_audible,
        last_updated = clock_timestamp()
    from unnest(v_ids) with ordinality place (indicator_id, display_order)
    join raceday.default_alerts() d on d.display_order = place.display_order
    left join unnest(p_indicators) i (given) on (i.given ->> 'display_order')::numeric = place.display_order
    where c.user_id = p_user_id and c.indicator_id = place.indicator_id;
end
$$;

COMMENT ON FUNCTION raceday.store_alerts(p_user_id text, p_indicators jsonb[], p_audible boolean) IS 'Updates a user''s six alerts from valid indicators';

CREATE FUNCTION raceday.timeline_coverage(p_entrant_ids text[], p_covered_ids text[], p_intervals integer[]) RETURNS json
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with critical as (
        select minutes from unnest('{60,55,50,45,40,35,30,25,20,15,10,5,4,3,2,1,0}'::int[]) minutes
    ), requested as (
        select a.entrant_id, min(a.position) as position from unnest(p_entrant_ids) with ordinality a (entrant_id, position)
        -- An empty page is missing nothing: it is the end of the paging, or the race has no history.
        where p_covered_ids is not null
        group by a.entrant_id
    ), covered as (
        select d.entrant_id, count(*) as documents, array_agg(distinct d.minutes order by d.minutes desc) as intervals
        from unnest(p_covered_ids, p_intervals) d (entrant_id, minutes)
        group by d.entrant_id
    ), entrant as (
        select a.entrant_id, a.position, coalesce(c.documents, 0) as documents, coalesce(c.intervals, '{}') as intervals, i.present, i.missing, i.gaps
        from requested a
        left join covered c on c.entrant_id = a.entrant_id
        cross join lateral (
            select
                coalesce(array_agg(minutes order by minutes desc) filter (where minutes = any (c.intervals)), '{}') as present,
                coalesce(array_agg(minutes order by minutes desc) filter (where minutes = any (c.intervals) is not true), '{}') as missing,
                array_agg(minutes order by minutes desc) filter (where minutes <= 5 and minutes = any (c.intervals) is not true) as gaps
            from critical
        ) i
    )
    select json_build_object(
        'summary', json_build_object(
            'total_documents', coalesce(cardinality(p_covered_ids), 0),
            'entrants_covered', (select count(*) from covered),
            'intervals_covered', (
                select coalesce(json_agg(i.minutes order by i.minutes desc), '[]')
                from (select distinct unnest(intervals) as minutes from covered) i),
            'critical_period_gaps', coalesce(json_agg(
                json_build_object('entrant_id', right(e.entrant_id, 8), 'missing_intervals', e.gaps) order by e.position
            ) filter (where e.gaps is not null), '[]'),
            'coverage_report', case
                when p_covered_ids is null then 'No documents'
                when count(e.gaps) = 0 then 'The last five minutes are covered'
                else format('%s of %s entrants miss intervals of the last five minutes', count(e.gaps), count(*))
            end),
        'entrants', coalesce(json_agg(json_build_object(
            'entrant_id', e.entrant_id,
            'document_count', e.documents,
            'intervals_covered', e.intervals,
            'critical_period_coverage', e.present,
            'missing_critical_intervals', e.missing
        ) order by e.position), '[]')
    )
    from entrant e
$$;

COMMENT ON FUNCTION raceday.timeline_coverage(p_entrant_ids text[], p_covered_ids text[], p_intervals integer[]) IS 'Which of the critical intervals a page covers for each requested entrant; p_covered_ids and p_intervals are the page''s rows, as parallel arrays';

CREATE FUNCTION raceday.timeline_cursor(p_query text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT CASE WHEN ((c.cursor ~ '^\d+$'::text) AND pg_input_is_valid(c.cursor, 'bigint'::text)) THEN (c.cursor)::bigint ELSE ('-1'::integer)::bigint END AS "case" FROM (SELECT raceday.query_value(timeline_cursor.p_query, VARIADIC ARRAY['cursorAfter'::text, 'cursor_after'::text]) AS query_value) c(cursor));

COMMENT ON FUNCTION raceday.timeline_cursor(p_query text) IS 'The id after which the page begins; -1 for the first page, or if the parameter is no id';

CREATE FUNCTION raceday.timeline_entrant_ids(p_query text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(SELECT e.id FROM (unnest(raceday.query_values(timeline_entrant_ids.p_query, '{entrants}'::text[])) WITH ORDINALITY v(list, "position") CROSS JOIN LATERAL string_to_table(v.list, ','::text) WITH ORDINALITY e(id, "position")) WHERE (e.id ~ '\S'::text) ORDER BY v."position", e."position");

COMMENT ON FUNCTION raceday.timeline_entrant_ids(p_query text) IS 'The requested entrants: a comma-separated list, repeated parameters, or both; blank ones are left out';

CREATE FUNCTION raceday.timeline_error(p_query text) RETURNS json
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case
        when raceday.query_value(p_query, 'raceId', 'race_id') is null then json_build_object('error', 'raceId is required')
        when raceday.timeline_entrant_ids(p_query) = '{}' then json_build_object('error', 'entrants is required')
        when lower(raceday.timeline_pool_type(p_query)) not in ('win', 'place', 'odds') then json_build_object(
            'error', 'Invalid poolType parameter',
            'message', 'poolType must be one of: win, place, odds',
            'received', raceday.timeline_pool_type(p_query))
    end
$$;

COMMENT ON FUNCTION raceday.timeline_error(p_query text) IS 'Why a request is invalid; null if it is valid';

CREATE FUNCTION raceday.timeline_pool_type(p_query text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE(raceday.query_value(p_query, VARIADIC ARRAY['poolType'::text, 'pool_type'::text]), 'win'::text);

COMMENT ON FUNCTION raceday.timeline_pool_type(p_query text) IS 'The requested pool, as the client wrote it';

CREATE FUNCTION raceday.touch_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    new.updated_at := pg_catalog.clock_timestamp();
    return new;
end
$$;

COMMENT ON FUNCTION raceday.touch_updated_at() IS 'Trigger: sets updated_at to the time of the change';

CREATE FUNCTION raceday.valid_user_id(p_user_id text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((char_length(p_user_id) >= 1) AND (char_length(p_user_id) <= 200)) AND (strpos(p_user_id, '�'::text) = 0));

COMMENT ON FUNCTION raceday.valid_user_id(p_user_id text) IS 'Whether alerts can be stored under this user id';

CREATE FUNCTION raceday.version_response(p_query text, p_error json, p_state text) RETURNS json
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_etag text := to_hex(hashtextextended(concat_ws(' ', p_query, p_state), 0));
begin
    if p_error is not null then
        perform set_config('response.status', '403', true);
        perform set_config('response.headers', json_build_array(raceday.error_header(p_error))::text, true);
        return p_error;
    end if;
    perform raceday.set_cache_headers(v_etag);
    if raceday.request_header('x-raceday-if-none-match') = v_etag then
        perform set_config('response.status', '401', true);
    end if;
    return 'null';
end
$$;

COMMENT ON FUNCTION raceday.version_response(p_query text, p_error json, p_state text) IS 'Responds with the version of a large body, which is derived from its query and the state it shows; p_error, if any, is why the request is invalid';

CREATE FUNCTION raceday.win_pool_band(p_cents numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (p_cents < (750000)::numeric) THEN 'small'::text WHEN (p_cents < (3000000)::numeric) THEN 'medium'::text ELSE 'large'::text END;

COMMENT ON FUNCTION raceday.win_pool_band(p_cents numeric) IS 'The band of a win pool in cents: less than $7,500, less than $30,000, or more';

CREATE VIEW analysis.entrants AS
 SELECT entrant_id,
    race_id,
    name,
    runner_number,
    win_odds,
    place_odds,
    pool_win_odds,
    pool_place_odds,
    hold_percentage,
    bet_percentage,
    is_scratched,
    is_late_scratched,
    scratched_at,
    barrier,
    jockey,
    trainer_name,
    silk_colours,
    silk_url_64,
    silk_url_128,
    runner_change,
    favourite,
    mover,
    created_at,
    updated_at,
    opening_odds,
    opening_odds_at,
    nine_am_odds,
    highest_odds,
    lowest_odds
   FROM raceday.entrants;

COMMENT ON VIEW analysis.entrants IS 'Runners of each race, as the last poll left them. Their key is race_id and entrant_id';

CREATE VIEW analysis.meetings AS
 SELECT meeting_id,
    meeting_name,
    country,
    race_type,
    category,
    date,
    status,
    state,
    track_condition,
    weather,
    tote_status,
    listed_at,
    created_at,
    updated_at
   FROM raceday.meetings;

COMMENT ON VIEW analysis.meetings IS 'Meetings. date is the New Zealand day';

CREATE VIEW analysis.money_flow_history AS
 SELECT id,
    entrant_id,
    race_id,
    hold_percentage,
    bet_percentage,
    type,
    time_to_start,
    seconds_to_start,
    time_interval,
    interval_type,
    event_timestamp,
    polling_timestamp,
    win_pool_amount,
    place_pool_amount,
    win_pool_percentage,
    place_pool_percentage,
    incremental_amount,
    incremental_win_amount,
    incremental_place_amount,
    tote_win_percentage,
    tote_win_amount,
    fixed_win_odds,
    fixed_place_odds,
    pool_win_odds,
    pool_place_odds,
    pool_type,
    is_consolidated,
    created_at,
    win_pool_cents,
    place_pool_cents,
    win_low,
    win_high,
    win_mid,
    flow_multiple,
    evidence
   FROM raceday.money_flow_history;

COMMENT ON VIEW analysis.money_flow_history IS 'Money flow: one row per runner and poll. Amounts are cents; time_interval is the bucket in minutes before the start, negative after it';

CREATE TABLE raceday.odds_history (
    id bigint NOT NULL,
    entrant_id text NOT NULL,
    race_id text NOT NULL,
    odds numeric(10,2) NOT NULL,
    type text NOT NULL,
    event_timestamp timestamp with time zone NOT NULL,
    polling_timestamp timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT odds_history_type_check CHECK ((type = ANY (ARRAY['fixed_win'::text, 'fixed_place'::text, 'pool_win'::text, 'pool_place'::text])))
)
PARTITION BY RANGE (event_timestamp);

COMMENT ON TABLE raceday.odds_history IS 'Odds of a runner, one row per change';

CREATE VIEW analysis.odds_history AS
 SELECT id,
    entrant_id,
    race_id,
    odds,
    type,
    event_timestamp,
    polling_timestamp,
    created_at
   FROM raceday.odds_history;

COMMENT ON VIEW analysis.odds_history IS 'Odds: one row per runner, type (fixed_win, fixed_place, pool_win, pool_place) and change';

CREATE VIEW analysis.race_pools AS
 SELECT race_id,
    win_pool_total,
    place_pool_total,
    quinella_pool_total,
    trifecta_pool_total,
    exacta_pool_total,
    first4_pool_total,
    total_race_pool,
    currency,
    data_quality_score,
    extracted_pools,
    last_updated,
    multi_leg_pool_total
   FROM raceday.race_pools;

COMMENT ON VIEW analysis.race_pools IS 'Pools of each race in dollars, as the last poll left them';

CREATE VIEW analysis.race_results AS
 SELECT race_id,
    results_available,
    results_data,
    dividends_data,
    fixed_odds_data,
    result_status,
    photo_finish,
    stewards_inquiry,
    protest_lodged,
    result_time,
    created_at,
    updated_at
   FROM raceday.race_results;

COMMENT ON VIEW analysis.race_results IS 'Results: results_data lists the placings, dividends_data the dividends, as JSON';

CREATE VIEW analysis.races AS
 SELECT race_id,
    meeting_id,
    name,
    race_number,
    start_time,
    status,
    phase,
    actual_start,
    distance,
    track_condition,
    weather,
    type,
    protest,
    last_status_change,
    finalized_at,
    abandoned_at,
    polled_at,
    listed_at,
    listed_start_time,
    listed_status,
    created_at,
    updated_at,
    meeting_name,
    meeting_country,
    meeting_state,
    race_date_nz
   FROM raceday.races;

COMMENT ON VIEW analysis.races IS 'Races. start_time is the advertised start; phase is upcoming, in_progress, finished or abandoned';

CREATE VIEW api.entrants AS
 SELECT entrant_id,
    race_id,
    name,
    runner_number,
    win_odds,
    place_odds,
    pool_win_odds,
    pool_place_odds,
    hold_percentage,
    bet_percentage,
    is_scratched,
    is_late_scratched,
    scratched_at,
    barrier,
    jockey,
    trainer_name,
    silk_colours,
    silk_url_64,
    silk_url_128,
    favourite,
    mover,
    created_at,
    updated_at,
    opening_odds,
    opening_odds_at,
    nine_am_odds,
    highest_odds,
    lowest_odds
   FROM raceday.entrants;

COMMENT ON VIEW api.entrants IS 'Runners in their current state; embeds races. win_odds and place_odds are fixed odds; pool_win_odds and pool_place_odds are tote odds';

CREATE VIEW api.meetings AS
 SELECT meeting_id,
    meeting_name,
    country,
    race_type,
    category,
    date,
    status,
    state,
    track_condition,
    weather,
    tote_status,
    created_at,
    updated_at
   FROM raceday.meetings;

COMMENT ON VIEW api.meetings IS 'Meetings: a day of racing at one track; date is the New Zealand day';

CREATE VIEW api.money_flow AS
 SELECT id,
    race_id,
    entrant_id,
    type,
    time_interval,
    time_to_start,
    seconds_to_start,
    interval_type,
    hold_percentage,
    bet_percentage,
    win_pool_amount,
    place_pool_amount,
    win_pool_percentage,
    place_pool_percentage,
    incremental_amount,
    incremental_win_amount,
    incremental_place_amount,
    tote_win_percentage,
    tote_win_amount,
    fixed_win_odds,
    fixed_place_odds,
    pool_win_odds,
    pool_place_odds,
    pool_type,
    is_consolidated,
    event_timestamp,
    polling_timestamp,
    created_at
   FROM raceday.money_flow_history;

COMMENT ON VIEW api.money_flow IS 'Money flow: one row per runner per poll, amounts in cents. Filter by race_id or entrant_id, and by event_timestamp so that few partitions are read';

CREATE VIEW api.movers AS
 SELECT race_id,
    entrant_id,
    runner_number,
    name,
    race_number,
    race_name,
    meeting_id,
    meeting_name,
    country,
    type,
    start_time,
    status,
    minutes_to_start,
    evidence,
    rarity,
    provisional,
    level,
    signalled_at,
    money,
    excess,
    multiple,
    share_before,
    share_after,
    fixed_win_odds,
    pool_win_odds,
    reasons
   FROM raceday.movers() movers(race_id, entrant_id, runner_number, name, race_number, race_name, meeting_id, meeting_name, country, type, start_time, status, minutes_to_start, evidence, rarity, provisional, level, signalled_at, money, excess, multiple, share_before, share_after, fixed_win_odds, pool_win_odds, reasons);

COMMENT ON VIEW api.movers IS 'Runners of races not yet finished that are being backed, with the state of their evidence now; order by evidence. Money in cents';

CREATE VIEW api.odds AS
 SELECT id,
    race_id,
    entrant_id,
    type,
    odds,
    event_timestamp,
    polling_timestamp,
    created_at
   FROM raceday.odds_history;

COMMENT ON VIEW api.odds IS 'Odds of runners, one row per change. Filter by race_id or entrant_id, and by event_timestamp so that few partitions are read';

CREATE VIEW api.race_pools AS
 SELECT race_id,
    ((win_pool_total * (100)::numeric))::bigint AS win_pool_total,
    ((place_pool_total * (100)::numeric))::bigint AS place_pool_total,
    ((quinella_pool_total * (100)::numeric))::bigint AS quinella_pool_total,
    ((trifecta_pool_total * (100)::numeric))::bigint AS trifecta_pool_total,
    ((exacta_pool_total * (100)::numeric))::bigint AS exacta_pool_total,
    ((first4_pool_total * (100)::numeric))::bigint AS first4_pool_total,
    ((total_race_pool * (100)::numeric))::bigint AS total_race_pool,
    currency,
    data_quality_score,
    extracted_pools,
    last_updated,
    ((multi_leg_pool_total * (100)::numeric))::bigint AS multi_leg_pool_total
   FROM raceday.race_pools;

COMMENT ON VIEW api.race_pools IS 'Tote pools of a race, in cents; embeds races. total_race_pool may be added up over races, multi_leg_pool_total may not';

CREATE VIEW api.race_results AS
 SELECT race_id,
    results_available,
    results_data,
    dividends_data,
    fixed_odds_data,
    result_status,
    photo_finish,
    stewards_inquiry,
    protest_lodged,
    result_time,
    created_at,
    updated_at
   FROM raceday.race_results;

COMMENT ON VIEW api.race_results IS 'Placings and dividends, once known; embeds races';

CREATE VIEW api.races AS
 SELECT race_id,
    meeting_id,
    name,
    race_number,
    start_time,
    status,
    phase,
    actual_start,
    distance,
    COALESCE(track_condition, ( SELECT m.track_condition
           FROM raceday.meetings m
          WHERE (m.meeting_id = r.meeting_id))) AS track_condition,
    COALESCE(weather, ( SELECT m.weather
           FROM raceday.meetings m
          WHERE (m.meeting_id = r.meeting_id))) AS weather,
    type,
    last_status_change,
    finalized_at,
    abandoned_at,
    created_at,
    updated_at
   FROM raceday.races r;

COMMENT ON VIEW api.races IS 'Races; embeds meetings and entrants. status is as the TAB gives it; phase is upcoming, in_progress, finished or abandoned';

CREATE VIEW api.signals AS
 SELECT race_id,
    entrant_id,
    level,
    event_timestamp,
    polling_timestamp,
    seconds_to_start,
    evidence,
    rarity,
    provisional,
    calibration_version,
    money,
    excess,
    multiple,
    share_before,
    share_after,
    reasons,
    created_at
   FROM raceday.signals s;

COMMENT ON VIEW api.signals IS 'Unusual late money: one row per race, runner and level (1 race in 20, 1 in 200), money in cents; embeds races. Filter by race_id or created_at';

CREATE TABLE raceday.api_keys (
    key_hash bytea NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT api_keys_key_hash_check CHECK ((octet_length(key_hash) = 32)),
    CONSTRAINT api_keys_name_check CHECK ((name ~ '^[A-Za-z0-9._-]{1,64}$'::text)),
    CONSTRAINT api_keys_revoked_at_check CHECK ((revoked_at >= created_at)),
    CONSTRAINT api_keys_role_check CHECK ((role = ANY (ARRAY['read'::text, 'alerts'::text])))
);

COMMENT ON TABLE raceday.api_keys IS 'Keys of clients that speak Appwrite''s protocol; the keys themselves are stored nowhere';

COMMENT ON COLUMN raceday.api_keys.key_hash IS 'SHA-256 of the key';

COMMENT ON COLUMN raceday.api_keys.name IS 'Which client uses it; unique among the keys that are not revoked';

COMMENT ON COLUMN raceday.api_keys.role IS 'read: all data; alerts: may also create and change alerts';

CREATE VIEW raceday.archived_history AS
 SELECT ('raceday.'::text || regexp_replace((c.relname)::text, '_p\d{8}(_\d{6})?$'::text, ''::text)) AS parent_table,
    (c.relname)::text AS partition,
    (c.oid)::regclass AS relation,
    to_date("substring"((c.relname)::text, '_p(\d{8})'::text), 'YYYYMMDD'::text) AS first_day
   FROM (pg_class c
     JOIN pg_namespace n ON ((n.oid = c.relnamespace)))
  WHERE ((n.nspname = 'archive'::name) AND (c.relkind = 'r'::"char") AND (c.relname ~ '^(money_flow_history|odds_history)_p\d{8}(_\d{6})?$'::text));

COMMENT ON VIEW raceday.archived_history IS 'Partitions of the histories that were retired into schema archive';

CREATE TABLE raceday.archived_partitions (
    parent_table text NOT NULL,
    partition text NOT NULL,
    row_count bigint NOT NULL,
    file text NOT NULL,
    file_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    archived_by text NOT NULL,
    archived_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT archived_partitions_row_count_check CHECK ((row_count >= 0))
);

COMMENT ON TABLE raceday.archived_partitions IS 'Partitions that are in a file of the archive: only these are dropped';

COMMENT ON COLUMN raceday.archived_partitions.row_count IS 'Rows in the file; a partition that has another number by now is archived again';

COMMENT ON COLUMN raceday.archived_partitions.file IS 'The file''s path where the fetcher archived_by runs';

CREATE TABLE raceday.feed_refresh (
    only_row boolean DEFAULT true NOT NULL,
    phase_s double precision,
    spread_s double precision,
    races integer DEFAULT 0 NOT NULL,
    computed_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT feed_refresh_only_row_check CHECK (only_row)
);

COMMENT ON TABLE raceday.feed_refresh IS 'The phase that races have in common, one row: for races whose own is not known yet';

COMMENT ON COLUMN raceday.feed_refresh.phase_s IS 'As in race_refreshes; null: the races differ, or too few are certain';

COMMENT ON COLUMN raceday.feed_refresh.spread_s IS 'The largest difference of a race from the common phase';

COMMENT ON COLUMN raceday.feed_refresh.races IS 'How many races it is computed from';

CREATE TABLE raceday.poll_settings (
    only_row boolean DEFAULT true NOT NULL,
    lease interval DEFAULT '00:00:08'::interval NOT NULL,
    stop_after interval DEFAULT '1 day'::interval NOT NULL,
    meetings_every interval DEFAULT '00:05:00'::interval NOT NULL,
    countries text[] DEFAULT '{NZ,AUS}'::text[] NOT NULL,
    categories text[] DEFAULT '{T,H}'::text[] NOT NULL,
    missing_every_min interval DEFAULT '00:00:30'::interval NOT NULL,
    missing_every_max interval DEFAULT '00:05:00'::interval NOT NULL,
    catch_up_every interval DEFAULT '00:30:00'::interval NOT NULL,
    CONSTRAINT poll_settings_catch_up_check CHECK ((catch_up_every > '00:00:00'::interval)),
    CONSTRAINT poll_settings_categories_check CHECK ((categories <@ ARRAY['T'::text, 'H'::text])),
    CONSTRAINT poll_settings_lease_check CHECK ((lease > '00:00:00'::interval)),
    CONSTRAINT poll_settings_missing_check CHECK (((missing_every_min > '00:00:00'::interval) AND (missing_every_max >= missing_every_min))),
    CONSTRAINT poll_settings_only_row_check CHECK (only_row)
);

COMMENT ON TABLE raceday.poll_settings IS 'Settings of polling: a single row';

COMMENT ON COLUMN raceday.poll_settings.lease IS 'How long a claimed race belongs to its worker; after that, another worker may claim it';

COMMENT ON COLUMN raceday.poll_settings.stop_after IS 'How long after its start a race is polled at most, finished or not';

COMMENT ON COLUMN raceday.poll_settings.meetings_every IS 'How often the day''s meetings list is fetched';

COMMENT ON COLUMN raceday.poll_settings.countries IS 'Countries whose meetings are polled';

COMMENT ON COLUMN raceday.poll_settings.categories IS 'Categories of racing that are polled: T thoroughbred, H harness';

COMMENT ON COLUMN raceday.poll_settings.missing_every_min IS 'The least time from the first poll of a missing race to the next; it doubles until missing_every_max';

COMMENT ON COLUMN raceday.poll_settings.missing_every_max IS 'The longest time between two polls of a missing race, unless its cadence is longer';

COMMENT ON COLUMN raceday.poll_settings.catch_up_every IS 'How often a race that was over before its first poll is tried, until that poll has succeeded';

CREATE TABLE raceday.race_polls (
    race_id text NOT NULL,
    first_due_at timestamp with time zone DEFAULT raceday.now() NOT NULL,
    slot_at timestamp with time zone,
    claimed_at timestamp with time zone,
    claimed_by text,
    lease_until timestamp with time zone,
    not_found integer DEFAULT 0 NOT NULL,
    list_date date,
    unlisted integer DEFAULT 0 NOT NULL,
    is_missing boolean GENERATED ALWAYS AS (((not_found > 0) OR (unlisted > 0))) STORED NOT NULL,
    missing_reported boolean DEFAULT false NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE raceday.race_polls IS 'The polling of each race: its last slot and the current lease';

COMMENT ON COLUMN raceday.race_polls.first_due_at IS 'When it became known or, while it was missing, a list last changed it or named it again';

COMMENT ON COLUMN raceday.race_polls.slot_at IS 'When the last claimed poll was due; the next is counted from here, so that lateness does not accumulate';

COMMENT ON COLUMN raceday.race_polls.not_found IS 'How often in a row the TAB has reported its event as not found';

COMMENT ON COLUMN raceday.race_polls.list_date IS 'New Zealand day of the meetings list that last named it';

COMMENT ON COLUMN raceday.race_polls.unlisted IS 'How many lists of that day in a row have not named it';

COMMENT ON COLUMN raceday.race_polls.is_missing IS 'Whether its event was not found, or it is no longer listed';

COMMENT ON COLUMN raceday.race_polls.missing_reported IS 'Whether it was last reported as missing: see raceday_report_missing';

CREATE TABLE raceday.race_refreshes (
    race_id text NOT NULL,
    state jsonb NOT NULL,
    phase_s double precision,
    age_s double precision NOT NULL,
    is_certain boolean NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    rank integer DEFAULT 0 NOT NULL,
    slot_at timestamp with time zone,
    gap_s double precision,
    again_at timestamp with time zone,
    data_age_s double precision,
    changed_within_s double precision
)
WITH (fillfactor='50');

COMMENT ON TABLE raceday.race_refreshes IS 'When the data of each race are refreshed, as its polls have shown; written by the statement that ends a poll';

COMMENT ON COLUMN raceday.race_refreshes.state IS 'What the fetcher''s estimator has learned, in a form of its own';

COMMENT ON COLUMN raceday.race_refreshes.phase_s IS 'By when a refresh has arrived: seconds after a multiple of the period since 1970; null: unknown';

COMMENT ON COLUMN raceday.race_refreshes.age_s IS 'Expected age of the data at phase_s; half a period if nothing is known';

COMMENT ON COLUMN raceday.race_refreshes.is_certain IS 'Whether the race''s slots are aligned with phase_s';

COMMENT ON COLUMN raceday.race_refreshes.observed_at IS 'When the race was last polled';

COMMENT ON COLUMN raceday.race_refreshes.rank IS 'How many more urgent races had the same phase';

COMMENT ON COLUMN raceday.race_refreshes.slot_at IS 'The slot after which gap_s and again_at apply';

COMMENT ON COLUMN raceday.race_refreshes.gap_s IS 'Seconds to the next slot, in place of the cadence''s, to find the phase';

COMMENT ON COLUMN raceday.race_refreshes.again_at IS 'When the race is polled again, as a refresh that was due had not arrived';

COMMENT ON COLUMN raceday.race_refreshes.data_age_s IS 'Age of the last response''s data by its generated_time';

COMMENT ON COLUMN raceday.race_refreshes.changed_within_s IS 'The last response''s data changed at most this long before it was fetched; null: not known';

CREATE TABLE raceday.refresh_settings (
    only_row boolean DEFAULT true NOT NULL,
    is_aligned boolean DEFAULT true NOT NULL,
    period interval DEFAULT '00:00:15'::interval NOT NULL,
    margin interval DEFAULT '00:00:00.5'::interval NOT NULL,
    spread interval DEFAULT '00:00:00.05'::interval NOT NULL,
    again_after interval DEFAULT '00:00:01'::interval NOT NULL,
    CONSTRAINT refresh_settings_again_after_check CHECK ((again_after > '00:00:00'::interval)),
    CONSTRAINT refresh_settings_margin_check CHECK (((margin >= '00:00:00'::interval) AND (margin < period))),
    CONSTRAINT refresh_settings_only_row_check CHECK (only_row),
    CONSTRAINT refresh_settings_period_check CHECK ((period >= '00:00:01'::interval)),
    CONSTRAINT refresh_settings_spread_check CHECK ((spread >= '00:00:00'::interval))
);

COMMENT ON TABLE raceday.refresh_settings IS 'Settings of the alignment of polls with the TAB''s refreshes, one row';

COMMENT ON COLUMN raceday.refresh_settings.is_aligned IS 'Whether slots are aligned; if not, refreshes are still observed';

COMMENT ON COLUMN raceday.refresh_settings.period IS 'Time between two refreshes of a race''s data';

COMMENT ON COLUMN raceday.refresh_settings.margin IS 'How long after a refresh its poll is due';

COMMENT ON COLUMN raceday.refresh_settings.spread IS 'Time between the polls of two races that are refreshed at the same moment';

COMMENT ON COLUMN raceday.refresh_settings.again_after IS 'When a race is polled again if a refresh that was due is not there yet';

CREATE VIEW raceday.due_races AS
 SELECT r.race_id,
        CASE
            WHEN (n.every_s IS NULL) THEN n.slot_at
            ELSE LEAST(n.slot_at, p.lease_until, a.again_at)
        END AS due_at,
    s.start_time,
    r.status,
    (EXTRACT(epoch FROM (s.start_time - t.now)))::double precision AS seconds_to_start,
    n.every_s AS cadence_s,
    p.slot_at,
    p.claimed_by,
    p.lease_until,
    n.slot_at AS next_slot_at,
    (raceday.is_live(s.start_time, t.now) AND (NOT p.is_missing) AND (NOT o.is_over)) AS is_live,
    p.is_missing,
    b.backoff,
    p.claimed_at,
    a.again_at,
    a.phase_s,
    a.lag_s,
    a.period_s,
    o.is_over,
    (r.phase = 'in_progress'::text) AS is_closed
   FROM ((((((((((((raceday.races r
     JOIN raceday.race_polls p ON ((p.race_id = r.race_id)))
     CROSS JOIN raceday.poll_settings settings)
     CROSS JOIN raceday.refresh_settings refresh)
     CROSS JOIN raceday.feed_refresh feed)
     LEFT JOIN raceday.race_refreshes f ON ((f.race_id = r.race_id)))
     CROSS JOIN LATERAL ( SELECT raceday.now() AS now) t)
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN ((r.listed_at > p.claimed_at) OR (r.polled_at IS NULL)) THEN COALESCE(r.listed_start_time, r.start_time)
                    ELSE r.start_time
                END AS start_time) s)
     CROSS JOIN LATERAL ( SELECT ((r.phase <> ALL (ARRAY['upcoming'::text, 'in_progress'::text])) OR (s.start_time <= (t.now - settings.stop_after))) AS is_over) o)
     CROSS JOIN LATERAL raceday.next_poll(p.slot_at, s.start_time, t.now) following(slot_at, first_slot_at, every_s))
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN p.is_missing THEN LEAST((settings.missing_every_min * ((2.0 ^ (LEAST(((p.not_found +
                    CASE
                        WHEN (t.now < (s.start_time + '00:15:00'::interval)) THEN LEAST(p.unlisted, 2)
                        ELSE p.unlisted
                    END) - 1), 20))::numeric))::double precision), settings.missing_every_max)
                    ELSE NULL::interval
                END AS backoff) b)
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN (refresh.is_aligned AND (NOT p.is_missing) AND (NOT o.is_over)) THEN
                    CASE
                        WHEN (f.is_certain AND (f.observed_at > (t.now - '00:10:00'::interval))) THEN f.phase_s
                        WHEN (feed.computed_at > (t.now - '00:10:00'::interval)) THEN feed.phase_s
                        ELSE NULL::double precision
                    END
                    ELSE NULL::double precision
                END AS phase_s,
            (EXTRACT(epoch FROM (refresh.margin + ((COALESCE(f.rank, 0))::double precision * refresh.spread))))::double precision AS lag_s,
            (EXTRACT(epoch FROM refresh.period))::double precision AS period_s,
                CASE
                    WHEN (refresh.is_aligned AND (f.slot_at = p.slot_at)) THEN (p.slot_at + make_interval(secs => f.gap_s))
                    ELSE NULL::timestamp with time zone
                END AS shifted_at,
                CASE
                    WHEN (refresh.is_aligned AND (f.slot_at = p.slot_at) AND (f.again_at > p.claimed_at) AND (f.again_at > (t.now - '00:00:05'::interval))) THEN f.again_at
                    ELSE NULL::timestamp with time zone
                END AS again_at,
            GREATEST(following.slot_at, (p.slot_at + b.backoff),
                CASE
                    WHEN (r.phase = 'in_progress'::text) THEN (p.slot_at + make_interval(secs => (raceday.after_close_s(p.slot_at, s.start_time))::double precision))
                    ELSE NULL::timestamp with time zone
                END) AS plain_at
         OFFSET 0) a)
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN (o.is_over AND (p.slot_at IS NOT NULL)) THEN t.now
                    WHEN (p.slot_at IS NULL) THEN GREATEST(LEAST(p.first_due_at, t.now), following.first_slot_at)
                    WHEN (p.slot_at > (t.now + '00:00:05'::interval)) THEN GREATEST(t.now, following.first_slot_at)
                    ELSE COALESCE(a.shifted_at, raceday.aligned_slot(p.slot_at, a.plain_at, following.every_s, s.start_time, a.phase_s, a.lag_s, a.period_s))
                END AS slot_at,
                CASE
                    WHEN o.is_over THEN (EXTRACT(epoch FROM settings.catch_up_every))::integer
                    ELSE following.every_s
                END AS every_s
         OFFSET 0) n)
  WHERE (((r.phase = ANY (ARRAY['upcoming'::text, 'in_progress'::text])) OR (r.polled_at IS NULL)) AND (r.start_time > ((t.now - settings.stop_after) - '1 day'::interval)) AND ((NOT o.is_over) OR (p.slot_at IS NULL) OR ((r.polled_at IS NULL) AND (NOT p.is_missing) AND (p.slot_at < (t.now - settings.catch_up_every))) OR ((r.polled_at IS NOT NULL) AND (p.slot_at < ((s.start_time + settings.stop_after) - '01:00:00'::interval)))));

COMMENT ON VIEW raceday.due_races IS 'Races still polled, when each is due next, and whether it is live or missing; claimable where due_at <= raceday.now() and no lease is running';

CREATE TABLE raceday.history_deletions (
    race_id text NOT NULL,
    deleted_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE raceday.history_deletions IS 'Races of which rows of money_flow_history were replaced: whoever follows such a race reads it again';

COMMENT ON COLUMN raceday.history_deletions.deleted_at IS 'created_at of the rows that replaced them; rows that are older may have been sent together with deleted ones';

CREATE TABLE raceday.imported_races (
    race_id text NOT NULL,
    imported_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE raceday.imported_races IS 'Races that were imported: only their runners, pools, results and history are';

CREATE TABLE raceday.list_polls (
    list_date date NOT NULL,
    slot_at timestamp with time zone,
    lease_until timestamp with time zone,
    claimed_by text,
    processed_through timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL
);

COMMENT ON TABLE raceday.list_polls IS 'The polling of each New Zealand day''s meetings list';

COMMENT ON COLUMN raceday.list_polls.lease_until IS 'Until when its worker is fetching it; after a failure, when it is retried';

COMMENT ON COLUMN raceday.list_polls.processed_through IS 'fetched_at of the latest list processed; an older one only adds what is missing';

COMMENT ON COLUMN raceday.list_polls.failures IS 'How often the list has failed since it last succeeded';

ALTER TABLE raceday.money_flow_history ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME raceday.money_flow_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW raceday.monitor_partitions AS
 SELECT p.parent_table,
    (c.relname)::text AS partition,
    (b.bounds[1])::timestamp with time zone AS from_at,
    (b.bounds[2])::timestamp with time zone AS to_at,
    pg_total_relation_size((c.oid)::regclass) AS bytes
   FROM (((partman.part_config p
     JOIN pg_inherits i ON ((i.inhparent = ((p.parent_table)::regclass)::oid)))
     JOIN pg_class c ON ((c.oid = i.inhrelid)))
     CROSS JOIN LATERAL ( SELECT regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(.+)''\) TO \(''(.+)''\)'::text) AS bounds) b);

COMMENT ON VIEW raceday.monitor_partitions IS 'Every daily partition with its bounds and its size on disk, including indexes and TOAST';

CREATE VIEW raceday.monitor_partitions_due AS
 SELECT q.parent_table,
    q.partition,
    q.from_at,
    q.to_at,
    d.due_at
   FROM ((partman.part_config p
     JOIN raceday.monitor_partitions q ON ((q.parent_table = p.parent_table)))
     CROSS JOIN LATERAL ( SELECT (((q.to_at AT TIME ZONE 'UTC'::text) + (p.retention)::interval) AT TIME ZONE 'UTC'::text) AS due_at) d)
  WHERE ((d.due_at < raceday.now()) AND (p.parent_table ~~ 'raceday.%'::text));

COMMENT ON VIEW raceday.monitor_partitions_due IS 'Partitions past their retention: raceday_maintain archives or drops them';

CREATE VIEW raceday.monitor_archive AS
 SELECT p.parent_table,
    (s.archive_payloads OR (s.archive_keep IS NOT NULL)) AS is_on,
    w.waiting,
    (COALESCE(GREATEST(EXTRACT(epoch FROM (raceday.now() - w.due_at)), (0)::numeric), (0)::numeric))::double precision AS overdue_s,
    ( SELECT max(a.archived_at) AS max
           FROM raceday.archived_partitions a
          WHERE (a.parent_table = p.parent_table)) AS last_archived_at
   FROM ((partman.part_config p
     CROSS JOIN raceday.maintenance_settings s)
     CROSS JOIN LATERAL ( SELECT count(*) AS waiting,
            min(d.due_at) AS due_at
           FROM ( SELECT d_1.partition,
                    d_1.due_at
                   FROM raceday.monitor_partitions_due d_1
                  WHERE ((d_1.parent_table = p.parent_table) AND s.archive_payloads AND (p.parent_table = 'raceday.staged_payloads'::text))
                UNION ALL
                 SELECT h.partition,
                    (((h.first_day + 1) + s.archive_keep) AT TIME ZONE 'UTC'::text) AS timezone
                   FROM raceday.archived_history h
                  WHERE ((h.parent_table = p.parent_table) AND ((((h.first_day + 1) + s.archive_keep) AT TIME ZONE 'UTC'::text) < raceday.now()))) d
          WHERE (NOT (EXISTS ( SELECT
                   FROM raceday.archived_partitions a
                  WHERE ((a.parent_table = p.parent_table) AND (a.partition = d.partition)))))) w)
  WHERE (p.parent_table ~~ 'raceday.%'::text);

COMMENT ON VIEW raceday.monitor_archive IS 'Each partitioned table: partitions that are past their time but wait to be archived, how long the oldest has waited, and the last archived';

CREATE VIEW raceday.monitor_lists AS
 SELECT (COALESCE(GREATEST(EXTRACT(epoch FROM ((raceday.now() - max(l.slot_at)) - s.meetings_every)), (0)::numeric), (0)::numeric))::double precision AS overdue_s,
    COALESCE(max(l.failures), 0) AS failures
   FROM (raceday.poll_settings s
     LEFT JOIN raceday.list_polls l ON ((l.list_date = ((raceday.now() AT TIME ZONE 'Pacific/Auckland'::text))::date)))
  GROUP BY s.meetings_every;

COMMENT ON VIEW raceday.monitor_lists IS 'Today''s meetings list: how overdue it is, and how often it has failed since it last succeeded';

CREATE VIEW raceday.monitor_live_races AS
 SELECT count(*) AS races,
    (COALESCE(GREATEST(max(EXTRACT(epoch FROM (raceday.now() - due_at))), (0)::numeric), (0)::numeric))::double precision AS overdue_s
   FROM raceday.due_races d
  WHERE is_live;

COMMENT ON VIEW raceday.monitor_live_races IS 'Live races, and how overdue the most overdue poll of one is';

CREATE VIEW raceday.monitor_partition_gaps AS
 SELECT p.parent_table,
    lower(g.gap) AS from_at,
    upper(g.gap) AS to_at
   FROM ((((partman.part_config p
     CROSS JOIN LATERAL ( SELECT COALESCE(range_agg(tstzrange(q.from_at, q.to_at)), '{}'::tstzmultirange) AS ranges
           FROM raceday.monitor_partitions q
          WHERE (q.parent_table = p.parent_table)) covered)
     CROSS JOIN LATERAL generate_series(0, p.premake) n(days))
     CROSS JOIN LATERAL ( SELECT (date_trunc('day'::text, raceday.now(), 'UTC'::text) + ((n.days)::double precision * '24:00:00'::interval)) AS begins_at) d)
     CROSS JOIN LATERAL unnest((tstzmultirange(tstzrange(d.begins_at, (d.begins_at + '24:00:00'::interval))) - covered.ranges)) g(gap))
  WHERE (p.parent_table ~~ 'raceday.%'::text);

COMMENT ON VIEW raceday.monitor_partition_gaps IS 'Times from today until premake days ahead (UTC days) without a partition: raceday_maintain creates them';

CREATE VIEW raceday.monitor_maintenance AS
 SELECT p.parent_table,
    m.days_ahead,
    m.has_tomorrow,
    m.partitions,
    m.bytes,
    p.maintenance_last_run AS last_run_at,
    g.gaps,
    g.first_gap_at,
    d.retirements_due,
    d.retirement_overdue_s
   FROM (((partman.part_config p
     CROSS JOIN LATERAL ( SELECT count(*) FILTER (WHERE (q.from_at > raceday.now())) AS days_ahead,
            COALESCE(bool_or((((raceday.now() + '1 day'::interval) >= q.from_at) AND ((raceday.now() + '1 day'::interval) < q.to_at))), false) AS has_tomorrow,
            count(*) AS partitions,
            (COALESCE(sum(q.bytes), (0)::numeric))::bigint AS bytes
           FROM raceday.monitor_partitions q
          WHERE (q.parent_table = p.parent_table)) m)
     CROSS JOIN LATERAL ( SELECT count(*) AS gaps,
            min(g_1.from_at) AS first_gap_at
           FROM raceday.monitor_partition_gaps g_1
          WHERE (g_1.parent_table = p.parent_table)) g)
     CROSS JOIN LATERAL ( SELECT count(*) AS retirements_due,
            (COALESCE(EXTRACT(epoch FROM (raceday.now() - min(d_1.due_at))), (0)::numeric))::double precision AS retirement_overdue_s
           FROM raceday.monitor_partitions_due d_1
          WHERE (d_1.parent_table = p.parent_table)) d);

COMMENT ON VIEW raceday.monitor_maintenance IS 'Each partitioned table: days created ahead and gaps among them, size, when it was last maintained (null: never), and what is due to be retired';

CREATE VIEW raceday.monitor_near_races AS
 SELECT count(*) AS races,
    count(*) FILTER (WHERE is_missing) AS missing
   FROM raceday.due_races d
  WHERE ((seconds_to_start >= ('-900'::integer)::double precision) AND (seconds_to_start <= (3900)::double precision));

COMMENT ON VIEW raceday.monitor_near_races IS 'Races from 65 minutes before their start to 15 after it, and how many of them are missing: not found, or no longer listed';

CREATE TABLE raceday.pending_payloads (
    race_id text NOT NULL,
    fetched_at timestamp with time zone NOT NULL,
    payload_id bigint NOT NULL
);

COMMENT ON TABLE raceday.pending_payloads IS 'The queue: staged payloads that are not processed yet';

CREATE TABLE raceday.staged_payloads (
    payload_id bigint NOT NULL,
    kind text DEFAULT 'event'::text NOT NULL,
    race_id text NOT NULL,
    fetched_at timestamp with time zone DEFAULT raceday.now() NOT NULL,
    payload text,
    payload_raw bytea,
    staged_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    error text,
    report text,
    processed_at timestamp with time zone,
    CONSTRAINT staged_payloads_body_check CHECK ((num_nonnulls(payload, payload_raw) = 1)),
    CONSTRAINT staged_payloads_kind_check CHECK ((kind = ANY (ARRAY['event'::text, 'meetings'::text]))),
    CONSTRAINT staged_payloads_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'processed'::text, 'unchanged'::text, 'failed'::text])))
)
PARTITION BY RANGE (fetched_at);
ALTER TABLE ONLY raceday.staged_payloads ALTER COLUMN payload SET COMPRESSION lz4;
ALTER TABLE ONLY raceday.staged_payloads ALTER COLUMN payload_raw SET COMPRESSION lz4;

COMMENT ON TABLE raceday.staged_payloads IS 'Every TAB response, byte for byte; all derived tables can be rebuilt from it';

COMMENT ON COLUMN raceday.staged_payloads.payload_id IS 'Negative if staged by raceday_ingest or raceday_stage: derived from the body, so that none is staged twice; positive after a plain INSERT';

COMMENT ON COLUMN raceday.staged_payloads.race_id IS 'The race; for a meetings list, ''meetings:'' and its New Zealand date';

COMMENT ON COLUMN raceday.staged_payloads.payload_raw IS 'The body if it is not text that PostgreSQL can store (not UTF-8, or with NUL bytes)';

COMMENT ON COLUMN raceday.staged_payloads.status IS 'pending, processed, unchanged (same content as the previous payload) or failed (see error)';

COMMENT ON COLUMN raceday.staged_payloads.report IS 'What processing noticed without failing, such as values that could not be used';

CREATE VIEW raceday.monitor_payloads AS
 SELECT s.staged_last_hour,
    s.failed_last_hour,
    q.pending,
    (COALESCE(EXTRACT(epoch FROM (raceday.now() - q.oldest_pending_at)), (0)::numeric))::double precision AS oldest_pending_age_s
   FROM (( SELECT count(*) AS staged_last_hour,
            count(*) FILTER (WHERE (staged_payloads.status = 'failed'::text)) AS failed_last_hour
           FROM raceday.staged_payloads
          WHERE (staged_payloads.fetched_at > (raceday.now() - '01:00:00'::interval))) s
     CROSS JOIN ( SELECT count(*) AS pending,
            min(pending_payloads.fetched_at) AS oldest_pending_at
           FROM raceday.pending_payloads) q);

COMMENT ON VIEW raceday.monitor_payloads IS 'Payloads of the last hour, how many of them failed, and how many are still pending';

CREATE VIEW raceday.monitor_races AS
 SELECT c.every_s AS cadence_s,
    count(d.race_id) AS races,
    (COALESCE(GREATEST(max(EXTRACT(epoch FROM (raceday.now() - d.due_at))), (0)::numeric), (0)::numeric))::double precision AS overdue_s
   FROM (( SELECT DISTINCT poll_cadence.every_s
           FROM raceday.poll_cadence) c
     LEFT JOIN raceday.due_races d ON ((d.cadence_s = c.every_s)))
  GROUP BY c.every_s;

COMMENT ON VIEW raceday.monitor_races IS 'Races still polled, by the seconds between their polls, and how overdue the most overdue of them is';

CREATE VIEW raceday.monitor_replication AS
 SELECT r.application_name AS standby,
    r.state,
    (COALESCE(EXTRACT(epoch FROM r.replay_lag), (0)::numeric))::double precision AS lag_s,
    (COALESCE(pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn), (0)::numeric))::bigint AS behind_bytes
   FROM pg_stat_replication r
  WHERE ((NOT pg_is_in_recovery()) AND (r.state = 'streaming'::text))
UNION ALL
 SELECT (s.slot_name)::text AS standby,
    'detached'::text AS state,
    'Infinity'::double precision AS lag_s,
    (pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn))::bigint AS behind_bytes
   FROM pg_replication_slots s
  WHERE ((NOT pg_is_in_recovery()) AND (s.slot_type = 'physical'::text) AND (NOT s.active))
UNION ALL
 SELECT 'itself'::text AS standby,
        CASE
            WHEN pg_is_in_recovery() THEN 'standby'::text
            ELSE 'primary'::text
        END AS state,
    COALESCE(raceday.standby_lag_s(), (0)::double precision) AS lag_s,
    (COALESCE(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), (0)::numeric))::bigint AS behind_bytes;

COMMENT ON VIEW raceday.monitor_replication IS 'How far this server is behind, which a primary never is; on a primary also each standby, infinitely if it has a slot and does not follow';

CREATE VIEW raceday.monitor_sessions AS
 SELECT (usename)::text AS role,
    count(*) AS sessions,
    (COALESCE(max(EXTRACT(epoch FROM (clock_timestamp() - query_start))) FILTER (WHERE (state = 'active'::text)), (0)::numeric))::double precision AS longest_query_s,
    (COALESCE(max(EXTRACT(epoch FROM (clock_timestamp() - xact_start))), (0)::numeric))::double precision AS longest_transaction_s
   FROM pg_stat_activity a
  WHERE ((datname = current_database()) AND (backend_type = 'client backend'::text) AND (application_name <> 'pg_dump'::text))
  GROUP BY usename;

COMMENT ON VIEW raceday.monitor_sessions IS 'Sessions of this database by role, with their longest-running query and transaction';

CREATE TABLE raceday.webhook_deliveries (
    delivery_id uuid DEFAULT uuidv7() NOT NULL,
    race_id text NOT NULL,
    entrant_id text NOT NULL,
    level integer NOT NULL,
    body json NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT clock_timestamp(),
    expires_at timestamp with time zone NOT NULL,
    last_error text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT webhook_deliveries_finished_at_check CHECK (((status = 'pending'::text) = (finished_at IS NULL))),
    CONSTRAINT webhook_deliveries_next_attempt_at_check CHECK (((status = 'pending'::text) = (next_attempt_at IS NOT NULL))),
    CONSTRAINT webhook_deliveries_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text])))
);

COMMENT ON TABLE raceday.webhook_deliveries IS 'Signals sent, or to be sent, to the webhook: one row per race, runner and level, whatever becomes of the signal later. Kept for 30 days';

COMMENT ON COLUMN raceday.webhook_deliveries.delivery_id IS 'Sent as webhook-id, the same with each attempt: receivers know a repeat by it';

COMMENT ON COLUMN raceday.webhook_deliveries.body IS 'The signal as GET /api/signals returned it when it was collected';

COMMENT ON COLUMN raceday.webhook_deliveries.status IS 'pending, delivered, or failed: refused by the receiver, or given up at expires_at';

COMMENT ON COLUMN raceday.webhook_deliveries.attempts IS 'Attempts begun';

COMMENT ON COLUMN raceday.webhook_deliveries.next_attempt_at IS 'When it is tried again; while an attempt runs, when another may begin if nothing is heard of that one';

COMMENT ON COLUMN raceday.webhook_deliveries.last_error IS 'Why the last attempt failed; never contains the address or the secret';

CREATE VIEW raceday.monitor_webhooks AS
 SELECT count(*) FILTER (WHERE (status = 'pending'::text)) AS pending,
    (COALESCE(EXTRACT(epoch FROM (clock_timestamp() - min(created_at) FILTER (WHERE (status = 'pending'::text)))), (0)::numeric))::double precision AS oldest_pending_age_s,
    count(*) FILTER (WHERE ((status = 'delivered'::text) AND (finished_at > (clock_timestamp() - '01:00:00'::interval)))) AS delivered_last_hour,
    count(*) FILTER (WHERE ((status = 'failed'::text) AND (finished_at > (clock_timestamp() - '01:00:00'::interval)))) AS failed_last_hour
   FROM raceday.webhook_deliveries d;

COMMENT ON VIEW raceday.monitor_webhooks IS 'Signals that wait to be delivered to the webhook, and those of the last hour that were or could not be';

ALTER TABLE raceday.odds_history ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME raceday.odds_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE raceday.race_progress (
    race_id text NOT NULL,
    processed_through timestamp with time zone NOT NULL,
    payload_hash bigint NOT NULL,
    generated_at timestamp with time zone,
    event_timestamp timestamp with time zone NOT NULL,
    first_event_timestamp timestamp with time zone NOT NULL,
    last_event_timestamp timestamp with time zone NOT NULL,
    first_fetched_at timestamp with time zone NOT NULL,
    rows_created_at timestamp with time zone NOT NULL,
    has_history boolean NOT NULL,
    entrant_ids text[] NOT NULL,
    win_intervals bigint[] NOT NULL,
    win_amounts bigint[] NOT NULL,
    win_bases bigint[] NOT NULL,
    place_intervals bigint[] NOT NULL,
    place_amounts bigint[] NOT NULL,
    place_bases bigint[] NOT NULL,
    fixed_win_odds bigint[] NOT NULL,
    fixed_place_odds bigint[] NOT NULL,
    pool_win_odds bigint[] NOT NULL,
    pool_place_odds bigint[] NOT NULL,
    rows_win_cents bigint,
    rows_place_cents bigint,
    watch bytea
)
WITH (fillfactor='50', toast_tuple_target='8160');

COMMENT ON TABLE raceday.race_progress IS 'How far a race is processed, and the amounts of each runner that increments are computed from (arrays parallel to entrant_ids)';

COMMENT ON COLUMN raceday.race_progress.first_event_timestamp IS 'Earliest event_timestamp of the race''s history: with last_event_timestamp, the partitions to read';

COMMENT ON COLUMN raceday.race_progress.rows_created_at IS 'created_at of the race''s latest history rows; that of the next poll''s rows is later';

COMMENT ON COLUMN raceday.race_progress.win_bases IS 'Amount of the last row before the current time_interval; null if there is none';

COMMENT ON COLUMN raceday.race_progress.fixed_win_odds IS 'Odds of the latest odds_history row of this type, in hundredths';

COMMENT ON COLUMN raceday.race_progress.rows_win_cents IS 'Win pool of the latest poll that gave money flow: after the close, only another one gives more';

COMMENT ON COLUMN raceday.race_progress.rows_place_cents IS 'Place pool of the latest poll that gave money flow';

COMMENT ON COLUMN raceday.race_progress.watch IS 'What the next poll''s signals are computed from, in the extension''s own layout: bounds on each pool''s odds, the last snapshot, each runner''s evidence';

CREATE VIEW raceday.refresh_estimates AS
 SELECT f.race_id,
    r.start_time,
    f.is_certain,
    f.phase_s,
    f.age_s,
    ((1)::double precision - (f.age_s / ((EXTRACT(epoch FROM s.period))::double precision / (2)::double precision))) AS certainty,
    (d.phase_s IS NOT NULL) AS is_aligned,
    d.lag_s,
    d.next_slot_at,
    f.data_age_s,
    f.changed_within_s,
    f.observed_at
   FROM (((raceday.race_refreshes f
     CROSS JOIN raceday.refresh_settings s)
     JOIN raceday.races r ON ((r.race_id = f.race_id)))
     LEFT JOIN raceday.due_races d ON ((d.race_id = f.race_id)));

COMMENT ON VIEW raceday.refresh_estimates IS 'When each race''s data are refreshed, as estimated: certainty is 1 if its polls carry data of the moment, 0 if nothing is known';

CREATE SEQUENCE raceday.signal_calibration_version
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

COMMENT ON SEQUENCE raceday.signal_calibration_version IS 'Versions of signal_calibrations';

CREATE TABLE raceday.signal_calibrations (
    version integer NOT NULL,
    effective_from timestamp with time zone NOT NULL,
    calibrated_from timestamp with time zone NOT NULL,
    calibrated_to timestamp with time zone NOT NULL,
    country text,
    category text,
    band text NOT NULL,
    phi bigint NOT NULL,
    place_phi bigint NOT NULL,
    n integer NOT NULL,
    evidence_20 numeric(8,2),
    evidence_50 numeric(8,2),
    evidence_100 numeric(8,2),
    evidence_200 numeric(8,2),
    evidence_500 numeric(8,2),
    evidence_1000 numeric(8,2),
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT signal_calibrations_band_check CHECK ((band = ANY (ARRAY['small'::text, 'medium'::text, 'large'::text]))),
    CONSTRAINT signal_calibrations_category_check CHECK ((category = ANY (ARRAY['T'::text, 'H'::text])))
);

COMMENT ON TABLE raceday.signal_calibrations IS 'How rare evidence is among races of a kind, one row per version and kind. Rows never change: what was judged by a version stays so';

COMMENT ON COLUMN raceday.signal_calibrations.effective_from IS 'Polls of this moment and later are judged by the version, until the next one';

COMMENT ON COLUMN raceday.signal_calibrations.calibrated_from IS 'Derived from races that started then or later';

COMMENT ON COLUMN raceday.signal_calibrations.calibrated_to IS 'Derived from races that started before';

COMMENT ON COLUMN raceday.signal_calibrations.country IS 'Null for all countries';

COMMENT ON COLUMN raceday.signal_calibrations.category IS 'T, H, or null for both';

COMMENT ON COLUMN raceday.signal_calibrations.band IS 'Win pool at the close: small below $7,500, medium below $30,000, large';

COMMENT ON COLUMN raceday.signal_calibrations.phi IS 'Size in cents of the lumps in which win bets come';

COMMENT ON COLUMN raceday.signal_calibrations.place_phi IS 'Size in cents of the lumps in which place bets come';

COMMENT ON COLUMN raceday.signal_calibrations.n IS 'How many races; a kind with fewer than 199 borrows from a wider one';

COMMENT ON COLUMN raceday.signal_calibrations.evidence_20 IS 'Nats that 1 race in 20 reaches; null with too few races, like the ones that follow';

CREATE TABLE raceday.signal_flows (
    race_id text NOT NULL,
    rows_created_at timestamp with time zone NOT NULL,
    closing_cents bigint NOT NULL,
    flows bytea
);

COMMENT ON TABLE raceday.signal_flows IS 'What calibrations are derived from: finished races'' flows in the watch, some 6 kB per race, kept when the history is retired';

COMMENT ON COLUMN raceday.signal_flows.rows_created_at IS 'rows_created_at of race_progress when they were collected; they are collected again if it differs';

COMMENT ON COLUMN raceday.signal_flows.closing_cents IS 'The win pool of the last poll in the watch';

COMMENT ON COLUMN raceday.signal_flows.flows IS 'In the extension''s own layout; null if the race was not polled in the watch';

CREATE TABLE raceday.signal_settings (
    only_row boolean DEFAULT true NOT NULL,
    tote_rounding text DEFAULT 'down'::text NOT NULL,
    calibration_span interval DEFAULT '28 days'::interval NOT NULL,
    calibrated_at timestamp with time zone,
    CONSTRAINT signal_settings_calibration_span_check CHECK ((calibration_span > '00:00:00'::interval)),
    CONSTRAINT signal_settings_only_row_check CHECK (only_row),
    CONSTRAINT signal_settings_tote_rounding_check CHECK ((tote_rounding = ANY (ARRAY['down'::text, 'nearest'::text])))
);

COMMENT ON TABLE raceday.signal_settings IS 'Settings of the signals, one row';

COMMENT ON COLUMN raceday.signal_settings.tote_rounding IS 'How the tote rounds its odds: down or nearest, to the step. Races polled before a change keep their rows until they are rebuilt';

COMMENT ON COLUMN raceday.signal_settings.calibration_span IS 'How far back the nightly calibration looks';

COMMENT ON COLUMN raceday.signal_settings.calibrated_at IS 'When raceday_maintain last calibrated; null to do it again in the coming night';

CREATE TABLE raceday.source_refusals (
    worker text NOT NULL,
    reason text NOT NULL,
    reported_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE raceday.source_refusals IS 'Fetchers that the TAB refuses, while it does';

COMMENT ON COLUMN raceday.source_refusals.reported_at IS 'When the fetcher last said so, by the server''s clock; it repeats it every 10 s';

ALTER TABLE raceday.staged_payloads ALTER COLUMN payload_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME raceday.staged_payloads_payload_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE raceday.unfinished_imports (
    source text NOT NULL,
    collection text NOT NULL,
    race_id text,
    after_id text,
    report jsonb NOT NULL,
    noted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE raceday.unfinished_imports IS 'How far an import has come that is running or was interrupted; it continues from there';

COMMENT ON COLUMN raceday.unfinished_imports.source IS 'Endpoint and project';

COMMENT ON COLUMN raceday.unfinished_imports.race_id IS 'The race whose money flow is being read';

COMMENT ON COLUMN raceday.unfinished_imports.after_id IS 'The $id of the last document imported: the cursor of the next page';

COMMENT ON COLUMN raceday.unfinished_imports.report IS 'What became of the documents so far';

CREATE TABLE raceday.webhook_filter (
    only_row boolean DEFAULT true NOT NULL,
    min_level integer NOT NULL,
    countries text[] NOT NULL,
    since timestamp with time zone NOT NULL,
    collected_until timestamp with time zone NOT NULL,
    CONSTRAINT webhook_filter_only_row_check CHECK (only_row)
);

COMMENT ON TABLE raceday.webhook_filter IS 'Which signals are sent to the webhook, as the settings of raceday-live say; one row, none before the first start with a webhook';

COMMENT ON COLUMN raceday.webhook_filter.min_level IS 'The lowest level that is sent: 20 or 200';

COMMENT ON COLUMN raceday.webhook_filter.countries IS 'Countries of the meetings whose signals are sent; empty for all';

COMMENT ON COLUMN raceday.webhook_filter.since IS 'Signals written before it are not sent: when this filter came into force';

COMMENT ON COLUMN raceday.webhook_filter.collected_until IS 'When signals were last collected: from when a new filter is in force';

ALTER TABLE ONLY raceday.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (key_hash);

ALTER TABLE ONLY raceday.archived_partitions
    ADD CONSTRAINT archived_partitions_pkey PRIMARY KEY (parent_table, partition);

ALTER TABLE ONLY raceday.entrants
    ADD CONSTRAINT entrants_pkey PRIMARY KEY (race_id, entrant_id);

ALTER TABLE ONLY raceday.feed_refresh
    ADD CONSTRAINT feed_refresh_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY raceday.history_deletions
    ADD CONSTRAINT history_deletions_pkey PRIMARY KEY (race_id);

ALTER TABLE ONLY raceday.imported_races
    ADD CONSTRAINT imported_races_pkey PRIMARY KEY (race_id);

ALTER TABLE ONLY raceday.list_polls
    ADD CONSTRAINT list_polls_pkey PRIMARY KEY (list_date);

ALTER TABLE ONLY raceday.maintenance_settings
    ADD CONSTRAINT maintenance_settings_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY raceday.meetings
    ADD CONSTRAINT meetings_pkey PRIMARY KEY (meeting_id);

ALTER TABLE ONLY raceday.money_flow_history
    ADD CONSTRAINT money_flow_history_pkey PRIMARY KEY (race_id, id, event_timestamp);

ALTER TABLE ONLY raceday.odds_history
    ADD CONSTRAINT odds_history_pkey PRIMARY KEY (race_id, id, event_timestamp);

ALTER TABLE ONLY raceday.pending_payloads
    ADD CONSTRAINT pending_payloads_pkey PRIMARY KEY (race_id, fetched_at, payload_id);

ALTER TABLE ONLY raceday.poll_cadence
    ADD CONSTRAINT poll_cadence_pkey PRIMARY KEY (within_s);

ALTER TABLE ONLY raceday.poll_settings
    ADD CONSTRAINT poll_settings_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY raceday.race_polls
    ADD CONSTRAINT race_polls_pkey PRIMARY KEY (race_id);

ALTER TABLE ONLY raceday.race_pools
    ADD CONSTRAINT race_pools_pkey PRIMARY KEY (race_id);

ALTER TABLE ONLY raceday.race_progress
    ADD CONSTRAINT race_progress_pkey PRIMARY KEY (race_id);

ALTER TABLE ONLY raceday.race_refreshes
    ADD CONSTRAINT race_refreshes_pkey PRIMARY KEY (race_id);

ALTER TABLE ONLY raceday.race_results
    ADD CONSTRAINT race_results_pkey PRIMARY KEY (race_id);

ALTER TABLE ONLY raceday.races
    ADD CONSTRAINT races_pkey PRIMARY KEY (race_id);

ALTER TABLE ONLY raceday.refresh_settings
    ADD CONSTRAINT refresh_settings_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY raceday.signal_calibrations
    ADD CONSTRAINT signal_calibrations_key UNIQUE NULLS NOT DISTINCT (version, country, category, band);

ALTER TABLE ONLY raceday.signal_flows
    ADD CONSTRAINT signal_flows_pkey PRIMARY KEY (race_id);

ALTER TABLE ONLY raceday.signal_settings
    ADD CONSTRAINT signal_settings_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY raceday.signals
    ADD CONSTRAINT signals_pkey PRIMARY KEY (race_id, entrant_id, level);

ALTER TABLE ONLY raceday.source_refusals
    ADD CONSTRAINT source_refusals_pkey PRIMARY KEY (worker);

ALTER TABLE ONLY raceday.staged_payloads
    ADD CONSTRAINT staged_payloads_pkey PRIMARY KEY (race_id, fetched_at, payload_id);

ALTER TABLE ONLY raceday.unfinished_imports
    ADD CONSTRAINT unfinished_imports_pkey PRIMARY KEY (source);

ALTER TABLE ONLY raceday.user_alert_configs
    ADD CONSTRAINT user_alert_configs_pkey PRIMARY KEY (indicator_id);

ALTER TABLE ONLY raceday.user_alert_configs
    ADD CONSTRAINT user_alert_configs_user_id_display_order_key UNIQUE (user_id, display_order) DEFERRABLE;

ALTER TABLE ONLY raceday.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (delivery_id);

ALTER TABLE ONLY raceday.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_signal_key UNIQUE (race_id, entrant_id, level);

ALTER TABLE ONLY raceday.webhook_filter
    ADD CONSTRAINT webhook_filter_pkey PRIMARY KEY (only_row);

CREATE UNIQUE INDEX api_keys_name_key ON raceday.api_keys USING btree (name) WHERE (revoked_at IS NULL);

CREATE INDEX entrants_created_at_idx ON raceday.entrants USING btree (created_at, race_id, entrant_id);

CREATE INDEX entrants_entrant_id_idx ON raceday.entrants USING btree (entrant_id);

CREATE INDEX entrants_race_id_running_idx ON raceday.entrants USING btree (race_id) WHERE (NOT is_scratched);

CREATE INDEX meetings_created_at_idx ON raceday.meetings USING btree (created_at, meeting_id);

CREATE INDEX meetings_date_idx ON raceday.meetings USING btree (date);

CREATE INDEX meetings_date_race_type_active_idx ON raceday.meetings USING btree (date, race_type) WHERE (status = 'active'::text);

CREATE INDEX money_flow_history_entrant_id_event_timestamp_idx ON ONLY raceday.money_flow_history USING btree (entrant_id, event_timestamp DESC);

CREATE INDEX odds_history_entrant_id_event_timestamp_idx ON ONLY raceday.odds_history USING btree (entrant_id, event_timestamp DESC);

CREATE INDEX race_polls_unreported_idx ON raceday.race_polls USING btree (race_id) WHERE (is_missing <> missing_reported);

CREATE INDEX race_results_created_at_idx ON raceday.race_results USING btree (created_at, race_id);

CREATE INDEX races_created_at_idx ON raceday.races USING btree (created_at, race_id);

CREATE INDEX races_meeting_id_idx ON raceday.races USING btree (meeting_id, race_number);

CREATE INDEX races_start_time_idx ON raceday.races USING btree (start_time, race_id);

CREATE INDEX races_start_time_unfinished_idx ON raceday.races USING btree (start_time, race_id) WHERE (phase = ANY (ARRAY['upcoming'::text, 'in_progress'::text]));

CREATE INDEX races_start_time_unpolled_idx ON raceday.races USING btree (start_time, race_id) WHERE ((phase = ANY (ARRAY['upcoming'::text, 'in_progress'::text])) OR (polled_at IS NULL));

CREATE INDEX signal_calibrations_effective_from_idx ON raceday.signal_calibrations USING btree (effective_from);

CREATE INDEX signals_created_at_idx ON raceday.signals USING btree (created_at, race_id, entrant_id, level);

CREATE INDEX user_alert_configs_created_at_idx ON raceday.user_alert_configs USING btree (created_at, indicator_id);

CREATE INDEX webhook_deliveries_finished_at_idx ON raceday.webhook_deliveries USING btree (finished_at);

CREATE INDEX webhook_deliveries_next_attempt_at_idx ON raceday.webhook_deliveries USING btree (next_attempt_at) WHERE (status = 'pending'::text);

CREATE TRIGGER movers_refuse_write INSTEAD OF INSERT OR DELETE OR UPDATE ON api.movers FOR EACH ROW EXECUTE FUNCTION raceday.refuse_write();

COMMENT ON TRIGGER movers_refuse_write ON api.movers IS 'Its rows are computed';

CREATE TRIGGER entrants_touch_updated_at BEFORE UPDATE ON raceday.entrants FOR EACH ROW WHEN ((NOT (new.updated_at IS DISTINCT FROM old.updated_at))) EXECUTE FUNCTION raceday.touch_updated_at();

CREATE TRIGGER meetings_touch_updated_at BEFORE UPDATE ON raceday.meetings FOR EACH ROW EXECUTE FUNCTION raceday.touch_updated_at();

CREATE TRIGGER race_results_touch_updated_at BEFORE UPDATE ON raceday.race_results FOR EACH ROW EXECUTE FUNCTION raceday.touch_updated_at();

CREATE TRIGGER races_schedule AFTER INSERT ON raceday.races FOR EACH ROW EXECUTE FUNCTION raceday.schedule_race();

CREATE TRIGGER races_touch_updated_at BEFORE UPDATE ON raceday.races FOR EACH ROW EXECUTE FUNCTION raceday.touch_updated_at();

CREATE TRIGGER signal_calibrations_refuse_change BEFORE DELETE OR UPDATE ON raceday.signal_calibrations FOR EACH ROW EXECUTE FUNCTION raceday.refuse_change();

CREATE TRIGGER staged_payloads_queue AFTER INSERT ON raceday.staged_payloads FOR EACH ROW EXECUTE FUNCTION raceday.queue_staged_payload();

CREATE TRIGGER user_alert_configs_touch_updated_at BEFORE UPDATE ON raceday.user_alert_configs FOR EACH ROW EXECUTE FUNCTION raceday.touch_updated_at();

ALTER TABLE ONLY raceday.entrants
    ADD CONSTRAINT entrants_race_id_fkey FOREIGN KEY (race_id) REFERENCES raceday.races(race_id) ON DELETE CASCADE;

ALTER TABLE ONLY raceday.imported_races
    ADD CONSTRAINT imported_races_race_id_fkey FOREIGN KEY (race_id) REFERENCES raceday.races(race_id) ON DELETE CASCADE;

ALTER TABLE ONLY raceday.race_polls
    ADD CONSTRAINT race_polls_race_id_fkey FOREIGN KEY (race_id) REFERENCES raceday.races(race_id) ON DELETE CASCADE;

ALTER TABLE ONLY raceday.race_pools
    ADD CONSTRAINT race_pools_race_id_fkey FOREIGN KEY (race_id) REFERENCES raceday.races(race_id) ON DELETE CASCADE;

ALTER TABLE ONLY raceday.race_progress
    ADD CONSTRAINT race_progress_race_id_fkey FOREIGN KEY (race_id) REFERENCES raceday.races(race_id) ON DELETE CASCADE;

ALTER TABLE ONLY raceday.race_refreshes
    ADD CONSTRAINT race_refreshes_race_id_fkey FOREIGN KEY (race_id) REFERENCES raceday.races(race_id) ON DELETE CASCADE;

ALTER TABLE ONLY raceday.race_results
    ADD CONSTRAINT race_results_race_id_fkey FOREIGN KEY (race_id) REFERENCES raceday.races(race_id) ON DELETE CASCADE;

ALTER TABLE ONLY raceday.races
    ADD CONSTRAINT races_meeting_id_fkey FOREIGN KEY (meeting_id) REFERENCES raceday.meetings(meeting_id) ON DELETE CASCADE;

ALTER TABLE ONLY raceday.signal_flows
    ADD CONSTRAINT signal_flows_race_id_fkey FOREIGN KEY (race_id) REFERENCES raceday.races(race_id) ON DELETE CASCADE;

ALTER TABLE ONLY raceday.signals
    ADD CONSTRAINT signals_race_id_fkey FOREIGN KEY (race_id) REFERENCES raceday.races(race_id) ON DELETE CASCADE;

GRANT USAGE ON SCHEMA analysis TO raceday_analyst;
GRANT USAGE ON SCHEMA analysis TO raceday_fetcher;

GRANT USAGE ON SCHEMA api TO web_anon;

GRANT USAGE ON SCHEMA raceday TO raceday_fetcher;
GRANT USAGE ON SCHEMA raceday TO raceday_importer;
GRANT USAGE ON SCHEMA raceday TO raceday_live;
GRANT USAGE ON SCHEMA raceday TO raceday_monitor;

REVOKE ALL ON FUNCTION api.appwrite_key() FROM PUBLIC;
GRANT ALL ON FUNCTION api.appwrite_key() TO web_anon;

REVOKE ALL ON FUNCTION api.appwrite_read() FROM PUBLIC;
GRANT ALL ON FUNCTION api.appwrite_read() TO web_anon;

REVOKE ALL ON FUNCTION api.appwrite_write(text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.appwrite_write(text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_alert_configs(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_alert_configs(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_entrants(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_entrants(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_entrants_version(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_entrants_version(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_health(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_health(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_meeting(p_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_meeting(p_id text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_meetings(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_meetings(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_money_flow_timeline(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_money_flow_timeline(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_money_flow_timeline_version(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_money_flow_timeline_version(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_movers(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_movers(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_next_scheduled_race(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_next_scheduled_race(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_race(p_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_race(p_id text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_race_at(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_race_at(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_race_navigation(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_race_navigation(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_race_pools(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_race_pools(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_race_results(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_race_results(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_races(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_races(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_save_alert_configs(text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_save_alert_configs(text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_signal_chart(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_signal_chart(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_signal_runners(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_signal_runners(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_signals(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_signals(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.client_upcoming_races(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.client_upcoming_races(p_query text) TO web_anon;

REVOKE ALL ON FUNCTION api.probe_targets() FROM PUBLIC;
GRANT ALL ON FUNCTION api.probe_targets() TO web_anon;

GRANT SELECT ON TABLE raceday.poll_cadence TO raceday_monitor;

REVOKE ALL ON FUNCTION raceday.after_close_s(p_slot_at timestamp with time zone, p_start_time timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.after_close_s(p_slot_at timestamp with time zone, p_start_time timestamp with time zone) TO raceday_monitor;

REVOKE ALL ON FUNCTION raceday.alerts_body(p_user_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.alerts_problems(p_body jsonb, p_indicators jsonb[], p_user_ids text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.around(p_s double precision, p_period_s double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.around(p_s double precision, p_period_s double precision) TO raceday_monitor;

REVOKE ALL ON FUNCTION raceday.poll_before_start(p_start_time timestamp with time zone, p_phase_s double precision, p_lag_s double precision, p_period_s double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.poll_before_start(p_start_time timestamp with time zone, p_phase_s double precision, p_lag_s double precision, p_period_s double precision) TO raceday_monitor;

REVOKE ALL ON FUNCTION raceday.aligned_slot(p_last timestamp with time zone, p_next timestamp with time zone, p_every_s integer, p_start_time timestamp with time zone, p_phase_s double precision, p_lag_s double precision, p_period_s double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.aligned_slot(p_last timestamp with time zone, p_next timestamp with time zone, p_every_s integer, p_start_time timestamp with time zone, p_phase_s double precision, p_lag_s double precision, p_period_s double precision) TO raceday_monitor;

REVOKE ALL ON FUNCTION raceday.appwrite_alert(p_alert raceday.user_alert_configs, p_data jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_alert_problem(p_name text, p_value jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_cast(p_type text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_collection(p_name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_create_alert(p_body jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_document(p_name text, p_selected text[], p_meeting text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_filter_problem(p_type text, p_method text, p_attribute text, p_values jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_filters(p_attributes jsonb, p_queries jsonb, OUT conditions text, OUT race_id text, OUT texts text[], OUT numbers numeric[], OUT instants timestamp with time zone[], OUT days timestamp without time zone[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_first_value(p_queries jsonb, p_method text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.parse_instant(p_text text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_fits(p_type text, p_value jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_get(p_name text, p_document text, p_queries jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_instant_condition(p_method text, p_expression text, p_value text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_key_role(p_project text, p_key text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_list(p_name text, p_queries jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_money_flow_place(p_cursor text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_open(p_may_write boolean, OUT collection text, OUT document text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_order(p_collection jsonb, p_queries jsonb, OUT order_by text, OUT after text, OUT place text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_page_problem(p_collection text, p_method text, p_values jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_path(OUT database text, OUT collection text, OUT document text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_place(p_name text, p_cursor text, p_place text, p_race_id text, p_first timestamp with time zone, p_last timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_queries(p_query text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_query_problem(p_collection text, p_query jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_raise(p_status integer, p_type text, p_message text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_selectable(p_collection text, p_name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_selected_document(p_name text, p_queries jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_update_alert(p_document text, p_body jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_valid_queries(p_collection text, p_query text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_value(p_type text, p_expression text, p_meeting text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_value_condition(p_method text, p_expression text, p_values text, p_cast text, p_first integer, p_last integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.appwrite_whole_number(p_value jsonb, p_min numeric, p_max numeric) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.ascii_json(p_json text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.at_by_history(p_race_id text, p_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.at_by_payloads(p_race_id text, p_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.backtest_signals(p_from timestamp with time zone, p_to timestamp with time zone, p_level integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.body_value(p_object jsonb, VARIADIC p_names text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.bounded_int(p_text text, p_default integer, p_min integer, p_max integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.cacheable_response(p_body json) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.calibrate_nightly(p_begun_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.cents(p_dollars numeric) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.chart_points(p_race_id text, p_entrant_id text, p_first timestamp with time zone, p_last timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.clock_is_simulated() FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.clock_is_simulated() TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.clock_rate() FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.clock_rate() TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.create_missing_alerts(p_user_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.create_missing_partitions() FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.create_partition(p_parent_table text, p_from_at timestamp with time zone, p_to_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.cursor_moment(p_cursor text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.decode_url_text(p_text text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.default_alerts() FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.drop_archived_history(p_waits_for text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.entrant_at(p_entrant raceday.entrants, p_flow raceday.money_flow_history) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.entrant_body(p_entrant raceday.entrants) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.error_header(p_body json) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.error_response(p_status integer, p_error text, p_more json) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.final_payout(p_results raceday.race_results, p_product text, p_runner_number integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.import_alert(p jsonb, p_ours jsonb, p_dry_run boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.import_attributes(p_collection text, p_attributes jsonb, p_document jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.import_difference(p_collection text, p_theirs jsonb, p_ours jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.import_insert(p_table regclass, p_row jsonb, p_dry_run boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.import_key(p_collection text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.import_known(p_collection text, p_theirs jsonb, p_ours jsonb, p_dry_run boolean, OUT outcome text, OUT reason text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.import_more(p_collection text, p jsonb, p_document jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.import_new(p_collection text, p jsonb, p_document jsonb, p_dry_run boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.import_partition(p_at timestamp with time zone, p_dry_run boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.import_partition(p_at timestamp with time zone, p_dry_run boolean) TO raceday_owner;

REVOKE ALL ON FUNCTION raceday.import_problem(p_collection text, p jsonb, p_accepted text[], p_dry_run boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.import_progress(p_race_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.import_required(p_collection text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.import_row(p_collection text, p jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.import_value(p_type text, p_name text, p_value jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.import_word(p_collection text, p_name text, p_value jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.number_within(p_value jsonb, p_min numeric, p_max numeric) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.indicator_problems(p_indicator jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.is_archived_first(p_parent_table text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.is_behind_cursor(p_race_id text, p_cursor bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.live_lead() FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.live_lead() TO raceday_monitor;

REVOKE ALL ON FUNCTION raceday.is_live(p_start_time timestamp with time zone, p_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.is_live(p_start_time timestamp with time zone, p_at timestamp with time zone) TO raceday_monitor;

REVOKE ALL ON FUNCTION raceday.now() FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.now() TO raceday_fetcher;
GRANT ALL ON FUNCTION raceday.now() TO raceday_monitor;

REVOKE ALL ON FUNCTION raceday.is_retirement_hour() FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.key_hash(p_key text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.lease_end(p_now timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.live_delta(p_race_id text, p_after bigint, p_signals_after timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.live_delta(p_race_id text, p_after bigint, p_signals_after timestamp with time zone) TO raceday_live;

REVOKE ALL ON FUNCTION raceday.live_newest(p_race_id text, p_first timestamp with time zone, p_last timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.live_overview() FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.live_overview() TO raceday_live;

REVOKE ALL ON FUNCTION raceday.live_progress(p_race_ids text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.live_progress(p_race_ids text[]) TO raceday_live;

REVOKE ALL ON FUNCTION raceday.live_races_polled() FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.live_rows(p_race_id text, p_after bigint, p_first timestamp with time zone, p_last timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.live_version(p_rows_created_at timestamp with time zone, p_payload_hash bigint, p_updated_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.utc_text(p_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.meeting_body(p_meeting raceday.meetings, p_track_condition text, p_weather text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.money_flow_at(p_race_id text, p_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.monitor_memory(OUT used_bytes bigint, OUT limit_bytes bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.monitor_memory(OUT used_bytes bigint, OUT limit_bytes bigint) TO raceday_monitor;

REVOKE ALL ON FUNCTION raceday.movers() FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.movers() TO web_anon;

REVOKE ALL ON FUNCTION raceday.navigation_body(p_race raceday.races) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.next_poll(p_slot_at timestamp with time zone, p_start_time timestamp with time zone, p_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.next_poll(p_slot_at timestamp with time zone, p_start_time timestamp with time zone, p_at timestamp with time zone) TO raceday_monitor;

REVOKE ALL ON FUNCTION raceday.note_feed_refresh() FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.note_refresh(p_race_id text, p_worker text, p_refresh jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.parse_body(p_body text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.request_header(p_name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.path_id() FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.poll_every_s(p_seconds_to_start double precision) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.pools_body(p_pools raceday.race_pools) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.query_values(p_query text, p_names text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.query_value(p_query text, VARIADIC p_names text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.queue_staged_payload() FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.race_body(p_race raceday.races) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.race_conditions(p_meeting_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.race_version(p_race_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.raceday_archive_begin() FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_archive_begin() TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_archive_due(p_force boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_archive_due(p_force boolean) TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_archive_page(p_from_at timestamp with time zone, p_to_at timestamp with time zone, p_race_id text, p_fetched_at timestamp with time zone, p_payload_id bigint, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_archive_page(p_from_at timestamp with time zone, p_to_at timestamp with time zone, p_race_id text, p_fetched_at timestamp with time zone, p_payload_id bigint, p_limit integer) TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_archived(p_parent_table text, p_partition text, p_row_count bigint, p_file text, p_file_bytes bigint, p_sha256 text, p_archived_by text) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_archived(p_parent_table text, p_partition text, p_row_count bigint, p_file text, p_file_bytes bigint, p_sha256 text, p_archived_by text) TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_at(p_race_id text, p_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.raceday_backtest(p_from timestamp with time zone, p_to timestamp with time zone, p_level integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.raceday_check(p_race_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.raceday_claim_meetings(p_worker text) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_claim_meetings(p_worker text) TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_claim_races(p_worker text, p_max integer) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_claim_races(p_worker text, p_max integer) TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_import_begin(p_source text) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_import_begin(p_source text) TO raceday_importer;

REVOKE ALL ON FUNCTION raceday.raceday_import_documents(p_collection text, p_documents jsonb, p_accepted text[], p_dry_run boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_import_documents(p_collection text, p_documents jsonb, p_accepted text[], p_dry_run boolean) TO raceday_importer;

REVOKE ALL ON FUNCTION raceday.raceday_import_note(p_source text, p_collection text, p_race_id text, p_after_id text, p_report jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_import_note(p_source text, p_collection text, p_race_id text, p_after_id text, p_report jsonb) TO raceday_importer;

REVOKE ALL ON FUNCTION raceday.raceday_imported_races() FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_imported_races() TO raceday_importer;

REVOKE ALL ON FUNCTION raceday.raceday_key_add(p_name text, p_role text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.raceday_key_revoke(p_name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.raceday_maintain(p_force boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_maintain(p_force boolean) TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_meetings_done(p_date date, p_worker text, p_ok boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_meetings_done(p_date date, p_worker text, p_ok boolean) TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_next_due() FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_next_due() TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_oldest_live_payload_age_s() FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_oldest_live_payload_age_s() TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_poll_done(p_race_id text, p_worker text) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_poll_done(p_race_id text, p_worker text) TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_poll_done(p_race_id text, p_worker text, p_is_found boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_poll_done(p_race_id text, p_worker text, p_is_found boolean) TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_poll_done(p_race_id text, p_worker text, p_is_found boolean, p_refresh jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_poll_done(p_race_id text, p_worker text, p_is_found boolean, p_refresh jsonb) TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_poll_plan(p_ahead interval) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_poll_plan(p_ahead interval) TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_poll_scope() FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_poll_scope() TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_polls_noted(p_worker text, p_race_ids text[], p_slots timestamp with time zone[]) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_polls_noted(p_worker text, p_race_ids text[], p_slots timestamp with time zone[]) TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_release_leases(p_worker text) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_release_leases(p_worker text) TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_report_missing() FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_report_missing() TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_report_refusal(p_worker text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_report_refusal(p_worker text, p_reason text) TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_status() FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_status() TO raceday_fetcher;

REVOKE ALL ON FUNCTION raceday.raceday_webhook_claim(p_limit integer, p_lease interval) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_webhook_claim(p_limit integer, p_lease interval) TO raceday_live;

REVOKE ALL ON FUNCTION raceday.raceday_webhook_collect(p_min_level integer, p_countries text[], p_max_age interval) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_webhook_collect(p_min_level integer, p_countries text[], p_max_age interval) TO raceday_live;

REVOKE ALL ON FUNCTION raceday.raceday_webhook_done(p_delivery_id text, p_attempt integer, p_status text, p_error text, p_retry_in interval) FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.raceday_webhook_done(p_delivery_id text, p_attempt integer, p_status text, p_error text, p_retry_in interval) TO raceday_live;

REVOKE ALL ON FUNCTION raceday.raceday_webhook_retry(p_since timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.races_listed(p_date date, p_fetched_at timestamp with time zone, p_race_ids text[], p_is_whole boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.read_indicator(p_indicator jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.refresh_rank(p_race_id text, p_phase_s double precision) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.refuse_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.refuse_write() FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.request_query(p_query text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.request_parameter(p_query text, VARIADIC p_names text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.results_body(p_results raceday.race_results) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.retire_due_partition(p_waits_for text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.retire_partition(p_parent_table text, p_partition text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.row_of_race_or_404(p_race_id text, p_body json, p_name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.row_or_404(p_body json, p_name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.schedule_race() FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.set_cache_headers(p_etag text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.signal_body(p_signal raceday.signals) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.signals_page(p_race_id text, p_after timestamp with time zone, p_limit integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.signals_settled_until() FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.standby_lag_s() FROM PUBLIC;
GRANT ALL ON FUNCTION raceday.standby_lag_s() TO raceday_monitor;

REVOKE ALL ON FUNCTION raceday.store_alerts(p_user_id text, p_indicators jsonb[], p_audible boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.timeline_coverage(p_entrant_ids text[], p_covered_ids text[], p_intervals integer[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.timeline_cursor(p_query text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.timeline_entrant_ids(p_query text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.timeline_error(p_query text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.timeline_pool_type(p_query text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.touch_updated_at() FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.valid_user_id(p_user_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.version_response(p_query text, p_error json, p_state text) FROM PUBLIC;

REVOKE ALL ON FUNCTION raceday.win_pool_band(p_cents numeric) FROM PUBLIC;

GRANT SELECT ON TABLE analysis.entrants TO raceday_analyst;
GRANT SELECT ON TABLE analysis.entrants TO raceday_fetcher;

GRANT SELECT ON TABLE analysis.meetings TO raceday_analyst;
GRANT SELECT ON TABLE analysis.meetings TO raceday_fetcher;

GRANT SELECT ON TABLE analysis.money_flow_history TO raceday_analyst;
GRANT SELECT ON TABLE analysis.money_flow_history TO raceday_fetcher;

GRANT SELECT ON TABLE analysis.odds_history TO raceday_analyst;
GRANT SELECT ON TABLE analysis.odds_history TO raceday_fetcher;

GRANT SELECT ON TABLE analysis.race_pools TO raceday_analyst;
GRANT SELECT ON TABLE analysis.race_pools TO raceday_fetcher;

GRANT SELECT ON TABLE analysis.race_results TO raceday_analyst;
GRANT SELECT ON TABLE analysis.race_results TO raceday_fetcher;

GRANT SELECT ON TABLE analysis.races TO raceday_analyst;
GRANT SELECT ON TABLE analysis.races TO raceday_fetcher;

GRANT SELECT ON TABLE api.entrants TO web_anon;

GRANT SELECT ON TABLE api.meetings TO web_anon;

GRANT SELECT ON TABLE api.money_flow TO web_anon;

GRANT SELECT ON TABLE api.movers TO web_anon;

GRANT SELECT ON TABLE api.odds TO web_anon;

GRANT SELECT ON TABLE api.race_pools TO web_anon;

GRANT SELECT ON TABLE api.race_results TO web_anon;

GRANT SELECT ON TABLE api.races TO web_anon;

GRANT SELECT ON TABLE api.signals TO web_anon;

GRANT SELECT ON TABLE raceday.monitor_partitions TO raceday_monitor;

GRANT SELECT ON TABLE raceday.monitor_partitions_due TO raceday_monitor;

GRANT SELECT ON TABLE raceday.monitor_archive TO raceday_monitor;

GRANT SELECT ON TABLE raceday.monitor_lists TO raceday_monitor;

GRANT SELECT ON TABLE raceday.monitor_live_races TO raceday_monitor;

GRANT SELECT ON TABLE raceday.monitor_partition_gaps TO raceday_monitor;

GRANT SELECT ON TABLE raceday.monitor_maintenance TO raceday_monitor;

GRANT SELECT ON TABLE raceday.monitor_near_races TO raceday_monitor;

GRANT INSERT(kind) ON TABLE raceday.staged_payloads TO raceday_fetcher;

GRANT INSERT(race_id) ON TABLE raceday.staged_payloads TO raceday_fetcher;

GRANT INSERT(fetched_at) ON TABLE raceday.staged_payloads TO raceday_fetcher;

GRANT INSERT(payload) ON TABLE raceday.staged_payloads TO raceday_fetcher;

GRANT INSERT(payload_raw) ON TABLE raceday.staged_payloads TO raceday_fetcher;

GRANT SELECT ON TABLE raceday.monitor_payloads TO raceday_monitor;

GRANT SELECT ON TABLE raceday.monitor_races TO raceday_monitor;

GRANT SELECT ON TABLE raceday.monitor_replication TO raceday_monitor;

GRANT SELECT ON TABLE raceday.monitor_sessions TO raceday_monitor;

GRANT SELECT ON TABLE raceday.monitor_webhooks TO raceday_monitor;
