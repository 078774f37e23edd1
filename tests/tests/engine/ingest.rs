//! A payload is staged once, even if several sessions send it at the same time: a fetcher that adopts the responses of a
//! killed one may meet that fetcher's open transaction.

use crate::server::{Poll, Server, fingerprint, polls_of};
use postgres::Client;
use std::thread::ScopedJoinHandle;

const INGEST: &str = "select status = 'ok' from raceday.raceday_ingest('event', $1, $2, $3, null)";
const STAGE: &str = "select raceday.raceday_stage('event', $1, $2, $3, null)";

/// Whether the call stored the payload, rather than finding it stored.
fn take(client: &mut Client, sql: &str, race_id: &str, poll: &Poll) -> bool {
    client.query_one(sql, &[&race_id, &poll.fetched_at, &poll.payload]).unwrap().get(0)
}

/// Sends the same poll in two sessions; `first_ends` ends the first transaction once the second call waits for it.
/// Returns whether the second call stored the payload.
fn send_twice(server: &Server, sql: [&str; 2], race_id: &str, poll: &Poll, first_ends: impl FnOnce(Client)) -> bool {
    let mut first = server.connect("ingest");
    let mut second = server.connect("ingest");
    first.batch_execute("begin").unwrap();
    assert!(take(&mut first, sql[0], race_id, poll));
    std::thread::scope(|scope| {
        let taken: ScopedJoinHandle<bool> = scope.spawn(move || take(&mut second, sql[1], race_id, poll));
        server.wait_until_blocked("ingest");
        first_ends(first);
        taken.join().unwrap()
    })
}

fn staged(server: &Server, race_id: &str) -> i64 {
    let sql = "select count(*) from raceday.staged_payloads where race_id = $1";
    server.connect("ingest").query_one(sql, &[&race_id]).unwrap().get(0)
}

#[test]
fn a_payload_sent_by_two_sessions_at_once_is_staged_once() {
    let server = Server::start(&["ingest"]);
    for (index, sql) in [[INGEST, INGEST], [STAGE, STAGE], [INGEST, STAGE], [STAGE, INGEST]].into_iter().enumerate() {
        let (race_id, polls) = polls_of(u32::try_from(index).unwrap(), 2);
        let commit = |mut first: Client| first.batch_execute("commit").unwrap();
        let second = send_twice(&server, sql, &race_id, &polls[0], commit);
        // A call that finds the payload staged but not processed processes it.
        assert_eq!(second, sql == [STAGE, INGEST], "{sql:?}");
        assert_eq!(staged(&server, &race_id), 1, "{sql:?}");
    }
}

#[test]
fn if_the_first_session_is_killed_the_second_stores_the_payload() {
    let server = Server::start(&["ingest"]);
    let (race_id, polls) = polls_of(0, 2);
    let mut other = server.connect("ingest");
    let kill = |mut first: Client| {
        let pid: i32 = first.query_one("select pg_backend_pid()", &[]).unwrap().get(0);
        other.execute("select pg_terminate_backend($1)", &[&pid]).unwrap();
    };
    assert!(send_twice(&server, [INGEST, INGEST], &race_id, &polls[0], kill));
    assert_eq!(staged(&server, &race_id), 1);
    assert!(!fingerprint(&mut server.connect("ingest"), &race_id).is_empty());
}
