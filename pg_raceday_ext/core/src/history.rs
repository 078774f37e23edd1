//! The history rows of one poll: `money_flow_history` and `odds_history`.

use crate::decimal::div_round;
use crate::entrant::{EntrantState, Runner};
use crate::flow::PoolFlow;
use crate::odds::OddsKind;
use crate::report::Report;
use crate::signals::RunnerReading;
use crate::tracker::{Hold, MOST_PERCENTAGE};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Rows of `money_flow_history`, one vector per column, in order of `entrant_id`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HistoryRows {
    pub entrant_id: Vec<String>,
    pub hold: Vec<Option<i64>>,
    pub bet: Vec<Option<i64>>,
    pub win_pool_amount: Vec<Option<i64>>,
    pub place_pool_amount: Vec<Option<i64>>,
    pub win_pool_percentage: Vec<Option<i64>>,
    pub place_pool_percentage: Vec<Option<i64>>,
    pub incremental_win_amount: Vec<Option<i64>>,
    pub incremental_place_amount: Vec<Option<i64>>,
    pub tote_win_percentage: Vec<Option<i64>>,
    pub tote_win_amount: Vec<Option<i64>>,
    pub fixed_win_odds: Vec<Option<i64>>,
    pub fixed_place_odds: Vec<Option<i64>>,
    pub pool_win_odds: Vec<Option<i64>>,
    pub pool_place_odds: Vec<Option<i64>>,
    pub win_low: Vec<Option<i64>>,
    pub win_high: Vec<Option<i64>>,
    pub win_mid: Vec<Option<i64>>,
    pub flow_multiple: Vec<Option<i64>>,
    pub evidence: Vec<Option<i64>>,
}

/// Rows of `odds_history`, one vector per column, in order of `entrant_id` and kind.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OddsRows {
    pub entrant_id: Vec<String>,
    pub kind: Vec<&'static str>,
    pub odds: Vec<i64>,
}

/// Copies the rows at some places, column by column.
macro_rules! rows_at {
    ($rows:ident, $places:ident, $($column:ident)+) => {
        Self { $($column: $places.iter().map(|at| $rows.$column[*at].clone()).collect(),)+ }
    };
}

impl HistoryRows {
    /// The rows at these places.
    #[must_use]
    pub fn at(&self, places: &[usize]) -> Self {
        rows_at!(
            self, places, entrant_id hold bet win_pool_amount place_pool_amount win_pool_percentage place_pool_percentage
            incremental_win_amount incremental_place_amount tote_win_percentage tote_win_amount fixed_win_odds
            fixed_place_odds pool_win_odds pool_place_odds win_low win_high win_mid flow_multiple evidence
        )
    }
}

impl OddsRows {
    /// The rows at these places.
    #[must_use]
    pub fn at(&self, places: &[usize]) -> Self {
        rows_at!(self, places, entrant_id kind odds)
    }
}

type Runners<'a> = BTreeMap<Cow<'a, str>, Runner<'a>>;
type Entrants = BTreeMap<String, EntrantState>;

/// What the history rows of a poll share.
pub(crate) struct Poll {
    pub event_us: i64,
    pub interval: i64,
    pub win_cents: Option<i64>,
    pub place_cents: Option<i64>,
}

/// One row for each of a runner's odds that differs from the last one recorded.
pub(crate) fn odds_rows(entrants: &mut Entrants, runners: &Runners) -> OddsRows {
    let mut rows = OddsRows::default();
    for (entrant_id, runner) in runners {
        let Some(state) = entrants.get_mut(entrant_id.as_ref()) else { continue };
        let odds = runner.odds_at_the_moment();
        for kind in OddsKind::ALL {
            let recorded = state.recorded.get_mut(kind);
            if let Some(value) = odds.get(kind)
                && *recorded != Some(value)
            {
                *recorded = Some(value);
                rows.entrant_id.push(entrant_id.to_string());
                rows.kind.push(kind.as_str());
                rows.odds.push(value);
            }
        }
    }
    rows
}

/// One row per runner of the poll; moves on what the next increments are counted from. The readings are in step with the runners.
pub(crate) fn history_rows(
    entrants: &mut Entrants,
    runners: &Runners,
    holds: &BTreeMap<Cow<str>, Hold>,
    readings: &[RunnerReading],
    poll: &Poll,
    report: &mut Report,
) -> HistoryRows {
    let shares = tote_shares(entrants, runners);
    let mut rows = HistoryRows::default();
    for ((entrant_id, runner), reading) in runners.iter().zip(readings) {
        let Some(state) = entrants.get_mut(entrant_id.as_ref()) else { continue };
        let hold = holds.get(entrant_id).copied().unwrap_or(Hold::ZERO);
        let win = amount(poll.win_cents, hold.hold);
        let place = amount(poll.place_cents, hold.hold);
        let share = shares.as_ref().and_then(|(weights, sum)| Some((*weights.get(entrant_id.as_ref())?, *sum)));
        rows.entrant_id.push(entrant_id.to_string());
        rows.hold.push(hold.hold);
        rows.bet.push(hold.bet);
        rows.win_pool_amount.push(win);
        rows.place_pool_amount.push(place);
        rows.win_pool_percentage.push(percentage(win, poll.win_cents));
        rows.place_pool_percentage.push(percentage(place, poll.place_cents));
        rows.incremental_win_amount.push(increment(&mut state.win, poll.interval, win, report));
        rows.incremental_place_amount.push(increment(&mut state.place, poll.interval, place, report));
        rows.tote_win_percentage.push(share.and_then(|(weight, sum)| to_i64(div_round(10_000 * weight, sum))));
        rows.tote_win_amount.push(
            share
                .zip(poll.win_cents)
                .and_then(|((weight, sum), cents)| to_i64(div_round(i128::from(cents) * weight, sum))),
        );
        let odds = runner.odds_at_the_moment();
        rows.fixed_win_odds.push(odds.fixed_win);
        rows.fixed_place_odds.push(odds.fixed_place);
        rows.pool_win_odds.push(odds.pool_win);
        rows.pool_place_odds.push(odds.pool_place);
        rows.win_low.push(reading.low);
        rows.win_high.push(reading.high);
        rows.win_mid.push(reading.mid);
        rows.flow_multiple.push(reading.multiple);
        rows.evidence.push(reading.evidence);
    }
    rows
}

/// The weight of each runner that is not scratched, by its tote odds, and their sum; `None` unless all of them have tote odds.
fn tote_shares<'a>(entrants: &Entrants, runners: &'a Runners) -> Option<(BTreeMap<&'a str, i128>, i128)> {
    const ONE: i128 = 1_000_000_000_000_000_000;
    let mut weights = BTreeMap::new();
    for (entrant_id, runner) in runners {
        if entrants.get(entrant_id.as_ref())?.entrant.is_scratched {
            continue;
        }
        let odds = runner.odds_at_the_moment().pool_win?;
        weights.insert(entrant_id.as_ref(), ONE / i128::from(odds));
    }
    let sum = weights.values().sum();
    (sum > 0).then_some((weights, sum))
}

/// A runner's part of a pool in cents, by its hold.
fn amount(pool_cents: Option<i64>, hold: Option<i64>) -> Option<i64> {
    to_i64(div_round(i128::from(pool_cents?) * i128::from(hold?), 10_000))
}

/// Hundredths of a per cent of a pool; `None` if the pool is empty.
fn percentage(amount: Option<i64>, pool_cents: Option<i64>) -> Option<i64> {
    let pool = pool_cents.filter(|cents| *cents > 0)?;
    to_i64(div_round(10_000 * i128::from(amount?), i128::from(pool))).filter(|value| *value <= MOST_PERCENTAGE)
}

fn increment(flow: &mut PoolFlow, interval: i64, amount: Option<i64>, report: &mut Report) -> Option<i64> {
    let increment = flow.increment(interval, amount);
    report.negative_increments += u32::from(increment.is_some_and(|cents| cents < 0));
    increment
}

fn to_i64(value: i128) -> Option<i64> {
    i64::try_from(value).ok()
}
