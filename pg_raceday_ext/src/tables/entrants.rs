//! `entrants`: what is known of each runner now. A new column of a runner is one entry of `COLUMNS`.

use super::column::Column;
use super::table::{Reader, Table, Values, args, array_types, arrays, inserted, list, names, selected};
use crate::plan::{Plan, Statement};
use crate::value::arg;
use pgrx::pg_sys::{TEXTARRAYOID, TEXTOID};
use raceday_core::{Entrant, EntrantState};
use std::collections::BTreeMap;

pub const TABLE: Table<Entrant> = Table { name: "entrants", alias: "e", key: "entrant_id", columns: COLUMNS };

const COLUMNS: &[Column<Entrant>] = &[
    Column::text("name", |e| e.name.as_deref(), |e, v| e.name = v),
    Column::integer("runner_number", |e| e.runner_number, |e, v| e.runner_number = v),
    Column::hundredths("win_odds", |e| e.odds.fixed_win, |e, v| e.odds.fixed_win = v),
    Column::hundredths("place_odds", |e| e.odds.fixed_place, |e, v| e.odds.fixed_place = v),
    Column::hundredths("pool_win_odds", |e| e.odds.pool_win, |e, v| e.odds.pool_win = v),
    Column::hundredths("pool_place_odds", |e| e.odds.pool_place, |e, v| e.odds.pool_place = v),
    Column::hundredths("hold_percentage", |e| e.hold, |e, v| e.hold = v),
    Column::hundredths("bet_percentage", |e| e.bet, |e, v| e.bet = v),
    Column::flag("is_scratched", |e| e.is_scratched, |e, v| e.is_scratched = v),
    Column::flag("is_late_scratched", |e| e.is_late_scratched, |e, v| e.is_late_scratched = v),
    Column::moment("scratched_at", |e| e.scratched_us, |e, v| e.scratched_us = v),
    Column::integer("barrier", |e| e.barrier, |e, v| e.barrier = v),
    Column::text("jockey", |e| e.jockey.as_deref(), |e, v| e.jockey = v),
    Column::text("trainer_name", |e| e.trainer_name.as_deref(), |e, v| e.trainer_name = v),
    Column::text("silk_colours", |e| e.silk_colours.as_deref(), |e, v| e.silk_colours = v),
    Column::text("silk_url_64", |e| e.silk_url_64.as_deref(), |e, v| e.silk_url_64 = v),
    Column::text("silk_url_128", |e| e.silk_url_128.as_deref(), |e, v| e.silk_url_128 = v),
    Column::text("runner_change", |e| e.runner_change.as_deref(), |e, v| e.runner_change = v),
    Column::flag("favourite", |e| e.favourite, |e, v| e.favourite = v),
    Column::flag("mover", |e| e.mover, |e, v| e.mover = v),
    Column::hundredths("opening_odds", |e| e.opening_odds, |e, v| e.opening_odds = v),
    Column::moment("opening_odds_at", |e| e.opening_us, |e, v| e.opening_us = v),
    Column::hundredths("nine_am_odds", |e| e.nine_am_odds, |e, v| e.nine_am_odds = v),
    Column::hundredths("highest_odds", |e| e.highest_odds, |e, v| e.highest_odds = v),
    Column::hundredths("lowest_odds", |e| e.lowest_odds, |e, v| e.lowest_odds = v),
];

static LOAD: Plan = Plan::built(load_statement);

pub fn load_statement() -> Statement {
    let Table { name, alias, key, columns } = TABLE;
    let sql = format!(
        "select {alias}.{key},\n    {}\nfrom raceday.{name} {alias} where {alias}.race_id = $1",
        list(&selected(columns, alias))
    );
    Statement { sql, arg_types: vec![TEXTOID] }
}

/// The runners of a race by id.
pub fn load(race_id: &str) -> BTreeMap<String, EntrantState> {
    let rows = LOAD.run(&[arg(race_id)]);
    (0..rows.count())
        .filter_map(|row| {
            let mut reader = Reader::new(&rows, row);
            Some((reader.value()?, EntrantState { entrant: reader.row(COLUMNS), ..EntrantState::default() }))
        })
        .collect()
}

static WRITE: Plan = Plan::built(write_statement);

/// Elements by subscript cost less than `unnest` of as many arrays: see docs/decisions/writing-rows.md. Only changed runners are
/// written, so no column is compared.
pub fn write_statement() -> Statement {
    const FIRST: usize = 3;
    let Table { name, alias, key, columns } = TABLE;
    let sql = format!(
        "insert into raceday.{name} as {alias} (race_id, {key}, {names})\n\
         select $1, $2[i], {values}\n\
         from generate_subscripts($2, 1) i\n\
         on conflict (race_id, {key}) do update\n\
         set {updates}, updated_at = clock_timestamp()",
        names = list(&names(columns)),
        values = list(&inserted(columns, FIRST, Values::Element)),
        updates = list(&TABLE.updates(FIRST)),
    );
    Statement { sql, arg_types: [TEXTOID, TEXTARRAYOID].into_iter().chain(array_types(columns)).collect() }
}

/// Writes runners of a race; returns how many rows it wrote.
pub fn write(race_id: &str, ids: Vec<&str>, entrants: &[&Entrant]) -> usize {
    if entrants.is_empty() {
        return 0;
    }
    let args: Vec<_> = [arg(race_id), arg(ids)].into_iter().chain(arrays(COLUMNS, entrants)).collect();
    WRITE.run(&args).count()
}

static JSON: Plan = Plan::built(|| TABLE.json());

/// The row as a JSON object, with the table's names.
pub fn json(entrant: &Entrant) -> Option<String> {
    JSON.run(&args(COLUMNS, entrant).collect::<Vec<_>>()).get(0, 1)
}
