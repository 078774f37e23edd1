-- What monitoring requests: a race's large responses have no fixed address.

create or replace function api.probe_targets()
    returns json
    language plpgsql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_race_id text;
    v_entrant_ids text;
begin
    -- The race that clients look at: the next one, or the last if there is no next.
    select coalesce(
        (select r.race_id from raceday.races r where r.start_time >= raceday.now() and r.polled_at is not null
         order by r.start_time, r.race_id limit 1),
        (select r.race_id from raceday.races r where r.start_time < raceday.now() and r.polled_at is not null
         order by r.start_time desc, r.race_id desc limit 1)
    ) into v_race_id;
    select string_agg(e.entrant_id, ',' order by e.runner_number, e.entrant_id) into v_entrant_ids
    from raceday.entrants e where e.race_id = v_race_id;
    -- An address needs no encoding: identifiers are the TAB's UUIDs.
    if v_race_id || ',' || v_entrant_ids ~ '^[0-9A-Za-z_,-]+$' then
        return json_build_array(
            json_build_object('labels', json_build_object('endpoint', '/api/entrants'),
                'targets', json_build_array('/api/entrants?raceId=' || v_race_id)),
            json_build_object('labels', json_build_object('endpoint', '/api/money-flow-timeline'),
                'targets', json_build_array(format('/api/money-flow-timeline?raceId=%s&entrants=%s', v_race_id, v_entrant_ids))));
    end if;
    return json_build_array();
end
$$;
comment on function api.probe_targets() is
    'Entrants and timeline of the race that is next, as targets of Prometheus'' HTTP service discovery; empty if no race is known';
