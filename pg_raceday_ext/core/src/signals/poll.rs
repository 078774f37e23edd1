//! What a poll tells the signals, and the rules they are judged by.

use super::bounds::Rounding;
use super::calibration::{Calibration, Calibrations};
use crate::meeting::Category;
use crate::odds::Odds;

/// One poll of a race.
#[derive(Debug, Clone)]
pub struct Poll<'a> {
    /// Its `event_timestamp`.
    pub event_us: i64,
    /// The start it advertises.
    pub start_us: i64,
    /// Whether the race is Open.
    pub is_open: bool,
    /// The win pool.
    pub win_cents: Option<i64>,
    /// The place pool.
    pub place_cents: Option<i64>,
    /// The runners that it names, in any order.
    pub runners: Vec<PollRunner<'a>>,
}

/// A runner in a poll.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct PollRunner<'a> {
    pub entrant_id: &'a str,
    pub number: Option<i64>,
    pub is_scratched: bool,
    pub odds: Odds,
    /// Share of the money, hundredths of a per cent.
    pub hold: Option<i64>,
    /// Share of the bets, hundredths of a per cent.
    pub bet: Option<i64>,
}

/// Which races a race is compared with, apart from the band of its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RaceKind<'a> {
    pub country: Option<&'a str>,
    pub category: Category,
}

/// What the signals depend on besides the polls.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How the tote rounds its odds.
    pub rounding: Rounding,
    /// Every calibration that may be in force.
    pub calibrations: Calibrations,
}

impl Rules {
    /// The default rounding, and one calibration that is always in force.
    #[must_use]
    pub fn with(calibration: Calibration) -> Self {
        let always = Calibration { effective_us: i64::MIN, ..calibration };
        Self { rounding: Rounding::default(), calibrations: Calibrations::new(vec![always]) }
    }
}

/// How long before the advertised start evidence is collected.
const WATCH_US: i64 = 300 * 1_000_000;

impl Poll<'_> {
    /// Whether the poll counts as evidence: from 300 seconds before the start, while the race is Open.
    pub(super) const fn is_in_watch(&self) -> bool {
        self.is_open && self.event_us >= self.watch_us()
    }

    /// When the watch begins, by the start that this poll advertises.
    pub(crate) const fn watch_us(&self) -> i64 {
        self.start_us - WATCH_US
    }

    /// Places of the runners not scratched, in the order in which sums are taken.
    pub(super) fn running(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.runners.len()).filter(|at| !self.runners[*at].is_scratched).collect();
        places.sort_by_key(|at| {
            let runner = &self.runners[*at];
            (runner.number.unwrap_or(i64::MAX), runner.entrant_id)
        });
        places
    }
}
