//! The derived tables are a function of the set of staged payloads: however those arrive, are repeated, are split over
//! calls and over connections, the tables end as after one ordered run.

mod engine;

use engine::{Poll, Server, fingerprint, polls_of, process, stage};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

/// How the polls of a race reach the database: by connection, by call, the indices of what the call stages.
type Deliveries = Vec<Vec<Vec<usize>>>;

/// Polls of a race that are tried, out of which each case takes some.
const POLLS: usize = 24;

fn deliveries() -> impl Strategy<Value = Deliveries> {
    let call = prop::collection::vec(0..POLLS, 1..5);
    prop::collection::vec(prop::collection::vec(call, 1..7), 1..4)
}

#[test]
fn any_delivery_gives_the_tables_of_one_ordered_run() {
    let server = Server::start(&["ordered", "delivered"]);
    let race_index = AtomicU32::new(0);
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let result = runner.run(&deliveries(), |deliveries| {
        let (race_id, polls) = polls_of(race_index.fetch_add(1, Ordering::Relaxed), POLLS);
        run_in_order(&server, &race_id, &polls, &deliveries);
        deliver(&server, &race_id, &polls, &deliveries);
        let ordered = fingerprint(&mut server.connect("ordered"), &race_id);
        let mut delivered = server.connect("delivered");
        prop_assert_eq!(differences(&fingerprint(&mut delivered, &race_id), &ordered), Vec::<String>::new());
        let check = "select coalesce(string_agg(violation || ': ' || detail, '; '), '') from raceday.raceday_check($1)";
        let violations: String = delivered.query_one(check, &[&race_id]).unwrap().get(0);
        prop_assert_eq!(violations, "");
        delivered.execute("select raceday.raceday_rebuild($1)", &[&race_id]).unwrap();
        prop_assert_eq!(differences(&fingerprint(&mut delivered, &race_id), &ordered), Vec::<String>::new());
        Ok(())
    });
    result.unwrap();
}

/// The rows that only one of the two has.
fn differences(found: &[String], expected: &[String]) -> Vec<String> {
    let surplus = found.iter().filter(|row| !expected.contains(row)).map(|row| format!("surplus {row}"));
    let missing = expected.iter().filter(|row| !found.contains(row)).map(|row| format!("missing {row}"));
    surplus.chain(missing).collect()
}

fn run_in_order(server: &Server, race_id: &str, polls: &[Poll], deliveries: &Deliveries) {
    let mut client = server.connect("ordered");
    let taken: BTreeSet<usize> = deliveries.iter().flatten().flatten().copied().collect();
    for at in taken {
        stage(&mut client, race_id, &polls[at]);
        assert_eq!(process(&mut client, race_id), "ok");
    }
}

/// Each connection in a thread of its own, at the same time as the others.
fn deliver(server: &Server, race_id: &str, polls: &[Poll], deliveries: &Deliveries) {
    std::thread::scope(|scope| {
        for calls in deliveries {
            let mut client = server.connect("delivered");
            scope.spawn(move || {
                for call in calls {
                    let mut transaction = client.transaction().unwrap();
                    for at in call {
                        let sql =
                            "insert into raceday.staged_payloads (race_id, fetched_at, payload) values ($1, $2, $3)";
                        transaction.execute(sql, &[&race_id, &polls[*at].fetched_at, &polls[*at].payload]).unwrap();
                    }
                    transaction.commit().unwrap();
                    // Idle when another connection's call took these payloads along.
                    let status = process(&mut client, race_id);
                    assert!(status == "ok" || status == "idle", "{status}");
                }
            });
        }
    });
}

#[test]
fn readers_never_see_a_rebuild_half_done() {
    let server = Server::start(&["raceday"]);
    let (race_id, polls) = polls_of(0, POLLS);
    let mut client = server.connect("raceday");
    for poll in &polls {
        stage(&mut client, &race_id, poll);
    }
    process(&mut client, &race_id);
    let count = "select count(*) from raceday.money_flow_history where race_id = $1";
    let rows: i64 = client.query_one(count, &[&race_id]).unwrap().get(0);
    assert!(rows >= i64::try_from(POLLS).unwrap() * 8);
    let mut reader = server.connect("raceday");
    std::thread::scope(|scope| {
        let rebuilds = scope.spawn(|| {
            for _ in 0..5 {
                client.execute("select raceday.raceday_rebuild($1)", &[&race_id]).unwrap();
            }
        });
        while !rebuilds.is_finished() {
            let seen: i64 = reader.query_one(count, &[&race_id]).unwrap().get(0);
            assert_eq!(seen, rows);
        }
        rebuilds.join().unwrap();
    });
}
