//! The bets on a race, in the order in which they were placed.

use super::late::Plunge;
use super::smooth::grown;
use super::{Book, EXOTICS, Outline, whole};
use crate::tote::Tote;

/// Where a bet's money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names suffice")]
pub enum Product {
    Win,
    Place,
    Fixed,
    Trifecta,
    FirstFour,
}

impl Product {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Win, Self::Place, Self::Fixed, Self::Trifecta, Self::FirstFour];
}

/// Who moves money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bettor {
    /// The public.
    Crowd,
    /// A computer team.
    Team,
    /// An insider.
    Insider,
    /// The tote, which cancels a bet or corrects a pool.
    Tote,
}

/// A bet on a runner, to win or, in exotics, with that runner first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bet {
    /// When it is placed, in Unix seconds.
    pub at: i64,
    /// Where its money goes.
    pub product: Product,
    /// The runner's index.
    pub runner: usize,
    /// Its amount in cents; negative when money leaves a pool.
    pub cents: i64,
    /// Who places it.
    pub by: Bettor,
}

/// The money on each runner in each product, in cents.
pub type Held = [Vec<i64>; Product::ALL.len()];

/// No money on a field.
pub fn nothing(field: usize) -> Held {
    Product::ALL.map(|_| vec![0; field])
}

/// Adds a bet.
pub fn add(held: &mut Held, bet: &Bet) {
    held[bet.product as usize][bet.runner] += bet.cents;
}

/// The bets on a race and the bookmaker's estimates over time.
#[derive(Debug, Clone)]
pub struct Tape {
    bets: Vec<Bet>,
    chances: Vec<(i64, Vec<f64>)>,
    plunge: Option<Plunge>,
    with_teams: bool,
}

impl Tape {
    /// A tape of these bets. Both lists are in order of time, and there is at least one estimate.
    pub fn new(bets: Vec<Bet>, chances: Vec<(i64, Vec<f64>)>, plunge: Option<Plunge>, with_teams: bool) -> Self {
        Self { bets, chances, plunge, with_teams }
    }

    /// The bets up to a time, in the order in which they were placed.
    #[must_use]
    pub fn bets(&self, until: i64) -> &[Bet] {
        &self.bets[..self.bets.partition_point(|bet| bet.at <= until)]
    }

    /// The insiders' bets, if any were planted.
    #[must_use]
    pub fn plunge(&self) -> Option<&Plunge> {
        self.plunge.as_ref()
    }

    /// Whether computer teams bet on the race.
    #[must_use]
    pub fn with_teams(&self) -> bool {
        self.with_teams
    }

    /// The money at a time.
    pub fn book(&self, outline: &Outline, at: i64, scratched: Vec<bool>, tote: Tote) -> Book {
        let mut held = nothing(scratched.len());
        for bet in self.bets(at) {
            add(&mut held, bet);
        }
        // Bets on a scratched runner are refunded.
        for money in &mut held {
            for (cents, out) in money.iter_mut().zip(&scratched) {
                *cents = if *out { 0 } else { (*cents).max(0) };
            }
        }
        let [win, place, fixed, trifecta, first_four] = held;
        let mut exotics = EXOTICS.map(|(_, factor)| whole(outline.win_cents * factor * grown(outline, at)));
        exotics[0] = trifecta.iter().sum();
        exotics[1] = first_four.iter().sum();
        Book { at, win, place, fixed, exotics, first_legs: [trifecta, first_four], scratched, tote }
    }

    /// The bookmaker's estimate of each runner's chance at a time.
    #[must_use]
    pub fn chances(&self, at: i64) -> &[f64] {
        let next = self.chances.partition_point(|(from, _)| *from <= at);
        &self.chances[next.saturating_sub(1)].1
    }
}
