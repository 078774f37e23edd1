//! Hand-written payloads, and helpers that apply them.

use raceday_core::{Outcome, PayloadError, PollRows, RaceState, payload_hash};
use serde_json::{Value, json};

/// The race that the base payload is about.
pub const RACE: &str = "race-1";
/// Its advertised start, 2025-07-17 00:50:00 UTC, in seconds.
pub const START_S: i64 = 1_752_713_400;
/// A second in microseconds.
pub const SECOND: i64 = 1_000_000;
/// When the base payload was fetched: 1 798.5 s before the start.
pub const FETCHED_US: i64 = (START_S - 1_799) * SECOND + 500_000;

/// A small race: `a` and `b` run, `c` is scratched; the tracker names `x`, which is not a runner.
pub fn base() -> Value {
    json!({
        "header": {"title": "Event Details", "generated_time": "2025-07-17T00:20:00.123456789Z"},
        "data": {
            "race": {
                "event_id": RACE, "meeting_id": "meeting-1", "meeting_name": "Awapuni", "country": "NZ", "state": "NZ",
                "race_date_nz": "2025-07-17", "description": "Cup", "race_number": 3, "type": "T", "status": "Open",
                "advertised_start": START_S, "actual_start": 0, "distance": 1700, "track_condition": "Good3",
                "weather": "Fine",
            },
            "runners": [
                {
                    "entrant_id": "a", "name": "Alpha", "runner_number": 1, "barrier": 7, "is_scratched": false,
                    "is_late_scratched": false, "scratch_time": 0, "jockey": "J One", "trainer_name": "T One",
                    "silk_colours": "Red", "silk_url_64x64": "https://silks.invalid/64.png",
                    "silk_url_128x128": "https://silks.invalid/128.png", "runner_change": {"01/01/2025": "Gelding"},
                    "favourite": true, "mover": false,
                    "odds": {"fixed_win": 5, "fixed_place": 1.8, "pool_win": 4.4, "pool_place": 1.5},
                },
                {
                    "entrant_id": "b", "name": "Beta", "runner_number": 2, "barrier": "Fr1", "is_scratched": false,
                    "is_late_scratched": false, "scratch_time": 0, "jockey": "J Two", "trainer_name": "T Two",
                    "runner_change": "", "favourite": false, "mover": true,
                    "odds": {"fixed_win": 1.5, "fixed_place": 1.05, "pool_win": 6.6, "pool_place": 1.7},
                },
                {
                    "entrant_id": "c", "name": "Gamma", "runner_number": 3, "barrier": 0, "is_scratched": true,
                    "is_late_scratched": true, "scratch_time": START_S - 7_200,
                    "odds": {"fixed_win": 0, "fixed_place": 0},
                },
            ],
            "tote_pools": [
                {"product_type": "Win", "total": 9151.38}, {"product_type": "Place", "total": 3923.51},
                {"product_type": "Quinella", "total": 100.1}, {"product_type": "Trifecta", "total": 200.02},
                {"product_type": "Exacta", "total": 300}, {"product_type": "FirstFour", "total": 400.5},
            ],
            "money_tracker": {"entrants": [
                {"entrant_id": "a", "hold_percentage": 10, "bet_percentage": 20},
                {"entrant_id": "b", "hold_percentage": 80, "bet_percentage": 60},
                {"entrant_id": "a", "hold_percentage": 8, "bet_percentage": 1},
                {"entrant_id": "x", "hold_percentage": 2, "bet_percentage": 0},
            ]},
            "results": null,
            "dividends": null,
        },
    })
}

/// The base payload with raw JSON text in place of the value at `pointer`; a `Value` need not be able to hold it.
pub fn with(pointer: &str, raw: &str) -> String {
    with_all(&[(pointer, raw)])
}

/// The base payload with several replacements.
pub fn with_all(replacements: &[(&str, &str)]) -> String {
    let mut value = base();
    for (at, (pointer, _)) in replacements.iter().enumerate() {
        put(&mut value, pointer, Value::String(format!("@raw{at}@")));
    }
    let mut text = value.to_string();
    for (at, (_, raw)) in replacements.iter().enumerate() {
        text = text.replace(&format!("\"@raw{at}@\""), raw);
    }
    text
}

/// The base payload without the key at `pointer`.
pub fn without(pointer: &str) -> String {
    let mut value = base();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
    value.to_string()
}

/// Sets the value at `pointer`, which may be a new key of an existing object.
pub fn put(value: &mut Value, pointer: &str, new: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match value.pointer_mut(parent).unwrap_or_else(|| panic!("{parent} is there")) {
        Value::Object(object) => drop(object.insert(key.to_owned(), new)),
        Value::Array(array) => array[key.parse::<usize>().unwrap()] = new,
        _ => panic!("{parent} holds no values"),
    }
}

/// Applies a payload; panics if it is rejected or unchanged.
pub fn apply(state: &mut RaceState, payload: &str, fetched_us: i64) -> PollRows {
    match state.apply(RACE, payload, payload_hash(payload), fetched_us) {
        Ok(Outcome::Processed(rows)) => *rows,
        other => panic!("not processed: {other:?}"),
    }
}

/// Applies a payload to an unknown race.
pub fn first(payload: &str) -> (RaceState, PollRows) {
    let mut state = RaceState::default();
    let rows = apply(&mut state, payload, FETCHED_US);
    (state, rows)
}

/// The error of a payload that must be rejected.
pub fn refused(payload: &str) -> PayloadError {
    let mut state = RaceState::default();
    let error = state.apply(RACE, payload, payload_hash(payload), FETCHED_US).unwrap_err();
    assert_eq!(state, RaceState::default(), "a rejected payload leaves nothing");
    error
}
