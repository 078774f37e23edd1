//! The summary of a run: counted while it runs, logged when it ends.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest duration that is resolved, in microseconds: one hour.
const LONGEST_US: u64 = 3_600_000_000;

/// A histogram of durations in microseconds, to three digits.
#[derive(Debug)]
struct Durations(Histogram<u64>);

impl Default for Durations {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the arguments are constants that the crate takes")]
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, 3).expect("bounds and digits are in range");
        Self(histogram)
    }
}

impl Durations {
    fn add(&mut self, duration: Duration) {
        self.0.saturating_record(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    fn quantile_ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1000.0
    }

    fn max_ms(&self) -> f64 {
        self.0.max() as f64 / 1000.0
    }
}

#[derive(Debug, Default)]
struct Counts {
    races: HashSet<String>,
    polls: u64,
    failed: u64,
    spooled: u64,
    unchanged: u64,
    misses: u64,
    fetch: Durations,
    store: Durations,
    visible: Durations,
    late: Durations,
    age: Durations,
}

/// How a poll ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Staged and processed.
    Processed,
    /// The response was the same as the last one.
    Unchanged,
    /// In the spool until the database is available again.
    Spooled,
    /// No response, or one that could neither be stored nor processed.
    Failed,
}

/// The counts of one run, shared by its workers.
#[derive(Debug, Default)]
pub struct Summary {
    counts: Mutex<Counts>,
}

impl Summary {
    /// Counts a poll that has begun, how late it was, and the slots missed before it.
    pub fn begun(&self, race_id: &str, late: Duration, missed: u64) {
        let mut counts = self.counts();
        if !counts.races.contains(race_id) {
            counts.races.insert(race_id.to_owned());
        }
        counts.polls += 1;
        counts.misses += missed;
        counts.late.add(late);
    }

    /// Counts a response, by the time since its poll began.
    pub fn fetched(&self, duration: Duration) {
        self.counts().fetch.add(duration);
    }

    /// Counts a stored response: the round trip, and the time since its poll began.
    pub fn stored(&self, round_trip: Duration, since_begun: Duration) {
        let mut counts = self.counts();
        counts.store.add(round_trip);
        counts.visible.add(since_begun);
    }

    /// Counts the age of the data that a poll brought shortly before a start, in seconds of database time.
    pub fn aged(&self, age_s: f64) {
        self.counts().age.add(Duration::try_from_secs_f64(age_s).unwrap_or_default());
    }

    /// Counts a poll that has ended.
    pub fn ended(&self, outcome: Outcome) {
        let mut counts = self.counts();
        match outcome {
            Outcome::Processed => {}
            Outcome::Unchanged => counts.unchanged += 1,
            Outcome::Spooled => counts.spooled += 1,
            Outcome::Failed => counts.failed += 1,
        }
    }

    /// Logs the summary. `cargo xtask demo` reads this line.
    pub fn log(&self) {
        let counts = self.counts();
        tracing::info!(
            races = counts.races.len(),
            polls = counts.polls,
            misses = counts.misses,
            failed = counts.failed,
            unchanged = counts.unchanged,
            spooled = counts.spooled,
            fetch_ms_p50 = counts.fetch.quantile_ms(0.5),
            fetch_ms_p95 = counts.fetch.quantile_ms(0.95),
            fetch_ms_max = counts.fetch.max_ms(),
            store_ms_p50 = counts.store.quantile_ms(0.5),
            store_ms_p95 = counts.store.quantile_ms(0.95),
            store_ms_max = counts.store.max_ms(),
            visible_ms_p50 = counts.visible.quantile_ms(0.5),
            visible_ms_p95 = counts.visible.quantile_ms(0.95),
            visible_ms_max = counts.visible.max_ms(),
            late_ms_p50 = counts.late.quantile_ms(0.5),
            late_ms_p99 = counts.late.quantile_ms(0.99),
            late_ms_max = counts.late.max_ms(),
            age_ms_p50 = counts.age.quantile_ms(0.5),
            age_ms_p95 = counts.age.quantile_ms(0.95),
            age_ms_max = counts.age.max_ms(),
            "fetcher summary"
        );
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_durations_added() {
        let mut durations = Durations::default();
        for duration_ms in 1..=100 {
            durations.add(Duration::from_millis(duration_ms));
        }
        assert!((durations.quantile_ms(0.5) - 50.0).abs() < 0.1, "{}", durations.quantile_ms(0.5));
        assert!((durations.quantile_ms(0.95) - 95.0).abs() < 0.1, "{}", durations.quantile_ms(0.95));
        assert!((durations.max_ms() - 100.0).abs() < 0.1, "{}", durations.max_ms());
    }

    #[test]
    fn a_race_is_counted_once_and_each_of_its_polls() {
        let summary = Summary::default();
        summary.begun("a", Duration::ZERO, 0);
        summary.begun("a", Duration::ZERO, 2);
        summary.begun("b", Duration::ZERO, 0);
        let counts = summary.counts();
        assert_eq!((counts.races.len(), counts.polls, counts.misses), (2, 3, 2));
    }
}
