//! `money_flow_history`: one row per runner per poll.

use super::column::{Column, not_loaded};
use super::history::{History, Span, Stored};
use super::series::Series;
use crate::plan::Plan;
use raceday_core::{HistoryRows, PollRows};

pub const TABLE: History<HistoryRows> = History {
    name: "money_flow_history",
    fixed: &[
        ("type", "'bucketed_aggregation'"),
        ("pool_type", "'combined'"),
        ("is_consolidated", "true"),
        ("incremental_amount", "u.incremental_win_amount"),
    ],
    poll: &[
        Column::moment("event_timestamp", |p| Some(p.event_us), not_loaded),
        Column::moment("polling_timestamp", |p| Some(p.polling_us), not_loaded),
        Column::integer("seconds_to_start", |p| Some(p.seconds_to_start), not_loaded),
        Column::integer("time_to_start", |p| Some(p.time_to_start), not_loaded),
        Column::integer("time_interval", |p| Some(p.time_interval), not_loaded),
        Column::text("interval_type", |p| Some(p.interval_type), not_loaded),
        Column::bigint("win_pool_cents", |p| p.win_cents, not_loaded),
        Column::bigint("place_pool_cents", |p| p.place_cents, not_loaded),
    ],
    series: &[
        Series::texts("entrant_id", |h| h.entrant_id.iter().map(String::as_str).collect()),
        Series::hundredths("hold_percentage", |h| &h.hold),
        Series::hundredths("bet_percentage", |h| &h.bet),
        Series::bigints("win_pool_amount", |h| &h.win_pool_amount),
        Series::bigints("place_pool_amount", |h| &h.place_pool_amount),
        Series::hundredths("win_pool_percentage", |h| &h.win_pool_percentage),
        Series::hundredths("place_pool_percentage", |h| &h.place_pool_percentage),
        Series::bigints("incremental_win_amount", |h| &h.incremental_win_amount),
        Series::bigints("incremental_place_amount", |h| &h.incremental_place_amount),
        Series::hundredths("tote_win_percentage", |h| &h.tote_win_percentage),
        Series::bigints("tote_win_amount", |h| &h.tote_win_amount),
        Series::hundredths("fixed_win_odds", |h| &h.fixed_win_odds),
        Series::hundredths("fixed_place_odds", |h| &h.fixed_place_odds),
        Series::hundredths("pool_win_odds", |h| &h.pool_win_odds),
        Series::hundredths("pool_place_odds", |h| &h.pool_place_odds),
        Series::bigints("win_low", |h| &h.win_low),
        Series::bigints("win_high", |h| &h.win_high),
        Series::bigints("win_mid", |h| &h.win_mid),
        Series::hundredths("flow_multiple", |h| &h.flow_multiple),
        Series::hundredths("evidence", |h| &h.evidence),
    ],
};

static APPEND: Plan = Plan::built(|| TABLE.append_statement());
static LOAD: Plan = Plan::built(|| TABLE.load_statement()).pruned();
static LOAD_ALL: Plan = Plan::built(|| TABLE.load_all_statement());
static DELETE: Plan = Plan::built(|| TABLE.delete_statement()).pruned();

/// Appends a poll's money flow; returns how many rows.
pub fn append(race_id: &str, poll: &PollRows, created_us: i64) -> usize {
    let rows = &poll.history;
    if rows.entrant_id.is_empty() { 0 } else { TABLE.append(&APPEND, race_id, created_us, poll, rows) }
}

/// Loads a race's money flow of a span, or all of it.
pub fn load(race_id: &str, span: Option<Span>) -> Stored {
    Stored::load(race_id, span, &LOAD, &LOAD_ALL)
}

/// The rows of a poll that the table lacks.
pub fn missing(stored: &mut Stored, poll: &PollRows) -> HistoryRows {
    let rows = &poll.history;
    rows.at(&TABLE.missing(stored, poll, rows, rows.entrant_id.len()))
}

/// Deletes the rows that no poll gives; returns how many.
pub fn delete_surplus(race_id: &str, stored: &Stored) -> usize {
    stored.delete_surplus(race_id, &DELETE)
}
