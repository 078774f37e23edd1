//! `cargo xtask test`: every test of the project, as CI runs them.

mod compose;
mod counts;
mod parts;
mod runner;

use std::time::Instant;

use anyhow::Result;
use clap::{Args, ValueEnum};
use raceday_stack::Layout;

pub use self::counts::Counts;
use crate::setup;

/// Which tests to run.
#[derive(Debug, Default, Args)]
pub struct TestOptions {
    /// Run only this part; may be repeated
    #[arg(long, value_enum, value_name = "PART")]
    pub only: Vec<Part>,
    /// With `--only compose`: build the Dockerfiles completely instead (40 min on two cores), and print times and sizes
    #[arg(long)]
    pub full: bool,
    /// Run only tests whose name contains this, e.g. `--only e2e -- rest::timeline` (SUITE or SUITE::NAME) or
    /// `--only unit -- decimal`; further arguments go to the test runner, e.g. --nocapture
    #[arg(last = true, value_name = "FILTER")]
    pub filter: Vec<String>,
}

/// A part of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// rustfmt, clippy, cargo-deny, and Biome for JavaScript
    Lint,
    /// Tests of the crates; the only server they start is PostgreSQL
    Unit,
    /// The extension's tests inside PostgreSQL
    Pg,
    /// End-to-end tests against the real servers
    E2e,
    /// docker-compose.yml, run with a Docker engine of its own; only when named, because it takes as long as all the others
    Compose,
}

impl TestOptions {
    /// Whether to run a part. A filter selects tests, so it leaves out lint unless lint is named.
    fn includes(&self, part: Part) -> bool {
        match part {
            _ if !self.only.is_empty() => self.only.contains(&part),
            Part::Lint => self.filter.is_empty(),
            Part::Compose => false,
            Part::Unit | Part::Pg | Part::E2e => true,
        }
    }
}

/// Runs the tests, then prints `N passed, N failed` on the last line. Returns whether nothing failed.
pub fn run(layout: &Layout, options: &TestOptions) -> Result<bool> {
    let started = Instant::now();
    let mut counts = Counts::default();
    // Without the servers no test can run, but CI still expects the count.
    if let Err(error) = setup::run(layout) {
        println!("error: {error:#}");
        counts.fail("setup");
    } else {
        run_parts(layout, options, &mut counts);
    }
    for failure in &counts.failures {
        println!("FAILED: {failure}");
    }
    if counts.ignored > 0 {
        println!("{} ignored (counted as neither)", counts.ignored);
    }
    println!("{} min {} s", started.elapsed().as_secs() / 60, started.elapsed().as_secs() % 60);
    println!("{counts}");
    Ok(counts.failed == 0)
}

fn run_parts(layout: &Layout, options: &TestOptions, counts: &mut Counts) {
    for part in Part::value_variants().iter().filter(|part| options.includes(**part)) {
        let started = Instant::now();
        match part {
            Part::Lint => parts::lint(layout, counts),
            Part::Unit => parts::unit(layout, &options.filter, counts),
            Part::Pg => parts::in_postgres(layout, &options.filter, counts),
            Part::E2e => parts::end_to_end(layout, &options.filter, counts),
            Part::Compose => compose::run(layout, options, counts),
        }
        println!("--- {part:?}: {} s", started.elapsed().as_secs());
    }
    if counts.passed + counts.failed == 0 {
        counts.fail(&format!("no test matches {}: see `cargo xtask help test`", options.filter.join(" ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(only: &[Part], filter: &[&str]) -> TestOptions {
        TestOptions { only: only.to_vec(), full: false, filter: filter.iter().map(|&word| word.to_owned()).collect() }
    }

    fn included(options: &TestOptions) -> Vec<Part> {
        Part::value_variants().iter().copied().filter(|part| options.includes(*part)).collect()
    }

    #[test]
    fn everything_but_compose_runs_unless_a_part_is_named() {
        assert_eq!(included(&options(&[], &[])), [Part::Lint, Part::Unit, Part::Pg, Part::E2e]);
        assert_eq!(included(&options(&[Part::Unit], &["decimal"])), [Part::Unit]);
        assert_eq!(included(&options(&[Part::Compose], &[])), [Part::Compose]);
    }

    #[test]
    fn a_filter_leaves_out_lint() {
        assert_eq!(included(&options(&[], &["decimal"])), [Part::Unit, Part::Pg, Part::E2e]);
    }
}
