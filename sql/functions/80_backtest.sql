-- raceday_backtest(from, to, level): what bets on every signal would have returned. See docs/movers.md.

create or replace function raceday.win_pool_band(p_cents numeric) returns text
    language sql immutable parallel safe
    return case when p_cents < 750000 then 'small' when p_cents < 3000000 then 'medium' else 'large' end;
comment on function raceday.win_pool_band(numeric) is 'The band of a win pool in cents: less than $7,500, less than $30,000, or more';

create or replace function raceday.final_payout(p_results raceday.race_results, p_product text, p_runner_number int) returns numeric
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select max((d.dividend ->> 'dividend')::numeric)
    from jsonb_array_elements(p_results.dividends_data) d (dividend)
    where d.dividend ->> 'product_name' ~* ('^(pool )?' || p_product || '$')
      and d.dividend -> 'positions' @> jsonb_build_array(jsonb_build_object('runner_number', p_runner_number))
$$;
comment on function raceday.final_payout(raceday.race_results, text, int) is
    'What the tote paid per dollar on a runner, in Win or Place; null if nothing';

-- One row per runner that reached the level, at the first poll at which it did. Below are
--   watched     polls of the watch, with the band of the pool at the time
--   best        each race's statistic, the largest evidence of any runner, with the band at the close
--   kinds       for each month, what 1 race in p_level of the other months reaches, by kind and the wider kinds to borrow from
--   thresholds  what a race of the month is judged by
create or replace function raceday.backtest_signals(p_from timestamptz, p_to timestamptz, p_level int)
    returns table (
        month date, race_id text, entrant_id text, event_timestamp timestamptz, evidence numeric, provisional boolean,
        fixed_win_odds numeric)
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
    -- With the bounds as values, partitions outside them are not read.
    set plan_cache_mode = 'force_custom_plan'
as $$
begin
    return query
    with watched as materialized (
        select r.month, r.country, r.type, h.race_id, h.entrant_id, h.event_timestamp, h.polling_timestamp, h.id, h.evidence,
            h.fixed_win_odds, raceday.win_pool_band(h.win_pool_cents) as band
        from (
            select r.race_id, r.type, coalesce(r.meeting_country, m.country, '') as country,
                date_trunc('month', r.start_time at time zone 'Pacific/Auckland')::date as month
            from raceday.races r
            left join raceday.meetings m on m.meeting_id = r.meeting_id
            where r.start_time >= p_from and r.start_time < p_to and r.status = 'Final'
        ) r
        join raceday.money_flow_history h on h.race_id = r.race_id
        -- A race may be polled some hours before and after its advertised start.
        where h.event_timestamp >= p_from - interval '1 day' and h.event_timestamp < p_to + interval '1 day'
          and h.evidence is not null and h.win_pool_cents is not null
    ), best as materialized (
        select w.month, w.country, w.type, max(w.evidence) as evidence,
            (array_agg(w.band order by w.polling_timestamp desc, w.id desc))[1] as band
        from watched w
        group by w.race_id, w.month, w.country, w.type
    ), kinds as materialized (
        select held.month, b.country, b.type, b.band, grouping(b.country, b.type) as breadth,
            (array_agg(b.evidence order by b.evidence desc))[(count(*) + 1) / p_level] as threshold
        from (select distinct best.month from best) held
        join best b on b.month <> held.month
        group by grouping sets ((held.month, b.country, b.type, b.band), (held.month, b.type, b.band), (held.month, b.band))
        having count(*) >= greatest(199, p_level - 1)
    ), thresholds as materialized (
        select g.month, g.country, g.type, g.band, k.threshold is null as provisional,
            coalesce(k.threshold, case p_level when 20 then 4.0 when 200 then 5.5 end) as threshold
        from (select distinct w.month, w.country, w.type, w.band from watched w) g
        left join lateral (
            select c.threshold from kinds c
            where c.month = g.month and c.band = g.band
              and (c.breadth = 0 and c.country = g.country and c.type = g.type or c.breadth = 2 and c.type = g.type or c.breadth = 3)
            order by c.breadth limit 1
        ) k on true
    )
    select distinct on (w.race_id, w.entrant_id)
        w.month, w.race_id, w.entrant_id, w.event_timestamp, w.evidence, t.provisional, w.fixed_win_odds
    from watched w
    join thresholds t on t.month = w.month and t.country = w.country and t.type = w.type and t.band = w.band
    where w.evidence >= t.threshold and w.evidence > 0
    order by w.race_id, w.entrant_id, w.polling_timestamp, w.id;
end
$$;
comment on function raceday.backtest_signals(timestamptz, timestamptz, int) is
    'The signals of final races, judged by the evidence that races of the other months reached';

create or replace function raceday.raceday_backtest(p_from timestamptz, p_to timestamptz, p_level int default 20)
    returns table (
        month date, races bigint, signals bigint, provisional bigint, won bigint, placed bigint, tote_per_dollar numeric,
        fixed_per_dollar numeric)
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
begin
    if p_level is null or p_level not in (20, 50, 100, 200, 500, 1000) then
        raise exception 'no evidence is known for 1 race in %', p_level
            using errcode = 'invalid_parameter_value', hint = 'Use 20, 50, 100, 200, 500 or 1000.';
    elsif p_from is null or p_to is null or p_from >= p_to then
        raise exception 'nothing lies between % and %', p_from, p_to
            using errcode = 'invalid_parameter_value', hint = 'Give two times, the earlier one first.';
    end if;
    return query
    with bet as (
        select s.month, s.provisional, finish.is_first,
            finish.is_first or raceday.final_payout(q, 'place', e.runner_number) is not null as is_placed,
            coalesce(raceday.final_payout(q, 'win', e.runner_number), 0) as tote_return,
            -- Fixed odds are divided among the winners of a dead heat; a bet is off if there were none.
            case when finish.is_first then s.fixed_win_odds / finish.winners when s.fixed_win_odds is not null then 0 end as fixed_return
        from raceday.backtest_signals(p_from, p_to, p_level) s
        join raceday.race_results q on q.race_id = s.race_id and q.results_available
        -- Bets on a runner that was scratched later are refunded.
        join raceday.entrants e on e.race_id = s.race_id and e.entrant_id = s.entrant_id and not e.is_scratched
        cross join lateral (
            select coalesce(bool_or(p.runner ->> 'entrant_id' = s.entrant_id) filter (where p.runner ->> 'position' = '1'), false) as is_first,
                greatest(count(*) filter (where p.runner ->> 'position' = '1'), 1) as winners
            from jsonb_array_elements(q.results_data) p (runner)
        ) finish
    ), run as (
        select date_trunc('month', r.start_time at time zone 'Pacific/Auckland')::date as month, count(*) as races
        from raceday.races r
        where r.start_time >= p_from and r.start_time < p_to and r.status = 'Final'
        group by 1
    )
    select run.month, (sum(run.races))::bigint, coalesce(sum(b.signals), 0)::bigint, coalesce(sum(b.provisional), 0)::bigint,
        coalesce(sum(b.won), 0)::bigint, coalesce(sum(b.placed), 0)::bigint,
        round(sum(b.tote_return) / nullif(sum(b.signals), 0), 3), round(sum(b.fixed_return) / nullif(sum(b.fixed_bets), 0), 3)
    from run
    left join (
        select bet.month, count(*) as signals, count(*) filter (where bet.provisional) as provisional,
            count(*) filter (where bet.is_first) as won, count(*) filter (where bet.is_placed) as placed,
            sum(bet.tote_return) as tote_return, sum(bet.fixed_return) as fixed_return, count(bet.fixed_return) as fixed_bets
        from bet group by bet.month
    ) b on b.month = run.month
    group by rollup (run.month)
    order by run.month nulls last;
end
$$;
comment on function raceday.raceday_backtest(timestamptz, timestamptz, int) is
    'For analysts: per month, and in total, the signals of final races, how many won or placed, and what a dollar on each returned at the final Win dividend and at the fixed odds of the moment. A month is judged by the evidence of the other months';
