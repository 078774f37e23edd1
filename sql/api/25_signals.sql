-- Who is being backed, over all races: GET /api/signals, /api/movers, and the views. See docs/signals.md.

create or replace view api.signals as
select s.race_id, s.entrant_id, s.level, s.event_timestamp, s.polling_timestamp, s.seconds_to_start, s.evidence, s.rarity,
    s.provisional, s.calibration_version, s.money, s.excess, s.multiple, s.share_before, s.share_after, s.reasons, s.created_at
from raceday.signals s;
comment on view api.signals is
    'Unusual late money: one row per race, runner and level (1 race in 20, 1 in 200), money in cents; embeds races. Filter by race_id or created_at';

create or replace view api.movers as select * from raceday.movers();
comment on view api.movers is
    'Runners of races not yet finished that are being backed, with the state of their evidence now; order by evidence. Money in cents';

-- Without it, a write would fail as impossible, which REST reports as an error of the server, and not as forbidden.
create or replace function raceday.refuse_write() returns trigger
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% is computed and cannot be written', tg_relid::regclass using errcode = 'insufficient_privilege';
end
$$;
comment on function raceday.refuse_write() is 'Trigger: refuses to write to a view that is computed';
create or replace trigger movers_refuse_write instead of insert or update or delete on api.movers
    for each row execute function raceday.refuse_write();
comment on trigger movers_refuse_write on api.movers is 'Its rows are computed';

create or replace function raceday.signal_body(p_signal raceday.signals) returns json
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select json_build_object(
        'race_id', p_signal.race_id,
        'entrant_id', p_signal.entrant_id,
        'runner_number', e.runner_number,
        'name', e.name,
        'race_number', r.race_number,
        'race_name', r.name,
        'meeting_name', m.meeting_name,
        'start_time', raceday.utc_text(r.start_time),
        'level', p_signal.level,
        'seconds_to_start', p_signal.seconds_to_start,
        'evidence', p_signal.evidence,
        'rarity', p_signal.rarity,
        'provisional', p_signal.provisional,
        'calibration_version', p_signal.calibration_version,
        'money', p_signal.money,
        'excess', p_signal.excess,
        'multiple', p_signal.multiple,
        'share_before', p_signal.share_before,
        'share_after', p_signal.share_after,
        'reasons', p_signal.reasons,
        'event_timestamp', raceday.utc_text(p_signal.event_timestamp),
        'polling_timestamp', raceday.utc_text(p_signal.polling_timestamp),
        'created_at', raceday.utc_text(p_signal.created_at)
    )
    from raceday.races r
    left join raceday.entrants e on e.race_id = r.race_id and e.entrant_id = p_signal.entrant_id
    left join raceday.meetings m on m.meeting_id = r.meeting_id
    where r.race_id = p_signal.race_id
$$;
comment on function raceday.signal_body(raceday.signals) is 'A signal as the client API returns it';

-- Whoever follows a list by created_at must not pass a signal that is yet to be committed. While something is being written there may be
-- one, and the signals of the last second wait; otherwise only those of this millisecond do, since created_at has whole milliseconds. The
-- signals of one race are written by one call at a time and need no such care.
create or replace function raceday.signals_settled_until() returns timestamptz
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select case when pg_snapshot_xmin(s) = pg_snapshot_xmax(s) then date_trunc('milliseconds', statement_timestamp())
        else statement_timestamp() - interval '1 second' end
    from (select pg_current_snapshot()) current (s)
$$;
comment on function raceday.signals_settled_until() is 'created_at up to which a list of the signals of all races is complete';

create or replace function raceday.signals_page(p_race_id text, p_after timestamptz, p_limit int) returns setof raceday.signals
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
    -- One plan for each of the two lists, by the index that it needs.
    set plan_cache_mode = 'force_custom_plan'
as $$
begin
    -- A cursor stands for a moment, so signals of one moment are not divided.
    if p_race_id is not null then
        return query
        select s.* from raceday.signals s
        where s.race_id = p_race_id and s.created_at > p_after
        order by s.created_at fetch first p_limit rows with ties;
    else
        return query
        select s.* from raceday.signals s
        where s.created_at > p_after and s.created_at < raceday.signals_settled_until()
        order by s.created_at fetch first p_limit rows with ties;
    end if;
end
$$;
comment on function raceday.signals_page(text, timestamptz, int) is
    'Signals of a race, or of all if it is null, in the order in which they were written';

create or replace function raceday.cursor_moment(p_cursor text) returns timestamptz
    language sql immutable parallel safe
    return case when p_cursor ~ '^\d{1,16}$' then
        timestamptz '1970-01-01 00:00:00+00' + p_cursor::bigint / 1000000 * interval '1 second' + p_cursor::bigint % 1000000 * interval '1 microsecond'
    end;
comment on function raceday.cursor_moment(text) is 'The moment that a cursor stands for, in microseconds since 1970; null for anything else';

create or replace function api.client_signals(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_query text := raceday.request_query(p_query);
    v_race_id text := raceday.query_value(v_query, 'raceId', 'race_id');
    v_since_text text := raceday.query_value(v_query, 'since');
    v_since timestamptz := raceday.parse_instant(v_since_text);
    v_limit int := raceday.bounded_int(raceday.query_value(v_query, 'limit'), 200, 1, 2000);
    v_body json;
begin
    if v_race_id is null and v_since_text is null then
        return raceday.error_response(400, 'raceId or since is required');
    elsif v_since_text is not null and v_since is null then
        return raceday.error_response(400, 'since must be a time such as 2025-10-05T12:00:00.000Z');
    end if;
    select json_build_object(
        'signals', coalesce(json_agg(raceday.signal_body(s) order by s.created_at, s.race_id, s.entrant_id, s.level), '[]'),
        'total', count(*),
        'race_id', v_race_id,
        'since', raceday.utc_text(v_since),
        'next_cursor', (extract(epoch from max(s.created_at)) * 1000000)::bigint,
        'next_created_at', raceday.utc_text(max(s.created_at)),
        'limit', v_limit)
    into v_body
    from raceday.signals_page(
        v_race_id,
        greatest(
            -- Clients know created_at in whole milliseconds.
            coalesce(v_since + interval '999 microseconds', '-infinity'),
            coalesce(raceday.cursor_moment(raceday.query_value(v_query, 'cursorAfter', 'cursor_after')), '-infinity')),
        v_limit) s;
    return raceday.cacheable_response(v_body);
end
$$;
comment on function api.client_signals(text) is 'GET /api/signals: the signals of a race, or of all races since a time, paged in the order in which they were written';

create or replace function api.client_movers(p_query text default null)
    returns json
    language plpgsql stable parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit int := raceday.bounded_int(raceday.request_parameter(p_query, 'limit'), 20, 1, 100);
    v_body json;
begin
    select json_build_object('movers', coalesce(json_agg(json_build_object(
        'race_id', v.race_id,
        'entrant_id', v.entrant_id,
        'runner_number', v.runner_number,
        'name', v.name,
        'race_number', v.race_number,
        'race_name', v.race_name,
        'meeting_id', v.meeting_id,
        'meeting_name', v.meeting_name,
        'country', v.country,
        'type', v.type,
        'start_time', raceday.utc_text(v.start_time),
        'status', v.status,
        'minutes_to_start', v.minutes_to_start,
        'evidence', v.evidence,
        'rarity', v.rarity,
        'provisional', v.provisional,
        'level', v.level,
        'signalled_at', raceday.utc_text(v.signalled_at),
        'money', v.money,
        'excess', v.excess,
        'multiple', v.multiple,
        'share_before', v.share_before,
        'share_after', v.share_after,
        'fixed_win_odds', v.fixed_win_odds,
        'pool_win_odds', v.pool_win_odds,
        'reasons', v.reasons
    ) order by v.evidence desc, v.start_time, v.race_id, v.runner_number, v.entrant_id), '[]'), 'total', count(*))
    into v_body
    from (
        select * from raceday.movers() f
        order by f.evidence desc, f.start_time, f.race_id, f.runner_number, f.entrant_id limit v_limit
    ) v;
    return raceday.cacheable_response(v_body);
end
$$;
comment on function api.client_movers(text) is 'GET /api/movers: runners that are being backed in races not yet finished, by evidence';
