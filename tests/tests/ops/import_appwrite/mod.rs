//! `import-appwrite`: from one Raceday into another.

mod hostile;

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use chrono::{TimeDelta, Utc};
use clap::Parser;
use postgres::Client;
use raceday_fetcher::config::{self, Cli};
use raceday_fetcher::import_appwrite;
use raceday_stack::{Process, ProcessSpec, wait_until};
use raceday_tests::PATIENCE;
use raceday_tests::database::migrate;
use raceday_tests::http::request;
use raceday_tests::repository::built;
use raceday_tests::simulated_day::{derived_rows, poll_day};
use raceday_tests::stack::Stack;
use serde_json::Value;

use super::compare::Stub;

const COLLECTIONS: [&str; 7] =
    ["user-alert-configs", "meetings", "races", "entrants", "race-pools", "race-results", "money-flow-history"];
/// Tables that an import may change, and none other.
const TABLES: [&str; 9] = [
    "user_alert_configs",
    "meetings",
    "races",
    "entrants",
    "race_pools",
    "race_results",
    "money_flow_history",
    "race_progress",
    "unfinished_imports",
];

/// A Raceday with a past day of the simulator's races and some alerts, and a migrated database `imported` beside it.
struct Scene {
    stack: Stack,
    key: String,
    endpoint: String,
}

impl Scene {
    fn start(seed: u64, races: usize) -> Self {
        let stack = Stack::without_rate_limit();
        let mut source = stack.connect();
        poll_day(&mut source, seed, (Utc::now() - TimeDelta::days(3)).date_naive(), races);
        source
            .batch_execute(
                "delete from raceday.races where polled_at is null;
                 insert into raceday.user_alert_configs (indicator_id, user_id, percentage_range_min, percentage_range_max, color,
                     display_order, enabled, last_updated)
                 select format('alert%s%s', u, n), 'user ' || u, 5 * n, case when n < 6 then 5 * n + 5 end, '#00FF0' || n, n, n <> 3,
                     now() - interval '1 day'
                 from generate_series(1, 3) u, generate_series(1, 6) n",
            )
            .unwrap();
        stack.postgres.create_database("imported").unwrap();
        migrate(&stack.postgres, "imported");
        let key = stack.value("select raceday.raceday_key_add('import', 'read')");
        let endpoint = format!("{}/v1", stack.nginx.url());
        Self { stack, key, endpoint }
    }

    fn imported(&self) -> Client {
        self.stack.postgres.connect("imported").unwrap()
    }

    fn arguments(&self, endpoint: &str, more: &[&str]) -> Vec<String> {
        let url = self.stack.postgres.url("postgres", "imported");
        let line = ["import-appwrite", "--database-url", &url, "--endpoint", endpoint, "--project", "raceday"];
        line.iter().chain(&["--key", &self.key]).chain(more).map(|&argument| argument.to_owned()).collect()
    }

    /// Imports from this endpoint. Returns the report, or the error.
    fn import(&self, endpoint: &str, more: &[&str]) -> Result<Vec<String>, String> {
        let line = std::iter::once("raceday-fetcher".to_owned()).chain(self.arguments(endpoint, more));
        let config::Command::ImportAppwrite(settings) = Cli::parse_from(line).command else { unreachable!() };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(import_appwrite::import(&settings)).map_err(|error| format!("{error:#}"))
    }
}

/// The counts of a collection in a report: read, new, equal, different, replaced, refused.
#[track_caller]
fn counts(report: &[String], collection: &str) -> [u64; 6] {
    let line = report.iter().find(|line| line.split_whitespace().next() == Some(collection));
    let line = line.unwrap_or_else(|| panic!("{report:#?}"));
    let numbers: Vec<u64> = line.split_whitespace().skip(1).map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

/// Every row of a collection as a document, without the ids of rows that are numbered.
fn documents(client: &mut Client, collection: &str) -> Vec<Value> {
    let sql = "select raceday.appwrite_selected_document($1, '[]'), raceday.appwrite_collection($1) ->> 'from'";
    let row = client.query_one(sql, &[&collection]).unwrap();
    let (document, from): (String, String) = (row.get(0), row.get(1));
    client.batch_execute("set timezone = 'UTC'").unwrap();
    let rows = client.query(&format!("select ({document})::jsonb as document from {from}"), &[]).unwrap();
    let mut documents: Vec<Value> = rows.iter().map(|row| row.get(0)).collect();
    if collection == "money-flow-history" {
        for document in &mut documents {
            document["$id"] = Value::Null;
        }
    }
    documents.sort_by_key(Value::to_string);
    documents
}

/// Every row of the tables that an import may change, and where their sequences are.
fn rows(client: &mut Client) -> Vec<String> {
    let mut rows = Vec::new();
    for table in TABLES {
        let sql = format!("select $1 || t::text from raceday.{table} t order by 1");
        rows.extend(client.query(&sql, &[&table]).unwrap().iter().map(|row| row.get::<_, String>(0)));
    }
    let sequences =
        "select sequencename || coalesce(last_value, 0) from pg_sequences where schemaname = 'raceday' order by 1";
    rows.extend(client.query(sequences, &[]).unwrap().iter().map(|row| row.get::<_, String>(0)));
    let partitions = "select relid::text from pg_partition_tree('raceday.money_flow_history') order by 1";
    rows.extend(client.query(partitions, &[]).unwrap().iter().map(|row| row.get::<_, String>(0)));
    rows
}

#[track_caller]
fn assert_equal(scene: &Scene) {
    let (mut source, mut imported) = (scene.stack.connect(), scene.imported());
    for collection in COLLECTIONS {
        let (theirs, ours) = (documents(&mut source, collection), documents(&mut imported, collection));
        assert!(!theirs.is_empty(), "{collection}");
        assert_eq!(ours.len(), theirs.len(), "{collection}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs, "{collection}");
        }
    }
}

#[test]
fn one_raceday_imports_what_another_exports() {
    let scene = Scene::start(41, 4);
    let mut imported = scene.imported();
    let before = rows(&mut imported);
    let promised = scene.import(&scene.endpoint, &["--dry-run"]).unwrap();
    assert_eq!(rows(&mut imported), before, "a dry run changed something");

    let report = scene.import(&scene.endpoint, &[]).unwrap();
    for collection in COLLECTIONS {
        let [read, new, .., refused] = counts(&report, collection);
        assert!(read > 0 && new == read && refused == 0, "{report:#?}");
        assert_eq!(counts(&promised, collection), counts(&report, collection), "the dry run promised something else");
    }
    assert!(counts(&report, "money-flow-history")[0] > 500, "{report:#?}");
    assert_equal(&scene);
    // Readers find it, and the schedule does not poll it.
    let list = "select raceday.appwrite_list('money-flow-history',
                    jsonb_build_array(jsonb_build_object('method', 'equal', 'attribute', 'raceId', 'values', jsonb_build_array(race_id))))::json ->> 'total'
                from raceday.races order by race_id";
    let totals = |client: &mut Client| -> Vec<String> {
        client.query(list, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(totals(&mut imported), totals(&mut scene.stack.connect()));
    let due: i64 = imported.query_one("select count(*) from raceday.due_races", &[]).unwrap().get(0);
    assert_eq!(due, 0);

    let after = rows(&mut imported);
    let again = scene.import(&scene.endpoint, &[]).unwrap();
    for collection in COLLECTIONS {
        let [read, new, equal, different, replaced, refused] = counts(&again, collection);
        assert_eq!([read, new, different, replaced, refused], [equal, 0, 0, 0, 0], "{again:#?}");
        assert_eq!(read, counts(&report, collection)[0]);
    }
    assert_eq!(rows(&mut imported), after);
}

#[test]
fn what_is_here_stays_unless_it_is_an_older_alert() {
    let scene = Scene::start(42, 2);
    let mut imported = scene.imported();
    // One of the two races was polled here as well, and differs.
    poll_day(&mut imported, 42, (Utc::now() - TimeDelta::days(3)).date_naive(), 1);
    imported
        .batch_execute(
            "delete from raceday.races where polled_at is null;
             update raceday.races set name = 'Ours';
             insert into raceday.user_alert_configs (indicator_id, user_id, percentage_range_min, color, display_order, last_updated)
             values ('newer', 'user 1', 50, '#ABCDEF', 1, now()), ('older', 'user 1', 50, '#ABCDEF', 2, now() - interval '2 days')",
        )
        .unwrap();
    let polled = "select race_id from raceday.races where polled_at is not null";
    let polled: String = imported.query_one(polled, &[]).unwrap().get(0);
    let of_race = |client: &mut Client| -> Vec<String> {
        derived_rows(client).into_iter().filter(|row| row.contains(&polled)).collect()
    };
    let before = of_race(&mut imported);
    assert!(before.len() > 200, "{} rows", before.len());

    let report = scene.import(&scene.endpoint, &[]).unwrap();
    assert_eq!(of_race(&mut imported), before);
    assert_eq!(counts(&report, "races"), [2, 1, 0, 1, 0, 0], "{report:#?}");
    assert!(report.iter().any(|line| line.contains("races: 1 different: differs from ours in name")), "{report:#?}");
    // Its money flow is not even read.
    let theirs: i64 = scene
        .stack
        .connect()
        .query_one("select count(*) from raceday.money_flow_history where race_id <> $1", &[&polled])
        .unwrap()
        .get(0);
    assert_eq!(counts(&report, "money-flow-history")[1], u64::try_from(theirs).unwrap(), "{report:#?}");

    assert_eq!(counts(&report, "user-alert-configs"), [18, 16, 0, 1, 1, 0], "{report:#?}");
    let alerts = "select string_agg(format('%s %s %s %s', indicator_id, percentage_range_min, percentage_range_max, color), '; ' order by display_order)
                  from raceday.user_alert_configs where user_id = 'user 1' and display_order < 3";
    let alerts: String = imported.query_one(alerts, &[]).unwrap().get(0);
    assert_eq!(alerts, "newer 50.00  #ABCDEF; older 10.00 15.00 #00FF02");
}

/// Relays to a backend. The given request, counted from 1, is reported, gets no response until the test lets it go on, and
/// then an error.
fn relay_that_waits(to: &str, key: &str, at: usize) -> (Stub, Receiver<()>, Sender<()>) {
    let (to, key, requests) = (to.trim_end_matches("/v1").to_owned(), key.to_owned(), AtomicUsize::new(0));
    let (reached, is_reached) = channel();
    let (go_on, waits) = channel();
    let stub = Stub::serving(move |path| {
        if requests.fetch_add(1, Ordering::Relaxed) + 1 == at {
            reached.send(()).unwrap();
            waits.recv().ok();
            return (503, "{}".to_owned());
        }
        let headers = [("x-appwrite-project", "raceday"), ("x-appwrite-key", key.as_str())];
        let response = request("GET", &format!("{to}{path}"), &headers, None);
        (response.status, response.text())
    });
    (stub, is_reached, go_on)
}

#[test]
fn an_import_that_is_killed_continues_where_it_stopped() {
    let scene = Scene::start(43, 2);
    // Six collections of one page, then pages of money flow.
    let (stub, is_reached, go_on) = relay_that_waits(&scene.endpoint, &scene.key, 10);
    let endpoint = format!("{}/v1", stub.url);
    let mut command = Command::new(built("raceday-fetcher"));
    command.args(scene.arguments(&endpoint, &[]));
    let log = scene.stack.folder.path().join("import.log");
    let mut process = Process::start(ProcessSpec::new("import-appwrite", command, log)).unwrap();
    is_reached.recv_timeout(PATIENCE).unwrap();
    let running = scene.import(&endpoint, &[]).unwrap_err();
    assert!(running.contains("another import is running"), "{running}");
    process.kill().unwrap();
    go_on.send(()).unwrap();
    let mut imported = scene.imported();
    let rows: i64 = imported.query_one("select count(*) from raceday.money_flow_history", &[]).unwrap().get(0);
    assert!(rows > 0, "killed before there was money flow");
    let sessions = "select count(*) from pg_stat_activity where application_name = 'raceday-fetcher import-appwrite'";
    wait_until("the server to notice", PATIENCE, || Ok(imported.query_one(sessions, &[])?.get::<_, i64>(0) == 0))
        .unwrap();

    let report = scene.import(&endpoint, &[]).unwrap();
    assert!(report[0].starts_with("continued in money-flow-history"), "{report:#?}");
    for collection in COLLECTIONS {
        let [read, new, ..] = counts(&report, collection);
        assert!(read > 0 && read == new, "what was imported before the kill was read again: {report:#?}");
    }
    assert_equal(&scene);
    let left: i64 = imported.query_one("select count(*) from raceday.unfinished_imports", &[]).unwrap().get(0);
    assert_eq!(left, 0);
}

#[test]
fn a_wrong_key_or_a_backend_without_documents_ends_the_import_with_the_reason() {
    let mut scene = Scene::start(45, 1);
    let elsewhere = scene.import(&scene.stack.nginx.url(), &[]).unwrap_err();
    assert!(elsewhere.contains("does not list user-alert-configs (status 404)"), "{elsewhere}");
    scene.key = "wrong".to_owned();
    let refused = scene.import(&scene.endpoint, &[]).unwrap_err();
    assert!(refused.contains("does not accept the key: give the backend's key in APPWRITE_API_KEY"), "{refused}");
}

#[test]
fn the_importer_may_call_its_functions_and_nothing_else() {
    let stack = Stack::without_rate_limit();
    let relations = stack.value(
        "select coalesce(string_agg(c.oid::regclass::text, ' '), '') from pg_class c
         cross join unnest('{select,insert,update,delete,truncate}'::text[]) p
         where c.relkind in ('r', 'p', 'v') and c.relnamespace in ('raceday'::regnamespace, 'api'::regnamespace, 'partman'::regnamespace)
           and has_table_privilege('raceday_importer', c.oid, p) and has_schema_privilege('raceday_importer', c.relnamespace, 'usage')",
    );
    assert_eq!(relations, "");
    let functions = stack.value(
        "select string_agg(p.proname, ' ' order by p.proname) from pg_proc p
         where p.pronamespace in ('raceday'::regnamespace, 'api'::regnamespace, 'partman'::regnamespace)
           and has_function_privilege('raceday_importer', p.oid, 'execute')
           and has_schema_privilege('raceday_importer', p.pronamespace, 'usage')",
    );
    assert_eq!(functions, "raceday_import_begin raceday_import_documents raceday_import_note raceday_imported_races");
}
