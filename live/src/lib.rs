//! Raceday's hub: streams races to any number of clients as they change (Server-Sent Events), over two database
//! connections. docs/live.md is its contract.
//!
//! One connection hears which races change (`follow`). The other reads them (`reader`): once per commit, whatever the
//! number of clients (`hub`, `race`). A client has a position in each of its races and learns which of them have more
//! for it (`subscriber`); nothing is queued for it.

pub mod board;
pub mod clients;
pub mod config;
pub mod connection;
pub mod follow;
pub mod frames;
pub mod hub;
pub mod metrics;
pub mod race;
pub mod reader;
pub mod request;
pub mod server;
pub mod streams;
pub mod subscriber;
pub mod version;
pub mod webhooks;
