//! Results: placings, dividends and fixed odds, stored as the JSON documents of `race_results`.

use crate::decimal::format_hundredths;
use crate::entrant::EntrantState;
use crate::json::{Leaf, Objects, from_object};
use crate::race::{Phase, Race};
use crate::report::Report;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

const MOST_HUNDREDTHS: i64 = i64::MAX / 2;

/// A row of `race_results`; the three documents are JSON text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Results {
    /// Whether there are placings; not for an abandoned race.
    pub available: bool,
    pub placings: String,
    pub dividends: String,
    /// Fixed odds by runner number.
    pub fixed_odds: String,
    /// `interim`, `final`, `protest`.
    pub status: Option<&'static str>,
    /// Whether a protest was lodged.
    pub protest: bool,
    /// `event_timestamp` of the first poll with results.
    pub result_us: i64,
}

impl Results {
    fn none() -> Self {
        Self { placings: "[]".to_owned(), dividends: "[]".to_owned(), fixed_odds: "{}".to_owned(), ..Self::default() }
    }

    /// The status that a word names; `None` for any other word.
    pub fn known_status(word: &str) -> Option<&'static str> {
        ["interim", "final", "protest"].into_iter().find(|known| *known == word)
    }
}

from_object! {
    /// `data.results[]`.
    pub(crate) struct RawPlacing<'a> {
        position: Leaf<'a>,
        runner_number: Leaf<'a>,
        name: Leaf<'a>,
        entrant_id: Leaf<'a>,
        margin_length: Leaf<'a>,
    }
}

from_object! {
    /// `data.dividends[]`.
    pub(crate) struct RawDividend<'a> {
        product_name: Leaf<'a>,
        dividend: Leaf<'a>,
        status: Leaf<'a>,
        positions: Objects<RawPosition<'a>>,
    }
}

from_object! {
    pub(crate) struct RawPosition<'a> {
        runner_number: Leaf<'a>,
        position: Leaf<'a>,
    }
}

/// Where a runner finished.
#[derive(Debug)]
pub(crate) struct Placing<'a> {
    position: Option<i64>,
    runner_number: Option<i64>,
    name: Option<Cow<'a, str>>,
    entrant_id: Option<Cow<'a, str>>,
    /// Lengths behind the runner before it, hundredths.
    margin: Option<i64>,
}

/// What a bet on a finish paid.
#[derive(Debug)]
pub(crate) struct Dividend<'a> {
    product_name: Option<Cow<'a, str>>,
    /// Hundredths of a dollar.
    dividend: Option<i64>,
    status: Option<Cow<'a, str>>,
    positions: Vec<Position>,
}

#[derive(Debug)]
struct Position {
    runner_number: Option<i64>,
    position: Option<i64>,
}

pub(crate) fn read_placings<'a>(raw: Objects<RawPlacing<'a>>, report: &mut Report) -> Vec<Placing<'a>> {
    let rows = report.rows(raw, "results").unwrap_or_default();
    rows.iter()
        .map(|raw| Placing {
            position: report.count(raw.position, "results[].position"),
            runner_number: report.count(raw.runner_number, "results[].runner_number"),
            name: report.text(raw.name, "results[].name"),
            entrant_id: report.text(raw.entrant_id, "results[].entrant_id"),
            margin: report.hundredths(raw.margin_length, "results[].margin_length", MOST_HUNDREDTHS),
        })
        .collect()
}

pub(crate) fn read_dividends<'a>(raw: Objects<RawDividend<'a>>, report: &mut Report) -> Vec<Dividend<'a>> {
    let rows = report.rows(raw, "dividends").unwrap_or_default();
    rows.into_iter()
        .map(|raw| Dividend {
            product_name: report.text(raw.product_name, "dividends[].product_name"),
            dividend: report.hundredths(raw.dividend, "dividends[].dividend", MOST_HUNDREDTHS),
            status: report.text(raw.status, "dividends[].status"),
            positions: read_positions(raw.positions, report),
        })
        .collect()
}

fn read_positions(raw: Objects<RawPosition>, report: &mut Report) -> Vec<Position> {
    let rows = report.rows(raw, "dividends[].positions").unwrap_or_default();
    rows.iter()
        .map(|raw| Position {
            runner_number: report.count(raw.runner_number, "dividends[].positions[].runner_number"),
            position: report.count(raw.position, "dividends[].positions[].position"),
        })
        .collect()
}

/// The results after a poll; documents that the poll leaves out stay. There are none until the first placings or `Interim`, and
/// none of an abandoned race.
pub(crate) fn next_results(
    known: Option<Results>,
    placings: &[Placing],
    dividends: &[Dividend],
    race: &Race,
    entrants: &BTreeMap<String, EntrantState>,
    event_us: i64,
) -> Option<Results> {
    let status = match race.status.as_str() {
        "Final" => Some("final"),
        _ if race.protest => Some("protest"),
        "Interim" => Some("interim"),
        _ => None,
    };
    if race.phase == Phase::Abandoned {
        return known.map(|known| Results { result_us: known.result_us, ..Results::none() });
    }
    if placings.is_empty() && !matches!(race.status.as_str(), "Interim" | "Final") {
        return known;
    }
    let known = known.unwrap_or_else(|| Results { result_us: event_us, ..Results::none() });
    Some(Results {
        available: known.available || !placings.is_empty(),
        placings: if placings.is_empty() { known.placings } else { placings_json(placings) },
        dividends: if dividends.is_empty() { known.dividends } else { dividends_json(dividends) },
        fixed_odds: fixed_odds_json(entrants),
        status,
        protest: race.protest,
        result_us: known.result_us,
    })
}

/// `[{position, runner_number, name, entrant_id, margin_length}]`.
fn placings_json(placings: &[Placing]) -> String {
    array(placings, |out, placing| {
        let _ = write!(
            out,
            r#"{{"position":{},"runner_number":{},"name":{},"entrant_id":{},"margin_length":{}}}"#,
            number(placing.position),
            number(placing.runner_number),
            text(placing.name.as_deref()),
            text(placing.entrant_id.as_deref()),
            hundredths(placing.margin),
        );
    })
}

/// `[{product_name, dividend, status, positions: [{runner_number, position}]}]`.
fn dividends_json(dividends: &[Dividend]) -> String {
    array(dividends, |out, dividend| {
        let positions = array(&dividend.positions, |out, at| {
            let (runner_number, position) = (number(at.runner_number), number(at.position));
            let _ = write!(out, r#"{{"runner_number":{runner_number},"position":{position}}}"#);
        });
        let _ = write!(
            out,
            r#"{{"product_name":{},"dividend":{},"status":{},"positions":{positions}}}"#,
            text(dividend.product_name.as_deref()),
            hundredths(dividend.dividend),
            text(dividend.status.as_deref()),
        );
    })
}

/// `{"<runner number>": {fixed_win, fixed_place, fixed_win_odds, fixed_place_odds, runner_name, entrant_id}}`.
fn fixed_odds_json(entrants: &BTreeMap<String, EntrantState>) -> String {
    let by_number: BTreeMap<i64, (&String, &EntrantState)> =
        entrants.iter().filter_map(|(id, state)| Some((state.entrant.runner_number?, (id, state)))).collect();
    let mut out = String::from("{");
    for (at, (runner_number, (entrant_id, state))) in by_number.iter().enumerate() {
        let win = hundredths(state.entrant.odds.fixed_win);
        let place = hundredths(state.entrant.odds.fixed_place);
        let _ = write!(
            out,
            r#"{}"{runner_number}":{{"fixed_win":{win},"fixed_place":{place},"fixed_win_odds":{win},"fixed_place_odds":{place},"runner_name":{},"entrant_id":{}}}"#,
            if at == 0 { "" } else { "," },
            text(state.entrant.name.as_deref()),
            text(Some(entrant_id)),
        );
    }
    out.push('}');
    out
}

fn array<T>(items: &[T], write_item: impl Fn(&mut String, &T)) -> String {
    let mut out = String::from("[");
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_item(&mut out, item);
    }
    out.push(']');
    out
}

fn number(value: Option<i64>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

fn hundredths(value: Option<i64>) -> String {
    value.map_or_else(|| "null".to_owned(), format_hundredths)
}

fn text(value: Option<&str>) -> String {
    serde_json::to_string(&value).unwrap_or_else(|_| "null".to_owned())
}
