//! Raceday's hub: streams races to any number of clients as they change (Server-Sent Events), over two database
//! connections. docs/live.md is its contract.

pub mod config;
pub mod metrics;
pub mod server;
