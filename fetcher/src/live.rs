//! The age of a live race's latest response, also during an outage of the database.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use metrics::gauge;

use crate::clock::Clock;

/// Since when a live race has had nothing new in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// The database has not been asked yet.
    Unknown,
    /// No race is live.
    NoneLive,
    /// The latest response of the race that has waited longest, in database time.
    At(DateTime<Utc>),
}

/// The gauge `raceday_oldest_live_payload_age_seconds`: what the database last reported, plus the time since.
#[derive(Debug)]
pub struct LiveAge {
    clock: Arc<Clock>,
    since: Mutex<Since>,
}

impl LiveAge {
    /// An age that is unknown, and so not shown, until the database reports one.
    pub fn new(clock: Arc<Clock>) -> Self {
        Self { clock, since: Mutex::new(Since::Unknown) }
    }

    /// Records the age that the database reports, in seconds of its time; 0 when no race is live.
    pub fn reported(&self, age_s: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "a race is live for minutes")]
        let age = TimeDelta::microseconds((age_s * 1e6) as i64);
        self.set(if age_s > 0.0 { Since::At(self.clock.now() - age) } else { Since::NoneLive });
    }

    /// Records a live race's poll during an outage: the race may have become live since the database last reported.
    pub fn polled_in_outage(&self, due_at: DateTime<Utc>) {
        if self.since() == Since::NoneLive {
            self.set(Since::At(due_at));
        }
    }

    /// Sets the gauge to the present age.
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
    fn the_age_grows_in_database_time_until_the_database_reports_again() {
        let age = LiveAge::new(clock());
        assert_eq!(shown(&age), None, "nothing is known yet");
        age.reported(200.0);
        std::thread::sleep(Duration::from_millis(100));
        assert!(shown(&age).unwrap() >= 201.0);
        age.reported(3.0);
        assert!(shown(&age).unwrap() < 200.0);
        age.reported(0.0);
        assert_eq!(shown(&age), Some(0.0));
    }

    #[test]
    fn a_race_that_becomes_live_during_an_outage_counts_from_its_first_poll() {
        let clock = clock();
        let age = LiveAge::new(clock.clone());
        age.reported(0.0);
        assert_eq!(shown(&age), Some(0.0), "no race is live");
        age.polled_in_outage(clock.now() - TimeDelta::seconds(70));
        age.polled_in_outage(clock.now());
        assert!(shown(&age).unwrap() >= 70.0);
    }
}
