-- A race whose event is not found, or that its meetings list no longer names, is polled less and less often and does not count as live.

alter table raceday.poll_settings
    add column missing_every_min interval not null default '30 seconds',
    add column missing_every_max interval not null default '5 minutes',
    add constraint poll_settings_missing_check check (missing_every_min > interval '0' and missing_every_max >= missing_every_min);
comment on column raceday.poll_settings.missing_every_min is
    'The least time from the first poll of a missing race to the next; it doubles until missing_every_max';
comment on column raceday.poll_settings.missing_every_max is 'The longest time between two polls of a missing race, unless its cadence is longer';

alter table raceday.race_polls
    add column not_found int not null default 0,
    add column list_date date,
    add column unlisted int not null default 0,
    add column is_missing boolean not null generated always as (not_found > 0 or unlisted > 0) stored,
    add column missing_reported boolean not null default false;
comment on column raceday.race_polls.not_found is 'How often in a row the TAB has reported its event as not found';
comment on column raceday.race_polls.list_date is 'New Zealand day of the meetings list that last named it';
comment on column raceday.race_polls.unlisted is 'How many lists of that day in a row have not named it';
comment on column raceday.race_polls.is_missing is 'Whether its event was not found, or it is no longer listed';
comment on column raceday.race_polls.missing_reported is 'Whether it was last reported as missing: see raceday_report_missing';
comment on column raceday.race_polls.first_due_at is 'When it became known or, while it was missing, a list last changed it or named it again';

-- Only what is still to be reported.
create index race_polls_unreported_idx on raceday.race_polls (race_id) where is_missing <> missing_reported;
