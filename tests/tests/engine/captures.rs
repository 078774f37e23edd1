//! Real responses, and simulated ones with the same features, are stored as their JSON states.

use crate::server::{SEED, Server};
use crate::stated::differences;
use chrono::{DateTime, Duration, NaiveDate, Utc};
use nztab_sim::{Config, Simulator, day};
use postgres::Client;
use raceday_tests::{payloads, repository};
use serde_json::Value;

/// The vendor's captures and its sample with a money tracker, with their file names; none if they are not present.
fn captures() -> Vec<(String, String)> {
    let folder = repository::path("../shared/nztab");
    let mut paths = vec![folder.join("samples/event.json")];
    if let Ok(files) = std::fs::read_dir(folder.join("captures")) {
        paths.extend(files.map(|file| file.unwrap().path()));
    }
    paths.sort();
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).ok()?;
        Some((path.file_name()?.to_string_lossy().into_owned(), text))
    };
    paths.into_iter().filter_map(read).collect()
}

fn generated(event: &Value) -> DateTime<Utc> {
    event["header"]["generated_time"].as_str().unwrap().parse().unwrap()
}

/// Stages and processes a response a second after it was generated; returns the error if it fails.
fn process(client: &mut Client, text: &str) -> Option<String> {
    let event: Value = serde_json::from_str(text).unwrap();
    let generated = generated(&event);
    let race_id = event["data"]["race"]["event_id"].as_str().unwrap();
    payloads::stage(client, race_id, generated + Duration::seconds(1), text);
    payloads::process(client, race_id).error
}

#[test]
fn a_capture_is_stored_as_its_json_states() {
    let captures = captures();
    if captures.is_empty() {
        println!("NOT RUN: the vendor's captures are not beside the repository (../shared/nztab)");
        return;
    }
    let server = Server::start(&["captures"]);
    let mut client = server.connect("captures");
    let mut stored = 0;
    for (file, text) in &captures {
        server.create_partitions("captures", generated(&serde_json::from_str(text).unwrap()));
        let error = process(&mut client, text);
        if file.contains("-G-") {
            assert_eq!(error.as_deref(), Some("race type \"G\" is neither T nor H"), "{file}");
        } else {
            assert_eq!(error, None, "{file}");
            stored += 1;
        }
    }
    let (lines, counts) = differences(&mut client);
    assert!(lines.is_empty(), "{} differences:\n{}", lines.len(), lines.join("\n"));
    assert_eq!(counts[0], ("races", stored));
    assert!(counts.iter().all(|(_, rows)| *rows > 0), "{counts:?}");
}

#[test]
fn a_simulated_event_with_quirks_is_stored_as_its_json_states() {
    let server = Server::start(&["quirks"]);
    let mut client = server.connect("quirks");
    let simulator = Simulator::new(Config { seed: SEED, quirks: true, ..Config::default() });
    let date = NaiveDate::from_ymd_opt(2025, 11, 23).unwrap();
    let meetings = simulator.meetings_between(date, date);
    let of_ours = |meeting: &&day::Meeting| {
        matches!(meeting.country, "NZ" | "AUS") && meeting.category != day::Category::Greyhound
    };
    let cards = meetings.iter().filter(of_ours).flat_map(|meeting| &meeting.races);
    let mut stored = 0;
    for (index, card) in cards.enumerate().filter(|(index, _)| index % 2 == 0) {
        let fate = &card.fate;
        let times = [fate.first_start - 3600, fate.first_start - 240, fate.interim_at + 30, fate.final_at + 30];
        let at = DateTime::from_timestamp(times[index / 2 % 4], 0).unwrap();
        let event = simulator.event(&card.id, at).unwrap();
        assert_eq!(process(&mut client, &event), None, "{}", card.id);
        stored += 1;
    }
    let (lines, counts) = differences(&mut client);
    assert!(lines.is_empty(), "{} differences:\n{}", lines.len(), lines.join("\n"));
    assert_eq!(counts[0], ("races", stored));
    assert!(counts.iter().all(|(_, rows)| *rows > 0), "{counts:?}");
}
