-- How far standbys are behind: for the exporter, the alert and /health. See docs/runbooks/high-availability.md.

create or replace function raceday.standby_lag_s() returns double precision
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select case
        when not pg_is_in_recovery() then null
        -- While nothing is written, the time of the last transaction says nothing; but only a receiver that runs knows of that.
        when exists (select from pg_stat_wal_receiver) and pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
        -- Of a standby that has replayed nothing since its start, at least since then.
        else extract(epoch from clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))
    end
$$;
comment on function raceday.standby_lag_s() is 'How many seconds this standby is behind the primary; null on a primary';

create or replace view raceday.monitor_replication as
select
    r.application_name as standby,
    r.state,
    coalesce(extract(epoch from r.replay_lag), 0)::double precision as lag_s,
    coalesce(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), r.replay_lsn), 0)::bigint as behind_bytes
from pg_catalog.pg_stat_replication r
where not pg_catalog.pg_is_in_recovery() and r.state = 'streaming'
union all
select s.slot_name::text, 'detached', 'infinity', pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn)::bigint
from pg_catalog.pg_replication_slots s
where not pg_catalog.pg_is_in_recovery() and s.slot_type = 'physical' and not s.active
union all
select 'itself', case when pg_catalog.pg_is_in_recovery() then 'standby' else 'primary' end, coalesce(raceday.standby_lag_s(), 0),
    coalesce(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()), 0)::bigint;
comment on view raceday.monitor_replication is
    'How far this server is behind, which a primary never is; on a primary also each standby, infinitely if it has a slot and does not follow';
