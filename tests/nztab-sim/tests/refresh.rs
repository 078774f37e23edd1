//! When the source refreshes: each model does as it says, and what the side channel reports is the truth.

#![allow(clippy::cast_possible_truncation, reason = "the figures of a test are small")]

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use nztab_sim::{Config, MeetingsQuery, Refresh, Simulator};
use proptest::prelude::*;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const SEED: u64 = 7;

fn noon() -> DateTime<Utc> {
    "2025-11-23T02:00:00Z".parse().unwrap()
}

fn seconds(seconds: f64) -> TimeDelta {
    TimeDelta::nanoseconds((seconds * 1e9).round() as i64)
}

/// A day that refreshes by this model, and its races that are open for the next minutes.
fn day(model: &str) -> (Simulator, Vec<String>) {
    let refresh = Refresh::named(model).unwrap();
    let simulator = Simulator::new(Config { seed: SEED, refresh, now: noon(), ..Config::default() });
    let date = NaiveDate::from_ymd_opt(2025, 11, 23).unwrap();
    let meetings = simulator.meetings_between(date, date);
    let open = meetings
        .iter()
        .flat_map(|meeting| &meeting.races)
        .filter(|race| race.fate.first_start > noon().timestamp() + 600);
    let races = open.take(40).map(|race| race.id.clone()).collect();
    (simulator, races)
}

/// Seconds by which refreshes follow the marks of 15 s.
fn phases(simulator: &Simulator, race_id: &str, edge: usize) -> Vec<f64> {
    let refreshes = simulator.refreshes(race_id, noon(), noon() + TimeDelta::minutes(10)).unwrap();
    refreshes[edge].refreshed_at.iter().map(|at| at.timestamp_micros().rem_euclid(15_000_000) as f64 / 1e6).collect()
}

fn rounded(phase: f64) -> i64 {
    (phase * 1e6).round() as i64
}

#[test]
fn the_body_changes_exactly_at_the_refreshes() {
    for model in ["marks", "per-race", "jitter", "jumps"] {
        let (simulator, races) = day(model);
        let at = |at| simulator.event(&races[3], at).unwrap();
        let refreshes =
            &simulator.refreshes(&races[3], noon(), noon() + TimeDelta::minutes(5)).unwrap()[0].refreshed_at;
        assert!(refreshes.len() > 17, "{model}: {refreshes:?}");
        for pair in refreshes.windows(2) {
            let body = at(pair[0]);
            assert_eq!(body, at(pair[1] - TimeDelta::nanoseconds(1)), "{model} changed before {}", pair[1]);
            assert_ne!(body, at(pair[1]), "{model} did not change at {}", pair[1]);
            let body: Value = serde_json::from_str(&body).unwrap();
            let generated: DateTime<Utc> = body["header"]["generated_time"].as_str().unwrap().parse().unwrap();
            assert_eq!(generated, pair[0], "{model}");
        }
    }
}

#[test]
fn common_phases_are_the_same_and_those_of_races_are_not() {
    let distinct = |model: &str| {
        let (simulator, races) = day(model);
        let phases = races.iter().flat_map(|race_id| phases(&simulator, race_id, 0).into_iter().map(rounded));
        (phases.collect::<BTreeSet<_>>(), races.len())
    };
    assert_eq!(distinct("common").0, BTreeSet::from([6_300_000]));
    let (phases, races) = distinct("per-race");
    assert_eq!(phases.len(), races, "each race keeps its own");
    assert!(phases.first().unwrap() < &3_000_000 && phases.last().unwrap() > &12_000_000, "{phases:?}");
    let (phases, _) = distinct("marks");
    assert!(phases.first().unwrap() >= &20_000 && phases.last().unwrap() < &470_000, "{phases:?}");
}

#[test]
fn phases_jitter_drift_and_jump_as_much_as_their_models_say() {
    // Seconds by which the phase has moved since the first refresh.
    let moved = |model, nth: usize| {
        let (simulator, races) = day(model);
        let phases = phases(&simulator, &races[nth], 0);
        phases.iter().map(|phase| (phase - phases[0] + 7.5).rem_euclid(15.0) - 7.5).collect::<Vec<_>>()
    };
    for (model, jitter_s) in [("jitter-small", 0.2), ("jitter", 2.0)] {
        for nth in 0..5 {
            let mut offsets = moved(model, nth);
            offsets.sort_by(f64::total_cmp);
            let spread = offsets[offsets.len() - 1] - offsets[0];
            assert!(spread < jitter_s && spread > jitter_s * 0.7, "{model} by {spread} s: {offsets:?}");
        }
    }
    let drift = moved("drift", 3);
    assert!(drift.windows(2).all(|pair| (pair[1] - pair[0] - 0.025).abs() < 1e-3), "{drift:?}");
    let jumps = moved("jumps", 3).windows(2).filter(|pair| (pair[1] - pair[0]).abs() > 0.01).count();
    assert!((4..=6).contains(&jumps), "{jumps} jumps in ten minutes");
}

#[test]
fn a_response_per_request_has_no_phase() {
    let (simulator, races) = day("per-request");
    for millis in [0, 1, 7300] {
        let at = noon() + TimeDelta::milliseconds(millis);
        let tick = simulator.tick(&races[0], 0, at).unwrap();
        assert_eq!((tick.refreshed_at, tick.generated_at), (at, at));
    }
    let truth = &simulator.refreshes(&races[0], noon(), noon() + TimeDelta::minutes(1)).unwrap()[0];
    assert_eq!((truth.phase_s, truth.refreshed_at.len()), (None, 0));
}

#[test]
fn a_stamp_per_request_tells_nothing_of_the_refresh() {
    let (simulator, races) = day("stamped");
    let refreshed_at = simulator.tick(&races[2], 0, noon()).unwrap().refreshed_at;
    let event = |after_s: f64| -> Value {
        serde_json::from_str(&simulator.event(&races[2], refreshed_at + seconds(after_s)).unwrap()).unwrap()
    };
    let (first, second, next) = (event(0.5), event(14.9), event(15.1));
    assert_ne!(first["header"]["generated_time"], second["header"]["generated_time"]);
    assert_eq!(first["data"], second["data"]);
    assert_ne!(second["data"], next["data"]);
}

proptest! {
    #[test]
    fn refreshes_are_ordered_spaced_and_the_same_however_they_are_asked_for(
        (period_s, late, jump) in (1.0..60.0_f64, 0.0..0.99_f64, prop_oneof![Just(0.0), 2.0..20.0_f64]),
        (per_race, drift_s_per_min, edges) in (any::<bool>(), -2.0..2.0_f64, 1_u32..4),
        (seed, id) in any::<(u64, u64)>(),
        split_s in 0.0..600.0_f64,
    ) {
        let (jitter_s, jump_every_s) = (period_s * late, period_s * jump);
        let refresh = Refresh { period_s, per_race, jitter_s, drift_s_per_min, jump_every_s, edges, ..Refresh::default() };
        let (from, middle, to) = (noon(), noon() + seconds(split_s), noon() + seconds(600.0));
        let all = refresh.between(seed, id, edges - 1, from, to);
        let mut parts = refresh.between(seed, id, edges - 1, from, middle);
        parts.extend(refresh.between(seed, id, edges - 1, middle + TimeDelta::nanoseconds(1), to));
        prop_assert_eq!(&parts, &all);
        let longest = seconds(2.2 * period_s + jitter_s);
        prop_assert!(all.windows(2).all(|pair| pair[0] <= pair[1] && pair[1] - pair[0] < longest), "{:?}", all);
        let latest = refresh.latest(seed, id, edges - 1, to).refreshed_at;
        prop_assert_eq!(Some(&latest), all.last());
    }
}

#[test]
fn settings_that_make_no_sense_are_refused_with_the_reason() {
    for (text, reason) in [
        ("hourly", "neither a model (marks, common,"),
        ("{\"period\": 15}", "unknown field"),
        ("{\"period_s\": 0.1}", "period_s"),
        ("{\"jitter_s\": 15}", "jitter_s"),
        ("{\"edges\": 0}", "edges"),
        ("{\"jump_every_s\": 20}", "jump_every_s"),
    ] {
        let error = Refresh::parse(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
    for name in Refresh::NAMES {
        let named = Refresh::parse(name).unwrap();
        assert_eq!(Refresh::parse(&serde_json::to_string(&named).unwrap()).unwrap(), named);
    }
}

#[test]
fn races_at_a_time_all_start_then_and_are_all_there_are() {
    let start = noon() + TimeDelta::minutes(11);
    let config = Config { seed: SEED, now: noon(), races_at: Some(start), quirks: true, ..Config::default() };
    let simulator = Simulator::new(config);
    let list: Value =
        serde_json::from_str(&simulator.meetings(&MeetingsQuery::day(noon().date_naive()), noon())).unwrap();
    let races =
        list["data"]["meetings"].as_array().unwrap().iter().flat_map(|meeting| meeting["races"].as_array().unwrap());
    let races: Vec<&Value> = races.collect();
    assert_eq!(races.len(), 24);
    for race in races {
        let event = simulator.event(race["id"].as_str().unwrap(), start - TimeDelta::minutes(1)).unwrap();
        let event: Value = serde_json::from_str(&event).unwrap();
        assert_eq!(event["data"]["race"]["advertised_start"], start.timestamp());
    }
}

struct Server {
    base: String,
    race_id: String,
    client: Client,
    task: JoinHandle<std::io::Result<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start() -> Self {
        // Fast enough that waiting for a refresh takes no time.
        let simulator = Simulator::new(Config { seed: SEED, now: noon(), speed: 1000.0, ..Config::default() });
        let race_id = day("marks").1[0].clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(nztab_sim::serve(listener, Arc::new(simulator)));
        Self { base, race_id, client: Client::new(), task }
    }

    async fn event(&self) -> Response {
        let url = format!("{}/affiliates/v1/racing/events/{}", self.base, self.race_id);
        self.client.get(url).send().await.unwrap()
    }

    async fn sim(&self, path: &str) -> Value {
        self.client.get(format!("{}/_sim/{path}", self.base)).send().await.unwrap().json().await.unwrap()
    }

    async fn set(&self, refresh: &str) -> StatusCode {
        self.client.post(format!("{}/_sim/refresh", self.base)).body(refresh.to_owned()).send().await.unwrap().status()
    }
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn each_response_is_recorded_with_the_edge_and_the_refresh_it_came_from() {
    let server = Server::start().await;
    assert_eq!(server.sim("refresh").await, serde_json::to_value(Refresh::default()).unwrap());
    assert_eq!(server.set("weekly").await, StatusCode::BAD_REQUEST);
    assert_eq!(server.set("edges").await, StatusCode::OK);
    let mut generated = Vec::new();
    for _ in 0..40 {
        let event: Value = server.event().await.json().await.unwrap();
        generated.push(time(&event["header"]["generated_time"]));
    }
    let last = server.sim("clock").await["now"].clone();
    let from = "2025-11-23T01:50:00Z";
    let query = format!("refreshes?race_id={}&from={from}&to={}", server.race_id, last.as_str().unwrap());
    let truth = server.sim(&query).await;
    assert_eq!(truth["edges"].as_array().unwrap().len(), 2);
    assert_ne!(truth["edges"][0]["phase_s"], truth["edges"][1]["phase_s"]);
    let stats = server.sim("stats").await;
    let mut edges = BTreeSet::new();
    for (sent, generated) in stats["responses"].as_array().unwrap().iter().zip(generated) {
        let edge = sent["edge"].as_u64().unwrap();
        edges.insert(edge);
        let of_edge = truth["edges"][edge as usize]["refreshed_at"].as_array().unwrap().iter().map(time);
        let latest = of_edge.filter(|at| *at <= time(&sent["requested_at"])).max().unwrap();
        assert_eq!((time(&sent["state_at"]), generated), (latest, latest), "{sent}");
    }
    assert_eq!(edges, BTreeSet::from([0, 1]), "both responded");
}

#[tokio::test]
async fn a_clock_that_is_ahead_shows_in_date_and_generated_time_alone() {
    let server = Server::start().await;
    let before = time(&server.sim("clock").await["now"]);
    assert_eq!(server.set(&json!({"clock_offset_s": 7200, "per_race": true}).to_string()).await, StatusCode::OK);
    let response = server.event().await;
    let date = DateTime::parse_from_rfc2822(response.headers()["date"].to_str().unwrap()).unwrap();
    let event: Value = response.json().await.unwrap();
    let after = time(&server.sim("clock").await["now"]);
    let ahead = TimeDelta::hours(2);
    let second = TimeDelta::seconds(1);
    assert!(date >= before + ahead - second && date <= after + ahead, "{date} between {before} and {after}");
    let sent = &server.sim("stats").await["responses"][0];
    assert_eq!(time(&event["header"]["generated_time"]), time(&sent["state_at"]) + ahead);
    assert!(time(&sent["state_at"]) <= time(&sent["requested_at"]) && time(&sent["requested_at"]) <= after);
}
