//! Ten thousand mutations of a real payload. None crashes the server or makes the call fail; each is kept and marked, and
//! the next good payload is processed.

use raceday_tests::payloads::{self, Processed};

use crate::server::{Poll, Server, fingerprint, polls_of, process, stage, violations};
use postgres::Client;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

const MUTATIONS: usize = 10_000;

#[test]
fn ten_thousand_mutated_payloads_neither_crash_the_server_nor_fail_the_call() {
    let server = Server::start(&["raceday"]);
    let failed: usize = std::thread::scope(|scope| {
        let halves: Vec<_> = (1..=2)
            .map(|half| {
                let client = server.connect("raceday");
                scope.spawn(move || try_mutations(client, half))
            })
            .collect();
        halves.into_iter().map(|half| half.join().unwrap()).sum()
    });
    // Some mutations must fail a payload and some must not, or the test would prove nothing.
    assert!(failed > MUTATIONS / 10 && failed < MUTATIONS * 9 / 10, "{failed} failed");
}

/// Tries half of the mutations on a separate race. Returns how many failed.
fn try_mutations(mut client: Client, half: u32) -> usize {
    let (race_id, polls) = polls_of(half, 4);
    stage(&mut client, &race_id, &polls[0]);
    assert_eq!(process(&mut client, &race_id), "ok");
    let document: Value = serde_json::from_str(&polls[1].payload).unwrap();
    let backend: i32 = client.query_one("select pg_backend_pid()", &[]).unwrap().get(0);
    let mut rng = StdRng::seed_from_u64(u64::from(half));
    let mut failed = 0;
    for round in 0..MUTATIONS / 2 {
        let payload = mutate(&mut rng, &polls[1].payload, &document);
        let later = chrono::Duration::milliseconds(i64::try_from(round).unwrap());
        let poll = Poll { fetched_at: polls[1].fetched_at + later, payload };
        failed += usize::from(is_kept_and_marked(&mut client, &race_id, &poll));
    }
    assert_eq!(client.query_one("select pg_backend_pid()", &[]).unwrap().get::<_, i32>(0), backend);
    stage(&mut client, &race_id, &polls[3]);
    assert_eq!(process(&mut client, &race_id), "ok");
    // Mutated figures need not add up, but the rows must be those that the payloads give.
    let mut strays = violations(&mut client, &race_id);
    strays.retain(|violation| ["missing: ", "surplus: ", "pending: "].iter().any(|kind| violation.starts_with(kind)));
    assert_eq!(strays, [""; 0]);
    failed
}

/// Stages and processes a mutation. Returns whether it failed, in which case the tables must be unchanged.
fn is_kept_and_marked(client: &mut Client, race_id: &str, poll: &Poll) -> bool {
    let tables = "select count(*), max(id) from raceday.money_flow_history where race_id = $1";
    let before = client.query_one(tables, &[&race_id]).unwrap();
    stage(client, race_id, poll);
    let Processed { status, error, .. } = payloads::process(client, race_id);
    let kept = client
        .query_one(
            "select status, error, payload = $3 from raceday.staged_payloads where race_id = $1 and fetched_at = $2",
            &[&race_id, &poll.fetched_at, &poll.payload],
        )
        .unwrap();
    assert!(kept.get::<_, bool>(2), "the staged payload was changed");
    if status == "ok" {
        return false;
    }
    assert_eq!(status, "failed", "{error:?}");
    assert_eq!(kept.get::<_, String>(0), "failed");
    assert_eq!(kept.get::<_, Option<String>>(1), error, "the payload does not carry the reason");
    let after = client.query_one(tables, &[&race_id]).unwrap();
    assert_eq!((before.get::<_, i64>(0), before.get::<_, Option<i64>>(1)), (after.get(0), after.get(1)));
    true
}

fn mutate(rng: &mut StdRng, text: &str, document: &Value) -> String {
    match rng.random_range(0..4) {
        0 => flip_bytes(rng, text),
        1 => {
            let mut end = rng.random_range(0..text.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text[..end].to_owned()
        }
        _ => {
            let mut changed = document.clone();
            for _ in 0..rng.random_range(1..6) {
                change_a_value(rng, &mut changed);
            }
            changed.to_string()
        }
    }
}

/// Changes some bytes, and replaces invalid UTF-8 and NUL, which PostgreSQL does not accept as text.
fn flip_bytes(rng: &mut StdRng, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..rng.random_range(1..8) {
        let at = rng.random_range(0..bytes.len());
        bytes[at] = rng.random();
    }
    String::from_utf8_lossy(&bytes).replace('\0', "\u{1}")
}

/// Walks to a random value, mostly in the part that the engine reads, and removes or replaces it.
fn change_a_value(rng: &mut StdRng, document: &mut Value) {
    let mut value = document;
    let depth = rng.random_range(1..7);
    for level in 0..depth {
        let keys: Vec<String> = match &*value {
            Value::Object(fields) => fields.keys().cloned().collect(),
            Value::Array(items) => (0..items.len()).map(|at| at.to_string()).collect(),
            _ => Vec::new(),
        };
        if keys.is_empty() {
            break;
        }
        // The engine reads what is under `data` and skips the rest, which is worth trying occasionally.
        let key = match level {
            0 if rng.random_range(0..10) > 0 => "data".to_owned(),
            _ => keys[rng.random_range(0..keys.len())].clone(),
        };
        if level + 1 == depth
            && rng.random_range(0..3) == 0
            && let Value::Object(fields) = value
        {
            fields.remove(&key);
            return;
        }
        let next = match value {
            Value::Object(fields) => fields.get_mut(&key),
            Value::Array(items) => items.get_mut(key.parse::<usize>().unwrap_or(0)),
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => return,
        }
    }
    *value = replacement(rng, value);
}

fn replacement(rng: &mut StdRng, value: &Value) -> Value {
    match rng.random_range(0..12) {
        0 => Value::Null,
        1 => Value::from("text"),
        2 => Value::from(-1),
        3 => Value::from(1e300),
        4 => Value::from(u64::MAX),
        5 => Value::Bool(true),
        6 => Value::Array(vec![value.clone(), value.clone()]),
        7 => serde_json::json!({ "inside": value }),
        8 => Value::from("nul \u{0} inside"),
        9 => Value::from("x".repeat(100_000)),
        10 => (0..60).fold(value.clone(), |inside, _| Value::Array(vec![inside])),
        _ => Value::from(value.to_string()),
    }
}

#[test]
fn fifty_megabytes_and_a_million_levels_of_nesting_are_processed() {
    let server = Server::start(&["raceday"]);
    let mut client = server.connect("raceday");
    let (race_id, polls) = polls_of(2, 2);
    let good = &polls[0].payload;
    let padding = format!("{{\"padding\":\"{}\",", "x".repeat(50_000_000));
    let large = Poll { fetched_at: polls[0].fetched_at, payload: good.replacen('{', &padding, 1) };
    stage(&mut client, &race_id, &large);
    assert_eq!(process(&mut client, &race_id), "ok");
    let nested = format!("{{\"deep\":{}{},", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let deep = Poll { fetched_at: polls[1].fetched_at, payload: polls[1].payload.replacen('{', &nested, 1) };
    stage(&mut client, &race_id, &deep);
    assert_eq!(process(&mut client, &race_id), "ok");
    let rows = fingerprint(&mut client, &race_id);
    // Two polls of 14 runners.
    assert_eq!(rows.iter().filter(|row| row.starts_with("flow ")).count(), 28);
}
