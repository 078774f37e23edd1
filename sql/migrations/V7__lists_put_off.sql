-- A meetings list that fails is asked for less and less often; see raceday_meetings_done.
alter table raceday.list_polls add column failures int not null default 0;
comment on column raceday.list_polls.failures is 'How often it failed since it last succeeded';
comment on column raceday.list_polls.lease_until is 'Whose fetching it is until then; after a failure, when it is tried again';

-- With an empty path a temporary domain named like a type stands before the type itself.
alter function raceday.touch_updated_at() set search_path = pg_catalog, pg_temp;
alter function raceday.schedule_race() set search_path = pg_catalog, pg_temp;
alter function raceday.queue_staged_payload() set search_path = pg_catalog, pg_temp;
