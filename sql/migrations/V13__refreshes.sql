-- When the TAB's data change, as far as polls have shown it, and polls that follow it. Also the cadence after the close of betting, and
-- one poll for each race that was over before it was ever polled.

create table raceday.refresh_settings (
    only_row boolean not null default true,
    is_aligned boolean not null default true,
    period interval not null default '15 seconds',
    margin interval not null default '0.5 seconds',
    spread interval not null default '0.05 seconds',
    again_after interval not null default '1 second',
    constraint refresh_settings_pkey primary key (only_row),
    constraint refresh_settings_only_row_check check (only_row),
    constraint refresh_settings_period_check check (period >= interval '1 second'),
    constraint refresh_settings_margin_check check (margin >= interval '0' and margin < period),
    constraint refresh_settings_spread_check check (spread >= interval '0'),
    constraint refresh_settings_again_after_check check (again_after > interval '0')
);
insert into raceday.refresh_settings default values;
comment on table raceday.refresh_settings is 'Settings of the alignment of polls with the TAB''s refreshes, one row';
comment on column raceday.refresh_settings.is_aligned is 'Whether slots are aligned; if not, refreshes are still observed';
comment on column raceday.refresh_settings.period is 'Time between two refreshes of a race''s data';
comment on column raceday.refresh_settings.margin is 'How long after a refresh its poll is due';
comment on column raceday.refresh_settings.spread is 'Time between the polls of two races that are refreshed at the same moment';
comment on column raceday.refresh_settings.again_after is 'When a race is polled again if a refresh that was due is not there yet';

create table raceday.race_refreshes (
    race_id text not null,
    state jsonb not null,
    phase_s double precision,
    age_s double precision not null,
    is_certain boolean not null,
    observed_at timestamptz not null,
    rank int not null default 0,
    slot_at timestamptz,
    gap_s double precision,
    again_at timestamptz,
    data_age_s double precision,
    changed_within_s double precision,
    constraint race_refreshes_pkey primary key (race_id),
    constraint race_refreshes_race_id_fkey foreign key (race_id) references raceday.races on delete cascade
) with (fillfactor = 50);
comment on table raceday.race_refreshes is 'When the data of each race are refreshed, as its polls have shown; written by the statement that ends a poll';
comment on column raceday.race_refreshes.state is 'What the fetcher''s estimator has learned, in a form of its own';
comment on column raceday.race_refreshes.phase_s is 'By when a refresh has arrived: seconds after a multiple of the period since 1970; null: unknown';
comment on column raceday.race_refreshes.age_s is 'Expected age of the data at phase_s; half a period if nothing is known';
comment on column raceday.race_refreshes.is_certain is 'Whether the race''s slots are aligned with phase_s';
comment on column raceday.race_refreshes.observed_at is 'When the race was last polled';
comment on column raceday.race_refreshes.rank is 'How many more urgent races had the same phase';
comment on column raceday.race_refreshes.slot_at is 'The slot after which gap_s and again_at apply';
comment on column raceday.race_refreshes.gap_s is 'Seconds to the next slot, in place of the cadence''s, to find the phase';
comment on column raceday.race_refreshes.again_at is 'When the race is polled again, as a refresh that was due had not arrived';
comment on column raceday.race_refreshes.data_age_s is 'Age of the last response''s data by its generated_time';
comment on column raceday.race_refreshes.changed_within_s is 'The last response''s data changed at most this long before it was fetched; null: not known';

create table raceday.feed_refresh (
    only_row boolean not null default true,
    phase_s double precision,
    spread_s double precision,
    races int not null default 0,
    computed_at timestamptz not null default '-infinity',
    constraint feed_refresh_pkey primary key (only_row),
    constraint feed_refresh_only_row_check check (only_row)
);
insert into raceday.feed_refresh default values;
comment on table raceday.feed_refresh is 'The phase that races have in common, one row: for races whose own is not known yet';
comment on column raceday.feed_refresh.phase_s is 'As in race_refreshes; null: the races differ, or too few are certain';
comment on column raceday.feed_refresh.spread_s is 'The largest difference of a race from the common phase';
comment on column raceday.feed_refresh.races is 'How many races it is computed from';

alter table raceday.refresh_settings owner to raceday_owner;
alter table raceday.race_refreshes owner to raceday_owner;
alter table raceday.feed_refresh owner to raceday_owner;

alter table raceday.poll_cadence add column after_close boolean not null default false;
comment on column raceday.poll_cadence.after_close is
    'The least time between polls from the close of betting to the result, from within_s (negative: after the start) on';
insert into raceday.poll_cadence (within_s, every_s, after_close) values (-120, 30, true);

alter table raceday.poll_settings
    add column catch_up_every interval not null default '30 minutes',
    add constraint poll_settings_catch_up_check check (catch_up_every > interval '0');
comment on column raceday.poll_settings.catch_up_every is
    'How often a race that was over before its first poll is tried, until that poll has succeeded';

-- Races still polled: those not over, and those over before their first poll.
create index races_start_time_unpolled_idx on raceday.races (start_time, race_id)
    where phase in ('upcoming', 'in_progress') or polled_at is null;
