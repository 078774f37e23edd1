//! The real servers as guards: each stops what it started when dropped, and dies with its parent.

mod fetcher;
mod nginx;
mod ports;
mod postgres;
mod process;
mod rest;
mod simulator;
mod wait;

pub use fetcher::Fetcher;
pub use nginx::{Nginx, NginxOptions, fill_template};
pub use ports::{Ports, free_port};
pub(crate) use postgres::random_password;
pub use postgres::{PartmanWorker, Postgres, PostgresOptions, psql, simulated_clock};
pub use process::{Process, ProcessSpec, Signal, unprivileged};
pub(crate) use rest::on_path;
pub use rest::{Rest, RestOptions, RestServer};
pub use simulator::{Simulator, SimulatorOptions};
pub use wait::{http_get, http_ok, wait_until};
