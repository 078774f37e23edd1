//! What came in between two snapshots of a pool.

use super::bounds::Bounds;
use crate::decimal::div_round;
use serde::{Deserialize, Serialize};

/// A runner in a snapshot: a whole poll with bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Tote odds in hundredths.
    pub tote: i64,
    /// Fixed odds in hundredths; 0 for none.
    pub fixed: i64,
    pub bounds: Bounds,
}

/// What came in between two snapshots.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// Whether it counts as evidence.
    pub in_watch: bool,
    /// The pool at the second snapshot.
    pub pool_cents: i64,
    /// Y: by how much the pool grew.
    pub total_cents: i64,
    /// The runners in order of number, then id.
    pub runners: Vec<RunnerFlow>,
}

/// A runner's part of a flow.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerFlow {
    /// The runner.
    pub entrant_id: String,
    /// y: what it received.
    pub cents: i64,
    /// s: its share of the pool before.
    pub share: f64,
    /// θ: the part of the flow it was expected to receive.
    pub theta: f64,
    /// u²: the variance that rounded odds add to `cents`.
    pub rounding: f64,
    /// Cents above the expected part that are certain whatever the rounding, when above 0.
    pub excess: f64,
    /// `cents` over its share of the flow, in hundredths; `None` without a share, or beyond its column.
    pub multiple: Option<i64>,
}

/// What becomes of a snapshot.
#[derive(Debug)]
pub enum Step {
    /// Nothing new: the base stays.
    Kept,
    /// It becomes the base, without a flow.
    Restarted,
    /// It becomes the base.
    Taken(Flow),
}

/// A runner in both snapshots.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    pub entrant_id: &'a str,
    pub base: Standing,
    pub next: Standing,
}

/// Expected part of a flow below which no runner is put.
const LEAST_THETA: f64 = 0.0005;
/// Largest multiple that `numeric(10,2)` holds, in hundredths.
const MOST_MULTIPLE: i128 = 9_999_999_999;

/// Compares a snapshot with the base; `pairs` is `None` if the runners are not the same ones.
pub fn step(base_pool: i64, pool: i64, pairs: Option<&[Pair]>) -> Step {
    let is_stale = |pairs: &[Pair]| pairs.iter().all(|pair| pair.base.tote == pair.next.tote);
    if pool == base_pool || pairs.is_some_and(is_stale) {
        return Step::Kept;
    }
    match pairs {
        Some(pairs) if pool > base_pool => flow(pool, pool - base_pool, pairs).map_or(Step::Restarted, Step::Taken),
        _ => Step::Restarted,
    }
}

/// The flow between two snapshots; `None` if a pool is so small that no runner has a cent of it.
fn flow(pool: i64, total: i64, pairs: &[Pair]) -> Option<Flow> {
    let mids: i64 = pairs.iter().map(|pair| pair.base.bounds.mid).sum();
    if mids == 0 {
        return None;
    }
    let thetas = thetas(mids, pairs);
    let runners = pairs.iter().zip(thetas).map(|(pair, theta)| runner_flow(pair, mids, total, theta)).collect();
    Some(Flow { in_watch: false, pool_cents: pool, total_cents: total, runners })
}

fn runner_flow(pair: &Pair, mids: i64, total: i64, theta: f64) -> RunnerFlow {
    let (base, next) = (pair.base.bounds, pair.next.bounds);
    let cents = next.mid - base.mid;
    let (width, next_width) = ((base.high - base.low) as f64, (next.high - next.low) as f64);
    let expected = i128::from(total) * i128::from(base.mid);
    let multiple = (expected > 0).then(|| div_round(100 * i128::from(cents) * i128::from(mids), expected));
    RunnerFlow {
        entrant_id: pair.entrant_id.to_owned(),
        cents,
        share: base.mid as f64 / mids as f64,
        theta,
        rounding: (width * width + next_width * next_width) / 12.0,
        excess: (next.low - base.high) as f64 - total as f64 * theta,
        multiple: multiple.filter(|of| of.abs() <= MOST_MULTIPLE).and_then(|of| i64::try_from(of).ok()),
    }
}

/// The part of the flow that each runner is expected to receive: between its share of the pool and its share by fixed odds.
fn thetas(mids: i64, pairs: &[Pair]) -> Vec<f64> {
    let fixed = fixed_shares(pairs.iter().map(|pair| pair.base.fixed));
    let parts: Vec<f64> = pairs
        .iter()
        .enumerate()
        .map(|(at, pair)| {
            let share = pair.base.bounds.mid as f64 / mids as f64;
            fixed.as_ref().map_or(share, |fixed| f64::midpoint(share, fixed[at])).max(LEAST_THETA)
        })
        .collect();
    let sum: f64 = parts.iter().sum();
    parts.iter().map(|part| part / sum).collect()
}

/// Each runner's probability by fixed odds, scaled to add up to 1; `None` unless all have odds.
pub fn fixed_shares(odds: impl Iterator<Item = i64>) -> Option<Vec<f64>> {
    let inverse: Option<Vec<f64>> = odds.map(|odds| (odds > 0).then(|| 1.0 / odds as f64)).collect();
    let inverse = inverse?;
    let sum: f64 = inverse.iter().sum();
    Some(inverse.iter().map(|of| of / sum).collect())
}
