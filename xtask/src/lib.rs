//! Raceday's developer commands as a library.
//!
//! The crate `raceday-stack` starts the servers, for the end-to-end tests too.

pub mod commands;
pub mod compare;
pub mod demo;
pub mod progress;
pub mod running;
pub mod setup;
pub mod test;
