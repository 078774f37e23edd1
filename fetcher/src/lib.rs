//! Raceday's fetcher: polls the TAB for every due race, stages each response byte for byte and has the database process it.
//!
//! SQL decides which race is due (the view `raceday.due_races`), and the extension interprets the responses. This crate is
//! what a daemon needs around that: HTTP, one connection per worker, a spool for outages of the database, metrics.
//!
//! No module uses one of a later group below, and none uses itself by way of others (`tests/layers.rs` verifies that).

// Settings and primitives
pub mod appwrite;
pub mod availability;
pub mod breaker;
pub mod circle;
pub mod clock;
pub mod compare;
pub mod config;
pub mod envelope;
pub mod json_client;
pub mod log_once;
pub mod metrics;
pub mod payload;
pub mod phase;
pub mod program;
pub mod refusal;
pub mod response;
pub mod skew;
pub mod summary;
pub mod tls;
// The database, the TAB, the spool
pub mod claim;
pub mod db;
pub mod freshness;
pub mod live;
pub mod plan;
pub mod request;
pub mod spool;
pub mod store;
pub mod tab;
// What is done with them
pub mod archive;
pub mod deliver;
pub mod export;
pub mod housekeeping;
pub mod http;
pub mod maintenance;
pub mod meetings;
pub mod poll;
pub mod schedule;
// Commands
pub mod import_appwrite;
pub mod import_raw;
pub mod keys;
pub mod migrate;
pub mod once;
pub mod run;
pub mod status;
