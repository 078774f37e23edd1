//! What only the tests of monitoring and Compose run: Prometheus with promtool, postgres_exporter, docker-compose.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::apt::Apt;
use super::{Setup, cached};
use crate::progress::Step;
use crate::stack::on_path;

const PACKAGES: [&str; 2] = ["prometheus", "prometheus-postgres-exporter"];
const PROGRAMS: [&str; 3] = ["promtool", "prometheus", "prometheus-postgres-exporter"];
/// Debian 12 has Compose 1 only, which reads another format.
const COMPOSE_SUITE: &str = "trixie";

/// Provides them in `.raceday/bin` where they are not on PATH. Compose may stay away: its test says so.
pub fn provide(setup: &Setup) -> Result<()> {
    let bin = setup.layout.local("bin");
    let missing = PROGRAMS.iter().any(|program| on_path(program).is_none() && !bin.join(program).exists());
    if missing {
        let mend = "Prometheus is missing: as root `apt-get install --no-install-recommends prometheus \
                    prometheus-postgres-exporter`";
        link(&prometheus(setup).context(mend)?.join("usr/bin"), &PROGRAMS, &bin)?;
    }
    let has_plugin = Command::new("docker").args(["compose", "version"]).output();
    let has_plugin = has_plugin.is_ok_and(|output| output.status.success());
    if !has_plugin && on_path("docker-compose").is_none() && !bin.join("docker-compose").exists() {
        match compose(setup) {
            Ok(tree) => link(&tree.join("usr/libexec/docker/cli-plugins"), &["docker-compose"], &bin)?,
            Err(error) => println!("docker-compose could not be had, its test will say so: {error:#}"),
        }
    }
    Ok(())
}

fn prometheus(setup: &Setup) -> Result<PathBuf> {
    let mut step = Step::begin("Prometheus, promtool and postgres_exporter, for the tests");
    let is_complete = |tree: &Path| PROGRAMS.iter().all(|program| tree.join("usr/bin").join(program).is_file());
    let tree = cached::entry(&setup.cache.join("prometheus"), is_complete, |folder| {
        let unpacked = folder.join("tree");
        let packages = PACKAGES.map(str::to_owned);
        Apt::of_machine(setup, &mut step)?.unpack(setup, &mut step, &packages, &unpacked)?;
        Ok(unpacked)
    })?;
    step.done();
    Ok(tree)
}

fn compose(setup: &Setup) -> Result<PathBuf> {
    let mut step = Step::begin("docker-compose, for its test");
    let is_complete = |tree: &Path| tree.join("usr/libexec/docker/cli-plugins/docker-compose").is_file();
    let tree = cached::entry(&setup.cache.join("docker-compose"), is_complete, |folder| {
        let unpacked = folder.join("tree");
        let packages = ["docker-compose".to_owned()];
        Apt::of_suite(setup, &mut step, COMPOSE_SUITE)?.unpack(setup, &mut step, &packages, &unpacked)?;
        Ok(unpacked)
    })?;
    step.done();
    Ok(tree)
}

/// Links programs of an unpacked tree into `.raceday/bin`.
fn link(from: &Path, programs: &[&str], bin: &Path) -> Result<()> {
    for program in programs {
        cached::remove(&bin.join(program))?;
        std::os::unix::fs::symlink(from.join(program), bin.join(program))
            .with_context(|| format!("cannot link {program} into {}", bin.display()))?;
    }
    Ok(())
}
