-- Money flow and odds: GET /api/money-flow-timeline, and the views of both histories.

create or replace view api.money_flow as
select id, race_id, entrant_id, type, time_interval, time_to_start, seconds_to_start, interval_type, hold_percentage, bet_percentage,
    win_pool_amount, place_pool_amount, win_pool_percentage, place_pool_percentage, incremental_amount, incremental_win_amount,
    incremental_place_amount, tote_win_percentage, tote_win_amount, fixed_win_odds, fixed_place_odds, pool_win_odds, pool_place_odds,
    pool_type, is_consolidated, event_timestamp, polling_timestamp, created_at
from raceday.money_flow_history;
comment on view api.money_flow is 'Money flow: one row per runner per poll, amounts in cents. Filter by race_id or entrant_id, and by event_timestamp so that few partitions are read';

create or replace view api.odds as
select id, race_id, entrant_id, type, odds, event_timestamp, polling_timestamp, created_at
from raceday.odds_history;
comment on view api.odds is 'Odds of runners, one row per change. Filter by race_id or entrant_id, and by event_timestamp so that few partitions are read';

create or replace function raceday.timeline_entrant_ids(p_query text) returns text[]
    language sql immutable parallel safe
    return array(
        select e.id
        from unnest(raceday.query_values(p_query, '{entrants}')) with ordinality v (list, position)
        cross join lateral string_to_table(v.list, ',') with ordinality e (id, position)
        where e.id ~ '\S'
        order by v.position, e.position
    );
comment on function raceday.timeline_entrant_ids(text) is
    'The requested entrants: a comma-separated list, repeated parameters, or both; blank ones are left out';

create or replace function raceday.timeline_pool_type(p_query text) returns text
    language sql immutable parallel safe
    return coalesce(raceday.query_value(p_query, 'poolType', 'pool_type'), 'win');
comment on function raceday.timeline_pool_type(text) is 'The requested pool, as the client wrote it';

create or replace function raceday.timeline_error(p_query text) returns json
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select case
        when raceday.query_value(p_query, 'raceId', 'race_id') is null then json_build_object('error', 'raceId is required')
        when raceday.timeline_entrant_ids(p_query) = '{}' then json_build_object('error', 'entrants is required')
        when lower(raceday.timeline_pool_type(p_query)) not in ('win', 'place', 'odds') then json_build_object(
            'error', 'Invalid poolType parameter',
            'message', 'poolType must be one of: win, place, odds',
            'received', raceday.timeline_pool_type(p_query))
    end
$$;
comment on function raceday.timeline_error(text) is 'Why a request is invalid; null if it is valid';

create or replace function raceday.timeline_coverage(p_entrant_ids text[], p_covered_ids text[], p_intervals int[]) returns json
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function raceday.timeline_coverage(text[], text[], int[]) is
    'Which of the critical intervals a page covers for each requested entrant; p_covered_ids and p_intervals are the page''s rows, as parallel arrays';

create or replace function raceday.timeline_cursor(p_query text) returns bigint
    language sql immutable parallel safe
    return (
        select case when c.cursor ~ '^\d+$' and pg_input_is_valid(c.cursor, 'bigint') then c.cursor::bigint else -1 end
        from (select raceday.query_value(p_query, 'cursorAfter', 'cursor_after')) c (cursor)
    );
comment on function raceday.timeline_cursor(text) is 'The id after which the page begins; -1 for the first page, or if the parameter is no id';

-- Within a race, id is the order of commits. So whoever has row N has seen what a standby without a row from N on has yet to receive.
create or replace function raceday.is_behind_cursor(p_race_id text, p_cursor bigint) returns boolean
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select pg_is_in_recovery() and p_cursor >= 0 and not exists (
        select
        from raceday.race_progress p
        join raceday.money_flow_history h
            on h.race_id = p.race_id and h.event_timestamp between p.first_event_timestamp and p.last_event_timestamp
        where p.race_id = p_race_id and h.id >= p_cursor)
$$;
comment on function raceday.is_behind_cursor(text, bigint) is
    'Whether this is a standby that has not received yet what a reader with this cursor has seen of the race';

create or replace function api.client_money_flow_timeline(p_query text default null)
    returns api."application/json"
    language plpgsql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function api.client_money_flow_timeline(text) is 'GET /api/money-flow-timeline: the money flow of entrants, paged in insertion order';

create or replace function api.client_money_flow_timeline_version(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function api.client_money_flow_timeline_version(text) is
    'The version of what client_money_flow_timeline returns: nginx asks for it before the body';
