//! `raceday-fetcher migrate` on databases whose history is not this program's: it reports what to do next.

use postgres::Client;
use raceday_stack::Postgres;
use raceday_tests::database::{database, migrate};
use raceday_tests::repository;
use raceday_tests::scene::run_fetcher;

fn run_migrate(postgres: &Postgres) -> Result<String, String> {
    run_fetcher(&["migrate"], &[("DATABASE_URL".to_owned(), postgres.url("postgres", "raceday"))])
}

/// Changes the history, lets migrate fail, and restores the history. Returns the error.
fn error_after(session: &mut Client, postgres: &Postgres, change: &str) -> String {
    session.batch_execute("create temp table kept as table raceday.schema_history").unwrap();
    session.batch_execute(change).unwrap();
    let output = run_migrate(postgres).expect_err(change);
    session
        .batch_execute(
            "truncate raceday.schema_history; insert into raceday.schema_history table kept; drop table kept",
        )
        .unwrap();
    output
}

#[test]
fn an_unknown_migration_is_refused_with_the_fix() {
    let postgres = database();
    let mut session = postgres.connect("raceday").unwrap();
    for (change, what) in [
        ("update raceday.schema_history set checksum = '1' where version = 2", "V2__"),
        ("update raceday.schema_history set name = 'of_another_branch' where version = 3", "V3__of_another_branch"),
        ("delete from raceday.schema_history where version = 2", "V2__"),
    ] {
        let output = error_after(&mut session, &postgres, change);
        assert!(output.contains(what), "{output}");
        assert!(output.contains("Nothing was changed") && output.contains("docs/runbooks/deploy.md"), "{output}");
        assert!(output.contains("run the program of the version that applied it"), "{output}");
    }
    let output = run_migrate(&postgres).unwrap();
    assert!(output.contains("already applied"), "{output}");
    assert!(repository::read("docs/runbooks/deploy.md").contains("## When migrate refuses"));
}

#[test]
fn an_older_version_runs_on_a_newer_schema() {
    let postgres = database();
    let mut session = postgres.connect("raceday").unwrap();
    session
        .batch_execute(
            "insert into raceday.schema_history
             select 999, 'of_a_later_version', applied_on, '1' from raceday.schema_history where version = 1",
        )
        .unwrap();
    let output = run_migrate(&postgres).unwrap();
    assert!(output.contains("the database is newer, with V999__of_a_later_version"), "{output}");
    assert!(output.contains("sql/functions:"), "the functions were not replaced: {output}");
    // But not if one of its own migrations is missing.
    let output = error_after(&mut session, &postgres, "delete from raceday.schema_history where version = 2");
    assert!(output.contains("is missing") && output.contains("Nothing was changed"), "{output}");
}

#[test]
fn an_older_version_leaves_a_newer_extension_unchanged() {
    let postgres = database();
    let mut session = postgres.connect("raceday").unwrap();
    session.batch_execute("update pg_extension set extversion = '999.0' where extname = 'pg_raceday_ext'").unwrap();
    let output = run_migrate(&postgres).unwrap();
    assert!(output.contains("sql/functions:"), "{output}");
    let version: String =
        session.query_one("select extversion from pg_extension where extname = 'pg_raceday_ext'", &[]).unwrap().get(0);
    assert_eq!(version, "999.0");
    let log = std::fs::read_to_string(postgres.log()).unwrap();
    assert!(log.contains("pg_raceday_ext 999.0 is in this database"), "{log}");
}

#[test]
fn a_view_of_pools_in_dollars_is_replaced_by_one_in_cents() {
    let postgres = database();
    let mut session = postgres.connect("raceday").unwrap();
    session
        .batch_execute(
            "drop view api.race_pools;
             create view api.race_pools as
             select race_id, win_pool_total, place_pool_total, quinella_pool_total, trifecta_pool_total, exacta_pool_total,
                first4_pool_total, total_race_pool, currency, data_quality_score, extracted_pools, last_updated,
                multi_leg_pool_total from raceday.race_pools",
        )
        .unwrap();
    for _ in 0..2 {
        migrate(&postgres, "raceday");
        let sql = "select pg_typeof(total_race_pool)::text, has_table_privilege('web_anon', 'api.race_pools', 'select')
                   from (select) one left join api.race_pools on true";
        let row = session.query_one(sql, &[]).unwrap();
        assert_eq!((row.get(0), row.get(1)), ("bigint", true));
    }
}

#[test]
fn a_password_that_migrate_sets_is_in_no_statistics_and_no_log() {
    let postgres = database();
    let mut session = postgres.connect("raceday").unwrap();
    for statement in ["select public.pg_stat_statements_reset()", "alter database raceday set log_statement = 'all'"] {
        session.batch_execute(statement).unwrap();
    }
    let password = "to be seen by nobody";
    let variables = [
        ("DATABASE_URL".to_owned(), postgres.url("postgres", "raceday")),
        ("RACEDAY_MONITOR_PASSWORD".to_owned(), password.to_owned()),
    ];
    let output = run_fetcher(&["migrate"], &variables).unwrap();
    assert!(output.contains("password of role raceday_monitor set") && !output.contains(password), "{output}");
    let count = |session: &mut Client, sql: &str| session.query_one(sql, &[&password]).unwrap().get::<_, i64>(0);
    let migrated =
        "select count(*) from public.pg_stat_statements where query like '%pg_advisory_lock%' and query not like $1";
    assert!(count(&mut session, migrated) > 0, "the statistics have no statement of migrate");
    let kept = "select count(*) from public.pg_stat_statements where strpos(query, $1) > 0";
    assert_eq!(count(&mut session, kept), 0);
    let log = std::fs::read_to_string(postgres.log()).unwrap();
    assert!(log.contains("pg_advisory_lock"), "the log has no statement of migrate");
    assert!(!log.contains(password));
}
