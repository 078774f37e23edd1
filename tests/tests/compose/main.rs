//! docker-compose.yml as an operator runs it, with a Docker engine of its own: `cargo xtask test --only compose`.
//!
//! The tests share one project and run one after another. Each leaves every service healthy.

mod demo;
mod faults;
mod hardened;
mod healthy;
mod project;
mod runbooks;
