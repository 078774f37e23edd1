-- What clients of Appwrite's protocol need: lists in order of insertion without a sort, and the time at which a client says that it
-- created an alert.

create index meetings_created_at_idx on raceday.meetings (created_at, meeting_id);
create index races_created_at_idx on raceday.races (created_at, race_id);
create index entrants_created_at_idx on raceday.entrants (created_at, race_id, entrant_id);
create index race_results_created_at_idx on raceday.race_results (created_at, race_id);
create index user_alert_configs_created_at_idx on raceday.user_alert_configs (created_at, indicator_id);

alter table raceday.user_alert_configs add column client_created_at timestamptz;
comment on column raceday.user_alert_configs.client_created_at is
    'When the client that created it says so, in Appwrite''s protocol; null if it did not say';
