//! What the end-to-end suites share: databases, the REST stack, a race day with fetchers, requests and assertions.
//!
//! The servers themselves are guards of `raceday-stack`. The functions here panic instead of returning an error, which
//! fails the test that called them.

pub mod backed;
pub mod database;
pub mod http;
pub mod hub;
pub mod json;
pub mod payloads;
pub mod python;
pub mod repository;
pub mod scene;
pub mod shared;
pub mod simulated_day;
pub mod sse;
pub mod stack;
pub mod upstream;

use std::time::Duration;

/// The longest that a test waits for what it expects.
pub const PATIENCE: Duration = Duration::from_mins(3);
