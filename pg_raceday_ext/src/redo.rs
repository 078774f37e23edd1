//! Redoing a race from its staged payloads: after one that came late, or at a DBA's request.

use crate::apply::apply_staged;
use crate::call::{Call, PayloadsGone};
use crate::guard;
use crate::lists;
use crate::load::{self, Loaded};
use crate::plan::Plan;
use crate::rules;
use crate::staging::{self, Key};
use crate::subject::Subject;
use crate::tables::{Span, Stored, money_flow_history, odds_history, signals};
use crate::value::{Moment, arg};
use crate::write;
use pgrx::pg_sys::{BOOLOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use pgrx::prelude::*;
use raceday_core::{Outcome, PollRows, RaceState, Report};
use std::time::Instant;

/// Redoes a race's rows from a moment on, because a payload fetched then came late. Rows that come out equal stay as they are. Does
/// nothing when staging no longer holds the race's first payloads.
pub fn redo_from(call: &mut Call, subject: Subject, before: &Loaded, from_us: i64) -> Result<(), PayloadsGone> {
    let race_id = subject.id();
    has_first_payloads(first_fetched(before), &staging::all_events(race_id))?;
    // In this order: a payload that is staged between the two looks stays queued, for the next call.
    let taken = staging::take_pending(race_id);
    // What came meanwhile may be older still.
    let from_us = taken.first().map_or(from_us, |oldest| oldest.fetched_us.min(from_us));
    let keys = staging::all_events(race_id);
    process_lists(call, subject, &taken, &keys);
    replay(call, race_id, before, &keys, Some(from_us));
    Ok(())
}

/// Recomputes all of a race's derived rows; raises an error when staging no longer holds its first payloads.
pub fn rebuild(subject: Subject) -> Call {
    let race_id = subject.id();
    guard::lock(race_id);
    Spi::connect(|_| {
        let mut call = Call::new(subject);
        let before = load::load(race_id, i64::MAX);
        let taken = staging::take_pending(race_id);
        let keys = staging::all_events(race_id);
        // Without race_progress, the rows that would be dropped show how far back the payloads must go.
        let first_us = first_fetched(&before).or_else(|| first_polling(race_id));
        if let Err(gone) = has_first_payloads(first_us, &keys) {
            guard::raise(
                PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("cannot rebuild race {race_id}: {gone}"),
                "Restore raceday.staged_payloads from a backup first.",
            );
        }
        process_lists(&mut call, subject, &taken, &keys);
        replay(&mut call, race_id, &before, &keys, None);
        call
    })
}

fn first_fetched(before: &Loaded) -> Option<i64> {
    before.state.progress.as_ref().map(|progress| progress.first_fetched_us)
}

static FIRST_POLLING: Plan = Plan::new(
    "select least((select min(h.polling_timestamp) from raceday.money_flow_history h where h.race_id = $1),
                  (select min(o.polling_timestamp) from raceday.odds_history o where o.race_id = $1))",
    &[TEXTOID],
);

/// When the oldest poll was fetched of which a race has rows. Searches every partition.
fn first_polling(race_id: &str) -> Option<i64> {
    FIRST_POLLING.run(&[arg(race_id)]).get::<Moment>(0, 1).map(|moment| moment.0)
}

/// An error where a replay would lose rows: retention dropped the payloads they came from.
fn has_first_payloads(first_us: Option<i64>, keys: &[Key]) -> Result<(), PayloadsGone> {
    let is_there = first_us.is_none_or(|first_us| keys.iter().any(|key| key.fetched_us == first_us));
    if is_there { Ok(()) } else { Err(PayloadsGone) }
}

/// Processes the lists among the payloads taken off the queue: a replay is of events only.
fn process_lists(call: &mut Call, subject: Subject, taken: &[Key], events: &[Key]) {
    let others = taken.iter().filter(|key| !events.contains(key));
    let lists: Vec<_> = others.filter_map(|key| staging::open(subject.id(), *key)).collect();
    lists::process(call, subject, &lists);
}

/// A race before its first poll.
fn unpolled(keys: &[Key]) -> RaceState {
    let oldest_us = keys.iter().map(|key| key.fetched_us).min().unwrap_or(i64::MAX);
    RaceState { rules: rules::current(oldest_us), ..RaceState::default() }
}

/// The polls that a race's staged payloads give, writing nothing.
pub fn polls(race_id: &str) -> Vec<PollRows> {
    let mut polls = Vec::new();
    rehearse(race_id, &staging::all_events(race_id), |poll| polls.push(poll));
    polls
}

/// A race as it stood at a moment, by its staged payloads, writing nothing; `None` when it was not polled by then, or when staging
/// no longer holds its first payloads.
pub fn state_at(race_id: &str, at_us: i64) -> Option<RaceState> {
    let before = load::load(race_id, i64::MAX);
    let mut keys = staging::all_events(race_id);
    has_first_payloads(Some(first_fetched(&before)?), &keys).ok()?;
    keys.retain(|key| key.fetched_us <= at_us);
    let mut state = rehearse(race_id, &keys, drop);
    keep_listed(&mut state, &before);
    state.race.is_some().then_some(state)
}

/// Applies payloads of a race, writing nothing. Returns where that leads; `note` is given each poll.
fn rehearse(race_id: &str, keys: &[Key], mut note: impl FnMut(PollRows)) -> RaceState {
    let mut state = unpolled(keys);
    staging::each(
        keys,
        |key| staging::peek(race_id, key),
        |payload| {
            let applied = payload.text.map(|text| state.apply(race_id, text, payload.hash, payload.key.fetched_us));
            if let Some(Ok(Outcome::Processed(poll))) = applied {
                note(*poll);
            }
        },
    );
    state
}

/// Brings what a race's payloads give into the tables: the history from a moment on, or all of it.
fn replay(call: &mut Call, race_id: &str, before: &Loaded, keys: &[Key], from_us: Option<i64>) {
    let began = Instant::now();
    let mut state = unpolled(keys);
    let (mut polls, mut signals): (Vec<PollRows>, Vec<signals::Row>) = (Vec::new(), Vec::new());
    staging::each(
        keys,
        |key| staging::open(race_id, key),
        |payload| {
            let poll = apply_staged(call, &mut state, payload);
            signals.extend(signals::rows(poll.as_slice()));
            polls.extend(poll.filter(|poll| from_us.is_none_or(|from_us| poll.polling_us >= from_us)));
        },
    );
    call.transform += began.elapsed();
    let began = Instant::now();
    keep_listed(&mut state, before);
    delete_strays(race_id, before, &state);
    call.written.add(write::write_state(race_id, before, &state, from_us.is_none()));
    let created_us = write_history(call, race_id, before, &polls, from_us);
    let created_us = replace_signals(race_id, &signals, created_us);
    write::write_progress(race_id, before, &state, created_us);
    call.write += began.elapsed();
}

static NOTE_DELETION: Plan = Plan::new(
    "insert into raceday.history_deletions (race_id, deleted_at) values ($1, $2)
     on conflict (race_id) do update set deleted_at = excluded.deleted_at",
    &[TEXTOID, TIMESTAMPTZOID],
);

/// Writes the polls' rows that the tables lack and deletes those that no poll gives; others keep their id and `created_at`, so that
/// a client that pages by them receives only what changed. Returns `created_at` of the newest rows.
fn write_history(call: &mut Call, race_id: &str, before: &Loaded, polls: &[PollRows], from_us: Option<i64>) -> i64 {
    let progress = before.state.progress.as_ref();
    let span = from_us.zip(progress).map(|(polled_from_us, progress)| Span {
        polled_from_us,
        first_event_us: progress.first_event_us,
        last_event_us: progress.last_event_us,
    });
    // Without a span, in every partition, including where race_progress shows no rows.
    let (mut flow, mut odds) = (money_flow_history::load(race_id, span), odds_history::load(race_id, span));
    // No row written from here on is older, and every row that a client may have is.
    let replaced_us = write::next_created_us(before.rows_created_us);
    let (mut created_us, mut moment_us) = (before.rows_created_us, None);
    for poll in polls {
        // Polls of one moment are told apart by the order of their ids only.
        let is_behind = moment_us == Some(poll.polling_us);
        let missing = if is_behind { poll.clone() } else { missing(&mut flow, &mut odds, poll) };
        if missing.history.entrant_id.is_empty() && missing.odds.entrant_id.is_empty() {
            continue;
        }
        moment_us = Some(poll.polling_us);
        created_us = write::next_created_us(created_us);
        call.written.history += money_flow_history::append(race_id, &missing, created_us);
        call.written.odds += odds_history::append(race_id, &missing, created_us);
    }
    let deleted_flow = money_flow_history::delete_surplus(race_id, &flow);
    if deleted_flow > 0 {
        NOTE_DELETION.run(&[arg(race_id), arg(Moment(replaced_us))]);
    }
    let deleted = deleted_flow + odds_history::delete_surplus(race_id, &odds);
    // Rows that only vanish are a change too, and the version that REST derives from this time must show it.
    let is_noted = created_us > before.rows_created_us;
    if !is_noted && (deleted > 0 || progress.is_none()) { write::next_created_us(created_us) } else { created_us }
}

/// Replaces a race's signals; those that come out equal keep their `created_at`. Returns `created_at` of the newest rows.
fn replace_signals(race_id: &str, rows: &[signals::Row], created_us: i64) -> i64 {
    let next_us = write::next_created_us(created_us);
    let changed = signals::delete_others(race_id, rows) + signals::write(race_id, rows, next_us);
    if changed > 0 { next_us } else { created_us }
}

/// The rows of a poll that the tables lack.
fn missing(flow: &mut Stored, odds: &mut Stored, poll: &PollRows) -> PollRows {
    let (history, odds) = (money_flow_history::missing(flow, poll), odds_history::missing(odds, poll));
    PollRows { history, odds, signals: Vec::new(), report: Report::default(), ..*poll }
}

/// Keeps what only a meetings list reported of the race.
fn keep_listed(state: &mut RaceState, before: &Loaded) {
    let (Some(race), Some(known)) = (&mut state.race, &before.state.race) else { return };
    race.meeting_id = race.meeting_id.take().or_else(|| known.meeting_id.clone());
    race.name = race.name.take().or_else(|| known.name.clone());
    race.race_number = race.race_number.or(known.race_number);
    race.distance = race.distance.or(known.distance);
    race.track_condition = race.track_condition.take().or_else(|| known.track_condition.clone());
    race.weather = race.weather.take().or_else(|| known.weather.clone());
}

static DELETE_STRAYS: Plan = Plan::new(
    "with entrants as (delete from raceday.entrants where race_id = $1 and entrant_id <> all ($2)),
          pools as (delete from raceday.race_pools where race_id = $1 and not $3),
          results as (delete from raceday.race_results where race_id = $1 and not $4)
     delete from raceday.race_progress where race_id = $1 and not $5",
    &[TEXTOID, TEXTARRAYOID, BOOLOID, BOOLOID, BOOLOID],
);

/// Deletes rows that no staged payload gives any more: whoever wrote them, they are not derived.
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
