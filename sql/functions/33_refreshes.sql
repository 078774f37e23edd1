-- When the TAB's data are refreshed: what polls have shown of it. How due times follow it is in 30_due_races.sql.

-- Races of one phase are polled one after another, the most urgent first: open before closed, near before far.
create or replace function raceday.refresh_rank(p_race_id text, p_phase_s double precision) returns int
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    with near as (
        select r.race_id, r.phase <> 'upcoming' as is_closed, abs(extract(epoch from r.start_time - raceday.now())) as distance_s
        from raceday.races r
        where r.phase in ('upcoming', 'in_progress')
          and r.start_time between raceday.now() - interval '15 minutes' and raceday.now() + interval '15 minutes'
    )
    select count(*)::int
    from near own
    join near other on (other.is_closed, other.distance_s, other.race_id) < (own.is_closed, own.distance_s, own.race_id)
    join raceday.race_refreshes f on f.race_id = other.race_id and f.is_certain
    cross join raceday.refresh_settings s
    where own.race_id = p_race_id
      and abs(raceday.around(f.phase_s - p_phase_s, extract(epoch from s.period)::double precision)) < 1.0
$$;
comment on function raceday.refresh_rank(text, double precision) is 'How many more urgent races are refreshed within a second of a race''s phase';

-- Computed at most every five seconds, by one poll; the others do not wait for it.
create or replace function raceday.note_feed_refresh() returns void
    language sql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
    with due as (
        select f.only_row from raceday.feed_refresh f
        where f.computed_at < raceday.now() - interval '5 seconds' or f.computed_at > raceday.now()
        for update skip locked
    ), phases as materialized (
        select f.phase_s, extract(epoch from s.period)::double precision as period_s
        from raceday.races r
        join raceday.race_refreshes f on f.race_id = r.race_id
        cross join raceday.refresh_settings s
        where r.phase in ('upcoming', 'in_progress') and f.is_certain and f.observed_at > raceday.now() - interval '5 minutes'
          and r.start_time between raceday.now() - interval '65 minutes' and raceday.now() + interval '65 minutes'
    ), middle as (
        select degrees(atan2(sum(sin(radians(360 * p.phase_s / p.period_s))), sum(cos(radians(360 * p.phase_s / p.period_s))))) / 360 * min(p.period_s)
            as phase_s
        from phases p
    ), spread as (
        select count(*)::int as races, m.phase_s + max(d.s) as phase_s, max(d.s) - min(d.s) as spread_s, min(p.period_s) as period_s
        from phases p
        cross join middle m
        cross join lateral (select raceday.around(p.phase_s - m.phase_s, p.period_s) as s) d
        group by m.phase_s
    )
    update raceday.feed_refresh f
    set phase_s = case when c.races >= 3 and c.spread_s <= 1.0 then c.phase_s - c.period_s * floor(c.phase_s / c.period_s) end,
        spread_s = c.spread_s,
        races = coalesce(c.races, 0),
        computed_at = raceday.now()
    from due
    left join spread c on true
    where f.only_row = due.only_row
$$;
comment on function raceday.note_feed_refresh() is 'Computes the phase that races have in common: at least three, which differ by at most a second';

create or replace function raceday.note_refresh(p_race_id text, p_worker text, p_refresh jsonb) returns void
    language sql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
    insert into raceday.race_refreshes as f (
        race_id, state, phase_s, age_s, is_certain, observed_at, rank, slot_at, gap_s, again_at, data_age_s, changed_within_s)
    select p.race_id, e.state, e.phase_s, e.age_s, e.is_certain, raceday.now(),
        case when e.is_certain then raceday.refresh_rank(p.race_id, e.phase_s) else 0 end,
        p.slot_at, e.gap_s, case when e.is_due then raceday.now() + s.again_after end, e.data_age_s, e.changed_within_s
    from jsonb_to_record(p_refresh) as e (
        state jsonb, phase_s double precision, age_s double precision, is_certain boolean, gap_s double precision, is_due boolean,
        data_age_s double precision, changed_within_s double precision)
    cross join raceday.refresh_settings s
    join raceday.race_polls p on p.race_id = p_race_id
    -- Another worker may have taken over since: what it observes is newer.
    where p.claimed_by = p_worker
    on conflict (race_id) do update set
        state = excluded.state, phase_s = excluded.phase_s, age_s = excluded.age_s, is_certain = excluded.is_certain,
        observed_at = excluded.observed_at, rank = excluded.rank, slot_at = excluded.slot_at, gap_s = excluded.gap_s,
        again_at = excluded.again_at, data_age_s = excluded.data_age_s, changed_within_s = excluded.changed_within_s;
    select raceday.note_feed_refresh()
$$;
comment on function raceday.note_refresh(text, text, jsonb) is
    'Stores what a worker''s poll has shown of a race''s refreshes: the fields of race_refreshes; is_due: a refresh was due and had not arrived';

create or replace view raceday.refresh_estimates as
select
    f.race_id,
    r.start_time,
    f.is_certain,
    f.phase_s,
    f.age_s,
    1 - f.age_s / (extract(epoch from s.period)::double precision / 2) as certainty,
    d.phase_s is not null as is_aligned,
    d.lag_s,
    d.next_slot_at,
    f.data_age_s,
    f.changed_within_s,
    f.observed_at
from raceday.race_refreshes f
cross join raceday.refresh_settings s
join raceday.races r on r.race_id = f.race_id
left join raceday.due_races d on d.race_id = f.race_id;
comment on view raceday.refresh_estimates is
    'When each race''s data are refreshed, as estimated: certainty is 1 if its polls carry data of the moment, 0 if nothing is known';
