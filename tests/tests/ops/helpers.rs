//! What the tests of operations share: the repository's files, the tools that check them, a database.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::Parser;
use raceday_fetcher::config::Cli;
use raceday_stack::{Layout, Postgres, PostgresOptions, wait_until};
use serde_json::Value;

/// The root of the repository.
pub fn repository() -> PathBuf {
    Layout::of_workspace().root().to_path_buf()
}

/// A YAML file of the repository, anchors and merges resolved.
pub fn yaml(path: &str) -> Value {
    let text = std::fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A program of the tests: on PATH, else where `cargo xtask test` unpacked it. Fails the test with what installs it.
pub fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain([Layout::of_workspace().local("bin")]);
    let found = places.map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "there is no {name}: run `cargo xtask test`, which provides it, or as root \
             `apt-get install --no-install-recommends prometheus prometheus-postgres-exporter`"
        )
    })
}

/// Runs promtool in the repository and returns what it printed; fails the test with it when it fails.
pub fn promtool(arguments: &[&str]) -> String {
    let output = Command::new(program("promtool")).args(arguments).current_dir(repository()).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {} failed:\n{text}", arguments.join(" "));
    text
}

/// A server of its own with a migrated database `raceday`, whose partition worker looks every few seconds.
pub fn database() -> Postgres {
    // Where the worker ends at once, the one that starts it can miss its start, take that for a failure, and rest for ten minutes:
    // so it waits a second between two tables, and is started where there are some.
    let options = PostgresOptions::scratch(&Layout::of_workspace()).unwrap();
    let mut options = options.set("pg_partman_bgw.maintenance_wait", "1");
    options.partman.interval_s = 1;
    options.partman.database.clear();
    let postgres = Postgres::start(options).unwrap();
    postgres.create_database("raceday").unwrap();
    migrate(&postgres, "raceday");
    postgres.execute("postgres", "alter system set pg_partman_bgw.dbname = 'raceday'").unwrap();
    postgres.execute("postgres", "select pg_reload_conf()").unwrap();
    postgres
}

/// Waits for what the partition worker of `database` should do; fails with what the server's log has of the worker.
pub fn wait_for_worker(server: &Postgres, what: &str, condition: impl FnMut() -> anyhow::Result<bool>) {
    if let Err(error) = wait_until(what, Duration::from_mins(1), condition) {
        let log = std::fs::read_to_string(server.log()).unwrap();
        let of_worker: Vec<&str> = log.lines().filter(|line| line.contains("partman")).collect();
        panic!(
            "{error}; the log's last lines of the worker:\n{}",
            of_worker[of_worker.len().saturating_sub(20)..].join("\n")
        );
    }
}

/// What `raceday-fetcher migrate` does, with the same password for every role.
pub fn migrate(postgres: &Postgres, database: &str) {
    let url = postgres.url("postgres", database);
    let password = postgres.password("postgres");
    let mut line = vec!["raceday-fetcher", "migrate", "--database-url", &url];
    for option in ["--fetcher-password", "--authenticator-password", "--monitor-password"] {
        line.extend([option, password]);
    }
    let raceday_fetcher::config::Command::Migrate(arguments) = Cli::parse_from(line).command else { unreachable!() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(raceday_fetcher::migrate::migrate(&arguments)).unwrap();
}
