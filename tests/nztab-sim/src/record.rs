//! A recording of one race: exact responses over its whole course, as files.

use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;

use crate::day::Category;
use crate::query::MeetingsQuery;
use crate::race::Race;
use crate::simulator::Simulator;

/// The polls before the start: file name and minutes to the advertised start.
const BEFORE: [(&str, i64); 7] = [
    ("60min.json", 60),
    ("30min.json", 30),
    ("10min.json", 10),
    ("05min.json", 5),
    ("02min.json", 2),
    ("01min.json", 1),
    ("00min.json", 0),
];
/// Seconds from a change of status to the poll that shows it; the source refreshes every 15 s.
const AFTER_CHANGE_S: i64 = 20;
/// Milliseconds by which polls precede the full second, so that a poll named after a minute falls into its bucket.
const EARLY_MS: i64 = 500;

/// One recorded response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Its entry in the index.
    pub entry: Entry,
    /// The exact body.
    pub body: String,
}

/// An entry of the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The file name.
    pub file: &'static str,
    /// When the response was fetched, RFC 3339.
    pub fetched_at: String,
    /// The race; `None` for the day's meetings list.
    pub race_id: Option<String>,
}

/// Records the day's first New Zealand thoroughbred race with an insider and a late scratching that starts on time; `None` if
/// there is none. The meetings list comes first, then the polls in order.
#[must_use]
pub fn record(simulator: &Simulator, date: NaiveDate) -> Option<Vec<Response>> {
    let race = choose(simulator, date)?;
    let fate = &race.card.fate;
    let before = BEFORE.map(|(file, minutes)| (file, fate.first_start - 60 * minutes));
    let after = [("closed.json", fate.actual_start), ("interim.json", fate.interim_at), ("final.json", fate.final_at)];
    let after = after.map(|(file, change)| (file, change + AFTER_CHANGE_S));
    let listed_at = at(before[0].1);
    let entry = Entry { file: "meetings.json", fetched_at: rfc3339(listed_at), race_id: None };
    let list = simulator.meetings(&list_query(date)?, listed_at);
    let mut responses = vec![Response { entry, body: list }];
    for (file, seconds) in before.into_iter().chain(after) {
        let (fetched_at, race_id) = (at(seconds), race.card.id.clone());
        let body = simulator.event(&race_id, fetched_at)?;
        responses
            .push(Response { entry: Entry { file, fetched_at: rfc3339(fetched_at), race_id: Some(race_id) }, body });
    }
    Some(responses)
}

/// Writes a recording into a directory: one file per response, and `index.json`.
pub fn write(responses: &[Response], directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for response in responses {
        fs::write(directory.join(response.entry.file), &response.body)?;
    }
    fs::write(directory.join("index.json"), index(responses))
}

/// The index: a JSON array with one line per response, ordered by `fetched_at`.
#[must_use]
pub fn index(responses: &[Response]) -> String {
    let line = |response: &Response| serde_json::to_string(&response.entry).unwrap_or_default();
    format!("[\n  {}\n]\n", responses.iter().map(line).collect::<Vec<_>>().join(",\n  "))
}

fn choose(simulator: &Simulator, date: NaiveDate) -> Option<Arc<Race>> {
    let meetings = simulator.meetings_between(date, date);
    meetings
        .iter()
        .filter(|meeting| meeting.country == "NZ" && meeting.category == Category::Thoroughbred)
        .flat_map(|meeting| &meeting.races)
        .find(|card| {
            let fate = &card.fate;
            fate.insider.is_some()
                && fate.late_scratching_at.is_some()
                && fate.delay.is_none()
                && fate.abandoned_at.is_none()
        })
        .and_then(|card| simulator.race(&card.id))
}

/// The list as Raceday requests it.
fn list_query(date: NaiveDate) -> Option<MeetingsQuery> {
    let date = date.to_string();
    let pairs = [
        ("date_from", date.as_str()),
        ("date_to", &date),
        ("category", "T,H"),
        ("country", "NZ,AUS"),
        ("limit", "200"),
        ("offset", "0"),
    ];
    let echo = pairs.map(|(name, value)| format!("{name}={}", value.replace(',', "%2C"))).join("&");
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    MeetingsQuery::parse(&pairs, &format!("?{echo}")).ok()
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default() - TimeDelta::milliseconds(EARLY_MS)
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
