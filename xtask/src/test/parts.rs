//! The commands of each part.

use std::process::Command;

use anyhow::Result;
use raceday_stack::{Layout, Prefix, unprivileged};

use super::counts::Counts;
use super::runner::{check, test};
use crate::setup::{self, PgrxEnvironment, cargo};

/// rustfmt, clippy, cargo-deny and Biome; each counts as one test.
pub fn lint(layout: &Layout, counts: &mut Counts) {
    let mut format = cargo(layout);
    format.args(["fmt", "--all", "--check"]);
    check("cargo fmt", Ok(format), counts);
    let mut clippy = cargo(layout);
    clippy.args(["clippy", "--workspace", "--exclude", "pg_raceday_ext", "--all-targets", "--", "-D", "warnings"]);
    check("cargo clippy", Ok(clippy), counts);
    let extension = with_pgrx(layout).map(|mut clippy| {
        clippy.args(["clippy", "--package", "pg_raceday_ext", "--all-targets", "--features", "pg_test"]);
        clippy.args(["--", "-D", "warnings"]);
        clippy
    });
    check("cargo clippy of the extension", extension, counts);
    let deny = setup::cargo_deny(layout).map(|program| {
        let mut deny = Command::new(program);
        // Not advisories: they come from a repository that not every machine can reach.
        deny.args(["--all-features", "check", "bans", "licenses", "sources"]).current_dir(layout.root());
        deny
    });
    check("cargo deny", deny, counts);
    let biome = setup::biome(layout).map(|program| {
        let mut biome = Command::new(program);
        biome.args(["ci", "--error-on-warnings", "--colors=off", "."]).current_dir(layout.root());
        biome
    });
    check("JavaScript (Biome)", biome, counts);
}

/// The tests of every crate but the extension and the end-to-end suites.
pub fn unit(layout: &Layout, filter: &[String], counts: &mut Counts) {
    let mut tests = cargo(layout);
    tests.args(["test", "--no-fail-fast", "--workspace", "--exclude", "pg_raceday_ext", "--exclude", "raceday-tests"]);
    tests.arg("--").args(filter);
    test("unit tests", Ok(tests), !filter.is_empty(), counts);
}

/// The extension's `#[pg_test]` functions, by `cargo pgrx test`.
pub fn in_postgres(layout: &Layout, filter: &[String], counts: &mut Counts) {
    // In a short temporary folder: its path becomes part of a Unix socket's address, and pgrx leaves one cluster per run behind.
    let folder = tempfile::Builder::new().prefix("raceday-pgrx").tempdir();
    let Ok(folder) = folder else { return counts.fail("extension tests: cannot make a temporary folder") };
    let command = with_pgrx(layout).map(|with_cargo| {
        let mut command = unprivileged(with_cargo.get_program());
        command.current_dir(layout.root());
        for (name, value) in with_cargo.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        // The tests compare the connection's user with USER; inside unshare that is nobody.
        if rustix::process::geteuid().is_root() {
            command.env("USER", "nobody");
        }
        // On a busy disk the cluster's last checkpoint may take longer than pg_ctl's default of one minute.
        command.env("PGCTLTIMEOUT", "600");
        command.args(["pgrx", "test", "pg18"]);
        // It takes one name, and no arguments of the runner.
        command.args(filter.first());
        command.args(["--package", "pg_raceday_ext", "--pgdata"]).arg(folder.path());
        command
    });
    test("extension tests in PostgreSQL", command, !filter.is_empty(), counts);
}

/// The suites of `tests/tests` against the real servers.
pub fn end_to_end(layout: &Layout, filter: &[String], counts: &mut Counts) {
    if let Err(error) = setup::build_programs(layout, "dev", &["raceday-fetcher", "raceday-live", "nztab-sim", "chaos"])
    {
        println!("error: {error:#}");
        return counts.fail("building the programs for the end-to-end tests");
    }
    // A test whose tool is missing fails with the tool's name; the others still run.
    match setup::test_tools(layout) {
        Ok(missing) => missing.iter().for_each(|error| println!("error: {error:#}")),
        Err(error) => println!("error: {error:#}"),
    }
    if let Err(error) = setup::javascript(layout) {
        println!("error: {error:#}");
    }
    for packages in [setup::PARQUET, setup::PATRONI] {
        if let Err(error) = packages.provide(layout) {
            println!("error: {error:#}");
        }
    }
    match setup::earlier_version(layout) {
        Ok(true) => (),
        Ok(false) => println!("the clone has no history: nothing is upgraded from version 0.2.0"),
        Err(error) => {
            println!("error: {error:#}");
            counts.fail("building the version to upgrade from");
        }
    }
    let mut tests = cargo(layout);
    tests.args(["test", "--no-fail-fast", "--package", "raceday-tests"]);
    let (suite, names) =
        suite_of(filter, |suite| layout.root().join("tests/tests").join(suite).join("main.rs").is_file());
    if let Some(suite) = suite {
        tests.args(["--test", suite]);
    }
    // They wait for servers more than they compute.
    let threads = std::thread::available_parallelism().map_or(6, |cores| cores.get() * 2);
    tests.args(["--", "--test-threads", &threads.to_string()]).args(names);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([layout.local("bin")]);
    if let Ok(path) = std::env::join_paths(folders) {
        tests.env("PATH", path);
    }
    tests.env("RACEDAY_BIN_DIR", layout.target().join("debug"));
    test("end-to-end tests", Ok(tests), !filter.is_empty(), counts);
}

/// Splits `rest::timeline` into the suite `rest` and the name `timeline`; without a suite the filter stays as it is.
fn suite_of(filter: &[String], is_suite: impl Fn(&str) -> bool) -> (Option<&str>, Vec<&str>) {
    let words: Vec<&str> = filter.iter().map(String::as_str).collect();
    let Some((&first, more)) = words.split_first() else { return (None, words) };
    let (suite, name) = first.split_once("::").map_or((first, None), |(suite, name)| (suite, Some(name)));
    if !is_suite(suite) {
        return (None, words);
    }
    (Some(suite), name.into_iter().filter(|name| !name.is_empty()).chain(more.iter().copied()).collect())
}

/// `cargo` with the environment of pgrx, against the prefix for tests.
fn with_pgrx(layout: &Layout) -> Result<Command> {
    let mut command = cargo(layout);
    PgrxEnvironment::of(layout)?.apply(&mut command, &Prefix::at(layout.local("pg-test"))?);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_may_name_a_suite() {
        let split = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            let (suite, names) = suite_of(&words, |suite| suite == "rest");
            (suite.map(str::to_owned), names.join(" "))
        };
        assert_eq!(split(&[]), (None, String::new()));
        for suite in ["rest", "rest::"] {
            assert_eq!(split(&[suite]), (Some("rest".to_owned()), String::new()));
        }
        assert_eq!(
            split(&["rest::timeline", "--nocapture"]),
            (Some("rest".to_owned()), "timeline --nocapture".to_owned())
        );
        assert_eq!(split(&["timeline::pages"]), (None, "timeline::pages".to_owned()));
    }
}
