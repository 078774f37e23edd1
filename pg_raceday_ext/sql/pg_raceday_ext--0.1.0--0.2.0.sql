-- What 0.2.0 adds. `migrate` gives the functions their owner and rights.

CREATE FUNCTION raceday_entrants_json(
    race_id TEXT,
    entrant_ids TEXT[],
    entrants TEXT[],
    first_event_timestamp timestamp with time zone,
    last_event_timestamp timestamp with time zone
) RETURNS TEXT
STABLE PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c
AS 'MODULE_PATHNAME', 'raceday_entrants_json_wrapper';

CREATE FUNCTION raceday_ingest(
    kind TEXT,
    race_id TEXT,
    fetched_at timestamp with time zone,
    payload TEXT,
    payload_raw bytea
) RETURNS TABLE (
    race_id TEXT,
    payloads_processed INT,
    payloads_failed INT,
    meetings_changed INT,
    races_changed INT,
    entrants_changed INT,
    money_flow_rows INT,
    odds_rows INT,
    transform_ms double precision,
    write_ms double precision,
    status TEXT,
    error TEXT,
    report TEXT
)
VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c
AS 'MODULE_PATHNAME', 'raceday_ingest_wrapper';

CREATE FUNCTION raceday_stage(
    kind TEXT,
    race_id TEXT,
    fetched_at timestamp with time zone,
    payload TEXT,
    payload_raw bytea
) RETURNS bool
VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c
AS 'MODULE_PATHNAME', 'raceday_stage_wrapper';

CREATE FUNCTION raceday_timeline_page(
    race_id TEXT,
    entrant_ids TEXT[],
    first_event_timestamp timestamp with time zone,
    last_event_timestamp timestamp with time zone,
    after_id bigint,
    created_from timestamp with time zone,
    max_documents INT
) RETURNS TABLE (
    documents TEXT,
    covered_ids TEXT[],
    intervals INT[],
    next_cursor bigint,
    next_created_at timestamp with time zone
)
STRICT STABLE PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
LANGUAGE c
AS 'MODULE_PATHNAME', 'raceday_timeline_page_wrapper';
