//! Which runners the crowd prefers at the moment.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::normalised;
use crate::draw::gauss;

/// How far the crowd leans to the bookmaker's prices rather than to the pool, early and in the last two minutes.
const LEANS: [f64; 2] = [0.25, 0.6];
/// The spread of its leaning within a race, and the time constant of its changes in seconds.
const LEAN_SPREAD: f64 = 0.2;
const LEAN_S: f64 = 180.0;
/// The spread of its mood on a runner (in the logarithm of its share), and the time constants of its changes in seconds.
const MOODS: std::ops::Range<f64> = 0.08..0.3;
const MOODS_S: std::ops::Range<f64> = 45.0..300.0;

/// The crowd's preferences, which wander between the pool's shares and the bookmaker's prices.
#[derive(Debug)]
pub struct Flow {
    lean: f64,
    moods: Vec<f64>,
    spread: f64,
    constant_s: f64,
}

impl Flow {
    /// Draws the preferences at the opening.
    pub fn draw(rng: &mut ChaCha8Rng, field: usize) -> Self {
        let (spread, constant_s) = (rng.random_range(MOODS), rng.random_range(MOODS_S));
        let moods = (0..field).map(|_| spread * gauss(rng)).collect();
        Self { lean: LEAN_SPREAD * gauss(rng), moods, spread, constant_s }
    }

    /// Lets seconds pass.
    pub fn pass(&mut self, rng: &mut ChaCha8Rng, seconds: i64) {
        wander(rng, &mut self.lean, LEAN_SPREAD, seconds as f64 / LEAN_S);
        for mood in &mut self.moods {
            wander(rng, mood, self.spread, seconds as f64 / self.constant_s);
        }
    }

    /// The shares of the money that comes in now, from the pool's shares and the bookmaker's chances.
    pub fn shares(&self, pool: &[f64], chances: &[f64], to_start: i64) -> Vec<f64> {
        let lean = (LEANS[usize::from(to_start <= 120)] + self.lean).clamp(0.0, 1.0);
        let share = |runner: usize| ((1.0 - lean) * pool[runner] + lean * chances[runner]) * self.moods[runner].exp();
        normalised((0..pool.len()).map(share).collect())
    }
}

/// A step of an Ornstein-Uhlenbeck process around 0; `way` is the step in time constants.
fn wander(rng: &mut ChaCha8Rng, value: &mut f64, spread: f64, way: f64) {
    let kept = (-way).exp();
    *value = *value * kept + spread * (1.0 - kept * kept).sqrt() * gauss(rng);
}
