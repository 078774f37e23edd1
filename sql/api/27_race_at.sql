-- A race as it stood at a moment: GET /api/race-at, and raceday_at for psql.

create or replace function raceday.money_flow_at(p_race_id text, p_at timestamptz) returns setof raceday.money_flow_history
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
    -- With the bounds of the race's history as values, the other partitions are not even locked.
    set plan_cache_mode = 'force_custom_plan'
as $$
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
comment on function raceday.money_flow_at(text, timestamptz) is 'The newest row of money flow of each runner of a race by a moment';

create or replace function raceday.entrant_at(p_entrant raceday.entrants, p_flow raceday.money_flow_history) returns json
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select (raceday.entrant_body(p_entrant)::jsonb || jsonb_build_object(
        'win_low', p_flow.win_low, 'win_mid', p_flow.win_mid, 'win_high', p_flow.win_high, 'evidence', p_flow.evidence))::json
$$;
comment on function raceday.entrant_at(raceday.entrants, raceday.money_flow_history) is
    'A runner as the client API returns it, with the range of money on it and the evidence that it is being backed';

-- What the payloads say is exact. Staging keeps them for some days only; later, what the history holds of each poll must do.
create or replace function raceday.at_by_payloads(p_race_id text, p_at timestamptz) returns json
    language sql stable parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function raceday.at_by_payloads(text, timestamptz) is
    'race, entrants and pools as they stood at a moment, by the staged payloads; null if the race was not polled by then or its first payloads are gone';

create or replace function raceday.at_by_history(p_race_id text, p_at timestamptz) returns json
    language sql stable parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function raceday.at_by_history(text, timestamptz) is
    'race, entrants and pools as they stood at a moment, as far as money flow tells; null if it has nothing of the race by then';

create or replace function raceday.raceday_at(p_race_id text, p_at timestamptz) returns json
    language plpgsql stable parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function raceday.raceday_at(text, timestamptz) is
    'A race, its runners and its pools as they stood at a moment, named as in the client API; null if it was not polled by then. source is payloads, or history where the payloads are no longer staged: then status and other pools than win and place are unknown';

create or replace function api.client_race_at(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function api.client_race_at(text) is 'GET /api/race-at: a race, its runners and its pools as they stood at a moment';
