//! Random races give what `reference.py` computes from the same definitions in exact fractions, over a race's whole history.

use crate::race::{self, KIND, OwnedPoll};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use raceday_core::signals::{Calibration, Calibrations, Kind, RARITIES, Reached, Reading, Rounding, Rules};
use raceday_core::{Category, signals::Band};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

const RACES: usize = 150;

/// Two versions: the second comes into force in the watch and knows fewer kinds.
fn calibrations() -> Vec<Calibration> {
    let kind = |country: Option<&str>, band, phi, races, thresholds| Kind {
        country: country.map(str::to_owned),
        category: Some(Category::Thoroughbred),
        band,
        phi,
        place_phi: 9_000,
        races,
        thresholds,
    };
    let levels = |first: i64| [first, first + 60, first + 110, first + 170, first + 240, first + 310].map(Some);
    let first = vec![
        kind(Some("NZ"), Band::Small, 2_000, 250, levels(20)),
        kind(Some("NZ"), Band::Medium, 15_000, 12, levels(10)),
        kind(None, Band::Medium, 4_000, 199, levels(40)),
        Kind { category: None, ..kind(None, Band::Large, 8_000, 999, levels(50)) },
    ];
    let second = vec![kind(Some("NZ"), Band::Small, 1_000, 199, [Some(0), None, None, Some(90), None, None])];
    let version = |version, seconds, kinds| Calibration {
        version: Some(version),
        effective_us: race::START_US - seconds * race::SECOND,
        kinds,
    };
    vec![version(7, 10_000, first), version(8, 200, second)]
}

fn race_json(polls: &[OwnedPoll], rules: &[Calibration], rounding: &str) -> Value {
    let letter = |category: Option<Category>| category.map(Category::letter);
    let kind = |of: &Kind| {
        json!({"country": of.country, "category": letter(of.category), "band": of.band.as_str(), "phi": of.phi, "n": of.races,
            "evidence": of.thresholds})
    };
    let version = |of: &Calibration| json!({"version": of.version, "effective_us": of.effective_us, "kinds": of.kinds.iter().map(kind).collect::<Vec<_>>()});
    let poll = |of: &OwnedPoll| {
        let runners: Vec<Value> = of
            .runners
            .iter()
            .map(|of| json!({"id": of.id, "number": of.number, "scratched": of.is_scratched, "tote": of.tote, "fixed": of.fixed}))
            .collect();
        json!({"event_us": of.event_us(), "start_us": of.start_us(), "is_open": of.is_open, "win_cents": of.win_cents, "runners": runners})
    };
    json!({"country": KIND.country, "category": KIND.category.letter(), "rounding": rounding,
        "calibrations": rules.iter().map(version).collect::<Vec<_>>(), "polls": polls.iter().map(poll).collect::<Vec<_>>()})
}

fn reference(races: &[Value]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/signals/reference.py");
    let mut python =
        Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python 3");
    let mut input = python.stdin.take().unwrap();
    let lines: String = races.iter().flat_map(|race| [race.to_string(), "\n".into()]).collect();
    let writing = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = python.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A poll's figures as the reference writes them.
fn found(poll: &OwnedPoll, reading: &Reading) -> Value {
    let rows = poll
        .runners
        .iter()
        .zip(&reading.runners)
        .filter(|(runner, _)| !runner.is_scratched)
        .map(|(runner, of)| (runner.id.clone(), json!([of.low, of.mid, of.high, of.multiple, of.evidence])));
    let signal = |of: &Reached| {
        json!([
            of.entrant_id,
            of.level,
            of.evidence,
            of.rarity,
            of.is_provisional,
            of.version,
            of.money_cents,
            of.excess_cents,
            of.multiple,
            of.share_before,
            of.share_after
        ])
    };
    json!({"rows": rows.collect::<serde_json::Map<_, _>>(), "signals": reading.reached.iter().map(signal).collect::<Vec<_>>()})
}

#[test]
fn the_figures_are_those_of_the_reference() {
    let mut runner = TestRunner::deterministic();
    let mut races = Vec::new();
    for at in 0..RACES {
        let polls = race::race().new_tree(&mut runner).unwrap().current();
        let versions = if at % 3 == 0 { Vec::new() } else { calibrations() };
        let (rounding, word) = if at % 4 == 0 { (Rounding::Nearest, "nearest") } else { (Rounding::Down, "down") };
        races.push((
            race_json(&polls, &versions, word),
            polls,
            Rules { rounding, calibrations: Calibrations::new(versions) },
        ));
    }
    let json: Vec<Value> = races.iter().map(|(json, ..)| json.clone()).collect();
    let expected = reference(&json);
    assert_eq!(expected.len(), RACES);
    let (mut flows, mut signals, mut levels) = (0, 0, [0, 0]);
    for ((_, polls, rules), expected) in races.iter().zip(&expected) {
        let (readings, _) = race::readings(polls, rules);
        for (at, (poll, reading)) in polls.iter().zip(&readings).enumerate() {
            assert_eq!(found(poll, reading), expected[at], "poll {at} of {polls:#?}");
            flows += usize::from(reading.win.is_some());
            signals += reading.reached.len();
            reading.reached.iter().for_each(|of| levels[usize::from(of.level == 200)] += 1);
        }
    }
    // Otherwise the comparison would show nothing.
    assert!(
        flows > 10 * RACES / 2 && signals > RACES / 4 && levels.iter().all(|of| *of > 10),
        "{flows} {signals} {levels:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// What the database keeps between polls is enough, and exact.
    #[test]
    fn a_watch_kept_as_bytes_between_polls_gives_the_same(polls in race::race()) {
        let rules = Rules { rounding: Rounding::Down, calibrations: Calibrations::new(calibrations()) };
        let (expected, _) = race::readings(&polls, &rules);
        let mut watch = raceday_core::signals::Watch::default();
        let ids: Vec<&str> = polls[0].runners.iter().map(|of| of.id.as_str()).collect();
        for (poll, expected) in polls.iter().zip(&expected) {
            let bytes = watch.to_bytes(ids.iter().copied());
            watch = raceday_core::signals::Watch::from_bytes(&bytes, ids.iter().copied()).unwrap();
            prop_assert_eq!(&watch.advance(&poll.poll(), KIND, &rules), expected);
        }
    }

    /// A level is reached once, the lower one no later than the higher one, and both only while the race is watched.
    #[test]
    fn a_runner_reaches_a_level_once(polls in race::race()) {
        let rules = Rules { rounding: Rounding::Down, calibrations: Calibrations::new(calibrations()) };
        let mut seen: Vec<(String, i64)> = Vec::new();
        for (poll, reading) in polls.iter().zip(race::readings(&polls, &rules).0) {
            for of in reading.reached {
                prop_assert!(poll.is_open && poll.event_us() >= poll.start_us() - 300 * race::SECOND);
                prop_assert!(RARITIES.contains(&of.rarity) && of.rarity >= of.level);
                prop_assert!(of.level == 20 || seen.contains(&(of.entrant_id.clone(), 20)));
                prop_assert!(!seen.contains(&(of.entrant_id.clone(), of.level)));
                seen.push((of.entrant_id, of.level));
            }
        }
    }
}
