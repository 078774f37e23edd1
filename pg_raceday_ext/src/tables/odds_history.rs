//! `odds_history`: one row per runner and kind of odds, where they changed.

use super::column::{Column, not_loaded};
use super::history::{History, Span, Stored};
use super::series::Series;
use crate::plan::Plan;
use raceday_core::{OddsRows, PollRows};

pub const TABLE: History<OddsRows> = History {
    name: "odds_history",
    fixed: &[],
    poll: &[
        Column::moment("event_timestamp", |p| Some(p.event_us), not_loaded),
        Column::moment("polling_timestamp", |p| Some(p.polling_us), not_loaded),
    ],
    series: &[
        Series::texts("entrant_id", |o| o.entrant_id.iter().map(String::as_str).collect()),
        Series::texts("type", |o| o.kind.clone()),
        Series::odds("odds", |o| &o.odds),
    ],
};

static APPEND: Plan = Plan::built(|| TABLE.append_statement());
static LOAD: Plan = Plan::built(|| TABLE.load_statement()).pruned();
static LOAD_ALL: Plan = Plan::built(|| TABLE.load_all_statement());
static DELETE: Plan = Plan::built(|| TABLE.delete_statement()).pruned();

/// Appends a poll's changed odds; returns how many rows.
pub fn append(race_id: &str, poll: &PollRows, created_us: i64) -> usize {
    let rows = &poll.odds;
    if rows.entrant_id.is_empty() { 0 } else { TABLE.append(&APPEND, race_id, created_us, poll, rows) }
}

/// Loads a race's odds of a span, or all of them.
pub fn load(race_id: &str, span: Option<Span>) -> Stored {
    Stored::load(race_id, span, &LOAD, &LOAD_ALL)
}

/// The rows of a poll that the table lacks.
pub fn missing(stored: &mut Stored, poll: &PollRows) -> OddsRows {
    let rows = &poll.odds;
    rows.at(&TABLE.missing(stored, poll, rows, rows.entrant_id.len()))
}

/// Deletes the rows that no poll gives; returns how many.
pub fn delete_surplus(race_id: &str, stored: &Stored) -> usize {
    stored.delete_surplus(race_id, &DELETE)
}
