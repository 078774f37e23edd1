//! `races`: what the newest poll reports of a race and, before its first poll, what the meetings list does.

use super::column::{Column, KEEP, not_loaded};
use super::table::{
    Reader, Table, Values, args, arguments, array_types, arrays, inserted, is_changed, list, names, selected, updates,
};
use crate::plan::{Plan, Statement};
use crate::value::{Moment, arg};
use pgrx::pg_sys::{BOOLOID, DATEOID, TEXTOID, TIMESTAMPTZOID};
use raceday_core::{Category, ListedRace, Phase, Race};

pub const TABLE: Table<Race> = Table { name: "races", alias: "r", key: "race_id", columns: COLUMNS };

/// As polls report it.
const COLUMNS: &[Column<Race>] = &[
    Column::<Race>::text("meeting_id", |r| r.meeting_id.as_deref(), |r, v| r.meeting_id = v).on_conflict(KEEP),
    Column::<Race>::text("name", |r| r.name.as_deref(), |r, v| r.name = v).on_conflict(KEEP),
    Column::<Race>::integer("race_number", |r| r.race_number, |r, v| r.race_number = v).on_conflict(KEEP),
    Column::<Race>::moment("start_time", |r| Some(r.start_us), |r, v| r.start_us = v.unwrap_or_default()),
    Column::<Race>::text("status", |r| Some(&r.status), |r, v| r.status = v.unwrap_or_default()),
    Column::<Race>::text(
        "phase",
        |r| Some(r.phase.as_str()),
        |r, v| r.phase = Phase::from_stored(&v.unwrap_or_default()),
    ),
    Column::<Race>::moment("actual_start", |r| r.actual_start_us, |r, v| r.actual_start_us = v),
    Column::<Race>::integer("distance", |r| r.distance, |r, v| r.distance = v).on_conflict(KEEP),
    Column::<Race>::text("track_condition", |r| r.track_condition.as_deref(), |r, v| r.track_condition = v)
        .on_conflict(KEEP),
    Column::<Race>::text("weather", |r| r.weather.as_deref(), |r, v| r.weather = v).on_conflict(KEEP),
    Column::<Race>::text(
        "type",
        |r| Some(r.category.letter()),
        |r, v| {
            r.category = v.as_deref().and_then(Category::from_letter).unwrap_or_default();
        },
    ),
    Column::<Race>::flag("protest", |r| r.protest, |r, v| r.protest = v),
    Column::<Race>::moment("last_status_change", |r| r.last_status_change_us, |r, v| r.last_status_change_us = v),
    Column::<Race>::moment("finalized_at", |r| r.finalized_us, |r, v| r.finalized_us = v),
    Column::<Race>::moment("abandoned_at", |r| r.abandoned_us, |r, v| r.abandoned_us = v),
    Column::<Race>::moment("polled_at", |r| Some(r.polled_us), |r, v| r.polled_us = v.unwrap_or_default()),
    Column::<Race>::text("meeting_name", |r| r.meeting.name.as_deref(), |r, v| r.meeting.name = v),
    Column::<Race>::text("meeting_country", |r| r.meeting.country.as_deref(), |r, v| r.meeting.country = v),
    Column::<Race>::text("meeting_state", |r| r.meeting.state.as_deref(), |r, v| r.meeting.state = v),
    Column::<Race>::date("race_date_nz", |r| r.meeting.date.as_deref(), |r, v| r.meeting.date = v),
];

/// The row's columns for a statement that reads it; read by [`read`].
pub fn joined() -> Vec<String> {
    selected(COLUMNS, TABLE.alias)
}

/// Reads the row.
pub fn read(reader: &mut Reader) -> Race {
    reader.row(COLUMNS)
}

static WRITE: Plan = Plan::built(write_statement);

pub fn write_statement() -> Statement {
    TABLE.upsert(TEXTOID, &[], &[TABLE.is_changed(2)])
}

/// Writes a race as its polls report it; returns how many rows.
pub fn write(race_id: &str, race: &Race) -> usize {
    WRITE.run(&[arg(race_id)].into_iter().chain(args(COLUMNS, race)).collect::<Vec<_>>()).count()
}

static JSON: Plan = Plan::built(|| TABLE.json());

/// The row as a JSON object, with the table's names.
pub fn json(race: &Race) -> Option<String> {
    JSON.run(&args(COLUMNS, race).collect::<Vec<_>>()).get(0, 1)
}

// Once a race is polled its polls own the row: a list then only fills gaps, and reports a moved start to the schedule.
const FILL_GAP: &str = "case when r.polled_at is null then {new} else coalesce({old}, {new}) end";
const UNTIL_POLLED: &str = "case when r.polled_at is null then {new} else {old} end";

/// As a meetings list reports it: what a change of `listed_*` covers.
const LISTED: &[Column<ListedRace>] = &[
    Column::<ListedRace>::text("race_id", |r| Some(&r.race_id), not_loaded).insert_only(),
    Column::<ListedRace>::text("type", |r| Some(r.category.letter()), not_loaded).insert_only(),
    Column::<ListedRace>::moment("start_time", |r| Some(r.start_us), not_loaded).on_conflict(UNTIL_POLLED),
    Column::<ListedRace>::text("status", |r| Some(&r.status), not_loaded).on_conflict(UNTIL_POLLED),
    Column::<ListedRace>::text("phase", |r| Some(r.phase.as_str()), not_loaded).on_conflict(UNTIL_POLLED),
];

/// The same: what is written of a race not polled yet only because it differs.
const LISTED_DETAILS: &[Column<ListedRace>] = &[
    Column::<ListedRace>::text("meeting_id", |r| Some(&r.meeting_id), not_loaded).on_conflict(FILL_GAP),
    Column::<ListedRace>::text("name", |r| r.name.as_deref(), not_loaded).on_conflict(FILL_GAP),
    Column::<ListedRace>::integer("race_number", |r| r.race_number, not_loaded).on_conflict(FILL_GAP),
    Column::<ListedRace>::integer("distance", |r| r.distance, not_loaded).on_conflict(FILL_GAP),
    Column::<ListedRace>::text("track_condition", |r| r.track_condition.as_deref(), not_loaded).on_conflict(FILL_GAP),
    Column::<ListedRace>::text("weather", |r| r.weather.as_deref(), not_loaded).on_conflict(FILL_GAP),
];

static WRITE_LISTED: Plan = Plan::built(write_listed_statement);

/// Argument 1 is when the list was fetched, 2 whether it is the newest of its day.
pub fn write_listed_statement() -> Statement {
    const FIRST: usize = 3;
    let Table { name, alias, key, .. } = TABLE;
    let first_detail = FIRST + LISTED.len();
    let names = list(&[names(LISTED), names(LISTED_DETAILS)].concat());
    let values = [inserted(LISTED, FIRST, Values::Unnested), inserted(LISTED_DETAILS, first_detail, Values::Unnested)];
    let updates = [updates(LISTED, alias, FIRST), updates(LISTED_DETAILS, alias, first_detail)];
    let sql = format!(
        "insert into raceday.{name} as {alias} ({names}, listed_at, listed_start_time, listed_status)\n\
         select {values}, $1, u.start_time, u.status\n\
         from unnest({arguments})\n    u ({names})\n\
         on conflict ({key}) do update\n\
         set {updates},\n    listed_at = excluded.listed_at, listed_start_time = excluded.listed_start_time,\n    \
         listed_status = excluded.listed_status\n\
         where ({alias}.listed_at is null or $2)\n  \
         and (({alias}.listed_start_time, {alias}.listed_status) is distinct from\n    \
         (excluded.listed_start_time, excluded.listed_status)\n    \
         or {alias}.polled_at is null and {is_changed})",
        values = list(&values.concat()),
        arguments = list(&[arguments(LISTED, FIRST), arguments(LISTED_DETAILS, first_detail)].concat()),
        updates = list(&updates.concat()),
        is_changed = is_changed(LISTED_DETAILS, alias, first_detail),
    );
    let types = array_types(LISTED).chain(array_types(LISTED_DETAILS));
    Statement { sql, arg_types: [TIMESTAMPTZOID, BOOLOID].into_iter().chain(types).collect() }
}

/// Writes the races of a list; returns how many rows. An older list only adds what is missing.
pub fn write_listed(races: &[ListedRace], fetched_us: i64, is_newest: bool) -> usize {
    let races: Vec<&ListedRace> = races.iter().collect();
    let first = [arg(Moment(fetched_us)), arg(is_newest)];
    let columns = arrays(LISTED, &races).chain(arrays(LISTED_DETAILS, &races));
    WRITE_LISTED.run(&first.into_iter().chain(columns).collect::<Vec<_>>()).count()
}

static OF_DAY: Plan = Plan::new(
    "select r.race_id from raceday.races r left join raceday.meetings m on m.meeting_id = r.meeting_id
     where coalesce(m.date, (r.start_time at time zone 'Pacific/Auckland')::date) = $1
     order by r.start_time, r.race_id",
    &[DATEOID],
);

/// The races of a New Zealand day: their meeting's, or that of the start of a race without one.
pub fn of_day(day: pgrx::datum::Date) -> Vec<String> {
    OF_DAY.run(&[arg(day)]).texts()
}
