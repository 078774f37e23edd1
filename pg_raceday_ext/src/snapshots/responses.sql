-- To read a page of the timeline
select id, race_id, entrant_id, type, time_interval, time_to_start,
    interval_type, hold_percentage, bet_percentage, incremental_win_amount, incremental_place_amount,
    win_pool_amount, place_pool_amount, win_pool_percentage, place_pool_percentage, fixed_win_odds,
    fixed_place_odds, pool_win_odds, pool_place_odds, event_timestamp, polling_timestamp, created_at
from raceday.money_flow_history
where race_id = $1 and event_timestamp between $2 and $3 and id > $4 and created_at >= $5
  and type = 'bucketed_aggregation' and time_interval > -65 and time_interval < 66
order by id;

-- To read the odds of a race's runners
select polling_timestamp, entrant_id, event_timestamp, odds, type
from raceday.odds_history
where race_id = $1 and event_timestamp between $2 and $3
order by id;

-- To read the money of a race's runners
select polling_timestamp, entrant_id, event_timestamp, hold_percentage, win_pool_amount
from raceday.money_flow_history
where race_id = $1 and event_timestamp between $2 and $3 and type = 'bucketed_aggregation'
order by id;

