-- The reference: what raceday_process does, in plain SQL over jsonb, as an experienced PostgreSQL developer would write it
-- without an extension.
--
-- It takes every shortcut: the payload is cast to jsonb once and never read back from its table; one round trip per race; one
-- statement for all runners; jsonb_to_recordset turns arrays into rows; current odds come from entrants instead of a search in
-- odds_history; no queue, no redo of late payloads, no report of bad values.

create schema reference;
comment on schema reference is 'The work of raceday_process in plain SQL, to compare it with';

create table reference.meetings (like raceday.meetings including all);
create table reference.races (like raceday.races including all);
create table reference.entrants (like raceday.entrants including all) with (fillfactor = 70);
create table reference.race_pools (like raceday.race_pools including all) with (fillfactor = 50);
create table reference.race_results (like raceday.race_results including all);
create table reference.money_flow_history (like raceday.money_flow_history including all) partition by range (event_timestamp);
create table reference.odds_history (like raceday.odds_history including all) partition by range (event_timestamp);
create table reference.staged_payloads (like raceday.staged_payloads including all) partition by range (fetched_at);

alter table reference.races add foreign key (meeting_id) references reference.meetings on delete cascade;
alter table reference.entrants add foreign key (race_id) references reference.races on delete cascade;
alter table reference.race_pools add foreign key (race_id) references reference.races on delete cascade;
alter table reference.race_results add foreign key (race_id) references reference.races on delete cascade;

create trigger meetings_touch_updated_at before update on reference.meetings for each row execute function raceday.touch_updated_at();
create trigger races_touch_updated_at before update on reference.races for each row execute function raceday.touch_updated_at();
create trigger entrants_touch_updated_at before update on reference.entrants for each row
    when (new.updated_at is not distinct from old.updated_at) execute function raceday.touch_updated_at();
create trigger race_results_touch_updated_at before update on reference.race_results for each row execute function raceday.touch_updated_at();

-- The same partitions as the engine's tables.
do $$
declare
    v record;
begin
    for v in
        select p.relname as parent, c.relname as child, pg_get_expr(c.relpartbound, c.oid) as bound
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        join pg_class p on p.oid = i.inhparent
        where p.relnamespace = 'raceday'::regnamespace and p.relkind = 'p'
    loop
        execute format('create table reference.%I partition of reference.%I %s', v.child, v.parent, v.bound);
    end loop;
end
$$;

create type reference.odds as (
    fixed_win numeric(10,2), fixed_place numeric(10,2), pool_win numeric(10,2), pool_place numeric(10,2)
);

create function reference.process(p_race_id text, p_fetched_at timestamptz, p_payload text) returns bigint
    language plpgsql volatile parallel unsafe
    -- Otherwise the history's INSERT is planned at every call: 5.0 ms of CPU per race instead of 3.7.
    set plan_cache_mode = 'force_generic_plan'
    set search_path = ''
as $$
declare
    v_payload constant jsonb := p_payload::jsonb;
    v_data constant jsonb := v_payload -> 'data';
    v_race constant jsonb := v_data -> 'race';
    v_tracker constant jsonb := nullif(v_data -> 'money_tracker' -> 'entrants', 'null');
    v_results constant jsonb := nullif(v_data -> 'results', 'null');
    -- Nanoseconds are truncated, not rounded: PostgreSQL has microseconds.
    v_generated constant timestamptz := substring(v_payload -> 'header' ->> 'generated_time' from '^.{19}(?:\.\d{1,6})?') || 'Z';
    v_event constant timestamptz := date_trunc('milliseconds', case
        when v_generated between p_fetched_at - interval '5 minutes' and p_fetched_at + interval '1 minute' then v_generated
        else p_fetched_at end);
    v_start constant timestamptz := to_timestamp((v_race ->> 'advertised_start')::bigint);
    v_seconds constant int := floor(extract(epoch from v_start - v_event));
    v_interval constant int := case
        when v_seconds >= 3600 then 60
        when v_seconds >= 300 then v_seconds / 300 * 5
        else floor(v_seconds / 60.0) end;
    v_interval_type constant text := case
        when v_seconds > 1800 then '5m' when v_seconds > 300 then '2m' when v_seconds > 0 then '30s' else 'live' end;
    v_status constant text := initcap(v_race ->> 'status');
    v_phase constant text := case v_status
        when 'Open' then 'upcoming' when 'Closed' then 'in_progress' when 'Interim' then 'in_progress'
        when 'Final' then 'finished' when 'Abandoned' then 'abandoned' else 'upcoming' end;
    v_protest constant boolean := coalesce((v_race ->> 'protest')::boolean, false)
        and coalesce(v_race ->> 'protest_reason', '') !~* 'dead.?heat';
    v_meeting_id constant text := v_race ->> 'meeting_id';
    v_phase_before text;
    v_pools record;
    -- Rows are written while the race is open; after that, when its pools have changed.
    v_has_rows boolean := v_status = 'Open';
    v_rows bigint;
begin
    perform pg_advisory_xact_lock(hashtextextended(p_race_id, 0));

    insert into reference.staged_payloads (kind, race_id, fetched_at, payload, status, processed_at)
    values ('event', p_race_id, p_fetched_at, p_payload, 'processed', clock_timestamp());

    insert into reference.meetings as m (meeting_id, meeting_name, country, state, race_type, date)
    values (v_meeting_id, v_race ->> 'meeting_name', v_race ->> 'country', v_race ->> 'state',
        case v_race ->> 'type' when 'T' then 'thoroughbred' else 'harness' end, (v_race ->> 'race_date_nz')::date)
    on conflict (meeting_id) do update
    set meeting_name = coalesce(excluded.meeting_name, m.meeting_name), country = coalesce(excluded.country, m.country),
        state = coalesce(excluded.state, m.state), race_type = excluded.race_type, date = least(excluded.date, m.date)
    where m.listed_at is null
      and (m.meeting_name, m.country, m.state, m.race_type, m.date) is distinct from
          (coalesce(excluded.meeting_name, m.meeting_name), coalesce(excluded.country, m.country),
           coalesce(excluded.state, m.state), excluded.race_type, least(excluded.date, m.date));

    select r.phase into v_phase_before from reference.races r where r.race_id = p_race_id;
    insert into reference.races as r (race_id, meeting_id, name, race_number, start_time, status, phase, actual_start, distance,
        track_condition, weather, type, protest, last_status_change, finalized_at, abandoned_at, polled_at, meeting_name,
        meeting_country, meeting_state, race_date_nz)
    values (p_race_id, v_meeting_id, v_race ->> 'description', (v_race ->> 'race_number')::int, v_start, v_status, v_phase,
        case when v_status <> 'Open' then to_timestamp(nullif((v_race ->> 'actual_start')::bigint, 0)) end, (v_race ->> 'distance')::int,
        nullif(v_race ->> 'track_condition', ''), nullif(v_race ->> 'weather', ''), v_race ->> 'type',
        v_protest, v_event, case v_phase when 'finished' then v_event end,
        case v_phase when 'abandoned' then v_event end, p_fetched_at, v_race ->> 'meeting_name', v_race ->> 'country',
        v_race ->> 'state', (v_race ->> 'race_date_nz')::date)
    on conflict (race_id) do update
    set meeting_id = coalesce(excluded.meeting_id, r.meeting_id), name = coalesce(excluded.name, r.name),
        race_number = coalesce(excluded.race_number, r.race_number), start_time = excluded.start_time, status = excluded.status,
        phase = excluded.phase, actual_start = coalesce(excluded.actual_start, r.actual_start),
        distance = coalesce(excluded.distance, r.distance),
        track_condition = coalesce(excluded.track_condition, r.track_condition), weather = coalesce(excluded.weather, r.weather),
        type = excluded.type, protest = excluded.protest, last_status_change =
            case when r.status is distinct from excluded.status then excluded.last_status_change else r.last_status_change end,
        finalized_at = coalesce(r.finalized_at, excluded.finalized_at), abandoned_at = coalesce(r.abandoned_at, excluded.abandoned_at),
        polled_at = coalesce(r.polled_at, excluded.polled_at), meeting_name = coalesce(excluded.meeting_name, r.meeting_name),
        meeting_country = coalesce(excluded.meeting_country, r.meeting_country),
        meeting_state = coalesce(excluded.meeting_state, r.meeting_state), race_date_nz = coalesce(excluded.race_date_nz, r.race_date_nz)
    where (r.meeting_id, r.name, r.race_number, r.start_time, r.status, r.phase, r.actual_start, r.distance, r.track_condition,
           r.weather, r.type, r.protest, r.meeting_name, r.meeting_country, r.meeting_state, r.race_date_nz) is distinct from
          (coalesce(excluded.meeting_id, r.meeting_id), coalesce(excluded.name, r.name),
           coalesce(excluded.race_number, r.race_number), excluded.start_time, excluded.status, excluded.phase,
           coalesce(excluded.actual_start, r.actual_start), coalesce(excluded.distance, r.distance),
           coalesce(excluded.track_condition, r.track_condition), coalesce(excluded.weather, r.weather), excluded.type,
           excluded.protest, coalesce(excluded.meeting_name, r.meeting_name), coalesce(excluded.meeting_country, r.meeting_country),
           coalesce(excluded.meeting_state, r.meeting_state), coalesce(excluded.race_date_nz, r.race_date_nz));
    if v_phase_before is distinct from v_phase then
        update reference.meetings m
        set status = s.status
        from (
            select case when bool_and(r.phase = 'abandoned') then 'cancelled'
                        when bool_and(r.phase in ('finished', 'abandoned')) then 'completed' else 'active' end as status
            from reference.races r where r.meeting_id = v_meeting_id
        ) s
        where m.meeting_id = v_meeting_id and m.status <> s.status;
    end if;

    -- In cents: bigint arithmetic is exact and fast.
    select max(p.cents) filter (where p.product = 'win') as win, max(p.cents) filter (where p.product = 'place') as place,
        max(p.cents) filter (where p.product = 'quinella') as quinella, max(p.cents) filter (where p.product = 'trifecta') as trifecta,
        max(p.cents) filter (where p.product = 'exacta') as exacta,
        max(p.cents) filter (where p.product in ('firstfour', 'first4')) as first4,
        coalesce(sum(p.cents) filter (where not p.is_multi_leg), 0) as total,
        coalesce(sum(p.cents) filter (where p.is_multi_leg), 0) as multi_leg,
        count(*)::int as extracted,
        (count(*) filter (where p.product not in ('win', 'place', 'quinella', 'trifecta', 'exacta', 'firstfour', 'first4')))::int as unknown
    into v_pools
    from (
        select lower(replace(t.product_type, ' ', '')) as product, round(t.total * 100)::bigint as cents,
            t.product_type ~* 'double|treble|quad|pick' as is_multi_leg
        from jsonb_to_recordset(nullif(v_data -> 'tote_pools', 'null')) as t (product_type text, total numeric)
    ) p;

    if not v_has_rows then
        select (p.win_pool_total, p.place_pool_total) is distinct from (v_pools.win / 100.0, v_pools.place / 100.0) into v_has_rows
        from reference.race_pools p where p.race_id = p_race_id;
        v_has_rows := coalesce(v_has_rows, true);
    end if;

    if v_pools.extracted > 0 then
        insert into reference.race_pools as p (race_id, win_pool_total, place_pool_total, quinella_pool_total, trifecta_pool_total,
            exacta_pool_total, first4_pool_total, total_race_pool, multi_leg_pool_total, data_quality_score, extracted_pools, last_updated)
        values (p_race_id, v_pools.win / 100.0, v_pools.place / 100.0, v_pools.quinella / 100.0, v_pools.trifecta / 100.0,
            v_pools.exacta / 100.0, v_pools.first4 / 100.0, v_pools.total / 100.0, v_pools.multi_leg / 100.0,
            greatest(0, 100 - 5 * v_pools.unknown
                - case when v_pools.win is null or v_pools.place is null then 30 else 0 end
                - coalesce((select case when sum(t.hold_percentage) not between 95 and 105 then 20 else 0 end
                            from jsonb_to_recordset(v_tracker) as t (hold_percentage numeric)), 0)),
            v_pools.extracted, v_event)
        on conflict (race_id) do update
        set win_pool_total = coalesce(excluded.win_pool_total, p.win_pool_total),
            place_pool_total = coalesce(excluded.place_pool_total, p.place_pool_total),
            quinella_pool_total = coalesce(excluded.quinella_pool_total, p.quinella_pool_total),
            trifecta_pool_total = coalesce(excluded.trifecta_pool_total, p.trifecta_pool_total),
            exacta_pool_total = coalesce(excluded.exacta_pool_total, p.exacta_pool_total),
            first4_pool_total = coalesce(excluded.first4_pool_total, p.first4_pool_total),
            total_race_pool = excluded.total_race_pool, multi_leg_pool_total = excluded.multi_leg_pool_total, data_quality_score = excluded.data_quality_score,
            extracted_pools = excluded.extracted_pools, last_updated = excluded.last_updated
        where (p.win_pool_total, p.place_pool_total, p.quinella_pool_total, p.trifecta_pool_total, p.exacta_pool_total,
               p.first4_pool_total, p.total_race_pool, p.multi_leg_pool_total, p.data_quality_score, p.extracted_pools) is distinct from
              (coalesce(excluded.win_pool_total, p.win_pool_total), coalesce(excluded.place_pool_total, p.place_pool_total),
               coalesce(excluded.quinella_pool_total, p.quinella_pool_total),
               coalesce(excluded.trifecta_pool_total, p.trifecta_pool_total),
               coalesce(excluded.exacta_pool_total, p.exacta_pool_total), coalesce(excluded.first4_pool_total, p.first4_pool_total),
               excluded.total_race_pool, excluded.multi_leg_pool_total, excluded.data_quality_score, excluded.extracted_pools);
    end if;

    -- One statement for all runners. All its parts see the tables as they were before.
    with runner as materialized (
        select r.entrant_id, r.name, r.runner_number, nullif((r.odds).fixed_win, 0) as fixed_win,
            nullif((r.odds).fixed_place, 0) as fixed_place, nullif((r.odds).pool_win, 0) as pool_win,
            nullif((r.odds).pool_place, 0) as pool_place, r.is_scratched, r.is_late_scratched,
            to_timestamp(nullif(r.scratch_time, 0)) as scratched_at, substring(r.barrier from '\d+')::int as barrier, r.jockey,
            r.trainer_name, r.silk_colours, r.silk_url_64x64, r.silk_url_128x128, r.runner_change #>> '{}' as runner_change,
            r.favourite, r.mover, coalesce(h.hold, 0) as hold, coalesce(h.bet, 0) as bet,
            (100 * coalesce(h.hold, 0))::bigint as hold_hundredths,
            case when not r.is_scratched then 1000000000000000000 / nullif((100 * (r.odds).pool_win)::bigint, 0) end as weight
        from jsonb_to_recordset(v_data -> 'runners') as r (
            entrant_id text, name text, runner_number int, odds reference.odds, is_scratched boolean, is_late_scratched boolean,
            scratch_time bigint, barrier text, jockey text, trainer_name text, silk_colours text, silk_url_64x64 text,
            silk_url_128x128 text, runner_change jsonb, favourite boolean, mover boolean)
        left join (
            select t.entrant_id, sum(t.hold_percentage) as hold, sum(t.bet_percentage) as bet
            from jsonb_to_recordset(v_tracker) as t (entrant_id text, hold_percentage numeric, bet_percentage numeric)
            group by t.entrant_id
        ) h on h.entrant_id = r.entrant_id
    ), upserted as (
        insert into reference.entrants as e (race_id, entrant_id, name, runner_number, win_odds, place_odds, pool_win_odds,
            pool_place_odds, hold_percentage, bet_percentage, is_scratched, is_late_scratched, scratched_at, barrier, jockey,
            trainer_name, silk_colours, silk_url_64, silk_url_128, runner_change, favourite, mover)
        select p_race_id, r.entrant_id, r.name, r.runner_number, r.fixed_win, r.fixed_place, r.pool_win, r.pool_place, r.hold, r.bet,
            r.is_scratched, r.is_late_scratched, r.scratched_at, r.barrier, r.jockey, r.trainer_name, r.silk_colours,
            r.silk_url_64x64, r.silk_url_128x128, r.runner_change, r.favourite, r.mover
        from runner r
        on conflict (race_id, entrant_id) do update
        set name = excluded.name, runner_number = excluded.runner_number, win_odds = excluded.win_odds,
            place_odds = excluded.place_odds, pool_win_odds = excluded.pool_win_odds, pool_place_odds = excluded.pool_place_odds,
            hold_percentage = excluded.hold_percentage, bet_percentage = excluded.bet_percentage,
            is_scratched = excluded.is_scratched, is_late_scratched = excluded.is_late_scratched,
            scratched_at = excluded.scratched_at, barrier = excluded.barrier, jockey = excluded.jockey,
            trainer_name = excluded.trainer_name, silk_colours = excluded.silk_colours, silk_url_64 = excluded.silk_url_64,
            silk_url_128 = excluded.silk_url_128, runner_change = excluded.runner_change, favourite = excluded.favourite,
            mover = excluded.mover, updated_at = clock_timestamp()
        where (e.name, e.runner_number, e.win_odds, e.place_odds, e.pool_win_odds, e.pool_place_odds, e.hold_percentage,
               e.bet_percentage, e.is_scratched, e.is_late_scratched, e.scratched_at, e.barrier, e.jockey, e.trainer_name,
               e.silk_colours, e.silk_url_64, e.silk_url_128, e.runner_change, e.favourite, e.mover) is distinct from
              (excluded.name, excluded.runner_number, excluded.win_odds, excluded.place_odds, excluded.pool_win_odds,
               excluded.pool_place_odds, excluded.hold_percentage, excluded.bet_percentage, excluded.is_scratched,
               excluded.is_late_scratched, excluded.scratched_at, excluded.barrier, excluded.jockey, excluded.trainer_name,
               excluded.silk_colours, excluded.silk_url_64, excluded.silk_url_128, excluded.runner_change, excluded.favourite,
               excluded.mover)
    ), odds as (
        insert into reference.odds_history (entrant_id, race_id, odds, type, event_timestamp, polling_timestamp)
        select r.entrant_id, p_race_id, o.odds, o.type, v_event, p_fetched_at
        from runner r
        left join reference.entrants e on e.race_id = p_race_id and e.entrant_id = r.entrant_id
        cross join lateral (values
            ('fixed_win', r.fixed_win, e.win_odds), ('fixed_place', r.fixed_place, e.place_odds),
            ('pool_win', r.pool_win, e.pool_win_odds), ('pool_place', r.pool_place, e.pool_place_odds)
        ) o (type, odds, last_odds)
        where o.odds is not null and o.odds is distinct from o.last_odds
    ), money as (
        -- Rounding half away from zero: (2 * numerator + denominator) / (2 * denominator), truncated.
        select r.*, (2 * v_pools.win * r.hold_hundredths + 10000) / 20000 as win, (2 * v_pools.place * r.hold_hundredths + 10000) / 20000 as place,
            case when bool_and(r.is_scratched or coalesce(r.weight, 0) > 0) over () then r.weight end as share,
            2 * sum(r.weight) over () as shares
        from runner r
    )
    insert into reference.money_flow_history (entrant_id, race_id, hold_percentage, bet_percentage, type, time_to_start,
        seconds_to_start, time_interval, interval_type, event_timestamp, polling_timestamp, win_pool_amount, place_pool_amount,
        win_pool_percentage, place_pool_percentage, incremental_amount, incremental_win_amount, incremental_place_amount,
        tote_win_percentage, tote_win_amount, fixed_win_odds, fixed_place_odds, pool_win_odds, pool_place_odds, pool_type,
        is_consolidated)
    select m.entrant_id, p_race_id, m.hold, m.bet, 'bucketed_aggregation', (v_seconds + case when v_seconds < 0 then -30 else 30 end) / 60,
        v_seconds, v_interval, v_interval_type, v_event, p_fetched_at, m.win, m.place,
        (20000 * m.win + v_pools.win) / nullif(2 * v_pools.win, 0) / 100.0,
        (20000 * m.place + v_pools.place) / nullif(2 * v_pools.place, 0) / 100.0,
        m.win - coalesce(b.win, case when v_interval >= 55 then 0 else m.win end),
        m.win - coalesce(b.win, case when v_interval >= 55 then 0 else m.win end),
        m.place - coalesce(b.place, case when v_interval >= 55 then 0 else m.place end),
        div(20000 * m.share::numeric + m.shares / 2, m.shares) / 100, div(2 * v_pools.win * m.share::numeric + m.shares / 2, m.shares)::bigint,
        m.fixed_win, m.fixed_place, m.pool_win, m.pool_place, 'combined', true
    from money m
    left join lateral (
        select h.win_pool_amount as win, h.place_pool_amount as place
        from reference.money_flow_history h
        where h.entrant_id = m.entrant_id and h.race_id = p_race_id
          -- Prunes to two partitions; a race has a money tracker for less than a day.
          and h.event_timestamp >= v_event - interval '1 day' and h.event_timestamp < v_event
          and h.time_interval <> v_interval
        order by h.event_timestamp desc
        limit 1
    ) b on true
    where jsonb_array_length(v_tracker) > 0 and v_has_rows;
    get diagnostics v_rows = row_count;

    if v_phase <> 'abandoned' and (jsonb_array_length(v_results) > 0 or v_status in ('Interim', 'Final')) then
        insert into reference.race_results as s (race_id, results_available, results_data, dividends_data, fixed_odds_data,
            result_status, protest_lodged, result_time)
        select p_race_id, jsonb_array_length(v_results) > 0, coalesce(v_results, '[]'), coalesce(nullif(v_data -> 'dividends', 'null'), '[]'),
            jsonb_object_agg(e.runner_number, jsonb_build_object('fixed_win', e.win_odds, 'fixed_place', e.place_odds,
                'fixed_win_odds', e.win_odds, 'fixed_place_odds', e.place_odds, 'runner_name', e.name, 'entrant_id', e.entrant_id)),
            case when v_status <> 'Final' and v_protest then 'protest' else lower(v_status) end, v_protest, v_event
        from reference.entrants e where e.race_id = p_race_id and e.runner_number is not null
        on conflict (race_id) do update
        set results_available = excluded.results_available, results_data = excluded.results_data,
            dividends_data = excluded.dividends_data, fixed_odds_data = excluded.fixed_odds_data,
            result_status = excluded.result_status, protest_lodged = excluded.protest_lodged
        where (s.results_available, s.results_data, s.dividends_data, s.fixed_odds_data, s.result_status, s.protest_lodged)
            is distinct from (excluded.results_available, excluded.results_data, excluded.dividends_data, excluded.fixed_odds_data,
            excluded.result_status, excluded.protest_lodged);
    elsif v_phase = 'abandoned' and v_phase_before is distinct from v_phase then
        update reference.race_results s
        set results_available = false, results_data = '[]', dividends_data = '[]', fixed_odds_data = '{}', result_status = null,
            protest_lodged = false
        where s.race_id = p_race_id;
    end if;
    return v_rows;
end
$$;
comment on function reference.process(text, timestamptz, text) is 'Stages and processes one payload; returns the money-flow rows written';

-- The floor: the payload's text, race and time of fetching, nothing else.
create table reference.floor (
    race_id text not null,
    fetched_at timestamptz not null,
    payload text compression lz4
);
comment on table reference.floor is 'The least possible cost of keeping a payload';
