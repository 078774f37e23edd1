//! The habits of a race's crowd: how many bets, when and how large.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Outline;
use super::smooth::{OPENS_BEFORE_S, TERMS};
use super::tape::Product;
use crate::draw::{self, gauss};

/// The mean of a bet to win, in cents, in a race of average size; in other products, relative to it.
const MEAN_CENTS: f64 = 13_500.0;
const RELATIVE: [f64; Product::ALL.len()] = [1.0, 0.7, 1.0, 0.35, 0.35];
/// Bets in a thin race relative to others.
const THIN: f64 = 0.04;
/// The pools' final sizes relative to the win pool.
pub const SIZES: [f64; Product::ALL.len()] = [1.0, 0.43, 1.6, 0.87, 0.5];
/// The win pool of a race of average size, in cents, and how bets grow with pools.
const AVERAGE_CENTS: f64 = 2_000_000.0;
const GROWTH: f64 = 0.2;
/// Early bets are small: the size relative to the mean above these seconds to the start.
const BY_TIME: [(i64, f64); 3] = [(3600, 0.35), (600, 0.7), (i64::MIN, 1.2)];
/// No one of the crowd spoils his own odds: a bet is at most this part of the pool as it is, or this many cents.
const CAP: f64 = 0.06;
const CAP_CENTS: f64 = 5_000.0;
/// How much races differ in when their money comes.
const TIMING_SPREAD: f64 = 0.3;

/// The distribution of sizes, with mean 1.
#[derive(Debug, Clone, Copy)]
enum Sizes {
    LogNormal(f64),
    Gamma(f64),
}

/// A race's crowd.
#[derive(Debug)]
pub struct Bettors {
    sizes: Sizes,
    mean_cents: f64,
    win_cents: f64,
    actual_start: i64,
    /// When each bet on a product is placed, in order.
    arrivals: [Vec<i64>; Product::ALL.len()],
}

impl Bettors {
    /// Draws a crowd.
    pub fn draw(rng: &mut ChaCha8Rng, outline: &Outline) -> Self {
        let grown = (outline.win_cents / AVERAGE_CENTS).powf(GROWTH).clamp(0.5, 1.6);
        let scale = (0.2 * gauss(rng)).exp() * if outline.thin { THIN } else { grown };
        let mut bettors = Self {
            sizes: Sizes::draw(rng),
            mean_cents: MEAN_CENTS * scale,
            win_cents: outline.win_cents,
            actual_start: outline.actual_start,
            arrivals: Default::default(),
        };
        let weights = TERMS.map(|(_, part)| part * (TIMING_SPREAD * gauss(rng)).exp());
        bettors.arrivals = Product::ALL.map(|product| bettors.times(rng, outline, &weights, product));
        bettors
    }

    /// The number of bets on a product placed from one time until before another.
    pub fn between(&self, product: Product, from: i64, to: i64) -> &[i64] {
        let all = &self.arrivals[product as usize];
        &all[all.partition_point(|at| *at < from)..all.partition_point(|at| *at < to)]
    }

    /// Draws the size of a bet in a pool, in cents: whole dollars, except in exotics, whose bets are divided among combinations.
    #[expect(clippy::cast_possible_truncation, reason = "capped at a part of a pool")]
    pub fn size(&self, rng: &mut ChaCha8Rng, product: Product, at: i64, pool_cents: f64) -> i64 {
        let to_start = self.actual_start - at;
        let by_time = BY_TIME.iter().find(|(above, _)| to_start > *above).map_or(1.0, |(_, size)| *size);
        let cents = self.sizes.sample(rng) * self.mean_cents * RELATIVE[product as usize] * by_time;
        let cents = cents.min((CAP * pool_cents).max(CAP_CENTS));
        match product {
            Product::Trifecta | Product::FirstFour => (cents as i64).max(1),
            _ => (cents / 100.0).round().max(1.0) as i64 * 100,
        }
    }

    /// Draws when bets on a product are placed.
    #[expect(clippy::cast_possible_truncation, reason = "seconds")]
    fn times(
        &self,
        rng: &mut ChaCha8Rng,
        outline: &Outline,
        weights: &[f64; TERMS.len()],
        product: Product,
    ) -> Vec<i64> {
        let expected = self.win_cents * SIZES[product as usize] / (self.mean_cents * RELATIVE[product as usize]);
        let total: f64 = weights.iter().sum();
        let mut times: Vec<i64> = (0..draw::count(rng, expected))
            .map(|_| {
                let mut draw = rng.random_range(0.0..total);
                let term = weights.iter().position(|weight| {
                    draw -= weight;
                    draw < 0.0
                });
                let (constant_s, _) = TERMS[term.unwrap_or(TERMS.len() - 1)];
                let before_s = draw::wait(rng, constant_s) as i64;
                outline.actual_start - 1 - before_s.min(OPENS_BEFORE_S - 3600)
            })
            .collect();
        times.sort_unstable();
        times
    }
}

impl Sizes {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        if rng.random_bool(0.5) {
            Self::LogNormal(rng.random_range(0.8..1.3))
        } else {
            Self::Gamma(rng.random_range(0.5..1.5))
        }
    }

    fn sample(self, rng: &mut ChaCha8Rng) -> f64 {
        match self {
            Self::LogNormal(sigma) => draw::log_normal(rng, sigma),
            Self::Gamma(shape) => draw::gamma(rng, shape),
        }
    }
}
