//! A day's meetings list: the meetings and races that are to be followed.

use crate::json::{self, Leaf, Lenient, Object, Objects, from_object};
use crate::meeting::Category;
use crate::payload::PayloadError;
use crate::race::Phase;
use crate::report::Report;
use crate::{text, time};
use serde::{Deserialize, Deserializer};

/// The largest page that the TAB returns, unless the page gives its own limit.
const PAGE_LIMIT: i64 = 200;

/// The meetings of a day that are followed, and their races.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct MeetingsList {
    /// Meetings in order of `meeting_id`.
    pub meetings: Vec<ListedMeeting>,
    /// Races in order of `race_id`.
    pub races: Vec<ListedRace>,
    /// Whether it names every race of the day: it is the only page, and nothing that is followed was left out.
    pub is_whole: bool,
    /// What could not be used.
    pub report: Report,
}

/// A meeting in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ListedMeeting {
    pub meeting_id: String,
    pub name: Option<String>,
    pub country: Option<String>,
    pub state: Option<String>,
    pub category: Category,
    /// New Zealand day, `YYYY-MM-DD`.
    pub date: String,
    pub track_condition: Option<String>,
    pub weather: Option<String>,
    pub tote_status: Option<String>,
}

/// A race in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ListedRace {
    pub race_id: String,
    pub meeting_id: String,
    pub name: Option<String>,
    pub race_number: Option<i64>,
    pub start_us: i64,
    pub status: String,
    pub phase: Phase,
    pub distance: Option<i64>,
    pub track_condition: Option<String>,
    pub weather: Option<String>,
    pub category: Category,
}

from_object! {
    struct RawDocument<'a> {
        params: Object<RawParams<'a>>,
        data: Object<RawData<'a>>,
    }
}

from_object! {
    struct RawParams<'a> {
        limit: Leaf<'a>,
        offset: Leaf<'a>,
    }
}

from_object! {
    struct RawData<'a> {
        meetings: Present<Objects<RawMeeting<'a>>>,
    }
}

/// The value of a key that is present, even if it is null; `None` if the key is absent.
#[derive(Debug)]
struct Present<T>(Option<T>);

impl<T> Default for Present<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Present<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self(Some(value)))
    }
}

from_object! {
    struct RawMeeting<'a> {
        meeting: Leaf<'a>,
        name: Leaf<'a>,
        date: Leaf<'a>,
        category: Leaf<'a>,
        country: Leaf<'a>,
        state: Leaf<'a>,
        track_condition: Leaf<'a>,
        tote_status: Leaf<'a>,
        races: Objects<RawRace<'a>>,
    }
}

from_object! {
    struct RawRace<'a> {
        id: Leaf<'a>,
        race_number: Leaf<'a>,
        name: Leaf<'a>,
        start_time: Leaf<'a>,
        status: Leaf<'a>,
        distance: Leaf<'a>,
        track_condition: Leaf<'a>,
        weather: Leaf<'a>,
    }
}

impl MeetingsList {
    /// Reads a meetings list, keeping the meetings in `countries` and of `categories` (`T`, `H`). An unusable meeting or race is
    /// left out and reported; only a payload that is not a meetings list fails.
    pub fn parse(payload: &str, countries: &[String], categories: &[String]) -> Result<Self, PayloadError> {
        let document = json::document(payload).map_err(|error| PayloadError::NotJson(error.to_string()))?;
        let Lenient::Good(RawDocument { params, data: Object(Lenient::Good(data)) }) = document else {
            return Err(PayloadError::NoMeetings);
        };
        let mut list = Self::default();
        // The vendor's schema requires the key but allows null, which is how its language writes an empty list.
        let meetings = match data.meetings.0 {
            None | Some(Objects(Lenient::Bad)) => return Err(PayloadError::NoMeetings),
            Some(meetings) => meetings,
        };
        let meetings = list.report.rows(meetings, "meetings").unwrap_or_default();
        list.is_whole = list.report.bad_values == 0 && list.is_only_page(params, meetings.len());
        for raw in meetings {
            list.read_meeting(raw, countries, categories);
        }
        list.meetings.sort_by(|a, b| a.meeting_id.cmp(&b.meeting_id));
        list.meetings.dedup_by(|later, kept| later.meeting_id == kept.meeting_id);
        list.races.sort_by(|a, b| a.race_id.cmp(&b.race_id));
        list.races.dedup_by(|later, kept| later.race_id == kept.race_id);
        Ok(list)
    }

    fn is_only_page(&mut self, params: Object<RawParams>, meetings: usize) -> bool {
        let Object(Lenient::Good(params)) = params else { return true };
        let offset = self.report.count(params.offset, "params.offset").unwrap_or(0);
        let limit = self.report.count(params.limit, "params.limit").unwrap_or(PAGE_LIMIT);
        offset == 0 && i64::try_from(meetings).is_ok_and(|meetings| meetings < limit)
    }

    fn read_meeting(&mut self, raw: RawMeeting, countries: &[String], categories: &[String]) {
        let report = &mut self.report;
        let letter = report.text(raw.category, "meetings[].category");
        let country = report.text(raw.country, "meetings[].country").map(String::from);
        let Some(category) = letter.as_deref().and_then(Category::from_letter) else { return };
        if !categories.iter().any(|wanted| wanted == category.letter())
            || !country.as_ref().is_some_and(|country| countries.contains(country))
        {
            return;
        }
        let (Some(meeting_id), Some(date)) =
            (report.id(raw.meeting, "meetings[].meeting"), report.read(raw.date, "meetings[].date", day))
        else {
            report.bad("meetings[]");
            self.is_whole = false;
            return;
        };
        let bad_values = report.bad_values;
        let races = report.rows(raw.races, "meetings[].races").unwrap_or_default();
        self.is_whole &= report.bad_values == bad_values;
        let meeting_id = meeting_id.into_owned();
        let first_race = self.races.len();
        for race in races {
            self.read_race(&race, &meeting_id, category);
        }
        let report = &mut self.report;
        self.meetings.push(ListedMeeting {
            name: report.text(raw.name, "meetings[].name").map(String::from),
            country,
            state: report.text(raw.state, "meetings[].state").map(String::from),
            category,
            date,
            track_condition: report.text(raw.track_condition, "meetings[].track_condition").map(String::from),
            weather: self.races[first_race..].iter().find_map(|race| race.weather.clone()),
            tote_status: report.text(raw.tote_status, "meetings[].tote_status").map(String::from),
            meeting_id,
        });
    }

    fn read_race(&mut self, raw: &RawRace, meeting_id: &str, category: Category) {
        let report = &mut self.report;
        let (Some(race_id), Some(start_us)) = (
            report.id(raw.id, "meetings[].races[].id"),
            report.text(raw.start_time, "meetings[].races[].start_time").and_then(|text| time::parse_us(&text)),
        ) else {
            report.bad("meetings[].races[]");
            self.is_whole = false;
            return;
        };
        let status = report
            .text(raw.status, "meetings[].races[].status")
            .map_or_else(|| "Open".to_owned(), |word| text::capitalise(&word));
        self.races.push(ListedRace {
            race_id: race_id.into_owned(),
            meeting_id: meeting_id.to_owned(),
            name: report.text(raw.name, "meetings[].races[].name").map(String::from),
            race_number: report.count(raw.race_number, "meetings[].races[].race_number"),
            start_us,
            phase: Phase::of_status(&status).unwrap_or_default(),
            status,
            distance: report.count(raw.distance, "meetings[].races[].distance"),
            track_condition: report.text(raw.track_condition, "meetings[].races[].track_condition").map(String::from),
            weather: report.text(raw.weather, "meetings[].races[].weather").map(String::from),
            category,
        });
    }
}

/// The date at the beginning of a time.
fn day(json: &str) -> Option<String> {
    json.trim_matches('"').get(..10).filter(|date| time::is_day(date)).map(str::to_owned)
}
