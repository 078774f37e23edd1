//! Raceday's developer commands as a library.
//!
//! [`stack`] starts the real servers (PostgreSQL, REST, nginx, fetcher, simulator) as guards that stop what they
//! started; `cargo xtask demo` and the end-to-end tests stand on it.

pub mod cluster;
pub mod commands;
pub mod demo;
pub mod layout;
pub mod postgrest_conf;
pub mod progress;
pub mod running;
pub mod secrets;
pub mod setup;
pub mod stack;
pub mod test;
