-- Which runners are being backed, over all races: what the view api.movers and GET /api/movers show.

-- Evidence begins five minutes before the start, so a race that is further off has some only if its start was delayed. A race whose
-- result never comes does not stay here.
create or replace function raceday.movers()
    returns table (
        race_id text, entrant_id text, runner_number int, name text, race_number int, race_name text, meeting_id text, meeting_name text,
        country text, type text, start_time timestamptz, status text, minutes_to_start int, evidence numeric, rarity bigint,
        provisional boolean, level int, signalled_at timestamptz, money bigint, excess bigint, multiple numeric, share_before numeric,
        share_after numeric, fixed_win_odds numeric, pool_win_odds numeric, reasons jsonb)
    language sql stable parallel safe security definer
    set search_path = pg_catalog, pg_temp
as $$
    select r.race_id, w.entrant_id, e.runner_number, e.name, r.race_number, r.name, r.meeting_id, m.meeting_name, m.country, r.type,
        r.start_time, r.status, floor(extract(epoch from r.start_time - t.now) / 60)::int, w.evidence, w.rarity, w.provisional,
        s.level, s.event_timestamp, w.money, w.excess, w.multiple, w.share_before, w.share_after, e.win_odds, e.pool_win_odds, s.reasons
    from (select raceday.now() as now) t
    join raceday.races r on r.phase in ('upcoming', 'in_progress')
        and r.start_time between t.now - interval '2 hours' and t.now + interval '1 hour'
    cross join lateral raceday.raceday_watch(r.race_id) w
    join raceday.entrants e on e.race_id = r.race_id and e.entrant_id = w.entrant_id and not e.is_scratched
    left join raceday.meetings m on m.meeting_id = r.meeting_id
    left join lateral (
        select l.level, l.event_timestamp, l.reasons from raceday.signals l
        where l.race_id = r.race_id and l.entrant_id = w.entrant_id
        order by l.level desc limit 1
    ) s on true
    where w.evidence > 0
$$;
comment on function raceday.movers() is
    'Runners with evidence of being backed, in races that are not finished, from an hour before the start to two hours after it';
