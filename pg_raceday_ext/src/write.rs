//! What a call changed, into the tables: one multi-row statement per table, only what changed.

use crate::load::Loaded;
use crate::tables::{
    entrants, meetings, money_flow_history, odds_history, race_pools, race_progress, race_results, races,
};
use crate::value::Moment;
use raceday_core::{Entrant, Meeting, Odds, PollRows, PoolFlow, Race, RaceState};

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
    let mut written = Written::default();
    if let Some(race) = &now.race {
        write_race_and_meeting(race_id, before, now, race, &mut written);
    }
    written.entrants = write_current(race_id, &before.state, now);
    let mut created_us = before.rows_created_us;
    for poll in polls {
        created_us = next_created_us(created_us);
        written.history += money_flow_history::append(race_id, poll, created_us);
        written.odds += odds_history::append(race_id, poll, created_us);
    }
    if before.state.progress != now.progress || counted_from(&before.state).ne(counted_from(now)) {
        race_progress::write(race_id, now, created_us);
    }
    written
}

fn write_race_and_meeting(race_id: &str, before: &Loaded, now: &RaceState, race: &Race, written: &mut Written) {
    let known = before.state.race.as_ref();
    let is_moved = known.is_none_or(|known| (known.phase, &known.meeting_id) != (race.phase, &race.meeting_id));
    let moved_meeting = race.meeting_id.iter().filter(|_| is_moved);
    written.meetings = write_meeting(before, now, race);
    for meeting_id in moved_meeting.clone() {
        // Before the race's own row, in the order in which a meetings list locks them.
        meetings::lock(vec![meeting_id.clone()]);
    }
    if known != Some(race) {
        written.races = races::write(race_id, race);
    }
    for meeting_id in moved_meeting {
        written.meetings += meetings::settle(vec![meeting_id.clone()]);
    }
}

/// A meeting that no list names is known from its races.
fn write_meeting(before: &Loaded, now: &RaceState, race: &Race) -> usize {
    let Some(meeting) = &now.meeting else { return 0 };
    let known = before.state.meeting.as_ref().filter(|known| known.meeting_id == meeting.meeting_id);
    if known.is_some_and(|known| before.meeting_is_listed || adds_nothing(known, meeting)) {
        return 0;
    }
    meetings::write(meeting, race.start_us)
}

/// Whether all that a poll reports of a meeting is known; what it omits is no change.
fn adds_nothing(known: &Meeting, reported: &Meeting) -> bool {
    let same = |known: &Option<String>, reported: &Option<String>| reported.is_none() || known == reported;
    same(&known.name, &reported.name)
        && same(&known.country, &reported.country)
        && same(&known.state, &reported.state)
        && same(&known.date, &reported.date)
        && known.category == reported.category
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
fn next_created_us(last_us: i64) -> i64 {
    (Moment::now().0.div_euclid(1000) * 1000).max(last_us.div_euclid(1000) * 1000 + 1000)
}

/// What the next increments and odds rows are counted from.
fn counted_from(state: &RaceState) -> impl Iterator<Item = (&String, PoolFlow, PoolFlow, Odds)> {
    state.entrants.iter().map(|(id, entrant)| (id, entrant.win, entrant.place, entrant.recorded))
}
