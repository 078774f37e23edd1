//! The JavaScript packages of the tests: Biome, which lints and formats, and the SDKs of the original client. They come from the npm
//! registry, pinned by `tests/js/package-lock.json`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use raceday_stack::layout::{Layout, cache};

use super::cached;
use super::context::Setup;
use crate::progress::Step;

const FILES: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];
const PROGRAM: &str = "node_modules/.bin/biome";

/// The path of Biome. Fails with the command that installs npm.
pub fn biome(layout: &Layout) -> Result<PathBuf> {
    Ok(provide(layout)?.join(PROGRAM))
}

/// The folder of the packages, installed into the cache unless it is there, and linked as `.raceday/js`, where tests find them.
///
/// Fails with the command that installs npm.
pub fn provide(layout: &Layout) -> Result<PathBuf> {
    let sources = layout.root().join("tests/js");
    let place = cache()?.join("npm").join(format!("js-{}", sum(&sources)?));
    if !is_installed(&place) {
        install(&Setup::begin(layout)?, &sources, &place)?;
    }
    let link = layout.local("js");
    if fs::read_link(&link).ok().as_ref() != Some(&place) {
        cached::remove(&link)?;
        fs::create_dir_all(layout.local(""))?;
        symlink(&place, &link).with_context(|| format!("cannot create {}", link.display()))?;
    }
    Ok(place)
}

fn install(setup: &Setup, sources: &Path, place: &Path) -> Result<()> {
    let mut step = Step::begin("JavaScript packages for the tests, from the npm registry");
    let installed = cached::entry(place, is_installed, |folder| {
        let package = folder.join("js");
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
    installed.context(
        "the packages could not be installed: that needs npm (Debian: apt-get install npm) and its registry",
    )?;
    step.done();
    Ok(())
}

/// npm installs all packages or none, so one of them stands for all.
fn is_installed(folder: &Path) -> bool {
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
