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
    from raceday.poll_cadence c
    where not c.after_close;
end;
comment on function raceday.next_poll(timestamptz, timestamptz, timestamptz) is
    'When a race is due after a slot, when it is first due, and the cadence in force at p_at (null: not polled yet)';

create or replace function raceday.poll_every_s(p_seconds_to_start double precision) returns int
    language sql stable parallel safe
begin atomic
    select n.every_s from raceday.next_poll(null, to_timestamp(p_seconds_to_start), to_timestamp(0)) n;
end;
comment on function raceday.poll_every_s(double precision) is 'Seconds between polls this many seconds before the start; null: not polled yet';

create or replace function raceday.after_close_s(p_slot_at timestamptz, p_start_time timestamptz) returns int
    language sql stable parallel safe
begin atomic
    select max(c.every_s) from raceday.poll_cadence c
    where c.after_close and p_slot_at >= p_start_time - make_interval(secs => c.within_s);
end;
comment on function raceday.after_close_s(timestamptz, timestamptz) is
    'The least seconds from a slot to the next of a race whose betting is closed; null: as while it was open';

-- The signed distance to the nearest multiple of the period.
create or replace function raceday.around(p_s double precision, p_period_s double precision) returns double precision
    language sql immutable parallel safe
    return p_s - p_period_s * round(p_s / p_period_s);
comment on function raceday.around(double precision, double precision) is
    'p_s as an offset on a circle of p_period_s, from minus half of it to half of it';

create or replace function raceday.poll_before_start(
    p_start_time timestamptz, p_phase_s double precision, p_lag_s double precision, p_period_s double precision) returns timestamptz
    language sql stable parallel safe
    return to_timestamp(
        p_phase_s + p_lag_s + p_period_s * floor((extract(epoch from p_start_time)::double precision - p_phase_s) / p_period_s));
comment on function raceday.poll_before_start(timestamptz, double precision, double precision, double precision) is
    'When the last refresh before a start is polled';

-- A slot moves to the nearest moment at which a refresh has just arrived, at most half a period, so the cadence keeps its length. The
-- last refresh before the start and the first after it are polled whatever the cadence. No subquery, so that the planner inlines it.
create or replace function raceday.aligned_slot(
    p_last timestamptz, p_next timestamptz, p_every_s int, p_start_time timestamptz, p_phase_s double precision, p_lag_s double precision,
    p_period_s double precision) returns timestamptz
    language sql stable parallel safe
    return case
        when p_phase_s is null then p_next
        else least(
            -- A cadence that is not a multiple of the period would change its length.
            case when p_every_s >= p_period_s and raceday.around(p_every_s, p_period_s) = 0
                then p_next + make_interval(
                    secs => raceday.around(p_phase_s + p_lag_s - extract(epoch from p_next)::double precision, p_period_s))
                else p_next end,
            case when p_last + make_interval(secs => p_period_s / 2) < raceday.poll_before_start(p_start_time, p_phase_s, p_lag_s, p_period_s)
                then raceday.poll_before_start(p_start_time, p_phase_s, p_lag_s, p_period_s) end,
            case when p_last - make_interval(secs => p_period_s / 2) < raceday.poll_before_start(p_start_time, p_phase_s, p_lag_s, p_period_s)
                then raceday.poll_before_start(p_start_time, p_phase_s, p_lag_s, p_period_s) + make_interval(secs => p_period_s) end)
        end;
comment on function raceday.aligned_slot(
    timestamptz, timestamptz, int, timestamptz, double precision, double precision, double precision) is
    'The slot p_next, after the slot p_last, moved to p_lag_s after a refresh; p_phase_s is null: not moved';

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
    case when n.every_s is null then n.slot_at else least(n.slot_at, p.lease_until, a.again_at) end as due_at,
    s.start_time,
    r.status,
    extract(epoch from s.start_time - t.now)::double precision as seconds_to_start,
    n.every_s as cadence_s,
    p.slot_at,
    p.claimed_by,
    p.lease_until,
    n.slot_at as next_slot_at,
    -- No payload can be expected of a missing race.
    raceday.is_live(s.start_time, t.now) and not p.is_missing and not o.is_over as is_live,
    p.is_missing,
    b.backoff,
    p.claimed_at,
    a.again_at,
    a.phase_s,
    a.lag_s,
    a.period_s,
    o.is_over,
    r.phase = 'in_progress' as is_closed
from raceday.races r
join raceday.race_polls p on p.race_id = r.race_id
cross join raceday.poll_settings settings
cross join raceday.refresh_settings refresh
cross join raceday.feed_refresh feed
left join raceday.race_refreshes f on f.race_id = r.race_id
cross join lateral (select raceday.now() as now) t
-- The newest known start time counts: between two polls, a meetings list may move it.
cross join lateral (
    select case when r.listed_at > p.claimed_at or r.polled_at is null then coalesce(r.listed_start_time, r.start_time) else r.start_time end as start_time
) s
-- Over before its first poll, or given up while nobody polled it: one poll, for its runners, pools and result.
cross join lateral (
    select r.phase not in ('upcoming', 'in_progress') or s.start_time <= t.now - settings.stop_after as is_over
) o
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
-- The offset keeps the planner from writing the expressions out wherever their result is used.
cross join lateral (
    select
        -- What a fetcher that does not observe refreshes leaves behind is soon out of date.
        case when refresh.is_aligned and not p.is_missing and not o.is_over then
            case when f.is_certain and f.observed_at > t.now - interval '10 minutes' then f.phase_s
                when feed.computed_at > t.now - interval '10 minutes' then feed.phase_s end
        end as phase_s,
        extract(epoch from refresh.margin + coalesce(f.rank, 0) * refresh.spread)::double precision as lag_s,
        extract(epoch from refresh.period)::double precision as period_s,
        case when refresh.is_aligned and f.slot_at = p.slot_at then p.slot_at + make_interval(secs => f.gap_s) end as shifted_at,
        -- Later than that, the next slot is near.
        case when refresh.is_aligned and f.slot_at = p.slot_at and f.again_at > p.claimed_at and f.again_at > t.now - interval '5 seconds'
            then f.again_at end as again_at,
        greatest(
            following.slot_at, p.slot_at + b.backoff,
            case when r.phase = 'in_progress' then p.slot_at + make_interval(secs => raceday.after_close_s(p.slot_at, s.start_time)) end
        ) as plain_at
    offset 0
) a
cross join lateral (
    select
        case
            when o.is_over and p.slot_at is not null
            then t.now
            when p.slot_at is null
            then greatest(least(p.first_due_at, t.now), following.first_slot_at)
            -- A slot in the future dates from before the clock was set back. Counted from it, the race would stay unpolled until then.
            when p.slot_at > t.now + interval '5 seconds'
            then greatest(t.now, following.first_slot_at)
            else coalesce(a.shifted_at, raceday.aligned_slot(
                p.slot_at, a.plain_at, following.every_s, s.start_time, a.phase_s, a.lag_s, a.period_s))
        end as slot_at,
        case when o.is_over then extract(epoch from settings.catch_up_every)::int else following.every_s end as every_s
    offset 0
) n
where (r.phase in ('upcoming', 'in_progress') or r.polled_at is null)
  and r.start_time > t.now - settings.stop_after - interval '1 day'
  and (not o.is_over
      or p.slot_at is null
      -- Over before its first poll, which then failed.
      or r.polled_at is null and not p.is_missing and p.slot_at < t.now - settings.catch_up_every
      -- Not polled in its last hour before it was given up.
      or r.polled_at is not null and p.slot_at < s.start_time + settings.stop_after - interval '1 hour');
comment on view raceday.due_races is
    'Races still polled, when each is due next, and whether it is live or missing; claimable where due_at <= raceday.now() and no lease is running';
