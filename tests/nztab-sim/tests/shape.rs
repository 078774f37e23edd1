//! The simulated responses have every field path of the vendor's, with the same JSON types.
//!
//! `shapes/` lists the vendor's paths and types, one line per path. If the vendor's samples are present beside the repository,
//! the lists are compared with them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Days, NaiveDate, Utc};
use nztab_sim::query::{ListQuery, MeetingsQuery};
use nztab_sim::{Simulator, Switches, day};
use serde_json::Value;

type Shape = BTreeMap<String, BTreeSet<String>>;

/// The vendor's shape of a response, from `shapes/`.
fn vendors(name: &str) -> Shape {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shapes").join(name).with_extension("txt");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let shape = text.lines().map(|line| line.split_once(' ').expect("a path and its types"));
    shape.map(|(path, kinds)| (path.to_owned(), kinds.split(' ').map(str::to_owned).collect())).collect()
}

fn shape(value: &Value) -> Shape {
    let mut shape = Shape::new();
    walk(value, "", &mut shape);
    shape
}

fn walk(value: &Value, path: &str, shape: &mut Shape) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    shape.entry(path.to_owned()).or_default().insert(kind.to_owned());
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, &format!("{path}[]"), shape)),
        // Keys are dates: any date matches.
        Value::Object(fields) if path.ends_with(".runner_change") => {
            fields.values().for_each(|field| walk(field, &format!("{path}.<date>"), shape));
        }
        Value::Object(fields) => fields.iter().for_each(|(name, field)| walk(field, &format!("{path}.{name}"), shape)),
        _ => {}
    }
}

#[track_caller]
fn assert_covers(simulated: &Value, vendors: &Shape) {
    let simulated = shape(simulated);
    assert!(vendors.len() > 20, "{} paths", vendors.len());
    let nothing = BTreeSet::new();
    let missing: Vec<String> = vendors
        .iter()
        .flat_map(|(path, kinds)| {
            let found = simulated.get(path).unwrap_or(&nothing);
            kinds.difference(found).map(move |kind| format!("{path}: {kind} (simulated: {found:?})"))
        })
        .collect();
    assert!(missing.is_empty(), "{} of {} paths missing:\n{}", missing.len(), vendors.len(), missing.join("\n"));
}

fn date() -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 11, 23).unwrap()
}

fn end_of_day() -> DateTime<Utc> {
    day::nz_midnight(date() + Days::new(1))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("a response is JSON")
}

/// The final event of the first race of the day's first New Zealand thoroughbred meeting.
fn final_event(simulator: &Simulator) -> Value {
    let meetings = simulator.meetings_between(date(), date());
    let meeting = meetings.iter().find(|meeting| meeting.country == "NZ" && meeting.category.letter() == "T").unwrap();
    let switches = Switches { bet_type_filter: Some("Place".to_owned()), ..Switches::raceday() };
    let body = simulator.event_with(&meeting.races[0].id, end_of_day(), &switches).unwrap();
    serde_json::from_slice(&body.bytes).unwrap()
}

#[test]
fn an_event_has_every_field_of_a_real_one() {
    assert_covers(&final_event(&Simulator::with(42)), &vendors("event"));
}

#[test]
fn a_list_of_meetings_has_every_field_of_a_real_one() {
    let simulator = Simulator::with(42);
    // Late in the day, when there are races of every status.
    let simulated = json(&simulator.meetings(&MeetingsQuery::day(date()), end_of_day() - chrono::TimeDelta::hours(1)));
    assert_covers(&simulated, &vendors("meetings"));
}

#[test]
fn a_meeting_has_every_field_of_a_real_one() {
    let simulator = Simulator::with(42);
    let meetings = simulator.meetings_between(date(), date());
    let meeting = meetings.iter().find(|meeting| meeting.country == "AUS").unwrap();
    assert_covers(&json(&simulator.meeting(&meeting.id, end_of_day()).unwrap()), &vendors("meeting"));
}

#[test]
fn a_list_of_races_has_every_field_of_a_real_one() {
    let pairs = [("date_from", "2025-11-23"), ("date_to", "2025-11-23")];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let query = ListQuery::parse(&pairs, "").unwrap();
    assert_covers(&json(&Simulator::with(42).list(&query, end_of_day())), &vendors("list"));
}

#[test]
fn the_shapes_are_those_of_the_vendors_samples() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/nztab/samples");
    if !samples.exists() {
        println!("NOT RUN: the vendor's samples are not beside the repository ({})", samples.display());
        return;
    }
    for name in ["event", "meetings", "meeting", "list"] {
        let sample =
            std::fs::read_to_string(samples.join(name).with_extension("json")).expect("the sample is readable");
        assert_eq!(shape(&json(&sample)), vendors(name), "{name}");
    }
}

#[test]
fn an_event_is_as_large_as_a_real_one_for_any_field() {
    let simulator = Simulator::with(42);
    let mut fields = BTreeSet::new();
    for meeting in simulator.meetings_between(date(), date()) {
        if meeting.category == day::Category::Greyhound || !matches!(meeting.country, "NZ" | "AUS") {
            continue;
        }
        for card in meeting.races.iter().take(3) {
            let event = simulator.event(&card.id, end_of_day()).unwrap();
            assert!((150_000..200_000).contains(&event.len()), "{} runners: {} bytes", card.field, event.len());
            let runners = json(&event)["data"]["runners"].to_string().len();
            let part = runners as f64 / event.len() as f64;
            assert!((0.6..0.75).contains(&part), "{} runners are {part} of the event", card.field);
            fields.insert(card.field);
        }
    }
    assert!(fields.len() > 5 && fields.iter().all(|field| (8..=16).contains(field)), "{fields:?}");
}

#[test]
fn numbers_have_the_vendors_format() {
    let event = Simulator::with(42).event(&Simulator::with(42).bench_race_id(7), end_of_day()).unwrap();
    assert!(!event.contains(".0,") && !event.contains(".0}"), "whole numbers have no decimals");
    let total = json(&event)["data"]["tote_pools"][0]["total"].to_string();
    assert!(total.split_once('.').is_none_or(|(_, cents)| cents.len() <= 2), "{total}");
}
