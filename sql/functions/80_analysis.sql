-- What analysts read and `raceday-fetcher export` writes: docs/analysis.md. New columns come last: a view cannot be replaced otherwise.

create or replace view analysis.meetings as
select meeting_id, meeting_name, country, race_type, category, date, status, state, track_condition, weather, tote_status, listed_at,
    created_at, updated_at
from raceday.meetings;
comment on view analysis.meetings is 'Meetings. date is the New Zealand day';

create or replace view analysis.races as
select race_id, meeting_id, name, race_number, start_time, status, phase, actual_start, distance, track_condition, weather, type, protest,
    last_status_change, finalized_at, abandoned_at, polled_at, listed_at, listed_start_time, listed_status, created_at, updated_at,
    meeting_name, meeting_country, meeting_state, race_date_nz
from raceday.races;
comment on view analysis.races is 'Races. start_time is the advertised start; phase is upcoming, in_progress, finished or abandoned';

create or replace view analysis.entrants as
select entrant_id, race_id, name, runner_number, win_odds, place_odds, pool_win_odds, pool_place_odds, hold_percentage, bet_percentage,
    is_scratched, is_late_scratched, scratched_at, barrier, jockey, trainer_name, silk_colours, silk_url_64, silk_url_128, runner_change,
    favourite, mover, created_at, updated_at, opening_odds, opening_odds_at, nine_am_odds, highest_odds, lowest_odds
from raceday.entrants;
comment on view analysis.entrants is 'Runners of each race, as the last poll left them. Their key is race_id and entrant_id';

create or replace view analysis.race_pools as
select race_id, win_pool_total, place_pool_total, quinella_pool_total, trifecta_pool_total, exacta_pool_total, first4_pool_total,
    total_race_pool, currency, data_quality_score, extracted_pools, last_updated, multi_leg_pool_total
from raceday.race_pools;
comment on view analysis.race_pools is 'Pools of each race in dollars, as the last poll left them';

create or replace view analysis.race_results as
select race_id, results_available, results_data, dividends_data, fixed_odds_data, result_status, photo_finish, stewards_inquiry,
    protest_lodged, result_time, created_at, updated_at
from raceday.race_results;
comment on view analysis.race_results is 'Results: results_data lists the placings, dividends_data the dividends, as JSON';

create or replace view analysis.money_flow_history as
select id, entrant_id, race_id, hold_percentage, bet_percentage, type, time_to_start, seconds_to_start, time_interval, interval_type,
    event_timestamp, polling_timestamp, win_pool_amount, place_pool_amount, win_pool_percentage, place_pool_percentage, incremental_amount,
    incremental_win_amount, incremental_place_amount, tote_win_percentage, tote_win_amount, fixed_win_odds, fixed_place_odds,
    pool_win_odds, pool_place_odds, pool_type, is_consolidated, created_at,
    win_pool_cents, place_pool_cents, win_low, win_high, win_mid, flow_multiple, evidence
from raceday.money_flow_history;
comment on view analysis.money_flow_history is
    'Money flow: one row per runner and poll. Amounts are cents; time_interval is the bucket in minutes before the start, negative after it';

create or replace view analysis.odds_history as
select id, entrant_id, race_id, odds, type, event_timestamp, polling_timestamp, created_at
from raceday.odds_history;
comment on view analysis.odds_history is 'Odds: one row per runner, type (fixed_win, fixed_place, pool_win, pool_place) and change';
