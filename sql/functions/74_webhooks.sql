-- Signals sent to a webhook: which are to be sent, claiming and finishing attempts. `raceday-live` calls them; it decides how long to wait
-- before a retry. See docs/webhooks.md.

create or replace function raceday.raceday_webhook_collect(p_min_level int, p_countries text[], p_max_age interval) returns bigint
    language plpgsql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := clock_timestamp();
    v_filter raceday.webhook_filter;
    v_collected bigint;
begin
    insert into raceday.webhook_filter as f (min_level, countries, since, collected_until)
    values (p_min_level, p_countries, v_now, v_now)
    -- Also locks the row: of two programs with the same settings, one collects at a time.
    on conflict (only_row) do update
    set min_level = excluded.min_level,
        countries = excluded.countries,
        since = case when (f.min_level, f.countries) = (excluded.min_level, excluded.countries) then f.since else f.collected_until end,
        collected_until = excluded.collected_until
    returning * into v_filter;

    -- All of the time that counts, not only what is new: a signal may be committed long after its created_at.
    insert into raceday.webhook_deliveries (race_id, entrant_id, level, body, expires_at)
    select s.race_id, s.entrant_id, s.level, raceday.signal_body(s), s.created_at + p_max_age
    from raceday.signals s
    join raceday.races r on r.race_id = s.race_id
    left join raceday.meetings m on m.meeting_id = r.meeting_id
    where s.created_at > greatest(v_filter.since, v_now - p_max_age)
      and s.level >= p_min_level
      and (p_countries = '{}' or m.country = any (p_countries))
      and not exists (
          select from raceday.webhook_deliveries d
          where d.race_id = s.race_id and d.entrant_id = s.entrant_id and d.level = s.level)
    order by s.created_at
    on conflict (race_id, entrant_id, level) do nothing;
    get diagnostics v_collected = row_count;

    update raceday.webhook_deliveries d
    set status = 'failed', next_attempt_at = null, finished_at = v_now,
        last_error = concat_ws('; ', 'given up: not delivered in time', d.last_error)
    where d.status = 'pending' and d.next_attempt_at <= v_now and d.expires_at <= v_now;

    delete from raceday.webhook_deliveries d where d.finished_at < v_now - interval '30 days';
    return v_collected;
end
$$;
comment on function raceday.raceday_webhook_collect(int, text[], interval) is
    'Adds a delivery for each signal of the last p_max_age that passes the filter and has none, gives up expired ones, and forgets old ones; returns how many were added';

create or replace function raceday.raceday_webhook_claim(p_limit int, p_lease interval)
    returns table (delivery_id text, attempt int, body text)
    language sql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    update raceday.webhook_deliveries d
    set attempts = d.attempts + 1, next_attempt_at = clock_timestamp() + p_lease
    from (
        select q.delivery_id from raceday.webhook_deliveries q
        where q.status = 'pending' and q.next_attempt_at <= clock_timestamp() and q.expires_at > clock_timestamp()
        order by q.next_attempt_at, q.delivery_id limit p_limit
        for update skip locked
    ) due
    where d.delivery_id = due.delivery_id
    returning d.delivery_id::text, d.attempts, d.body::text
$$;
comment on function raceday.raceday_webhook_claim(int, interval) is
    'Begins an attempt at the deliveries that are due; until p_lease has passed nobody else begins one';

create or replace function raceday.raceday_webhook_done(p_delivery_id text, p_attempt int, p_status text, p_error text, p_retry_in interval)
    returns boolean
    language sql volatile parallel unsafe security definer
    set search_path = pg_catalog, pg_temp
as $$
    update raceday.webhook_deliveries d
    set status = p_status,
        last_error = p_error,
        next_attempt_at = case when p_status = 'pending' then clock_timestamp() + p_retry_in end,
        finished_at = case when p_status <> 'pending' then clock_timestamp() end
    where d.delivery_id = p_delivery_id::uuid and d.status = 'pending'
      -- What another attempt has taken over is its business, unless this one has delivered it after all.
      and (d.attempts = p_attempt or p_status = 'delivered')
    returning true
$$;
comment on function raceday.raceday_webhook_done(text, int, text, text, interval) is
    'Ends an attempt: p_status is delivered, failed, or pending to be retried after p_retry_in; null if the attempt is no longer the current one';

create or replace function raceday.raceday_webhook_retry(p_since timestamptz default '-infinity') returns bigint
    language plpgsql volatile parallel unsafe
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_retried bigint;
begin
    update raceday.webhook_deliveries d
    set status = 'pending', next_attempt_at = clock_timestamp(), finished_at = null, expires_at = clock_timestamp() + interval '1 day'
    where d.status = 'failed' and d.finished_at >= p_since;
    get diagnostics v_retried = row_count;
    return v_retried;
end
$$;
comment on function raceday.raceday_webhook_retry(timestamptz) is
    'For DBAs: sends again what has failed since a time; returns how many deliveries';

create or replace view raceday.monitor_webhooks as
select
    count(*) filter (where d.status = 'pending') as pending,
    coalesce(extract(epoch from clock_timestamp() - min(d.created_at) filter (where d.status = 'pending')), 0)::double precision
        as oldest_pending_age_s,
    count(*) filter (where d.status = 'delivered' and d.finished_at > clock_timestamp() - interval '1 hour') as delivered_last_hour,
    count(*) filter (where d.status = 'failed' and d.finished_at > clock_timestamp() - interval '1 hour') as failed_last_hour
from raceday.webhook_deliveries d;
comment on view raceday.monitor_webhooks is 'Signals that wait to be delivered to the webhook, and those of the last hour that were or could not be';
