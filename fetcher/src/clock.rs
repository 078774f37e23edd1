//! Database time in the fetcher: what `raceday.now()` would return, without a query.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// A reading of the database's clock, and its rate (1 unless simulated).
#[derive(Debug, Clone, Copy)]
struct Reading {
    database: DateTime<Utc>,
    at: Instant,
    rate: f64,
}

/// The database's clock, extrapolated from its last reading by this machine's monotonic clock.
#[derive(Debug)]
pub struct Clock {
    reading: RwLock<Reading>,
}

impl Default for Clock {
    /// This machine's clock, until the database's is read.
    fn default() -> Self {
        Self { reading: RwLock::new(Reading { database: Utc::now(), at: Instant::now(), rate: 1.0 }) }
    }
}

impl Clock {
    /// Records a reading that was requested at `asked` and has just arrived.
    pub fn read(&self, database: DateTime<Utc>, asked: Instant, rate: f64) {
        // The statement began half a round trip after it was sent.
        let at = asked + asked.elapsed() / 2;
        *self.reading.write().unwrap_or_else(PoisonError::into_inner) = Reading { database, at, rate };
    }

    /// Database time now.
    pub fn now(&self) -> DateTime<Utc> {
        let reading = self.reading();
        let elapsed_us = reading.at.elapsed().as_secs_f64() * reading.rate * 1e6;
        #[expect(clippy::cast_possible_truncation, reason = "microseconds of a process's life fit")]
        let elapsed = TimeDelta::microseconds(elapsed_us as i64);
        reading.database + elapsed
    }

    /// Database time at a moment of this process.
    pub fn at(&self, moment: Instant) -> DateTime<Utc> {
        let ago_us = moment.elapsed().as_secs_f64() * self.rate() * 1e6;
        #[expect(clippy::cast_possible_truncation, reason = "microseconds of a process's life fit")]
        let ago = TimeDelta::microseconds(ago_us as i64);
        self.now() - ago
    }

    /// The real time until the database's clock reaches `time`; zero if it has passed.
    pub fn until(&self, time: DateTime<Utc>) -> Duration {
        let seconds = (time - self.now()).as_seconds_f64() / self.reading().rate;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
    }

    /// Seconds of database time per real second.
    pub fn rate(&self) -> f64 {
        self.reading().rate
    }

    fn reading(&self) -> Reading {
        *self.reading.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_is_extrapolated_at_its_rate() {
        let clock = Clock::default();
        let noon: DateTime<Utc> = "2025-11-23T12:00:00Z".parse().unwrap();
        // Requested ten seconds ago, so five or ten seconds old, depending on the half round trip.
        clock.read(noon, Instant::now().checked_sub(Duration::from_secs(10)).unwrap(), 10.0);
        let now = clock.now();
        assert!((now - noon).as_seconds_f64() >= 50.0, "{now}");
        assert!((now - noon).as_seconds_f64() < 60.0, "{now}");
        let until = clock.until(now + TimeDelta::seconds(100));
        assert!(until <= Duration::from_secs(10) && until > Duration::from_secs(9), "{until:?}");
    }

    #[test]
    fn the_past_is_zero_time_ahead() {
        let clock = Clock::default();
        assert_eq!(clock.until(clock.now() - TimeDelta::hours(1)), Duration::ZERO);
    }
}
