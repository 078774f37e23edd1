//! What analysts may do, and the questions of `docs/analysis.md`, in PostgreSQL and in DuckDB.

use postgres::{Client, NoTls, SimpleQueryMessage};
use raceday_stack::Postgres;
use raceday_tests::database::database;
use raceday_tests::python::python;
use raceday_tests::repository::read;
use raceday_tests::simulated_day::poll_day;
use serde_json::json;

use crate::archived::{run, text};

fn analyst(server: &Postgres) -> Result<Client, postgres::Error> {
    Client::connect(&server.url("raceday_analyst", "raceday"), NoTls)
}

/// The statements of the page, one per question; where DuckDB's differ, its own.
fn questions() -> Vec<(String, String)> {
    let page = read("docs/analysis.md");
    let sections =
        page.split("\n## ").filter(|section| section.lines().next().is_some_and(|title| title.ends_with('?')));
    let blocks = |section: &str| -> Vec<String> {
        let opened = section.split("```sql\n").skip(1);
        opened.map(|rest| rest.split("```").next().unwrap().trim().trim_end_matches(';').to_owned()).collect()
    };
    sections
        .map(|section| match blocks(section).as_slice() {
            [one] => (one.clone(), one.clone()),
            [postgresql, duckdb] => {
                // The page shows only the part that differs, a subquery.
                let name = "winners as (";
                let part = duckdb.split_once(name).unwrap().1;
                let (before, after) = postgresql.split_once(name).unwrap();
                let rest = after.split_once("\n)").unwrap().1;
                (postgresql.clone(), format!("{before}{name}{part}{rest}"))
            }
            other => panic!("{} statements in: {section}", other.len()),
        })
        .collect()
}

/// The rows of a statement, every value as text.
fn ask(client: &mut Client, sql: &str) -> Vec<Vec<Option<String>>> {
    let messages = client.simple_query(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect()),
        _ => None,
    };
    messages.iter().filter_map(row).collect()
}

/// Whether two values are equal, numbers whatever their notation.
fn is_equal(one: Option<&str>, two: Option<&str>) -> bool {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
    match (number(one), number(two)) {
        (Some(one), Some(two)) => (one - two).abs() < 1e-9,
        _ => one == two,
    }
}

#[test]
fn every_question_of_the_page_has_the_same_result_in_postgresql_and_duckdb() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    for (seed, date) in [(21, "2025-11-23"), (22, "2025-11-24")] {
        poll_day(&mut client, seed, date.parse().unwrap(), 5);
    }
    let folder = tempfile::tempdir().unwrap();
    let days = ["--from", "2025-11-22", "--to", "2025-11-24"];
    let arguments = [&["export", "--dir", text(folder.path())][..], &days[..]].concat();
    run(&server, "raceday_analyst", "raceday", &arguments).unwrap();
    let questions = questions();
    assert_eq!(questions.len(), 5);
    let for_duckdb: Vec<&String> = questions.iter().map(|(_, duckdb)| duckdb).collect();
    let results = python("ask.py", folder.path(), &json!(for_duckdb));
    let mut analyst = analyst(&server).unwrap();
    for ((sql, _), result) in questions.iter().zip(results.as_array().unwrap()) {
        let expected = ask(&mut analyst, sql);
        assert!(!expected.is_empty(), "no row: {sql}");
        let read = result.as_array().unwrap();
        assert_eq!(read.len(), expected.len(), "{sql}");
        for (row, read) in expected.iter().zip(read) {
            let values = read.as_array().unwrap().iter().map(|value| value.as_str());
            let is_same = row.iter().zip(values).all(|(one, two)| is_equal(one.as_deref(), two));
            assert!(is_same, "PostgreSQL {row:?}, DuckDB {read}: {sql}");
        }
    }
    let won = ask(&mut analyst, &questions[4].0);
    assert!(won[0][0].as_deref().unwrap().parse::<u32>().unwrap() > 5, "too few races are finished: {won:?}");
}

#[test]
fn an_analyst_reads_the_views_of_schema_analysis_and_nothing_else() {
    let server = database();
    let mut client = server.connect("raceday").unwrap();
    let mut value = |sql: &str| client.query_one(sql, &[]).unwrap().get::<_, String>(0);
    let relations = value(
        "select coalesce(string_agg(distinct c.oid::regclass::text, ' '), '')
         from pg_class c cross join unnest('{select,insert,update,delete,truncate,references,trigger,maintain}'::text[]) p
         where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
           and case c.relkind when 'S' then has_sequence_privilege('raceday_analyst', c.oid, 'usage')
               else has_table_privilege('raceday_analyst', c.oid, p) end
           and (c.relnamespace <> 'analysis'::regnamespace or p <> 'select')
           and has_schema_privilege('raceday_analyst', c.relnamespace, 'usage')",
    );
    assert_eq!(relations, "", "raceday_analyst can reach these relations");
    let functions = value(
        "select coalesce(string_agg(p.oid::regprocedure::text, ' '), '') from pg_proc p
         where has_function_privilege('raceday_analyst', p.oid, 'execute') and has_schema_privilege('raceday_analyst', p.pronamespace, 'usage')
           and p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)",
    );
    assert_eq!(functions, "", "raceday_analyst can call these functions");
    let views = value(
        "select string_agg(relname, ' ' order by relname) from pg_class where relnamespace = 'analysis'::regnamespace and relkind = 'v'
             and has_table_privilege('raceday_analyst', oid, 'select') and obj_description(oid, 'pg_class') is not null",
    );
    let page = read("docs/analysis.md");
    for view in views.split(' ') {
        assert!(page.contains(&format!("| `{view}` |")), "docs/analysis.md does not describe {view}");
    }
    assert_eq!(views.split(' ').count(), 7);
    let memberships =
        value("select string_agg(rolname, ' ') from pg_roles where pg_has_role('raceday_analyst', oid, 'member')");
    assert_eq!(memberships, "raceday_analyst");
}

#[test]
fn an_analyst_is_refused_what_is_not_its_own() {
    let server = database();
    let mut analyst = analyst(&server).unwrap();
    analyst.batch_execute("select * from races; select * from money_flow_history limit 1").unwrap();
    // A default that it may change; the others do not depend on it.
    analyst.batch_execute("set default_transaction_read_only = off").unwrap();
    for sql in [
        "select * from raceday.races",
        "select payload from raceday.staged_payloads",
        "select * from raceday.user_alert_configs",
        "select * from api.races",
        "select * from partman.part_config",
        "select * from pg_authid",
        "select raceday.now()",
        "select * from raceday.raceday_process('x')",
        "set role raceday_owner",
        "set role raceday_fetcher",
        "set temp_file_limit = -1",
        "copy (select 1) to program 'true'",
        "select pg_read_file('/etc/passwd')",
        "alter role raceday_analyst connection limit -1",
        "delete from analysis.races",
        "create table analysis.t (a int)",
    ] {
        let error = analyst.batch_execute(sql).expect_err(sql);
        assert!("42501" == error.code().unwrap().code(), "{sql}: {error:?}");
    }
    let error = analyst.batch_execute("begin; lock table analysis.races in access exclusive mode").unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42501");
}

#[test]
fn an_analyst_has_limits_of_time_and_sessions() {
    let server = database();
    let mut sessions: Vec<Client> = (0..3).map(|_| analyst(&server).unwrap()).collect();
    let Err(error) = analyst(&server) else { panic!("a fourth session was accepted") };
    assert_eq!(error.code().unwrap().code(), "53300", "{error}");
    for (setting, expected) in [
        ("statement_timeout", "30s"),
        ("lock_timeout", "1s"),
        ("idle_in_transaction_session_timeout", "1min"),
        ("temp_file_limit", "2GB"),
        ("max_parallel_workers_per_gather", "0"),
        ("default_transaction_read_only", "on"),
    ] {
        let is: String = sessions[0].query_one(&format!("show {setting}"), &[]).unwrap().get(0);
        assert_eq!(is, expected, "{setting}");
    }
    // The role's own limit, only shorter: a second for the test.
    server.execute("raceday", "alter role raceday_analyst set statement_timeout = '1s'").unwrap();
    sessions.clear();
    let mut client = server.connect("raceday").unwrap();
    let left = "select count(*) from pg_stat_activity where usename = 'raceday_analyst'";
    raceday_stack::wait_until("the sessions to end", raceday_tests::PATIENCE, || {
        Ok(client.query_one(left, &[])?.get::<_, i64>(0) == 0)
    })
    .unwrap();
    let endless = "select count(*) from generate_series(1, 1000000000000) n";
    let error = analyst(&server).unwrap().query_one(endless, &[]).unwrap_err();
    assert_eq!(error.code().unwrap().code(), "57014", "{error}");
}
