//! An earlier version of the fetcher and the extension, which a test upgrades: built from this repository's history.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use raceday_stack::layout::{EARLIER_COMMIT, Layout, Prefix, earlier_version};

use super::cached;
use super::context::Setup;
use super::pgrx::PgrxEnvironment;
use super::tools::cargo;
use crate::progress::Step;

/// Builds the earlier version into the cache unless it is there. Returns whether the history has it; a shallow clone's has
/// not, and then the test says that it compares nothing.
pub fn provide(layout: &Layout) -> Result<bool> {
    let place = earlier_version()?;
    if is_complete(&place) {
        return Ok(true);
    }
    let mut look = Command::new("git");
    look.current_dir(layout.root()).args(["cat-file", "-e", &format!("{EARLIER_COMMIT}^{{commit}}")]);
    look.stdin(Stdio::null()).stderr(Stdio::null());
    if !look.status().is_ok_and(|status| status.success()) {
        return Ok(false);
    }
    let setup = Setup::begin(layout)?;
    let mut step = Step::begin("building version 0.2.0, which a test upgrades (once, some minutes)");
    cached::entry(&place, is_complete, |folder| {
        let (source, target, result) = (folder.join("source"), folder.join("target"), folder.join("result"));
        extract(&setup, &source, &mut step)?;
        build(&setup, &source, &target, &mut step)?;
        collect(&source, &target, &result)?;
        Ok(result)
    })
    .context("cannot build version 0.2.0")?;
    step.done();
    Ok(true)
}

fn is_complete(place: &Path) -> bool {
    ["raceday-fetcher", "lib/pg_raceday_ext.so", "share/extension/pg_raceday_ext.control"]
        .iter()
        .all(|file| place.join(file).is_file())
}

fn extract(setup: &Setup, source: &Path, step: &mut Step) -> Result<()> {
    fs::create_dir_all(source)?;
    let archive = source.with_extension("tar");
    let mut write = Command::new("git");
    write.current_dir(setup.layout.root()).args(["archive", EARLIER_COMMIT, "--output"]).arg(&archive);
    step.run(&mut write, &setup.log)?;
    let mut read = Command::new("tar");
    read.arg("--extract").arg("--directory").arg(source).arg("--file").arg(&archive);
    step.run(&mut read, &setup.log)
}

/// Debug builds without debug information: they are soon built and small.
fn build(setup: &Setup, source: &Path, target: &Path, step: &mut Step) -> Result<()> {
    let prefix = Prefix::at(setup.layout.local("pg"))?;
    let mut fetcher = cargo(&setup.layout);
    fetcher.args(["build", "--locked", "--package", "raceday-fetcher"]);
    let mut extension = cargo(&setup.layout);
    PgrxEnvironment::of(&setup.layout)?.apply(&mut extension, &prefix);
    extension.args(["pgrx", "package", "--debug", "--package", "pg_raceday_ext", "--pg-config"]);
    extension.arg(prefix.program("pg_config")).arg("--out-dir").arg(target.join("package"));
    for mut command in [fetcher, extension] {
        command.current_dir(source).env("CARGO_TARGET_DIR", target);
        command.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_INCREMENTAL", "0");
        step.run(&mut command, &setup.log)?;
    }
    Ok(())
}

/// Gathers what the test needs, in the layout that `dynamic_library_path` and `extension_control_path` expect.
fn collect(source: &Path, target: &Path, result: &Path) -> Result<()> {
    let (lib, share) = (result.join("lib"), result.join("share/extension"));
    fs::create_dir_all(&lib)?;
    fs::create_dir_all(&share)?;
    fs::copy(target.join("debug/raceday-fetcher"), result.join("raceday-fetcher"))?;
    let packaged = files_below(&target.join("package"))?;
    for file in packaged.iter().chain(&files_below(&source.join("pg_raceday_ext/sql"))?) {
        let name = file.file_name().context("a file has a name")?;
        let is_library = file.extension().is_some_and(|extension| extension == "so");
        fs::copy(file, if is_library { lib.join(name) } else { share.join(name) })?;
    }
    Ok(())
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}
