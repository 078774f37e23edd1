//! The fixed-odds bookmaker.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::normalised;
use crate::draw::gauss;

/// The spread of the logarithm of a chance around the opening share, and its change per square root of a minute.
const SPREAD: f64 = 0.12;
const DRIFT: f64 = 0.015;
/// The most weight that the money of others has in a price.
const TRUST: f64 = 0.5;
/// The time constants in seconds by which prices follow.
const LAGS_S: std::ops::Range<f64> = 15.0..60.0;

/// The bookmaker's estimates of the runners' chances.
#[derive(Debug)]
pub struct Prices {
    anchor: Vec<f64>,
    posted: Vec<f64>,
    lag_s: f64,
    expected_cents: f64,
}

impl Prices {
    /// Draws the estimates at the opening.
    pub fn draw(rng: &mut ChaCha8Rng, opening: &[f64], expected_cents: f64) -> Self {
        let anchor = normalised(opening.iter().map(|share| share * (SPREAD * gauss(rng)).exp()).collect());
        Self { posted: anchor.clone(), anchor, lag_s: rng.random_range(LAGS_S), expected_cents }
    }

    /// Lets seconds pass, in which money of all kinds is on the runners as stated.
    pub fn pass(&mut self, rng: &mut ChaCha8Rng, seconds: i64, held_cents: &[i64]) {
        let spread = DRIFT * (seconds.min(3600) as f64 / 60.0).sqrt();
        for chance in &mut self.anchor {
            *chance *= (spread * gauss(rng)).exp();
        }
        let anchor = normalised(self.anchor.clone());
        let total = held_cents.iter().sum::<i64>() as f64;
        let trust = TRUST * (total / self.expected_cents).min(1.0);
        let followed = 1.0 - (-(seconds as f64) / self.lag_s).exp();
        for (runner, posted) in self.posted.iter_mut().enumerate() {
            let share = if total > 0.0 { held_cents[runner] as f64 / total } else { anchor[runner] };
            *posted += followed * ((1.0 - trust) * anchor[runner] + trust * share - *posted);
        }
    }

    /// The estimates now.
    pub fn chances(&self) -> &[f64] {
        &self.posted
    }
}
