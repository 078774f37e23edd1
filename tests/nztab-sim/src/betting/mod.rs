//! The betting on a race: who bets how much on which runner, and when.
//!
//! [`smooth`] is a closed form without chance, for recordings and examples that are worked out on paper; [`tape`] is a
//! list of bets that a crowd, computer teams and insiders placed one by one.

mod bettors;
mod crowd;
mod flow;
mod late;
mod prices;
mod smooth;
mod tape;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

pub use self::late::{Backed, Intent, Kind, Plunge};
pub use self::tape::{Bet, Bettor, Product, Tape};

use self::smooth::Smooth;
use crate::draw::gauss;
use crate::fate::Fate;
use crate::ids::Key;
use crate::rng;
use crate::tote::Tote;

/// A thin race's pools relative to others.
const THIN: f64 = 0.01;
/// The spread of the logarithm of opening shares.
const OPENING_SPREAD: f64 = 0.85;

/// The pools other than Win and Place, and their size relative to the win pool.
pub const EXOTICS: [(&str, f64); 5] =
    [("Trifecta", 0.87), ("FirstFour", 0.5), ("Quinella", 0.58), ("Exacta", 0.31), ("EarlyQuadrella", 0.88)];
/// The exotic pools whose money on each runner for first place is known; the first of [`EXOTICS`].
pub const WITH_FIRST_LEGS: usize = 2;

/// The money on a race at a time, in cents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    /// The time, in Unix seconds.
    pub at: i64,
    /// In the win pool, per runner.
    pub win: Vec<i64>,
    /// In the place pool, per runner.
    pub place: Vec<i64>,
    /// At fixed odds, per runner.
    pub fixed: Vec<i64>,
    /// In each pool of [`EXOTICS`].
    pub exotics: [i64; EXOTICS.len()],
    /// In the first of [`EXOTICS`], per runner for first place.
    pub first_legs: [Vec<i64>; WITH_FIRST_LEGS],
    /// Whether each runner is scratched.
    pub scratched: Vec<bool>,
    /// How the tote turns its win and place pools into odds.
    pub tote: Tote,
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

/// What is known about a race before anyone bets on it.
#[derive(Debug, Clone)]
pub struct Outline {
    /// The start first advertised, in Unix seconds.
    pub first_start: i64,
    /// The last advertised start, in Unix seconds.
    pub start: i64,
    /// When the race starts, in Unix seconds.
    pub actual_start: i64,
    /// When betting ends, in Unix seconds.
    pub ends_at: i64,
    /// When each runner is scratched, in Unix seconds.
    pub scratched_at: Vec<Option<i64>>,
    /// About what the win pool will be, in cents.
    pub win_cents: f64,
    /// Bets are small, and some runners have none.
    pub thin: bool,
}

impl Outline {
    pub(crate) fn new(fate: &Fate, scratched_at: Vec<Option<i64>>, win_cents: f64, thin: bool) -> Self {
        Self {
            first_start: fate.first_start,
            start: fate.last_advertised_start(),
            actual_start: fate.actual_start,
            ends_at: fate.betting_ends_at(),
            scratched_at,
            win_cents,
            thin,
        }
    }

    fn scratched(&self, at: i64) -> Vec<bool> {
        self.scratched_at.iter().map(|out| out.is_some_and(|out| out <= at)).collect()
    }
}

/// How the betting on a race is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Pools are twice as large as others.
    pub rich: bool,
    /// Pools are a hundredth of others.
    pub thin: bool,
    /// Bets are placed one by one, instead of smoothly.
    pub lumpy: bool,
}

#[derive(Debug, Clone)]
enum Money {
    Smooth(Box<Smooth>),
    Tape(Tape),
}

/// The betting on a race.
#[derive(Debug, Clone)]
pub struct Market {
    outline: Outline,
    tote: Tote,
    money: Money,
}

impl Market {
    /// The market on a field of `scratched_at.len()` runners.
    #[must_use]
    pub fn new(seed: u64, key: Key, fate: &Fate, style: Style, scratched_at: Vec<Option<i64>>) -> Self {
        if !style.lumpy {
            return Self::smooth(seed, key, fate, style, scratched_at);
        }
        let mut rng = rng::stream(seed, "tape", key.number());
        let size = rng.random_range(7.6..11.0_f64) + if style.rich { 0.7 } else { 0.0 };
        let win_cents = size.exp() * 100.0 * if style.thin { THIN } else { 1.0 };
        let outline = Outline::new(fate, scratched_at, win_cents, style.thin);
        let intent = fate.insider.map(|insider| Intent::of_fate(&mut rng, &insider));
        Self::lumpy(&mut rng, outline, intent)
    }

    /// A market of single bets.
    #[must_use]
    pub fn lumpy(rng: &mut ChaCha8Rng, outline: Outline, intent: Option<Intent>) -> Self {
        let tote = Tote::draw(rng);
        let money = Money::Tape(crowd::draw(rng, &outline, intent));
        Self { outline, tote, money }
    }

    fn smooth(seed: u64, key: Key, fate: &Fate, style: Style, scratched_at: Vec<Option<i64>>) -> Self {
        let mut rng = rng::stream(seed, "market", key.number());
        let opening = opening(&mut rng, scratched_at.len());
        let win_cents = (rng.random_range(8.9..10.6_f64) + if style.rich { 0.7 } else { 0.0 }).exp() * 100.0;
        let win_cents = if style.thin { win_cents * THIN } else { win_cents };
        let outline = Outline::new(fate, scratched_at, win_cents, style.thin);
        let money = Money::Smooth(Box::new(Smooth::draw(&mut rng, &outline, opening, fate.insider.as_ref())));
        Self { outline, tote: Tote::PLAIN, money }
    }

    /// The insiders' bets, if any were planted.
    #[must_use]
    pub fn plunge(&self) -> Option<&Plunge> {
        match &self.money {
            Money::Smooth(smooth) => smooth.plunge(),
            Money::Tape(tape) => tape.plunge(),
        }
    }

    /// The bets, if they were placed one by one.
    #[must_use]
    pub fn tape(&self) -> Option<&Tape> {
        match &self.money {
            Money::Smooth(_) => None,
            Money::Tape(tape) => Some(tape),
        }
    }

    /// When a runner is scratched, in Unix seconds.
    #[must_use]
    pub fn scratched_at(&self, runner: usize) -> Option<i64> {
        self.outline.scratched_at[runner]
    }

    /// The money at a time (Unix seconds).
    #[must_use]
    pub fn book(&self, at: i64) -> Book {
        let scratched = self.outline.scratched(at);
        match &self.money {
            Money::Smooth(smooth) => smooth.book(&self.outline, at, scratched, self.tote),
            Money::Tape(tape) => tape.book(&self.outline, at, scratched, self.tote),
        }
    }

    /// The fixed-odds bookmaker's estimate of each runner's chance.
    #[must_use]
    pub fn chances(&self, book: &Book) -> Vec<f64> {
        let chances = match &self.money {
            Money::Smooth(smooth) => smooth.chances(book),
            Money::Tape(tape) => tape.chances(book.at).to_vec(),
        };
        normalised(standing(chances, &book.scratched))
    }

    /// The runners' true chances: their share of the final money, including the insiders'.
    #[must_use]
    pub fn worth(&self) -> Vec<f64> {
        let book = self.book(self.outline.ends_at);
        let held = (0..book.win.len()).map(|runner| book.held(runner) as f64).collect();
        normalised(standing(held, &book.scratched))
    }
}

/// Draws a field's opening shares.
fn opening(rng: &mut ChaCha8Rng, field: usize) -> Vec<f64> {
    normalised((0..field).map(|_| (OPENING_SPREAD * gauss(rng)).exp()).collect())
}

/// The values, with 0 for scratched runners.
fn standing(mut values: Vec<f64>, scratched: &[bool]) -> Vec<f64> {
    for (value, out) in values.iter_mut().zip(scratched) {
        if *out {
            *value = 0.0;
        }
    }
    values
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

/// The runner with this rank by opening shares among those that are never scratched.
fn ranked(opening: &[f64], scratched_at: &[Option<i64>], rank: usize) -> usize {
    let mut order: Vec<usize> = (0..opening.len()).filter(|runner| scratched_at[*runner].is_none()).collect();
    order.sort_by(|a, b| opening[*b].total_cmp(&opening[*a]));
    order.get(rank).or(order.last()).copied().unwrap_or_default()
}

/// Whole cents, rounded down.
#[expect(clippy::cast_possible_truncation, reason = "pools are far below 2^52 cents")]
fn whole(cents: f64) -> i64 {
    cents.max(0.0).floor() as i64
}
