-- Results: GET /api/race-results, and the view.

create or replace view api.race_results as
select race_id, results_available, results_data, dividends_data, fixed_odds_data, result_status, photo_finish, stewards_inquiry,
    protest_lodged, result_time, created_at, updated_at
from raceday.race_results;
comment on view api.race_results is 'Placings and dividends, once known; embeds races';

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
comment on function raceday.results_body(raceday.race_results) is 'The results of a race as the client API returns them';

create or replace function api.client_race_results(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_race_id text := raceday.request_parameter(p_query, 'raceId', 'race_id');
begin
    return raceday.row_of_race_or_404(
        v_race_id, (
            select raceday.results_body(r) from raceday.race_results r where r.race_id = v_race_id and r.results_available
        ), 'Race results');
end
$$;
comment on function api.client_race_results(text) is 'GET /api/race-results: placings, dividends and final fixed odds of a race; 404 until there are placings, and for an abandoned race';
