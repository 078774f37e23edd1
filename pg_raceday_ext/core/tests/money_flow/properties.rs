//! Properties of any sequence of polls.

use crate::checks::{self, Flows};
use crate::hostile::{Damage, RAW_FROM, VALUES, damage, damaged};
use crate::model;
use crate::payload::{FETCHED_US, RACE, START_S, base, put};
use proptest::prelude::*;
use raceday_core::{Outcome, PayloadError, PollRows, RaceState, payload_hash};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One poll of the hand-written race, damaged.
#[derive(Debug, Clone)]
struct Poll {
    step_s: i64,
    delay_s: i64,
    /// Hold of `a`, win pool: per cent and dollars.
    figures: (u8, u32),
    damages: Vec<Damage>,
}

fn poll() -> impl Strategy<Value = Poll> {
    let damages = prop::collection::vec(damage(&VALUES[..RAW_FROM]), 0..5);
    let delay_s = prop_oneof![9 => Just(0), 1 => -300..900_i64];
    (1..600_i64, delay_s, (0..=100_u8, 0..100_000_u32), damages).prop_map(|(step_s, delay_s, figures, damages)| Poll {
        step_s,
        delay_s,
        figures,
        damages,
    })
}

/// Payloads and when they were fetched.
fn payloads(polls: &[Poll]) -> Vec<(String, i64)> {
    let (mut fetched_us, mut start_s) = ((START_S - 4_000) * 1_000_000, START_S);
    polls
        .iter()
        .map(|poll| {
            fetched_us += poll.step_s * 1_000_000;
            start_s += poll.delay_s;
            let mut value = base();
            put(&mut value, "/header/generated_time", Value::Null);
            put(&mut value, "/data/race/advertised_start", json!(start_s));
            put(&mut value, "/data/money_tracker/entrants/0/hold_percentage", json!(poll.figures.0));
            put(&mut value, "/data/tote_pools/0/total", json!(poll.figures.1));
            (damaged(value, &poll.damages), fetched_us)
        })
        .collect()
}

fn apply_to(state: &mut RaceState, payload: &str, fetched_us: i64) -> Result<Outcome, PayloadError> {
    state.apply(RACE, payload, payload_hash(payload), fetched_us)
}

/// Ids as the rules define them: text, trimmed, of 1 to 100 bytes, without control characters.
fn usable_id(value: &Value) -> Option<String> {
    let id = value.get("entrant_id")?.as_str()?.trim();
    (!id.is_empty() && id.len() <= 100 && !id.chars().any(char::is_control)).then(|| id.to_owned())
}

/// A number, or text holding one, in hundredths; `None` if it is not a percentage.
fn percentage(value: &Value) -> Option<i64> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    // Percentages have two decimals here except 7.005, which as a float is slightly less.
    let hundredths = (number * 100.0 + 1e-9).round();
    #[expect(clippy::cast_possible_truncation, reason = "bounded")]
    (0.0..=99_999.0).contains(&hundredths).then_some(hundredths as i64)
}

/// Each runner's hold in the payload's JSON; `None` if there are no tracker rows.
fn holds(payload: &str) -> Option<BTreeMap<String, Option<i64>>> {
    let document: Value = serde_json::from_str(payload).unwrap();
    let rows = document.pointer("/data/money_tracker/entrants")?.as_array()?;
    let rows: Vec<_> =
        rows.iter().filter_map(|row| Some((usable_id(row)?, percentage(&row["hold_percentage"])))).collect();
    if rows.is_empty() {
        return None;
    }
    let runners = document.pointer("/data/runners").and_then(Value::as_array).cloned().unwrap_or_default();
    let hold = |id: String| {
        let named: Vec<Option<i64>> = rows.iter().filter(|(of, _)| *of == id).map(|(_, hold)| *hold).collect();
        let is_known = named.is_empty() || named.iter().any(Option::is_some);
        let sum = is_known.then(|| named.iter().flatten().sum::<i64>()).filter(|sum| *sum <= 99_999);
        (id, sum)
    };
    Some(runners.iter().filter_map(usable_id).map(hold).collect())
}

fn check_against_json(rows: &PollRows, status: &str, payload: &str) {
    if status != "Open" && rows.history.entrant_id.is_empty() {
        return; // After the close only other pools give rows.
    }
    let expected = holds(payload).unwrap_or_default();
    let found: BTreeMap<_, _> =
        rows.history.entrant_id.iter().cloned().zip(rows.history.hold.iter().copied()).collect();
    assert_eq!(found, expected, "{payload}");
}

proptest! {
    #![proptest_config(crate::cases(400))]

    #[test]
    fn rows_match_the_definition(race in model::race()) {
        let expected = model::rows(&race);
        let mut state = RaceState::default();
        for (timed, expected) in race.timed().iter().zip(expected) {
            let Ok(Outcome::Processed(rows)) = apply_to(&mut state, &timed.payload(RACE), timed.fetched_us) else {
                panic!("not processed: {}", timed.payload(RACE));
            };
            prop_assert_eq!(rows.event_us, timed.event_us);
            let null_holds = timed.poll.tracker.iter().flatten().filter(|(_, hold)| hold.is_none()).count();
            prop_assert_eq!(rows.report.bad_values as usize, null_holds);
            let expected = expected.unwrap_or_default();
            let history = &rows.history;
            prop_assert_eq!(history.entrant_id.len(), expected.len());
            for (at, row) in expected.iter().enumerate() {
                prop_assert_eq!(&history.entrant_id[at], &model::id(at));
                let found = model::Row {
                    interval: rows.time_interval,
                    hold: history.hold[at],
                    win: history.win_pool_amount[at],
                    place: history.place_pool_amount[at],
                    win_percentage: history.win_pool_percentage[at],
                    place_percentage: history.place_pool_percentage[at],
                    win_increment: history.incremental_win_amount[at],
                    place_increment: history.incremental_place_amount[at],
                    tote_percentage: history.tote_win_percentage[at],
                    tote_amount: history.tote_win_amount[at],
                };
                prop_assert_eq!(&found, row);
            }
        }
    }

    #[test]
    fn invariants_hold_when_values_are_missing_or_bad(polls in prop::collection::vec(poll(), 1..12)) {
        let mut state = RaceState::default();
        let mut flows = Flows::default();
        for (payload, fetched_us) in payloads(&polls) {
            let before = state.clone();
            match apply_to(&mut state, &payload, fetched_us) {
                Ok(Outcome::Processed(rows)) => {
                    checks::check_rows(&rows);
                    checks::check_state(&state);
                    flows.check_next(&rows);
                    check_against_json(&rows, &state.race.as_ref().unwrap().status, &payload);
                    let ids = rows.history.entrant_id.iter();
                    prop_assert!(ids.clone().all(|id| state.entrants.contains_key(id)), "a row's runner is known");
                }
                Ok(Outcome::Unchanged) => prop_assert!(false, "every poll is at a different moment"),
                Err(_) => prop_assert_eq!(&state, &before),
            }
        }
    }

    #[test]
    fn a_repeated_payload_is_unchanged(polls in prop::collection::vec(poll(), 1..8), later_s in 0..200_i64) {
        // The vendor's time makes it the same moment; without one, only an equal fetched_at does.
        let mut state = RaceState::default();
        for (at, (payload, _)) in payloads(&polls).iter().enumerate() {
            let mut document: Value = serde_json::from_str(payload).unwrap();
            let Some(header) = document.get_mut("header").and_then(Value::as_object_mut) else { continue };
            let at = i64::try_from(at).unwrap();
            let fetched_us = FETCHED_US + 600_000_000 * at;
            let generated = chrono::DateTime::from_timestamp_micros(fetched_us - 1).unwrap().to_rfc3339();
            header.insert("generated_time".to_owned(), generated.into());
            let payload = document.to_string();
            if apply_to(&mut state, &payload, fetched_us).is_err() {
                continue;
            }
            let mut expected = state.clone();
            prop_assert_eq!(apply_to(&mut state, &payload, fetched_us + later_s * 1_000_000), Ok(Outcome::Unchanged));
            expected.progress.as_mut().unwrap().processed_through_us += later_s * 1_000_000;
            prop_assert_eq!(&state, &expected);
        }
    }

    #[test]
    fn consecutive_duplicates_change_nothing(polls in prop::collection::vec(poll(), 1..10), twice in any::<u16>()) {
        let (mut once, mut doubled) = (RaceState::default(), RaceState::default());
        for (at, (payload, fetched_us)) in payloads(&polls).iter().enumerate() {
            let first = apply_to(&mut once, payload, *fetched_us);
            prop_assert_eq!(&apply_to(&mut doubled, payload, *fetched_us), &first);
            if twice >> at & 1 == 1 {
                let again = apply_to(&mut doubled, payload, *fetched_us);
                prop_assert_eq!(again, first.map(|_| Outcome::Unchanged));
            }
            prop_assert_eq!(&doubled, &once);
        }
    }
}
