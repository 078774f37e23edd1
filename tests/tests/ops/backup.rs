//! The runbooks' commands on real servers: backup and restore, archive and return, and every query.

use std::path::Path;
use std::process::Command;

use chrono::{DateTime, TimeDelta, Utc};
use nztab_sim::day::Category;
use nztab_sim::{Config, Simulator};
use postgres::Client;
use raceday_stack::Postgres;
use raceday_tests::database::{database, maintain, migrate, scratch};
use raceday_tests::{payloads, repository};

/// The tables derived from payloads, and the order of their rows.
const DERIVED: [(&str, &str); 7] = [
    ("meetings", "meeting_id"),
    ("races", "race_id"),
    ("entrants", "entrant_id"),
    ("race_pools", "race_id"),
    ("race_results", "race_id"),
    ("money_flow_history", "race_id, polling_timestamp, entrant_id"),
    ("odds_history", "race_id, polling_timestamp, entrant_id, type"),
];

#[test]
fn a_restored_database_is_identical_and_its_payloads_rebuild_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let ours = database();
    let mut client = ours.connect("raceday").unwrap();
    let race_id = process_a_race(&mut client);
    let before = derived(&mut client);
    let functions = functions(&mut client);
    assert!(before.contains("money_flow_history: ") && before.len() > 10_000, "{} bytes derived", before.len());

    // As in docs/runbooks/backup-restore.md.
    let (roles, dump) = (folder.path().join("roles.sql"), folder.path().join("raceday.dump"));
    tool(&ours, "pg_dumpall", &["--roles-only", "--file", text(&roles)]);
    tool(&ours, "pg_dump", &["--format", "custom", "--file", text(&dump), "raceday"]);
    let other = Postgres::start(scratch()).unwrap();
    tool(&other, "psql", &["--no-psqlrc", "--quiet", "--dbname", "postgres", "--file", text(&roles)]);
    reset_password(&other, ours.password("postgres"));
    tool(&other, "pg_restore", &["--create", "--exit-on-error", "--dbname", "postgres", text(&dump)]);
    migrate(&other, "raceday");

    let mut restored = other.connect("raceday").unwrap();
    assert_eq!(derived(&mut restored), before, "the restored rows differ");
    assert_eq!(functions, self::functions(&mut restored), "owners or privileges of functions differ");
    let search_path: String = restored.query_one("show search_path", &[]).unwrap().get(0);
    assert_eq!(search_path, "raceday, public");

    restored.execute("update raceday.entrants set win_odds = 99", &[]).unwrap();
    assert_ne!(derived(&mut restored), before);
    let status: String =
        restored.query_one("select status from raceday.raceday_rebuild($1)", &[&race_id]).unwrap().get(0);
    assert_eq!(status, "ok");
    assert_eq!(derived(&mut restored), before, "rebuilt rows differ");
    let violations = restored.query("select * from raceday.raceday_check($1)", &[&race_id]).unwrap();
    assert!(violations.is_empty(), "{violations:?}");
}

#[test]
fn an_archived_partition_can_be_exported_dropped_restored_and_attached_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    client
        .batch_execute(
            "select partman.create_partition_time('raceday.money_flow_history', array[date_trunc('day', now()) - interval '40 days']);
             insert into raceday.money_flow_history (entrant_id, race_id, type, time_to_start, seconds_to_start, time_interval,
                 interval_type, event_timestamp, polling_timestamp, win_pool_amount, pool_type, is_consolidated)
             select 'e1', 'r1', 'bucketed_aggregation', 5, 300, 5, '2m', at, at, 164725, 'combined', true
             from (select date_trunc('day', now()) - interval '40 days' + interval '3 hours') v (at)",
        )
        .unwrap();
    let archived = "select relname::text from pg_class where relnamespace = 'archive'::regnamespace and relkind = 'r'";
    maintain(&mut client);
    let partition: String = client.query_one(archived, &[]).unwrap().get(0);
    let count = "select count(*) from raceday.money_flow_history";
    assert_eq!(client.query_one(count, &[]).unwrap().get::<_, i64>(0), 0);

    // As in docs/runbooks/retention-archive.md.
    let dump = folder.path().join("archive.dump");
    tool(&server, "pg_dump", &["--format", "custom", "--table", "archive.*", "--file", text(&dump), "raceday"]);
    client.batch_execute(&format!("drop table archive.{partition}")).unwrap();
    tool(&server, "pg_restore", &["--exit-on-error", "--dbname", "raceday", text(&dump)]);
    let day = partition.rsplit_once("_p").unwrap().1;
    client
        .batch_execute(&format!(
            "update partman.part_config set retention = '60 days' where parent_table = 'raceday.money_flow_history';
             alter table archive.{partition} set schema raceday;
             alter table raceday.money_flow_history attach partition raceday.{partition}
                 for values from ('{day}') to (('{day}'::date + 1)::timestamptz)"
        ))
        .unwrap();
    let amount: i64 = client.query_one("select win_pool_amount from raceday.money_flow_history", &[]).unwrap().get(0);
    assert_eq!(amount, 164_725);

    // Once its retention is 30 days again, it is archived again.
    client.batch_execute("update partman.part_config set retention = '30 days'").unwrap();
    maintain(&mut client);
    assert_eq!(client.query_one(count, &[]).unwrap().get::<_, i64>(0), 0);
    assert!(client.query_opt(archived, &[]).unwrap().is_some(), "the partition is not archived again");
}

#[test]
fn every_query_of_the_runbooks_runs() {
    let server = database();
    let mut ran = 0;
    for entry in std::fs::read_dir(repository::path("docs/runbooks")).unwrap() {
        let path = entry.unwrap().path();
        let page = std::fs::read_to_string(&path).unwrap();
        for block in page.split("```sql\n").skip(1).map(|rest| rest.split_once("```").unwrap().0) {
            let mut client = server.connect("raceday").unwrap();
            client.batch_execute(block).unwrap_or_else(|error| panic!("{}: {error:?}\n{block}", path.display()));
            ran += 1;
        }
    }
    assert!(ran >= 15, "{ran} queries");
}

/// Stages and processes the polls of one simulated race, from an hour before its start until after its end. Returns its id.
fn process_a_race(client: &mut Client) -> String {
    let simulator = Simulator::new(Config { seed: 11, now: Utc::now(), ..Config::default() });
    let today = nztab_sim::day::nz_date(Utc::now().timestamp());
    let meetings = simulator.meetings_between(today, today);
    let followed = meetings.iter().filter(|meeting| meeting.country == "NZ" && meeting.category != Category::Greyhound);
    let mut races = followed.flat_map(|meeting| &meeting.races);
    let race = races.find(|race| race.fate.abandoned_at.is_none()).expect("a race in New Zealand today");
    let (race_id, start) = (race.id.clone(), DateTime::from_timestamp(race.fate.first_start, 0).unwrap());
    for minutes in (-60..=20).step_by(4) {
        let at: DateTime<Utc> = start + TimeDelta::minutes(minutes);
        payloads::stage(client, &race_id, at, &simulator.event(&race_id, at).unwrap());
    }
    let processed = payloads::process(client, &race_id);
    assert!(processed.failed == 0 && processed.payloads > 10, "{processed:?}");
    race_id
}

/// The rows of the derived tables, without ids and times of writing.
fn derived(client: &mut Client) -> String {
    let mut all = String::new();
    for (table, order) in DERIVED {
        let sql = format!(
            "select coalesce(string_agg((to_jsonb(t) - '{{id,created_at,updated_at}}'::text[])::text, E'\\n' order by {order}), '')
             from raceday.{table} t"
        );
        let rows: String = client.query_one(&sql, &[]).unwrap().get(0);
        all.extend([table, ": ", &rows, "\n"]);
    }
    all
}

/// Owner and privileges of every function in our schemas.
fn functions(client: &mut Client) -> Vec<String> {
    let sql = "select format('%s %s %s', p.oid::regprocedure, p.proowner::regrole, array(select unnest(proacl)::text order by 1))
        from pg_proc p where pronamespace in ('raceday'::regnamespace, 'api'::regnamespace) order by 1";
    client.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// Restores the server's own superuser password, which the dump of the roles replaced by the other server's.
fn reset_password(server: &Postgres, replaced_by: &str) {
    let url = format!("postgres://postgres:{replaced_by}@127.0.0.1:{}/postgres", server.port());
    let mut client = Client::connect(&url, postgres::NoTls).unwrap();
    client.batch_execute(&format!("alter role postgres password '{}'", server.password("postgres"))).unwrap();
}

fn tool(server: &Postgres, program: &str, arguments: &[&str]) {
    let mut command = Command::new(server.prefix().program(program));
    command.args(["--host", "127.0.0.1", "--username", "postgres", "--port", &server.port().to_string()]);
    command.args(arguments).env("PGPASSWORD", server.password("postgres"));
    if let Some(libraries) = server.prefix().ld_library_path() {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
