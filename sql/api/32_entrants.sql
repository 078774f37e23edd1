-- GET /api/entrants, /api/race-pools, /api/race-results

create or replace function raceday.odds_history_body(p_race_id text, p_first timestamptz, p_last timestamptz)
    returns table (entrant_id text, body json)
    language plpgsql stable parallel safe
    set search_path = ''
    -- With the bounds as constants the planner leaves out all other days; a generic plan would lock every partition.
    set plan_cache_mode = force_custom_plan
as $$
begin
    return query
    select o.entrant_id, json_agg(json_build_object(
        'odds', o.odds, 'timestamp', raceday.utc_text(o.event_timestamp), 'type', o.type
    ) order by o.event_timestamp desc, o.id desc)
    from raceday.odds_history o
    where o.race_id = p_race_id and o.event_timestamp between p_first and p_last
    group by o.entrant_id;
end
$$;
comment on function raceday.odds_history_body(text, timestamptz, timestamptz) is 'The odds of each runner of a race, newest first';

create or replace function raceday.money_flow_body(p_race_id text, p_first timestamptz, p_last timestamptz)
    returns table (entrant_id text, body json)
    language plpgsql stable parallel safe
    set search_path = ''
    set plan_cache_mode = force_custom_plan
as $$
begin
    return query
    select h.entrant_id, json_agg(json_build_object(
        'hold_percentage', h.hold_percentage, 'win_pool_amount', h.win_pool_amount, 'timestamp', raceday.utc_text(h.event_timestamp)
    ) order by h.event_timestamp desc, h.id desc)
    from raceday.money_flow_history h
    where h.race_id = p_race_id and h.event_timestamp between p_first and p_last and h.type = 'bucketed_aggregation'
    group by h.entrant_id;
end
$$;
comment on function raceday.money_flow_body(text, timestamptz, timestamptz) is 'The money flow of each runner of a race, newest first';

create or replace function api.client_entrants(p_query text default null)
    returns api."application/json"
    language plpgsql stable parallel safe security definer
    set search_path = ''
as $$
declare
    v_query text := coalesce(p_query, raceday.request_header('x-raceday-query'));
    v_race_id text := raceday.query_value(v_query, 'raceId', 'race_id');
    v_first timestamptz;
    v_last timestamptz;
    v_body json;
begin
    if v_race_id is null then
        return raceday.refuse(400, 'raceId is required');
    end if;
    select p.first_event_timestamp, p.last_event_timestamp into v_first, v_last
    from raceday.race_progress p where p.race_id = v_race_id;
    select json_agg(json_build_object(
        'entrant_id', e.entrant_id,
        'name', e.name,
        'runner_number', e.runner_number,
        'win_odds', e.win_odds,
        'place_odds', e.place_odds,
        'hold_percentage', e.hold_percentage,
        'is_scratched', e.is_scratched,
        'odds_history', coalesce(o.body, '[]'),
        'money_flow_history', coalesce(f.body, '[]'),
        'pool_win_odds', e.pool_win_odds,
        'pool_place_odds', e.pool_place_odds,
        'barrier', e.barrier,
        'jockey', e.jockey,
        'trainer_name', e.trainer_name,
        'silk_colours', e.silk_colours,
        'silk_url', coalesce(e.silk_url_128, e.silk_url_64),
        'silk_url_64', e.silk_url_64,
        'silk_url_128', e.silk_url_128,
        'favourite', e.favourite,
        'mover', e.mover
    ) order by e.runner_number, e.entrant_id) into v_body
    from raceday.entrants e
    left join raceday.odds_history_body(v_race_id, v_first, v_last) o on o.entrant_id = e.entrant_id
    left join raceday.money_flow_body(v_race_id, v_first, v_last) f on f.entrant_id = e.entrant_id
    where e.race_id = v_race_id;
    return raceday.cacheable(coalesce(v_body, '[]'));
end
$$;
comment on function api.client_entrants(text) is 'GET /api/entrants: the runners of a race with the history of their odds and money';

create or replace function raceday.cents(p_dollars numeric) returns bigint
    language sql immutable parallel safe
    return (p_dollars * 100)::bigint;
comment on function raceday.cents(numeric) is 'Dollars with cents as integer cents';

create or replace function api.client_race_pools(p_query text default null)
    returns api."application/json"
    language plpgsql stable parallel safe security definer
    set search_path = ''
as $$
declare
    v_query text := coalesce(p_query, raceday.request_header('x-raceday-query'));
    v_race_id text := raceday.query_value(v_query, 'raceId', 'race_id');
    v_body json;
begin
    if v_race_id is null then
        return raceday.refuse(400, 'raceId is required');
    end if;
    select json_build_object(
        'race_id', p.race_id,
        'win_pool_total', raceday.cents(p.win_pool_total),
        'place_pool_total', raceday.cents(p.place_pool_total),
        'quinella_pool_total', raceday.cents(p.quinella_pool_total),
        'trifecta_pool_total', raceday.cents(p.trifecta_pool_total),
        'exacta_pool_total', raceday.cents(p.exacta_pool_total),
        'first4_pool_total', raceday.cents(p.first4_pool_total),
        'total_race_pool', raceday.cents(p.total_race_pool),
        'currency', p.currency,
        'data_quality_score', p.data_quality_score,
        'extracted_pools', p.extracted_pools,
        'last_updated', raceday.utc_text(p.last_updated)
    ) into v_body
    from raceday.race_pools p
    where p.race_id = v_race_id;
    if not found then
        return raceday.refuse(404, 'Race pools not found');
    end if;
    return raceday.cacheable(v_body);
end
$$;
comment on function api.client_race_pools(text) is 'GET /api/race-pools: the tote pools of a race, in cents';

create or replace function api.client_race_results(p_query text default null)
    returns api."application/json"
    language plpgsql stable parallel safe security definer
    set search_path = ''
as $$
declare
    v_query text := coalesce(p_query, raceday.request_header('x-raceday-query'));
    v_race_id text := raceday.query_value(v_query, 'raceId', 'race_id');
    v_body json;
begin
    if v_race_id is null then
        return raceday.refuse(400, 'raceId is required');
    end if;
    select json_build_object(
        'race_id', r.race_id,
        'results_available', r.results_available,
        'results_data', r.results_data,
        'dividends_data', r.dividends_data,
        'fixed_odds_data', r.fixed_odds_data,
        'result_status', r.result_status,
        'photo_finish', r.photo_finish,
        'stewards_inquiry', r.stewards_inquiry,
        'protest_lodged', r.protest_lodged,
        'result_time', raceday.utc_text(r.result_time),
        'created_at', raceday.utc_text(r.created_at),
        'updated_at', raceday.utc_text(r.updated_at)
    ) into v_body
    from raceday.race_results r
    where r.race_id = v_race_id;
    if not found then
        return raceday.refuse(404, 'Race results not found');
    end if;
    return raceday.cacheable(v_body);
end
$$;
comment on function api.client_race_results(text) is 'GET /api/race-results: placings, dividends and final fixed odds of a race';
