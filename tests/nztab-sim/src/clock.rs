//! Simulated time, and times as text.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// A clock that starts at a simulated epoch and runs `speed` times as fast as real time.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    real_epoch: DateTime<Utc>,
    simulated_epoch: DateTime<Utc>,
    speed: f64,
}

/// A clock's reading and settings.
#[derive(Debug, Clone, Serialize)]
pub struct ClockFace {
    /// The simulated time.
    pub now: DateTime<Utc>,
    /// Simulated seconds per real second.
    pub speed: f64,
    /// The real time at which the clock was started, in milliseconds since 1970.
    pub real_epoch_ms: i64,
    /// The simulated time at which the clock was started.
    pub simulated_epoch: DateTime<Utc>,
}

impl Clock {
    /// Starts a clock now.
    #[must_use]
    pub fn start(simulated_epoch: DateTime<Utc>, speed: f64) -> Self {
        Self { started: Instant::now(), real_epoch: Utc::now(), simulated_epoch, speed }
    }

    /// The simulated time.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a simulation lasts less than 292 000 years")]
    pub fn now(&self) -> DateTime<Utc> {
        let elapsed_us = self.started.elapsed().as_secs_f64() * self.speed * 1e6;
        self.simulated_epoch + TimeDelta::microseconds(elapsed_us as i64)
    }

    /// The reading and settings.
    #[must_use]
    pub fn face(&self) -> ClockFace {
        ClockFace {
            now: self.now(),
            speed: self.speed,
            real_epoch_ms: self.real_epoch.timestamp_millis(),
            simulated_epoch: self.simulated_epoch,
        }
    }
}

/// A time in the vendor's format: nanoseconds without trailing zeros.
#[must_use]
pub fn nanoseconds(at: DateTime<Utc>) -> String {
    let fraction = format!("{:09}", at.timestamp_subsec_nanos());
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{}{dot}{fraction}Z", at.format("%Y-%m-%dT%H:%M:%S"))
}

/// A time as the header `Date` has it.
#[must_use]
pub fn http_date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Unix seconds as RFC 3339.
#[must_use]
pub fn rfc3339(unix: i64) -> String {
    DateTime::from_timestamp(unix, 0).unwrap_or_default().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
