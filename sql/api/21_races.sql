-- Races: GET /api/races, /api/races/:id, /api/races/navigation, /api/races/upcoming, /api/races/next-scheduled, and the view.

create or replace view api.races as
select race_id, meeting_id, name, race_number, start_time, status, phase, actual_start, distance,
    -- The TAB may give them for the meeting only.
    coalesce(track_condition, (
        select m.track_condition from raceday.meetings m where m.meeting_id = r.meeting_id)) as track_condition,
    coalesce(weather, (select m.weather from raceday.meetings m where m.meeting_id = r.meeting_id)) as weather, type,
    last_status_change, finalized_at, abandoned_at, created_at, updated_at
from raceday.races r;
comment on view api.races is 'Races; embeds meetings and entrants. status is as the TAB gives it; phase is upcoming, in_progress, finished or abandoned';

create or replace function raceday.race_body(p_race raceday.races) returns json
    language sql stable parallel safe
    return json_build_object(
        'race_id', p_race.race_id,
        'name', p_race.name,
        'race_number', p_race.race_number,
        'start_time', raceday.utc_text(p_race.start_time),
        'status', p_race.status,
        'meeting_id', p_race.meeting_id,
        'phase', p_race.phase,
        'actual_start', raceday.utc_text(p_race.actual_start),
        'distance', p_race.distance,
        -- The TAB may give it for the meeting only.
        'track_condition', coalesce(p_race.track_condition, (
            select m.track_condition from raceday.meetings m where m.meeting_id = p_race.meeting_id)),
        'weather', coalesce(p_race.weather, (
            select m.weather from raceday.meetings m where m.meeting_id = p_race.meeting_id)),
        'type', p_race.type,
        'created_at', raceday.utc_text(p_race.created_at),
        'updated_at', raceday.utc_text(p_race.updated_at)
    );
comment on function raceday.race_body(raceday.races) is 'A race as the client API returns it';

create or replace function raceday.navigation_body(p_race raceday.races) returns json
    language sql stable parallel safe
    return json_build_object(
        'race_id', p_race.race_id,
        'name', p_race.name,
        'start_time', raceday.utc_text(p_race.start_time),
        'meeting_name', (select m.meeting_name from raceday.meetings m where m.meeting_id = p_race.meeting_id)
    );
comment on function raceday.navigation_body(raceday.races) is 'A race as a navigation target';

create or replace function api.client_races(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function api.client_races(text) is 'GET /api/races: the races of a meeting';

create or replace function api.client_race(p_id text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_id text := coalesce(p_id, raceday.path_id());
begin
    return raceday.row_or_404((select raceday.race_body(r) from raceday.races r where r.race_id = v_id), 'Race');
end
$$;
comment on function api.client_race(text) is 'GET /api/races/:id: one race';

create or replace function api.client_race_navigation(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function api.client_race_navigation(text) is 'GET /api/races/navigation: the races before and after a race, and the next race to start';

create or replace function api.client_upcoming_races(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function api.client_upcoming_races(text) is 'GET /api/races/upcoming: races about to start or just started, in order of start time';

create or replace function api.client_next_scheduled_race(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function api.client_next_scheduled_race(text) is 'GET /api/races/next-scheduled: the next race to start, or null';
