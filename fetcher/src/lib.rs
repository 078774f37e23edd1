//! Raceday's fetcher: asks the TAB for every due race, stages each answer as it came and has the database process it.
//!
//! Which race is due is decided by SQL (`sql/functions/30_due_races.sql`); what an answer means, by the extension. Here
//! is only what a daemon needs: HTTP, a connection a worker, a spool for the time the database is away, metrics.

pub mod breaker;
pub mod clock;
pub mod config;
pub mod db;
pub mod housekeeping;
pub mod http;
pub mod live;
pub mod meetings;
pub mod metrics;
pub mod migrate;
pub mod once;
pub mod poll;
pub mod request;
pub mod run;
pub mod schedule;
pub mod spool;
pub mod status;
pub mod store;
pub mod summary;
pub mod tab;
pub mod tls;
