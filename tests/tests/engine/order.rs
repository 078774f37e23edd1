//! The derived tables are a function of the set of staged payloads: whatever their order, repetition and distribution over
//! calls and sessions, the tables end up identical to those of one ordered run.

use crate::server::{Poll, Server, fingerprint, polls_of, process, stage, violations};
use postgres::Client;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

/// How the polls of a race reach the database: for each session, its calls.
type Deliveries = Vec<Vec<Delivery>>;

/// One call, by the indices of its polls.
#[derive(Debug, Clone)]
enum Delivery {
    /// Staged in one transaction, then processed.
    Staged(Vec<usize>),
    /// Ingested one by one, as the fetcher does.
    Ingested(Vec<usize>),
}

impl Delivery {
    fn polls(&self) -> &[usize] {
        match self {
            Self::Staged(polls) | Self::Ingested(polls) => polls,
        }
    }
}

/// The polls of a race; each case delivers some of them.
const POLLS: usize = 24;

fn deliveries() -> impl Strategy<Value = Deliveries> {
    let polls = || prop::collection::vec(0..POLLS, 1..5);
    let call = prop_oneof![polls().prop_map(Delivery::Staged), polls().prop_map(Delivery::Ingested)];
    prop::collection::vec(prop::collection::vec(call, 1..7), 1..4)
}

#[test]
fn any_delivery_gives_the_tables_of_one_ordered_run() {
    let server = Server::start(&["ordered", "delivered"]);
    let race_index = AtomicU32::new(0);
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let result = runner.run(&deliveries(), |deliveries| {
        let (race_id, polls) = polls_of(race_index.fetch_add(1, Ordering::Relaxed), POLLS);
        let taken: BTreeSet<usize> = deliveries.iter().flatten().flat_map(Delivery::polls).copied().collect();
        run_in_order(&server, &race_id, taken.into_iter().map(|at| &polls[at]));
        deliver(&server, &race_id, &polls, &deliveries);
        let ordered = fingerprint(&mut server.connect("ordered"), &race_id);
        let mut delivered = server.connect("delivered");
        prop_assert_eq!(differences(&fingerprint(&mut delivered, &race_id), &ordered), Vec::<String>::new());
        prop_assert_eq!(violations(&mut delivered, &race_id), Vec::<String>::new());
        delivered.execute("select raceday.raceday_rebuild($1)", &[&race_id]).unwrap();
        prop_assert_eq!(differences(&fingerprint(&mut delivered, &race_id), &ordered), Vec::<String>::new());
        Ok(())
    });
    result.unwrap();
    let compared = "select count(evidence), count(*) filter (where evidence > 0) from raceday.money_flow_history";
    let compared = server.connect("ordered").query_one(compared, &[]).unwrap();
    let (watched, evident): (i64, i64) = (compared.get(0), compared.get(1));
    assert!(
        watched > 50 && evident >= 5,
        "the signals are compared in {watched} rows only, {evident} of them with evidence"
    );
}

/// The rows that only one side has.
fn differences(found: &[String], expected: &[String]) -> Vec<String> {
    let surplus = found.iter().filter(|row| !expected.contains(row)).map(|row| format!("surplus {row}"));
    let missing = expected.iter().filter(|row| !found.contains(row)).map(|row| format!("missing {row}"));
    surplus.chain(missing).collect()
}

fn run_in_order<'a>(server: &Server, race_id: &str, polls: impl Iterator<Item = &'a Poll>) {
    let mut client = server.connect("ordered");
    for poll in polls {
        stage(&mut client, race_id, poll);
        assert_eq!(process(&mut client, race_id), "ok");
    }
}

/// Runs all sessions at the same time, each in a thread.
fn deliver(server: &Server, race_id: &str, polls: &[Poll], deliveries: &Deliveries) {
    std::thread::scope(|scope| {
        for calls in deliveries {
            let mut client = server.connect("delivered");
            scope.spawn(move || {
                for call in calls {
                    let statuses = match call {
                        Delivery::Staged(taken) => vec![stage_and_process(&mut client, race_id, polls, taken)],
                        Delivery::Ingested(taken) => {
                            taken.iter().map(|at| ingest(&mut client, race_id, &polls[*at])).collect()
                        }
                    };
                    // `idle` if another session's call processed the payloads, or delivered the same one.
                    assert!(statuses.iter().all(|status| status == "ok" || status == "idle"), "{statuses:?}");
                }
            });
        }
    });
}

fn stage_and_process(client: &mut Client, race_id: &str, polls: &[Poll], taken: &[usize]) -> String {
    let mut transaction = client.transaction().unwrap();
    for at in taken {
        stage(&mut transaction, race_id, &polls[*at]);
    }
    transaction.commit().unwrap();
    process(client, race_id)
}

fn ingest(client: &mut Client, race_id: &str, poll: &Poll) -> String {
    let sql = "select status from raceday.raceday_ingest('event', $1, $2, $3, null)";
    client.query_one(sql, &[&race_id, &poll.fetched_at, &poll.payload]).unwrap().get(0)
}

#[test]
fn a_payload_staged_while_a_late_one_redoes_its_race_loses_no_rows() {
    let server = Server::start(&["ordered", "delivered"]);
    // Of five polls the last is processed first; one comes late, and another while the late one is processed: an older one,
    // the oldest, a newer one.
    for (index, (late, meanwhile)) in (0..).zip([(3, 2), (2, 0), (1, 3)]) {
        let (race_id, polls) = polls_of(index, 5);
        let mut staged = [late, meanwhile, 4];
        staged.sort_unstable();
        run_in_order(&server, &race_id, staged.iter().map(|at| &polls[*at]));
        let mut client = server.connect("delivered");
        stage(&mut client, &race_id, &polls[4]);
        assert_eq!(process(&mut client, &race_id), "ok");
        stage(&mut client, &race_id, &polls[late]);
        process_while_held(&server, &race_id, &polls[late], || stage(&mut client, &race_id, &polls[meanwhile]));
        // `idle` if the held call processed it too.
        process(&mut client, &race_id);
        let ordered = fingerprint(&mut server.connect("ordered"), &race_id);
        assert_eq!(differences(&fingerprint(&mut client, &race_id), &ordered), [""; 0], "{late}, then {meanwhile}");
        assert_eq!(violations(&mut client, &race_id), [""; 0], "{late}, then {meanwhile}");
    }
}

/// Processes a race whose only pending payload is `poll`, and runs `meanwhile` once the call has taken that payload off the
/// queue and is about to read it: reading marks the payload's row, which stays locked until `meanwhile` is done.
fn process_while_held(server: &Server, race_id: &str, poll: &Poll, meanwhile: impl FnOnce()) {
    let (mut holder, mut client) = (server.connect("delivered"), server.connect("delivered"));
    std::thread::scope(|scope| {
        // Inside the scope, so that a panic releases the call before the scope waits for it.
        let mut hold = holder.transaction().unwrap();
        let sql = "select from raceday.staged_payloads where race_id = $1 and fetched_at = $2 for update";
        assert_eq!(hold.query(sql, &[&race_id, &poll.fetched_at]).unwrap().len(), 1);
        let call = scope.spawn(move || process(&mut client, race_id));
        server.wait_until_blocked("delivered");
        meanwhile();
        hold.commit().unwrap();
        assert_eq!(call.join().unwrap(), "ok");
    });
}

#[test]
fn readers_never_see_a_half_finished_rebuild() {
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
                // A rebuild writes only what differs, so every row is made to.
                client
                    .execute(
                        "update raceday.money_flow_history set win_pool_amount = -1 where race_id = $1",
                        &[&race_id],
                    )
                    .unwrap();
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
