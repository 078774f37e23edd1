//! PostgreSQL servers with a migrated database `raceday`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Program;
use std::sync::LazyLock;

use clap::Parser;
use postgres::Client;
use raceday_fetcher::config::{Cli, Command};
use raceday_stack::random::random_password;
use raceday_stack::{Layout, Postgres, PostgresOptions, free_port, wait_until};

use crate::PATIENCE;

/// The settings of a server for one test: its own folder, a free port, removed with the guard.
pub fn scratch() -> PostgresOptions {
    PostgresOptions::scratch(&Layout::of_workspace()).unwrap()
}

/// Starts a server with a migrated database.
pub fn database() -> Postgres {
    database_with(scratch())
}

/// Starts a server with these settings and a migrated database.
pub fn database_with(mut options: PostgresOptions) -> Postgres {
    let template = &*TEMPLATE;
    let copied = Program::new("cp").arg("--archive").arg(&template.data).arg(&options.data).status().unwrap();
    assert!(copied.success(), "cannot copy {}", template.data.display());
    options.passwords.insert("postgres".to_owned(), template.password.clone());
    Postgres::start(options).unwrap()
}

/// A stopped cluster with a migrated database. Every test's server is a copy: creating and migrating one takes longer than
/// most tests.
struct Template {
    data: PathBuf,
    password: String,
}

static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
    let layout = Layout::of_workspace();
    let templates = layout.local("templates");
    remove_of_ended_processes(&templates);
    let (folder, password) = (templates.join(std::process::id().to_string()), random_password().unwrap());
    let (data, log) = (folder.join("data"), folder.join("postgres.log"));
    let options = PostgresOptions::new(layout.prefix().unwrap(), data.clone(), free_port().unwrap(), &password, log);
    // A small log to copy, and no waiting for the disk.
    let mut postgres = Postgres::start(options.set("min_wal_size", "32MB").set("fsync", "off")).unwrap();
    postgres.create_database("raceday").unwrap();
    migrate(&postgres, "raceday");
    postgres.stop().unwrap();
    Template { data, password }
});

/// A process cannot remove its template when it ends, so the next one does.
fn remove_of_ended_processes(templates: &Path) {
    let Ok(entries) = fs::read_dir(templates) else { return };
    for entry in entries.flatten() {
        if !Path::new("/proc").join(entry.file_name()).exists() {
            // Another process may be removing it too.
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

/// Starts a server with a migrated database on which pg_partman's worker runs every second, as a configuration of version
/// 0.2.0 runs it every hour.
pub fn database_with_worker() -> Postgres {
    // If the worker ends immediately, its launcher can miss the start, take it for a failure and pause for ten minutes.
    // So it waits a second after each table, and starts only once there is one that is left to it.
    let options = scratch()
        .set("shared_preload_libraries", "pg_partman_bgw, pg_stat_statements")
        .set("pg_partman_bgw.role", "postgres")
        .set("pg_partman_bgw.interval", "1")
        .set("pg_partman_bgw.maintenance_wait", "1");
    let postgres = database_with(options);
    let own = "create schema own;
        create table own.log (at timestamptz not null) partition by range (at);
        select partman.create_partition('own.log', 'at', '1 day')";
    postgres.execute("raceday", own).unwrap();
    postgres.execute("postgres", "alter system set pg_partman_bgw.dbname = 'raceday'").unwrap();
    postgres.execute("postgres", "select pg_reload_conf()").unwrap();
    postgres
}

/// Calls `raceday_maintain` until nothing is left to do, whatever the hour.
pub fn maintain(client: &mut Client) {
    let left = "select count(*) from raceday.raceday_maintain(true) where status <> 'created'";
    wait_until("the partitions to be maintained", PATIENCE, || Ok(client.query_one(left, &[])?.get::<_, i64>(0) == 0))
        .unwrap();
}

/// Does what `raceday-fetcher migrate` does, and sets the roles' passwords.
pub fn migrate(postgres: &Postgres, database: &str) {
    let url = postgres.url("postgres", database);
    let mut line = vec!["raceday-fetcher", "migrate", "--database-url", &url];
    for (option, role) in [
        ("--fetcher-password", "raceday_fetcher"),
        ("--authenticator-password", "authenticator"),
        ("--monitor-password", "raceday_monitor"),
        ("--analyst-password", "raceday_analyst"),
        ("--live-password", "raceday_live"),
    ] {
        line.extend([option, postgres.password(role)]);
    }
    let Command::Migrate(arguments) = Cli::parse_from(line).command else { unreachable!("the command is migrate") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(raceday_fetcher::migrate::migrate(&arguments)).unwrap();
}
