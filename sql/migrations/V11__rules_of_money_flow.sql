-- What the rules of docs/money-flow.md need: the meeting as each race reports it, the pools of a race's last rows, pools that span
-- races, and runners by race.

-- A meeting that no list names follows from its races, whatever the order in which they are processed.
alter table raceday.races
    add column meeting_name text,
    add column meeting_country text,
    add column meeting_state text,
    add column race_date_nz date;
comment on column raceday.races.meeting_name is 'Name of the meeting as the race''s polls report it';
comment on column raceday.races.meeting_country is 'Country of the meeting as the race''s polls report it';
comment on column raceday.races.meeting_state is 'State of the meeting as the race''s polls report it';
comment on column raceday.races.race_date_nz is 'New Zealand day as the race''s polls report it; a meeting that no list names has the earliest of its races';
comment on column raceday.races.actual_start is 'As the TAB gives it once the race is no longer open; null until then';

-- Until a race's next poll; its day is nearly always that of its start.
update raceday.races r
set meeting_name = m.meeting_name, meeting_country = m.country, meeting_state = m.state,
    race_date_nz = (r.start_time at time zone 'Pacific/Auckland')::date
from raceday.meetings m
where m.meeting_id = r.meeting_id and r.polled_at is not null;

update raceday.races set actual_start = null where status = 'Open' and actual_start is not null;

alter table raceday.race_progress
    add column rows_win_cents bigint,
    add column rows_place_cents bigint;
comment on column raceday.race_progress.rows_win_cents is 'Win pool of the latest poll that gave money flow: after the close, only another one gives more';
comment on column raceday.race_progress.rows_place_cents is 'Place pool of the latest poll that gave money flow';

alter table raceday.race_pools add column multi_leg_pool_total numeric(12,2);
comment on column raceday.race_pools.total_race_pool is 'Sum of the race''s own pools: may be added up over races';
comment on column raceday.race_pools.multi_leg_pool_total is
    'Sum of the pools that span several races, such as quadrellas: each is repeated in every leg, so do not add it up over races';

-- An abandoned race has no results.
update raceday.race_results s
set results_available = false, results_data = '[]', dividends_data = '[]', fixed_odds_data = '{}', result_status = null,
    protest_lodged = false
from raceday.races r
where r.race_id = s.race_id and r.phase = 'abandoned';

-- An entrant id that several races name has a row in each, so that a race's rows depend on its own payloads only.
alter table raceday.entrants
    drop constraint entrants_pkey,
    add constraint entrants_pkey primary key (race_id, entrant_id);
create index entrants_entrant_id_idx on raceday.entrants (entrant_id);
drop index raceday.entrants_race_id_idx;
comment on column raceday.entrants.entrant_id is 'The TAB''s id of the runner, unique within its race';
