//! Odds, holds and dividends from money, in whole cents, hundredths and percent.

use serde::{Serialize, Serializer};

use crate::betting::Book;

/// The tote's commission on a pool for several runners, in percent.
pub const EXOTIC_TAKE_OUT_PERCENT: i64 = 25;

/// A number with two decimals, in the vendor's format: `9151.38`, `4.4`, `5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Hundredths(pub i64);

impl Serialize for Hundredths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 100 == 0 {
            serializer.serialize_i64(self.0 / 100)
        } else {
            serializer.serialize_f64(self.0 as f64 / 100.0)
        }
    }
}

/// The tote's win odds; 0 for a runner that is scratched or has no money on it.
#[must_use]
pub fn tote_win(book: &Book) -> Vec<Hundredths> {
    let total = book.win_total();
    book.win.iter().map(|money| Hundredths(book.tote.odds(total, *money, 1))).collect()
}

/// The tote's place odds; 0 for a runner that is scratched or has no money on it.
#[must_use]
pub fn tote_place(book: &Book, places: i64) -> Vec<Hundredths> {
    let total = book.place_total();
    book.place.iter().map(|money| Hundredths(book.tote.odds(total, *money, places))).collect()
}

/// Fixed win odds for these chances, with a bookmaker's margin and steps; 0 for no chance.
#[must_use]
pub fn fixed_win(chances: &[f64]) -> Vec<Hundredths> {
    chances.iter().map(|chance| if *chance > 0.0 { step(100.0 / (chance * 1.17)) } else { Hundredths(0) }).collect()
}

/// Fixed place odds from fixed win odds.
#[must_use]
pub fn fixed_place(win: Hundredths, places: i64) -> Hundredths {
    if win.0 == 0 {
        return win;
    }
    let part = if places > 2 { 4 } else { 3 };
    let place = 100 + (win.0 - 100) / part;
    let grain = if place < 200 {
        5
    } else if place < 500 {
        10
    } else {
        50
    };
    Hundredths((place / grain * grain).max(104))
}

/// The highest bookmaker's step not above these odds (hundredths).
#[expect(clippy::cast_possible_truncation, reason = "odds are capped first")]
fn step(odds: f64) -> Hundredths {
    let odds = odds.clamp(101.0, 50_100.0) as i64;
    let grain = match odds {
        ..200 => 5,
        200..400 => 10,
        400..600 => 20,
        600..1_000 => 50,
        1_000..2_000 => 100,
        2_000..3_500 => 300,
        3_500..5_000 => 500,
        5_000..10_000 => 1_000,
        _ => 5_000,
    };
    Hundredths((odds / grain * grain + if odds >= 2_000 { 100 } else { 0 }).max(101))
}

/// Splits `total` into whole parts in proportion to the weights; the largest remainders get the rest.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "parts are between 0 and total")]
pub fn apportion(total: u32, weights: &[f64]) -> Vec<u32> {
    let sum: f64 = weights.iter().sum();
    if sum <= 0.0 {
        return vec![0; weights.len()];
    }
    let exact: Vec<f64> = weights.iter().map(|weight| f64::from(total) * weight / sum).collect();
    let mut parts: Vec<u32> = exact.iter().map(|part| part.floor() as u32).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|a, b| exact[*b].fract().total_cmp(&exact[*a].fract()));
    let left = total.saturating_sub(parts.iter().sum());
    for index in order.into_iter().take(left as usize) {
        parts[index] += 1;
    }
    parts
}

/// The dividend per dollar if this share of the pool is on the outcome, after commission, rounded down to ten cents.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "at most 10^11")]
pub fn exotic(chance: f64) -> Hundredths {
    let net = (100 - EXOTIC_TAKE_OUT_PERCENT) as f64 / 100.0;
    Hundredths(((net / chance.max(1e-9) * 10.0).floor() as i64 * 10).max(100))
}

/// The dividend per dollar from a pool of this size, of which at least one dollar is on the outcome.
#[must_use]
pub fn exotic_dividend(pool_cents: i64, chance: f64) -> Hundredths {
    let net_cents = pool_cents * (100 - EXOTIC_TAKE_OUT_PERCENT) / 100;
    Hundredths(exotic(chance).0.min(net_cents / 10 * 10).max(100))
}

/// The chance of an order of finish by Harville's formula: each place goes to the remaining runners in proportion to their
/// chances.
#[must_use]
pub fn order_chance(chances: &[f64], order: &[usize]) -> f64 {
    let mut left = 1.0;
    let mut chance = 1.0;
    for runner in order {
        chance *= (chances[*runner] / left).min(1.0);
        left = (left - chances[*runner]).max(1e-6);
    }
    chance
}

/// The chance that two runners take the first two places in either order.
#[must_use]
pub fn pair_chance(chances: &[f64], one: usize, other: usize) -> f64 {
    order_chance(chances, &[one, other]) + order_chance(chances, &[other, one])
}
