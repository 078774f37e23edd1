-- To append a poll's money flow
insert into raceday.money_flow_history (race_id, created_at, type, pool_type, is_consolidated,
    incremental_amount, event_timestamp, polling_timestamp, seconds_to_start, time_to_start,
    time_interval, interval_type, win_pool_cents, place_pool_cents, entrant_id, hold_percentage,
    bet_percentage, win_pool_amount, place_pool_amount, win_pool_percentage, place_pool_percentage,
    incremental_win_amount, incremental_place_amount, tote_win_percentage, tote_win_amount,
    fixed_win_odds, fixed_place_odds, pool_win_odds, pool_place_odds, win_low, win_high, win_mid,
    flow_multiple, evidence)
select $1, $2, 'bucketed_aggregation', 'combined', true,
    u.incremental_win_amount, $3, $4, $5::int4, $6::int4, $7::int4, $8, $9, $10, u.entrant_id,
    u.hold_percentage, u.bet_percentage, u.win_pool_amount, u.place_pool_amount, u.win_pool_percentage,
    u.place_pool_percentage, u.incremental_win_amount, u.incremental_place_amount, u.tote_win_percentage,
    u.tote_win_amount, u.fixed_win_odds, u.fixed_place_odds, u.pool_win_odds, u.pool_place_odds,
    u.win_low, u.win_high, u.win_mid, u.flow_multiple, u.evidence
from unnest($11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
    $23, $24, $25, $26, $27, $28, $29, $30)
    u (entrant_id, hold_percentage, bet_percentage, win_pool_amount,
    place_pool_amount, win_pool_percentage, place_pool_percentage, incremental_win_amount,
    incremental_place_amount, tote_win_percentage, tote_win_amount, fixed_win_odds, fixed_place_odds,
    pool_win_odds, pool_place_odds, win_low, win_high, win_mid, flow_multiple, evidence);

-- To load a race's money flow of a span
select h.id, h.event_timestamp, h.polling_timestamp,
    h.type is not distinct from 'bucketed_aggregation' and h.pool_type is not distinct from 'combined' and h.is_consolidated is not distinct from true and h.incremental_amount is not distinct from h.incremental_win_amount and true,
    h.event_timestamp, h.polling_timestamp, h.seconds_to_start::int8, h.time_to_start::int8,
    h.time_interval::int8, h.interval_type, h.win_pool_cents, h.place_pool_cents, h.entrant_id,
    (h.hold_percentage * 100)::int8, (h.bet_percentage * 100)::int8, h.win_pool_amount,
    h.place_pool_amount, (h.win_pool_percentage * 100)::int8, (h.place_pool_percentage * 100)::int8,
    h.incremental_win_amount, h.incremental_place_amount, (h.tote_win_percentage * 100)::int8,
    h.tote_win_amount, (h.fixed_win_odds * 100)::int8, (h.fixed_place_odds * 100)::int8,
    (h.pool_win_odds * 100)::int8, (h.pool_place_odds * 100)::int8, h.win_low, h.win_high, h.win_mid,
    (h.flow_multiple * 100)::int8, (h.evidence * 100)::int8
from raceday.money_flow_history h
where h.race_id = $1 and h.polling_timestamp >= $2 and h.event_timestamp between $3 and $4;

-- To delete some of a race's money flow
delete from raceday.money_flow_history
where race_id = $1 and id = any ($2) and event_timestamp between $3 and $4;

