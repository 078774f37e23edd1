-- Compares ways to write a poll's rows, in microseconds per poll of 14 runners, in a loop within the server.
--   psql -f choices.sql    in a scratch database migrated by `raceday-fetcher migrate`

set search_path = raceday, public;
set plan_cache_mode = force_generic_plan;

insert into meetings (meeting_id, race_type, date) values ('m', 'thoroughbred', '2026-01-01') on conflict do nothing;
insert into races (race_id, meeting_id, start_time, status, phase, type) values ('r', 'm', now(), 'Open', 'upcoming', 'T') on conflict do nothing;
insert into entrants (entrant_id, race_id) select 'aaaaaaaa-aaaa-aaaa-aaaa-' || lpad(g::text, 12, '0'), 'r' from generate_series(1, 14) g on conflict do nothing;

create type pg_temp.flow as (
    entrant_id text, hold numeric, bet numeric, win bigint, place bigint, win_share numeric, place_share numeric, win_gain bigint, place_gain bigint,
    tote_share numeric, tote_amount bigint, fixed_win numeric, fixed_place numeric, pool_win numeric, pool_place numeric
);

create procedure pg_temp.measure(p_way text, p_polls int) language plpgsql as $$
declare
    v_ids text[] := (select array_agg(entrant_id order by entrant_id) from entrants where race_id = 'r');
    v_numerics numeric[] := (select array_agg((g * 1.13)::numeric(10,2)) from generate_series(1, 14) g);
    v_cents bigint[] := (select array_agg(g * 1000) from generate_series(1, 14) g);
    v_rows pg_temp.flow[] := (select array_agg(row(i, n, n, c, c, n, n, c, c, n, c, n, n, n, n)::pg_temp.flow) from unnest(v_ids, v_numerics, v_cents) u (i, n, c));
    v_at timestamptz := now();
    v_began timestamptz := clock_timestamp();
begin
    for k in 1..p_polls loop
        case p_way
        when 'money flow: one array per column' then
            insert into money_flow_history (race_id, type, pool_type, is_consolidated, event_timestamp, polling_timestamp, seconds_to_start, time_to_start,
                time_interval, interval_type, entrant_id, hold_percentage, bet_percentage, win_pool_amount, place_pool_amount, win_pool_percentage,
                place_pool_percentage, incremental_amount, incremental_win_amount, incremental_place_amount, tote_win_percentage, tote_win_amount,
                fixed_win_odds, fixed_place_odds, pool_win_odds, pool_place_odds)
            select 'r', 'bucketed_aggregation', 'combined', true, v_at, v_at, 1, 1, 1, '1m', u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h, u.h, u.i, u.j, u.k, u.l, u.m, u.n, u.o
            from unnest(v_ids, v_numerics, v_numerics, v_cents, v_cents, v_numerics, v_numerics, v_cents, v_cents, v_numerics, v_cents, v_numerics, v_numerics,
                v_numerics, v_numerics) u (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
        when 'money flow: one array of rows' then
            insert into money_flow_history (race_id, type, pool_type, is_consolidated, event_timestamp, polling_timestamp, seconds_to_start, time_to_start,
                time_interval, interval_type, entrant_id, hold_percentage, bet_percentage, win_pool_amount, place_pool_amount, win_pool_percentage,
                place_pool_percentage, incremental_amount, incremental_win_amount, incremental_place_amount, tote_win_percentage, tote_win_amount,
                fixed_win_odds, fixed_place_odds, pool_win_odds, pool_place_odds)
            select 'r', 'bucketed_aggregation', 'combined', true, v_at, v_at, 1, 1, 1, '1m', u.entrant_id, u.hold, u.bet, u.win, u.place, u.win_share, u.place_share,
                u.win_gain, u.win_gain, u.place_gain, u.tote_share, u.tote_amount, u.fixed_win, u.fixed_place, u.pool_win, u.pool_place
            from unnest(v_rows) u;
        when 'odds, entrants, pools: three statements' then
            insert into odds_history (race_id, event_timestamp, polling_timestamp, entrant_id, type, odds)
            select 'r', v_at, v_at, u.i, 'fixed_win', u.n from unnest(v_ids, v_numerics) u (i, n);
            update entrants e set win_odds = u.n + k % 7 from unnest(v_ids, v_numerics) u (i, n) where e.entrant_id = u.i;
            insert into race_pools (race_id, win_pool_total, data_quality_score, extracted_pools, last_updated) values ('r', k, 1, 1, v_at)
            on conflict (race_id) do update set win_pool_total = excluded.win_pool_total;
        when 'odds, entrants, pools: one, with CTEs' then
            with odds as (
                insert into odds_history (race_id, event_timestamp, polling_timestamp, entrant_id, type, odds)
                select 'r', v_at, v_at, u.i, 'fixed_win', u.n from unnest(v_ids, v_numerics) u (i, n)
            ), runners as (
                update entrants e set win_odds = u.n + k % 7 from unnest(v_ids, v_numerics) u (i, n) where e.entrant_id = u.i
            )
            insert into race_pools (race_id, win_pool_total, data_quality_score, extracted_pools, last_updated) values ('r', k, 1, 1, v_at)
            on conflict (race_id) do update set win_pool_total = excluded.win_pool_total;
        when 'entrants: upsert' then
            insert into entrants (entrant_id, race_id, win_odds) select u.i, 'r', u.n + k % 7 from unnest(v_ids, v_numerics) u (i, n)
            on conflict (race_id, entrant_id) do update set win_odds = excluded.win_odds;
        when 'entrants: update by key' then
            update entrants e set win_odds = u.n + k % 7 from unnest(v_ids, v_numerics) u (i, n) where e.entrant_id = u.i;
        end case;
        -- Each poll is a transaction in production, but here fsync would hide the differences.
        if k % 50 = 0 then
            commit;
        end if;
    end loop;
    raise notice '% %', rpad(p_way, 40), round((extract(epoch from clock_timestamp() - v_began) * 1e6 / p_polls)::numeric);
end
$$;

-- Three times each, in turn, so that other load on the machine affects all alike.
do $$
declare
    v_way text;
begin
    for i in 1..3 loop
        foreach v_way in array array[
            'money flow: one array per column', 'money flow: one array of rows', 'odds, entrants, pools: three statements', 'odds, entrants, pools: one, with CTEs',
            'entrants: upsert', 'entrants: update by key'
        ] loop
            call pg_temp.measure(v_way, 2000);
        end loop;
    end loop;
end
$$;
