-- GET /health

create or replace function raceday.live_races_polled() returns boolean
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select not exists (
        select
        from raceday.races r
        join raceday.race_polls p on p.race_id = r.race_id
        cross join raceday.poll_settings settings
        cross join (select raceday.now() as now) t
        where r.phase in ('upcoming', 'in_progress')
          and r.start_time between t.now - settings.stop_after and t.now + interval '5 minutes'
          -- A race that was never polled counts from when it became known.
          and coalesce(
              (select progress.processed_through from raceday.race_progress progress where progress.race_id = r.race_id),
              p.first_due_at
          ) < t.now - interval '60 seconds'
    )
$$;
comment on function raceday.live_races_polled() is
    'Whether every live race (from 5 minutes before its start until it is finished) has had a payload in the last 60 seconds';

create or replace function api.client_health(p_query text default null)
    returns json
    language plpgsql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    return json_build_object(
        'status', 'healthy',
        'timestamp', raceday.utc_text(raceday.now()),
        'database', 'connected',
        'workers', case when raceday.live_races_polled() then 'operational' else 'degraded' end
    );
end
$$;
comment on function api.client_health(text) is 'GET /health: whether the database answers and live races are polled';
