//! A runner's four odds: fixed and tote, to win and for a place.

use crate::json::{Leaf, Object, from_object};
use crate::report::{Place, Report};

/// Largest odds that `numeric(10,2)` holds, in hundredths.
pub(crate) const MOST_ODDS: i64 = 9_999_999_999;

/// The four odds of a runner in hundredths.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Odds {
    pub fixed_win: Option<i64>,
    pub fixed_place: Option<i64>,
    /// Tote odds to win.
    pub pool_win: Option<i64>,
    /// Tote odds for a place.
    pub pool_place: Option<i64>,
}

/// One of the four odds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum OddsKind {
    FixedWin,
    FixedPlace,
    PoolWin,
    PoolPlace,
}

impl OddsKind {
    /// All four, in the order of [`Odds`].
    pub const ALL: [Self; 4] = [Self::FixedWin, Self::FixedPlace, Self::PoolWin, Self::PoolPlace];

    /// As stored in `odds_history.type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FixedWin => "fixed_win",
            Self::FixedPlace => "fixed_place",
            Self::PoolWin => "pool_win",
            Self::PoolPlace => "pool_place",
        }
    }
}

impl Odds {
    /// The odds of one kind.
    pub const fn get(&self, kind: OddsKind) -> Option<i64> {
        match kind {
            OddsKind::FixedWin => self.fixed_win,
            OddsKind::FixedPlace => self.fixed_place,
            OddsKind::PoolWin => self.pool_win,
            OddsKind::PoolPlace => self.pool_place,
        }
    }

    /// The odds of one kind, to be changed.
    pub const fn get_mut(&mut self, kind: OddsKind) -> &mut Option<i64> {
        match kind {
            OddsKind::FixedWin => &mut self.fixed_win,
            OddsKind::FixedPlace => &mut self.fixed_place,
            OddsKind::PoolWin => &mut self.pool_win,
            OddsKind::PoolPlace => &mut self.pool_place,
        }
    }
}

from_object! {
    /// `data.runners[].odds`.
    pub(crate) struct RawOdds<'a> {
        fixed_win: Leaf<'a>,
        fixed_place: Leaf<'a>,
        pool_win: Leaf<'a>,
        pool_place: Leaf<'a>,
    }
}

/// The odds in a poll, by [`OddsKind::ALL`]: `None` if the poll has none, `Some(0)` until the market opens.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct OddsFacts([Option<i64>; 4]);

/// Reads a runner's odds; `None` if the poll has none for it.
pub(crate) fn read_odds(
    raw: &Object<RawOdds>,
    place: impl Fn(&'static str) -> Place,
    report: &mut Report,
) -> Option<OddsFacts> {
    let odds = report.object(raw, place("odds"))?;
    Some(OddsFacts([
        report.hundredths(odds.fixed_win, place("odds.fixed_win"), MOST_ODDS),
        report.hundredths(odds.fixed_place, place("odds.fixed_place"), MOST_ODDS),
        report.hundredths(odds.pool_win, place("odds.pool_win"), MOST_ODDS),
        report.hundredths(odds.pool_place, place("odds.pool_place"), MOST_ODDS),
    ]))
}

impl OddsFacts {
    /// The odds at the moment of the poll; a market that is not open has none.
    pub fn at_the_moment(&self) -> Odds {
        let [fixed_win, fixed_place, pool_win, pool_place] = self.0.map(|odds| odds.filter(|value| *value > 0));
        Odds { fixed_win, fixed_place, pool_win, pool_place }
    }

    /// Updates the known odds: 0 clears them, a missing value leaves them.
    pub fn update(&self, known: &mut Odds) {
        for (kind, polled) in OddsKind::ALL.into_iter().zip(self.0) {
            if let Some(polled) = polled {
                *known.get_mut(kind) = (polled > 0).then_some(polled);
            }
        }
    }
}
