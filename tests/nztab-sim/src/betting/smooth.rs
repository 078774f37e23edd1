//! Betting without chance: pools that grow towards the start, in closed form for each runner.
//!
//! A runner's money in a pool is a sum of terms `final amount × exp(-seconds to the start / time constant)`, each with its
//! own shares. So it can be computed for any time without a history, never falls, and drifts because late money has other
//! preferences than early money.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::late::{Backed, Kind, Plunge};
use super::{Book, EXOTICS, Outline, normalised, ranked, whole};
use crate::draw::gauss;
use crate::fate::Insider;
use crate::tote::Tote;

/// Each term's time constant in seconds and its share of a pool.
pub const TERMS: [(f64, f64); 4] = [(21_600.0, 0.12), (2_700.0, 0.2), (480.0, 0.28), (70.0, 0.4)];
/// How far each term's shares deviate from the opening shares.
const STRAY: [f64; 4] = [0.05, 0.12, 0.2, 0.3];
/// Seconds from the opening of betting to the start.
pub const OPENS_BEFORE_S: i64 = 48 * 3600;
/// Money comes in pulses: their period, and the seconds by which they shift it; less than `period / 2π`, so that pools never
/// shrink.
const PULSE_PERIOD_S: f64 = 47.0;
const PULSE_S: f64 = 4.0;

#[derive(Debug, Clone)]
struct Pool {
    cents: f64,
    shares: [Vec<f64>; TERMS.len()],
}

/// The closed form of a race's betting.
#[derive(Debug, Clone)]
pub struct Smooth {
    win: Pool,
    place: Pool,
    fixed: Pool,
    pulses: Vec<f64>,
    opening: Vec<f64>,
    plunge: Option<Plunge>,
    /// The smallest amount on a runner in the win or place pool, in cents.
    grain: i64,
}

impl Smooth {
    /// Draws everything that does not depend on the time.
    pub fn draw(rng: &mut ChaCha8Rng, outline: &Outline, opening: Vec<f64>, insider: Option<&Insider>) -> Self {
        let pool = |rng: &mut ChaCha8Rng, factor: f64, power: f64| Pool {
            cents: outline.win_cents * factor,
            shares: STRAY.map(|stray| {
                normalised(opening.iter().map(|share| share.powf(power) * (stray * gauss(rng)).exp()).collect())
            }),
        };
        let (win, place, fixed) = (pool(rng, 1.0, 1.0), pool(rng, 0.43, 0.75), pool(rng, 1.6, 1.1));
        let pulses = (0..opening.len()).map(|_| rng.random_range(0.0..std::f64::consts::TAU)).collect();
        let plunge = insider.map(|insider| Plunge {
            kind: Kind::Late,
            from: outline.start - insider.from_s,
            to: outline.start - insider.to_s,
            backed: vec![Backed {
                runner: ranked(&opening, &outline.scratched_at, insider.rank),
                cents: outline.win_cents * insider.share / (1.0 - insider.share),
                share: insider.share,
            }],
        });
        Self { win, place, fixed, pulses, opening, plunge, grain: if outline.thin { 100 } else { 1 } }
    }

    /// The insider's bet, if one was planted.
    pub fn plunge(&self) -> Option<&Plunge> {
        self.plunge.as_ref()
    }

    /// The money at a time (Unix seconds).
    pub fn book(&self, outline: &Outline, at: i64, scratched: Vec<bool>, tote: Tote) -> Book {
        let coarse = |money: Vec<i64>| money.into_iter().map(|cents| cents / self.grain * self.grain).collect();
        let mut win: Vec<i64> = coarse(self.money(outline, &self.win, at, &scratched));
        let place = coarse(self.money(outline, &self.place, at, &scratched));
        let mut fixed = self.money(outline, &self.fixed, at, &scratched);
        if let Some(plunge) = &self.plunge {
            let done = ramp(at.min(outline.ends_at), plunge.from, plunge.to);
            for backed in &plunge.backed {
                win[backed.runner] += whole(backed.cents * done);
                fixed[backed.runner] += whole(backed.cents * done / 2.0);
            }
        }
        let exotics = EXOTICS.map(|(_, factor)| whole(outline.win_cents * factor * grown(outline, at)));
        let total = win.iter().sum::<i64>().max(1);
        let first_legs = [exotics[0], exotics[1]].map(|cents| win.iter().map(|money| cents * money / total).collect());
        Book { at, win, place, fixed, exotics, first_legs, scratched, tote }
    }

    /// The opening chances, adjusted by the money so far.
    pub fn chances(&self, book: &Book) -> Vec<f64> {
        let held: Vec<f64> = (0..self.opening.len()).map(|runner| book.held(runner) as f64).collect();
        let total: f64 = held.iter().sum();
        let expected = self.win.cents + self.place.cents + self.fixed.cents;
        let trust = 0.75 * (total / expected).min(1.0);
        let chance = |runner: usize| {
            if total > 0.0 {
                (1.0 - trust) * self.opening[runner] + trust * held[runner] / total
            } else {
                self.opening[runner]
            }
        };
        (0..self.opening.len()).map(chance).collect()
    }

    fn money(&self, outline: &Outline, pool: &Pool, at: i64, scratched: &[bool]) -> Vec<i64> {
        let field = self.opening.len();
        let amounts: Vec<f64> = (0..field)
            .map(|runner| {
                let decays = decays(outline, at, self.pulses[runner]);
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
}

/// The part of a pool that has come in by a time, 0 to 1.
pub fn grown(outline: &Outline, at: i64) -> f64 {
    decays(outline, at, 0.0).iter().zip(TERMS).map(|(decay, (_, part))| decay * part).sum()
}

/// The part of each term that has come in by a time, 0 to 1.
fn decays(outline: &Outline, at: i64, pulse: f64) -> [f64; TERMS.len()] {
    let to_start = (outline.actual_start - at.min(outline.ends_at)) as f64;
    if to_start > OPENS_BEFORE_S as f64 {
        return [0.0; TERMS.len()];
    }
    let phase = to_start / PULSE_PERIOD_S * std::f64::consts::TAU + pulse;
    let warped = (to_start + PULSE_S * (1.0 + phase.sin())).max(0.0);
    TERMS.map(|(constant, _)| (-warped / constant).exp())
}

/// A smooth transition from 0 to 1.
fn ramp(at: i64, from: i64, to: i64) -> f64 {
    let way = ((at - from) as f64 / (to - from).max(1) as f64).clamp(0.0, 1.0);
    way * way * (3.0 - 2.0 * way)
}
