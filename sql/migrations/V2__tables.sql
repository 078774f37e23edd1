-- The data. Types and names of the specification's columns are kept; what money-flow.md and the REST contract need stands beside them.
-- No foreign key leaves money_flow_history or odds_history: PostgreSQL checks one with a query a row, and detaching an old partition would
-- lock the table referenced. raceday_process writes entrants before their history in one transaction, and raceday_check finds strays.

-- The one clock. `migrate` re-creates it (functions/clock.sql); it stands here because the defaults below use it.
create function raceday.now() returns timestamptz
    language sql stable parallel safe
    return statement_timestamp();
comment on function raceday.now() is 'What time it is for Raceday: the server''s clock, or the simulated one of a demo';

create function raceday.touch_updated_at() returns trigger
    language plpgsql volatile parallel unsafe
    set search_path = ''
as $$
begin
    new.updated_at := pg_catalog.clock_timestamp();
    return new;
end
$$;
comment on function raceday.touch_updated_at() is 'Trigger: updated_at is when the row last changed';

create table raceday.meetings (
    meeting_id text not null,
    meeting_name text,
    country text,
    race_type text not null,
    category text generated always as (case race_type when 'thoroughbred' then 'T' else 'H' end) stored,
    date date not null,
    status text not null default 'active',
    state text,
    track_condition text,
    weather text,
    tote_status text,
    listed_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    constraint meetings_pkey primary key (meeting_id),
    constraint meetings_race_type_check check (race_type in ('thoroughbred', 'harness')),
    constraint meetings_status_check check (status in ('active', 'completed', 'cancelled'))
);
create index meetings_date_race_type_active_idx on raceday.meetings (date, race_type) where status = 'active';
create index meetings_date_idx on raceday.meetings (date);
comment on table raceday.meetings is 'A day of racing at one track';
comment on column raceday.meetings.date is 'New Zealand day';
comment on column raceday.meetings.listed_at is 'fetched_at of the newest meetings list that names it; null while only races told of it';

create table raceday.races (
    race_id text not null,
    meeting_id text,
    name text,
    race_number int,
    start_time timestamptz not null,
    status text not null default 'Open',
    phase text not null default 'upcoming',
    actual_start timestamptz,
    distance int,
    track_condition text,
    weather text,
    type text not null,
    protest boolean not null default false,
    last_status_change timestamptz,
    finalized_at timestamptz,
    abandoned_at timestamptz,
    polled_at timestamptz,
    listed_at timestamptz,
    listed_start_time timestamptz,
    listed_status text,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    constraint races_pkey primary key (race_id),
    constraint races_meeting_id_fkey foreign key (meeting_id) references raceday.meetings on delete cascade,
    constraint races_type_check check (type in ('T', 'H')),
    constraint races_phase_check check (phase in ('upcoming', 'in_progress', 'finished', 'abandoned'))
);
create index races_meeting_id_idx on raceday.races (meeting_id, race_number);
create index races_start_time_idx on raceday.races (start_time, race_id);
create index races_start_time_unfinished_idx on raceday.races (start_time, race_id) where phase in ('upcoming', 'in_progress');
comment on table raceday.races is 'A race: what the newest poll said; before its first poll, what the newest meetings list said';
comment on column raceday.races.status is 'The TAB''s word, capitalised: Open, Closed, Interim, Final, Abandoned';
comment on column raceday.races.start_time is 'Advertised start';
comment on column raceday.races.last_status_change is 'event_timestamp of the poll that brought the present status';
comment on column raceday.races.polled_at is 'fetched_at of the first poll; from then on polls own the row and lists only fill listed_*';
comment on column raceday.races.listed_at is 'fetched_at of the newest meetings list that changed listed_start_time or listed_status';

create table raceday.entrants (
    entrant_id text not null,
    race_id text not null,
    name text,
    runner_number int,
    win_odds numeric(10,2),
    place_odds numeric(10,2),
    pool_win_odds numeric(10,2),
    pool_place_odds numeric(10,2),
    hold_percentage numeric(5,2),
    bet_percentage numeric(5,2),
    is_scratched boolean not null default false,
    is_late_scratched boolean not null default false,
    scratched_at timestamptz,
    barrier int,
    jockey text,
    trainer_name text,
    silk_colours text,
    silk_url_64 text,
    silk_url_128 text,
    runner_change text,
    favourite boolean not null default false,
    mover boolean not null default false,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    constraint entrants_pkey primary key (entrant_id),
    constraint entrants_race_id_fkey foreign key (race_id) references raceday.races on delete cascade
) with (fillfactor = 70);
create index entrants_race_id_idx on raceday.entrants (race_id);
create index entrants_race_id_running_idx on raceday.entrants (race_id) where not is_scratched;
comment on table raceday.entrants is 'A runner of a race: what is known of it now';
comment on column raceday.entrants.win_odds is 'Fixed odds to win';
comment on column raceday.entrants.pool_win_odds is 'Tote odds to win';
comment on column raceday.entrants.hold_percentage is 'Share of all betting held on the runner, per cent: the sum of its money-tracker rows';

create table raceday.race_pools (
    race_id text not null,
    win_pool_total numeric(12,2),
    place_pool_total numeric(12,2),
    quinella_pool_total numeric(12,2),
    trifecta_pool_total numeric(12,2),
    exacta_pool_total numeric(12,2),
    first4_pool_total numeric(12,2),
    total_race_pool numeric(12,2),
    currency text not null default '$',
    data_quality_score int not null,
    extracted_pools int not null,
    last_updated timestamptz not null,
    constraint race_pools_pkey primary key (race_id),
    constraint race_pools_race_id_fkey foreign key (race_id) references raceday.races on delete cascade,
    constraint race_pools_data_quality_score_check check (data_quality_score between 0 and 100)
) with (fillfactor = 50);
comment on table raceday.race_pools is 'Tote pools of a race in dollars, per product';
comment on column raceday.race_pools.last_updated is 'event_timestamp of the poll that changed them last';

create table raceday.race_results (
    race_id text not null,
    results_available boolean not null,
    results_data jsonb not null,
    dividends_data jsonb not null,
    fixed_odds_data jsonb not null,
    result_status text,
    photo_finish boolean not null default false,
    stewards_inquiry boolean not null default false,
    protest_lodged boolean not null default false,
    result_time timestamptz not null,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    constraint race_results_pkey primary key (race_id),
    constraint race_results_race_id_fkey foreign key (race_id) references raceday.races on delete cascade,
    constraint race_results_result_status_check check (result_status in ('interim', 'final', 'protest'))
);
comment on table raceday.race_results is 'Placings and dividends, once there are any';
comment on column raceday.race_results.result_time is 'event_timestamp of the first poll with results';

create table raceday.money_flow_history (
    id bigint not null generated always as identity,
    entrant_id text not null,
    race_id text not null,
    hold_percentage numeric(5,2),
    bet_percentage numeric(5,2),
    type text not null,
    time_to_start int not null,
    seconds_to_start int not null,
    time_interval int not null,
    interval_type text not null,
    event_timestamp timestamptz not null,
    polling_timestamp timestamptz not null,
    win_pool_amount bigint,
    place_pool_amount bigint,
    win_pool_percentage numeric(5,2),
    place_pool_percentage numeric(5,2),
    incremental_amount bigint,
    incremental_win_amount bigint,
    incremental_place_amount bigint,
    tote_win_percentage numeric(5,2),
    tote_win_amount bigint,
    fixed_win_odds numeric(10,2),
    fixed_place_odds numeric(10,2),
    pool_win_odds numeric(10,2),
    pool_place_odds numeric(10,2),
    pool_type text not null,
    is_consolidated boolean not null,
    created_at timestamptz not null default clock_timestamp(),
    -- A race's rows are written by one call at a time, so (race_id, id) is its insertion order: the timeline's paging order.
    constraint money_flow_history_pkey primary key (race_id, id, event_timestamp)
) partition by range (event_timestamp);
create index money_flow_history_entrant_id_event_timestamp_idx on raceday.money_flow_history (entrant_id, event_timestamp desc);
comment on table raceday.money_flow_history is 'Money flow: one row a runner a poll; amounts in integer cents';
comment on column raceday.money_flow_history.time_interval is 'Bucket in minutes to the start: 60, 55, ..., 5, 4, 3, 2, 1, 0, -1, -2, ...';
comment on column raceday.money_flow_history.incremental_win_amount is 'Cents gained since the bucket before';
comment on column raceday.money_flow_history.tote_win_amount is 'Cents of the win pool on the runner, exact, from tote odds';

create table raceday.odds_history (
    id bigint not null generated always as identity,
    entrant_id text not null,
    race_id text not null,
    odds numeric(10,2) not null,
    type text not null,
    event_timestamp timestamptz not null,
    polling_timestamp timestamptz not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint odds_history_pkey primary key (race_id, id, event_timestamp),
    constraint odds_history_type_check check (type in ('fixed_win', 'fixed_place', 'pool_win', 'pool_place'))
) partition by range (event_timestamp);
create index odds_history_entrant_id_event_timestamp_idx on raceday.odds_history (entrant_id, event_timestamp desc);
comment on table raceday.odds_history is 'Odds of a runner, one row where they changed';

-- Where a race's history stands: what the next poll's increments are counted from, so that no poll reads history back.
create table raceday.race_progress (
    race_id text not null,
    processed_through timestamptz not null,
    payload_hash bigint not null,
    generated_at timestamptz,
    event_timestamp timestamptz not null,
    first_event_timestamp timestamptz not null,
    last_event_timestamp timestamptz not null,
    first_fetched_at timestamptz not null,
    rows_created_at timestamptz not null,
    has_history boolean not null,
    entrant_ids text[] not null,
    win_intervals bigint[] not null,
    win_amounts bigint[] not null,
    win_bases bigint[] not null,
    place_intervals bigint[] not null,
    place_amounts bigint[] not null,
    place_bases bigint[] not null,
    fixed_win_odds bigint[] not null,
    fixed_place_odds bigint[] not null,
    pool_win_odds bigint[] not null,
    pool_place_odds bigint[] not null,
    constraint race_progress_pkey primary key (race_id),
    constraint race_progress_race_id_fkey foreign key (race_id) references raceday.races on delete cascade
) with (fillfactor = 50);
comment on table raceday.race_progress is 'How far a race is processed, and each runner''s amounts that increments are counted from (arrays in step with entrant_ids)';
comment on column raceday.race_progress.first_event_timestamp is 'Earliest event_timestamp of its history: with the last one, the partitions to read';
comment on column raceday.race_progress.rows_created_at is 'created_at of its newest history rows; the next poll''s is later';
comment on column raceday.race_progress.fixed_win_odds is 'Newest odds_history row of each kind, in hundredths';
comment on column raceday.race_progress.win_bases is 'Amount of the last row in another time_interval than the newest; null if there is none';

create table raceday.staged_payloads (
    payload_id bigint not null generated always as identity,
    kind text not null default 'event',
    race_id text not null,
    fetched_at timestamptz not null default raceday.now(),
    payload text compression lz4,
    payload_raw bytea compression lz4,
    staged_at timestamptz not null default clock_timestamp(),
    status text not null default 'pending',
    error text,
    report text,
    processed_at timestamptz,
    constraint staged_payloads_pkey primary key (race_id, fetched_at, payload_id),
    constraint staged_payloads_kind_check check (kind in ('event', 'meetings')),
    constraint staged_payloads_status_check check (status in ('pending', 'processed', 'unchanged', 'failed')),
    constraint staged_payloads_body_check check (num_nonnulls(payload, payload_raw) = 1)
) partition by range (fetched_at);
comment on table raceday.staged_payloads is 'Every answer of the TAB exactly as received; all derived tables can be rebuilt from it';
comment on column raceday.staged_payloads.race_id is 'The race; for a meetings list ''meetings:'' and its New Zealand date';
comment on column raceday.staged_payloads.payload_raw is 'The body when it is no text that PostgreSQL can hold (not UTF-8, or with NUL bytes)';
comment on column raceday.staged_payloads.status is 'pending, processed, unchanged (says what the payload before it said), failed (see error)';
comment on column raceday.staged_payloads.report is 'What processing noticed without failing, where values could not be used';

-- The queue: without it, finding a race's pending payloads would look into every partition of staged_payloads.
create table raceday.pending_payloads (
    race_id text not null,
    fetched_at timestamptz not null,
    payload_id bigint not null,
    constraint pending_payloads_pkey primary key (race_id, fetched_at, payload_id)
);
comment on table raceday.pending_payloads is 'Staged payloads that are not processed yet';

create function raceday.queue_staged_payload() returns trigger
    language plpgsql volatile parallel unsafe security definer
    set search_path = ''
as $$
begin
    -- Asked here and not in a WHEN clause: that would be parsed anew at every insert.
    if new.status = 'pending' then
        insert into raceday.pending_payloads (race_id, fetched_at, payload_id)
        values (new.race_id, new.fetched_at, new.payload_id);
    end if;
    return null;
end
$$;
comment on function raceday.queue_staged_payload() is 'Trigger: a payload staged by anyone in any way is queued for processing';
create trigger staged_payloads_queue after insert on raceday.staged_payloads
    for each row execute function raceday.queue_staged_payload();

create table raceday.user_alert_configs (
    indicator_id text not null default substr(md5(gen_random_uuid()::text), 1, 20),
    user_id text not null,
    indicator_type text not null default 'percentage_range',
    percentage_range_min numeric(5,2) not null,
    percentage_range_max numeric(5,2),
    color text not null,
    is_default boolean not null default false,
    enabled boolean not null default true,
    display_order int not null,
    audible_alerts_enabled boolean not null default true,
    last_updated timestamptz not null default clock_timestamp(),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    constraint user_alert_configs_pkey primary key (indicator_id),
    constraint user_alert_configs_user_id_display_order_key unique (user_id, display_order) deferrable initially immediate,
    constraint user_alert_configs_indicator_type_check check (indicator_type = 'percentage_range'),
    constraint user_alert_configs_min_check check (percentage_range_min between 0 and 100),
    constraint user_alert_configs_max_check check (percentage_range_max > percentage_range_min and percentage_range_max <= 100),
    constraint user_alert_configs_color_check check (color ~ '^#[0-9A-F]{6}$'),
    constraint user_alert_configs_display_order_check check (display_order between 1 and 6)
);
comment on table raceday.user_alert_configs is 'The six indicator colours a user sees money shares in';

create trigger meetings_touch_updated_at before update on raceday.meetings for each row execute function raceday.touch_updated_at();
create trigger races_touch_updated_at before update on raceday.races for each row execute function raceday.touch_updated_at();
create trigger entrants_touch_updated_at before update on raceday.entrants for each row execute function raceday.touch_updated_at();
create trigger race_results_touch_updated_at before update on raceday.race_results for each row execute function raceday.touch_updated_at();
create trigger user_alert_configs_touch_updated_at before update on raceday.user_alert_configs for each row execute function raceday.touch_updated_at();

do $$
declare
    v_table text;
begin
    foreach v_table in array array['meetings', 'races', 'entrants', 'race_pools', 'race_results', 'money_flow_history', 'odds_history',
                                   'race_progress', 'staged_payloads', 'pending_payloads', 'user_alert_configs'] loop
        execute format('alter table raceday.%I owner to raceday_owner', v_table);
    end loop;
end
$$;
alter function raceday.now() owner to raceday_owner;
alter function raceday.touch_updated_at() owner to raceday_owner;
alter function raceday.queue_staged_payload() owner to raceday_owner;

grant insert (kind, race_id, fetched_at, payload, payload_raw) on raceday.staged_payloads to raceday_fetcher;
