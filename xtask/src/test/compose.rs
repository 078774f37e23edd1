//! The part `compose`: docker-compose.yml with a Docker engine of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use raceday_stack::Layout;

use super::TestOptions;
use super::counts::Counts;
use super::runner;
use crate::setup::{self, cargo};

/// The exit code of `engine.sh` when the engine does not start.
const NO_ENGINE: i32 = 75;

/// Runs the suite `tests/tests/compose`, or complete builds. Where no engine can be started, one line says so.
pub fn run(layout: &Layout, options: &TestOptions, counts: &mut Counts) {
    if !rustix::process::geteuid().is_root() {
        println!("compose: not run, because a Docker engine needs root");
        return;
    }
    let engine = match setup::engine(layout) {
        Ok(engine) => engine,
        Err(error) => {
            println!("compose: not run, because there is no Docker engine: {error:#}");
            return;
        }
    };
    if let Err(error) = setup::build_programs(layout, "dev", &PROGRAMS) {
        return counts.fail(&format!("building the programs for the images: {error:#}"));
    }
    let filter = &options.filter;
    match Runner::new(layout, engine).and_then(|runner| Ok((runner.starts()?, runner))) {
        Ok((true, runner)) if options.full => runner::check("complete images", Ok(runner.complete_builds()), counts),
        Ok((true, runner)) => runner::test("docker-compose.yml", runner.suite(filter), !filter.is_empty(), counts),
        Ok((false, _)) => println!("compose: not run, because the Docker engine does not start here"),
        Err(error) => counts.fail(&format!("docker-compose.yml: {error:#}")),
    }
}

/// What the images hold.
const PROGRAMS: [&str; 3] = ["raceday-fetcher", "raceday-live", "nztab-sim"];

/// Commands within the engine's namespaces.
struct Runner {
    layout: Layout,
    engine: setup::Engine,
    /// The engine's folder.
    data: PathBuf,
    /// The settings of the docker command, with Compose as its plugin.
    config: PathBuf,
}

impl Runner {
    fn new(layout: &Layout, engine: setup::Engine) -> Result<Self> {
        let data = layout.local("docker");
        let config = layout.local("docker-config");
        let plugins = config.join("cli-plugins");
        std::fs::create_dir_all(&plugins)?;
        let plugin = plugins.join("docker-compose");
        setup::remove(&plugin)?;
        std::os::unix::fs::symlink(&engine.compose, &plugin)?;
        Ok(Self { layout: layout.clone(), engine, data, config })
    }

    fn starts(&self) -> Result<bool> {
        // What an interrupted run left there would run again.
        setup::remove(&self.data.join("containers"))?;
        let status = self.within("true").status().context("cannot start engine.sh")?;
        Ok(status.code() != Some(NO_ENGINE))
    }

    /// A command that starts the engine, runs `program` with it and ends it.
    fn within(&self, program: &str) -> Command {
        let mut command = Command::new(self.layout.root().join("tests/compose/engine.sh"));
        command.arg(&self.engine.tree).arg(&self.data).arg(program);
        command.current_dir(self.layout.root()).env("DOCKER_CONFIG", &self.config);
        command
    }

    fn complete_builds(&self) -> Command {
        let mut builds = self.within("tests/compose/full.sh");
        builds.arg(self.layout.local("compose-full")).arg(&self.engine.base).arg(&self.engine.postrust);
        builds.env("RACEDAY_ENGINE_NETWORK", "host");
        builds
    }

    fn suite(&self, filter: &[String]) -> Result<Command> {
        let mut build = cargo(&self.layout);
        build.args(["test", "--package", "raceday-tests", "--test", "compose"]);
        // There is no network within.
        let status = build.args(["--no-run", "--quiet"]).status().context("cannot start cargo")?;
        anyhow::ensure!(status.success(), "cannot build the suite");
        let mut tests = self.within("cargo");
        tests.args([
            "test",
            "--offline",
            "--package",
            "raceday-tests",
            "--test",
            "compose",
            "--",
            "--test-threads",
            "1",
        ]);
        tests.args(filter);
        tests.env("RACEDAY_COMPOSE_BASE", &self.engine.base).env("RACEDAY_COMPOSE_POSTRUST", &self.engine.postrust);
        tests.env("RACEDAY_BIN_DIR", self.layout.target().join("debug"));
        Ok(tests)
    }
}
