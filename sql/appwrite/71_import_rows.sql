-- Import from a backend that speaks Appwrite's protocol: the rows that documents become, and what may be imported. See 72_import.sql.

create or replace function raceday.import_row(p_collection text, p jsonb) returns jsonb
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select jsonb_strip_nulls(case p_collection
        when 'meetings' then jsonb_build_object('meeting_id', p -> 'meetingId', 'meeting_name', p -> 'meetingName',
            'country', p -> 'country', 'race_type', lower(split_part(p ->> 'raceType', ' ', 1)), 'date', p -> 'date',
            'weather', p -> 'weather', 'track_condition', p -> 'trackCondition')
        -- As if it had been polled: it is not due, and lists leave it as it is.
        when 'races' then jsonb_build_object('race_id', p -> 'raceId', 'meeting_id', p -> 'meeting', 'name', p -> 'name',
            'status', p -> 'status', 'phase', case p ->> 'status' when 'Final' then 'finished' else 'abandoned' end,
            'race_number', p -> 'raceNumber', 'distance', p -> 'distance', 'start_time', p -> 'startTime',
            'actual_start', p -> 'actualStart', 'track_condition', p -> 'trackCondition', 'weather', p -> 'weather',
            'type', p -> 'type', 'polled_at', p -> 'startTime')
        when 'entrants' then jsonb_build_object('race_id', p -> 'raceId', 'entrant_id', p -> 'entrantId', 'name', p -> 'name',
            'jockey', p -> 'jockey', 'trainer_name', p -> 'trainerName', 'silk_colours', p -> 'silkColours',
            'silk_url_64', p -> 'silkUrl64', 'silk_url_128', p -> 'silkUrl128', 'runner_number', p -> 'runnerNumber',
            'is_scratched', p -> 'isScratched', 'win_odds', p -> 'fixedWinOdds', 'pool_win_odds', p -> 'poolWinOdds',
            'place_odds', p -> 'fixedPlaceOdds', 'pool_place_odds', p -> 'poolPlaceOdds')
        when 'race-pools' then jsonb_build_object('race_id', p -> 'raceId', 'currency', p -> 'currency')
        when 'race-results' then jsonb_build_object('race_id', p -> 'raceId', 'results_available', p -> 'resultsAvailable',
            'photo_finish', p -> 'photoFinish', 'stewards_inquiry', p -> 'stewardsInquiry', 'protest_lodged', p -> 'protestLodged',
            'result_status', p -> 'resultStatus', 'result_time', coalesce(p -> 'resultTime', p -> '$createdAt'))
        when 'money-flow-history' then jsonb_build_object('race_id', p -> 'raceId', 'entrant_id', p -> 'entrantId', 'type', p -> 'type',
            'interval_type', p -> 'intervalType', 'time_interval', p -> 'timeInterval', 'time_to_start', p -> 'timeToStart',
            'hold_percentage', p -> 'holdPercentage', 'incremental_amount', p -> 'incrementalWinAmount',
            'incremental_win_amount', p -> 'incrementalWinAmount', 'incremental_place_amount', p -> 'incrementalPlaceAmount',
            'win_pool_amount', p -> 'winPoolAmount', 'place_pool_amount', p -> 'placePoolAmount',
            'win_pool_percentage', p -> 'winPoolPercentage', 'place_pool_percentage', p -> 'placePoolPercentage',
            'fixed_win_odds', p -> 'fixedWinOdds', 'fixed_place_odds', p -> 'fixedPlaceOdds', 'pool_win_odds', p -> 'poolWinOdds',
            'pool_place_odds', p -> 'poolPlaceOdds', 'event_timestamp', p -> 'eventTimestamp',
            'polling_timestamp', p -> 'pollingTimestamp', 'pool_type', 'combined', 'is_consolidated', true)
    end) || case
        when p_collection = 'race-pools' then '{}'::jsonb
        when p_collection = 'money-flow-history' then jsonb_build_object('created_at', p -> '$createdAt')
        else jsonb_build_object('created_at', p -> '$createdAt', 'updated_at', p -> '$updatedAt') end
$$;
comment on function raceday.import_row(text, jsonb) is 'The row of a document, by column: what needs no other table';

create or replace function raceday.import_more(p_collection text, p jsonb, p_document jsonb) returns jsonb
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select coalesce(case p_collection
        when 'races' then case when jsonb_typeof(p_document -> 'meeting') = 'object' then jsonb_build_object(
            'meeting_name', p_document #> '{meeting,meetingName}', 'meeting_country', p_document #> '{meeting,country}',
            'race_date_nz', left(p_document #>> '{meeting,date}', 10)) end
        when 'race-results' then jsonb_build_object('results_data', coalesce((p ->> 'resultsData')::jsonb, '[]'),
            'dividends_data', coalesce((p ->> 'dividendsData')::jsonb, '[]'),
            'fixed_odds_data', coalesce((p ->> 'fixedOddsData')::jsonb, '{}'))
        when 'race-pools' then (
            select jsonb_object_agg(c.name, round((p ->> c.attribute)::numeric / 100, 2)) || jsonb_build_object(
                'extracted_pools', count(*) filter (where c.name <> 'total_race_pool' and p ? c.attribute),
                -- As for a poll: without a win or a place pool, less is to be relied on.
                'data_quality_score', case when p ?& '{winPoolTotal,placePoolTotal}' then 100 else 70 end,
                'last_updated', p -> '$updatedAt')
            from (values ('win_pool_total', 'winPoolTotal'), ('place_pool_total', 'placePoolTotal'),
                ('quinella_pool_total', 'quinellaPoolTotal'), ('trifecta_pool_total', 'trifectaPoolTotal'),
                ('exacta_pool_total', 'exactaPoolTotal'), ('first4_pool_total', 'first4PoolTotal'),
                ('total_race_pool', 'totalRacePool')) c (name, attribute))
        when 'money-flow-history' then jsonb_build_object('seconds_to_start', coalesce((
            select floor(extract(epoch from r.start_time - (p ->> 'eventTimestamp')::timestamptz))
            from raceday.races r where r.race_id = p ->> 'raceId'), (p ->> 'timeToStart')::numeric * 60))
    end, '{}')
$$;
comment on function raceday.import_more(text, jsonb, jsonb) is 'The other columns of the row of a document';

-- A row is read as its table's even in a dry run, so that a value that does not fit is found.
create or replace function raceday.import_insert(p_table regclass, p_row jsonb, p_dry_run boolean) returns void
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_columns text := (select string_agg(quote_ident(k), ', ') from jsonb_object_keys(p_row) k);
    v_row text := format('select %s from jsonb_populate_record(null::%s, $1)', v_columns, p_table);
begin
    if p_dry_run then
        execute v_row using p_row;
    else
        execute format('insert into %s (%s) %s', p_table, v_columns, v_row) using p_row;
    end if;
end
$$;
comment on function raceday.import_insert(regclass, jsonb, boolean) is 'Inserts a row, by column; columns that it does not have get their defaults';

create or replace function raceday.import_partition(p_at timestamptz, p_dry_run boolean) returns void
    language plpgsql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
    set timezone = 'UTC'
as $$
declare
    v_day timestamptz := date_trunc('day', p_at);
    v_retention interval := (
        select c.retention::interval from partman.part_config c where c.parent_table = 'raceday.money_flow_history');
begin
    if p_at > raceday.now() then
        raise data_exception using message = 'its time is to come';
    elsif v_day + interval '24 hours' + v_retention < raceday.now() then
        raise data_exception using message = 'it is older than history is kept: raise the retention of raceday.money_flow_history first';
    elsif not p_dry_run then
        perform raceday.create_partition('raceday.money_flow_history', lower(g), upper(g))
        from unnest(tstzmultirange(tstzrange(v_day, v_day + interval '24 hours')) - (
            select coalesce(range_agg(tstzrange(q.from_at, q.to_at)), '{}') from raceday.monitor_partitions q
            where q.parent_table = 'raceday.money_flow_history')) g;
    end if;
end
$$;
comment on function raceday.import_partition(timestamptz, boolean) is
    'Creates the partition of money flow for a past day that is within retention, if there is none';
-- As for the functions of sql/functions/70_maintenance.sql: only a superuser may maintain pg_partman's partitions.
alter function raceday.import_partition(timestamptz, boolean) owner to current_user;

create or replace function raceday.import_progress(p_race_id text) returns void
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids text[] := array(select e.entrant_id from raceday.entrants e where e.race_id = p_race_id order by e.entrant_id collate "C");
    v_none bigint[] := array_fill(null::bigint, array[cardinality(v_ids)]);
begin
    insert into raceday.race_progress (race_id, processed_through, payload_hash, event_timestamp, first_event_timestamp,
        last_event_timestamp, first_fetched_at, rows_created_at, has_history, entrant_ids, win_intervals, win_amounts, win_bases,
        place_intervals, place_amounts, place_bases, fixed_win_odds, fixed_place_odds, pool_win_odds, pool_place_odds)
    select p_race_id, max(h.polling_timestamp), 0, max(h.event_timestamp), min(h.event_timestamp), max(h.event_timestamp),
        min(h.polling_timestamp), max(h.created_at), true, v_ids, v_none, v_none, v_none, v_none, v_none, v_none, v_none, v_none,
        v_none, v_none
    from raceday.money_flow_history h
    where h.race_id = p_race_id
    having count(*) > 0
    on conflict (race_id) do update
    set processed_through = excluded.processed_through, event_timestamp = excluded.event_timestamp,
        first_event_timestamp = excluded.first_event_timestamp, last_event_timestamp = excluded.last_event_timestamp,
        first_fetched_at = excluded.first_fetched_at, rows_created_at = excluded.rows_created_at;
end
$$;
comment on function raceday.import_progress(text) is
    'Notes where the history of an imported race begins and ends, which is where readers look for it';
