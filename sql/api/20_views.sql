-- Lists for those who speak PostgREST: filters, order, columns, embedding (races?select=*,meetings(*)). Plain columns of the tables, so
-- that foreign keys are seen through the views. They run as raceday_owner; web_anon may read them and nothing behind them.

create or replace view api.meetings as
select meeting_id, meeting_name, country, race_type, category, date, status, state, track_condition, weather, tote_status, created_at, updated_at
from raceday.meetings;
comment on view api.meetings is 'Meetings: a day of racing at one track. date is the New Zealand day';

create or replace view api.races as
select race_id, meeting_id, name, race_number, start_time, status, phase, actual_start, distance, track_condition, weather, type,
    last_status_change, finalized_at, abandoned_at, created_at, updated_at
from raceday.races;
comment on view api.races is 'Races; embeds meetings and entrants. status is the TAB''s word, phase is upcoming, in_progress, finished or abandoned';

create or replace view api.entrants as
select entrant_id, race_id, name, runner_number, win_odds, place_odds, pool_win_odds, pool_place_odds, hold_percentage, bet_percentage,
    is_scratched, is_late_scratched, scratched_at, barrier, jockey, trainer_name, silk_colours, silk_url_64, silk_url_128,
    favourite, mover, created_at, updated_at
from raceday.entrants;
comment on view api.entrants is 'Runners as they are known now; embeds races. win_odds and place_odds are fixed odds, pool_* tote odds';

create or replace view api.money_flow as
select id, race_id, entrant_id, type, time_interval, time_to_start, seconds_to_start, interval_type, hold_percentage, bet_percentage,
    win_pool_amount, place_pool_amount, win_pool_percentage, place_pool_percentage, incremental_amount, incremental_win_amount,
    incremental_place_amount, tote_win_percentage, tote_win_amount, fixed_win_odds, fixed_place_odds, pool_win_odds, pool_place_odds,
    pool_type, is_consolidated, event_timestamp, polling_timestamp, created_at
from raceday.money_flow_history;
comment on view api.money_flow is 'Money flow: one row a runner a poll, amounts in cents. Filter by race_id or entrant_id, and by event_timestamp to read few partitions';

create or replace view api.odds as
select id, race_id, entrant_id, type, odds, event_timestamp, polling_timestamp, created_at
from raceday.odds_history;
comment on view api.odds is 'Odds of runners, one row where they changed. Filter by race_id or entrant_id, and by event_timestamp to read few partitions';

create or replace view api.race_pools as
select race_id, win_pool_total, place_pool_total, quinella_pool_total, trifecta_pool_total, exacta_pool_total, first4_pool_total,
    total_race_pool, currency, data_quality_score, extracted_pools, last_updated
from raceday.race_pools;
comment on view api.race_pools is 'Tote pools of a race, in dollars; embeds races';

create or replace view api.race_results as
select race_id, results_available, results_data, dividends_data, fixed_odds_data, result_status, photo_finish, stewards_inquiry,
    protest_lodged, result_time, created_at, updated_at
from raceday.race_results;
comment on view api.race_results is 'Placings and dividends, once there are any; embeds races';
