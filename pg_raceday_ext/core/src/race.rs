//! The race itself: `data.race` of a payload, a row of `races`.

use crate::json::{Leaf, from_object};
use crate::meeting::{self, Category, Meeting, MeetingFacts, RawMeeting};
use crate::payload::PayloadError;
use crate::report::Report;
use crate::{text, time};
use std::borrow::Cow;

/// A row of `races`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Race {
    pub meeting_id: Option<String>,
    /// What the race's polls report of its meeting.
    pub meeting: Meeting,
    pub name: Option<String>,
    /// Number within the meeting.
    pub race_number: Option<i64>,
    /// Advertised start.
    pub start_us: i64,
    /// The TAB's word, capitalised.
    pub status: String,
    pub phase: Phase,
    /// `None` while the race is open: until then the vendor sends the advertised start.
    pub actual_start_us: Option<i64>,
    /// Metres.
    pub distance: Option<i64>,
    pub track_condition: Option<String>,
    pub weather: Option<String>,
    pub category: Category,
    /// Whether a protest was lodged; a dead heat, which the vendor flags the same way, is none.
    pub protest: bool,
    /// `event_timestamp` of the first poll with the current status.
    pub last_status_change_us: Option<i64>,
    /// `event_timestamp` of the first poll with `Final`.
    pub finalized_us: Option<i64>,
    /// `event_timestamp` of the first poll with `Abandoned`.
    pub abandoned_us: Option<i64>,
    /// `fetched_at` of the first poll.
    pub polled_us: i64,
}

/// Where a race is in its life.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Betting is open.
    #[default]
    Upcoming,
    /// Betting is closed, and there is no final result yet.
    InProgress,
    /// The result is final.
    Finished,
    /// The race will not be run.
    Abandoned,
}

impl Phase {
    /// As stored in `races.phase`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upcoming => "upcoming",
            Self::InProgress => "in_progress",
            Self::Finished => "finished",
            Self::Abandoned => "abandoned",
        }
    }

    /// From the stored word; an unknown one is upcoming.
    pub fn from_stored(word: &str) -> Self {
        match word {
            "in_progress" => Self::InProgress,
            "finished" => Self::Finished,
            "abandoned" => Self::Abandoned,
            _ => Self::Upcoming,
        }
    }

    /// Of the TAB's word, capitalised; `None` for an unknown word.
    pub fn of_status(status: &str) -> Option<Self> {
        Some(match status {
            "Open" => Self::Upcoming,
            "Closed" | "Interim" => Self::InProgress,
            "Final" => Self::Finished,
            "Abandoned" => Self::Abandoned,
            _ => return None,
        })
    }
}

impl Race {
    /// Whether the TAB takes bets on it.
    pub(crate) fn is_open(&self) -> bool {
        self.status == "Open"
    }
}

from_object! {
    /// `data.race`.
    pub(crate) struct RawRace<'a> {
        event_id: Leaf<'a>,
        description: Leaf<'a>,
        race_number: Leaf<'a>,
        status: Leaf<'a>,
        advertised_start: Leaf<'a>,
        actual_start: Leaf<'a>,
        distance: Leaf<'a>,
        track_condition: Leaf<'a>,
        weather: Leaf<'a>,
        protest: Leaf<'a>,
        protest_reason: Leaf<'a>,
        ..meeting: RawMeeting<'a>,
    }
}

/// What a poll says about the race and its meeting.
#[derive(Debug)]
pub(crate) struct RaceFacts<'a> {
    pub meeting: MeetingFacts<'a>,
    start_us: i64,
    actual_start_us: Option<i64>,
    name: Option<Cow<'a, str>>,
    race_number: Option<i64>,
    status: Option<String>,
    distance: Option<i64>,
    track_condition: Option<Cow<'a, str>>,
    weather: Option<Cow<'a, str>>,
    protest: Option<bool>,
}

pub(crate) fn read_race_id<'a>(raw: &RawRace<'a>, report: &mut Report) -> Option<Cow<'a, str>> {
    report.text(raw.event_id, "race.event_id")
}

pub(crate) fn read_race<'a>(
    raw: &RawRace<'a>,
    race_id: &str,
    report: &mut Report,
) -> Result<RaceFacts<'a>, PayloadError> {
    if let Some(found) = read_race_id(raw, report)
        && found != race_id
    {
        return Err(PayloadError::OtherRace(text::excerpt(&found)));
    }
    let category = meeting::read_category(&raw.meeting, report)?;
    let start = report.integer(raw.advertised_start, "race.advertised_start", time::RACE_SECONDS);
    Ok(RaceFacts {
        start_us: start.ok_or(PayloadError::NoStart)? * 1_000_000,
        actual_start_us: report.moment_us(raw.actual_start, "race.actual_start"),
        meeting: meeting::read_meeting(&raw.meeting, category, report),
        name: report.text(raw.description, "race.description"),
        race_number: report.count(raw.race_number, "race.race_number"),
        status: report.text(raw.status, "race.status").map(|status| text::capitalise(&status)),
        distance: report.count(raw.distance, "race.distance"),
        track_condition: report.text(raw.track_condition, "race.track_condition"),
        weather: report.text(raw.weather, "race.weather"),
        protest: read_protest(raw, report),
    })
}

/// The vendor's flag, which it also sets for a dead heat.
fn read_protest(raw: &RawRace, report: &mut Report) -> Option<bool> {
    let reason = report.text(raw.protest_reason, "race.protest_reason");
    let protest = report.boolean(raw.protest, "race.protest")?;
    Some(protest && !reason.is_some_and(|reason| states_dead_heat(&reason)))
}

/// Whether a reason such as `Dead heat for 4th` states a dead heat.
fn states_dead_heat(reason: &str) -> bool {
    let letters: String = reason.chars().filter(char::is_ascii_alphabetic).collect();
    letters.to_ascii_lowercase().contains("deadheat")
}

/// The race after a poll; what the poll leaves out stays.
pub(crate) fn next_race(known: Option<Race>, facts: &RaceFacts, event_us: i64, fetched_us: i64) -> Race {
    let is_first = known.as_ref().is_none_or(|race| race.polled_us == 0);
    let mut race = known.unwrap_or_default();
    if is_first {
        race.polled_us = fetched_us;
        // The status from a meetings list does not count: the list may be newer than this poll.
        race.status.clear();
        race.phase = Phase::default();
    }
    next_status(&mut race, facts.status.as_deref(), is_first, event_us);
    race.start_us = facts.start_us;
    race.category = facts.meeting.category;
    if facts.meeting.meeting_id.is_some() && facts.meeting.meeting_id.as_deref() != race.meeting_id.as_deref() {
        race.meeting = Meeting::default();
    }
    text::update(&mut race.meeting_id, facts.meeting.meeting_id.as_ref());
    race.meeting.update(&facts.meeting);
    text::update(&mut race.name, facts.name.as_ref());
    text::update(&mut race.track_condition, facts.track_condition.as_ref());
    text::update(&mut race.weather, facts.weather.as_ref());
    race.race_number = facts.race_number.or(race.race_number);
    race.distance = facts.distance.or(race.distance);
    race.actual_start_us = if race.is_open() { None } else { facts.actual_start_us.or(race.actual_start_us) };
    race.protest = facts.protest.unwrap_or(race.protest);
    race
}

fn next_status(race: &mut Race, polled: Option<&str>, is_first: bool, event_us: i64) {
    let status = match polled {
        Some(polled) => polled,
        None if race.status.is_empty() => "Open",
        None => return,
    };
    if !is_first && status == race.status {
        return;
    }
    race.last_status_change_us = Some(event_us);
    race.phase = Phase::of_status(status).unwrap_or(race.phase);
    match race.phase {
        Phase::Finished => race.finalized_us = race.finalized_us.or(Some(event_us)),
        Phase::Abandoned => race.abandoned_us = race.abandoned_us.or(Some(event_us)),
        Phase::Upcoming | Phase::InProgress => {}
    }
    status.clone_into(&mut race.status);
}
