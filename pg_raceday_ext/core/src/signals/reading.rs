//! What a poll gave.

use super::flow::Flow;

/// A runner's evidence that 1 race in this many of its kind reaches is a signal.
pub const LEVELS: [i64; 2] = [20, 200];

/// What a poll gave.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Reading {
    /// In step with the poll's runners.
    pub runners: Vec<RunnerReading>,
    /// Levels reached for the first time in the race, in order of runner and level.
    pub reached: Vec<Reached>,
    /// The flow in the win pool that ended with this poll.
    pub win: Option<Flow>,
    /// The flow in the place pool.
    pub place: Option<Flow>,
    /// Whether the tote odds to win contradict those of earlier polls.
    pub is_contradiction: bool,
}

/// A runner's columns of `money_flow_history`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RunnerReading {
    /// Cents of the win pool that are on it at least; `None` unless the poll is whole.
    pub low: Option<i64>,
    /// Cents at most.
    pub high: Option<i64>,
    /// The middle.
    pub mid: Option<i64>,
    /// How many times its share of the flow it received, in hundredths; `None` without a flow.
    pub multiple: Option<i64>,
    /// Evidence in hundredths of a nat; `None` outside the watch.
    pub evidence: Option<i64>,
}

/// A level that a runner's evidence reached for the first time in its race.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The runner.
    pub entrant_id: String,
    /// 20 or 200.
    pub level: i64,
    /// Evidence in hundredths of a nat.
    pub evidence: i64,
    /// 1 race in this many reaches as much.
    pub rarity: i64,
    /// Whether too few races of this kind were known.
    pub is_provisional: bool,
    /// The calibration's version; `None` if there is none yet.
    pub version: Option<i64>,
    /// Received since the watch began.
    pub money_cents: i64,
    /// The sum of what was certainly more than expected.
    pub excess_cents: i64,
    /// How many times its share it received over the watch, in hundredths.
    pub multiple: Option<i64>,
    /// Share of the pool when the watch began, hundredths of a per cent.
    pub share_before: Option<i64>,
    /// Share of the pool now.
    pub share_after: Option<i64>,
    /// What accompanies it.
    pub facts: Facts,
}

/// What the polls show beside a signal; `None` where they lack the data.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The probability by fixed odds rose by a tenth or more within 60 seconds.
    pub shortening: Option<Shortening>,
    /// ln(share of the pool / share by fixed odds) in hundredths.
    pub fixed_lag: Option<i64>,
    /// Evidence on the place pool in hundredths of a nat.
    pub place_evidence: Option<i64>,
    /// Share of the money and share of the bets, in hundredths of a per cent.
    pub hold_and_bet: Option<(i64, i64)>,
}

/// Fixed odds that shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortening {
    /// In hundredths.
    pub from: i64,
    /// In hundredths.
    pub to: i64,
    /// Whole seconds.
    pub seconds: i64,
}

/// Hundredths, rounded half away from zero; as far as they fit a `numeric(8,2)`.
pub(super) fn hundredths(value: f64) -> i64 {
    const MOST: f64 = 99_999_999.0;
    #[allow(clippy::cast_possible_truncation)] // Within the bounds it fits.
    let rounded = libm::round(value * 100.0).clamp(-MOST, MOST) as i64;
    rounded
}

/// Whole cents, rounded half away from zero.
pub(super) fn cents(value: f64) -> i64 {
    #[allow(clippy::cast_possible_truncation)] // Saturates.
    let rounded = libm::round(value) as i64;
    rounded
}
