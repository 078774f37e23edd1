-- What 0.3.0 adds: signals. `migrate` gives the functions their owner and rights.

-- With the bounds on the money on each runner.
DROP FUNCTION raceday_transform(TEXT, timestamp with time zone);
CREATE FUNCTION raceday_transform(
    payload TEXT,
    fetched_at timestamp with time zone
) RETURNS TABLE (
    entrant_id TEXT,
    hold_percentage NUMERIC,
    bet_percentage NUMERIC,
    time_to_start bigint,
    time_interval bigint,
    interval_type TEXT,
    event_timestamp timestamp with time zone,
    polling_timestamp timestamp with time zone,
    win_pool_amount bigint,
    place_pool_amount bigint,
    win_pool_percentage NUMERIC,
    place_pool_percentage NUMERIC,
    incremental_win_amount bigint,
    incremental_place_amount bigint,
    tote_win_percentage NUMERIC,
    tote_win_amount bigint,
    fixed_win_odds NUMERIC,
    fixed_place_odds NUMERIC,
    pool_win_odds NUMERIC,
    pool_place_odds NUMERIC,
    win_low bigint,
    win_high bigint,
    win_mid bigint
)
STRICT IMMUTABLE PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c
AS 'MODULE_PATHNAME', 'raceday_transform_wrapper';

-- With bounds, flow and evidence.
DROP FUNCTION raceday_replay(TEXT);
CREATE FUNCTION raceday_replay(
    race_id TEXT
) RETURNS TABLE (
    polling_timestamp timestamp with time zone,
    event_timestamp timestamp with time zone,
    entrant_id TEXT,
    time_interval bigint,
    hold_percentage NUMERIC,
    win_pool_amount bigint,
    place_pool_amount bigint,
    incremental_win_amount bigint,
    incremental_place_amount bigint,
    tote_win_amount bigint,
    win_low bigint,
    win_high bigint,
    win_mid bigint,
    flow_multiple NUMERIC,
    evidence NUMERIC,
    hold_sum NUMERIC
)
STRICT VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c
AS 'MODULE_PATHNAME', 'raceday_replay_wrapper';

CREATE FUNCTION raceday_replay_signals(
    race_id TEXT
) RETURNS TABLE (
    polling_timestamp timestamp with time zone,
    event_timestamp timestamp with time zone,
    entrant_id TEXT,
    level bigint,
    evidence NUMERIC,
    rarity bigint,
    money bigint,
    excess bigint,
    reasons TEXT
)
STRICT VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c
AS 'MODULE_PATHNAME', 'raceday_replay_signals_wrapper';

CREATE FUNCTION raceday_calibrate(
    p_from timestamp with time zone,
    p_to timestamp with time zone
) RETURNS TABLE (
    version bigint,
    is_new bool,
    races bigint,
    kinds bigint
)
STRICT VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c
AS 'MODULE_PATHNAME', 'raceday_calibrate_wrapper';

CREATE FUNCTION raceday_collect_flows(
    p_from timestamp with time zone,
    p_to timestamp with time zone,
    p_max INT
) RETURNS INT
STRICT VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c
AS 'MODULE_PATHNAME', 'raceday_collect_flows_wrapper';

CREATE FUNCTION raceday_watch(
    race_id TEXT
) RETURNS TABLE (
    entrant_id TEXT,
    evidence NUMERIC,
    rarity bigint,
    provisional bool,
    evidence_20 NUMERIC,
    evidence_200 NUMERIC,
    money bigint,
    excess bigint,
    multiple NUMERIC,
    share_before NUMERIC,
    share_after NUMERIC
)
STRICT STABLE PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c
AS 'MODULE_PATHNAME', 'raceday_watch_wrapper';

CREATE FUNCTION raceday_replay_state(
    race_id TEXT,
    at timestamp with time zone
) RETURNS TABLE (
    of_table TEXT,
    id TEXT,
    columns TEXT
)
STRICT STABLE SECURITY DEFINER PARALLEL UNSAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c
AS 'MODULE_PATHNAME', 'raceday_replay_state_wrapper';
