//! A day's meetings list into meetings and races.

use crate::call::{Call, Refusal};
use crate::plan::{Plan, Rows};
use crate::staging::{self, Mark, Staged};
use crate::subject::{Day, Subject};
use crate::tables::{meetings, races};
use crate::value::{Moment, arg};
use pgrx::pg_sys::{BOOLOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use raceday_core::MeetingsList;
use std::time::Instant;

/// Processes meetings lists, oldest first.
pub fn process(call: &mut Call, subject: Subject, payloads: &[Staged]) {
    let Subject::List(day) = subject else {
        return payloads.iter().for_each(|payload| call.fail(payload.key, &Refusal::NotAListId));
    };
    if payloads.is_empty() {
        return;
    }
    let scope = SCOPE.run(&[]);
    let (countries, categories) = (strings(&scope, 1), strings(&scope, 2));
    for payload in payloads {
        let began = Instant::now();
        let list = payload
            .text
            .ok_or(Refusal::NotText)
            .and_then(|text| MeetingsList::parse(text, &countries, &categories).map_err(Refusal::Unusable));
        match list {
            Ok(list) => {
                call.transform += began.elapsed();
                let began = Instant::now();
                write(call, day, payload, &list);
                call.write += began.elapsed();
            }
            Err(refusal) => call.fail(payload.key, &refusal),
        }
    }
}

fn write(call: &mut Call, day: Day, payload: &Staged, list: &MeetingsList) {
    let fetched_us = payload.key.fetched_us;
    // The newest list reports how things are; an older one that came late only adds what is missing.
    let is_newest = NOTE_LIST.run(&[arg(day.date()), arg(Moment(fetched_us))]).count() > 0;
    let meeting_ids: Vec<String> = list.meetings.iter().map(|meeting| meeting.meeting_id.clone()).collect();
    meetings::lock(meeting_ids.clone());
    call.written.meetings += meetings::write_listed(&list.meetings, fetched_us, is_newest);
    call.written.races += races::write_listed(&list.races, fetched_us, is_newest);
    call.written.meetings += meetings::settle(meeting_ids);
    if is_newest {
        let race_ids: Vec<String> = list.races.iter().map(|race| race.race_id.clone()).collect();
        RACES_LISTED.run(&[arg(day.date()), arg(Moment(fetched_us)), arg(race_ids), arg(list.is_whole)]);
    }
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

static NOTE_LIST: Plan = Plan::new(
    "insert into raceday.list_polls as l (list_date, processed_through) values ($1::date, $2)
     on conflict (list_date) do update set processed_through = excluded.processed_through
     where l.processed_through is null or l.processed_through <= excluded.processed_through",
    &[TEXTOID, TIMESTAMPTZOID],
);

// Which races are missing is the schedule's, and so in SQL.
static RACES_LISTED: Plan =
    Plan::new("select raceday.races_listed($1::date, $2, $3, $4)", &[TEXTOID, TIMESTAMPTZOID, TEXTARRAYOID, BOOLOID]);
