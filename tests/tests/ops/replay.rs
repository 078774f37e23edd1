//! `nztab-sim --replay`: an archived day, served as the TAB served it, gives the rows that it gave.

use chrono::{DateTime, TimeDelta, Utc};
use nztab_sim::replay::{Replay, serve};
use postgres::Client;
use raceday_tests::database::{database, migrate};
use raceday_tests::http::request;
use raceday_tests::simulated_day::{create_partitions, derived_rows, poll_day};

use crate::archived::{run, text};

/// The polls of a database: kind, key and time, as they happened.
fn polls(client: &mut Client) -> Vec<(String, String, DateTime<Utc>)> {
    let sql = "select kind, race_id, fetched_at from raceday.staged_payloads order by fetched_at, race_id";
    client.query(sql, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[test]
fn a_replayed_day_gives_the_same_rows() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    let date = (Utc::now() - TimeDelta::days(3)).date_naive();
    poll_day(&mut client, 31, date, 4);
    let folder = tempfile::tempdir().unwrap();
    run(&server, "raceday_fetcher", "raceday", &["archive", "--archive-dir", text(folder.path())]).unwrap();

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let settings = Replay { folder: folder.path().to_owned(), now: None, speed: 0.0 };
    runtime.spawn(async move { serve(listener, &settings).await.unwrap() });

    server.create_database("replayed").unwrap();
    migrate(&server, "replayed");
    let mut replayed = server.connect("replayed").unwrap();
    let polls = polls(&mut client);
    let (first, last) = (polls.first().unwrap().2, polls.last().unwrap().2);
    create_partitions(&mut replayed, first - TimeDelta::days(1), last);
    for (kind, key, fetched_at) in &polls {
        let set = request("POST", &format!("{url}/_sim/clock"), &[], Some(fetched_at.to_rfc3339().as_bytes()));
        assert_eq!(set.status, 200, "{}", set.text());
        let path = match key.strip_prefix("meetings:") {
            Some(date) => format!("meetings?date_from={date}&date_to={date}&offset=0"),
            None => format!("events/{key}?with_money_tracker=true"),
        };
        let response = request("GET", &format!("{url}/affiliates/v1/racing/{path}"), &[], None);
        assert_eq!(response.status, 200, "{path} at {fetched_at}");
        let ingest = "select status from raceday.raceday_ingest($1, $2, $3, $4, null)";
        let status: String = replayed.query_one(ingest, &[kind, key, fetched_at, &response.text()]).unwrap().get(0);
        assert!(["ok", "idle"].contains(&status.as_str()), "{path} at {fetched_at}: {status}");
    }
    let rows = derived_rows(&mut client);
    assert!(rows.len() > 1000, "{} rows", rows.len());
    assert_eq!(derived_rows(&mut replayed), rows);

    // A race that was first polled later is not known yet.
    let (_, key, _) = polls.iter().find(|(kind, ..)| kind == "event").unwrap();
    request("POST", &format!("{url}/_sim/clock"), &[], Some((first - TimeDelta::days(1)).to_rfc3339().as_bytes()));
    assert_eq!(request("GET", &format!("{url}/affiliates/v1/racing/events/{key}"), &[], None).status, 404);
    let bad = request("POST", &format!("{url}/_sim/clock"), &[], Some(b"yesterday"));
    assert_eq!(bad.status, 400, "{}", bad.text());
}
