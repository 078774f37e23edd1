//! `meetings`: days of racing at a track, from the meetings list or, until one names them, from their races.

use super::column::{Column, KEEP, not_loaded};
use super::table::{Table, Values, args, arguments, array_types, arrays, inserted, is_changed, list, names, updates};
use crate::plan::{Plan, Statement};
use crate::value::{Moment, arg};
use pgrx::pg_sys::{BOOLOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use raceday_core::{ListedMeeting, Race};

pub const TABLE: Table<Race> = Table { name: "meetings", alias: "m", key: "meeting_id", columns: COLUMNS };

/// As polls of a race report it. Argument 2 is the race's start, whose New Zealand day is that of a meeting without a date.
const COLUMNS: &[Column<Race>] = &[
    Column::<Race>::text("meeting_name", |r| r.meeting.name.as_deref(), not_loaded),
    Column::<Race>::text("country", |r| r.meeting.country.as_deref(), not_loaded),
    Column::<Race>::text("state", |r| r.meeting.state.as_deref(), not_loaded),
    Column::<Race>::text("race_type", |r| Some(r.category.race_type()), not_loaded),
    Column::<Race>::date("date", |r| r.meeting.date.as_deref(), not_loaded)
        .inserted("coalesce({value}, ($2 at time zone 'Pacific/Auckland')::date)"),
];

static ADD: Plan = Plan::built(add_statement);

pub fn add_statement() -> Statement {
    const FIRST: usize = 3;
    let Table { name, key, columns, .. } = TABLE;
    let sql = format!(
        "insert into raceday.{name} ({key}, {names})\nvalues ($1, {values})\non conflict ({key}) do nothing",
        names = list(&names(columns)),
        values = list(&inserted(columns, FIRST, Values::Scalar)),
    );
    let types = columns.iter().map(Column::arg_type);
    Statement { sql, arg_types: [TEXTOID, TIMESTAMPTZOID].into_iter().chain(types).collect() }
}

/// Locks a race's meeting, after adding it as the race reports it unless it exists; returns how many rows it added.
pub fn add_and_lock(meeting_id: &str, race: &Race) -> usize {
    let first = [arg(meeting_id), arg(Moment(race.start_us))];
    let args: Vec<_> = first.into_iter().chain(args(COLUMNS, race)).collect();
    loop {
        let added = ADD.run(&args).count();
        // Another call may have deleted the meeting since.
        if LOCK.run(&[arg(vec![meeting_id])]).count() > 0 {
            return added;
        }
    }
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

/// What follows from the races of the meetings $1. The "first" race is by number.
const FROM_RACES: &str = "(
         select n.meeting_id,
             case when bool_and(r.phase = 'abandoned') then 'cancelled'
                  when bool_and(r.phase in ('finished', 'abandoned')) then 'completed'
                  else 'active' end as status,
             (array_agg(r.meeting_name order by r.race_number, r.race_id) filter (where r.meeting_name is not null))[1]
                 as meeting_name,
             (array_agg(r.meeting_country order by r.race_number, r.race_id) filter (where r.meeting_country is not null))[1]
                 as country,
             (array_agg(r.meeting_state order by r.race_number, r.race_id) filter (where r.meeting_state is not null))[1]
                 as state,
             coalesce((array_agg(case r.type when 'H' then 'harness' else 'thoroughbred' end order by r.race_number, r.race_id)
                 filter (where r.race_id is not null))[1], n.race_type) as race_type,
             coalesce(min(r.race_date_nz), min((r.start_time at time zone 'Pacific/Auckland')::date), n.date) as date
         from raceday.meetings n left join raceday.races r on r.meeting_id = n.meeting_id
         where n.meeting_id = any ($1)
         group by n.meeting_id
     ) s
     where m.meeting_id = s.meeting_id
       and (m.status <> s.status
            or m.listed_at is null and (m.meeting_name, m.country, m.state, m.race_type, m.date) is distinct from
                (s.meeting_name, s.country, s.state, s.race_type, s.date))";

static SETTLE: Plan = Plan::built(settle_statement);

pub fn settle_statement() -> Statement {
    let own = |column: &str| format!("{column} = case when m.listed_at is null then s.{column} else m.{column} end");
    let columns: Vec<String> = ["meeting_name", "country", "state", "race_type", "date"].map(own).to_vec();
    let sql = format!(
        "update raceday.meetings m\n     set status = s.status, {}\n     from {FROM_RACES}",
        columns.join(",\n         ")
    );
    Statement { sql, arg_types: vec![TEXTARRAYOID] }
}

/// Sets what follows from a meeting's races: its status and, unless a list names it, the rest of its row. Returns how many changed.
/// A statement of its own after the lock: its snapshot then sees what the lock's holder before committed.
pub fn settle(meeting_ids: Vec<String>) -> usize {
    SETTLE.run(&[arg(meeting_ids)]).count()
}

static UNSETTLED: Plan = Plan::built(|| Statement {
    sql: format!("select 1 from raceday.meetings m, {FROM_RACES}"),
    arg_types: vec![TEXTARRAYOID],
});

/// Whether [`settle`] would change nothing. Takes no lock, which a call of many races would hold for long.
pub fn is_settled(meeting_id: &str) -> bool {
    UNSETTLED.run(&[arg(vec![meeting_id])]).count() == 0
}

static DELETE_EMPTY: Plan = Plan::new(
    "delete from raceday.meetings m
     where m.meeting_id = $1 and m.listed_at is null
       and not exists (select from raceday.races r where r.meeting_id = m.meeting_id)",
    &[TEXTOID],
);

/// Deletes a meeting that a race has left, if no list names it and no race belongs to it; returns how many rows.
pub fn delete_empty(meeting_id: &str) -> usize {
    DELETE_EMPTY.run(&[arg(meeting_id)]).count()
}
