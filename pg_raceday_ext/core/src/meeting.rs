//! The meeting, as its races' payloads describe it.

use crate::json::{Leaf, from_object};
use crate::payload::PayloadError;
use crate::report::Report;
use crate::{text, time};
use std::borrow::Cow;

/// The kinds of racing that are followed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Category {
    #[default]
    Thoroughbred,
    Harness,
}

impl Category {
    /// As in `races.type` and in the TAB's JSON: `T` or `H`.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Thoroughbred => "T",
            Self::Harness => "H",
        }
    }

    /// As in `meetings.race_type`: `thoroughbred` or `harness`.
    pub const fn race_type(self) -> &'static str {
        match self {
            Self::Thoroughbred => "thoroughbred",
            Self::Harness => "harness",
        }
    }

    /// The category of a [`Category::letter`]; `None` for any other text.
    pub fn from_letter(letter: &str) -> Option<Self> {
        [Self::Thoroughbred, Self::Harness].into_iter().find(|category| category.letter() == letter)
    }

    /// The category of a [`Category::race_type`]; `None` for any other text.
    pub fn from_race_type(race_type: &str) -> Option<Self> {
        [Self::Thoroughbred, Self::Harness].into_iter().find(|category| category.race_type() == race_type)
    }
}

/// A race's meeting, as the race's payloads describe it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Meeting {
    /// The name of the track.
    pub name: Option<String>,
    /// `NZ`, `AUS`, ...
    pub country: Option<String>,
    /// State within the country.
    pub state: Option<String>,
    /// `race_date_nz`: the race's New Zealand day, `YYYY-MM-DD`; `None` if no payload has a valid one.
    pub date: Option<String>,
}

from_object! {
    /// The meeting's keys among those of `data.race`.
    pub(crate) struct RawMeeting<'a> {
        meeting_id: Leaf<'a>,
        name as "meeting_name": Leaf<'a>,
        country: Leaf<'a>,
        state: Leaf<'a>,
        date as "race_date_nz": Leaf<'a>,
        category as "type": Leaf<'a>,
    }
}

/// What a poll says about the meeting.
#[derive(Debug)]
pub(crate) struct MeetingFacts<'a> {
    pub meeting_id: Option<Cow<'a, str>>,
    pub category: Category,
    name: Option<Cow<'a, str>>,
    country: Option<Cow<'a, str>>,
    state: Option<Cow<'a, str>>,
    date: Option<Cow<'a, str>>,
}

/// Reads the category, without which a payload is unusable.
pub(crate) fn read_category(raw: &RawMeeting, report: &mut Report) -> Result<Category, PayloadError> {
    let letter = report.text(raw.category, "race.type").unwrap_or_default();
    Category::from_letter(&letter.to_ascii_uppercase()).ok_or_else(|| PayloadError::OtherType(text::excerpt(&letter)))
}

pub(crate) fn read_meeting<'a>(raw: &RawMeeting<'a>, category: Category, report: &mut Report) -> MeetingFacts<'a> {
    MeetingFacts {
        meeting_id: report.id(raw.meeting_id, "race.meeting_id"),
        category,
        name: report.text(raw.name, "race.meeting_name"),
        country: report.text(raw.country, "race.country"),
        state: report.text(raw.state, "race.state"),
        date: report.text(raw.date, "race.race_date_nz").filter(|date| {
            let is_day = time::is_day(date);
            if !is_day {
                report.bad("race.race_date_nz");
            }
            is_day
        }),
    }
}

impl Meeting {
    /// The meeting after a poll; what the poll leaves out stays.
    pub(crate) fn update(&mut self, facts: &MeetingFacts) {
        text::update(&mut self.name, facts.name.as_ref());
        text::update(&mut self.country, facts.country.as_ref());
        text::update(&mut self.state, facts.state.as_ref());
        text::update(&mut self.date, facts.date.as_ref());
    }
}
