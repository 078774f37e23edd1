//! `meetings`: days of racing at a track, from the meetings list or, until one names them, from their races.

use super::column::{Column, KEEP, not_loaded};
use super::table::{
    Reader, Table, Values, args, arguments, array_types, arrays, inserted, is_changed, list, names, optional, updates,
};
use crate::plan::{Plan, Statement};
use crate::value::{Moment, arg};
use pgrx::pg_sys::{BOOLOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use raceday_core::{Category, ListedMeeting, Meeting};

pub const TABLE: Table<Meeting> = Table { name: "meetings", alias: "m", key: "meeting_id", columns: COLUMNS };

/// As polls of its races report it. Argument 2 is the race's start, whose New Zealand day is that of a meeting without a date.
const COLUMNS: &[Column<Meeting>] = &[
    Column::<Meeting>::text("meeting_name", |m| m.name.as_deref(), |m, v| m.name = v).on_conflict(KEEP),
    Column::<Meeting>::text("country", |m| m.country.as_deref(), |m, v| m.country = v).on_conflict(KEEP),
    Column::<Meeting>::text("state", |m| m.state.as_deref(), |m, v| m.state = v).on_conflict(KEEP),
    Column::<Meeting>::text(
        "race_type",
        |m| Some(m.category.race_type()),
        |m, v| {
            m.category = v.as_deref().and_then(Category::from_race_type).unwrap_or_default();
        },
    ),
    Column::<Meeting>::date("date", |m| m.date.as_deref(), |m, v| m.date = v)
        .inserted("coalesce({value}, ($2 at time zone 'Pacific/Auckland')::date)")
        .on_conflict("coalesce({value}, {old})"),
];

/// The row's columns for a statement that joins it; read by [`read`].
pub fn joined() -> Vec<String> {
    [optional(&TABLE), vec![format!("{}.listed_at is not null", TABLE.alias)]].concat()
}

/// Reads the row, and whether a meetings list names the meeting, and so owns its row.
pub fn read(reader: &mut Reader, meeting_id: Option<&String>) -> (Option<Meeting>, bool) {
    let meeting = reader.optional(COLUMNS).zip(meeting_id);
    let is_listed = reader.value().unwrap_or(false);
    (meeting.map(|(meeting, meeting_id)| Meeting { meeting_id: meeting_id.clone(), ..meeting }), is_listed)
}

static WRITE: Plan = Plan::built(write_statement);

pub fn write_statement() -> Statement {
    TABLE.upsert(TEXTOID, &[TIMESTAMPTZOID], &["m.listed_at is null".to_owned(), TABLE.is_changed(3)])
}

/// Writes a meeting that no list names, as one of its races reports it; returns how many rows.
pub fn write(meeting: &Meeting, race_start_us: i64) -> usize {
    let first = [arg(meeting.meeting_id.as_str()), arg(Moment(race_start_us))];
    WRITE.run(&first.into_iter().chain(args(COLUMNS, meeting)).collect::<Vec<_>>()).count()
}

/// As a meetings list reports it.
const LISTED: &[Column<ListedMeeting>] = &[
    Column::<ListedMeeting>::text("meeting_id", |m| Some(&m.meeting_id), not_loaded).insert_only(),
    Column::<ListedMeeting>::text("meeting_name", |m| m.name.as_deref(), not_loaded),
    Column::<ListedMeeting>::text("country", |m| m.country.as_deref(), not_loaded),
    Column::<ListedMeeting>::text("state", |m| m.state.as_deref(), not_loaded),
    Column::<ListedMeeting>::text("race_type", |m| Some(m.category.race_type()), not_loaded),
    Column::<ListedMeeting>::date("date", |m| Some(&m.date), not_loaded),
    Column::<ListedMeeting>::text("track_condition", |m| m.track_condition.as_deref(), not_loaded).on_conflict(KEEP),
    Column::<ListedMeeting>::text("weather", |m| m.weather.as_deref(), not_loaded).on_conflict(KEEP),
    Column::<ListedMeeting>::text("tote_status", |m| m.tote_status.as_deref(), not_loaded),
];

static WRITE_LISTED: Plan = Plan::built(write_listed_statement);

/// Argument 1 is when the list was fetched, 2 whether it is the newest of its day.
pub fn write_listed_statement() -> Statement {
    const FIRST: usize = 3;
    let Table { name, alias, key, .. } = TABLE;
    let sql = format!(
        "insert into raceday.{name} as {alias} ({names}, listed_at)\n\
         select {values}, $1\n\
         from unnest({arguments})\n    u ({names})\n\
         on conflict ({key}) do update\n\
         set {updates}, listed_at = excluded.listed_at\n\
         where ({alias}.listed_at is null or $2)\n  and ({alias}.listed_at is null or {is_changed})",
        names = list(&names(LISTED)),
        values = list(&inserted(LISTED, FIRST, Values::Unnested)),
        arguments = list(&arguments(LISTED, FIRST)),
        updates = list(&updates(LISTED, alias, FIRST)),
        is_changed = is_changed(LISTED, alias, FIRST),
    );
    Statement { sql, arg_types: [TIMESTAMPTZOID, BOOLOID].into_iter().chain(array_types(LISTED)).collect() }
}

/// Writes the meetings of a list; returns how many rows. An older list only adds what is missing.
pub fn write_listed(meetings: &[ListedMeeting], fetched_us: i64, is_newest: bool) -> usize {
    let meetings: Vec<&ListedMeeting> = meetings.iter().collect();
    let first = [arg(Moment(fetched_us)), arg(is_newest)];
    WRITE_LISTED.run(&first.into_iter().chain(arrays(LISTED, &meetings)).collect::<Vec<_>>()).count()
}

// In order, before any race: a race's call locks its meeting before its race too.
static LOCK: Plan = Plan::new(
    "select 1 from raceday.meetings where meeting_id = any ($1) order by meeting_id for no key update",
    &[TEXTARRAYOID],
);

/// Locks meetings before their races' rows are written.
pub fn lock(meeting_ids: Vec<String>) {
    LOCK.run(&[arg(meeting_ids)]);
}

// A separate statement after the lock: its snapshot then sees what the lock's holder before committed.
static SETTLE: Plan = Plan::new(
    "update raceday.meetings m
     set status = s.status
     from (
         select r.meeting_id,
             case when bool_and(r.phase = 'abandoned') then 'cancelled'
                  when bool_and(r.phase in ('finished', 'abandoned')) then 'completed'
                  else 'active' end as status
         from raceday.races r where r.meeting_id = any ($1) group by r.meeting_id
     ) s
     where m.meeting_id = s.meeting_id and m.status <> s.status",
    &[TEXTARRAYOID],
);

/// Sets each meeting's status from its races; returns how many changed.
pub fn settle(meeting_ids: Vec<String>) -> usize {
    SETTLE.run(&[arg(meeting_ids)]).count()
}
