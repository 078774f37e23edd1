//! Staged payloads are archived before they are dropped, and can be staged again.

use std::fs;

use chrono::{TimeDelta, Utc};
use postgres::Client;
use raceday_archive::manifest::Manifest;
use raceday_archive::payloads::{Payload, PayloadReader};
use raceday_tests::database::{database, maintain, migrate};
use raceday_tests::simulated_day::{DERIVED, cadence, derived_rows, poll_day, poll_day_at};

use crate::archived::{run, text};

/// Payloads, as `kind race time hash column`, in the order of the archive.
fn staged(client: &mut Client) -> Vec<String> {
    let sql = "select format('%s %s %s %s %s', kind, race_id, extract(epoch from fetched_at),
                   sha256(coalesce(payload_raw, convert_to(payload, 'UTF8'))), payload is null)
               from raceday.staged_payloads order by race_id collate \"C\", fetched_at, payload_id";
    client.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// What `raceday_maintain` does with the partitions of payloads that are due, as `status detail`.
fn retirements(client: &mut Client) -> Vec<String> {
    let sql = "select status || coalesce(' ' || detail, '') from raceday.raceday_maintain(true)
               where action = 'retire' and parent_table = 'raceday.staged_payloads'";
    client.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

fn number(client: &mut Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).unwrap().get(0)
}

#[test]
fn payloads_are_dropped_once_archived_and_come_back_with_the_same_rows() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    // Past the retention of payloads, and within that of history.
    let date = (Utc::now() - TimeDelta::days(10)).date_naive();
    poll_day(&mut client, 11, date, 3);
    let sql = "select raceday.raceday_stage('event', 'not text', $1, null, '\\xff00')";
    client.execute(sql, &[&(date.and_hms_opt(5, 0, 0).unwrap().and_utc())]).unwrap();
    client.batch_execute("select raceday.raceday_process('not text')").unwrap();
    let (before, rows) = (staged(&mut client), derived_rows(&mut client));
    assert!(before.len() > 50 && rows.len() > 1000, "{} payloads, {} rows", before.len(), rows.len());

    let folder = tempfile::tempdir().unwrap();
    let archive = ["archive", "--archive-dir", text(folder.path())];
    // From here on, archiving is on. Without the folder, nothing is archived, and so nothing is dropped.
    let occupied = tempfile::NamedTempFile::new().unwrap();
    run(&server, "raceday_fetcher", "raceday", &["archive", "--archive-dir", text(occupied.path())]).unwrap_err();
    let kept = retirements(&mut client);
    assert!(kept.len() >= 2, "{kept:?}");
    assert!(kept.iter().any(|line| line == "waiting until it is archived: RACEDAY_ARCHIVE_DIR"), "{kept:?}");
    let waiting = "select waiting from raceday.monitor_archive where parent_table = 'raceday.staged_payloads'";
    assert!(number(&mut client, waiting) >= 2);
    assert_eq!(staged(&mut client), before);

    run(&server, "raceday_fetcher", "raceday", &archive).unwrap();
    assert_eq!(number(&mut client, waiting), 0);
    maintain(&mut client);
    assert_eq!(number(&mut client, "select count(*) from raceday.staged_payloads"), 0, "not dropped");

    let tables = DERIVED.map(|(table, _)| format!("raceday.{table}"));
    // The races stay: raceday_rebuild_day asks them for their day.
    let derived: Vec<_> =
        tables.iter().filter(|table| !table.ends_with("races") && !table.ends_with("meetings")).collect();
    for table in derived {
        client.batch_execute(&format!("delete from {table}")).unwrap();
    }
    let lines = run(&server, "postgres", "raceday", &["import-raw", text(folder.path())]).unwrap();
    assert!(lines.last().unwrap().contains("raceday_rebuild_day"), "{lines:?}");
    assert_eq!(staged(&mut client), before);
    client.query("select * from raceday.raceday_rebuild_day($1)", &[&date]).unwrap();
    client.query("select * from raceday.raceday_process_pending(1000)", &[]).unwrap();
    assert_eq!(derived_rows(&mut client), rows);
    // Again, as after an interruption: nothing is staged twice.
    run(&server, "postgres", "raceday", &["import-raw", text(folder.path())]).unwrap();
    assert_eq!(staged(&mut client), before);

    server.create_database("elsewhere").unwrap();
    migrate(&server, "elsewhere");
    let mut elsewhere = server.connect("elsewhere").unwrap();
    run(&server, "postgres", "elsewhere", &["import-raw", text(folder.path())]).unwrap();
    poll_partitions(&mut elsewhere, date);
    elsewhere.query("select * from raceday.raceday_process_pending(1000)", &[]).unwrap();
    elsewhere.query("select * from raceday.raceday_rebuild_day($1)", &[&date]).unwrap();
    assert_eq!(derived_rows(&mut elsewhere), rows);
}

/// The partitions of the histories, which an import of payloads does not create.
fn poll_partitions(client: &mut Client, date: chrono::NaiveDate) {
    let noon = date.and_hms_opt(0, 0, 0).unwrap().and_utc();
    raceday_tests::simulated_day::create_partitions(client, noon - TimeDelta::days(1), noon + TimeDelta::days(1));
}

#[test]
fn a_payload_that_comes_after_the_archive_is_archived_before_the_day_is_dropped() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    let date = (Utc::now() - TimeDelta::days(10)).date_naive();
    poll_day(&mut client, 12, date, 1);
    let folder = tempfile::tempdir().unwrap();
    let archive = ["archive", "--archive-dir", text(folder.path())];
    run(&server, "raceday_fetcher", "raceday", &archive).unwrap();
    let late = "select raceday.raceday_stage('event', 'late', $1, '{}', null)";
    client.execute(late, &[&date.and_hms_opt(4, 0, 0).unwrap().and_utc()]).unwrap();
    // One call per partition: older days go, this one does not.
    let kept: Vec<String> = (0..12).flat_map(|_| retirements(&mut client)).collect();
    assert!(kept.iter().any(|line| line.contains("it is archived again first")), "{kept:?}");
    run(&server, "raceday_fetcher", "raceday", &archive).unwrap();
    maintain(&mut client);
    assert_eq!(number(&mut client, "select count(*) from raceday.staged_payloads"), 0);
    let path = folder.path().join(format!("staged_payloads/{date}.zst"));
    let payloads: Vec<Payload> = PayloadReader::open(&path).unwrap().map(Result::unwrap).collect();
    assert!(payloads.iter().any(|payload| payload.race_id == "late"));
}

#[test]
fn the_bodies_of_a_race_take_a_fraction_of_their_size() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    let date = (Utc::now() - TimeDelta::days(3)).date_naive();
    poll_day_at(&mut client, 13, date, 1, cadence);
    let folder = tempfile::tempdir().unwrap();
    run(&server, "raceday_fetcher", "raceday", &["archive", "--archive-dir", text(folder.path())]).unwrap();
    let manifest = Manifest::read(folder.path()).unwrap();
    let sum = |value: fn(&raceday_archive::manifest::Entry) -> u64| manifest.files.values().map(value).sum::<u64>();
    let (polls, bytes, bodies) =
        (sum(|entry| entry.rows), sum(|entry| entry.bytes), sum(|entry| entry.body_bytes.unwrap()));
    println!("{polls} payloads of {} bytes, {} bytes archived each", bodies / polls, bytes / polls);
    let stored = "select sum(coalesce(pg_column_size(payload), pg_column_size(payload_raw)))::bigint from raceday.staged_payloads";
    let in_postgres = u64::try_from(number(&mut client, stored)).unwrap();
    assert!(bytes * 4 < in_postgres, "{bytes} bytes archived, {in_postgres} in the database");
}

#[test]
fn history_is_dropped_from_schema_archive_only_once_it_is_exported() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    let date = (Utc::now() - TimeDelta::days(60)).date_naive();
    poll_day(&mut client, 14, date, 1);
    maintain(&mut client);
    let left = "select count(*) from raceday.archived_history";
    let archived = number(&mut client, left);
    assert!(archived >= 2, "{archived} partitions in schema archive");
    maintain(&mut client);
    assert_eq!(number(&mut client, left), archived, "without the setting, archived history stays for ever");

    client.batch_execute("update raceday.maintenance_settings set archive_keep = '10 days'").unwrap();
    let waiting = "select count(*) from raceday.raceday_maintain(true) where action = 'drop' and status = 'waiting'";
    assert_eq!(number(&mut client, waiting), archived);
    assert_eq!(number(&mut client, left), archived);
    let rows = "select sum(n_live)::bigint from (
            select (xpath('/row/c/text()', query_to_xml(format('select count(*) as c from %s', relation), false, true, '')))[1]::text::bigint
            from raceday.archived_history) t (n_live)";
    let rows = number(&mut client, rows);
    let folder = tempfile::tempdir().unwrap();
    run(&server, "raceday_fetcher", "raceday", &["archive", "--archive-dir", text(folder.path())]).unwrap();
    let dropped = "select count(*) from raceday.raceday_maintain(true) where action = 'drop' and status = 'dropped'";
    assert_eq!(number(&mut client, dropped), archived);
    assert_eq!(number(&mut client, left), 0);
    let manifest = Manifest::read(folder.path()).unwrap();
    let histories = manifest.files.values().filter(|entry| entry.table != "staged_payloads");
    assert_eq!(histories.map(|entry| entry.rows).sum::<u64>(), u64::try_from(rows).unwrap());
}

#[test]
fn a_damaged_archive_is_not_imported() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    let date = (Utc::now() - TimeDelta::days(3)).date_naive();
    poll_day(&mut client, 15, date, 1);
    let folder = tempfile::tempdir().unwrap();
    run(&server, "raceday_fetcher", "raceday", &["archive", "--archive-dir", text(folder.path())]).unwrap();
    let manifest = Manifest::read(folder.path()).unwrap();
    let (name, entry) = manifest.files.iter().find(|(_, entry)| entry.rows > 0).unwrap();
    let path = folder.path().join(name);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let day = entry.day.to_string();
    let import = ["import-raw", text(folder.path()), "--from", &day, "--to", &day];
    let error = run(&server, "postgres", "raceday", &import).unwrap_err();
    assert!(error.contains("its checksum is not the manifest's"), "{error}");
    let nothing = run(&server, "postgres", "raceday", &["import-raw", "/nonexistent"]).unwrap_err();
    assert!(nothing.contains("has no payloads"), "{nothing}");
}
