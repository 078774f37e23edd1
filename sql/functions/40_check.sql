-- raceday_check(race_id) verifies that a race's history follows from its payloads and the rules. No row means it does.

create or replace function raceday.raceday_check(p_race_id text) returns table (violation text, detail text)
    language plpgsql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = 'force_custom_plan'
    -- Its tables exist from the second race of a transaction on, which is no news.
    set client_min_messages = warning
as $$
declare
    v_from timestamptz;
    v_to timestamptz;
    v_first_fetched timestamptz;
begin
    select g.first_event_timestamp, g.last_event_timestamp, g.first_fetched_at
    into v_from, v_to, v_first_fetched
    from raceday.race_progress g where g.race_id = p_race_id;

    create temporary table if not exists raceday_check_rows (like raceday.money_flow_history) on commit drop;
    truncate pg_temp.raceday_check_rows;
    -- Searches every partition, not only those from v_from to v_to, since it is looking for stray rows.
    insert into pg_temp.raceday_check_rows select * from raceday.money_flow_history h where h.race_id = p_race_id;

    return query
    with last_of_bucket as (
        select r.entrant_id, r.polling_timestamp, r.id, pool.name, pool.amount, pool.increment,
            r.time_interval is distinct from lead(r.time_interval) over w as is_last
        from pg_temp.raceday_check_rows r
        cross join lateral (values
            ('win', r.win_pool_amount, r.incremental_win_amount),
            ('place', r.place_pool_amount, r.incremental_place_amount)
        ) pool (name, amount, increment)
        where pool.amount is not null
        window w as (partition by pool.name, r.entrant_id order by r.polling_timestamp, r.id)
    ), numbered as (
        select b.*, row_number() over (partition by b.name, b.entrant_id order by b.polling_timestamp, b.id) as bucket
        from last_of_bucket b where b.is_last
    ), summed as (
        select n.name, n.entrant_id,
            sum(n.increment) filter (where n.bucket > 1) as increments,
            (array_agg(n.amount order by n.bucket desc))[1] - (array_agg(n.amount order by n.bucket))[1] as growth
        from numbered n group by n.name, n.entrant_id having count(*) > 1
    )
    select 'increments', format('%s pool of entrant %s: increments add up to %s cents, but the amount grew by %s cents',
        s.name, s.entrant_id, s.increments, s.growth)
    from summed s where s.increments <> s.growth;

    return query
    select 'duplicate', format('entrant %s has %s rows for the poll of %s', r.entrant_id, count(*), r.polling_timestamp)
    from pg_temp.raceday_check_rows r
    group by r.entrant_id, r.polling_timestamp, r.event_timestamp having count(*) > 1;

    return query
    select 'tote_shares', format('tote shares at the poll of %s add up to %s', r.polling_timestamp, sum(r.tote_win_percentage))
    from pg_temp.raceday_check_rows r
    where r.tote_win_percentage is not null
    group by r.polling_timestamp, r.event_timestamp
    -- Each share is rounded to 0.01, so the sum may miss 100 by half of that per runner.
    having abs(sum(r.tote_win_percentage) - 100) > greatest(0.1, 0.005 * count(*));

    return query
    select 'bounds', format('entrant %s has %s to %s, %s in the middle, of a win pool of %s cents at the poll of %s',
        r.entrant_id, r.win_low, r.win_high, r.win_mid, r.win_pool_cents, r.polling_timestamp)
    from pg_temp.raceday_check_rows r
    where num_nonnulls(r.win_low, r.win_mid, r.win_high) not in (0, 3)
       or not (0 <= r.win_low and r.win_low <= r.win_mid and r.win_mid <= r.win_high and r.win_high <= r.win_pool_cents);

    return query
    select 'bounds_sum', format('of a win pool of %s cents at the poll of %s, runners have %s to %s',
        max(r.win_pool_cents), r.polling_timestamp, sum(r.win_low), sum(r.win_high))
    from pg_temp.raceday_check_rows r
    where r.win_mid is not null
    group by r.polling_timestamp, r.event_timestamp
    -- Two polls of one moment cannot be told apart.
    having count(*) = count(distinct r.entrant_id)
       and not (sum(r.win_low) <= max(r.win_pool_cents) and max(r.win_pool_cents) <= sum(r.win_high));

    return query
    select 'evidence', format('entrant %s has evidence of %s at the poll of %s, %s s before the start',
        r.entrant_id, r.evidence, r.polling_timestamp, r.seconds_to_start)
    from pg_temp.raceday_check_rows r
    where r.evidence < 0 or r.evidence is not null and r.seconds_to_start > 300;

    return query
    select 'signal_levels', format('entrant %s has a signal of level %s at the poll of %s, but %s', s.entrant_id, s.level, s.polling_timestamp,
        case when s.rarity < s.level then format('is 1 in %s', s.rarity)
             when s.level = 200 and f.race_id is null then 'none of level 20 before it'
             else 'is no runner of the race' end)
    from raceday.signals s
    left join raceday.signals f
        on f.race_id = s.race_id and f.entrant_id = s.entrant_id and f.level = 20 and f.polling_timestamp <= s.polling_timestamp
    where s.race_id = p_race_id
      and (s.rarity < s.level or s.level = 200 and f.race_id is null
           or not exists (select from raceday.entrants e where e.race_id = s.race_id and e.entrant_id = s.entrant_id));

    return query
    select 'signal_evidence', format('entrant %s has a signal of level %s at the poll of %s with evidence of %s, but its row has %s',
        s.entrant_id, s.level, s.polling_timestamp, s.evidence, r.evidence)
    from raceday.signals s
    join pg_temp.raceday_check_rows r
        on r.entrant_id = s.entrant_id and r.polling_timestamp = s.polling_timestamp and r.event_timestamp = s.event_timestamp
    where s.race_id = p_race_id
    group by s.entrant_id, s.level, s.polling_timestamp, s.evidence, r.evidence
    having not bool_or(r.evidence = s.evidence);

    return query
    select 'stranger', format('entrant %s has history but is not an entrant of the race', r.entrant_id)
    from (select distinct entrant_id from pg_temp.raceday_check_rows) r
    where not exists (select from raceday.entrants e where e.entrant_id = r.entrant_id and e.race_id = p_race_id);

    return query
    select 'current_row', format(
        case when e.entrant_id is null then 'entrant %s has no row in entrants' else 'entrant %s has a row in entrants that comes from no poll of the race' end,
        entrant_id)
    from (select unnest(g.entrant_ids) as entrant_id from raceday.race_progress g where g.race_id = p_race_id) p
    full join (select n.entrant_id from raceday.entrants n where n.race_id = p_race_id) e using (entrant_id)
    where p.entrant_id is null or e.entrant_id is null;

    return query
    select 'columns', format('row %s of entrant %s at the poll of %s contradicts itself', r.id, r.entrant_id, r.polling_timestamp)
    from pg_temp.raceday_check_rows r
    where r.incremental_amount is distinct from r.incremental_win_amount
       or r.time_interval <> raceday.raceday_time_interval(r.seconds_to_start)
       or r.time_to_start <> round(r.seconds_to_start / 60.0)
       or r.interval_type <> case when r.seconds_to_start > 1800 then '5m' when r.seconds_to_start > 300 then '2m'
                                  when r.seconds_to_start > 0 then '30s' else 'live' end;

    return query
    select 'span', format('row %s of %s is outside the span recorded in race_progress, %s to %s', r.id, r.event_timestamp, v_from, v_to)
    from pg_temp.raceday_check_rows r
    where (r.event_timestamp between v_from and v_to) is not true;

    return query
    select 'partition', format('row %s of %s is in partition %s', h.id, h.event_timestamp, h.tableoid::pg_catalog.regclass)
    from raceday.money_flow_history h
    where h.race_id = p_race_id
      and h.tableoid::pg_catalog.regclass::text !~ (to_char(h.event_timestamp at time zone 'UTC', 'YYYYMMDD') || '$');

    return query
    select 'pending', format('payload %s fetched at %s is not processed yet', q.payload_id, q.fetched_at)
    from raceday.pending_payloads q where q.race_id = p_race_id;

    return query
    select 'unqueued', format('payload %s fetched at %s is pending but not queued, so no call will process it', s.payload_id, s.fetched_at)
    from raceday.staged_payloads s
    where s.race_id = p_race_id and s.status = 'pending'
      and not exists (
          select from raceday.pending_payloads q
          where q.race_id = s.race_id and q.fetched_at = s.fetched_at and q.payload_id = s.payload_id
      );

    -- The remaining checks compare with the payloads themselves, provided that all of them are still staged.
    if not exists (
        select from raceday.staged_payloads s
        where s.race_id = p_race_id and s.kind = 'event' and s.fetched_at <= v_first_fetched
    ) then
        return;
    end if;

    create temporary table if not exists raceday_check_replay on commit drop as
        select * from raceday.raceday_replay(p_race_id) limit 0;
    truncate pg_temp.raceday_check_replay;
    insert into pg_temp.raceday_check_replay select * from raceday.raceday_replay(p_race_id);

    return query
    select 'signals', format('signal of level %s of entrant %s at the poll of %s is in %s only',
        level, entrant_id, polling_timestamp, case when s.race_id is null then 'the payloads' else 'the table' end)
    from (select r.* from raceday.signals r where r.race_id = p_race_id) s
    full join raceday.raceday_replay_signals(p_race_id) p using (entrant_id, level, polling_timestamp, event_timestamp, evidence, rarity, money, excess)
    where s.race_id is null or p.reasons is null or s.reasons <> p.reasons::jsonb;

    return query
    select 'holds', format('holds at the poll of %s add up to %s', r.polling_timestamp, r.hold_sum)
    from (select distinct polling_timestamp, hold_sum from pg_temp.raceday_check_replay) r
    where r.hold_sum not between 95 and 105;

    return query
    select 'missing', format('entrant %s has no row at the poll of %s with the values of its payload', m.entrant_id, m.polling_timestamp)
    from (
        select p.entrant_id, p.polling_timestamp, p.event_timestamp, p.time_interval, p.hold_percentage, p.win_pool_amount,
            p.place_pool_amount, p.incremental_win_amount, p.incremental_place_amount, p.tote_win_amount, p.win_low, p.win_high,
            p.win_mid, p.flow_multiple, p.evidence
        from pg_temp.raceday_check_replay p
        except all
        select r.entrant_id, r.polling_timestamp, r.event_timestamp, r.time_interval, r.hold_percentage, r.win_pool_amount,
            r.place_pool_amount, r.incremental_win_amount, r.incremental_place_amount, r.tote_win_amount, r.win_low, r.win_high,
            r.win_mid, r.flow_multiple, r.evidence
        from pg_temp.raceday_check_rows r
    ) m;

    return query
    select 'surplus', format('entrant %s has a row at the poll of %s that differs from its payload', m.entrant_id, m.polling_timestamp)
    from (
        select r.entrant_id, r.polling_timestamp, r.event_timestamp, r.time_interval, r.hold_percentage, r.win_pool_amount,
            r.place_pool_amount, r.incremental_win_amount, r.incremental_place_amount, r.tote_win_amount, r.win_low, r.win_high,
            r.win_mid, r.flow_multiple, r.evidence
        from pg_temp.raceday_check_rows r
        except all
        select p.entrant_id, p.polling_timestamp, p.event_timestamp, p.time_interval, p.hold_percentage, p.win_pool_amount,
            p.place_pool_amount, p.incremental_win_amount, p.incremental_place_amount, p.tote_win_amount, p.win_low, p.win_high,
            p.win_mid, p.flow_multiple, p.evidence
        from pg_temp.raceday_check_replay p
    ) m;
end
$$;
comment on function raceday.raceday_check(text) is 'Violations of the rules for a race''s rows, none on good data; for DBAs, reads every partition';
