//! `signals`: levels that runners' evidence reached, one row per runner and level.

use super::column::{Column, not_loaded};
use super::table::{Values, arguments, array_types, arrays, inserted, is_changed, list, names, updates};
use crate::plan::{Plan, Statement};
use crate::value::{Moment, arg};
use pgrx::pg_sys::{INT8ARRAYOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use raceday_core::{PollRows, Signal};

/// A row.
pub struct Row {
    event_us: i64,
    polling_us: i64,
    seconds_to_start: i64,
    signal: Signal,
}

const COLUMNS: &[Column<Row>] = &[
    Column::<Row>::text("entrant_id", |r| Some(r.signal.reached.entrant_id.as_str()), not_loaded).insert_only(),
    Column::<Row>::integer("level", |r| Some(r.signal.reached.level), not_loaded).insert_only(),
    Column::moment("event_timestamp", |r| Some(r.event_us), not_loaded),
    Column::moment("polling_timestamp", |r| Some(r.polling_us), not_loaded),
    Column::integer("seconds_to_start", |r| Some(r.seconds_to_start), not_loaded),
    Column::hundredths("evidence", |r| Some(r.signal.reached.evidence), not_loaded),
    Column::integer("rarity", |r| Some(r.signal.reached.rarity), not_loaded),
    Column::flag("provisional", |r| r.signal.reached.is_provisional, not_loaded),
    Column::integer("calibration_version", |r| r.signal.reached.version, not_loaded),
    Column::bigint("money", |r| Some(r.signal.reached.money_cents), not_loaded),
    Column::bigint("excess", |r| Some(r.signal.reached.excess_cents), not_loaded),
    Column::hundredths("multiple", |r| r.signal.reached.multiple, not_loaded),
    Column::hundredths("share_before", |r| r.signal.reached.share_before, not_loaded),
    Column::hundredths("share_after", |r| r.signal.reached.share_after, not_loaded),
    Column::json("reasons", |r| Some(r.signal.reasons.as_str()), not_loaded),
];

/// The rows that polls give.
pub fn rows(polls: &[PollRows]) -> Vec<Row> {
    let of_poll = |poll: &PollRows| {
        let &PollRows { event_us, polling_us, seconds_to_start, .. } = poll;
        let row = move |signal: &Signal| Row { event_us, polling_us, seconds_to_start, signal: signal.clone() };
        poll.signals.iter().map(row).collect::<Vec<_>>()
    };
    polls.iter().flat_map(of_poll).collect()
}

static WRITE: Plan = Plan::built(write_statement);

pub fn write_statement() -> Statement {
    const FIRST: usize = 3;
    let sql = format!(
        "insert into raceday.signals as s (race_id, created_at, {names})\n\
         select $1, $2, {values}\n\
         from unnest({arguments})\n    u ({names})\n\
         on conflict (race_id, entrant_id, level) do update\n\
         set {updates}, created_at = excluded.created_at\n\
         where {is_changed}",
        names = list(&names(COLUMNS)),
        values = list(&inserted(COLUMNS, FIRST, Values::Unnested)),
        arguments = list(&arguments(COLUMNS, FIRST)),
        updates = list(&updates(COLUMNS, "s", FIRST)),
        is_changed = is_changed(COLUMNS, "s", FIRST),
    );
    Statement { sql, arg_types: [TEXTOID, TIMESTAMPTZOID].into_iter().chain(array_types(COLUMNS)).collect() }
}

/// Writes rows of a race; returns how many are new or changed.
pub fn write(race_id: &str, rows: &[Row], created_us: i64) -> usize {
    if rows.is_empty() {
        return 0;
    }
    let rows: Vec<&Row> = rows.iter().collect();
    let args: Vec<_> = [arg(race_id), arg(Moment(created_us))].into_iter().chain(arrays(COLUMNS, &rows)).collect();
    WRITE.run(&args).count()
}

static DELETE_OTHERS: Plan = Plan::new(
    "delete from raceday.signals s
     where s.race_id = $1
       and not exists (select from unnest($2, $3) k (entrant_id, level) where k.entrant_id = s.entrant_id and k.level = s.level)",
    &[TEXTOID, TEXTARRAYOID, INT8ARRAYOID],
);

/// Deletes a race's rows but these; returns how many.
pub fn delete_others(race_id: &str, rows: &[Row]) -> usize {
    let (ids, levels): (Vec<&str>, Vec<i64>) =
        rows.iter().map(|row| (row.signal.reached.entrant_id.as_str(), row.signal.reached.level)).unzip();
    DELETE_OTHERS.run(&[arg(race_id), arg(ids), arg(levels)]).count()
}
