//! `pg_raceday_ext`: the edge between PostgreSQL and `raceday-core`.
//!
//! `sql.rs` is what SQL users see; `ingest.rs` and `process.rs` are one call; `staging.rs`, `load.rs` and `write.rs` are its statements.
//! `answers` is for readers: the large parts of REST answers.

#![allow(unsafe_code)] // The only crate that may: plan.rs, guard.rs, memory.rs and answers talk to C functions.

mod answers;
mod current;
mod guard;
mod history;
mod ingest;
mod lists;
mod load;
mod memory;
mod plan;
mod process;
mod redo;
mod sql;
mod staging;
mod write;

pgrx::pg_module_magic!(name, version);

/// Required by `cargo pgrx test`.
#[cfg(test)]
pub mod pg_test {
    /// Once before all tests.
    pub fn setup(_options: Vec<&str>) {}

    /// Settings that the tests' server needs.
    #[must_use]
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        vec!["default_toast_compression = 'lz4'"]
    }
}

#[cfg(any(test, feature = "pg_test"))]
mod tests;
