//! Reading one event payload.

use crate::decimal;
use crate::json::{self, Leaf, Lenient, Object, Objects, from_object};
use crate::report::{Report, text as text_of};
use crate::results::{self, Dividend, Placing};
use crate::time;
use std::borrow::Cow;
use thiserror::Error;

/// Largest dollars that `numeric(12,2)` holds, in cents.
const MOST_POOL_CENTS: i64 = 999_999_999_999;
/// Largest odds that `numeric(10,2)` holds, in hundredths.
const MOST_ODDS: i64 = 9_999_999_999;
/// Largest percentage that `numeric(5,2)` holds, in hundredths.
pub(crate) const MOST_PERCENTAGE: i64 = 99_999;
/// The years 2000 to 2100, in seconds since 1970: no race lies outside.
const RACE_SECONDS: std::ops::RangeInclusive<i64> = 946_684_800..=4_102_444_800;

/// Why a whole payload cannot be used. The text tells a DBA what to look at.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// Not JSON, or cut off.
    #[error("not JSON or truncated: {0}; was the answer complete?")]
    NotJson(String),
    /// No `data.race` object.
    #[error("no race in it (data.race is missing); is it an answer to /events/{{id}}?")]
    NoRace,
    /// It speaks of another race than it was staged for.
    #[error("is about race {0:?}, another than it was staged for")]
    OtherRace(String),
    /// No usable `advertised_start`.
    #[error("no advertised start (data.race.advertised_start must be Unix seconds)")]
    NoStart,
    /// Neither thoroughbred nor harness.
    #[error("race type {0:?} is neither T nor H")]
    OtherType(String),
    /// A pool total above its column.
    #[error("total of pool {0:?} does not fit its column (numeric(12,2))")]
    TotalTooLarge(String),
    /// No `data.meetings` array.
    #[error("no meetings in it (data.meetings is missing); is it an answer to /meetings?")]
    NoMeetings,
}

/// The 64-bit fingerprint by which two payloads are told apart.
pub fn payload_hash(payload: &str) -> i64 {
    xxhash_rust::xxh3::xxh3_64(payload.as_bytes()).cast_signed()
}

/// One event payload, read: what a poll says of its race.
#[derive(Debug, Default)]
pub struct Event<'a> {
    /// When the vendor built the answer.
    pub generated_us: Option<i64>,
    pub(crate) race: RaceFacts<'a>,
    pub(crate) runners: Vec<Runner<'a>>,
    /// `None`: the poll does not speak of pools.
    pub(crate) pools: Option<Vec<Pool>>,
    /// `None`: the poll does not speak of holds.
    pub(crate) tracker: Option<Vec<TrackerRow<'a>>>,
    pub(crate) placings: Vec<Placing<'a>>,
    pub(crate) dividends: Vec<Dividend<'a>>,
    /// What could not be used.
    pub report: Report,
}

#[derive(Debug, Default)]
pub(crate) struct RaceFacts<'a> {
    pub meeting_id: Option<Cow<'a, str>>,
    pub meeting_name: Option<Cow<'a, str>>,
    pub country: Option<Cow<'a, str>>,
    pub state: Option<Cow<'a, str>>,
    pub date: Option<Cow<'a, str>>,
    pub name: Option<Cow<'a, str>>,
    pub race_number: Option<i64>,
    pub kind: &'static str,
    pub status: Option<String>,
    pub start_us: i64,
    pub actual_start_us: Option<i64>,
    pub distance: Option<i64>,
    pub track_condition: Option<Cow<'a, str>>,
    pub weather: Option<Cow<'a, str>>,
    pub protest: Option<bool>,
}

#[derive(Debug, Default)]
pub(crate) struct Runner<'a> {
    pub entrant_id: Cow<'a, str>,
    pub name: Option<Cow<'a, str>>,
    pub runner_number: Option<i64>,
    /// `None`: the poll does not speak of odds. Each is `Some(0)` before its market opens.
    pub odds: Option<[Option<i64>; 4]>,
    pub is_scratched: Option<bool>,
    pub is_late_scratched: Option<bool>,
    pub scratched_us: Option<i64>,
    pub barrier: Option<i64>,
    pub jockey: Option<Cow<'a, str>>,
    pub trainer_name: Option<Cow<'a, str>>,
    pub silk_colours: Option<Cow<'a, str>>,
    pub silk_url_64: Option<Cow<'a, str>>,
    pub silk_url_128: Option<Cow<'a, str>>,
    pub runner_change: Option<Cow<'a, str>>,
    pub favourite: Option<bool>,
    pub mover: Option<bool>,
}

#[derive(Debug)]
pub(crate) struct Pool {
    pub product: Product,
    pub cents: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    Win,
    Place,
    Quinella,
    Trifecta,
    Exacta,
    First4,
    Unknown,
}

#[derive(Debug)]
pub(crate) struct TrackerRow<'a> {
    pub entrant_id: Cow<'a, str>,
    pub hold: Option<i64>,
    pub bet: Option<i64>,
}

#[derive(Debug, Default)]
struct RawDocument<'a> {
    header: Object<RawHeader<'a>>,
    data: Object<RawData<'a>>,
}
from_object!(RawDocument { header: "header", data: "data" });

#[derive(Debug, Default)]
struct RawHeader<'a> {
    generated_time: Leaf<'a>,
}
from_object!(RawHeader { generated_time: "generated_time" });

#[derive(Debug, Default)]
struct RawData<'a> {
    race: Object<RawRace<'a>>,
    runners: Objects<RawRunner<'a>>,
    /// The other name that the runners go by.
    entrants: Objects<RawRunner<'a>>,
    tote_pools: Objects<RawPool<'a>>,
    money_tracker: Object<RawTracker<'a>>,
    results: Objects<results::RawPlacing<'a>>,
    dividends: Objects<results::RawDividend<'a>>,
}
from_object!(RawData {
    race: "race",
    runners: "runners",
    entrants: "entrants",
    tote_pools: "tote_pools",
    money_tracker: "money_tracker",
    results: "results",
    dividends: "dividends",
});

#[derive(Debug, Default)]
struct RawRace<'a> {
    event_id: Leaf<'a>,
    meeting_id: Leaf<'a>,
    meeting_name: Leaf<'a>,
    country: Leaf<'a>,
    state: Leaf<'a>,
    race_date_nz: Leaf<'a>,
    description: Leaf<'a>,
    race_number: Leaf<'a>,
    kind: Leaf<'a>,
    status: Leaf<'a>,
    advertised_start: Leaf<'a>,
    actual_start: Leaf<'a>,
    distance: Leaf<'a>,
    track_condition: Leaf<'a>,
    weather: Leaf<'a>,
    protest: Leaf<'a>,
}
from_object!(RawRace {
    event_id: "event_id",
    meeting_id: "meeting_id",
    meeting_name: "meeting_name",
    country: "country",
    state: "state",
    race_date_nz: "race_date_nz",
    description: "description",
    race_number: "race_number",
    kind: "type",
    status: "status",
    advertised_start: "advertised_start",
    actual_start: "actual_start",
    distance: "distance",
    track_condition: "track_condition",
    weather: "weather",
    protest: "protest",
});

#[derive(Debug, Default)]
struct RawRunner<'a> {
    entrant_id: Leaf<'a>,
    name: Leaf<'a>,
    runner_number: Leaf<'a>,
    odds: Object<RawOdds<'a>>,
    is_scratched: Leaf<'a>,
    is_late_scratched: Leaf<'a>,
    scratch_time: Leaf<'a>,
    barrier: Leaf<'a>,
    jockey: Leaf<'a>,
    trainer_name: Leaf<'a>,
    silk_colours: Leaf<'a>,
    silk_url_64: Leaf<'a>,
    silk_url_128: Leaf<'a>,
    runner_change: Leaf<'a>,
    favourite: Leaf<'a>,
    mover: Leaf<'a>,
}
from_object!(RawRunner {
    entrant_id: "entrant_id",
    name: "name",
    runner_number: "runner_number",
    odds: "odds",
    is_scratched: "is_scratched",
    is_late_scratched: "is_late_scratched",
    scratch_time: "scratch_time",
    barrier: "barrier",
    jockey: "jockey",
    trainer_name: "trainer_name",
    silk_colours: "silk_colours",
    silk_url_64: "silk_url_64x64",
    silk_url_128: "silk_url_128x128",
    runner_change: "runner_change",
    favourite: "favourite",
    mover: "mover",
});

#[derive(Debug, Default)]
struct RawOdds<'a> {
    fixed_win: Leaf<'a>,
    fixed_place: Leaf<'a>,
    pool_win: Leaf<'a>,
    pool_place: Leaf<'a>,
}
from_object!(RawOdds {
    fixed_win: "fixed_win",
    fixed_place: "fixed_place",
    pool_win: "pool_win",
    pool_place: "pool_place"
});

#[derive(Debug, Default)]
struct RawPool<'a> {
    product_type: Leaf<'a>,
    total: Leaf<'a>,
}
from_object!(RawPool { product_type: "product_type", total: "total" });

#[derive(Debug, Default)]
struct RawTracker<'a> {
    entrants: Objects<RawTrackerRow<'a>>,
}
from_object!(RawTracker { entrants: "entrants" });

#[derive(Debug, Default)]
struct RawTrackerRow<'a> {
    entrant_id: Leaf<'a>,
    hold_percentage: Leaf<'a>,
    bet_percentage: Leaf<'a>,
}
from_object!(RawTrackerRow {
    entrant_id: "entrant_id",
    hold_percentage: "hold_percentage",
    bet_percentage: "bet_percentage"
});

impl<'a> Event<'a> {
    /// The race that a payload says it is about.
    pub fn race_id(payload: &str) -> Option<String> {
        let Lenient::Good(document) = json::document::<RawDocument>(payload).ok()? else { return None };
        let Object(Lenient::Good(data)) = document.data else { return None };
        let Object(Lenient::Good(race)) = data.race else { return None };
        Report::default().text(race.event_id, "race.event_id").map(Cow::into_owned)
    }

    /// Reads a payload staged for `race_id`. What cannot be used is counted in the report; only [`PayloadError`] fails the whole.
    pub fn parse(payload: &'a str, race_id: &str) -> Result<Self, PayloadError> {
        let document = json::document(payload).map_err(|error| PayloadError::NotJson(error.to_string()))?;
        let Lenient::Good(document) = document else { return Err(PayloadError::NoRace) };
        let document: RawDocument = document;
        let Object(Lenient::Good(data)) = document.data else { return Err(PayloadError::NoRace) };
        let Object(Lenient::Good(raw_race)) = data.race else { return Err(PayloadError::NoRace) };

        let mut report = Report::default();
        let report_mut = &mut report;
        let race = read_race(&raw_race, race_id, report_mut)?;
        let generated_us = match document.header {
            Object(Lenient::Good(header)) => {
                report_mut.text(header.generated_time, "header.generated_time").and_then(|text| {
                    time::parse_us(&text).or_else(|| {
                        report_mut.bad("header.generated_time");
                        None
                    })
                })
            }
            Object(Lenient::Bad) => {
                report_mut.bad("header");
                None
            }
            Object(Lenient::Null) => None,
        };
        let runners = rows(data.runners, "runners", report_mut);
        let runners = runners.or_else(|| rows(data.entrants, "entrants", report_mut)).unwrap_or_default();
        let runners = runners.iter().enumerate().filter_map(|(at, raw)| read_runner(raw, at, report_mut)).collect();
        let pools = rows(data.tote_pools, "tote_pools", report_mut)
            .map(|raw| {
                raw.iter().enumerate().filter_map(|(at, raw)| read_pool(raw, at, report_mut).transpose()).collect()
            })
            .transpose()?
            .filter(|pools: &Vec<Pool>| !pools.is_empty());
        let tracker = match data.money_tracker {
            Object(Lenient::Good(tracker)) => rows(tracker.entrants, "money_tracker.entrants", report_mut)
                .map(|raw| {
                    raw.iter().enumerate().filter_map(|(at, raw)| read_tracker_row(raw, at, report_mut)).collect()
                })
                .filter(|rows: &Vec<TrackerRow>| !rows.is_empty()),
            Object(Lenient::Bad) => {
                report_mut.bad("money_tracker");
                None
            }
            Object(Lenient::Null) => None,
        };
        let placings =
            results::read_placings(&rows(data.results, "results", report_mut).unwrap_or_default(), report_mut);
        let dividends =
            results::read_dividends(rows(data.dividends, "dividends", report_mut).unwrap_or_default(), report_mut);
        Ok(Self { generated_us, race, runners, pools, tracker, placings, dividends, report })
    }
}

/// The usable rows of an array; `None` when there is no array.
pub(crate) fn rows<T>(objects: Objects<T>, place: &str, report: &mut Report) -> Option<Vec<T>> {
    match objects.0 {
        Lenient::Null => None,
        Lenient::Bad => {
            report.bad(place);
            None
        }
        Lenient::Good(rows) => Some(
            rows.into_iter()
                .enumerate()
                .filter_map(|(at, row)| match row {
                    Lenient::Good(row) => Some(row),
                    Lenient::Bad | Lenient::Null => {
                        report.bad(format_args!("{place}[{at}]"));
                        None
                    }
                })
                .collect(),
        ),
    }
}

fn read_race<'a>(raw: &RawRace<'a>, race_id: &str, report: &mut Report) -> Result<RaceFacts<'a>, PayloadError> {
    if let Some(found) = report.text(raw.event_id, "race.event_id")
        && found != race_id
    {
        return Err(PayloadError::OtherRace(excerpt(&found)));
    }
    let kind = match report.text(raw.kind, "race.type").as_deref() {
        Some("T" | "t") => "T",
        Some("H" | "h") => "H",
        other => return Err(PayloadError::OtherType(excerpt(other.unwrap_or("")))),
    };
    let start =
        report.integer(raw.advertised_start, "race.advertised_start", RACE_SECONDS).ok_or(PayloadError::NoStart)?;
    let actual = report.integer(raw.actual_start, "race.actual_start", 0..=*RACE_SECONDS.end());
    Ok(RaceFacts {
        meeting_id: report.id(raw.meeting_id, "race.meeting_id"),
        meeting_name: report.text(raw.meeting_name, "race.meeting_name"),
        country: report.text(raw.country, "race.country"),
        state: report.text(raw.state, "race.state"),
        date: report.text(raw.race_date_nz, "race.race_date_nz").filter(|date| {
            let known = time::is_day(date);
            if !known {
                report.bad("race.race_date_nz");
            }
            known
        }),
        name: report.text(raw.description, "race.description"),
        race_number: report.integer(raw.race_number, "race.race_number", 0..=i64::from(i32::MAX)),
        kind,
        status: report.text(raw.status, "race.status").map(|status| capitalise(&status)),
        start_us: start * 1_000_000,
        actual_start_us: actual.filter(|at| RACE_SECONDS.contains(at)).map(|at| at * 1_000_000),
        distance: report.integer(raw.distance, "race.distance", 0..=i64::from(i32::MAX)),
        track_condition: report.text(raw.track_condition, "race.track_condition"),
        weather: report.text(raw.weather, "race.weather"),
        protest: report.boolean(raw.protest, "race.protest"),
    })
}

fn read_runner<'a>(raw: &RawRunner<'a>, at: usize, report: &mut Report) -> Option<Runner<'a>> {
    let place = |field: &'static str| Place { array: "runners", at, field };
    let Some(entrant_id) = report.id(raw.entrant_id, place("entrant_id")) else {
        if raw.entrant_id.is_none() {
            report.bad(place("entrant_id"));
        }
        return None;
    };
    let odds = match &raw.odds.0 {
        Lenient::Null => None,
        Lenient::Bad => {
            report.bad(place("odds"));
            None
        }
        Lenient::Good(odds) => Some([
            report.hundredths(odds.fixed_win, place("odds.fixed_win"), MOST_ODDS),
            report.hundredths(odds.fixed_place, place("odds.fixed_place"), MOST_ODDS),
            report.hundredths(odds.pool_win, place("odds.pool_win"), MOST_ODDS),
            report.hundredths(odds.pool_place, place("odds.pool_place"), MOST_ODDS),
        ]),
    };
    let scratched = report.integer(raw.scratch_time, place("scratch_time"), 0..=*RACE_SECONDS.end());
    Some(Runner {
        entrant_id,
        name: report.text(raw.name, place("name")),
        runner_number: report.integer(raw.runner_number, place("runner_number"), 0..=i64::from(i32::MAX)),
        odds,
        is_scratched: report.boolean(raw.is_scratched, place("is_scratched")),
        is_late_scratched: report.boolean(raw.is_late_scratched, place("is_late_scratched")),
        scratched_us: scratched.filter(|at| RACE_SECONDS.contains(at)).map(|at| at * 1_000_000),
        barrier: report.read(raw.barrier, place("barrier"), barrier).filter(|barrier| *barrier > 0),
        jockey: report.text(raw.jockey, place("jockey")),
        trainer_name: report.text(raw.trainer_name, place("trainer_name")),
        silk_colours: report.text(raw.silk_colours, place("silk_colours")),
        silk_url_64: report.text(raw.silk_url_64, place("silk_url_64x64")),
        silk_url_128: report.text(raw.silk_url_128, place("silk_url_128x128")),
        runner_change: read_runner_change(raw.runner_change, place("runner_change"), report),
        favourite: report.boolean(raw.favourite, place("favourite")),
        mover: report.boolean(raw.mover, place("mover")),
    })
}

/// A string as it is, an object as its JSON text.
fn read_runner_change<'a>(leaf: Leaf<'a>, place: Place, report: &mut Report) -> Option<Cow<'a, str>> {
    match leaf?.get() {
        json if json.starts_with('{') => {
            report.read(leaf, place, |json| is_storable_object(json).then_some(Cow::Borrowed(json)))
        }
        _ => report.text(leaf, place),
    }
}

/// Whether PostgreSQL can hold an object's text as JSON too: no NUL, no unpaired surrogate, and not without end.
fn is_storable_object(json: &str) -> bool {
    const MOST_BYTES: usize = 4000;
    json.len() <= MOST_BYTES
        && (!json.contains("\\u")
            || !json.contains("\\u0000") && serde_json::from_str::<serde_json::Value>(json).is_ok())
}

/// The digits of a barrier: `7`, `"7"` and `"Fr1"` give 7, 7 and 1; empty text gives 0, none.
fn barrier(json: &str) -> Option<i64> {
    const BARRIERS: std::ops::RangeInclusive<i64> = 0..=i32::MAX as i64;
    if !json.starts_with('"') {
        return decimal::integer(json).filter(|barrier| BARRIERS.contains(barrier));
    }
    let text = text_of(json)?;
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let digits = digits.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|barrier| BARRIERS.contains(barrier) && !text.starts_with('-'))
}

fn read_pool(raw: &RawPool, at: usize, report: &mut Report) -> Result<Option<Pool>, PayloadError> {
    let place = |field: &'static str| Place { array: "tote_pools", at, field };
    let name = report.text(raw.product_type, place("product_type")).unwrap_or_default();
    let total = report.read(raw.total, place("total"), decimal::saturating_hundredths);
    match total {
        // Null is as bad as text here: a pool is its total.
        None if raw.total.is_none() => report.bad(place("total")),
        Some(cents) if cents > MOST_POOL_CENTS => return Err(PayloadError::TotalTooLarge(excerpt(&name))),
        Some(cents) if cents < 0 => report.bad(place("total")),
        Some(cents) => return Ok(Some(Pool { product: Product::of(&name), cents })),
        None => {}
    }
    Ok(None)
}

impl Product {
    fn of(name: &str) -> Self {
        let letters: String = name.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        match letters.as_str() {
            "win" => Self::Win,
            "place" => Self::Place,
            "quinella" => Self::Quinella,
            "trifecta" => Self::Trifecta,
            "exacta" => Self::Exacta,
            "firstfour" | "first4" => Self::First4,
            _ => Self::Unknown,
        }
    }
}

fn read_tracker_row<'a>(raw: &RawTrackerRow<'a>, at: usize, report: &mut Report) -> Option<TrackerRow<'a>> {
    let place = |field: &'static str| Place { array: "money_tracker.entrants", at, field };
    let Some(entrant_id) = report.id(raw.entrant_id, place("entrant_id")) else {
        if raw.entrant_id.is_none() {
            report.bad(place("entrant_id"));
        }
        return None;
    };
    if raw.hold_percentage.is_none() {
        report.bad(place("hold_percentage"));
    }
    Some(TrackerRow {
        entrant_id,
        hold: report.hundredths(raw.hold_percentage, place("hold_percentage"), MOST_PERCENTAGE),
        bet: report.hundredths(raw.bet_percentage, place("bet_percentage"), MOST_PERCENTAGE),
    })
}

/// Where a value stands, written out only when it is bad.
#[derive(Clone, Copy)]
struct Place {
    array: &'static str,
    at: usize,
    field: &'static str,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "{}[{}].{}", self.array, self.at, self.field)
    }
}

/// `OPEN` and `open` are `Open`.
pub(crate) fn capitalise(word: &str) -> String {
    let mut word = word.to_ascii_lowercase();
    if let Some(first) = word.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    word
}

/// Enough of a hostile value for an error message.
fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}
