-- GET /health

create or replace function raceday.live_races_polled() returns boolean
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select not exists (
        select
        from raceday.races r
        join raceday.due_races d on d.race_id = r.race_id
        join raceday.race_polls p on p.race_id = r.race_id
        left join raceday.race_progress progress on progress.race_id = r.race_id
        -- For the index: health checks are frequent, and most of the day's races are far from their start.
        where r.phase in ('upcoming', 'in_progress') and r.start_time <= raceday.now() + raceday.live_lead()
          -- However long after its start, a race that is not finished counts: clients are waiting for its result.
          and (d.is_live or d.seconds_to_start < 0)
          -- Of a missing race no payload can be expected.
          and not d.is_missing
          -- A race that was never polled counts from when it became known, and one that was no longer listed from when it was listed again.
          and greatest(progress.processed_through, p.first_due_at) < raceday.now() - interval '60 seconds'
    )
$$;
comment on function raceday.live_races_polled() is
    'Whether every race that is live, or started and not finished, has had a payload in the last 60 seconds, except missing ones';

create or replace function api.client_health(p_query text default null)
    returns json
    language plpgsql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_reason text;
begin
    -- Of a fetcher that still runs. Its reports are by the real clock.
    select r.reason into v_reason
    from raceday.source_refusals r
    where r.reported_at > clock_timestamp() - interval '30 seconds'
    order by r.reported_at desc
    limit 1;
    if v_reason is null and not raceday.live_races_polled() then
        v_reason := 'a live race has had no payload for 60 seconds';
    end if;
    return json_strip_nulls(json_build_object(
        'status', 'healthy',
        'timestamp', raceday.utc_text(raceday.now()),
        'database', 'connected',
        'workers', case when v_reason is null then 'operational' else 'degraded' end,
        'reason', v_reason,
        -- Of a standby only.
        'standby_lag_seconds', round(raceday.standby_lag_s()::numeric, 1)
    ));
end
$$;
comment on function api.client_health(text) is 'GET /health: whether the database responds and live races are polled, and if not, why';
