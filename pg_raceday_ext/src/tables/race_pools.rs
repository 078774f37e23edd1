//! `race_pools`: a race's tote pools.

use super::column::Column;
use super::table::{Reader, Table, args, optional};
use crate::plan::{Plan, Statement};
use crate::value::arg;
use pgrx::pg_sys::TEXTOID;
use raceday_core::Pools;

pub const TABLE: Table<Pools> = Table { name: "race_pools", alias: "p", key: "race_id", columns: COLUMNS };

const COLUMNS: &[Column<Pools>] = &[
    Column::hundredths("win_pool_total", |p| p.win, |p, v| p.win = v),
    Column::hundredths("place_pool_total", |p| p.place, |p, v| p.place = v),
    Column::hundredths("quinella_pool_total", |p| p.quinella, |p, v| p.quinella = v),
    Column::hundredths("trifecta_pool_total", |p| p.trifecta, |p, v| p.trifecta = v),
    Column::hundredths("exacta_pool_total", |p| p.exacta, |p, v| p.exacta = v),
    Column::hundredths("first4_pool_total", |p| p.first4, |p, v| p.first4 = v),
    Column::hundredths("total_race_pool", |p| Some(p.total), |p, v| p.total = v.unwrap_or_default()),
    Column::hundredths("multi_leg_pool_total", |p| Some(p.multi_leg), |p, v| p.multi_leg = v.unwrap_or_default()),
    Column::integer("data_quality_score", |p| Some(p.quality), |p, v| p.quality = v.unwrap_or_default()),
    Column::integer("extracted_pools", |p| Some(p.extracted), |p, v| p.extracted = v.unwrap_or_default()),
    Column::moment("last_updated", |p| Some(p.last_updated_us), |p, v| p.last_updated_us = v.unwrap_or_default()),
];

/// The row's columns for a statement that joins it; read by [`read`].
pub fn joined() -> Vec<String> {
    optional(&TABLE)
}

/// Reads the row; `None` when the race has none.
pub fn read(reader: &mut Reader) -> Option<Pools> {
    reader.optional(COLUMNS)
}

static WRITE: Plan = Plan::built(write_statement);

/// Only changed pools are written, so no column is compared.
pub fn write_statement() -> Statement {
    TABLE.upsert(TEXTOID, &[], &[])
}

/// Writes a race's pools.
pub fn write(race_id: &str, pools: &Pools) {
    WRITE.run(&[arg(race_id)].into_iter().chain(args(COLUMNS, pools)).collect::<Vec<_>>());
}

static JSON: Plan = Plan::built(|| TABLE.json());

/// The row as a JSON object, with the table's names.
pub fn json(pools: &Pools) -> Option<String> {
    JSON.run(&args(COLUMNS, pools).collect::<Vec<_>>()).get(0, 1)
}
