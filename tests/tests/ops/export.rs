//! `raceday-fetcher export`: its files read by DuckDB and pyarrow equal the tables, whole or not there, with equal bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chrono::NaiveDate;
use postgres::Client;
use raceday_archive::manifest::{MANIFEST, Manifest};
use raceday_stack::Postgres;
use raceday_tests::database::{database, maintain};
use raceday_tests::python::python;
use raceday_tests::simulated_day::poll_day;
use serde_json::{Value, json};

use crate::archived::{run, text};

/// A New Zealand racing day, which lies on two UTC days.
const DAY: &str = "2025-11-23";
const DAYS: [&str; 4] = ["--from", "2025-11-22", "--to", "2025-11-23"];

/// The tables with what finds the time of a row `t`, and their key.
const TABLES: [(&str, &str, &str); 7] = [
    ("meetings", "(select min(r.start_time) from raceday.races r where r.meeting_id = t.meeting_id)", "meeting_id"),
    ("races", "t.start_time", "race_id"),
    ("entrants", "(select r.start_time from raceday.races r where r.race_id = t.race_id)", "race_id, entrant_id"),
    ("race_pools", "(select r.start_time from raceday.races r where r.race_id = t.race_id)", "race_id"),
    ("race_results", "(select r.start_time from raceday.races r where r.race_id = t.race_id)", "race_id"),
    ("money_flow_history", "t.event_timestamp", "race_id, event_timestamp, id"),
    ("odds_history", "t.event_timestamp", "race_id, event_timestamp, id"),
];

fn raced(seed: u64) -> (Postgres, Client) {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    poll_day(&mut client, seed, DAY.parse().unwrap(), 4);
    (server, client)
}

fn export(server: &Postgres, folder: &Path, more: &[&str]) -> Result<Vec<String>, String> {
    let arguments = [&["export", "--dir", text(folder)][..], &DAYS[..], more].concat();
    run(server, "raceday_analyst", "raceday", &arguments)
}

/// The rows of a table's day as JSON lists, decimals as text and times in microseconds.
fn rows(client: &mut Client, (table, time, key): (&str, &str, &str), day: &str) -> Vec<Value> {
    let columns = "select string_agg(case data_type
                when 'timestamp with time zone' then format('(extract(epoch from %I) * 1000000)::bigint', column_name)
                when 'numeric' then format('%I::text', column_name)
                when 'date' then format('%I::text', column_name)
                when 'jsonb' then format('%I::text', column_name)
                else quote_ident(column_name) end, ', ' order by ordinal_position)
        from information_schema.columns where table_schema = 'raceday' and table_name = $1";
    let columns: String = client.query_one(columns, &[&table]).unwrap().get(0);
    let columns = columns.split(", ").map(|column| format!("to_jsonb({column})")).collect::<Vec<_>>();
    // A function has at most 100 arguments.
    let list = columns.chunks(50).map(|some| format!("jsonb_build_array({})", some.join(", "))).collect::<Vec<_>>();
    let collation = |name: &str| if name.ends_with("_id") { " collate \"C\"" } else { "" };
    let order = key.split(", ").map(|name| format!("t.{name}{}", collation(name)));
    let sql = format!(
        "select {} from raceday.{table} t where {time} >= $1::text::date and {time} < $1::text::date + 1 order by {}",
        list.join(" || "),
        order.collect::<Vec<_>>().join(", ")
    );
    client.batch_execute("set timezone = 'UTC'").unwrap();
    client.query(&sql, &[&day]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn duckdb_and_pyarrow_read_every_row_of_the_tables() {
    let (server, mut client) = raced(7);
    let folder = tempfile::tempdir().unwrap();
    export(&server, folder.path(), &[]).unwrap();
    let files = python("read_parquet.py", folder.path(), &Value::Null);
    let manifest = Manifest::read(folder.path()).unwrap();
    assert_eq!(manifest.files.len(), 14, "seven tables on two days");
    let mut total = BTreeMap::<&str, usize>::new();
    for (table, time, key) in TABLES {
        for day in ["2025-11-22", "2025-11-23"] {
            let name = format!("{table}/{day}.parquet");
            let expected = rows(&mut client, (table, time, key), day);
            for engine in ["duckdb", "pyarrow"] {
                let read = files[&name][engine]["rows"].as_array().unwrap();
                assert_eq!(read.len(), expected.len(), "{engine} {name}");
                for (read, expected) in read.iter().zip(&expected) {
                    assert_eq!(read, expected, "{engine} {name}");
                }
            }
            assert_eq!(manifest.files[&name].rows, expected.len() as u64, "{name}");
            *total.entry(table).or_default() += expected.len();
        }
    }
    assert!(total.values().all(|rows| *rows > 0), "a table has no row: {total:?}");
    types_are_those_of_the_columns(&files);
}

fn types_are_those_of_the_columns(files: &Value) {
    let file = &files["money_flow_history/2025-11-23.parquet"];
    for (column, duckdb, pyarrow) in [
        ("fixed_win_odds", "DECIMAL(10,2)", "decimal128(10, 2)"),
        ("hold_percentage", "DECIMAL(5,2)", "decimal128(5, 2)"),
        ("event_timestamp", "TIMESTAMP WITH TIME ZONE", "timestamp[us, tz=UTC]"),
        ("time_interval", "INTEGER", "int32"),
        ("win_pool_amount", "BIGINT", "int64"),
        ("race_id", "VARCHAR", "string"),
    ] {
        assert_eq!(file["duckdb"]["types"][column], duckdb, "{column}");
        assert_eq!(file["pyarrow"]["types"][column], pyarrow, "{column}");
    }
    assert_eq!(files["meetings/2025-11-22.parquet"]["duckdb"]["types"]["date"], "DATE");
    assert_eq!(files["race_results/2025-11-22.parquet"]["duckdb"]["types"]["results_data"], "JSON");
}

#[test]
fn the_manifest_has_the_times_of_the_rows_and_the_checksums_of_the_files() {
    let (server, mut client) = raced(8);
    let folder = tempfile::tempdir().unwrap();
    export(&server, folder.path(), &["--tables", "odds_history,races"]).unwrap();
    let manifest = Manifest::read(folder.path()).unwrap();
    assert_eq!(manifest.files.len(), 4);
    let sql = "select min(event_timestamp), max(event_timestamp) from raceday.odds_history
        where event_timestamp >= '2025-11-23Z' and event_timestamp < '2025-11-24Z'";
    let row = client.query_one(sql, &[]).unwrap();
    let entry = &manifest.files["odds_history/2025-11-23.parquet"];
    assert_eq!((entry.min_time, entry.max_time), (row.get(0), row.get(1)));
    assert!(entry.min_time.is_some() && !entry.is_partial);
    for (name, entry) in &manifest.files {
        let output = std::process::Command::new("sha256sum").arg(folder.path().join(name)).output().unwrap();
        assert!(output.stdout.starts_with(entry.sha256.as_bytes()), "{name}");
        assert_eq!(fs::metadata(folder.path().join(name)).unwrap().len(), entry.bytes, "{name}");
    }
}

#[test]
fn equal_rows_give_equal_files_and_what_is_complete_is_kept() {
    let (server, _) = raced(9);
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    export(&server, one.path(), &[]).unwrap();
    export(&server, two.path(), &[]).unwrap();
    let manifest = |folder: &Path| fs::read_to_string(folder.join(MANIFEST)).unwrap();
    let first = manifest(one.path());
    assert_eq!(first, manifest(two.path()));

    // What a killed run leaves: a file without a name, one that the manifest does not have, one that is damaged.
    fs::write(one.path().join("races/2025-11-22.parquet.unfinished"), "half").unwrap();
    fs::remove_file(one.path().join("odds_history/2025-11-22.parquet")).unwrap();
    fs::write(one.path().join("entrants/2025-11-23.parquet"), "damaged").unwrap();
    let lines = export(&server, one.path(), &[]).unwrap();
    assert!(lines[0].starts_with("2 files written, 12 kept"), "{lines:?}");
    assert_eq!(first, manifest(one.path()));
    let lines = export(&server, one.path(), &["--force"]).unwrap();
    assert!(lines[0].starts_with("14 files written, 0 kept"), "{lines:?}");
    let left: Vec<_> = fs::read_dir(one.path().join("races")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_day_in_schema_archive_is_exported_with_null_for_columns_that_it_lacks() {
    let (server, mut client) = raced(10);
    let money_flow = ["--tables", "money_flow_history"];
    let folder = tempfile::tempdir().unwrap();
    export(&server, folder.path(), &money_flow).unwrap();
    let before = Manifest::read(folder.path()).unwrap();
    maintain(&mut client);
    let archived: i64 =
        client.query_one("select count(*) from archive.money_flow_history_p20251123", &[]).unwrap().get(0);
    assert!(archived > 0, "the day was not retired");
    let again = tempfile::tempdir().unwrap();
    let error = export(&server, again.path(), &money_flow).unwrap_err();
    assert!(error.contains("connect as raceday_fetcher"), "{error}");
    let arguments = [&["export", "--dir", text(again.path())][..], &DAYS[..], &money_flow[..]].concat();
    run(&server, "raceday_fetcher", "raceday", &arguments).unwrap();
    assert_eq!(Manifest::read(again.path()).unwrap(), before);

    client.batch_execute("alter table archive.money_flow_history_p20251123 drop column pool_win_odds").unwrap();
    run(&server, "raceday_fetcher", "raceday", &[&arguments[..], &["--force"][..]].concat()).unwrap();
    let files = python("read_parquet.py", again.path(), &Value::Null);
    let file = &files["money_flow_history/2025-11-23.parquet"]["duckdb"];
    let place = "select ordinal_position::int - 1 from information_schema.columns
        where table_schema = 'analysis' and table_name = 'money_flow_history' and column_name = $1";
    let mut place =
        |column: &str| usize::try_from(client.query_one(place, &[&column]).unwrap().get::<_, i32>(0)).unwrap();
    let (dropped, kept) = (place("pool_win_odds"), place("fixed_win_odds"));
    let rows = file["rows"].as_array().unwrap();
    assert_eq!(rows.len(), usize::try_from(archived).unwrap());
    assert!(rows.iter().all(|row| row[dropped] == json!(null)));
    assert!(rows.iter().any(|row| row[kept] != json!(null)));
}

#[test]
fn what_cannot_be_exported_is_an_error_that_gives_the_next_step() {
    let server = database();
    let folder = tempfile::tempdir().unwrap();
    let failing = |arguments: &[&str], role: &str| {
        let dir = ["export", "--dir", text(folder.path())];
        run(&server, role, "raceday", &[&dir[..], arguments].concat()).unwrap_err()
    };
    let error = failing(&["--from", "2025-11-24", "--to", "2025-11-23"], "raceday_analyst");
    assert_eq!(error, "--from 2025-11-24 is after --to 2025-11-23");
    let error = failing(&[&DAYS[..], &["--tables", "staged_payloads"][..]].concat(), "raceday_analyst");
    assert!(error.contains("no such table; there are meetings, races"), "{error}");
    let error = failing(&DAYS, "raceday_monitor");
    assert!(error.contains("connect as raceday_analyst"), "{error}");
    assert!(Manifest::read(folder.path()).unwrap().files.is_empty());
    let today = chrono::Utc::now().date_naive();
    let days = [today.pred_opt().unwrap(), today].map(|day: NaiveDate| day.to_string());
    let arguments = ["export", "--dir", text(folder.path()), "--from", &days[0], "--to", &days[1], "--tables", "races"];
    for expected in ["2 files written, 0 kept", "1 files written, 1 kept"] {
        let lines = run(&server, "raceday_analyst", "raceday", &arguments).unwrap();
        assert!(lines[0].starts_with(expected), "a day that is not over is not complete: {lines:?}");
    }
}
