-- Which races are polled, when each is due, and which are live or missing.

-- Due times are counted from slots, not from polls, so lateness does not accumulate. After a poll, a race is due at the earliest
-- moment at which the cadence then in force has passed since its slot. For each row of poll_cadence that is the slot plus the row's
-- seconds, but not before the race comes within the row's range.
-- No SET clause and not SECURITY DEFINER, so that the planner inlines it: a real call per race costs ten times as much.
create or replace function raceday.next_poll(p_slot_at timestamptz, p_start_time timestamptz, p_at timestamptz)
    returns table (slot_at timestamptz, first_slot_at timestamptz, every_s int)
    language sql stable parallel safe rows 1
begin atomic
    select
        min(greatest(p_slot_at + make_interval(secs => c.every_s), p_start_time - make_interval(secs => c.within_s))),
        p_start_time - make_interval(secs => max(c.within_s)),
        min(c.every_s) filter (where p_start_time - make_interval(secs => c.within_s) <= p_at)
    from raceday.poll_cadence c;
end;
comment on function raceday.next_poll(timestamptz, timestamptz, timestamptz) is
    'When a race is due after a slot, when it is first due, and the cadence in force at p_at (null: not polled yet)';

create or replace function raceday.poll_every_s(p_seconds_to_start double precision) returns int
    language sql stable parallel safe
begin atomic
    select n.every_s from raceday.next_poll(null, to_timestamp(p_seconds_to_start), to_timestamp(0)) n;
end;
comment on function raceday.poll_every_s(double precision) is 'Seconds between polls this many seconds before the start; null: not polled yet';

create or replace function raceday.live_lead() returns interval
    language sql immutable parallel safe
    return interval '5 minutes';
comment on function raceday.live_lead() is 'How long before its start a race becomes live';

create or replace function raceday.is_live(p_start_time timestamptz, p_at timestamptz) returns boolean
    language sql immutable parallel safe
    -- Later after its start a race only waits for the judge, and its payloads may well stay the same.
    return p_at between p_start_time - raceday.live_lead() and p_start_time + interval '15 minutes';
comment on function raceday.is_live(timestamptz, timestamptz) is 'Whether a race that starts at p_start_time is live at p_at';

create or replace view raceday.due_races as
select
    r.race_id,
    -- A lease that was never ended belongs to a dead worker: its slot is still unpolled, if the race is to be polled now at all.
    case when n.every_s is null then n.slot_at else least(n.slot_at, p.lease_until) end as due_at,
    s.start_time,
    r.status,
    extract(epoch from s.start_time - t.now)::double precision as seconds_to_start,
    n.every_s as cadence_s,
    p.slot_at,
    p.claimed_by,
    p.lease_until,
    n.slot_at as next_slot_at,
    -- No payload can be expected of a missing race.
    raceday.is_live(s.start_time, t.now) and not p.is_missing as is_live,
    p.is_missing,
    b.backoff
from raceday.races r
join raceday.race_polls p on p.race_id = r.race_id
cross join raceday.poll_settings settings
cross join lateral (select raceday.now() as now) t
-- The newest known start time counts: between two polls, a meetings list may move it.
cross join lateral (
    select case when r.listed_at > p.claimed_at or r.polled_at is null then coalesce(r.listed_start_time, r.start_time) else r.start_time end as start_time
) s
cross join lateral raceday.next_poll(p.slot_at, s.start_time, t.now) following
-- The least time between two polls of a missing race. It does not follow the cadence: a due time that moved back would count slots as
-- missed. A list alone is not certain: up to 15 minutes after the start it doubles the time only once.
cross join lateral (
    select case when p.is_missing then least(
        settings.missing_every_min * 2.0 ^ least(
            p.not_found + case when t.now < s.start_time + interval '15 minutes' then least(p.unlisted, 2) else p.unlisted end - 1, 20),
        settings.missing_every_max
    ) end as backoff
) b
cross join lateral (
    select
        case when p.slot_at is null
            then greatest(least(p.first_due_at, t.now), following.first_slot_at)
            -- A slot in the future dates from before the clock was set back. Counted from it, the race would stay unpolled until then.
            when p.slot_at > t.now + interval '5 seconds'
            then greatest(t.now, following.first_slot_at)
            else greatest(following.slot_at, p.slot_at + b.backoff)
        end as slot_at,
        following.every_s
) n
where r.phase in ('upcoming', 'in_progress')
  and r.start_time > t.now - settings.stop_after - interval '1 day'
  and s.start_time > t.now - settings.stop_after;
comment on view raceday.due_races is
    'Races still polled, when each is due next, and whether it is live or missing; claimable where due_at <= raceday.now() and no lease is running';
