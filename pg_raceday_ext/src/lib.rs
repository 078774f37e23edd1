//! The edge between PostgreSQL and `raceday-core`.
#![allow(unsafe_code)]
use pgrx::prelude::*;

::pgrx::pg_module_magic!(name, version);

/// Handles all pending payloads of a race.
#[pg_extern(security_definer, volatile, parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn raceday_process(
    race_id: &str,
) -> TableIterator<
    'static,
    (
        name!(race_id, String),
        name!(payloads_processed, i32),
        name!(payloads_failed, i32),
        name!(meetings_changed, i32),
        name!(races_changed, i32),
        name!(entrants_changed, i32),
        name!(money_flow_rows, i32),
        name!(odds_rows, i32),
        name!(transform_ms, f64),
        name!(write_ms, f64),
        name!(status, String),
        name!(error, Option<String>),
    ),
> {
    TableIterator::once((race_id.to_owned(), 0, 0, 0, 0, 0, 0, 0, 0.0, 0.0, "idle".to_owned(), None))
}

/// Handles pending payloads of up to so many races.
#[pg_extern(security_definer, volatile, parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
fn raceday_process_pending(_max_races: i32) {}
