//! `nztab-sim --replay`: an archived day, served as the TAB served it, gives the rows that it gave.

use std::process::Command;

use chrono::{DateTime, TimeDelta, Utc};
use nztab_sim::replay::{Replay, serve};
use postgres::Client;
use raceday_stack::{Fetcher, Layout, Postgres, Process, ProcessSpec, free_port, http_get, wait_until};
use raceday_tests::PATIENCE;
use raceday_tests::database::{database, migrate};
use raceday_tests::http::request;
use raceday_tests::repository::built;
use raceday_tests::simulated_day::{create_partitions, derived_rows, poll_day, poll_day_at};

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

/// A race's money flow, without ids and what depends on the moment of a poll, one line per row.
fn money_flow(client: &mut Client, race_id: &str) -> Vec<String> {
    let sql =
        "select (to_jsonb(h) - '{id,created_at,polling_timestamp}'::text[])::text from raceday.money_flow_history h
               where race_id = $1 order by event_timestamp, entrant_id";
    client.query(sql, &[&race_id]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// Starts `nztab-sim --replay` on an archive; its clock stands still. Returns its URL.
fn replay(folder: &std::path::Path, now: DateTime<Utc>) -> (Process, String) {
    let port = free_port().unwrap();
    let mut command = Command::new(built("nztab-sim"));
    command.arg("--replay").arg(folder).args(["--now", &now.to_rfc3339(), "--speed", "0", "--port", &port.to_string()]);
    let spec = ProcessSpec::new("nztab-sim --replay", command, folder.with_extension("replay.log"));
    let mut process = Process::start(spec).unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let clock = format!("{url}/_sim/clock");
    process.wait_ready(PATIENCE, || http_get(&clock).is_ok_and(|(status, _)| status == 200)).unwrap();
    (process, url)
}

/// A fetcher that polls a replay into database `replayed`.
fn fetcher(server: &Postgres, url: &str, folder: &std::path::Path) -> Fetcher {
    let variables = [
        ("DATABASE_URL", server.url("raceday_fetcher", "replayed")),
        ("NZTAB_API_URL", url.to_owned()),
        ("NZTAB_FROM", "tests@example.org".to_owned()),
        ("NZTAB_PARTNER", "Raceday tests".to_owned()),
        ("RACEDAY_SPOOL_DIR", folder.join("spool").display().to_string()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    Fetcher::start(&built("raceday-fetcher"), &variables, free_port().unwrap(), folder.join("fetcher.log")).unwrap()
}

#[test]
fn a_fetcher_on_a_replayed_day_gives_the_same_money_flow() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    let date = (Utc::now() - TimeDelta::days(3)).date_naive();
    let races = poll_day_at(&mut client, 32, date, 1, |fate| {
        let before = (fate.first_start - 600..fate.first_start).step_by(60);
        before.chain([fate.actual_start + 20, fate.interim_at + 20, fate.final_at + 20]).collect()
    });
    let race = &races[0];
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    run(&server, "raceday_fetcher", "raceday", &["archive", "--archive-dir", text(&archive)]).unwrap();
    let polls: Vec<DateTime<Utc>> =
        polls(&mut client).into_iter().filter(|(_, key, _)| key == race).map(|(.., at)| at).collect();
    let expected = money_flow(&mut client, race);
    assert!(polls.len() >= 12 && expected.len() > 50, "{} polls, {} rows", polls.len(), expected.len());

    server.create_database("replayed").unwrap();
    migrate(&server, "replayed");
    let mut replayed = server.connect("replayed").unwrap();
    create_partitions(&mut replayed, polls[0] - TimeDelta::days(1), polls[0] + TimeDelta::days(1));
    let (_simulator, url) = replay(&archive, polls[0]);
    let mut fetcher = None;
    // The archive stands at a poll until the fetcher has it, so none is passed over, however slow the machine is. The
    // database's clock runs, for the fetcher to poll on.
    for (number, at) in polls.iter().enumerate() {
        let set = request("POST", &format!("{url}/_sim/clock"), &[], Some(at.to_rfc3339().as_bytes()));
        assert_eq!(set.status, 200, "{}", set.text());
        let from = (*at + TimeDelta::milliseconds(100)).to_rfc3339();
        server.simulate_clock(&Layout::of_workspace(), "replayed", &from, 3.0).unwrap();
        fetcher.get_or_insert_with(|| self::fetcher(&server, &url, folder.path()));
        let staged = "select count(*) from raceday.staged_payloads where race_id = $1 and status = 'processed'";
        wait_until(&format!("poll {number} to be processed"), PATIENCE, || {
            Ok(replayed.query_one(staged, &[race])?.get::<_, i64>(0) > i64::try_from(number)?)
        })
        .unwrap();
    }
    let status = fetcher.unwrap().process().stop().unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(money_flow(&mut replayed, race), expected);
    let phase: String =
        replayed.query_one("select phase from raceday.races where race_id = $1", &[race]).unwrap().get(0);
    assert_eq!(phase, "finished");
}
