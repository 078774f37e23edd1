//! Simulated time and the source's refresh grid.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::rng;

/// Seconds between two refreshes of the source.
pub const REFRESH_S: i64 = 15;

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

/// One refresh of the source: the data are as of `grid`, and the response is generated slightly later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tick {
    /// Unix seconds, a multiple of [`REFRESH_S`].
    pub grid: i64,
    /// Nanoseconds from `grid` to the generation of the response; less than half a second.
    pub built_after_ns: u32,
}

impl Tick {
    /// The latest refresh of a race or list (`id`) at a time.
    #[must_use]
    pub fn latest(seed: u64, id: u64, at: DateTime<Utc>) -> Self {
        let grid = at.timestamp().div_euclid(REFRESH_S) * REFRESH_S;
        let tick = Self::of(seed, id, grid);
        if tick.generated() <= at { tick } else { Self::of(seed, id, grid - REFRESH_S) }
    }

    fn of(seed: u64, id: u64, grid: i64) -> Self {
        let spread = rng::hash(seed, &[id, grid.unsigned_abs(), 3]) % 450_000_000;
        Self { grid, built_after_ns: 20_000_000 + u32::try_from(spread).unwrap_or_default() }
    }

    /// When the response was generated.
    #[must_use]
    pub fn generated(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.grid, self.built_after_ns).unwrap_or_default()
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

/// Unix seconds as RFC 3339.
#[must_use]
pub fn rfc3339(unix: i64) -> String {
    DateTime::from_timestamp(unix, 0).unwrap_or_default().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
