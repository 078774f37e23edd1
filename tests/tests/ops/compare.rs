//! `raceday-fetcher compare` against a stub of the legacy backend.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;

use raceday_fetcher::compare::{self, CompareArgs, Tolerances};
use raceday_stack::http_get;
use serde_json::{Value, json};

use raceday_tests::stack::Stack;

const RACE: &str = "4d3f0a4e-0000-4000-8000-000000000001";

#[test]
fn equal_responses_compare_equal_and_all_resources_are_requested() {
    let legacy = Stub::start(contract());
    let ours = Stub::start(contract());
    let (equal, report) = compare(&legacy, &ours, &[RACE]);
    assert!(equal, "{report}");
    assert!(report.contains("1 races") && report.contains(" 0 differences"), "{report}");
    let requested = ours.requested();
    for path in [
        "/api/races/",
        "/api/entrants?",
        "/api/race-pools?",
        "/api/race-results?",
        "/api/races/navigation?",
        "/api/meetings/m1",
        "/api/money-flow-timeline?",
    ] {
        assert!(requested.iter().any(|one| one.starts_with(path)), "{path} was not requested: {requested:?}");
    }
}

#[test]
fn every_kind_of_difference_is_reported() {
    let mut changed = contract();
    changed["/api/races/"]["start_time"] = json!("2025-10-05T12:01:00.000Z");
    changed["/api/entrants"][1]["win_odds"] = json!(9.9);
    changed["/api/entrants"][0]["is_scratched"] = json!(true);
    changed["/api/race-pools"]["win_pool_total"] = json!(800_000);
    changed["/api/money-flow-timeline"]["documents"][1]["incremental_win_amount"] = json!("120");
    changed["/api/race-results"] = json!(null);
    let (equal, report) = compare(&Stub::start(contract()), &Stub::start(changed), &[RACE]);
    assert!(!equal, "{report}");
    for line in [
        "race.body.start_time: legacy \"2025-10-05T12:00:00.000Z\", ours \"2025-10-05T12:01:00.000Z\"",
        "entrants.body.e2.win_odds: legacy 4.4, ours 9.9",
        "entrants.body.e1.is_scratched: legacy false, ours true",
        "pools.body.win_pool_total: legacy 915138, ours 800000",
        "timeline.body.documents.e1@4.incremental_win_amount: legacy 120, ours \"120\"",
        "results.status: legacy 200, ours 404",
    ] {
        assert!(report.contains(line), "{line:?} is not in\n{report}");
    }
}

#[test]
fn only_differences_beyond_the_tolerances_are_reported() {
    let mut close = contract();
    close["/api/race-pools"]["win_pool_total"] = json!(915_138 * 99 / 100);
    close["/api/entrants"][1]["win_odds"] = json!(4.5);
    close["/api/entrants"][1]["hold_percentage"] = json!(18.4);
    close["/api/races/"]["updated_at"] = json!("2025-10-05T11:00:00.000Z");
    let (legacy, ours) = (Stub::start(contract()), Stub::start(close));
    let (equal, report) = compare(&legacy, &ours, &[RACE]);
    assert!(equal, "{report}");
    let strict = Tolerances { money: 0.0, percentages: 0.0, odds: 0.0, seconds: 0.0, ignore: Vec::new() };
    let (equal, report) = compare_within(&legacy, &ours, &[RACE], strict);
    assert!(!equal);
    assert!(report.contains(" 3 differences in 1 races"), "{report}");
}

#[test]
fn without_named_races_those_of_the_legacy_backend_are_compared() {
    let (equal, report) = compare(&Stub::start(contract()), &Stub::start(contract()), &[]);
    assert!(equal, "{report}");
    assert!(report.contains(&format!("race {RACE}:")), "{report}");
}

#[test]
fn an_unavailable_backend_is_an_error_and_not_a_pass() {
    let legacy = Stub::start(contract());
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let args = arguments(&legacy.url, &format!("http://{nobody}"), &[RACE], Tolerances::default());
    let error = run(&args, &mut Vec::new()).unwrap_err();
    assert!(format!("{error:#}").contains("does not respond"), "{error:#}");
}

#[test]
fn a_race_that_neither_backend_has_is_an_error_and_not_a_pass() {
    let mut nothing = contract();
    nothing["/api/races/"] = json!(null);
    let (legacy, ours) = (Stub::start(nothing.clone()), Stub::start(nothing));
    let args = arguments(&legacy.url, &ours.url, &["mistyped"], Tolerances::default());
    let error = run(&args, &mut Vec::new()).unwrap_err();
    assert!(format!("{error:#}").contains("has no race mistyped (status 404)"), "{error:#}");
}

#[test]
fn a_request_that_fails_on_both_backends_is_a_difference() {
    let failing = || {
        let responses = contract();
        Stub::serving(move |path| {
            if path.starts_with("/api/race-pools") { (500, "{}".to_owned()) } else { fixed(&responses, path) }
        })
    };
    let (equal, report) = compare(&failing(), &failing(), &[RACE]);
    assert!(!equal && report.contains("pools.status: legacy 500, ours 500"), "{report}");
}

#[test]
fn a_request_refused_with_429_is_retried() {
    let ours = Stub::start_refusing_first(contract(), 2);
    let (equal, report) = compare(&Stub::start(contract()), &ours, &[RACE]);
    assert!(equal, "{report}");
}

#[test]
fn the_report_for_programs_lists_every_difference() {
    let mut changed = contract();
    changed["/api/entrants"][0]["name"] = json!("Other");
    let (legacy, ours) = (Stub::start(contract()), Stub::start(changed));
    let folder = tempfile::tempdir().unwrap();
    let mut args = arguments(&legacy.url, &ours.url, &[RACE], Tolerances::default());
    args.json = Some(folder.path().join("report.json"));
    assert!(!run(&args, &mut Vec::new()).unwrap());
    let report: Value = serde_json::from_slice(&std::fs::read(args.json.unwrap()).unwrap()).unwrap();
    let difference = json!([{"path": "entrants.body.e1.name", "legacy": "First", "ours": "Other"}]);
    assert_eq!(report["races"][0]["differences"], difference);
}

/// The legacy stub relays to our backend, and then changes one figure, so that real responses are compared.
#[test]
fn the_real_backend_is_compared_completely() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('cmp', 'Compare', 'harness', current_date);
         select seed.race('cmp 1', 'cmp', 1, now() + interval '2 minutes');
         select seed.runners('cmp 1', 8);
         select seed.polls('cmp 1', 1, 20, 20);
         select seed.pools('cmp 1');
         select seed.results('cmp 1')",
    );
    let url = stack.nginx.url();
    let same = Stub::serving({
        let url = url.clone();
        move |path| http_get(&format!("{url}{path}")).unwrap()
    });
    let args = arguments(&same.url, &url, &["cmp 1"], Tolerances::default());
    let mut report = Vec::new();
    assert!(run(&args, &mut report).unwrap(), "{}", String::from_utf8_lossy(&report));
    let report = String::from_utf8(report).unwrap();
    let fields: usize = report.split_once(": ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    assert!(fields > 200, "{report}");

    let other = Stub::serving(move |path| {
        let (status, body) = http_get(&format!("{url}{path}")).unwrap();
        (status, body.replace("\"win_pool_total\":", "\"win_pool_total\":9"))
    });
    let args = arguments(&other.url, &args.ours, &["cmp 1"], Tolerances::default());
    let mut report = Vec::new();
    assert!(!run(&args, &mut report).unwrap());
    let report = String::from_utf8(report).unwrap();
    assert!(report.contains("pools.body.win_pool_total") && report.contains(" 1 differences in 1 races"), "{report}");
}

/// Responses by path prefix; the longest match counts, and null is a 404.
fn contract() -> Value {
    let document = |entrant: &str, interval: i32, amount: i32| {
        json!({"id": format!("{entrant}{interval}{amount}"), "entrant_id": entrant, "race_id": RACE, "time_interval": interval,
            "incremental_win_amount": amount, "win_pool_amount": 164_725, "event_timestamp": "2025-10-05T11:55:00.000Z"})
    };
    let race = json!({"race_id": RACE, "name": "Cup", "meeting_id": "m1", "start_time": "2025-10-05T12:00:00.000Z",
        "status": "Open", "race_number": 3, "updated_at": "2025-10-05T11:59:00.000Z"});
    let entrant = |id: &str, name: &str| {
        json!({"entrant_id": id, "race_id": RACE, "name": name, "runner_number": 1, "win_odds": 4.4,
            "hold_percentage": 18.0, "is_scratched": false, "odds_history": [], "money_flow_history": []})
    };
    json!({
        "/api/races/": race,
        "/api/races/upcoming": {"races": [race], "total": 1},
        "/api/races/navigation": {"previousRace": null, "nextRace": null, "nextScheduledRace": null},
        "/api/meetings/": {"meeting_id": "m1", "meeting_name": "Ellerslie", "date": "2025-10-06"},
        "/api/entrants": [entrant("e1", "First"), entrant("e2", "Second")],
        "/api/race-pools": {"race_id": RACE, "win_pool_total": 915_138, "currency": "$"},
        "/api/race-results": {"race_id": RACE, "result_status": "interim", "result_time": "2025-10-05T12:03:00.000Z"},
        "/api/money-flow-timeline": {"success": true, "next_cursor": null,
            "documents": [document("e1", 5, 100), document("e1", 4, 120), document("e2", 5, 7)]},
    })
}

fn compare(legacy: &Stub, ours: &Stub, races: &[&str]) -> (bool, String) {
    compare_within(legacy, ours, races, Tolerances::default())
}

fn compare_within(legacy: &Stub, ours: &Stub, races: &[&str], tolerances: Tolerances) -> (bool, String) {
    let mut report = Vec::new();
    let equal = run(&arguments(&legacy.url, &ours.url, races, tolerances), &mut report).unwrap();
    (equal, String::from_utf8(report).unwrap())
}

pub fn run(arguments: &CompareArgs, report: &mut Vec<u8>) -> anyhow::Result<bool> {
    tokio::runtime::Runtime::new().unwrap().block_on(compare::run(arguments, report))
}

fn arguments(legacy: &str, ours: &str, races: &[&str], tolerances: Tolerances) -> CompareArgs {
    let races = races.iter().map(|&race| race.to_owned()).collect();
    let (legacy_project, legacy_key) = ("raceday".to_owned(), String::new());
    CompareArgs {
        legacy: legacy.to_owned(),
        legacy_project,
        legacy_key,
        ours: ours.to_owned(),
        races,
        tolerances,
        json: None,
    }
}

/// A backend on its own port; it ends with the test's process.
pub struct Stub {
    pub url: String,
    requested: Receiver<String>,
}

impl Stub {
    /// Starts a stub with fixed responses.
    fn start(responses: Value) -> Self {
        Self::serving(move |path| fixed(&responses, path))
    }

    /// Starts a stub that refuses its first requests with 429.
    fn start_refusing_first(responses: Value, refused: usize) -> Self {
        let left = AtomicUsize::new(refused);
        Self::serving(move |path| {
            let refuse = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
            if refuse { (429, "{}".to_owned()) } else { fixed(&responses, path) }
        })
    }

    /// Starts a stub that responds to a path with a status and a body.
    pub fn serving(respond: impl Fn(&str) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requested) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if sender.send(converse(&connection.unwrap(), &respond)).is_err() {
                    return;
                }
            }
        });
        Self { url, requested }
    }

    /// The paths requested so far.
    fn requested(&self) -> Vec<String> {
        self.requested.try_iter().collect()
    }
}

/// The response with the longest prefix of the path; null is a 404.
fn fixed(responses: &Value, path: &str) -> (u16, String) {
    let matching = responses.as_object().unwrap().iter().filter(|(prefix, _)| path.starts_with(prefix.as_str()));
    match matching.max_by_key(|(prefix, _)| prefix.len()) {
        Some((_, body)) if !body.is_null() => (200, body.to_string()),
        _ => (404, r#"{"error":"none"}"#.to_owned()),
    }
}

/// Responds to one request and returns its path.
fn converse(mut connection: &TcpStream, respond: &impl Fn(&str) -> (u16, String)) -> String {
    let mut reader = BufReader::new(connection);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut header = String::new();
    while reader.read_line(&mut header).unwrap() > 2 {
        header.clear();
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body) = respond(&path);
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\nRetry-After: 0\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    connection.write_all(format!("{head}{body}").as_bytes()).unwrap();
    path
}
