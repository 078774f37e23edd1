//! How far the TAB's clock is ahead of the database's, as far as responses bound it.

/// How fast the bounds widen, in seconds per second: clocks drift.
const DRIFT: f64 = 1e-4;
/// A difference beyond this is a mistake, not a clock.
const LIMIT_S: f64 = 300.0;

/// Bounds of the TAB's clock minus ours, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Skew {
    least_s: f64,
    most_s: f64,
    at_s: f64,
}

impl Default for Skew {
    /// Nothing is known.
    fn default() -> Self {
        Self { least_s: f64::NEG_INFINITY, most_s: f64::INFINITY, at_s: 0.0 }
    }
}

impl Skew {
    /// Learns from a response. `sent_s` and `received_s` are ours; `date_s` (whole seconds, rounded down) and `generated_s` are
    /// the TAB's.
    pub fn observe(&mut self, sent_s: f64, received_s: f64, date_s: Option<f64>, generated_s: Option<f64>) {
        let plausible = |theirs_s: &f64| (theirs_s - received_s).abs() < LIMIT_S;
        let (date_s, generated_s) = (date_s.filter(plausible), generated_s.filter(plausible));
        let least = [date_s, generated_s].into_iter().flatten().map(|theirs_s| theirs_s - received_s);
        let least_s = least.fold(f64::NEG_INFINITY, f64::max);
        let most_s = date_s.map_or(f64::INFINITY, |date_s| date_s + 1.0 - sent_s);
        let widened_s = (received_s - self.at_s).max(0.0) * DRIFT;
        self.least_s = (self.least_s - widened_s).max(least_s);
        self.most_s = (self.most_s + widened_s).min(most_s);
        self.at_s = received_s;
        // A clock was set: only this response counts.
        if self.least_s > self.most_s {
            (self.least_s, self.most_s) = (least_s.min(most_s), most_s);
        }
    }

    /// The TAB's time in ours. Clocks that may be equal are taken to be.
    pub fn ours_s(&self, theirs_s: f64) -> f64 {
        theirs_s - 0.0_f64.max(self.least_s).min(self.most_s)
    }
}
