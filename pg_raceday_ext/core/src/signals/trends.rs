//! First place in the exotic pools: the XML of `tote_trends`, read with a pull parser and without a DTD.

use crate::decimal;
use crate::json::Leaf;
use crate::report::Report;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Cents on each runner, by number, to come first.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct FirstPlace {
    cents: BTreeMap<i64, i64>,
}

/// Longest text that is read: a hundred times what the TAB sends.
const MOST_BYTES: usize = 500_000;
/// Deepest nesting; the TAB's is 8.
const MOST_DEPTH: usize = 16;
/// The most that `numeric(12,2)` holds, in cents.
const MOST_CENTS: i64 = 999_999_999_999;
/// Numbers that a runner can have.
const NUMBERS: std::ops::RangeInclusive<i64> = 1..=99;

impl FirstPlace {
    /// A runner's cents, and those of all runners.
    pub fn of(&self, number: i64) -> Option<(i64, i64)> {
        Some((*self.cents.get(&number)?, self.cents.values().sum()))
    }
}

/// Reads a pool's `tote_trends_data`. One that names a number that no runner has is lost as a whole.
pub(super) fn read_first_place(
    xml: Leaf,
    is_number: impl Fn(i64) -> bool,
    place: &'static str,
    report: &mut Report,
) -> Option<FirstPlace> {
    report.read(xml, place, |json| {
        #[derive(serde::Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
        let Text(xml) = serde_json::from_str(json).ok()?;
        first_place(&xml).filter(|first| first.cents.keys().all(|number| is_number(*number)))
    })
}

/// Reads the XML of a pool: `runner_investment1` of each `runner`. `None` if it is not such XML: too long, nested too deeply, with
/// a DTD or entities, or with a runner that is unreadable or named twice.
fn first_place(xml: &str) -> Option<FirstPlace> {
    if xml.len() > MOST_BYTES {
        return None;
    }
    let mut reader = Reader::from_str(xml);
    let (mut first, mut depth, mut runner, mut is_wanted) = (FirstPlace::default(), 0, None, false);
    loop {
        match reader.read_event().ok()? {
            Event::Eof => break,
            Event::DocType(_) => return None,
            // Only in an amount: a runner's name may have one.
            Event::GeneralRef(_) if is_wanted => return None,
            Event::Start(element) => {
                depth += 1;
                if depth > MOST_DEPTH {
                    return None;
                }
                match element.name().as_ref() {
                    "runner" => runner = Some(number(&element)?),
                    "runner_investment1" => is_wanted = true,
                    _ => {}
                }
            }
            Event::End(element) => {
                depth -= 1;
                match element.name().as_ref() {
                    "runner" => runner = None,
                    "runner_investment1" => is_wanted = false,
                    _ => {}
                }
            }
            Event::Text(text) if is_wanted => {
                let text = text.trim();
                let cents = decimal::hundredths(text).filter(|cents| (0..=MOST_CENTS).contains(cents))?;
                if first.cents.insert(runner?, cents).is_some() {
                    return None;
                }
            }
            _ => {}
        }
    }
    (depth == 0 && !first.cents.is_empty()).then_some(first)
}

fn number(element: &BytesStart) -> Option<i64> {
    let attribute = element.try_get_attribute("runner_number").ok()??;
    attribute.value.parse().ok().filter(|number| NUMBERS.contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(runners: &str) -> String {
        format!(
            "<meetings>\r\n<date>2026-11-30</date><meeting meeting_number=\"4\"><race race_number=\"1\"><bet_types>\
             <bet_type type=\"TFA\"><pool_total>10.00</pool_total><runners race_number=\"1\">{runners}</runners></bet_type>\
             </bet_types></race></meeting></meetings>"
        )
    }

    fn runner(number: &str, cents: &str) -> String {
        format!(
            "<runner runner_number=\"{number}\"><runner_name>A &amp; B</runner_name>\
             <runner_investment1>{cents}</runner_investment1><runner_investment2>9</runner_investment2></runner>"
        )
    }

    #[test]
    fn first_place_is_read_to_the_cent() {
        let first =
            first_place(&xml(&[runner("1", "967.39"), runner("12", "0"), runner("3", " 5 ")].concat())).unwrap();
        assert_eq!(first.cents, BTreeMap::from([(1, 96_739), (3, 500), (12, 0)]));
        assert_eq!(first.of(3), Some((500, 97_239)));
        assert_eq!(first.of(2), None);
    }

    #[test]
    fn hostile_xml_is_no_xml() {
        let deep = "<a>".repeat(300_000);
        let long = xml(&runner("1", &" ".repeat(MOST_BYTES)));
        let entities = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>";
        for bad in [
            "",
            "text",
            "<runners>",
            &deep,
            &long,
            &format!("{entities}{}", xml(&runner("1", "&b;"))),
            &xml(&runner("1", "&#49;")),
            &xml(&runner("0", "1")),
            &xml(&runner("100", "1")),
            &xml(&runner("x", "1")),
            &xml(&runner("1", "-1")),
            &xml(&runner("1", "1e13")),
            &xml(&runner("1", "many")),
            &xml(&[runner("1", "1"), runner("1", "2")].concat()),
            &xml("<runner_investment1>1</runner_investment1>"),
            &xml("<runner></runner>"),
            &xml(&runner("1", "1")).replace("</meeting>", ""),
        ] {
            assert_eq!(first_place(bad), None, "{}", &bad[..bad.len().min(200)]);
        }
    }
}
