-- What the hub, raceday-live, reads. It calls these functions and may do nothing else: docs/live.md.

create or replace function raceday.live_version(p_rows_created_at timestamptz, p_payload_hash bigint, p_updated_at timestamptz) returns bigint
    language sql stable parallel safe
    return hashtextextended(concat_ws(' ', p_rows_created_at, p_payload_hash, p_updated_at), 0);
comment on function raceday.live_version(timestamptz, bigint, timestamptz) is
    'A number that changes whenever what a race shows changes; it stays the same while polls repeat each other';

create or replace function raceday.live_progress(p_race_ids text[])
    returns table (race_id text, version bigint)
    language sql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
    select c.race_id, raceday.live_version(g.rows_created_at, g.payload_hash, c.updated_at)
    from (
        select r.race_id, r.updated_at from raceday.races r
        where r.start_time between raceday.now() - interval '4 hours' and raceday.now() + interval '4 hours'
        union
        select r.race_id, r.updated_at from raceday.races r where r.race_id = any (p_race_ids)
    ) c
    left join raceday.race_progress g on g.race_id = c.race_id
$$;
comment on function raceday.live_progress(text[]) is
    'The versions of the races that start or started within four hours, and of the given races: the hub asks once per second';

create or replace function raceday.live_newest(p_race_id text, p_first timestamptz, p_last timestamptz)
    returns table (documents text, cursor_id bigint)
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
    -- With the bounds of the race's history as values, the other partitions are not even locked.
    set plan_cache_mode = 'force_custom_plan'
as $$
begin
    return query
    select '[' || coalesce(string_agg(substr(page.documents, 2, length(page.documents) - 2), ',' order by newest.id), '') || ']',
        coalesce(max(newest.id), 0)
    from raceday.entrants e
    cross join lateral (
        select h.id from raceday.money_flow_history h
        where h.entrant_id = e.entrant_id and h.race_id = p_race_id and h.event_timestamp between p_first and p_last
            and h.type = 'bucketed_aggregation' and h.time_interval > -65 and h.time_interval < 66
        order by h.event_timestamp desc, h.id desc limit 1
    ) newest
    cross join lateral raceday.raceday_timeline_page(
        p_race_id, array[e.entrant_id], p_first, p_last, newest.id - 1, '-infinity', 1) page
    where e.race_id = p_race_id;
end
$$;
comment on function raceday.live_newest(text, timestamptz, timestamptz) is
    'The newest document of each runner of a race, as the timeline has it, and the cursor of the newest of all';

create or replace function raceday.live_rows(p_race_id text, p_after bigint, p_first timestamptz, p_last timestamptz)
    returns table (documents text, cursor_id bigint, has_more boolean)
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select page.documents, page.next_cursor, cardinality(page.covered_ids) >= 2000
    from raceday.raceday_timeline_page(
        p_race_id, array(select e.entrant_id from raceday.entrants e where e.race_id = p_race_id), p_first, p_last, p_after, '-infinity',
        2000) page
$$;
comment on function raceday.live_rows(text, bigint, timestamptz, timestamptz) is
    'The documents of all runners of a race after a cursor, up to 2000, as the timeline has them; no row if there are none';

create or replace function raceday.live_delta(p_race_id text, p_after bigint default null, p_signals_after timestamptz default null)
    returns table (
        version bigint, is_stale boolean, cursor_id bigint, has_more boolean, race text, pools text, documents text, signals text[],
        signals_through timestamptz, result text, status text, start_time text, committed_at timestamptz, committed_ago double precision)
    language plpgsql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
    set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_race raceday.races;
    v_progress record;
    -- created_at of the row that the cursor names.
    v_after_at timestamptz;
    v_signals_after timestamptz;
begin
    select r.* into v_race from raceday.races r where r.race_id = p_race_id;
    if not found then
        return;
    end if;
    select p.first_event_timestamp as first, p.last_event_timestamp as last, p.rows_created_at, p.payload_hash into v_progress
    from raceday.race_progress p where p.race_id = p_race_id;
    if p_after > 0 then
        select h.created_at into v_after_at from raceday.money_flow_history h
        where h.race_id = p_race_id and h.id = p_after and h.event_timestamp between v_progress.first and v_progress.last;
        is_stale := v_after_at is null
            or exists (select from raceday.history_deletions d where d.race_id = p_race_id and d.deleted_at > v_after_at);
    end if;
    is_stale := coalesce(is_stale, false);
    if p_after is null or is_stale then
        select n.documents, n.cursor_id, false into documents, cursor_id, has_more
        from raceday.live_newest(p_race_id, v_progress.first, v_progress.last) n;
    else
        select l.documents, l.cursor_id, l.has_more into documents, cursor_id, has_more
        from raceday.live_rows(p_race_id, p_after, v_progress.first, v_progress.last) l;
    end if;
    v_signals_after := coalesce(p_signals_after, case when not is_stale then v_after_at end, '-infinity');
    select array_agg(raceday.signal_body(s)::text order by s.created_at, s.entrant_id, s.level), max(s.created_at)
    into signals, signals_through
    from raceday.signals s where s.race_id = p_race_id and s.created_at > v_signals_after;

    version := raceday.live_version(v_progress.rows_created_at, v_progress.payload_hash, v_race.updated_at);
    cursor_id := coalesce(cursor_id, p_after, 0);
    has_more := coalesce(has_more, false);
    documents := coalesce(documents, '[]');
    signals := coalesce(signals, '{}');
    signals_through := nullif(coalesce(signals_through, v_signals_after), '-infinity');
    race := raceday.race_body(v_race);
    pools := (select raceday.pools_body(p) from raceday.race_pools p where p.race_id = p_race_id);
    result := (select raceday.results_body(r) from raceday.race_results r where r.race_id = p_race_id and r.results_available);
    status := v_race.status;
    start_time := raceday.utc_text(v_race.start_time);
    committed_at := greatest(v_progress.rows_created_at, v_race.updated_at);
    committed_ago := extract(epoch from clock_timestamp() - committed_at);
    return next;
end
$$;
comment on function raceday.live_delta(text, bigint, timestamptz) is
    'A race as it is now, with its money flow after a cursor and its signals after a time; without a cursor, or if rows before it were replaced (is_stale), the newest row of each runner. No row if there is no such race';

create or replace function raceday.live_overview()
    returns table (movers text, next text)
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    movers := api.client_movers('');
    next := api.client_upcoming_races('lookbackMinutes=0&limit=10') -> 'races';
    return next;
end
$$;
comment on function raceday.live_overview() is 'Who is being backed over all races, and the next races to start, as the client API returns them';
