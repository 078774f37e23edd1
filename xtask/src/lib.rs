//! Raceday's developer commands as a library.
//!
//! The servers themselves are started by the crate `raceday-stack`, on which the end-to-end tests are built too.

pub mod commands;
pub mod compare;
pub mod demo;
pub mod progress;
pub mod running;
pub mod setup;
pub mod test;
