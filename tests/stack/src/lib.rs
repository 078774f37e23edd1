//! Raceday's real servers as guards: each stops what it started when dropped, and dies with its parent.
//!
//! `cargo xtask demo`, the end-to-end tests and the tools of `tests/tools` are built on it.

pub mod cluster;
mod fetcher;
pub mod layout;
mod live;
mod nginx;
mod ports;
mod postgres;
pub mod postgrest_conf;
mod process;
mod programs;
pub mod random;
mod rest;
mod rotation;
pub mod secrets;
mod simulator;
mod wait;

pub use fetcher::Fetcher;
pub use layout::{Layout, Prefix};
pub use live::Live;
pub use nginx::{Nginx, NginxOptions, fill_template};
pub use ports::{Ports, free_port};
pub use postgres::{Postgres, PostgresOptions, psql, simulated_clock};
pub use process::{Process, ProcessSpec, Signal, unprivileged};
pub use programs::on_path;
pub use rest::{Rest, RestOptions, RestServer};
pub use simulator::{Simulator, SimulatorOptions};
pub use wait::{http_get, http_ok, wait_until};
