//! The recorded race in `tests/fixtures/race` is byte for byte what the simulator records now.

use std::path::Path;

use chrono::NaiveDate;
use nztab_sim::{Plan, Simulator, record};

const HOW: &str = "cargo run -p nztab-sim -- record tests/fixtures/race";

fn date() -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 11, 23).unwrap()
}

fn recorded(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/race").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; record it again: {HOW}", path.display()))
}

#[test]
fn the_recorded_race_is_reproducible() {
    let responses = record::record(&Simulator::with(42), date()).expect("a race to record");
    assert_eq!(responses.len(), 11);
    for response in &responses {
        let file = response.entry.file;
        assert!(recorded(file) == response.body, "{file} differs from what the simulator records now: {HOW}");
    }
    assert_eq!(recorded("index.json"), record::index(&responses));
    let bytes: usize = responses.iter().map(|response| response.body.len()).sum();
    assert!(bytes < 2_100_000, "{bytes} bytes are too many for a fixture");
}

#[test]
fn the_recorded_race_has_what_its_readme_lists() {
    let simulator = Simulator::with(42);
    let responses = record::record(&simulator, date()).expect("a race to record");
    let race = simulator.race(responses[1].entry.race_id.as_deref().unwrap()).unwrap();
    let mut plan = Plan::default();
    plan.add(&race);
    println!("{}\n{plan:#?}\n{:#?}", race.card.name, race.card.fate);
    assert_eq!((plan.insiders.len(), plan.delays.len(), plan.abandoned.len()), (1, 0, 0));
    assert!(plan.scratchings.iter().any(|scratching| scratching.late));
    let readme = recorded("README.md");
    for text in [&race.card.id, &race.card.name, &plan.insiders[0].entrant_id] {
        assert!(readme.contains(text.as_str()), "the README names {text}");
    }
}
