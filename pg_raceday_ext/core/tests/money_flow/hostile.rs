//! Payloads damaged at random: nothing panics, and every accepted value fits its column.

use crate::checks;
use crate::payload::{base, first, refused, with};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

/// Values to put in the place of others; a `Value` can hold all of them up to `RAW_FROM`.
pub const VALUES: [&str; 30] = [
    "null",
    "true",
    "\"\"",
    "\"x\"",
    "\"Fr1\"",
    "\"12.5\"",
    "\"9e9\"",
    "\" \\t \"",
    "\"0000-01-01\"",
    "\"2025-11-23T00:00:00Z\"",
    "\"\\u0000\"",
    "\"a\\u0000b\"",
    "0",
    "-1",
    "1.5",
    "7.005",
    "1e11",
    "1e30",
    "123456789.01",
    "99999999999999999999",
    "9223372036854775807",
    "1752713400",
    "{}",
    "[]",
    "{\"a\":1}",
    "[[],null,{}]",
    "1e999",
    "-1e-999",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
];
pub const RAW_FROM: usize = 26;

/// One piece of damage to the document.
#[derive(Debug, Clone)]
pub enum Damage {
    /// The value at a place is replaced.
    Swap(Index, &'static str),
    /// It is removed, with its key.
    Drop(Index),
    /// It is duplicated (arrays only).
    Repeat(Index),
}

pub fn damage(values: &'static [&'static str]) -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<Index>(), select(values)).prop_map(|(at, raw)| Damage::Swap(at, raw)),
        2 => any::<Index>().prop_map(Damage::Drop),
        1 => any::<Index>().prop_map(Damage::Repeat),
    ]
}

/// A damaged document as text.
pub fn damaged(mut value: Value, damages: &[Damage]) -> String {
    for damage in damages {
        let mut places = Vec::new();
        collect(&value, "", &mut places);
        if places.is_empty() {
            continue;
        }
        let (Damage::Swap(at, _) | Damage::Drop(at) | Damage::Repeat(at)) = damage;
        let place = at.get(&places).as_str();
        let (parent, key) = place.rsplit_once('/').unwrap();
        match damage {
            Damage::Swap(_, raw) => {
                let slot = VALUES.iter().position(|value| value == raw).unwrap();
                *value.pointer_mut(place).unwrap() = Value::String(format!("@raw{slot}@"));
            }
            Damage::Drop(_) => match value.pointer_mut(parent).unwrap() {
                Value::Object(object) => drop(object.remove(key)),
                Value::Array(array) => drop(array.remove(key.parse().unwrap())),
                _ => {}
            },
            Damage::Repeat(_) => {
                let again = value.pointer(place).unwrap().clone();
                if let Some(array) = value.pointer_mut(parent).unwrap().as_array_mut() {
                    array.push(again);
                }
            }
        }
    }
    let mut text = value.to_string();
    for (slot, raw) in VALUES.iter().enumerate() {
        text = text.replace(&format!("\"@raw{slot}@\""), raw);
    }
    text
}

fn collect(value: &Value, at: &str, places: &mut Vec<String>) {
    let mut child = |key: &str, value: &Value| {
        // Keys with a slash would need escaping in a pointer.
        if !key.contains(['/', '~']) {
            let place = format!("{at}/{key}");
            collect(value, &place, places);
            places.push(place);
        }
    };
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| child(key, value)),
        Value::Array(array) => array.iter().enumerate().for_each(|(key, value)| child(&key.to_string(), value)),
        _ => {}
    }
}

/// The base payload for the race that the checks stage payloads for.
pub fn fuzz_base() -> Value {
    let mut value = base();
    value["data"]["race"]["event_id"] = checks::FUZZ_RACE.into();
    value["data"]["results"] = serde_json::json!([
        {"position": 1, "runner_number": 2, "name": "Beta", "entrant_id": "b", "margin_length": 0.4},
    ]);
    value["data"]["dividends"] = serde_json::json!([
        {"product_name": "Pool Win", "dividend": 6.6, "status": "Final", "positions": [{"runner_number": 2, "position": 1}]},
    ]);
    value
}

fn list_base() -> Value {
    serde_json::json!({"data": {"meetings": [
        {"meeting": "m1", "name": "Cambridge", "date": "2025-11-23T00:00:00Z", "category": "H", "country": "NZ",
         "state": "NZ", "track_condition": "Fast", "tote_status": "open", "races": [
            {"id": "r1", "race_number": 1, "name": "One", "start_time": "2025-11-23T02:00:00Z", "status": "Open",
             "distance": 1700, "weather": "FINE", "track_condition": "Fast"}]},
        {"meeting": "m2", "date": "2025-11-23", "category": "T", "country": "AUS", "races": []},
    ]}})
}

proptest! {
    #![proptest_config(crate::cases(2_000))]

    #[test]
    fn damaged_documents_lose_only_the_damaged_values(damages in prop::collection::vec(damage(&VALUES), 1..12)) {
        checks::parse(damaged(fuzz_base(), &damages).as_bytes());
    }

    #[test]
    fn damaged_lists_lose_only_the_damaged_values(damages in prop::collection::vec(damage(&VALUES), 1..6)) {
        checks::parse(damaged(list_base(), &damages).as_bytes());
    }

    #[test]
    fn damaged_texts_are_read_or_rejected(
        flips in prop::collection::vec((any::<Index>(), any::<u8>()), 0..8),
        inserts in prop::collection::vec((any::<Index>(), select(&VALUES[..])), 0..3),
        cut in prop::option::of(any::<Index>()),
    ) {
        let mut bytes = fuzz_base().to_string().into_bytes();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for (at, raw) in inserts {
            let at = at.index(bytes.len());
            bytes.splice(at..at, raw.bytes());
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        checks::parse(&bytes);
    }

    #[test]
    fn any_bytes_are_read_or_rejected(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        checks::parse(&bytes);
    }
}

#[test]
fn endless_nesting_is_skipped_or_rejected() {
    let deep = |levels: usize, open: &str, close: &str| open.repeat(levels) + "1" + &close.repeat(levels);
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"data\":", "}"), ("[{\"runners\":", "}]")] {
        let text = deep(100_000, open, close);
        for place in
            ["/data/big_bets", "/data/runners", "/data/race/status", "/data/tote_pools/0", "/data/money_tracker"]
        {
            let (state, _) = first(&with(place, &text));
            checks::check_state(&state);
        }
        refused(&text);
        refused(&open.repeat(100_000));
    }
}

#[test]
fn endless_numbers_and_texts_are_lost_alone() {
    let digits = "9".repeat(1_000_000);
    for raw in [digits.clone(), format!("0.{digits}"), format!("1e{digits}"), format!("\"{digits}\"")] {
        let (state, rows) = first(&with("/data/runners/0/odds/fixed_win", &raw));
        // 0.999... is 1.00.
        assert_eq!(state.entrants["a"].entrant.odds.fixed_win, raw.starts_with("0.").then_some(100));
        assert_eq!(rows.report.bad_values, u32::from(!raw.starts_with("0.")));
    }
}

#[test]
fn a_payload_of_fifty_megabytes_is_read() {
    let runner = base()["data"]["runners"][0].to_string();
    let filler = format!("[{}]", vec![runner; 120_000].join(","));
    assert!(filler.len() > 50_000_000);
    let (state, rows) = first(&with("/data/big_bets", &filler));
    assert_eq!((state.entrants.len(), rows.report.bad_values), (3, 0));
}

#[test]
fn a_runner_repeated_ten_thousand_times_is_one_runner() {
    let runner = base()["data"]["runners"][0].to_string();
    let (state, rows) = first(&with("/data/runners", &format!("[{}]", vec![runner; 10_000].join(","))));
    assert_eq!((state.entrants.len(), rows.history.entrant_id.len()), (1, 1));
}
