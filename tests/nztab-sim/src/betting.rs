//! The betting: pools that grow towards the start, in closed form for each runner.
//!
//! A runner's money in a pool is a sum of terms `final amount × exp(-seconds to the start / time constant)`, each with its
//! own shares. So it can be computed for any time without a history, never falls, and drifts because late money has other
//! preferences than early money.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::fate::Fate;
use crate::ids::Key;
use crate::rng;

/// Each term's time constant in seconds and its share of a pool.
const TERMS: [(f64, f64); 4] = [(21_600.0, 0.12), (2_700.0, 0.2), (480.0, 0.28), (70.0, 0.4)];
/// How far each term's shares deviate from the opening shares.
const STRAY: [f64; 4] = [0.05, 0.12, 0.2, 0.3];
/// Seconds from the opening of betting to the start.
const OPENS_BEFORE_S: i64 = 48 * 3600;
/// Money comes in pulses: their period, and the seconds by which they shift it; less than `period / 2π`, so that pools never
/// shrink.
const PULSE_PERIOD_S: f64 = 47.0;
const PULSE_S: f64 = 4.0;

/// The size of a thin race's pools relative to others.
const THIN: f64 = 0.01;

/// The pools other than Win and Place, and their size relative to the win pool.
pub const EXOTICS: [(&str, f64); 5] =
    [("Trifecta", 0.87), ("FirstFour", 0.5), ("Quinella", 0.58), ("Exacta", 0.31), ("EarlyQuadrella", 0.88)];

/// The money on a race at a time, in cents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    /// In the win pool, per runner.
    pub win: Vec<i64>,
    /// In the place pool, per runner.
    pub place: Vec<i64>,
    /// At fixed odds, per runner.
    pub fixed: Vec<i64>,
    /// In each pool of [`EXOTICS`].
    pub exotics: [i64; EXOTICS.len()],
    /// Whether each runner is scratched.
    pub scratched: Vec<bool>,
}

impl Book {
    /// All money on a runner, in cents.
    #[must_use]
    pub fn held(&self, runner: usize) -> i64 {
        self.win[runner] + self.place[runner] + self.fixed[runner]
    }

    /// The win pool, in cents.
    #[must_use]
    pub fn win_total(&self) -> i64 {
        self.win.iter().sum()
    }

    /// The place pool, in cents.
    #[must_use]
    pub fn place_total(&self) -> i64 {
        self.place.iter().sum()
    }
}

/// The size of a race's pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Twice as large as others.
    pub rich: bool,
    /// A hundredth, in whole dollars.
    pub thin: bool,
}

#[derive(Debug, Clone)]
struct Pool {
    cents: f64,
    shares: [Vec<f64>; TERMS.len()],
}

/// An insider's bet.
#[derive(Debug, Clone, PartialEq)]
pub struct Plunge {
    /// The runner's index.
    pub runner: usize,
    /// When it begins, in Unix seconds.
    pub from: i64,
    /// When it ends, in Unix seconds.
    pub to: i64,
    /// Its amount in the win pool, in cents.
    pub cents: f64,
}

/// The betting on a race.
#[derive(Debug, Clone)]
pub struct Market {
    start: i64,
    ends_at: i64,
    win: Pool,
    place: Pool,
    fixed: Pool,
    pulses: Vec<f64>,
    opening: Vec<f64>,
    scratched_at: Vec<Option<i64>>,
    plunge: Option<Plunge>,
    /// The smallest amount on a runner in the win or place pool, in cents.
    grain: i64,
}

impl Market {
    /// The market on a field of `scratched_at.len()` runners.
    #[must_use]
    pub fn new(seed: u64, key: Key, fate: &Fate, depth: Depth, scratched_at: Vec<Option<i64>>) -> Self {
        let mut rng = rng::stream(seed, "market", key.number());
        let field = scratched_at.len();
        let opening = normalised((0..field).map(|_| (0.85 * gauss(&mut rng)).exp()).collect());
        let win_cents = (rng.random_range(8.9..10.6_f64) + if depth.rich { 0.7 } else { 0.0 }).exp() * 100.0;
        let win_cents = if depth.thin { win_cents * THIN } else { win_cents };
        let pool = |rng: &mut ChaCha8Rng, factor: f64, power: f64| Pool {
            cents: win_cents * factor,
            shares: STRAY.map(|stray| {
                normalised(opening.iter().map(|share| share.powf(power) * (stray * gauss(rng)).exp()).collect())
            }),
        };
        let (win, place, fixed) = (pool(&mut rng, 1.0, 1.0), pool(&mut rng, 0.43, 0.75), pool(&mut rng, 1.6, 1.1));
        let pulses = (0..field).map(|_| rng.random_range(0.0..std::f64::consts::TAU)).collect();
        let plunge = fate.insider.map(|insider| Plunge {
            runner: ranked(&opening, &scratched_at, insider.rank),
            from: fate.last_advertised_start() - insider.from_s,
            to: fate.last_advertised_start() - insider.to_s,
            cents: win_cents * insider.share / (1.0 - insider.share),
        });
        let (start, ends_at) = (fate.actual_start, fate.betting_ends_at());
        let grain = if depth.thin { 100 } else { 1 };
        Self { start, ends_at, win, place, fixed, pulses, opening, scratched_at, plunge, grain }
    }

    /// The insider's bet, if one was planted.
    #[must_use]
    pub fn plunge(&self) -> Option<&Plunge> {
        self.plunge.as_ref()
    }

    /// When a runner is scratched, in Unix seconds.
    #[must_use]
    pub fn scratched_at(&self, runner: usize) -> Option<i64> {
        self.scratched_at[runner]
    }

    /// The money at a time (Unix seconds).
    #[must_use]
    pub fn book(&self, at: i64) -> Book {
        let scratched: Vec<bool> = self.scratched_at.iter().map(|out| out.is_some_and(|out| out <= at)).collect();
        let coarse = |money: Vec<i64>| money.into_iter().map(|cents| cents / self.grain * self.grain).collect();
        let mut win: Vec<i64> = coarse(self.money(&self.win, at, &scratched));
        let place = coarse(self.money(&self.place, at, &scratched));
        let mut fixed = self.money(&self.fixed, at, &scratched);
        if let Some(plunge) = &self.plunge {
            let cents = plunge.cents * ramp(at.min(self.ends_at), plunge.from, plunge.to);
            win[plunge.runner] += whole(cents);
            fixed[plunge.runner] += whole(cents / 2.0);
        }
        let grown: f64 = self.decays(at, 0.0).iter().zip(TERMS).map(|(decay, (_, part))| decay * part).sum();
        let exotics = EXOTICS.map(|(_, factor)| whole(self.win.cents * factor * grown));
        Book { win, place, fixed, exotics, scratched }
    }

    /// The fixed-odds bookmaker's estimate of each runner's chance: the opening one, adjusted by the money so far.
    #[must_use]
    pub fn chances(&self, book: &Book) -> Vec<f64> {
        let held: Vec<f64> = (0..self.opening.len()).map(|runner| book.held(runner) as f64).collect();
        let total: f64 = held.iter().sum();
        let expected = self.win.cents + self.place.cents + self.fixed.cents;
        let trust = 0.75 * (total / expected).min(1.0);
        let chance = |runner: usize| match (book.scratched[runner], total > 0.0) {
            (true, _) => 0.0,
            (false, false) => self.opening[runner],
            (false, true) => (1.0 - trust) * self.opening[runner] + trust * held[runner] / total,
        };
        normalised((0..self.opening.len()).map(chance).collect())
    }

    /// The runners' true chances: their share of the final money, including the insider's.
    #[must_use]
    pub fn worth(&self) -> Vec<f64> {
        let book = self.book(self.ends_at);
        let held = (0..self.opening.len()).map(|runner| book.held(runner) as f64);
        normalised(held.zip(&book.scratched).map(|(held, out)| if *out { 0.0 } else { held }).collect())
    }

    fn money(&self, pool: &Pool, at: i64, scratched: &[bool]) -> Vec<i64> {
        let field = self.opening.len();
        let amounts: Vec<f64> = (0..field)
            .map(|runner| {
                let decays = self.decays(at, self.pulses[runner]);
                let terms = decays.iter().zip(TERMS).zip(&pool.shares);
                pool.cents * terms.map(|((decay, (_, part)), shares)| decay * part * shares[runner]).sum::<f64>()
            })
            .collect();
        // Bets on a scratched runner are refunded and placed on the others.
        let refunded: f64 = amounts.iter().zip(scratched).filter(|(_, out)| **out).map(|(amount, _)| amount).sum();
        let standing: f64 = self.opening.iter().zip(scratched).filter(|(_, out)| !**out).map(|(share, _)| share).sum();
        (0..field)
            .map(|runner| {
                if scratched[runner] { 0 } else { whole(amounts[runner] + refunded * self.opening[runner] / standing) }
            })
            .collect()
    }

    /// The part of each term that has come in by a time, 0 to 1.
    fn decays(&self, at: i64, pulse: f64) -> [f64; TERMS.len()] {
        let to_start = (self.start - at.min(self.ends_at)) as f64;
        if to_start > OPENS_BEFORE_S as f64 {
            return [0.0; TERMS.len()];
        }
        let phase = to_start / PULSE_PERIOD_S * std::f64::consts::TAU + pulse;
        let warped = (to_start + PULSE_S * (1.0 + phase.sin())).max(0.0);
        TERMS.map(|(constant, _)| (-warped / constant).exp())
    }
}

fn ranked(opening: &[f64], scratched_at: &[Option<i64>], rank: usize) -> usize {
    let mut order: Vec<usize> = (0..opening.len()).filter(|runner| scratched_at[*runner].is_none()).collect();
    order.sort_by(|a, b| opening[*b].total_cmp(&opening[*a]));
    order.get(rank).or(order.last()).copied().unwrap_or_default()
}

/// A smooth transition from 0 to 1.
fn ramp(at: i64, from: i64, to: i64) -> f64 {
    let way = ((at - from) as f64 / (to - from).max(1) as f64).clamp(0.0, 1.0);
    way * way * (3.0 - 2.0 * way)
}

fn normalised(mut shares: Vec<f64>) -> Vec<f64> {
    let total: f64 = shares.iter().sum();
    if total > 0.0 {
        for share in &mut shares {
            *share /= total;
        }
    }
    shares
}

/// Whole cents, rounded down.
#[expect(clippy::cast_possible_truncation, reason = "pools are far below 2^52 cents")]
fn whole(cents: f64) -> i64 {
    cents.max(0.0).floor() as i64
}

/// A standard normal number by the Box-Muller method.
pub fn gauss(rng: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = (rng.random_range(1e-9..1.0), rng.random_range(0.0..std::f64::consts::TAU));
    (-2.0 * radius.ln()).sqrt() * angle.cos()
}
