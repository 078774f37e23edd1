//! A day's meetings list into meetings and races.

use crate::plan::{Moment, Plan, Rows, arg};
use crate::process::{Call, NO_TEXT};
use crate::staging::{self, Mark, Staged};
use crate::write::settle_meetings;
use pgrx::pg_sys::{BOOLOID, INT8ARRAYOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID};
use raceday_core::{ListedMeeting, ListedRace, MeetingsList};
use std::time::Instant;

/// Handles meetings lists, oldest first.
pub fn process(call: &mut Call, payloads: &[Staged]) {
    let scope = SCOPE.run(&[]);
    let (countries, categories) = (strings(&scope, 1), strings(&scope, 2));
    for payload in payloads {
        let began = Instant::now();
        let Some(date) = call.race_id.strip_prefix("meetings:").filter(|date| is_date(date)).map(str::to_owned) else {
            call.fail(payload.key, "a meetings list is staged under race_id 'meetings:YYYY-MM-DD'".to_owned());
            continue;
        };
        let Some(text) = payload.text else {
            call.fail(payload.key, NO_TEXT.to_owned());
            continue;
        };
        match MeetingsList::parse(text, &countries, &categories) {
            Ok(list) => {
                call.transform += began.elapsed();
                let began = Instant::now();
                write_list(call, &date, payload, &list);
                call.write += began.elapsed();
            }
            Err(error) => call.fail(payload.key, error.to_string()),
        }
    }
}

fn write_list(call: &mut Call, date: &str, payload: &Staged, list: &MeetingsList) {
    // The newest list says how things are; an older one that came late only adds what is missing.
    let is_newest = NOTE_LIST.run(&[arg(date), arg(Moment(payload.key.fetched_us))]).count() > 0;
    let meeting_ids: Vec<String> = list.meetings.iter().map(|meeting| meeting.meeting_id.clone()).collect();
    LOCK_MEETINGS.run(&[arg(meeting_ids.clone())]);
    call.written.meetings += write_meetings(&list.meetings, payload, is_newest);
    call.written.races += write_races(&list.races, payload, is_newest);
    call.written.meetings += settle_meetings(meeting_ids);
    call.processed += 1;
    if let Some(report) = list.report.line() {
        staging::mark(&call.race_id, payload.key, &Mark { report: Some(report.clone()), ..Mark::processed() });
        call.reports.push(report);
    }
}

static SCOPE: Plan = Plan::new("select countries, categories from raceday.poll_settings", &[]);

fn strings(rows: &Rows, column: i32) -> Vec<String> {
    if rows.count() == 0 { Vec::new() } else { rows.get(0, column).unwrap_or_default() }
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
}

static NOTE_LIST: Plan = Plan::new(
    "insert into raceday.list_polls as l (list_date, processed_through) values ($1::date, $2)
     on conflict (list_date) do update set processed_through = excluded.processed_through
     where l.processed_through is null or l.processed_through <= excluded.processed_through",
    &[TEXTOID, TIMESTAMPTZOID],
);

// In order, before any race: a race's call locks its meeting before its race too.
static LOCK_MEETINGS: Plan = Plan::new(
    "select 1 from raceday.meetings where meeting_id = any ($1) order by meeting_id for no key update",
    &[TEXTARRAYOID],
);

static WRITE_MEETINGS: Plan = Plan::new(
    "insert into raceday.meetings as m (meeting_id, meeting_name, country, state, race_type, date, track_condition, weather,
         tote_status, listed_at)
     select u.meeting_id, u.name, u.country, u.state, u.race_type, u.date::date, u.track_condition, u.weather, u.tote_status, $10
     from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
         u (meeting_id, name, country, state, race_type, date, track_condition, weather, tote_status)
     on conflict (meeting_id) do update
     set meeting_name = excluded.meeting_name, country = excluded.country, state = excluded.state,
         race_type = excluded.race_type, date = excluded.date,
         track_condition = coalesce(excluded.track_condition, m.track_condition),
         weather = coalesce(excluded.weather, m.weather), tote_status = excluded.tote_status, listed_at = excluded.listed_at
     where (m.listed_at is null or $11)
       and (m.meeting_name, m.country, m.state, m.race_type, m.date, m.track_condition, m.weather, m.tote_status,
            m.listed_at is null) is distinct from
           (excluded.meeting_name, excluded.country, excluded.state, excluded.race_type, excluded.date,
            coalesce(excluded.track_condition, m.track_condition), coalesce(excluded.weather, m.weather),
            excluded.tote_status, false)",
    &[
        TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
        TEXTARRAYOID, TIMESTAMPTZOID, BOOLOID,
    ],
);

fn write_meetings(meetings: &[ListedMeeting], payload: &Staged, is_newest: bool) -> usize {
    let texts = |of: fn(&ListedMeeting) -> Option<&str>| arg(meetings.iter().map(of).collect::<Vec<_>>());
    WRITE_MEETINGS
        .run(&[
            texts(|m| Some(&m.meeting_id)),
            texts(|m| m.name.as_deref()),
            texts(|m| m.country.as_deref()),
            texts(|m| m.state.as_deref()),
            texts(|m| Some(m.category.race_type())),
            texts(|m| Some(&m.date)),
            texts(|m| m.track_condition.as_deref()),
            texts(|m| m.weather.as_deref()),
            texts(|m| m.tote_status.as_deref()),
            arg(Moment(payload.key.fetched_us)),
            arg(is_newest),
        ])
        .count()
}

// Once a race is polled its polls own the row: a list then only fills gaps, and tells the schedule of a moved start.
static WRITE_RACES: Plan = Plan::new(
    "insert into raceday.races as r (race_id, meeting_id, name, race_number, start_time, status, phase, distance,
         track_condition, weather, type, listed_at, listed_start_time, listed_status)
     select u.race_id, u.meeting_id, u.name, u.race_number::int4, u.start_time, u.status, u.phase, u.distance::int4,
         u.track_condition, u.weather, u.type, $12, u.start_time, u.status
     from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         u (race_id, meeting_id, name, race_number, start_time, status, phase, distance, track_condition, weather, type)
     on conflict (race_id) do update
     set meeting_id = coalesce(r.meeting_id, excluded.meeting_id),
         name = case when r.polled_at is null then excluded.name else coalesce(r.name, excluded.name) end,
         race_number = case when r.polled_at is null then excluded.race_number else coalesce(r.race_number, excluded.race_number) end,
         start_time = case when r.polled_at is null then excluded.start_time else r.start_time end,
         status = case when r.polled_at is null then excluded.status else r.status end,
         phase = case when r.polled_at is null then excluded.phase else r.phase end,
         distance = case when r.polled_at is null then excluded.distance else coalesce(r.distance, excluded.distance) end,
         track_condition = case when r.polled_at is null then excluded.track_condition
                                else coalesce(r.track_condition, excluded.track_condition) end,
         weather = case when r.polled_at is null then excluded.weather else coalesce(r.weather, excluded.weather) end,
         listed_at = excluded.listed_at, listed_start_time = excluded.listed_start_time, listed_status = excluded.listed_status
     where (r.listed_at is null or $13)
       and ((r.listed_start_time, r.listed_status) is distinct from (excluded.listed_start_time, excluded.listed_status)
            or (r.polled_at is null
                and (r.name, r.race_number, r.distance, r.track_condition, r.weather) is distinct from
                    (excluded.name, excluded.race_number, excluded.distance, excluded.track_condition, excluded.weather)))",
    &[
        TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID,
        TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID, BOOLOID,
    ],
);

fn write_races(races: &[ListedRace], payload: &Staged, is_newest: bool) -> usize {
    let texts = |of: fn(&ListedRace) -> Option<&str>| arg(races.iter().map(of).collect::<Vec<_>>());
    let numbers = |of: fn(&ListedRace) -> Option<i64>| arg(races.iter().map(of).collect::<Vec<_>>());
    WRITE_RACES
        .run(&[
            texts(|r| Some(&r.race_id)),
            texts(|r| Some(&r.meeting_id)),
            texts(|r| r.name.as_deref()),
            numbers(|r| r.race_number),
            arg(races.iter().map(|r| Moment(r.start_us)).collect::<Vec<_>>()),
            texts(|r| Some(&r.status)),
            texts(|r| Some(r.phase.as_str())),
            numbers(|r| r.distance),
            texts(|r| r.track_condition.as_deref()),
            texts(|r| r.weather.as_deref()),
            texts(|r| Some(r.category.letter())),
            arg(Moment(payload.key.fetched_us)),
            arg(is_newest),
        ])
        .count()
}
