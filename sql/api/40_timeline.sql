-- GET /api/money-flow-timeline

create or replace function raceday.timeline_coverage(p_documents raceday.money_flow_history[], p_entrant_ids text[]) returns json
    language sql immutable parallel safe
    set search_path = ''
as $$
    with critical as (
        select minutes from unnest('{60,55,50,45,40,35,30,25,20,15,10,5,4,3,2,1,0}'::int[]) minutes
    ), asked as (
        select a.entrant_id, min(a.position) as position from unnest(p_entrant_ids) with ordinality a (entrant_id, position)
        -- Nothing is missing from a page that is empty: it is the end of the paging, or the race has no history.
        where cardinality(p_documents) > 0
        group by a.entrant_id
    ), covered as (
        select d.entrant_id, count(*) as documents, array_agg(distinct d.time_interval order by d.time_interval desc) as intervals
        from unnest(p_documents) d
        group by d.entrant_id
    ), entrant as (
        select a.entrant_id, a.position, coalesce(c.documents, 0) as documents, coalesce(c.intervals, '{}') as intervals,
            (select coalesce(array_agg(minutes order by minutes desc), '{}') from critical where minutes = any (c.intervals)) as present,
            (select coalesce(array_agg(minutes order by minutes desc), '{}') from critical
                where minutes = any (c.intervals) is not true) as missing,
            (select array_agg(minutes order by minutes desc) from critical
                where minutes <= 5 and minutes = any (c.intervals) is not true) as gaps
        from asked a
        left join covered c on c.entrant_id = a.entrant_id
    )
    select json_build_object(
        'summary', json_build_object(
            'total_documents', cardinality(p_documents),
            'entrants_covered', (select count(*) from covered),
            'intervals_covered', (
                select coalesce(json_agg(i.minutes order by i.minutes desc), '[]')
                from (select distinct unnest(intervals) as minutes from covered) i),
            'critical_period_gaps', coalesce(json_agg(
                json_build_object('entrant_id', right(e.entrant_id, 8), 'missing_intervals', e.gaps) order by e.position
            ) filter (where e.gaps is not null), '[]'),
            'coverage_report', case
                when cardinality(p_documents) = 0 then 'No documents'
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
comment on function raceday.timeline_coverage(raceday.money_flow_history[], text[]) is
    'Which of the critical intervals a page of the timeline covers, for each entrant asked for';

-- Insertion order is (race_id, id): one call at a time writes a race, so what a page left behind is never written later.
create or replace function raceday.timeline_page(
    p_race_id text, p_entrant_ids text[], p_after_id bigint, p_created_after timestamptz, p_limit int
)
    returns raceday.money_flow_history[]
    language plpgsql stable parallel safe
    set search_path = ''
    -- With the bounds as constants the planner leaves out all other days; a generic plan would lock every partition.
    set plan_cache_mode = force_custom_plan
as $$
declare
    v_first timestamptz;
    v_last timestamptz;
    v_after_id bigint := coalesce(p_after_id, -1);
    -- Compared in whole milliseconds, which is what clients send back.
    v_created_from timestamptz := coalesce(p_created_after + interval '1 millisecond', '-infinity');
    v_page raceday.money_flow_history[];
begin
    select p.first_event_timestamp, p.last_event_timestamp into v_first, v_last
    from raceday.race_progress p where p.race_id = p_race_id;
    select array_agg(h order by h.id) into v_page
    from (
        select h.*
        from raceday.money_flow_history h
        where h.race_id = p_race_id
          and h.event_timestamp between v_first and v_last
          and h.id > v_after_id
          and h.entrant_id = any (p_entrant_ids)
          and h.type = 'bucketed_aggregation'
          and h.time_interval > -65 and h.time_interval < 66
          and h.created_at >= v_created_from
        order by h.race_id, h.id
        limit p_limit
    ) h;
    return coalesce(v_page, '{}');
end
$$;
comment on function raceday.timeline_page(text, text[], bigint, timestamptz, int) is 'A page of a race''s money flow in insertion order';

create or replace function raceday.timeline_documents(p_page raceday.money_flow_history[]) returns json
    language sql stable parallel safe
    set search_path = ''
as $$
    select coalesce(json_agg(json_build_object(
        'id', d.id,
        'race_id', d.race_id,
        'entrant_id', d.entrant_id,
        'type', d.type,
        'time_interval', d.time_interval,
        'time_to_start', d.time_to_start,
        'interval_type', d.interval_type,
        'hold_percentage', d.hold_percentage,
        'bet_percentage', d.bet_percentage,
        'incremental_win_amount', d.incremental_win_amount,
        'incremental_place_amount', d.incremental_place_amount,
        'win_pool_amount', d.win_pool_amount,
        'place_pool_amount', d.place_pool_amount,
        'win_pool_percentage', d.win_pool_percentage,
        'place_pool_percentage', d.place_pool_percentage,
        'fixed_win_odds', d.fixed_win_odds,
        'fixed_place_odds', d.fixed_place_odds,
        'pool_win_odds', d.pool_win_odds,
        'pool_place_odds', d.pool_place_odds,
        'event_timestamp', raceday.utc_text(d.event_timestamp),
        'polling_timestamp', raceday.utc_text(d.polling_timestamp),
        'created_at', raceday.utc_text(d.created_at)
    ) order by d.time_interval, d.created_at, d.id), '[]')
    from unnest(p_page) d
$$;
comment on function raceday.timeline_documents(raceday.money_flow_history[]) is 'The rows of a page as the client reads them, sorted for it';

create or replace function raceday.timeline_body(
    p_page raceday.money_flow_history[], p_race_id text, p_entrant_ids text[], p_pool_type text, p_limit int, p_created_after timestamptz
)
    returns json
    language sql stable parallel safe
    set search_path = ''
as $$
    select case when cardinality(p_page) > 0 then b.body
        else (rtrim(b.body::text, '}') || ', "message" : "No timeline data available"}')::json end
    from (select json_build_object(
        'success', true,
        'documents', raceday.timeline_documents(p_page),
        'total', cardinality(p_page),
        'race_id', p_race_id,
        'entrant_ids', p_entrant_ids,
        'pool_type', p_pool_type,
        'bucketed_data', cardinality(p_page) > 0,
        'interval_coverage', raceday.timeline_coverage(p_page, p_entrant_ids),
        'next_cursor', p_page[cardinality(p_page)].id,
        'next_created_at', raceday.utc_text(p_page[cardinality(p_page)].created_at),
        'limit', p_limit,
        'created_after', raceday.utc_text(p_created_after),
        'query_optimizations', '[]'::json
    ) as body) b
$$;
comment on function raceday.timeline_body(raceday.money_flow_history[], text, text[], text, int, timestamptz) is
    'The answer that holds a page of the timeline';

create or replace function api.client_money_flow_timeline(p_query text default null)
    returns api."application/json"
    language plpgsql stable parallel safe security definer
    set search_path = ''
as $$
declare
    v_query text := coalesce(p_query, raceday.request_header('x-raceday-query'));
    v_race_id text := raceday.query_value(v_query, 'raceId', 'race_id');
    v_entrant_ids text[] := array_remove(string_to_array(array_to_string(raceday.query_values(v_query, '{entrants}'), ','), ','), '');
    v_pool_type text := coalesce(raceday.query_value(v_query, 'poolType', 'pool_type'), 'win');
    v_limit int := raceday.bounded_int(raceday.query_value(v_query, 'limit'), 200, 1, 2000);
    v_cursor text := raceday.query_value(v_query, 'cursorAfter', 'cursor_after');
    v_created_after timestamptz := raceday.parse_instant(raceday.query_value(v_query, 'createdAfter', 'created_after'));
    v_page raceday.money_flow_history[];
begin
    if v_race_id is null then
        return raceday.refuse(400, 'raceId is required');
    elsif v_entrant_ids is null or v_entrant_ids = '{}' then
        return raceday.refuse(400, 'entrants is required');
    elsif lower(v_pool_type) not in ('win', 'place', 'odds') then
        return raceday.refuse(400, 'Invalid poolType parameter', json_build_object(
            'message', 'poolType must be one of: win, place, odds', 'received', v_pool_type));
    end if;
    v_page := raceday.timeline_page(
        v_race_id, v_entrant_ids,
        case when v_cursor ~ '^\d+$' and pg_input_is_valid(v_cursor, 'bigint') then v_cursor::bigint end,
        v_created_after, v_limit);
    return raceday.cacheable(raceday.timeline_body(
        v_page, v_race_id, v_entrant_ids, lower(v_pool_type), v_limit, v_created_after));
end
$$;
comment on function api.client_money_flow_timeline(text) is 'GET /api/money-flow-timeline: money flow of entrants, paged in insertion order';
