//! Raw values into facts: each is usable, or absent and counted.

use crate::decimal;
use crate::event::{MOST_PERCENTAGE, PayloadError, Pool, Product, RaceFacts, Runner, TrackerRow};
use crate::json::{Leaf, Lenient};
use crate::raw::{RawPool, RawRace, RawRunner, RawTrackerRow};
use crate::report::{Report, text as text_of};
use crate::time;
use std::borrow::Cow;

/// Largest dollars that `numeric(12,2)` holds, in cents.
const MOST_POOL_CENTS: i64 = 999_999_999_999;
/// Largest odds that `numeric(10,2)` holds, in hundredths.
const MOST_ODDS: i64 = 9_999_999_999;
/// The years 2000 to 2100, in seconds since 1970: no race lies outside.
const RACE_SECONDS: std::ops::RangeInclusive<i64> = 946_684_800..=4_102_444_800;

pub(crate) fn read_race<'a>(
    raw: &RawRace<'a>,
    race_id: &str,
    report: &mut Report,
) -> Result<RaceFacts<'a>, PayloadError> {
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

pub(crate) fn read_runner<'a>(raw: &RawRunner<'a>, at: usize, report: &mut Report) -> Option<Runner<'a>> {
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

pub(crate) fn read_pool(raw: &RawPool, at: usize, report: &mut Report) -> Result<Option<Pool>, PayloadError> {
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

pub(crate) fn read_tracker_row<'a>(raw: &RawTrackerRow<'a>, at: usize, report: &mut Report) -> Option<TrackerRow<'a>> {
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
