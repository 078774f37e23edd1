//! `cargo xtask test`: every test of the project, as CI runs them.

mod counts;

use std::io::{BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::ValueEnum;

pub use self::counts::Counts;
use crate::setup::{self, PgrxEnvironment, cargo};
use raceday_stack::{Layout, Prefix, unprivileged};

/// A part of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// rustfmt, clippy, cargo-deny
    Lint,
    /// Tests of the crates, without a server but PostgreSQL
    Unit,
    /// The extension's tests inside of PostgreSQL
    Pg,
    /// End-to-end tests against the real servers
    E2e,
}

/// Runs the parts (all when none is named), then prints `N passed, N failed`. Returns whether nothing failed.
pub fn run(layout: &Layout, only: &[Part]) -> Result<bool> {
    let started = Instant::now();
    let wanted = |part: Part| only.is_empty() || only.contains(&part);
    let mut counts = Counts::default();
    // Without its servers nothing of the rest can be tested, but the count is still printed.
    if let Err(error) = setup::run(layout) {
        println!("error: {error:#}");
        counts.fail("setup");
    } else {
        for part in Part::value_variants().iter().filter(|part| wanted(**part)) {
            let part_started = Instant::now();
            match part {
                Part::Lint => lint(layout, &mut counts),
                Part::Unit => unit(layout, &mut counts),
                Part::Pg => in_postgres(layout, &mut counts),
                Part::E2e => end_to_end(layout, &mut counts),
            }
            println!("--- {part:?}: {} s", part_started.elapsed().as_secs());
        }
    }
    for failure in &counts.failures {
        println!("FAILED: {failure}");
    }
    if counts.ignored > 0 {
        println!("{} ignored (counted neither way)", counts.ignored);
    }
    println!("{} min {} s", started.elapsed().as_secs() / 60, started.elapsed().as_secs() % 60);
    println!("{counts}");
    Ok(counts.failed == 0)
}

fn lint(layout: &Layout, counts: &mut Counts) {
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
        // Its advisories come from a repository that not every machine can reach.
        deny.args(["--all-features", "check", "bans", "licenses", "sources"]).current_dir(layout.root());
        deny
    });
    check("cargo deny", deny, counts);
}

fn unit(layout: &Layout, counts: &mut Counts) {
    let mut tests = cargo(layout);
    tests.args(["test", "--no-fail-fast", "--workspace", "--exclude", "pg_raceday_ext", "--exclude", "raceday-tests"]);
    test("unit tests", Ok(tests), counts);
}

fn in_postgres(layout: &Layout, counts: &mut Counts) {
    // A short place of its own: the path ends up in a Unix socket's address, and pgrx leaves a cluster a run.
    let folder = tempfile::Builder::new().prefix("raceday-pgrx").tempdir();
    let Ok(folder) = folder else { return counts.fail("extension tests: no temporary folder") };
    let command = with_pgrx(layout).map(|with_cargo| {
        let mut command = unprivileged(with_cargo.get_program());
        command.current_dir(layout.root());
        for (name, value) in with_cargo.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        // The tests compare the connection's user with USER; inside of unshare we are nobody.
        if rustix::process::geteuid().is_root() {
            command.env("USER", "nobody");
        }
        // The cluster's last checkpoint may take longer than the minute that pg_ctl waits, where the disk is busy.
        command.env("PGCTLTIMEOUT", "600");
        command.args(["pgrx", "test", "pg18", "--package", "pg_raceday_ext", "--pgdata"]).arg(folder.path());
        command
    });
    test("extension tests in PostgreSQL", command, counts);
}

fn end_to_end(layout: &Layout, counts: &mut Counts) {
    if let Err(error) = setup::build_programs(layout, &["raceday-fetcher", "nztab-sim", "raceday-tools"]) {
        println!("error: {error:#}");
        return counts.fail("building the programs for the end-to-end tests");
    }
    // Tests that need what is missing fail by name; the others still run.
    match setup::test_tools(layout) {
        Ok(missing) => missing.iter().for_each(|error| println!("error: {error:#}")),
        Err(error) => println!("error: {error:#}"),
    }
    let mut tests = cargo(layout);
    tests.args(["test", "--no-fail-fast", "--package", "raceday-tests"]);
    // They wait for servers more than they compute.
    let threads = std::thread::available_parallelism().map_or(4, |cores| cores.get() * 2);
    tests.args(["--", "--test-threads", &threads.to_string()]);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([layout.local("bin")]);
    if let Ok(path) = std::env::join_paths(folders) {
        tests.env("PATH", path);
    }
    tests.env("RACEDAY_BIN_DIR", layout.target().join("release"));
    test("end-to-end tests", Ok(tests), counts);
}

/// `cargo` with what pgrx needs, against the prefix that is for tests.
fn with_pgrx(layout: &Layout) -> Result<Command> {
    let mut command = cargo(layout);
    PgrxEnvironment::of(layout)?.apply(&mut command, &Prefix::at(layout.local("pg-test"))?);
    Ok(command)
}

/// Runs a check, which counts as one test.
fn check(name: &str, command: Result<Command>, counts: &mut Counts) {
    match stream(name, command, |_| ()) {
        Ok(true) => counts.pass(),
        Ok(false) => counts.fail(name),
        Err(error) => counts.fail(&format!("{name}: {error:#}")),
    }
}

/// Runs tests and adds what their runner says. One that fails without naming a test counts as one.
fn test(name: &str, command: Result<Command>, counts: &mut Counts) {
    let mut own = Counts::default();
    match stream(name, command, |line| own.read_line(line)) {
        Ok(true) if own.passed + own.failed == 0 => own.fail(&format!("{name}: no test ran")),
        Ok(true) => (),
        Ok(false) if own.failed > 0 => (),
        Ok(false) => own.fail(name),
        Err(error) => own.fail(&format!("{name}: {error:#}")),
    }
    counts.add(own);
}

/// Runs a command with its output passed on, and handed line by line to `line`. Returns whether it succeeded.
fn stream(name: &str, command: Result<Command>, mut line: impl FnMut(&str)) -> Result<bool> {
    println!("\n=== {name}");
    let mut command = command?;
    let (reader, writer) = std::io::pipe()?;
    let color = if std::io::stdout().is_terminal() { "always" } else { "never" };
    command.env("CARGO_TERM_COLOR", color).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let program = Path::new(command.get_program()).display().to_string();
    let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    // The command holds the pipe's writing ends: without this the reading below would never end.
    drop(command);
    for bytes in BufReader::new(reader).split(b'\n') {
        let bytes = bytes?;
        let text = String::from_utf8_lossy(&bytes);
        println!("{text}");
        line(&text);
    }
    Ok(child.wait()?.success())
}
