//! The hub behind nginx: its streams, and reads that see a commit at once.

use std::time::{Duration, Instant};

use raceday_stack::wait_until;
use raceday_tests::PATIENCE;
use raceday_tests::hub::PolledRace;
use raceday_tests::sse::Events;
use raceday_tests::stack::Stack;
use serde_json::Value;

#[test]
fn nginx_passes_events_as_they_come_and_outside_the_limit_of_requests() {
    let stack = Stack::with_hub_and(&[("RACEDAY_RATE_LIMIT", "on"), ("RACEDAY_RATE_LIMIT_BURST", "1")]);
    let mut session = stack.connect();
    let mut race = PolledRace::new(&mut session, "proxied");
    let open = |path: &str, headers: &[(&str, &str)]| Events::open(stack.port(), path, headers).unwrap();
    let mut streams: Vec<Events> = (0..10).map(|_| open("/api/stream?raceId=proxied", &[])).collect();
    for events in &mut streams {
        assert_eq!(events.status(), 200, "{}", events.head);
        events.next_named("race");
    }
    race.poll(&mut session);
    let ids = race.row_ids(&mut session);
    for events in &mut streams {
        assert_eq!(events.next_named("race").id, Some(ids[7].to_string()));
    }
    let first = ids[3].to_string();
    let mut resumed = open("/stream?raceId=proxied", &[("Last-Event-ID", &first)]);
    assert_eq!(resumed.next_named("race").json()["rows"].as_array().unwrap().len(), 4);
    assert_eq!(open("/api/stream?raceId=unknown", &[]).status(), 404);
    assert_eq!(stack.send("POST", "/api/stream", &[], b"").status, 405);
}

#[test]
fn a_client_cannot_take_the_places_of_another_address() {
    let stack = Stack::with_hub();
    PolledRace::new(&mut stack.connect(), "forged");
    let mut events = Events::open(stack.port(), "/api/stream?raceId=forged", &[("X-Real-IP", "192.0.2.1")]).unwrap();
    assert_eq!(events.next_named("race").name, "race");
    // The proxy sends the address from which the request came, and the trusted proxy in front of it may name another.
    let named = [("X-Real-IP", "192.0.2.1"), ("X-Forwarded-For", "192.0.2.9")];
    assert_eq!(Events::open(stack.port(), "/api/stream?raceId=forged", &named).unwrap().status(), 200);
}

#[test]
fn without_the_hub_streams_are_unavailable_and_reads_go_on() {
    let stack = Stack::without_rate_limit();
    let mut session = stack.connect();
    let race = PolledRace::new(&mut session, "alone");
    let response = stack.get("/api/stream?raceId=alone");
    response.assert_error(503, "Service unavailable");
    assert_eq!(rows(&stack, &timeline("alone")), race.row_ids(&mut session).len());
    assert_eq!(stack.json("/api/races/alone")["race_id"], "alone");
}

#[test]
fn reads_see_a_commit_at_once_and_ask_the_database_once_per_commit() {
    let stack = Stack::with_hub();
    let mut session = stack.connect();
    let mut race = PolledRace::new(&mut session, "fresh");
    let (timeline, pools) = (timeline("fresh"), "/api/race-pools?raceId=fresh");
    let calls = |session: &mut postgres::Client, function: &str| -> i64 {
        let sql = "select coalesce(sum(calls), 0)::bigint from public.pg_stat_statements where toplevel and query ~ $1";
        session.query_one(sql, &[&format!("{function}\\M")]).unwrap().get(0)
    };
    let version = "client_money_flow_timeline_version";
    // Without the hub, or before it knows the race, the function gives the version.
    wait_until("the hub to know the race", PATIENCE, || {
        let before = calls(&mut session, version);
        stack.get_with(&timeline, &[("If-None-Match", &format!("\"{before:x}\""))]);
        Ok(calls(&mut session, version) == before)
    })
    .unwrap();
    let (versions, bodies) = (calls(&mut session, version), calls(&mut session, "client_money_flow_timeline"));
    for poll in 2..8_usize {
        race.poll(&mut session);
        let began = Instant::now();
        let mut reads = 0;
        while rows(&stack, &timeline) < 4 * poll {
            assert!(began.elapsed() < PATIENCE, "the timeline does not show poll {poll}");
            reads += 1;
        }
        let total = 10_000 * 100 + 10_000 * i64::try_from(poll).unwrap();
        wait_until("the pools", PATIENCE, || Ok(stack.json(pools)["win_pool_total"] == total)).unwrap();
        // Clients that have the version receive 304, whoever polls.
        let etag = stack.get(&timeline).header("etag").unwrap().to_owned();
        for _ in 0..20 + reads {
            assert_eq!(stack.get_with(&timeline, &[("If-None-Match", &etag)]).status, 304);
        }
    }
    assert_eq!(calls(&mut session, version), versions, "the hub gives the version, not the database");
    let read = calls(&mut session, "client_money_flow_timeline") - bodies;
    assert!((6..=8).contains(&read), "{read} bodies for 6 commits");
}

#[test]
fn invalid_requests_are_refused_whether_the_hub_knows_the_race_or_not() {
    let stack = Stack::with_hub();
    PolledRace::new(&mut stack.connect(), "valid");
    for race in ["valid", "unknown"] {
        stack.get(&format!("/api/money-flow-timeline?raceId={race}")).assert_error(400, "entrants is required");
        let pool = stack.get(&format!("/api/money-flow-timeline?raceId={race}&entrants=a&poolType=x"));
        assert_eq!((pool.status, &pool.json()["received"]), (400, &Value::from("x")));
    }
    stack.get("/api/entrants").assert_error(400, "raceId is required");
    stack.get("/api/races/unknown").assert_error(404, "Race not found");
    assert_eq!(stack.get("/api/races/upcoming").status, 200);
    assert_eq!(stack.get("/api/races/navigation?raceId=valid").status, 200);
}

#[test]
fn a_hub_that_hangs_does_not_hold_up_reads() {
    let mut stack = Stack::with_hub();
    let mut session = stack.connect();
    PolledRace::new(&mut session, "hangs");
    stack.json(&timeline("hangs"));
    let live = stack.live.as_mut().unwrap();
    live.process().signal(raceday_stack::Signal::STOP).unwrap();
    let began = Instant::now();
    assert_eq!(stack.get(&timeline("hangs")).status, 200);
    assert!(began.elapsed() < Duration::from_secs(5), "a read took {:?}", began.elapsed());
    stack.live.as_mut().unwrap().process().signal(raceday_stack::Signal::CONT).unwrap();
}

fn timeline(race_id: &str) -> String {
    let entrants = ["alder", "birch", "cedar", "dogwood"].map(|name| format!("{race_id}-{name}"));
    format!("/api/money-flow-timeline?raceId={race_id}&entrants={}", entrants.join(","))
}

fn rows(stack: &Stack, path: &str) -> usize {
    stack.json(path)["documents"].as_array().unwrap().len()
}
