//! A Docker engine and the system of its base images, for the tests of docker-compose.yml.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use raceday_stack::layout::Layout;

use super::apt::{Apt, mirror};
use super::context::Setup;
use super::{cached, rest, test_tools};
use crate::progress::Step;

/// The engine, what it needs of a machine, and what makes the base images' system.
const PACKAGES: [&str; 4] = ["docker.io", "iptables", "iproute2", "mmdebstrap"];
/// One program of each of them.
const PROGRAMS: [&str; 4] = ["usr/sbin/dockerd", "usr/sbin/xtables-legacy-multi", "sbin/ip", "usr/bin/mmdebstrap"];
/// Has PostgreSQL 18 with pg_partman 5.5 and nginx 1.30.
const SUITE: &str = "forky";

/// What the tests of docker-compose.yml run on.
#[derive(Debug)]
pub struct Engine {
    /// The unpacked packages.
    pub tree: PathBuf,
    /// The system of the base images, as a tar.
    pub base: PathBuf,
    /// Docker Compose.
    pub compose: PathBuf,
    /// The stand-in for PostgREST.
    pub postrust: PathBuf,
}

/// Provides all of it in the cache.
pub fn provide(layout: &Layout) -> Result<Engine> {
    let setup = Setup::begin(layout)?;
    let tree = cached::entry(
        &setup.cache.join("debian/engine"),
        |tree| PROGRAMS.iter().all(|program| tree.join(program).exists()),
        |folder| {
            let mut step = Step::begin("a Docker engine, unpacked from Debian's packages");
            let unpacked = folder.join("tree");
            let apt = Apt::of_machine(&setup, &mut step)?;
            apt.unpack(&setup, &mut step, &apt.missing(&PACKAGES)?, &unpacked)?;
            step.done();
            Ok(unpacked)
        },
    )?;
    let recipe = layout.root().join("tests/compose/base.sh");
    let base = setup.cache.join(format!("compose/base-{}.tar", sum(&recipe)?));
    let base = cached::entry(
        &base,
        |tar| tar.metadata().is_ok_and(|data| data.len() > 100_000_000),
        |folder| make_base(&setup, &recipe, &tree, folder),
    )?;
    Ok(Engine { tree, base, compose: test_tools::compose(&setup)?, postrust: rest::stand_in(&setup)? })
}

fn make_base(setup: &Setup, recipe: &Path, tree: &Path, folder: &Path) -> Result<PathBuf> {
    let mut step = Step::begin("the system of the base images (1-2 min)");
    let tar = folder.join("base.tar");
    let mut make = Command::new(recipe);
    make.arg(&tar).args([SUITE, &mirror()?]);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([tree.join("usr/bin")]);
    make.env("PATH", std::env::join_paths(folders)?);
    step.run(&mut make, &setup.log).context("cannot make the system of the base images")?;
    step.done();
    Ok(tar)
}

/// A checksum of a file, for the name of what is made by it.
fn sum(file: &Path) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}
