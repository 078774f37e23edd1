//! What a call changed, into the tables: one multi-row statement per table, only what changed.

use crate::load::Loaded;
use crate::plan::Plan;
use crate::tables::{
    entrants, meetings, money_flow_history, odds_history, race_pools, race_progress, race_results, races, signals,
};
use crate::value::{Moment, arg};
use pgrx::pg_sys::TEXTOID;
use raceday_core::{Entrant, Odds, PollRows, PoolFlow, Race, RaceState};
use std::collections::BTreeSet;

/// How many rows a call wrote.
#[derive(Debug, Default, Clone, Copy)]
#[allow(missing_docs)]
pub struct Written {
    pub meetings: usize,
    pub races: usize,
    pub entrants: usize,
    /// Rows of `money_flow_history`.
    pub history: usize,
    /// Rows of `odds_history`.
    pub odds: usize,
}

impl Written {
    /// Adds another call's rows.
    pub const fn add(&mut self, other: Self) {
        self.meetings += other.meetings;
        self.races += other.races;
        self.entrants += other.entrants;
        self.history += other.history;
        self.odds += other.odds;
    }
}

/// Writes what differs between the state loaded and the state now, and the polls' history.
pub fn write(race_id: &str, before: &Loaded, now: &RaceState, polls: &[PollRows]) -> Written {
    let mut written = write_state(race_id, before, now, false);
    let mut created_us = before.rows_created_us;
    for poll in polls {
        created_us = next_created_us(created_us);
        written.history += money_flow_history::append(race_id, poll, created_us);
        written.odds += odds_history::append(race_id, poll, created_us);
        signals::write(race_id, &signals::rows(std::slice::from_ref(poll)), created_us);
    }
    write_progress(race_id, before, now, created_us);
    written
}

/// Writes the current state where it differs from the one loaded; `settles` the meeting even if the race does not.
pub fn write_state(race_id: &str, before: &Loaded, now: &RaceState, settles: bool) -> Written {
    let mut written = Written::default();
    if let Some(race) = &now.race {
        write_race_and_meeting(race_id, before, race, settles, &mut written);
    }
    written.entrants = write_current(race_id, &before.state, now);
    written
}

/// Writes where a race's history stands, if that changed.
pub fn write_progress(race_id: &str, before: &Loaded, now: &RaceState, created_us: i64) {
    let is_same = before.state.progress == now.progress && before.rows_created_us == created_us;
    let is_same = is_same && before.state.watch == now.watch;
    if !is_same || counted_from(&before.state).ne(counted_from(now)) {
        race_progress::write(race_id, now, created_us);
        NOTIFY.run(&[arg(race_id)]);
    }
}

// Sent when the transaction commits, to whoever listens then: the hub, which reads the race. A longer payload would be an
// error; no id of the TAB is that long.
static NOTIFY: Plan = Plan::new("select pg_notify('raceday', $1) where octet_length($1) < 8000", &[TEXTOID]);

/// Meetings are locked before their races, in order of id, as a meetings list does.
fn write_race_and_meeting(race_id: &str, before: &Loaded, race: &Race, settles: bool, written: &mut Written) {
    let known = before.state.race.as_ref();
    let is_settled = known.is_some_and(|known| for_meeting(known) == for_meeting(race))
        && (!settles || race.meeting_id.as_deref().is_none_or(meetings::is_settled));
    let former = known.and_then(|known| known.meeting_id.as_ref());
    let meeting_ids: BTreeSet<&String> =
        former.into_iter().chain(race.meeting_id.as_ref()).filter(|_| !is_settled).collect();
    for meeting_id in &meeting_ids {
        written.meetings += meetings::add_and_lock(meeting_id, race);
    }
    if known != Some(race) {
        written.races = races::write(race_id, race);
    }
    if meeting_ids.is_empty() {
        return;
    }
    written.meetings += meetings::settle(meeting_ids.into_iter().cloned().collect());
    if let Some(left) = former.filter(|former| Some(*former) != race.meeting_id.as_ref()) {
        written.meetings += meetings::delete_empty(left);
    }
}

/// What a meeting's row takes from its races.
fn for_meeting(race: &Race) -> impl PartialEq {
    let Race { meeting_id, meeting, race_number, phase, category, start_us, .. } = race;
    (meeting_id, meeting, race_number, phase, category, start_us)
}

/// Writes the entrants, pools and results that changed; returns how many entrants.
fn write_current(race_id: &str, known: &RaceState, now: &RaceState) -> usize {
    if let Some(pools) = now.pools.as_ref().filter(|pools| known.pools.as_ref() != Some(pools)) {
        race_pools::write(race_id, pools);
    }
    if let Some(results) = now.results.as_ref().filter(|results| known.results.as_ref() != Some(results)) {
        race_results::write(race_id, results);
    }
    let (ids, entrants): (Vec<&str>, Vec<&Entrant>) = now
        .entrants
        .iter()
        .filter(|(id, state)| known.entrants.get(*id).is_none_or(|known| known.entrant != state.entrant))
        .map(|(id, state)| (id.as_str(), &state.entrant))
        .unzip();
    entrants::write(race_id, ids, &entrants)
}

/// Later than the poll before by at least a millisecond: clients page by it, at that precision.
pub fn next_created_us(last_us: i64) -> i64 {
    (Moment::now().0.div_euclid(1000) * 1000).max(last_us.div_euclid(1000) * 1000 + 1000)
}

/// What the next increments and odds rows are counted from.
fn counted_from(state: &RaceState) -> impl Iterator<Item = (&String, PoolFlow, PoolFlow, Odds)> {
    state.entrants.iter().map(|(id, entrant)| (id, entrant.win, entrant.place, entrant.recorded))
}
