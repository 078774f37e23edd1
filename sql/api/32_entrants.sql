-- GET /api/entrants, /api/race-pools, /api/race-results

create or replace function raceday.entrant_body(p_entrant raceday.entrants) returns json
    language sql stable parallel safe
    return json_build_object(
        'entrant_id', p_entrant.entrant_id,
        'name', p_entrant.name,
        'runner_number', p_entrant.runner_number,
        'win_odds', p_entrant.win_odds,
        'place_odds', p_entrant.place_odds,
        'hold_percentage', p_entrant.hold_percentage,
        'is_scratched', p_entrant.is_scratched,
        'pool_win_odds', p_entrant.pool_win_odds,
        'pool_place_odds', p_entrant.pool_place_odds,
        'barrier', p_entrant.barrier,
        'jockey', p_entrant.jockey,
        'trainer_name', p_entrant.trainer_name,
        'silk_colours', p_entrant.silk_colours,
        'silk_url', coalesce(p_entrant.silk_url_128, p_entrant.silk_url_64),
        'silk_url_64', p_entrant.silk_url_64,
        'silk_url_128', p_entrant.silk_url_128,
        'favourite', p_entrant.favourite,
        'mover', p_entrant.mover
    );
comment on function raceday.entrant_body(raceday.entrants) is 'A runner as the client reads it, without its history';

-- A race's history is thousands of values: the extension writes them.
create or replace function api.client_entrants(p_query text default null)
    returns api."application/json"
    language plpgsql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_race_id text := raceday.asked(p_query, 'raceId', 'race_id');
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
comment on function api.client_entrants(text) is 'GET /api/entrants: the runners of a race with the history of their odds and money';

create or replace function api.client_entrants_version(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_query text := raceday.asked_query(p_query);
    v_race_id text := raceday.query_value(v_query, 'raceId', 'race_id');
begin
    return raceday.version_answer(
        v_query, case when v_race_id is null then json_build_object('error', 'raceId is required') end,
        raceday.race_version(v_race_id));
end
$$;
comment on function api.client_entrants_version(text) is 'The version of what client_entrants answers: nginx asks for it before the body';

create or replace function raceday.cents(p_dollars numeric) returns bigint
    language sql immutable parallel safe
    return (p_dollars * 100)::bigint;
comment on function raceday.cents(numeric) is 'Dollars with cents as integer cents';

create or replace function raceday.pools_body(p_pools raceday.race_pools) returns json
    language sql stable parallel safe
    return json_build_object(
        'race_id', p_pools.race_id,
        'win_pool_total', raceday.cents(p_pools.win_pool_total),
        'place_pool_total', raceday.cents(p_pools.place_pool_total),
        'quinella_pool_total', raceday.cents(p_pools.quinella_pool_total),
        'trifecta_pool_total', raceday.cents(p_pools.trifecta_pool_total),
        'exacta_pool_total', raceday.cents(p_pools.exacta_pool_total),
        'first4_pool_total', raceday.cents(p_pools.first4_pool_total),
        'total_race_pool', raceday.cents(p_pools.total_race_pool),
        'currency', p_pools.currency,
        'data_quality_score', p_pools.data_quality_score,
        'extracted_pools', p_pools.extracted_pools,
        'last_updated', raceday.utc_text(p_pools.last_updated)
    );
comment on function raceday.pools_body(raceday.race_pools) is 'The pools of a race as the client reads them, in cents';

create or replace function api.client_race_pools(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_race_id text := raceday.asked(p_query, 'raceId', 'race_id');
begin
    if v_race_id is null then
        return raceday.refuse(400, 'raceId is required');
    end if;
    return raceday.found(
        (select raceday.pools_body(p) from raceday.race_pools p where p.race_id = v_race_id), 'Race pools not found');
end
$$;
comment on function api.client_race_pools(text) is 'GET /api/race-pools: the tote pools of a race, in cents';

create or replace function raceday.results_body(p_results raceday.race_results) returns json
    language sql stable parallel safe
    return json_build_object(
        'race_id', p_results.race_id,
        'results_available', p_results.results_available,
        'results_data', p_results.results_data,
        'dividends_data', p_results.dividends_data,
        'fixed_odds_data', p_results.fixed_odds_data,
        'result_status', p_results.result_status,
        'photo_finish', p_results.photo_finish,
        'stewards_inquiry', p_results.stewards_inquiry,
        'protest_lodged', p_results.protest_lodged,
        'result_time', raceday.utc_text(p_results.result_time),
        'created_at', raceday.utc_text(p_results.created_at),
        'updated_at', raceday.utc_text(p_results.updated_at)
    );
comment on function raceday.results_body(raceday.race_results) is 'The results of a race as the client reads them';

create or replace function api.client_race_results(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_race_id text := raceday.asked(p_query, 'raceId', 'race_id');
begin
    if v_race_id is null then
        return raceday.refuse(400, 'raceId is required');
    end if;
    return raceday.found(
        (select raceday.results_body(r) from raceday.race_results r where r.race_id = v_race_id), 'Race results not found');
end
$$;
comment on function api.client_race_results(text) is 'GET /api/race-results: placings, dividends and final fixed odds of a race';
