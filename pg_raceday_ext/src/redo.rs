//! Redoing a race from its staged payloads: after one that came late, or because a DBA asks.

use crate::guard;
use crate::history;
use crate::lists;
use crate::load::{self, Loaded};
use crate::plan::{Moment, Plan, arg};
use crate::process::{Call, apply_staged};
use crate::staging::{self, Key};
use crate::write;
use pgrx::pg_sys::{TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use pgrx::prelude::*;
use raceday_core::{Outcome, PollRows, RaceState};
use std::time::Instant;

/// Redoes a race's rows from a moment on, because a payload fetched then came late. Rows of earlier polls stay as they are. Does
/// nothing, and says why, when staging no longer holds the race's first payloads.
pub fn redo_from(call: &mut Call, before: &Loaded, from_us: i64) -> Result<(), String> {
    first_payloads_lost(first_fetched(before), &staging::all_keys(&call.race_id))?;
    // In this order: a payload that is staged between the two looks stays queued, for the next call.
    let taken = staging::take_pending(&call.race_id);
    // What came meanwhile may be older still.
    let from_us = taken.first().map_or(from_us, |oldest| oldest.fetched_us.min(from_us));
    let keys = staging::all_keys(&call.race_id);
    process_lists(call, &taken, &keys);
    replay(call, before, &keys, Some(from_us));
    Ok(())
}

/// Recomputes all of a race's derived rows; raises when staging no longer holds its first payloads.
pub fn rebuild(race_id: &str) -> Call {
    guard::lock(race_id);
    Spi::connect(|_| {
        let mut call = Call::new(race_id);
        let before = load::load(race_id);
        let taken = staging::take_pending(race_id);
        let keys = staging::all_keys(race_id);
        // Where race_progress is gone, the rows that would be dropped say how far back the payloads have to go.
        let first_us = first_fetched(&before).or_else(|| history::first_polling(race_id));
        if let Err(lost) = first_payloads_lost(first_us, &keys) {
            guard::raise(
                PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("cannot rebuild race {race_id}: {lost}"),
                "Restore raceday.staged_payloads from a backup first.",
            );
        }
        process_lists(&mut call, &taken, &keys);
        replay(&mut call, &before, &keys, None);
        call
    })
}

fn first_fetched(before: &Loaded) -> Option<i64> {
    before.state.progress.as_ref().map(|progress| progress.first_fetched_us)
}

/// An error where a replay would lose rows: retention dropped the payloads they came from.
fn first_payloads_lost(first_us: Option<i64>, keys: &[Key]) -> Result<(), String> {
    let is_there = first_us.is_none_or(|first_us| keys.iter().any(|key| key.fetched_us == first_us));
    if is_there {
        return Ok(());
    }
    Err("staging no longer holds the race's first payloads (they are kept 7 days)".to_owned())
}

/// Handles the lists among the payloads taken off the queue: a replay is of events only.
fn process_lists(call: &mut Call, taken: &[Key], events: &[Key]) {
    let race_id = call.race_id.clone();
    let others = taken.iter().filter(|key| !events.contains(key));
    let lists: Vec<_> = others.filter_map(|key| staging::open(&race_id, *key)).collect();
    if !lists.is_empty() {
        lists::process(call, &lists);
    }
}

/// The polls that a race's staged payloads give, writing nothing.
pub fn polls(race_id: &str) -> Vec<PollRows> {
    let mut state = RaceState::default();
    let mut polls = Vec::new();
    for moment in staging::all_keys(race_id).chunk_by(|a, b| a.fetched_us == b.fetched_us) {
        let mut payloads: Vec<_> = moment.iter().filter_map(|key| staging::peek(race_id, *key)).collect();
        payloads.sort_by_key(|payload| (payload.hash, payload.key.payload_id));
        for payload in &payloads {
            let applied = payload.text.map(|text| state.apply(race_id, text, payload.hash, payload.key.fetched_us));
            if let Some(Ok(Outcome::Processed(poll))) = applied {
                polls.push(*poll);
            }
        }
    }
    polls
}

/// Writes anew what a race's payloads give: the history from a moment on, or all of it.
fn replay(call: &mut Call, before: &Loaded, keys: &[Key], from_us: Option<i64>) {
    let race_id = call.race_id.clone();
    let began = Instant::now();
    let mut state = RaceState::default();
    let mut polls: Vec<PollRows> = Vec::new();
    for moment in keys.chunk_by(|a, b| a.fetched_us == b.fetched_us) {
        let mut payloads: Vec<_> = moment.iter().filter_map(|key| staging::open(&race_id, *key)).collect();
        payloads.sort_by_key(|payload| (payload.hash, payload.key.payload_id));
        for payload in &payloads {
            polls.extend(
                apply_staged(call, &mut state, payload)
                    .filter(|poll| from_us.is_none_or(|from_us| poll.polling_us >= from_us)),
            );
        }
    }
    call.transform += began.elapsed();
    let began = Instant::now();
    delete_history(&race_id, before, from_us);
    keep_listed(&mut state, before);
    delete_strays(&race_id, before, &state);
    call.written.add(write::write(&race_id, before, &state, &polls));
    call.write += began.elapsed();
}

/// What only a meetings list told of the race stays.
fn keep_listed(state: &mut RaceState, before: &Loaded) {
    if state.meeting.is_none() {
        state.meeting.clone_from(&before.state.meeting);
    }
    let (Some(race), Some(known)) = (&mut state.race, &before.state.race) else { return };
    race.meeting_id = race.meeting_id.take().or_else(|| known.meeting_id.clone());
    race.name = race.name.take().or_else(|| known.name.clone());
    race.race_number = race.race_number.or(known.race_number);
    race.distance = race.distance.or(known.distance);
    race.track_condition = race.track_condition.take().or_else(|| known.track_condition.clone());
    race.weather = race.weather.take().or_else(|| known.weather.clone());
}

static DELETE_FLOW: Plan = Plan::pruned(
    "delete from raceday.money_flow_history
     where race_id = $1 and polling_timestamp >= $2 and event_timestamp between $3 and $4",
    &[TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID],
);

static DELETE_ODDS: Plan = Plan::pruned(
    "delete from raceday.odds_history
     where race_id = $1 and polling_timestamp >= $2 and event_timestamp between $3 and $4",
    &[TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID],
);

static DELETE_ALL_FLOW: Plan = Plan::new("delete from raceday.money_flow_history where race_id = $1", &[TEXTOID]);

static DELETE_ALL_ODDS: Plan = Plan::new("delete from raceday.odds_history where race_id = $1", &[TEXTOID]);

fn delete_history(race_id: &str, before: &Loaded, from_us: Option<i64>) {
    let (Some(from_us), Some(progress)) = (from_us, &before.state.progress) else {
        // In every partition: rows that lie where race_progress knows of none go too.
        DELETE_ALL_FLOW.run(&[arg(race_id)]);
        DELETE_ALL_ODDS.run(&[arg(race_id)]);
        return;
    };
    let args =
        [arg(race_id), arg(Moment(from_us)), arg(Moment(progress.first_event_us)), arg(Moment(progress.last_event_us))];
    DELETE_FLOW.run(&args);
    DELETE_ODDS.run(&args);
}

static DELETE_STRAYS: Plan = Plan::new(
    "with entrants as (delete from raceday.entrants where race_id = $1 and entrant_id <> all ($2)),
          pools as (delete from raceday.race_pools where race_id = $1 and not $3),
          results as (delete from raceday.race_results where race_id = $1 and not $4)
     delete from raceday.race_progress where race_id = $1 and not $5",
    &[TEXTOID, TEXTARRAYOID, pg_sys::BOOLOID, pg_sys::BOOLOID, pg_sys::BOOLOID],
);

/// Rows that no staged payload tells of any more: whoever made them, they are not derived.
fn delete_strays(race_id: &str, before: &Loaded, state: &RaceState) {
    let known = &before.state;
    let is_stray = known.entrants.keys().any(|id| !state.entrants.contains_key(id))
        || (known.pools.is_some() && state.pools.is_none())
        || (known.results.is_some() && state.results.is_none())
        || (known.progress.is_some() && state.progress.is_none());
    if is_stray {
        DELETE_STRAYS.run(&[
            arg(race_id),
            arg(state.entrants.keys().map(String::as_str).collect::<Vec<_>>()),
            arg(state.pools.is_some()),
            arg(state.results.is_some()),
            arg(state.progress.is_some()),
        ]);
    }
}

static RACES_OF_DAY: Plan = Plan::new(
    "select r.race_id from raceday.races r left join raceday.meetings m on m.meeting_id = r.meeting_id
     where coalesce(m.date, (r.start_time at time zone 'Pacific/Auckland')::date) = $1
     order by r.start_time, r.race_id",
    &[pg_sys::DATEOID],
);

/// The races of a New Zealand day: their meeting's, or that of the start of a race without one.
pub fn races_of_day(day: pgrx::datum::Date) -> Vec<String> {
    let rows = RACES_OF_DAY.run(&[arg(day)]);
    (0..rows.count()).filter_map(|row| rows.get(row, 1)).collect()
}
