//! The money tracker: each runner's hold and bet percentage.

use crate::json::{Leaf, Lenient, Object, Objects, from_object};
use crate::report::{Place, Report};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Largest percentage that `numeric(5,2)` holds, in hundredths.
pub(crate) const MOST_PERCENTAGE: i64 = 99_999;

from_object! {
    /// `data.money_tracker`.
    pub(crate) struct RawTracker<'a> {
        entrants: Objects<RawTrackerRow<'a>>,
    }
}

from_object! {
    pub(crate) struct RawTrackerRow<'a> {
        entrant_id: Leaf<'a>,
        hold_percentage: Leaf<'a>,
        bet_percentage: Leaf<'a>,
    }
}

/// A row of the money tracker; hundredths of a per cent. A runner can have several.
#[derive(Debug)]
pub(crate) struct TrackerRow<'a> {
    entrant_id: Cow<'a, str>,
    hold: Option<i64>,
    bet: Option<i64>,
}

/// A runner's summed rows; `None` if no row had a usable value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hold {
    pub hold: Option<i64>,
    pub bet: Option<i64>,
}

impl Hold {
    /// A runner that is not in the tracker holds nothing.
    pub const ZERO: Self = Self { hold: Some(0), bet: Some(0) };
    const UNKNOWN: Self = Self { hold: None, bet: None };
}

/// Reads the rows; `None` if the poll has no holds.
pub(crate) fn read_tracker<'a>(raw: Object<RawTracker<'a>>, report: &mut Report) -> Option<Vec<TrackerRow<'a>>> {
    let tracker = match raw.0 {
        Lenient::Null => return None,
        Lenient::Bad => {
            report.bad("money_tracker");
            return None;
        }
        Lenient::Good(tracker) => tracker,
    };
    let rows = report.rows(tracker.entrants, "money_tracker.entrants")?;
    let rows: Vec<TrackerRow> =
        rows.iter().enumerate().filter_map(|(at, raw)| read_tracker_row(raw, at, report)).collect();
    (!rows.is_empty()).then_some(rows)
}

fn read_tracker_row<'a>(raw: &RawTrackerRow<'a>, at: usize, report: &mut Report) -> Option<TrackerRow<'a>> {
    let place = |field: &'static str| Place { array: "money_tracker.entrants", at, field };
    let entrant_id = report.row_id(raw.entrant_id, place("entrant_id"))?;
    if raw.hold_percentage.is_none() {
        report.bad(place("hold_percentage"));
    }
    Some(TrackerRow {
        entrant_id,
        hold: report.hundredths(raw.hold_percentage, place("hold_percentage"), MOST_PERCENTAGE),
        bet: report.hundredths(raw.bet_percentage, place("bet_percentage"), MOST_PERCENTAGE),
    })
}

/// The hold of all rows together.
pub(crate) fn hold_of_all(rows: &[TrackerRow]) -> i64 {
    rows.iter().filter_map(|row| row.hold).sum()
}

/// Each runner's rows, summed.
pub(crate) fn sum_holds<'a>(
    rows: Vec<TrackerRow<'a>>,
    is_runner: impl Fn(&str) -> bool,
    report: &mut Report,
) -> BTreeMap<Cow<'a, str>, Hold> {
    report.hold_sum = Some(hold_of_all(&rows));
    let mut holds: BTreeMap<Cow<str>, Hold> = BTreeMap::new();
    for row in rows {
        if !is_runner(&row.entrant_id) {
            report.unmatched_hold += row.hold.unwrap_or(0);
            continue;
        }
        let sum = holds.entry(row.entrant_id).or_insert(Hold::UNKNOWN);
        sum.hold = add(sum.hold, row.hold);
        sum.bet = add(sum.bet, row.bet);
    }
    for (entrant_id, sum) in &mut holds {
        for value in [&mut sum.hold, &mut sum.bet] {
            if value.is_some_and(|value| value > MOST_PERCENTAGE) {
                report.bad(format_args!("sum of money_tracker rows of {entrant_id}"));
                *value = None;
            }
        }
    }
    holds
}

fn add(sum: Option<i64>, value: Option<i64>) -> Option<i64> {
    match (sum, value) {
        (Some(sum), Some(value)) => Some(sum + value),
        (sum, value) => sum.or(value),
    }
}
