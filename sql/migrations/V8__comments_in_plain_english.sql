-- The comments of schemas, tables, columns and trigger functions, reworded. Nothing else changes.

comment on schema api is 'Everything served over REST: views and functions, no tables';
comment on schema partman is 'pg_partman, which maintains the daily partitions';
comment on schema archive is 'Partitions of history past their retention, detached and kept';

comment on function raceday.touch_updated_at() is 'Trigger: sets updated_at to the time of the change';
comment on function raceday.schedule_race() is 'Trigger: a new race becomes due';
comment on function raceday.queue_staged_payload() is 'Trigger: queues a payload staged as pending, whoever staged it and however';

comment on table raceday.meetings is 'A day of racing at one track';
comment on column raceday.meetings.date is 'New Zealand day';
comment on column raceday.meetings.listed_at is 'fetched_at of the latest meetings list that names the meeting; null while it is known from races only';

comment on table raceday.races is 'A race as of its latest poll; before its first poll, as of the latest meetings list';
comment on column raceday.races.status is 'As the TAB gives it, capitalised: Open, Closed, Interim, Final, Abandoned';
comment on column raceday.races.start_time is 'Advertised start';
comment on column raceday.races.last_status_change is 'event_timestamp of the poll that brought the current status';
comment on column raceday.races.polled_at is 'fetched_at of the first poll; from then on, polls own the row and meetings lists only set listed_*';
comment on column raceday.races.listed_at is 'fetched_at of the latest meetings list that changed listed_start_time or listed_status';

comment on table raceday.entrants is 'A runner of a race, in its current state';
comment on column raceday.entrants.win_odds is 'Fixed odds to win';
comment on column raceday.entrants.pool_win_odds is 'Tote odds to win';
comment on column raceday.entrants.hold_percentage is 'The runner''s share of all money held, in per cent: the sum of its money-tracker rows';

comment on table raceday.race_pools is 'Tote pools of a race in dollars, one column per product';
comment on column raceday.race_pools.last_updated is 'event_timestamp of the poll that last changed the pools';

comment on table raceday.race_results is 'Placings and dividends, once known';
comment on column raceday.race_results.result_time is 'event_timestamp of the first poll with results';

comment on table raceday.money_flow_history is 'Money flow: one row per runner per poll; amounts in integer cents';
comment on column raceday.money_flow_history.time_interval is 'Bucket in minutes to the start: 60, 55, ..., 5, 4, 3, 2, 1, 0, -1, -2, ...';
comment on column raceday.money_flow_history.incremental_win_amount is 'Cents gained since the previous bucket';
comment on column raceday.money_flow_history.tote_win_amount is 'Cents of the win pool on the runner, exact, derived from tote odds';

comment on table raceday.odds_history is 'Odds of a runner, one row per change';

comment on table raceday.race_progress is 'How far a race is processed, and the amounts of each runner that increments are computed from (arrays parallel to entrant_ids)';
comment on column raceday.race_progress.first_event_timestamp is 'Earliest event_timestamp of the race''s history: with last_event_timestamp, the partitions to read';
comment on column raceday.race_progress.rows_created_at is 'created_at of the race''s latest history rows; that of the next poll''s rows is later';
comment on column raceday.race_progress.fixed_win_odds is 'Odds of the latest odds_history row of this type, in hundredths';
comment on column raceday.race_progress.win_bases is 'Amount of the last row before the current time_interval; null if there is none';

comment on table raceday.staged_payloads is 'Every TAB response, byte for byte; all derived tables can be rebuilt from it';
comment on column raceday.staged_payloads.payload_id is
    'Negative if staged by raceday_ingest or raceday_stage: derived from the body, so that none is staged twice; positive after a plain INSERT';
comment on column raceday.staged_payloads.race_id is 'The race; for a meetings list, ''meetings:'' and its New Zealand date';
comment on column raceday.staged_payloads.payload_raw is 'The body if it is not text that PostgreSQL can store (not UTF-8, or with NUL bytes)';
comment on column raceday.staged_payloads.status is 'pending, processed, unchanged (same content as the previous payload) or failed (see error)';
comment on column raceday.staged_payloads.report is 'What processing noticed without failing, such as values that could not be used';

comment on table raceday.pending_payloads is 'The queue: staged payloads that are not processed yet';

comment on table raceday.user_alert_configs is 'The six indicator colours in which a user sees shares of the money';

comment on table raceday.poll_settings is 'Settings of polling: a single row';
comment on column raceday.poll_settings.lease is 'How long a claimed race belongs to its worker; after that, another worker may claim it';
comment on column raceday.poll_settings.stop_after is 'How long after its start a race is polled at most, finished or not';
comment on column raceday.poll_settings.meetings_every is 'How often the day''s meetings list is fetched';
comment on column raceday.poll_settings.countries is 'Countries whose meetings are polled';
comment on column raceday.poll_settings.categories is 'Categories of racing that are polled: T thoroughbred, H harness';

comment on table raceday.poll_cadence is 'Seconds between polls, by seconds to the start; a race further away than the widest row is not polled';
comment on column raceday.poll_cadence.within_s is 'The row applies from this many seconds before the start; the smallest also applies after the start';

comment on table raceday.race_polls is 'The polling of each race: its last slot and the current lease';
comment on column raceday.race_polls.slot_at is 'When the last claimed poll was due; the next is counted from here, so that lateness does not accumulate';

comment on table raceday.list_polls is 'The polling of each New Zealand day''s meetings list';
comment on column raceday.list_polls.processed_through is 'fetched_at of the latest list processed; an older one only adds what is missing';
comment on column raceday.list_polls.failures is 'How often the list has failed since it last succeeded';
comment on column raceday.list_polls.lease_until is 'Until when its worker is fetching it; after a failure, when it is retried';
