//! A race as it stood at a moment.

use chrono::Duration;
use raceday_tests::backed::{Backed, MOMENTS};
use raceday_tests::stack::Stack;
use serde_json::{Value, json};

/// An object without some of its keys.
fn without(mut object: Value, keys: &[&str]) -> Value {
    for key in keys {
        object.as_object_mut().unwrap().remove(*key);
    }
    object
}

/// What the API says of a race now, without what the past cannot have: histories, and when a row was changed.
fn now(stack: &Stack, race_id: &str) -> Value {
    let entrants = stack.json(&format!("/api/entrants?raceId={race_id}"));
    let entrants: Vec<Value> = entrants
        .as_array()
        .unwrap()
        .iter()
        .map(|of| without(of.clone(), &["odds_history", "money_flow_history"]))
        .collect();
    json!({
        "race": without(stack.json(&format!("/api/races/{race_id}")), &["updated_at"]),
        "entrants": entrants,
        "pools": stack.json(&format!("/api/race-pools?raceId={race_id}")),
    })
}

/// What `GET /api/race-at` says of a race at a poll, reduced like [`now`].
fn then(stack: &Stack, race: &Backed, seconds_to_start: i64) -> (Value, Value) {
    let at = (race.start - Duration::seconds(seconds_to_start)).format("%Y-%m-%dT%H:%M:%S.000Z");
    let body = stack.json(&format!("/api/race-at?raceId={}&at={at}", race.race_id));
    let entrants = body["entrants"].as_array().unwrap().iter();
    let entrants: Vec<Value> =
        entrants.map(|of| without(of.clone(), &["win_low", "win_mid", "win_high", "evidence"])).collect();
    let state = json!({
        "race": without(body["race"].clone(), &["updated_at"]), "entrants": entrants, "pools": body["pools"],
    });
    (state, body)
}

#[test]
fn a_race_is_returned_as_the_api_returned_it_then() {
    let stack = Stack::start(&[("RACEDAY_RATE_LIMIT", "off"), ("RACEDAY_CACHE", "off")]);
    let mut client = stack.connect();
    let race = Backed::new("at-exact");
    let mut seen = Vec::new();
    for moment in &MOMENTS {
        race.poll(&mut client, moment);
        seen.push((moment.seconds_to_start, now(&stack, "at-exact")));
    }
    race.finish(&mut client);
    seen.push((-300, now(&stack, "at-exact")));
    assert_ne!(seen[0].1, seen[1].1);
    for (seconds, expected) in &seen {
        let (state, body) = then(&stack, &race, *seconds);
        assert_eq!(&state, expected, "{seconds} s before the start");
        assert_eq!(body["source"], "payloads");
    }
    // Between two polls the earlier one is what was known.
    let between = (race.start - Duration::seconds(80)).format("%Y-%m-%dT%H:%M:%S.000Z");
    let body = stack.json(&format!("/api/race-at?raceId=at-exact&at={between}"));
    assert_eq!(body["pools"], seen[0].1["pools"]);
    let (_, body) = then(&stack, &race, 60);
    let alder = &body["entrants"][0];
    assert_eq!([&alder["win_low"], &alder["win_mid"], &alder["win_high"]], [941_511, 964_268, 990_283]);
    assert_eq!(
        stack.value("select raceday.raceday_at('at-exact', (select start_time from raceday.races where race_id = 'at-exact')) ->> 'source'"),
        "payloads"
    );
}

#[test]
fn without_payloads_the_history_tells_odds_and_both_large_pools() {
    let stack = Stack::start(&[("RACEDAY_RATE_LIMIT", "off"), ("RACEDAY_CACHE", "off")]);
    let mut client = stack.connect();
    let race = Backed::polled(&mut client, "at-history");
    race.finish(&mut client);
    let (exact, _) = then(&stack, &race, 75);
    stack.sql("delete from raceday.staged_payloads where race_id = 'at-history'");
    let (state, body) = then(&stack, &race, 75);
    assert_eq!(body["source"], "history");
    for key in ["win_pool_total", "place_pool_total"] {
        assert_eq!(state["pools"][key], exact["pools"][key], "{key}");
    }
    assert_eq!(state["pools"]["total_race_pool"], Value::Null);
    for (of, exact) in state["entrants"].as_array().unwrap().iter().zip(exact["entrants"].as_array().unwrap()) {
        for key in ["name", "runner_number", "win_odds", "pool_win_odds", "hold_percentage", "is_scratched"] {
            assert_eq!(of[key], exact[key], "{key}");
        }
    }
    assert_eq!([&state["race"]["status"], &state["race"]["phase"]], [&Value::Null, &Value::Null], "a guess");
    // The last status came with the last poll.
    assert_eq!(then(&stack, &race, -300).0["race"]["status"], "Final");
}

#[test]
fn what_is_missing_or_unknown_is_an_error() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('at', 'Otaki', 'thoroughbred', current_date + 311),
                seed.race('at-none', 'at', 1, now() + interval '1 hour')",
    );
    for query in ["", "?raceId=at-none", "?raceId=at-none&at=noon", "?at=2026-01-01T00:00:00.000Z"] {
        stack.get(&format!("/api/race-at{query}")).assert_error(400, query);
    }
    let at = "at=2026-01-01T00:00:00.000Z";
    let unknown = stack.get(&format!("/api/race-at?race_id=none&{at}"));
    assert_eq!((unknown.status, unknown.json()), (404, json!({"error": "Race not found"})));
    let early = stack.get(&format!("/api/race-at?race_id=at-none&{at}"));
    assert_eq!((early.status, early.json()), (404, json!({"error": "Poll of the race by then not found"})));
}
