-- How rare evidence is: derived from finished races by raceday_calibrate. See docs/signals.md.

create sequence raceday.signal_calibration_version as int;
comment on sequence raceday.signal_calibration_version is 'Versions of signal_calibrations';

create table raceday.signal_calibrations (
    version int not null,
    effective_from timestamptz not null,
    calibrated_from timestamptz not null,
    calibrated_to timestamptz not null,
    country text,
    category text,
    band text not null,
    phi bigint not null,
    place_phi bigint not null,
    n int not null,
    evidence_20 numeric(8,2),
    evidence_50 numeric(8,2),
    evidence_100 numeric(8,2),
    evidence_200 numeric(8,2),
    evidence_500 numeric(8,2),
    evidence_1000 numeric(8,2),
    created_at timestamptz not null default clock_timestamp(),
    constraint signal_calibrations_key unique nulls not distinct (version, country, category, band),
    constraint signal_calibrations_category_check check (category in ('T', 'H')),
    constraint signal_calibrations_band_check check (band in ('small', 'medium', 'large'))
);
create index signal_calibrations_effective_from_idx on raceday.signal_calibrations (effective_from);
comment on table raceday.signal_calibrations is
    'How rare evidence is among races of a kind, one row per version and kind. Rows never change: what was judged by a version stays so';
comment on column raceday.signal_calibrations.effective_from is 'Polls of this moment and later are judged by the version, until the next one';
comment on column raceday.signal_calibrations.calibrated_from is 'Derived from races that started then or later';
comment on column raceday.signal_calibrations.calibrated_to is 'Derived from races that started before';
comment on column raceday.signal_calibrations.country is 'Null for all countries';
comment on column raceday.signal_calibrations.category is 'T, H, or null for both';
comment on column raceday.signal_calibrations.band is 'Win pool at the close: small below $7,500, medium below $30,000, large';
comment on column raceday.signal_calibrations.phi is 'Size in cents of the lumps in which win bets come';
comment on column raceday.signal_calibrations.place_phi is 'Size in cents of the lumps in which place bets come';
comment on column raceday.signal_calibrations.n is 'How many races; a kind with fewer than 199 borrows from a wider one';
comment on column raceday.signal_calibrations.evidence_20 is 'Nats that 1 race in 20 reaches; null with too few races, like the ones that follow';

create function raceday.refuse_change() returns trigger
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'rows of raceday.% never change', tg_table_name
        using errcode = 'object_not_in_prerequisite_state', hint = 'raceday_calibrate writes a new version.';
end
$$;
comment on function raceday.refuse_change() is 'Trigger: a row that others depend on stays as it was written';
create trigger signal_calibrations_refuse_change before update or delete on raceday.signal_calibrations
    for each row execute function raceday.refuse_change();

create table raceday.signal_flows (
    race_id text not null,
    rows_created_at timestamptz not null,
    closing_cents bigint not null,
    flows bytea,
    constraint signal_flows_pkey primary key (race_id),
    constraint signal_flows_race_id_fkey foreign key (race_id) references raceday.races on delete cascade
);
comment on table raceday.signal_flows is 'What calibrations are derived from: finished races'' flows in the watch, some 6 kB per race, kept when the history is retired';
comment on column raceday.signal_flows.rows_created_at is 'rows_created_at of race_progress when they were collected; they are collected again if it differs';
comment on column raceday.signal_flows.closing_cents is 'The win pool of the last poll in the watch';
comment on column raceday.signal_flows.flows is 'In the extension''s own layout; null if the race was not polled in the watch';

do $$
declare
    v_table text;
begin
    foreach v_table in array array['signal_calibrations', 'signal_flows'] loop
        execute format('alter table raceday.%I owner to raceday_owner', v_table);
    end loop;
end
$$;
alter sequence raceday.signal_calibration_version owner to raceday_owner;
alter function raceday.refuse_change() owner to raceday_owner;
revoke all on function raceday.refuse_change() from public;
