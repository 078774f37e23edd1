//! How old the newest answer of a live race is, also while the database is away and does not say.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use metrics::gauge;

use crate::clock::Clock;

/// The cadence of a race's last minutes; the alert on overdue polls means the same.
const LIVE_CADENCE_S: i32 = 15;

/// Since when a live race has had nothing new in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// The database has not been asked yet.
    Unknown,
    /// No race is live.
    NoneLive,
    /// The newest answer of the race that has waited longest, in database time.
    At(DateTime<Utc>),
}

/// The gauge `raceday_oldest_live_payload_age_seconds`: what the database said last, and the time since.
#[derive(Debug)]
pub struct LiveAge {
    clock: Arc<Clock>,
    since: Mutex<Since>,
}

impl LiveAge {
    /// Nothing known yet, and so nothing shown.
    pub fn new(clock: Arc<Clock>) -> Self {
        Self { clock, since: Mutex::new(Since::Unknown) }
    }

    /// Notes what the database says: seconds of its time, 0 when no race is live.
    pub fn heard(&self, age_s: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "a race is live for minutes")]
        let age = TimeDelta::microseconds((age_s * 1e6) as i64);
        self.set(if age_s > 0.0 { Since::At(self.clock.now() - age) } else { Since::NoneLive });
    }

    /// Notes a poll while the database is away: a race may have become live that it has not spoken of.
    pub fn polled_unheard(&self, cadence_s: i32, due_at: DateTime<Utc>) {
        if cadence_s <= LIVE_CADENCE_S && self.since() == Since::NoneLive {
            self.set(Since::At(due_at));
        }
    }

    /// Sets the gauge to what it is now.
    pub fn show(&self) {
        let age_s = match self.since() {
            Since::Unknown => return,
            Since::NoneLive => 0.0,
            Since::At(moment) => (self.clock.now() - moment).as_seconds_f64(),
        };
        gauge!("raceday_oldest_live_payload_age_seconds").set(age_s);
    }

    fn since(&self) -> Since {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, since: Since) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    /// A database's clock that runs ten times as fast.
    fn clock() -> Arc<Clock> {
        let clock = Clock::default();
        clock.read(Utc::now(), Instant::now(), 10.0);
        Arc::new(clock)
    }

    fn shown(age: &LiveAge) -> Option<f64> {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || age.show());
        let text = recorder.handle().render();
        let value = |line: &str| line.strip_prefix("raceday_oldest_live_payload_age_seconds ")?.parse().ok();
        text.lines().find_map(value)
    }

    #[test]
    fn it_grows_in_the_database_s_time_until_the_database_speaks_again() {
        let age = LiveAge::new(clock());
        assert_eq!(shown(&age), None, "nothing is known yet");
        age.heard(200.0);
        std::thread::sleep(Duration::from_millis(100));
        assert!(shown(&age).unwrap() >= 201.0);
        age.heard(3.0);
        assert!(shown(&age).unwrap() < 200.0);
        age.heard(0.0);
        assert_eq!(shown(&age), Some(0.0));
    }

    #[test]
    fn a_race_that_becomes_live_while_the_database_is_away_counts_from_its_first_poll() {
        let clock = clock();
        let age = LiveAge::new(clock.clone());
        age.heard(0.0);
        age.polled_unheard(30, clock.now() - TimeDelta::seconds(90));
        assert_eq!(shown(&age), Some(0.0), "it is not live");
        age.polled_unheard(15, clock.now() - TimeDelta::seconds(70));
        age.polled_unheard(15, clock.now());
        assert!(shown(&age).unwrap() >= 70.0);
    }
}
