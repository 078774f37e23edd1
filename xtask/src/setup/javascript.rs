//! Biome, which lints and formats the page's JavaScript: from the npm registry, pinned by `tests/js/package-lock.json`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use raceday_stack::layout::{Layout, cache};

use super::{Setup, cached};
use crate::progress::Step;

const FILES: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];
const PROGRAM: &str = "node_modules/.bin/biome";

/// The path of Biome, installed into the cache unless it is there.
///
/// Fails with the command that installs npm.
pub fn biome(layout: &Layout) -> Result<PathBuf> {
    let sources = layout.root().join("tests/js");
    let place = cache()?.join("npm").join(format!("biome-{}", sum(&sources)?));
    if !starts(&place) {
        install(&Setup::begin(layout)?, &sources, &place)?;
    }
    Ok(place.join(PROGRAM))
}

fn install(setup: &Setup, sources: &Path, place: &Path) -> Result<()> {
    let mut step = Step::begin("Biome, from the npm registry");
    let installed = cached::entry(place, starts, |folder| {
        let package = folder.join("biome");
        fs::create_dir(&package)?;
        for file in FILES {
            fs::copy(sources.join(file), package.join(file)).with_context(|| format!("cannot copy {file}"))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts"]).current_dir(&package);
        // Not ~/.npm: setup writes only to its own cache.
        npm.env("npm_config_cache", folder.join("npm-cache"));
        step.run(&mut npm, &setup.log)?;
        Ok(package)
    });
    installed.context("Biome could not be installed: it needs npm (Debian: apt-get install npm) and its registry")?;
    step.done();
    Ok(())
}

fn starts(folder: &Path) -> bool {
    let mut biome = Command::new(folder.join(PROGRAM));
    biome.arg("--version").stdin(Stdio::null());
    biome.output().is_ok_and(|output| output.status.success())
}

/// Changes with the pinned versions.
fn sum(sources: &Path) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in FILES {
        let path = sources.join(file);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}
