-- Entrants (runners): GET /api/entrants, and the view.

create or replace view api.entrants as
select entrant_id, race_id, name, runner_number, win_odds, place_odds, pool_win_odds, pool_place_odds, hold_percentage, bet_percentage,
    is_scratched, is_late_scratched, scratched_at, barrier, jockey, trainer_name, silk_colours, silk_url_64, silk_url_128,
    favourite, mover, created_at, updated_at, opening_odds, opening_odds_at, nine_am_odds, highest_odds, lowest_odds
from raceday.entrants;
comment on view api.entrants is 'Runners in their current state; embeds races. win_odds and place_odds are fixed odds; pool_win_odds and pool_place_odds are tote odds';

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
        'mover', p_entrant.mover,
        'opening_odds', p_entrant.opening_odds,
        'nine_am_odds', p_entrant.nine_am_odds,
        'highest_odds', p_entrant.highest_odds,
        'lowest_odds', p_entrant.lowest_odds
    );
comment on function raceday.entrant_body(raceday.entrants) is 'A runner as the client API returns it, without its history';

-- A race's history has thousands of values, so the extension writes their JSON: see docs/decisions/json-written-in-rust.md.
create or replace function api.client_entrants(p_query text default null)
    returns api."application/json"
    language plpgsql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function api.client_entrants(text) is 'GET /api/entrants: the runners of a race with the history of their odds and money';

create or replace function api.client_entrants_version(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_query text := raceday.request_query(p_query);
    v_race_id text := raceday.query_value(v_query, 'raceId', 'race_id');
begin
    return raceday.version_response(
        v_query, case when v_race_id is null then json_build_object('error', 'raceId is required') end,
        raceday.race_version(v_race_id));
end
$$;
comment on function api.client_entrants_version(text) is 'The version of what client_entrants returns: nginx asks for it before the body';
