-- To append a poll's money flow
insert into raceday.money_flow_history (race_id, created_at, type, pool_type, is_consolidated,
    incremental_amount, event_timestamp, polling_timestamp, seconds_to_start, time_to_start,
    time_interval, interval_type, entrant_id, hold_percentage, bet_percentage, win_pool_amount,
    place_pool_amount, win_pool_percentage, place_pool_percentage, incremental_win_amount,
    incremental_place_amount, tote_win_percentage, tote_win_amount, fixed_win_odds, fixed_place_odds,
    pool_win_odds, pool_place_odds)
select $1, $2, 'bucketed_aggregation', 'combined', true,
    u.incremental_win_amount, $3, $4, $5::int4, $6::int4, $7::int4, $8, u.entrant_id, u.hold_percentage,
    u.bet_percentage, u.win_pool_amount, u.place_pool_amount, u.win_pool_percentage,
    u.place_pool_percentage, u.incremental_win_amount, u.incremental_place_amount, u.tote_win_percentage,
    u.tote_win_amount, u.fixed_win_odds, u.fixed_place_odds, u.pool_win_odds, u.pool_place_odds
from unnest($9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21, $22, $23)
    u (entrant_id, hold_percentage, bet_percentage, win_pool_amount,
    place_pool_amount, win_pool_percentage, place_pool_percentage, incremental_win_amount,
    incremental_place_amount, tote_win_percentage, tote_win_amount, fixed_win_odds, fixed_place_odds,
    pool_win_odds, pool_place_odds);

-- To delete a race's money flow of a span
delete from raceday.money_flow_history
where race_id = $1 and polling_timestamp >= $2 and event_timestamp between $3 and $4;

