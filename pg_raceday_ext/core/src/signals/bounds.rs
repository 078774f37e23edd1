//! Bounds on the money on each runner, from odds that are rounded to a step.

use crate::decimal::div_round;
use serde::{Deserialize, Serialize};

/// How the tote rounds its odds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Down to the step.
    #[default]
    Down,
    /// To the nearest step.
    Nearest,
}

impl Rounding {
    /// As stored in `signal_settings.tote_rounding`; an unknown word is the default.
    pub fn from_stored(word: &str) -> Self {
        if word == "nearest" { Self::Nearest } else { Self::Down }
    }

    /// Twice the dividends before rounding that odds may stand for: the least, the most and the middle. At least 1.
    fn twice(self, odds: i64, step: i64) -> [i128; 3] {
        let (odds, step) = (i128::from(odds), i128::from(step));
        match self {
            Self::Down => [2 * odds, 2 * (odds + step), 2 * odds + step],
            Self::Nearest => [(2 * odds - step).max(1), 2 * odds + step, 2 * odds],
        }
    }
}

/// Cents of a pool on a runner.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// At least this much, whatever the rounding.
    pub low: i64,
    /// The middle of the range that the odds stand for.
    pub mid: i64,
    /// At most this much.
    pub high: i64,
}

/// What a race's whole polls so far have shown of a pool: its step, and bounds on the sum of 1 / dividend before rounding, which
/// does not change, because it is 1 / (1 - take-out). Units: 10^18 / hundredths.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sums {
    /// A*: the sum is at most this; `None` while only polls with a topped-up dividend were seen.
    most: Option<i128>,
    /// B*: the sum is at least this.
    least: i128,
    /// Whether odds were seen that are no multiple of the coarse step.
    is_fine: bool,
}

/// 2 × 10^18: one, over twice a dividend.
const TWO: i128 = 2_000_000_000_000_000_000;
/// Steps of tote odds, in hundredths.
const COARSE_STEP: i64 = 10;
const FINE_STEP: i64 = 5;
/// Odds up to this one may be a dividend topped up to the minimum that the tote pays.
const TOPPED_UP: i64 = 104;

impl Sums {
    /// The bounds of a whole poll, whose odds are all above 0; and whether they contradict earlier polls, whose sums are then
    /// forgotten.
    pub fn bounds(&mut self, pool: i64, odds: &[i64], rounding: Rounding) -> (Vec<Bounds>, bool) {
        self.is_fine |= odds.iter().any(|odds| odds % COARSE_STEP != 0);
        let step = if self.is_fine { FINE_STEP } else { COARSE_STEP };
        let inverse: Vec<[i128; 3]> = odds
            .iter()
            .map(|odds| {
                let [least, most, middle] = rounding.twice(*odds, step);
                [(TWO + least - 1) / least, TWO / most, TWO / middle]
            })
            .collect();
        let sum = |at: usize| inverse.iter().map(|of| of[at]).sum::<i128>();
        let most = Some(sum(0)).filter(|_| odds.iter().all(|odds| *odds > TOPPED_UP));
        let is_contradiction = self.narrow(most, sum(1));
        (self.of_runners(i128::from(pool), odds, &inverse, sum(2)), is_contradiction)
    }

    /// Takes a poll's sums into account.
    fn narrow(&mut self, most: Option<i128>, least: i128) -> bool {
        let known = self.most;
        self.most = known.into_iter().chain(most).min();
        self.least = self.least.max(least);
        let is_contradiction = self.most.is_some_and(|most| self.least >= most);
        if is_contradiction {
            (self.most, self.least) = (most, least);
        }
        is_contradiction
    }

    fn of_runners(&self, pool: i128, odds: &[i64], inverse: &[[i128; 3]], middles: i128) -> Vec<Bounds> {
        let ranges: Vec<(i128, i128)> = odds
            .iter()
            .zip(inverse)
            .map(|(odds, [a, b, _])| {
                let low = self.most.map_or(0, |most| pool * b / most);
                let high = if *odds <= TOPPED_UP { pool } else { (pool * a + self.least - 1) / self.least };
                (low, high)
            })
            .collect();
        let lows: i128 = ranges.iter().map(|(low, _)| low).sum();
        let highs: i128 = ranges.iter().map(|(_, high)| high).sum();
        let of_runner = |((low, high), [_, _, middle]): (&(i128, i128), &[i128; 3])| {
            // What the others leave.
            let (low, high) = ((*low).max(pool - (highs - high)), (*high).min(pool - (lows - low)));
            // The sum of the middles is less certain than the bounds, once many polls have narrowed them.
            let mid = div_round(pool * middle, middles).clamp(low, high);
            Bounds { low: cents(low), mid: cents(mid), high: cents(high) }
        };
        ranges.iter().zip(inverse).map(of_runner).collect()
    }
}

/// Part of a pool, which fits.
fn cents(part: i128) -> i64 {
    i64::try_from(part).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the odds and however they contradict each other.
        #[test]
        fn bounds_are_in_order_and_leave_room_for_the_pool(
            polls in prop::collection::vec((1_i64..2_000_000, prop::collection::vec(1_i64..3000, 1..25), any::<bool>()), 1..8)
        ) {
            let mut sums = Sums::default();
            for (pool, odds, is_nearest) in polls {
                let rounding = if is_nearest { Rounding::Nearest } else { Rounding::Down };
                let (bounds, _) = sums.bounds(pool, &odds, rounding);
                for of in &bounds {
                    prop_assert!(0 <= of.low && of.low <= of.mid && of.mid <= of.high && of.high <= pool, "{of:?} of {pool}");
                }
                let (lows, highs): (Vec<i64>, Vec<i64>) = bounds.iter().map(|of| (of.low, of.high)).unzip();
                prop_assert!(lows.iter().sum::<i64>() <= pool && pool <= highs.iter().sum::<i64>());
            }
        }

        /// Odds made from known money, with one take-out and all steps.
        #[test]
        fn the_money_on_a_runner_is_within_its_bounds(
            polls in prop::collection::vec(prop::collection::vec(2_000_i64..1_000_000, 6), 1..10),
            step in prop::sample::select(vec![5_i64, 10]),
            is_nearest in any::<bool>(),
        ) {
            let (mut sums, mut fine) = (Sums::default(), Sums { is_fine: true, ..Sums::default() });
            let rounding = if is_nearest { Rounding::Nearest } else { Rounding::Down };
            for money in polls {
                let pool: i64 = money.iter().sum();
                let odds: Vec<i64> = money
                    .iter()
                    .map(|cents| {
                        // 16 % take-out, in hundredths of a dollar per dollar.
                        let exact = 84 * pool / cents;
                        if is_nearest { (84 * pool * 2 + step * cents) / (2 * step * cents) * step } else { exact / step * step }
                    })
                    .collect();
                prop_assume!(odds.iter().all(|odds| *odds > TOPPED_UP));
                let sums = if step == FINE_STEP { &mut fine } else { &mut sums };
                let (bounds, is_contradiction) = sums.bounds(pool, &odds, rounding);
                prop_assert!(!is_contradiction);
                for (of, cents) in bounds.iter().zip(&money) {
                    prop_assert!(of.low <= *cents && *cents <= of.high, "{cents} in {of:?}");
                }
            }
        }
    }
}
