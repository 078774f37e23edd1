-- Signals: which runner is being backed, and how unusual that is. See docs/signals.md.

alter table raceday.money_flow_history
    add column win_pool_cents bigint,
    add column place_pool_cents bigint,
    add column win_low bigint,
    add column win_high bigint,
    add column win_mid bigint,
    add column flow_multiple numeric(10,2),
    add column evidence numeric(8,2);
comment on table raceday.money_flow_history is 'Money flow: one row per runner per poll; amounts in integer cents';
comment on column raceday.money_flow_history.win_pool_cents is 'The win pool at the poll';
comment on column raceday.money_flow_history.place_pool_cents is 'The place pool at the poll';
comment on column raceday.money_flow_history.win_low is
    'Cents of the win pool that are on the runner at least, whatever the rounding of the odds; null unless the poll has a win pool and tote odds of every runner not scratched';
comment on column raceday.money_flow_history.win_high is 'Cents of the win pool that are on the runner at most';
comment on column raceday.money_flow_history.win_mid is 'Cents of the win pool on the runner, in the middle of what its odds stand for; within win_low and win_high';
comment on column raceday.money_flow_history.flow_multiple is
    'How many times its share of the win pool the runner received of the money since the last snapshot; null where nothing new came in';
comment on column raceday.money_flow_history.evidence is
    'Evidence in nats that the runner is being backed, collected from 300 seconds before the start while the race is Open; null outside that time';
comment on column raceday.money_flow_history.tote_win_amount is
    'Cents of the win pool on the runner by 1 / tote odds: overstates favourites, by 0.6 points of the pool below odds of 2.00, because odds are rounded down';

-- What a race's signals are computed from between polls. Its row stays in its page, without compression: it is written by every poll.
alter table raceday.race_progress add column watch bytea;
alter table raceday.race_progress set (toast_tuple_target = 8160);
comment on column raceday.race_progress.watch is
    'What the next poll''s signals are computed from, in the extension''s own layout: bounds on each pool''s odds, the last snapshot, each runner''s evidence';

create table raceday.signal_settings (
    only_row boolean not null default true,
    tote_rounding text not null default 'down',
    calibration_span interval not null default '28 days',
    calibrated_at timestamptz,
    constraint signal_settings_pkey primary key (only_row),
    constraint signal_settings_only_row_check check (only_row),
    constraint signal_settings_tote_rounding_check check (tote_rounding in ('down', 'nearest')),
    constraint signal_settings_calibration_span_check check (calibration_span > interval '0')
);
insert into raceday.signal_settings default values;
comment on table raceday.signal_settings is 'Settings of the signals, one row';
comment on column raceday.signal_settings.tote_rounding is
    'How the tote rounds its odds: down or nearest, to the step. Races polled before a change keep their rows until they are rebuilt';
comment on column raceday.signal_settings.calibration_span is 'How far back the nightly calibration looks';
comment on column raceday.signal_settings.calibrated_at is 'When raceday_maintain last calibrated; null to do it again in the coming night';

create table raceday.signals (
    race_id text not null,
    entrant_id text not null,
    level int not null,
    event_timestamp timestamptz not null,
    polling_timestamp timestamptz not null,
    seconds_to_start int not null,
    evidence numeric(8,2) not null,
    rarity int not null,
    provisional boolean not null,
    calibration_version int,
    money bigint not null,
    excess bigint not null,
    multiple numeric(10,2),
    share_before numeric(5,2),
    share_after numeric(5,2),
    reasons jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint signals_pkey primary key (race_id, entrant_id, level),
    constraint signals_race_id_fkey foreign key (race_id) references raceday.races on delete cascade,
    constraint signals_level_check check (level in (20, 200))
);
create index signals_created_at_idx on raceday.signals (created_at, race_id, entrant_id, level);
comment on table raceday.signals is 'Unusual late money: one row where a runner''s evidence first reaches a level in its race; amounts in integer cents';
comment on column raceday.signals.level is '20 or 200: 1 race in so many of its kind reaches as much evidence without anybody knowing more than others';
comment on column raceday.signals.evidence is 'Nats';
comment on column raceday.signals.rarity is 'The largest N of 20, 50, 100, 200, 500 and 1000 for which 1 race in N reaches as much';
comment on column raceday.signals.provisional is 'Whether too few races were known to say how rare it is';
comment on column raceday.signals.calibration_version is 'Version of signal_calibrations that it was judged by; null before the first one';
comment on column raceday.signals.money is 'Cents that the runner received since the watch began';
comment on column raceday.signals.excess is 'Cents of it that are certainly more than expected, whatever the rounding of the odds';
comment on column raceday.signals.multiple is 'How many times its share it received since the watch began';
comment on column raceday.signals.share_before is 'Per cent of the win pool on the runner when the watch began';
comment on column raceday.signals.share_after is 'Per cent of the win pool on the runner at the signal';
comment on column raceday.signals.reasons is 'Facts that accompany it, an object with a key per reason: see docs/signals.md';
comment on column raceday.signals.created_at is 'When it was written or last changed: what readers page by';

do $$
declare
    v_table text;
begin
    foreach v_table in array array['signal_settings', 'signals'] loop
        execute format('alter table raceday.%I owner to raceday_owner', v_table);
    end loop;
end
$$;
