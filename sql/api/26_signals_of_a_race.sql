-- What is known of the runners of one race: GET /api/signals/runners and /api/signals/chart.

create or replace function api.client_signal_runners(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
    -- With the bounds of the race's history as values, the other partitions are not even locked.
    set plan_cache_mode = 'force_custom_plan'
as $$
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
comment on function api.client_signal_runners(text) is
    'GET /api/signals/runners: each runner of a race with the range of money on it and the evidence that it is being backed';

create or replace function raceday.chart_points(p_race_id text, p_entrant_id text, p_first timestamptz, p_last timestamptz) returns json
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
    -- As above.
    set plan_cache_mode = 'force_custom_plan'
as $$
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
comment on function raceday.chart_points(text, text, timestamptz, timestamptz) is
    'Per poll of a race: the range of a runner''s share of the win pool, its odds and the evidence that it is being backed';

create or replace function api.client_signal_chart(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
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
comment on function api.client_signal_chart(text) is
    'GET /api/signals/chart: a runner''s share of the win pool, odds and evidence over time, with the evidence that 1 race in 20 and 1 in 200 reach';
