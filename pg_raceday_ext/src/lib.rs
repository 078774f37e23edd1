//! `pg_raceday_ext`: the edge between PostgreSQL and `raceday-core`.
//!
//! Files, each using only those above it:
//!
//! - `plan.rs`, `value.rs`, `guard.rs`, `memory.rs`: PostgreSQL's plans, values, errors and memory.
//! - `tables/`: one description per table, which produces its statements. A new column of a runner is one entry in
//!   `tables/entrants.rs`.
//! - `subject.rs`, `staging.rs`: staged payloads and the queue.
//! - `rules.rs`: what signals are judged by.
//! - `load.rs`, `write.rs`: a race's state from and to the tables.
//! - `call.rs`, `apply.rs`: one call's bookkeeping, and payloads applied to the state.
//! - `lists.rs`, `redo.rs`, `process.rs`, `ingest.rs`, `calibrate.rs`: what calls do.
//! - `responses/`: the large parts of REST responses.
//! - `standings.rs`: where a race's runners stand, for readers.
//! - `sql.rs`: what SQL users see.

#![allow(unsafe_code)] // The only crate that may: plan.rs, value.rs, guard.rs, memory.rs and responses/ call C functions.

mod apply;
mod calibrate;
mod call;
mod guard;
mod ingest;
mod lists;
mod load;
mod memory;
mod plan;
mod process;
mod redo;
mod responses;
mod rules;
mod sql;
mod staging;
mod standings;
mod subject;
mod tables;
mod value;
mod write;

pgrx::pg_module_magic!(name, version);

/// Required by `cargo pgrx test`.
#[cfg(test)]
pub mod pg_test {
    /// Runs once before all tests.
    pub fn setup(_options: Vec<&str>) {}

    /// Settings that the test server needs.
    #[must_use]
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        vec!["default_toast_compression = 'lz4'"]
    }
}

#[cfg(any(test, feature = "pg_test"))]
mod tests;
