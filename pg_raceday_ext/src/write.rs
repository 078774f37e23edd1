//! Rows into tables: one multi-row statement a table, only what changed.

use crate::load::Loaded;
use crate::plan::{Moment, Plan, arg, moment, text};
use crate::{current, history};
use pgrx::pg_sys::{BOOLOID, INT8OID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};
use raceday_core::{Meeting, PollRows, Race, RaceState};

/// How many rows a call wrote.
#[derive(Debug, Default, Clone, Copy)]
pub struct Written {
    /// Meetings that changed.
    pub meetings: usize,
    /// Races that changed.
    pub races: usize,
    /// Entrants that changed.
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
    written.entrants = current::write_changed(race_id, &before.state, now);
    let mut created_us = before.rows_created_us;
    for poll in polls {
        created_us = history::next_created_us(created_us);
        written.history += history::write_history(race_id, poll, created_us);
        written.odds += history::write_odds(race_id, poll, created_us);
    }
    if before.state.progress != now.progress || history::counted_from(&before.state).ne(history::counted_from(now)) {
        history::write_progress(race_id, now, created_us);
    }
    written
}

fn write_race_and_meeting(race_id: &str, before: &Loaded, now: &RaceState, race: &Race, written: &mut Written) {
    let known = before.state.race.as_ref();
    let moved = known.is_none_or(|known| (known.phase, &known.meeting_id) != (race.phase, &race.meeting_id));
    written.meetings = write_meeting(before, now, race);
    if moved {
        // Before the race's own row, in the order in which a meetings list locks them.
        lock_meeting(race);
    }
    if known != Some(race) {
        written.races = write_race(race_id, race);
    }
    if moved {
        written.meetings += settle_meeting(race);
    }
}

static WRITE_MEETING: Plan = Plan::new(
    "insert into raceday.meetings as m (meeting_id, meeting_name, country, state, race_type, date)
     values ($1, $2, $3, $4, $5, coalesce($6::date, ($7 at time zone 'Pacific/Auckland')::date))
     on conflict (meeting_id) do update
     set meeting_name = coalesce(excluded.meeting_name, m.meeting_name), country = coalesce(excluded.country, m.country),
         state = coalesce(excluded.state, m.state), race_type = excluded.race_type, date = coalesce($6::date, m.date)
     where m.listed_at is null
       and (m.meeting_name, m.country, m.state, m.race_type, m.date) is distinct from
           (coalesce(excluded.meeting_name, m.meeting_name), coalesce(excluded.country, m.country),
            coalesce(excluded.state, m.state), excluded.race_type, coalesce($6::date, m.date))",
    &[TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID],
);

/// A meeting that no list told of is known from its races.
fn write_meeting(before: &Loaded, now: &RaceState, race: &Race) -> usize {
    let Some(meeting) = &now.meeting else { return 0 };
    let known = before.state.meeting.as_ref().filter(|known| known.meeting_id == meeting.meeting_id);
    if known.is_some_and(|known| before.meeting_is_listed || same_meeting(known, meeting)) {
        return 0;
    }
    WRITE_MEETING
        .run(&[
            arg(meeting.meeting_id.as_str()),
            text(meeting.name.as_ref()),
            text(meeting.country.as_ref()),
            text(meeting.state.as_ref()),
            arg(meeting.category.race_type()),
            text(meeting.date.as_ref()),
            arg(Moment(race.start_us)),
        ])
        .count()
}

/// Whether a poll says nothing of a meeting that is not known; what it leaves out is no change.
fn same_meeting(known: &Meeting, said: &Meeting) -> bool {
    let same = |known: &Option<String>, said: &Option<String>| said.is_none() || known == said;
    same(&known.name, &said.name)
        && same(&known.country, &said.country)
        && same(&known.state, &said.state)
        && same(&known.date, &said.date)
        && known.category == said.category
}

static LOCK_MEETING: Plan =
    Plan::new("select 1 from raceday.meetings where meeting_id = $1 for no key update", &[TEXTOID]);

fn lock_meeting(race: &Race) {
    if let Some(meeting_id) = &race.meeting_id {
        LOCK_MEETING.run(&[arg(meeting_id.as_str())]);
    }
}

// A statement of its own after the lock: its snapshot then sees what the lock's holder before committed.
static SETTLE_MEETINGS: Plan = Plan::new(
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

fn settle_meeting(race: &Race) -> usize {
    race.meeting_id.as_ref().map_or(0, |meeting_id| settle_meetings(vec![meeting_id.clone()]))
}

/// Sets each meeting's status by its races.
pub fn settle_meetings(meeting_ids: Vec<String>) -> usize {
    SETTLE_MEETINGS.run(&[arg(meeting_ids)]).count()
}

static WRITE_RACE: Plan = Plan::new(
    "insert into raceday.races as r (race_id, meeting_id, name, race_number, start_time, status, phase, actual_start, distance,
         track_condition, weather, type, protest, last_status_change, finalized_at, abandoned_at, polled_at)
     values ($1, $2, $3, $4::int8::int4, $5, $6, $7, $8, $9::int8::int4, $10, $11, $12, $13, $14, $15, $16, $17)
     on conflict (race_id) do update
     set meeting_id = coalesce(excluded.meeting_id, r.meeting_id), name = coalesce(excluded.name, r.name),
         race_number = coalesce(excluded.race_number, r.race_number), start_time = excluded.start_time, status = excluded.status,
         phase = excluded.phase, actual_start = excluded.actual_start, distance = coalesce(excluded.distance, r.distance),
         track_condition = coalesce(excluded.track_condition, r.track_condition), weather = coalesce(excluded.weather, r.weather),
         type = excluded.type, protest = excluded.protest, last_status_change = excluded.last_status_change,
         finalized_at = excluded.finalized_at, abandoned_at = excluded.abandoned_at, polled_at = excluded.polled_at
     where (r.meeting_id, r.name, r.race_number, r.start_time, r.status, r.phase, r.actual_start, r.distance, r.track_condition,
            r.weather, r.type, r.protest, r.last_status_change, r.finalized_at, r.abandoned_at, r.polled_at) is distinct from
           (coalesce(excluded.meeting_id, r.meeting_id), coalesce(excluded.name, r.name),
            coalesce(excluded.race_number, r.race_number), excluded.start_time, excluded.status, excluded.phase,
            excluded.actual_start, coalesce(excluded.distance, r.distance),
            coalesce(excluded.track_condition, r.track_condition), coalesce(excluded.weather, r.weather), excluded.type,
            excluded.protest, excluded.last_status_change, excluded.finalized_at, excluded.abandoned_at, excluded.polled_at)",
    &[
        TEXTOID, TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, TEXTOID, TEXTOID, TEXTOID,
        BOOLOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
    ],
);

fn write_race(race_id: &str, race: &Race) -> usize {
    WRITE_RACE
        .run(&[
            arg(race_id),
            text(race.meeting_id.as_ref()),
            text(race.name.as_ref()),
            race.race_number.and_then(arg),
            arg(Moment(race.start_us)),
            arg(race.status.as_str()),
            arg(race.phase.as_str()),
            moment(race.actual_start_us),
            race.distance.and_then(arg),
            text(race.track_condition.as_ref()),
            text(race.weather.as_ref()),
            arg(race.category.letter()),
            arg(race.protest),
            moment(race.last_status_change_us),
            moment(race.finalized_us),
            moment(race.abandoned_us),
            arg(Moment(race.polled_us)),
        ])
        .count()
}
