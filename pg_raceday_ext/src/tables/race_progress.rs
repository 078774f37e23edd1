//! `race_progress`: where a race's history stands, and what the next rows of each runner are counted from.

use super::column::Column;
use super::table::{
    Reader, Table, Values, args, array_types, arrays, inserted, list, names, optional, selected, updates,
};
use crate::plan::{Plan, Statement};
use crate::value::{Moment, arg};
use pgrx::pg_sys::{BYTEAOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use raceday_core::signals::Watch;
use raceday_core::{EntrantState, Progress, RaceState};
use std::collections::BTreeMap;

/// A row, without what it holds of the runners.
#[derive(Debug, Default)]
pub struct ProgressRow {
    pub progress: Progress,
    /// `created_at` of the newest history rows.
    pub rows_created_us: i64,
}

pub const TABLE: Table<ProgressRow> = Table { name: "race_progress", alias: "g", key: "race_id", columns: COLUMNS };

const COLUMNS: &[Column<ProgressRow>] = &[
    Column::moment(
        "processed_through",
        |g| Some(g.progress.processed_through_us),
        |g, v| g.progress.processed_through_us = v.unwrap_or_default(),
    ),
    Column::bigint(
        "payload_hash",
        |g| Some(g.progress.payload_hash),
        |g, v| g.progress.payload_hash = v.unwrap_or_default(),
    ),
    Column::moment("generated_at", |g| g.progress.generated_us, |g, v| g.progress.generated_us = v),
    Column::moment(
        "event_timestamp",
        |g| Some(g.progress.event_us),
        |g, v| g.progress.event_us = v.unwrap_or_default(),
    ),
    Column::moment(
        "first_event_timestamp",
        |g| Some(g.progress.first_event_us),
        |g, v| g.progress.first_event_us = v.unwrap_or_default(),
    ),
    Column::moment(
        "last_event_timestamp",
        |g| Some(g.progress.last_event_us),
        |g, v| g.progress.last_event_us = v.unwrap_or_default(),
    ),
    Column::moment(
        "first_fetched_at",
        |g| Some(g.progress.first_fetched_us),
        |g, v| g.progress.first_fetched_us = v.unwrap_or_default(),
    ),
    Column::flag("has_history", |g| g.progress.has_history, |g, v| g.progress.has_history = v),
    Column::moment("rows_created_at", |g| Some(g.rows_created_us), |g, v| g.rows_created_us = v.unwrap_or_default()),
    Column::bigint("rows_win_cents", |g| g.progress.rows_win_cents, |g, v| g.progress.rows_win_cents = v),
    Column::bigint("rows_place_cents", |g| g.progress.rows_place_cents, |g, v| g.progress.rows_place_cents = v),
];

/// Array columns, in step with `entrant_ids`. An amount belongs to the interval before it: both are there, or neither.
const RUNNERS: &[Column<EntrantState>] = &[
    Column::bigint("win_intervals", |e| e.win.last.map(|last| last.0), |e, v| e.win.last = v.map(|v| (v, 0))),
    Column::bigint(
        "win_amounts",
        |e| e.win.last.map(|last| last.1),
        |e, v| e.win.last = e.win.last.zip(v).map(|(last, v)| (last.0, v)),
    ),
    Column::bigint("win_bases", |e| e.win.base, |e, v| e.win.base = v),
    Column::bigint("place_intervals", |e| e.place.last.map(|last| last.0), |e, v| e.place.last = v.map(|v| (v, 0))),
    Column::bigint(
        "place_amounts",
        |e| e.place.last.map(|last| last.1),
        |e, v| e.place.last = e.place.last.zip(v).map(|(last, v)| (last.0, v)),
    ),
    Column::bigint("place_bases", |e| e.place.base, |e, v| e.place.base = v),
    Column::bigint("fixed_win_odds", |e| e.recorded.fixed_win, |e, v| e.recorded.fixed_win = v),
    Column::bigint("fixed_place_odds", |e| e.recorded.fixed_place, |e, v| e.recorded.fixed_place = v),
    Column::bigint("pool_win_odds", |e| e.recorded.pool_win, |e, v| e.recorded.pool_win = v),
    Column::bigint("pool_place_odds", |e| e.recorded.pool_place, |e, v| e.recorded.pool_place = v),
];

/// The row's columns for a statement that joins it; read by [`read`] and [`read_runners`].
pub fn joined() -> Vec<String> {
    let Table { alias, .. } = TABLE;
    let last = vec![format!("{alias}.watch")];
    [optional(&TABLE), vec![format!("{alias}.entrant_ids")], selected(RUNNERS, alias), last].concat()
}

/// Reads the row; `None` before the first poll.
pub fn read(reader: &mut Reader) -> Option<ProgressRow> {
    reader.optional(COLUMNS)
}

/// Reads what the row holds of the runners, after [`read`]; returns what the signals are computed from.
pub fn read_runners(reader: &mut Reader, entrants: &mut BTreeMap<String, EntrantState>) -> Watch {
    let ids: Vec<String> = reader.value().unwrap_or_default();
    for id in &ids {
        if !entrants.contains_key(id) {
            entrants.insert(id.clone(), EntrantState::default());
        }
    }
    let mut by_id: BTreeMap<&str, &mut EntrantState> =
        entrants.iter_mut().map(|(id, state)| (id.as_str(), state)).collect();
    let mut states: Vec<&mut EntrantState> = ids.iter().filter_map(|id| by_id.remove(id.as_str())).collect();
    reader.arrays(RUNNERS, &mut states);
    let watch: Option<Vec<u8>> = reader.value();
    watch.and_then(|bytes| Watch::from_bytes(&bytes, ids.iter().map(String::as_str))).unwrap_or_default()
}

static WRITE: Plan = Plan::built(write_statement);

pub fn write_statement() -> Statement {
    let Table { name, alias, key, columns } = TABLE;
    let (ids, first_array) = (2 + columns.len(), 3 + columns.len());
    let one = |sql: String| vec![sql];
    let all_names =
        [one(key.to_owned()), names(columns), one("entrant_ids".to_owned()), names(RUNNERS), one("watch".to_owned())]
            .concat();
    let values = [
        one("$1".to_owned()),
        inserted(columns, 2, Values::Scalar),
        one(format!("${ids}")),
        inserted(RUNNERS, first_array, Values::Scalar),
        one(format!("${}", first_array + RUNNERS.len())),
    ];
    let updated = [
        TABLE.updates(2),
        one("entrant_ids = excluded.entrant_ids".to_owned()),
        updates(RUNNERS, alias, first_array),
        one("watch = excluded.watch".to_owned()),
    ];
    let sql = format!(
        "insert into raceday.{name} as {alias} ({})\nvalues ({})\non conflict ({key}) do update\nset {}",
        list(&all_names),
        list(&values.concat()),
        list(&updated.concat())
    );
    let types =
        columns.iter().map(Column::arg_type).chain([TEXTARRAYOID]).chain(array_types(RUNNERS)).chain([BYTEAOID]);
    Statement { sql, arg_types: [TEXTOID].into_iter().chain(types).collect() }
}

/// Writes where a race's history stands, if it has been polled.
pub fn write(race_id: &str, state: &RaceState, rows_created_us: i64) {
    let Some(progress) = state.progress.clone() else { return };
    let row = ProgressRow { progress, rows_created_us };
    let ids: Vec<&str> = state.entrants.keys().map(String::as_str).collect();
    let watch = state.watch.to_bytes(ids.iter().copied());
    let runners: Vec<&EntrantState> = state.entrants.values().collect();
    let args: Vec<_> = [arg(race_id)]
        .into_iter()
        .chain(args(COLUMNS, &row))
        .chain([arg(ids)])
        .chain(arrays(RUNNERS, &runners))
        .chain([arg(watch)])
        .collect();
    WRITE.run(&args);
}

static NOTE_REPEATED: Plan =
    Plan::new("update raceday.race_progress set processed_through = $2 where race_id = $1", &[TEXTOID, TIMESTAMPTZOID]);

/// Notes that a race was polled and nothing had changed.
pub fn note_repeated(race_id: &str, fetched_us: i64) {
    NOTE_REPEATED.run(&[arg(race_id), arg(Moment(fetched_us))]);
}

/// As much of a race as it takes to know whether a payload continues or repeats it.
#[derive(Debug)]
pub struct Newest {
    /// Its newest processed poll; only what [`Progress::is_repeated_by`] needs and `processed_through_us` are set.
    pub progress: Option<Progress>,
    /// Whether payloads of it wait on the queue.
    pub has_pending: bool,
}

static LOAD_NEWEST: Plan = Plan::built(load_newest_statement);

pub fn load_newest_statement() -> Statement {
    let newest = Table { columns: newest_columns(), ..TABLE };
    let sql = format!(
        "select exists (select from raceday.pending_payloads q where q.race_id = $1),\n    {}\n\
         from (values (0)) one left join raceday.{} {alias} on {alias}.race_id = $1",
        list(&optional(&newest)),
        TABLE.name,
        alias = TABLE.alias
    );
    Statement { sql, arg_types: vec![TEXTOID] }
}

/// `processed_through` to `event_timestamp`.
fn newest_columns() -> &'static [Column<ProgressRow>] {
    &COLUMNS[..4]
}

/// Loads the newest poll of a race.
pub fn load_newest(race_id: &str) -> Newest {
    let rows = LOAD_NEWEST.run(&[arg(race_id)]);
    let mut reader = Reader::new(&rows, 0);
    let has_pending = reader.value().unwrap_or_default();
    let progress = reader.optional(newest_columns()).map(|row| row.progress);
    Newest { progress, has_pending }
}
