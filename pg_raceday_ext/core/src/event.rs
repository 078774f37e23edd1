//! Reading one event payload.

use crate::facts::{read_pool, read_race, read_runner, read_tracker_row};
use crate::json::{self, Lenient, Object, Objects};
use crate::raw::RawDocument;
use crate::report::Report;
use crate::results::{self, Dividend, Placing};
use crate::time;
use std::borrow::Cow;
use thiserror::Error;

/// Largest percentage that `numeric(5,2)` holds, in hundredths.
pub(crate) const MOST_PERCENTAGE: i64 = 99_999;

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
    #[error("no meetings in it (data.meetings is missing or no list); is it an answer to /meetings?")]
    NoMeetings,
}

/// The 64-bit fingerprint by which two payloads are told apart.
pub fn payload_hash(payload: &str) -> i64 {
    body_hash(payload.as_bytes())
}

/// [`payload_hash`] of a body that need not be text.
pub fn body_hash(body: &[u8]) -> i64 {
    xxhash_rust::xxh3::xxh3_64(body).cast_signed()
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
