//! `raceday-fetcher migrate` on databases whose history is not this program's: it says what to do next.

use postgres::Client;
use raceday_stack::{Fetcher, Postgres};

use crate::scene::{database, program};

fn migrate(postgres: &Postgres) -> Result<String, String> {
    let variables = [("DATABASE_URL".to_owned(), postgres.url("postgres", "raceday"))];
    Fetcher::command(&program("raceday-fetcher"), &["migrate"], &variables).map_err(|error| format!("{error:#}"))
}

/// Changes the history, lets migrate fail, and puts it back; returns what migrate said.
fn said_after(session: &mut Client, postgres: &Postgres, change: &str) -> String {
    session.batch_execute("create temp table kept as table raceday.schema_history").unwrap();
    session.batch_execute(change).unwrap();
    let said = migrate(postgres).expect_err(change);
    session
        .batch_execute(
            "truncate raceday.schema_history; insert into raceday.schema_history table kept; drop table kept",
        )
        .unwrap();
    said
}

#[test]
fn a_migration_that_is_not_this_program_s_is_refused_with_the_mend() {
    let postgres = database();
    let mut session = postgres.connect("raceday").unwrap();
    for (change, what) in [
        ("update raceday.schema_history set checksum = '1' where version = 2", "V2__"),
        ("update raceday.schema_history set name = 'of_another_branch' where version = 3", "V3__of_another_branch"),
        ("delete from raceday.schema_history where version = 2", "V2__"),
    ] {
        let said = said_after(&mut session, &postgres, change);
        assert!(said.contains(what), "{said}");
        assert!(said.contains("Nothing was changed") && said.contains("docs/runbooks/deploy.md"), "{said}");
        assert!(said.contains("run the program of the version that applied it"), "{said}");
    }
    let said = migrate(&postgres).unwrap();
    assert!(said.contains("applied before"), "{said}");
    let runbook = raceday_stack::Layout::of_workspace().root().join("docs/runbooks/deploy.md");
    assert!(std::fs::read_to_string(runbook).unwrap().contains("## When migrate refuses"));
}

#[test]
fn a_former_version_runs_on_a_newer_schema() {
    let postgres = database();
    let mut session = postgres.connect("raceday").unwrap();
    session
        .batch_execute(
            "insert into raceday.schema_history
             select 999, 'of_a_later_version', applied_on, '1' from raceday.schema_history where version = 1",
        )
        .unwrap();
    let said = migrate(&postgres).unwrap();
    assert!(said.contains("the database is newer, with V999__of_a_later_version"), "{said}");
    assert!(said.contains("sql/functions:"), "functions are put back: {said}");
    // But not when one of its own is missing below it.
    let said = said_after(&mut session, &postgres, "delete from raceday.schema_history where version = 2");
    assert!(said.contains("is missing") && said.contains("Nothing was changed"), "{said}");
}

#[test]
fn a_former_version_leaves_a_newer_extension_as_it_is() {
    let postgres = database();
    let mut session = postgres.connect("raceday").unwrap();
    session.batch_execute("update pg_extension set extversion = '999.0' where extname = 'pg_raceday_ext'").unwrap();
    let said = migrate(&postgres).unwrap();
    assert!(said.contains("sql/functions:"), "{said}");
    let version: String =
        session.query_one("select extversion from pg_extension where extname = 'pg_raceday_ext'", &[]).unwrap().get(0);
    assert_eq!(version, "999.0");
    let log = std::fs::read_to_string(postgres.log()).unwrap();
    assert!(log.contains("pg_raceday_ext 999.0 is in this database"), "{log}");
}

#[test]
fn a_password_that_is_set_is_in_no_statistics_and_in_no_log() {
    let postgres = database();
    let mut session = postgres.connect("raceday").unwrap();
    for statement in [
        "create extension pg_stat_statements schema public",
        "select public.pg_stat_statements_reset()",
        "alter database raceday set log_statement = 'all'",
    ] {
        session.batch_execute(statement).unwrap();
    }
    let password = "to be seen by nobody";
    let variables = [
        ("DATABASE_URL".to_owned(), postgres.url("postgres", "raceday")),
        ("RACEDAY_MONITOR_PASSWORD".to_owned(), password.to_owned()),
    ];
    let said = Fetcher::command(&program("raceday-fetcher"), &["migrate"], &variables).unwrap();
    assert!(said.contains("password of role raceday_monitor set") && !said.contains(password), "{said}");
    let count = |session: &mut Client, sql: &str| session.query_one(sql, &[&password]).unwrap().get::<_, i64>(0);
    let migrated =
        "select count(*) from public.pg_stat_statements where query like '%pg_advisory_lock%' and query not like $1";
    assert!(count(&mut session, migrated) > 0, "the statistics know nothing of migrate");
    let kept = "select count(*) from public.pg_stat_statements where strpos(query, $1) > 0";
    assert_eq!(count(&mut session, kept), 0);
    let log = std::fs::read_to_string(postgres.log()).unwrap();
    assert!(log.contains("pg_advisory_lock"), "the log knows nothing of migrate");
    assert!(!log.contains(password));
}
