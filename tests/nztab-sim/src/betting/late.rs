//! Late money with a purpose: insiders' plunges, and computer teams that back what they think is underbet.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::tape::{Bet, Bettor, Product};
use super::{Outline, ranked};
use crate::draw::gauss;
use crate::fate::Insider;

/// The smallest and largest share of the final win pool that a plunge is meant to reach.
const SHARES: std::ops::Range<f64> = 0.01..0.25;
/// The least share of a plunge that a programme is certain to have.
const CERTAIN_SHARE: f64 = 0.15;
/// How often computer teams bet on a race, and how much of the final win pool.
const TEAMS: f64 = 0.4;
const TEAM_SHARES: std::ops::Range<f64> = 0.03..0.15;
/// A runner on which a team bets has at least this chance.
const TEAM_CHANCE_MIN: f64 = 0.03;

/// How a plunge is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A few bets on one runner within seconds.
    Late,
    /// Many bets on one runner over minutes.
    Slow,
    /// On two or three runners.
    Several,
    /// In the trifecta and first-four pools only, with one runner first.
    Exotics,
}

/// A runner that insiders back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backed {
    /// The runner's index.
    pub runner: usize,
    /// The amount in the win pool or, in exotics only, in exotic pools; in cents.
    pub cents: f64,
    /// The amount's intended share of the final win pool.
    pub share: f64,
}

/// Insiders' bets on a race.
#[derive(Debug, Clone, PartialEq)]
pub struct Plunge {
    /// How they are placed.
    pub kind: Kind,
    /// When they begin, in Unix seconds.
    pub from: i64,
    /// When they end, in Unix seconds.
    pub to: i64,
    /// What they back, the largest amount first.
    pub backed: Vec<Backed>,
}

/// What insiders intend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intent {
    /// How they place their bets.
    pub kind: Kind,
    /// Their share of the final win pool.
    pub share: f64,
    /// Seconds from the first bet to the advertised start.
    pub from_s: i64,
    /// Seconds from the last bet to the advertised start.
    pub to_s: i64,
    /// The rank by opening shares of the runner that they back most, from 0; `None` for any but the favourite.
    pub rank: Option<usize>,
}

impl Intent {
    /// Draws an intent of any kind and size.
    pub fn draw(rng: &mut ChaCha8Rng) -> Self {
        let kind = match rng.random_range(0..20) {
            0..9 => Kind::Late,
            9..13 => Kind::Slow,
            13..17 => Kind::Several,
            _ => Kind::Exotics,
        };
        let slow = kind == Kind::Slow || kind != Kind::Late && rng.random_bool(0.5);
        let (from_s, lasts_s) = if slow {
            (rng.random_range(150..290), rng.random_range(60..200))
        } else {
            (rng.random_range(20..90), rng.random_range(5..45))
        };
        Self { kind, share: rng.random_range(SHARES), from_s, to_s: from_s - lasts_s, rank: None }
    }

    /// The intent of a race's insider: any, unless the programme is certain to have it.
    pub fn of_fate(rng: &mut ChaCha8Rng, insider: &Insider) -> Self {
        let drawn = Self::draw(rng);
        if !insider.certain {
            return drawn;
        }
        let share = insider.share.max(CERTAIN_SHARE);
        Self { kind: Kind::Late, share, from_s: insider.from_s, to_s: insider.to_s, rank: Some(insider.rank) }
    }
}

impl Plunge {
    /// Chooses the runners for an intent.
    pub fn draw(rng: &mut ChaCha8Rng, outline: &Outline, opening: &[f64], intent: &Intent) -> Self {
        let standing = outline.scratched_at.iter().filter(|out| out.is_none()).count();
        let ranks = 1..(standing / 2 + 1).max(2);
        let first = intent.rank.unwrap_or_else(|| rng.random_range(ranks));
        let count = if intent.kind == Kind::Several { rng.random_range(2..4) } else { 1 };
        let weights: Vec<f64> = (0..count).map(|_| rng.random_range(0.5..1.0)).collect();
        let total: f64 = weights.iter().sum();
        let cents = outline.win_cents * intent.share / (1.0 - intent.share);
        let mut backed: Vec<Backed> = Vec::new();
        for (index, weight) in weights.iter().enumerate() {
            let runner = ranked(opening, &outline.scratched_at, first + index);
            if backed.iter().all(|other| other.runner != runner) {
                let part = weight / total;
                backed.push(Backed { runner, cents: cents * part, share: intent.share * part });
            }
        }
        backed.sort_by(|a, b| b.cents.total_cmp(&a.cents));
        Self { kind: intent.kind, from: outline.start - intent.from_s, to: outline.start - intent.to_s, backed }
    }

    /// Its amount in the win pool, in cents; `None` in exotics only.
    #[must_use]
    pub fn win_cents(&self) -> Option<f64> {
        (self.kind != Kind::Exotics).then(|| self.backed.iter().map(|backed| backed.cents).sum())
    }

    /// The runners' indices.
    pub fn runners(&self) -> impl Iterator<Item = usize> {
        self.backed.iter().map(|backed| backed.runner)
    }

    /// Its bets, in no order.
    pub fn bets(&self, rng: &mut ChaCha8Rng) -> Vec<Bet> {
        let mut bets = Vec::new();
        let slow = self.to - self.from >= 60;
        for backed in &self.backed {
            let mut place = |rng: &mut ChaCha8Rng, product, cents: f64| {
                let pieces = if slow { rng.random_range(6..26) } else { rng.random_range(1..6) };
                for cents in parts(rng, cents, pieces) {
                    let at = rng.random_range(self.from..=self.to);
                    bets.push(Bet { at, product, runner: backed.runner, cents, by: Bettor::Insider });
                }
            };
            if self.kind == Kind::Exotics {
                place(rng, Product::Trifecta, backed.cents * 0.6);
                place(rng, Product::FirstFour, backed.cents * 0.4);
                continue;
            }
            place(rng, Product::Win, backed.cents);
            let also =
                [(Product::Fixed, 0.6, 0.1..0.6), (Product::Place, 0.3, 0.1..0.4), (Product::Trifecta, 0.3, 0.1..0.3)];
            for (product, chance, part) in also {
                if rng.random_bool(chance) {
                    let part = rng.random_range(part);
                    place(rng, product, backed.cents * part);
                }
            }
        }
        bets
    }
}

/// Computer teams that bet on a race in its last seconds.
#[derive(Debug, Clone, Copy)]
pub struct Teams {
    /// When they look at the odds, in Unix seconds.
    pub at: i64,
    lasts_s: i64,
    cents: f64,
    runners: usize,
}

impl Teams {
    /// Draws the teams of a race; some races have none.
    pub fn draw(rng: &mut ChaCha8Rng, outline: &Outline) -> Option<Self> {
        let some = rng.random_bool(TEAMS);
        // Some wait for the advertised start, others for the horses.
        let start = if rng.random_bool(0.5) { outline.start } else { outline.actual_start };
        let teams = Self {
            at: start - rng.random_range(15..75),
            lasts_s: rng.random_range(5..40),
            cents: outline.win_cents * rng.random_range(TEAM_SHARES),
            runners: rng.random_range(2..4),
        };
        some.then_some(teams)
    }

    /// Their bets on the runners whose chance exceeds their share of the win pool most.
    pub fn bets(&self, rng: &mut ChaCha8Rng, shares: &[f64], chances: &[f64]) -> Vec<Bet> {
        let mut value: Vec<(usize, f64)> = (0..shares.len())
            .filter(|runner| shares[*runner] > 0.0 && chances[*runner] > TEAM_CHANCE_MIN)
            .map(|runner| (runner, (chances[runner] / shares[runner]).ln() + 0.1 * gauss(rng)))
            .collect();
        value.sort_by(|a, b| b.1.total_cmp(&a.1));
        value.truncate(self.runners);
        let weights: Vec<f64> = value.iter().map(|(runner, _)| chances[*runner] * rng.random_range(0.5..1.5)).collect();
        let total: f64 = weights.iter().sum();
        let mut bets = Vec::new();
        for ((runner, _), weight) in value.iter().zip(weights) {
            for (product, part) in [(Product::Win, 1.0), (Product::Trifecta, 0.4)] {
                let pieces = rng.random_range(2..6);
                for cents in parts(rng, self.cents * part * weight / total, pieces) {
                    let at = self.at + rng.random_range(0..=self.lasts_s);
                    bets.push(Bet { at, product, runner: *runner, cents, by: Bettor::Team });
                }
            }
        }
        bets
    }
}

/// Splits an amount into whole dollars of unequal size.
#[expect(clippy::cast_possible_truncation, reason = "far below 2^52 cents")]
fn parts(rng: &mut ChaCha8Rng, cents: f64, count: usize) -> Vec<i64> {
    let weights: Vec<f64> = (0..count).map(|_| *[1.0, 1.0, 2.0, 3.0].choose(rng).unwrap_or(&1.0)).collect();
    let total: f64 = weights.iter().sum();
    weights
        .iter()
        .map(|weight| (cents * weight / total / 100.0).round() as i64 * 100)
        .filter(|cents| *cents > 0)
        .collect()
}
