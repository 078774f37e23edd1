-- Stages and processes the recorded race in tests/fixtures/race, and shows what became of its insider:
--   cargo xtask psql -f docs/recorded-race.sql      in the repository's folder, on a database that `migrate` made
\set ON_ERROR_STOP on
\set race '26d24357-1d7a-42f9-be26-549cd91f0681'
\o /dev/null

-- Its day is past, so no partition is there for it.
select partman.create_partition_time(parent_table, '{2025-11-23 00:00Z}') from partman.part_config
where parent_table like 'raceday.%';

\set response `cat tests/fixtures/race/meetings.json`
select raceday.raceday_ingest('meetings', 'meetings:2025-11-23', '2025-11-23T00:35:00.500Z', :'response', null);
\set response `cat tests/fixtures/race/60min.json`
select raceday.raceday_ingest('event', :'race', '2025-11-23T00:35:00.500Z', :'response', null);
\set response `cat tests/fixtures/race/30min.json`
select raceday.raceday_ingest('event', :'race', '2025-11-23T01:05:00.500Z', :'response', null);
\set response `cat tests/fixtures/race/10min.json`
select raceday.raceday_ingest('event', :'race', '2025-11-23T01:25:00.500Z', :'response', null);
\set response `cat tests/fixtures/race/05min.json`
select raceday.raceday_ingest('event', :'race', '2025-11-23T01:30:00.500Z', :'response', null);
\set response `cat tests/fixtures/race/02min.json`
select raceday.raceday_ingest('event', :'race', '2025-11-23T01:33:00.500Z', :'response', null);
\set response `cat tests/fixtures/race/01min.json`
select raceday.raceday_ingest('event', :'race', '2025-11-23T01:34:00.500Z', :'response', null);
\set response `cat tests/fixtures/race/00min.json`
\o
select * from raceday.raceday_ingest('event', :'race', '2025-11-23T01:35:00.500Z', :'response', null) \gx
\o /dev/null
\set response `cat tests/fixtures/race/closed.json`
select raceday.raceday_ingest('event', :'race', '2025-11-23T01:36:03.500Z', :'response', null);
\set response `cat tests/fixtures/race/interim.json`
select raceday.raceday_ingest('event', :'race', '2025-11-23T01:37:49.500Z', :'response', null);
\set response `cat tests/fixtures/race/final.json`
select raceday.raceday_ingest('event', :'race', '2025-11-23T01:40:50.500Z', :'response', null);
\o

-- A body that is not a response, as a proxy sends it: staged by a plain INSERT, then processed.
insert into raceday.staged_payloads (race_id, payload) values (:'race', '<html>busy</html>');
select status, payloads_failed, error from raceday.raceday_process(:'race');

-- The runner that gained most in one bucket, bucket by bucket.
select e.runner_number as no, e.name, h.time_interval as min, h.hold_percentage as hold, h.win_pool_amount as win_cents,
    h.incremental_win_amount as gained, h.tote_win_amount as tote_cents, h.pool_win_odds as tote
from raceday.money_flow_history h
join raceday.entrants e using (race_id, entrant_id)
where h.race_id = :'race' and h.time_interval between -2 and 5
  and e.entrant_id = (
      select entrant_id from raceday.money_flow_history
      where race_id = :'race' and time_interval < 55 order by incremental_win_amount desc limit 1)
order by h.id;

-- No row: everything agrees with the payloads.
select * from raceday.raceday_check(:'race');
