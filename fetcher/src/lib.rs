//! Raceday's fetcher: asks the TAB for every due race, stages each answer as it came and has the database process it.
//!
//! Which race is due is decided by SQL (`sql/functions/2_schedule.sql`); what an answer means, by the extension. Here
//! is only what a daemon needs: HTTP, a connection a worker, a spool for the time the database is away, metrics.

pub mod config;
pub mod db;
pub mod migrate;
