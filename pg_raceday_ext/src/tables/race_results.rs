//! `race_results`: placings and dividends of a race.

use super::column::Column;
use super::table::{Reader, Table, args, optional};
use crate::plan::{Plan, Statement};
use crate::value::arg;
use pgrx::pg_sys::TEXTOID;
use raceday_core::Results;

pub const TABLE: Table<Results> = Table { name: "race_results", alias: "s", key: "race_id", columns: COLUMNS };

const COLUMNS: &[Column<Results>] = &[
    Column::flag("results_available", |s| s.available, |s, v| s.available = v),
    Column::json("results_data", |s| Some(&s.placings), |s, v| s.placings = v.unwrap_or_default()),
    Column::json("dividends_data", |s| Some(&s.dividends), |s, v| s.dividends = v.unwrap_or_default()),
    Column::json("fixed_odds_data", |s| Some(&s.fixed_odds), |s, v| s.fixed_odds = v.unwrap_or_default()),
    Column::text("result_status", |s| s.status, |s, v| s.status = v.as_deref().and_then(Results::known_status)),
    Column::flag("protest_lodged", |s| s.protest, |s, v| s.protest = v),
    Column::moment("result_time", |s| Some(s.result_us), |s, v| s.result_us = v.unwrap_or_default()),
];

/// The row's columns for a statement that joins it; read by [`read`].
pub fn joined() -> Vec<String> {
    optional(&TABLE)
}

/// Reads the row; `None` when the race has none.
pub fn read(reader: &mut Reader) -> Option<Results> {
    reader.optional(COLUMNS)
}

static WRITE: Plan = Plan::built(write_statement);

/// Compared with the table's row: the state holds JSON as text, and text that differs may be the same JSON.
pub fn write_statement() -> Statement {
    TABLE.upsert(TEXTOID, &[], &[TABLE.is_changed(2)])
}

/// Writes a race's results if they differ from the table's.
pub fn write(race_id: &str, results: &Results) {
    WRITE.run(&[arg(race_id)].into_iter().chain(args(COLUMNS, results)).collect::<Vec<_>>());
}
