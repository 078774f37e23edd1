-- Meetings: GET /api/meetings and /api/meetings/:id, and the view that native REST serves.
--
-- The views in these files are for clients that use PostgREST's own filters, orders, columns and embedding
-- (races?select=*,meetings(*)). They select plain columns of the tables, so that PostgREST sees the foreign keys through them. They run
-- as raceday_owner; web_anon may read them and nothing behind them.

create or replace view api.meetings as
select meeting_id, meeting_name, country, race_type, category, date, status, state, track_condition, weather, tote_status, created_at, updated_at
from raceday.meetings;
comment on view api.meetings is 'Meetings: a day of racing at one track; date is the New Zealand day';

create or replace function raceday.race_conditions(p_meeting_id text) returns table (track_condition text, weather text)
    language sql stable parallel safe
begin atomic
    select
        (select r.track_condition from raceday.races r
            where r.meeting_id = p_meeting_id and r.track_condition is not null order by r.race_number limit 1),
        (select r.weather from raceday.races r
            where r.meeting_id = p_meeting_id and r.weather is not null order by r.race_number limit 1);
end;
comment on function raceday.race_conditions(text) is
    'The first known track condition and weather of a meeting''s races: a meetings list may give them for the races only';

-- Without subqueries, so that PostgreSQL inlines it: called per row it would take most of the time of a list.
create or replace function raceday.meeting_body(p_meeting raceday.meetings, p_track_condition text, p_weather text) returns json
    language sql stable parallel safe
    return json_build_object(
        'meeting_id', p_meeting.meeting_id,
        'meeting_name', p_meeting.meeting_name,
        'country', p_meeting.country,
        'race_type', p_meeting.race_type,
        'date', p_meeting.date,
        'status', p_meeting.status,
        'category', p_meeting.category,
        'track_condition', coalesce(p_meeting.track_condition, p_track_condition),
        'weather', coalesce(p_meeting.weather, p_weather),
        'created_at', raceday.utc_text(p_meeting.created_at),
        'updated_at', raceday.utc_text(p_meeting.updated_at)
    );
comment on function raceday.meeting_body(raceday.meetings, text, text) is
    'A meeting as the client API returns it, with the conditions to show if it has none itself';

create or replace function api.client_meetings(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function api.client_meetings(text) is 'GET /api/meetings: meetings, filtered by date and raceType';

create or replace function api.client_meeting(p_id text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function api.client_meeting(text) is 'GET /api/meetings/:id: one meeting';
