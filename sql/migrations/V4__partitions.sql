-- Daily partitions by UTC day, 14 days ahead, no default partition: a row outside them is an error one sees, not a row one misses.
-- History is kept 30 days, then detached into schema archive; staged payloads are dropped after 7.

set local timezone = 'UTC';

select partman.create_partition(
    p_parent_table := v.parent_table, p_control := v.control, p_interval := '1 day', p_premake := 14, p_default_table := false
)
from (values
    ('raceday.money_flow_history', 'event_timestamp'),
    ('raceday.odds_history', 'event_timestamp'),
    ('raceday.staged_payloads', 'fetched_at')
) v (parent_table, control);

update partman.part_config
set infinite_time_partitions = true, retention = '30 days', retention_keep_table = true, retention_schema = 'archive'
where parent_table in ('raceday.money_flow_history', 'raceday.odds_history');

update partman.part_config
set infinite_time_partitions = true, retention = '7 days', retention_keep_table = false
where parent_table = 'raceday.staged_payloads';
