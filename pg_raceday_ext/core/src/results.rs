//! Placings, dividends and the fixed odds beside them, as the JSON documents of `race_results`.

use crate::decimal::format_hundredths;
use crate::event::rows;
use crate::json::{Leaf, Objects, from_object};
use crate::report::Report;
use crate::state::EntrantState;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

#[derive(Debug, Default)]
pub(crate) struct RawPlacing<'a> {
    position: Leaf<'a>,
    runner_number: Leaf<'a>,
    name: Leaf<'a>,
    entrant_id: Leaf<'a>,
    margin_length: Leaf<'a>,
}
from_object!(RawPlacing {
    position: b"position",
    runner_number: b"runner_number",
    name: b"name",
    entrant_id: b"entrant_id",
    margin_length: b"margin_length",
});

#[derive(Debug, Default)]
pub(crate) struct RawDividend<'a> {
    product_name: Leaf<'a>,
    dividend: Leaf<'a>,
    status: Leaf<'a>,
    positions: Objects<RawPosition<'a>>,
}
from_object!(RawDividend {
    product_name: b"product_name",
    dividend: b"dividend",
    status: b"status",
    positions: b"positions"
});

#[derive(Debug, Default)]
pub(crate) struct RawPosition<'a> {
    runner_number: Leaf<'a>,
    position: Leaf<'a>,
}
from_object!(RawPosition { runner_number: b"runner_number", position: b"position" });

/// Where a runner finished.
#[derive(Debug)]
pub(crate) struct Placing<'a> {
    position: Option<i64>,
    runner_number: Option<i64>,
    name: Option<Cow<'a, str>>,
    entrant_id: Option<Cow<'a, str>>,
    /// Lengths behind, hundredths.
    margin: Option<i64>,
}

/// What a bet on a finish paid.
#[derive(Debug)]
pub(crate) struct Dividend<'a> {
    product_name: Option<Cow<'a, str>>,
    dividend: Option<i64>,
    status: Option<Cow<'a, str>>,
    positions: Vec<(Option<i64>, Option<i64>)>,
}

const COUNT: std::ops::RangeInclusive<i64> = 0..=i32::MAX as i64;
const MOST_HUNDREDTHS: i64 = i64::MAX / 2;

pub(crate) fn read_placings<'a>(raw: &[RawPlacing<'a>], report: &mut Report) -> Vec<Placing<'a>> {
    raw.iter()
        .map(|raw| Placing {
            position: report.integer(raw.position, "results[].position", COUNT),
            runner_number: report.integer(raw.runner_number, "results[].runner_number", COUNT),
            name: report.text(raw.name, "results[].name"),
            entrant_id: report.text(raw.entrant_id, "results[].entrant_id"),
            margin: report.hundredths(raw.margin_length, "results[].margin_length", MOST_HUNDREDTHS),
        })
        .collect()
}

pub(crate) fn read_dividends<'a>(raw: Vec<RawDividend<'a>>, report: &mut Report) -> Vec<Dividend<'a>> {
    raw.into_iter()
        .map(|raw| Dividend {
            product_name: report.text(raw.product_name, "dividends[].product_name"),
            dividend: report.hundredths(raw.dividend, "dividends[].dividend", MOST_HUNDREDTHS),
            status: report.text(raw.status, "dividends[].status"),
            positions: rows(raw.positions, "dividends[].positions", report)
                .unwrap_or_default()
                .iter()
                .map(|at| {
                    (
                        report.integer(at.runner_number, "dividends[].positions[].runner_number", COUNT),
                        report.integer(at.position, "dividends[].positions[].position", COUNT),
                    )
                })
                .collect(),
        })
        .collect()
}

/// `[{position, runner_number, name, entrant_id, margin_length}]`.
pub(crate) fn placings_json(placings: &[Placing]) -> String {
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
pub(crate) fn dividends_json(dividends: &[Dividend]) -> String {
    array(dividends, |out, dividend| {
        let positions = array(&dividend.positions, |out, (runner_number, position)| {
            let _ = write!(out, r#"{{"runner_number":{},"position":{}}}"#, number(*runner_number), number(*position));
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
pub(crate) fn fixed_odds_json(entrants: &BTreeMap<String, EntrantState>) -> String {
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
