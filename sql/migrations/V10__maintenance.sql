-- raceday_maintain() maintains the partitions, not pg_partman's worker: see docs/decisions/partition-worker.md.

create table raceday.maintenance_settings (
    only_row boolean not null default true,
    retire_from time not null default '04:00',
    retire_until time not null default '09:00',
    lock_wait interval not null default '100 milliseconds',
    constraint maintenance_settings_pkey primary key (only_row),
    constraint maintenance_settings_only_row_check check (only_row),
    -- Readers queue behind a waiting lock, so the limit on this wait is also the limit on theirs.
    constraint maintenance_settings_lock_wait_check check (lock_wait between interval '1 millisecond' and interval '1 second')
);
insert into raceday.maintenance_settings default values;
comment on table raceday.maintenance_settings is 'Settings of raceday_maintain, one row; how far ahead and how long partitions are kept is in partman.part_config';
comment on column raceday.maintenance_settings.retire_from is 'New Zealand time from which partitions are retired: after Australia''s last race';
comment on column raceday.maintenance_settings.retire_until is 'New Zealand time until which partitions are retired; the same as retire_from for the whole day';
comment on column raceday.maintenance_settings.lock_wait is 'How long a step waits for its lock before it is deferred';
alter table raceday.maintenance_settings owner to raceday_owner;
