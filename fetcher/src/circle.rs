//! A distribution over the moments within a period: how likely the data change at each.

use serde::{Deserialize, Serialize};

/// The parts into which a period is divided.
pub const PARTS: usize = 60;

/// A probability per part of the period. Times are seconds since 1970, taken modulo the period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Circle {
    mass: Vec<f64>,
}

impl Default for Circle {
    /// Nothing is known.
    fn default() -> Self {
        Self { mass: vec![1.0 / PARTS as f64; PARTS] }
    }
}

/// A moment within the period, and the mean age of the data then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Best {
    /// Seconds after a multiple of the period.
    pub phase_s: f64,
    /// In seconds.
    pub age_s: f64,
}

impl Circle {
    /// Whether it was stored by this version, and so can be computed with.
    pub fn is_valid(&self) -> bool {
        let sum: f64 = self.mass.iter().sum();
        self.mass.len() == PARTS && self.mass.iter().all(|mass| *mass >= 0.0) && (sum - 1.0).abs() < 0.01
    }

    /// Gives the span from `from_s` to `to_s` the share `weight`, evenly, and leaves the rest to what was known.
    pub fn add(&mut self, from_s: f64, to_s: f64, period_s: f64, weight: f64) {
        let cover = cover(from_s, to_s, period_s);
        let total: f64 = cover.iter().sum();
        for (mass, cover) in self.mass.iter_mut().zip(cover) {
            *mass = *mass * (1.0 - weight) + weight * cover / total;
        }
        self.normalise();
    }

    /// Makes moments within the span more likely by `inside`, and the others by `outside`.
    pub fn weigh(&mut self, from_s: f64, to_s: f64, period_s: f64, inside: f64, outside: f64) {
        for (mass, cover) in self.mass.iter_mut().zip(cover(from_s, to_s, period_s)) {
            *mass *= outside + (inside - outside) * cover;
        }
        self.normalise();
    }

    /// Forgets a share of what is known.
    pub fn forget(&mut self, share: f64) {
        for mass in &mut self.mass {
            *mass = *mass * (1.0 - share) + share / PARTS as f64;
        }
    }

    /// The probability of the span.
    pub fn probability(&self, from_s: f64, to_s: f64, period_s: f64) -> f64 {
        self.mass.iter().zip(cover(from_s, to_s, period_s)).map(|(mass, cover)| mass * cover).sum()
    }

    /// The moment at which the data are youngest on average. The end of a part, so that a change within it has happened.
    pub fn best(&self, period_s: f64) -> Best {
        let part_s = period_s / PARTS as f64;
        let parts_ago = |start: usize| ((PARTS - start) % PARTS) as f64 + 0.5;
        let mut age_s: f64 = self.mass.iter().enumerate().map(|(start, mass)| mass * parts_ago(start) * part_s).sum();
        let total: f64 = self.mass.iter().sum();
        let mut best = Best { phase_s: part_s, age_s };
        for (end, mass) in self.mass.iter().enumerate().skip(1) {
            // Everything is one part older, except what changes in this part.
            age_s += part_s * total - period_s * mass;
            // Not for a rounding error.
            if age_s < best.age_s - 1e-9 {
                best = Best { phase_s: (end + 1) as f64 * part_s % period_s, age_s };
            }
        }
        best
    }

    /// How long after `from_s` half of the probability has passed.
    pub fn median_after(&self, from_s: f64, period_s: f64) -> f64 {
        let part_s = period_s / PARTS as f64;
        let mut steps = (1..=PARTS).map(|step| step as f64 * part_s);
        steps.find(|step| self.probability(from_s, from_s + step, period_s) >= 0.5).unwrap_or(period_s)
    }

    /// How long before `to_s` half of the probability begins.
    pub fn median_before(&self, to_s: f64, period_s: f64) -> f64 {
        let part_s = period_s / PARTS as f64;
        let mut steps = (1..=PARTS).map(|step| (step as f64 - 0.5) * part_s);
        steps.find(|step| self.probability(to_s - step - part_s / 2.0, to_s, period_s) >= 0.5).unwrap_or(period_s)
    }

    fn normalise(&mut self) {
        let sum: f64 = self.mass.iter().sum();
        if sum > 0.0 {
            // Five digits, as it is stored with each poll.
            self.mass.iter_mut().for_each(|mass| *mass = (*mass / sum * 1e5).round() / 1e5);
        } else {
            *self = Self::default();
        }
    }
}

/// Which share of each part lies within the span.
fn cover(from_s: f64, to_s: f64, period_s: f64) -> [f64; PARTS] {
    let mut cover = [0.0; PARTS];
    let length_s = to_s - from_s;
    if length_s >= period_s {
        return [1.0; PARTS];
    }
    let part_s = period_s / PARTS as f64;
    let begin = from_s.rem_euclid(period_s);
    for (number, cover) in cover.iter_mut().enumerate() {
        let start = number as f64 * part_s;
        let overlap = |begin: f64| ((begin + length_s).min(start + part_s) - begin.max(start)).max(0.0);
        *cover = ((overlap(begin) + overlap(begin - period_s)) / part_s).min(1.0);
    }
    cover
}
