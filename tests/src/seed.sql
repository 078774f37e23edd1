-- Race days to read: meetings, races, runners, and their history as raceday_process writes it. Loaded only by tests and benches.

create schema seed;

create function seed.meeting(p_id text, p_name text, p_type text, p_date date, p_country text default 'NZ') returns void
    language sql volatile parallel unsafe
    as $$
    insert into raceday.meetings (meeting_id, meeting_name, country, race_type, date, state)
    values (p_id, p_name, p_country, p_type, p_date, 'WKO')
$$;

create function seed.race(p_id text, p_meeting_id text, p_number int, p_start timestamptz, p_status text default 'Open') returns void
    language sql volatile parallel unsafe
    as $$
    insert into raceday.races (race_id, meeting_id, name, race_number, start_time, status, phase, distance, track_condition, weather, type)
    select p_id, p_meeting_id, format('Race %s of %s', p_number, m.meeting_name), p_number, p_start, p_status,
        case p_status when 'Open' then 'upcoming' when 'Final' then 'finished' when 'Abandoned' then 'abandoned' else 'in_progress' end,
        1400 + 100 * p_number, 'Good4', 'FINE', m.category
    from raceday.meetings m
    where m.meeting_id = p_meeting_id
$$;

create function seed.runners(p_race_id text, p_runners int) returns void
    language sql volatile parallel unsafe
    as $$
    insert into raceday.entrants (entrant_id, race_id, name, runner_number, win_odds, place_odds, pool_win_odds, pool_place_odds,
        hold_percentage, bet_percentage, is_scratched, barrier, jockey, trainer_name, silk_colours, silk_url_64, silk_url_128, favourite,
        opening_odds, nine_am_odds, highest_odds, lowest_odds)
    select md5(p_race_id || ' ' || n)::uuid::text, p_race_id, 'Runner ' || n, n, 1.5 + n, 1.1 + n / 4.0, 1.7 + n, 1.2 + n / 5.0,
        round(100.0 / p_runners, 2), round(90.0 / p_runners, 2), n = 3, p_runners + 1 - n, 'Jockey ' || n, 'Trainer ' || n,
        'Black, white stars', 'https://silks.example/64/' || n, case when n <> 2 then 'https://silks.example/128/' || n end, n = 1,
        2.5 + n, 2 + n, 2.8 + n, 1.4 + n
    from generate_series(1, p_runners) n
$$;

-- Polls p_from..p_to of a race, counted from 1 and p_every_s apart; the last of p_of is at the start. A runner's odds change every third
-- poll.
create function seed.polls(p_race_id text, p_from int, p_to int, p_of int, p_every_s int default 30) returns void
    language plpgsql volatile parallel unsafe
    as $$
declare
    v_start timestamptz := (select start_time from raceday.races where race_id = p_race_id);
begin
    insert into raceday.money_flow_history (entrant_id, race_id, hold_percentage, bet_percentage, type, time_to_start, seconds_to_start,
        time_interval, interval_type, event_timestamp, polling_timestamp, win_pool_amount, place_pool_amount, win_pool_percentage,
        place_pool_percentage, incremental_amount, incremental_win_amount, incremental_place_amount, fixed_win_odds, fixed_place_odds,
        pool_win_odds, pool_place_odds, pool_type, is_consolidated, created_at)
    select e.entrant_id, p_race_id, e.hold_percentage, e.bet_percentage, 'bucketed_aggregation', round(s.seconds / 60.0), s.seconds,
        case when s.seconds >= 3600 then 60 when s.seconds >= 300 then s.seconds / 300 * 5 when s.seconds >= 0 then s.seconds / 60
            else floor(s.seconds / 60.0) end,
        case when s.seconds > 1800 then '5m' when s.seconds > 300 then '2m' when s.seconds > 0 then '30s' else 'live' end,
        t.at, t.at + interval '120 milliseconds', 1000 * k * e.runner_number, 400 * k * e.runner_number, e.hold_percentage, e.hold_percentage,
        1000 * e.runner_number, 1000 * e.runner_number, 400 * e.runner_number, e.win_odds + k / 100.0, e.place_odds, e.pool_win_odds,
        e.pool_place_odds, 'combined', true, t.at + interval '345678 microseconds'
    from generate_series(p_from, p_to) k
    cross join lateral (select (p_of - k) * p_every_s as seconds) s
    cross join lateral (select date_trunc('milliseconds', v_start) - make_interval(secs => s.seconds) as at) t
    cross join lateral (select * from raceday.entrants where race_id = p_race_id) e
    order by k, e.runner_number;

    insert into raceday.odds_history (entrant_id, race_id, odds, type, event_timestamp, polling_timestamp, created_at)
    select e.entrant_id, p_race_id, o.odds, o.type, t.at, t.at, t.at + interval '345678 microseconds'
    from generate_series(p_from, p_to) k
    cross join lateral (
        select date_trunc('milliseconds', v_start) - make_interval(secs => (p_of - k) * p_every_s) as at) t
    cross join lateral (select * from raceday.entrants where race_id = p_race_id) e
    cross join lateral (values
        ('fixed_win', e.win_odds + k / 100.0), ('fixed_place', e.place_odds + k / 100.0),
        ('pool_win', e.pool_win_odds + k / 100.0), ('pool_place', e.pool_place_odds + k / 100.0)) o (type, odds)
    where (k + e.runner_number) % 3 = 0
    order by k, e.runner_number;

    -- The arrays that increments are counted from are not exposed, so they stay empty.
    insert into raceday.race_progress
    select (jsonb_populate_record(null::raceday.race_progress, empty.arrays || jsonb_build_object(
        'race_id', p_race_id, 'payload_hash', 0, 'has_history', true, 'processed_through', b.last, 'event_timestamp', b.last,
        'first_event_timestamp', b.first, 'last_event_timestamp', b.last, 'first_fetched_at', b.first, 'rows_created_at', b.last))).*
    from (
        select date_trunc('milliseconds', v_start) - make_interval(secs => (p_of - p_from) * p_every_s) as first,
            date_trunc('milliseconds', v_start) - make_interval(secs => (p_of - p_to) * p_every_s) as last
    ) b
    cross join (
        select jsonb_object_agg(attname, '[]'::jsonb) as arrays from pg_attribute
        where attrelid = 'raceday.race_progress'::regclass and attnum > 0 and attndims > 0
    ) empty
    on conflict (race_id) do update
    set processed_through = excluded.processed_through, event_timestamp = excluded.event_timestamp,
        last_event_timestamp = excluded.last_event_timestamp;
end
$$;

create function seed.pools(p_race_id text) returns void
    language sql volatile parallel unsafe
    as $$
    insert into raceday.race_pools (race_id, win_pool_total, place_pool_total, quinella_pool_total, trifecta_pool_total,
        total_race_pool, data_quality_score, extracted_pools, last_updated)
    values (p_race_id, 9151.38, 4000, 1234.56, 0.07, 14386.01, 95, 4, raceday.now())
$$;

create function seed.results(p_race_id text) returns void
    language sql volatile parallel unsafe
    as $$
    insert into raceday.race_results (race_id, results_available, results_data, dividends_data, fixed_odds_data, result_status, result_time)
    select p_race_id, true,
        jsonb_agg(jsonb_build_object('position', e.runner_number, 'runner_number', e.runner_number, 'name', e.name,
            'entrant_id', e.entrant_id, 'margin_length', 0.5) order by e.runner_number) filter (where e.runner_number <= 3),
        '[{"product_name": "Win", "dividend": 5.40, "status": "Dividend", "positions": [1]}]',
        jsonb_object_agg(e.runner_number, jsonb_build_object('fixed_win', e.win_odds, 'fixed_place', e.place_odds,
            'fixed_win_odds', e.win_odds, 'fixed_place_odds', e.place_odds, 'runner_name', e.name, 'entrant_id', e.entrant_id)),
        'final', raceday.now()
    from raceday.entrants e
    where e.race_id = p_race_id
$$;

-- Partitions of a table for the days before today, for queries to prune.
create function seed.past_days(p_table text, p_days int) returns void
    language plpgsql volatile parallel unsafe
    as $$
begin
    for v_day in 1..p_days loop
        execute format('create table if not exists raceday.%I partition of raceday.%I for values from (%L) to (%L)',
            p_table || '_p' || to_char(current_date - v_day, 'YYYYMMDD'), p_table, current_date - v_day, current_date - v_day + 1);
    end loop;
end
$$;
