//! PostgreSQL servers with a migrated database `raceday`.

use std::time::Duration;

use clap::Parser;
use raceday_fetcher::config::{Cli, Command};
use raceday_stack::{Layout, Postgres, PostgresOptions, wait_until};

/// The settings of a server for one test: its own folder, a free port, removed with the guard.
pub fn scratch() -> PostgresOptions {
    PostgresOptions::scratch(&Layout::of_workspace()).unwrap()
}

/// Starts a server with a migrated database.
pub fn database() -> Postgres {
    database_with(scratch())
}

/// Starts a server with these settings and a migrated database.
pub fn database_with(options: PostgresOptions) -> Postgres {
    let postgres = Postgres::start(options).unwrap();
    postgres.create_database("raceday").unwrap();
    migrate(&postgres, "raceday");
    postgres
}

/// Starts a server with a migrated database whose partition worker runs every few seconds.
pub fn database_with_worker() -> Postgres {
    // If the worker ends immediately, its launcher can miss the start, take it for a failure and pause for ten minutes.
    // So the worker waits a second between two tables, and starts only once there are tables.
    let mut options = scratch().set("pg_partman_bgw.maintenance_wait", "1");
    options.partman.interval_s = 1;
    options.partman.database.clear();
    let postgres = database_with(options);
    postgres.execute("postgres", "alter system set pg_partman_bgw.dbname = 'raceday'").unwrap();
    postgres.execute("postgres", "select pg_reload_conf()").unwrap();
    postgres
}

/// Does what `raceday-fetcher migrate` does, and sets the roles' passwords.
pub fn migrate(postgres: &Postgres, database: &str) {
    let url = postgres.url("postgres", database);
    let mut line = vec!["raceday-fetcher", "migrate", "--database-url", &url];
    for (option, role) in [
        ("--fetcher-password", "raceday_fetcher"),
        ("--authenticator-password", "authenticator"),
        ("--monitor-password", "raceday_monitor"),
    ] {
        line.extend([option, postgres.password(role)]);
    }
    let Command::Migrate(arguments) = Cli::parse_from(line).command else { unreachable!("the command is migrate") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(raceday_fetcher::migrate::migrate(&arguments)).unwrap();
}

/// Waits until the partition worker has done something; if it does not, fails with the worker's lines of the server's log.
pub fn wait_for_worker(server: &Postgres, what: &str, condition: impl FnMut() -> anyhow::Result<bool>) {
    if let Err(error) = wait_until(what, Duration::from_mins(1), condition) {
        let log = std::fs::read_to_string(server.log()).unwrap();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("partman")).collect();
        panic!("{error}; the worker's last lines in the log:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"));
    }
}
