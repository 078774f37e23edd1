//! A standby that follows, and one that does not: what monitoring and /health say of it.

use std::process::Command;

use postgres::Client;
use raceday_stack::{Postgres, PostgresOptions, free_port, unprivileged, wait_until};
use raceday_tests::PATIENCE;
use raceday_tests::backed::{Backed, MOMENTS};
use raceday_tests::database::database;
use serde_json::Value;
use tempfile::TempDir;

/// Copies a server and starts the copy as its standby, with a slot as Patroni makes one.
fn standby_of(primary: &Postgres, folder: &TempDir) -> Postgres {
    let data = folder.path().join("data");
    let mut copy: Command = unprivileged(primary.prefix().program("pg_basebackup"));
    copy.args(["--checkpoint", "fast", "--write-recovery-conf", "--create-slot", "--slot", "node2", "--no-sync"]);
    copy.arg("--pgdata")
        .arg(&data)
        .args(["--dbname", &format!("{}?application_name=node2", primary.url("postgres", ""))]);
    if let Some(libraries) = primary.prefix().ld_library_path() {
        copy.env("LD_LIBRARY_PATH", libraries);
    }
    let output = copy.output().unwrap();
    assert!(output.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&output.stderr));
    let (prefix, password) = (primary.prefix().clone(), primary.password("postgres"));
    let log = folder.path().join("postgres.log");
    Postgres::start(PostgresOptions::new(prefix, data, free_port().unwrap(), password, log)).unwrap()
}

/// The lag in seconds and the bytes behind that a server reports of a standby.
fn lag(client: &mut Client, standby: &str) -> Option<(f64, i64)> {
    let sql = "select lag_s, behind_bytes from raceday.monitor_replication where standby = $1";
    client.query_opt(sql, &[&standby]).unwrap().map(|row| (row.get(0), row.get(1)))
}

fn health(client: &mut Client) -> Value {
    let text: String = client.query_one("select api.client_health()::text", &[]).unwrap().get(0);
    serde_json::from_str(&text).unwrap()
}

/// The status that the timeline's version has for a reader with this cursor; empty for 200.
fn status(client: &mut Client, cursor: i64) -> String {
    let query = format!("raceId=standby&entrants=standby-alder&cursorAfter={cursor}");
    let mut transaction = client.transaction().unwrap();
    transaction.execute("select api.client_money_flow_timeline_version($1)", &[&query]).unwrap();
    let row = transaction.query_one("select coalesce(current_setting('response.status', true), '')", &[]).unwrap();
    row.get(0)
}

fn newest_id(client: &mut Client) -> i64 {
    client.query_one("select max(id) from raceday.money_flow_history where race_id = 'standby'", &[]).unwrap().get(0)
}

#[test]
fn a_reader_with_a_cursor_gets_no_older_state_from_a_standby() {
    let primary = database();
    let folder = tempfile::Builder::new().prefix("raceday-standby").tempdir().unwrap();
    let standby = standby_of(&primary, &folder);
    let (mut of_primary, mut of_standby) = (primary.connect("raceday").unwrap(), standby.connect("raceday").unwrap());
    let race = Backed::new("standby");
    race.poll(&mut of_primary, &MOMENTS[0]);
    let seen = newest_id(&mut of_primary);
    wait_until("the first poll to arrive", PATIENCE, || Ok(status(&mut of_standby, seen).is_empty())).unwrap();
    of_standby.batch_execute("select pg_wal_replay_pause()").unwrap();
    wait_until("replay to pause", PATIENCE, || {
        Ok(of_standby.query_one("select pg_get_wal_replay_pause_state()", &[])?.get::<_, String>(0) == "paused")
    })
    .unwrap();
    race.poll(&mut of_primary, &MOMENTS[1]);
    let newer = newest_id(&mut of_primary);
    assert_eq!(status(&mut of_standby, newer), "503", "the standby responds with an older state");
    assert_eq!(status(&mut of_standby, seen), "", "whoever has seen no more than the standby need not wait");
    assert_eq!(status(&mut of_primary, i64::MAX), "", "a primary has everything");
    of_standby.batch_execute("select pg_wal_replay_resume()").unwrap();
    wait_until("the second poll to arrive", PATIENCE, || Ok(status(&mut of_standby, newer).is_empty())).unwrap();
}

#[test]
fn a_standby_that_falls_behind_or_stops_following_is_reported() {
    let primary = database();
    let folder = tempfile::Builder::new().prefix("raceday-standby").tempdir().unwrap();
    let mut standby = standby_of(&primary, &folder);
    let (mut of_primary, mut of_standby) = (primary.connect("raceday").unwrap(), standby.connect("raceday").unwrap());
    wait_until("the standby to have caught up", PATIENCE, || {
        let caught_up = lag(&mut of_primary, "node2").is_some_and(|(_, bytes)| bytes == 0);
        Ok(caught_up && lag(&mut of_standby, "itself") == Some((0.0, 0)))
    })
    .unwrap();
    assert_eq!(health(&mut of_primary)["standby_lag_seconds"], Value::Null);
    wait_until("/health to say so", PATIENCE, || Ok(health(&mut of_standby)["standby_lag_seconds"] == 0.0)).unwrap();

    of_standby.batch_execute("select pg_wal_replay_pause()").unwrap();
    of_primary.batch_execute("create table public.later (id int)").unwrap();
    wait_until("the standby to be seen to be behind", PATIENCE, || {
        let is_behind = |lag: Option<(f64, i64)>| lag.is_some_and(|(_, bytes)| bytes > 0);
        let of_itself = lag(&mut of_standby, "itself");
        Ok(is_behind(lag(&mut of_primary, "node2")) && is_behind(of_itself) && of_itself.is_some_and(|(s, _)| s > 0.2))
    })
    .unwrap();
    assert!(health(&mut of_standby)["standby_lag_seconds"].as_f64().unwrap() > 0.0);

    drop(of_standby);
    standby.kill().unwrap();
    wait_until("the standby to be seen not to follow", PATIENCE, || {
        Ok(lag(&mut of_primary, "node2").is_some_and(|(seconds, _)| seconds.is_infinite()))
    })
    .unwrap();
}
