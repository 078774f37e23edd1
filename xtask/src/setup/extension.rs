//! Builds the extension for release and installs it into `.raceday/pg`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::tools::cargo;
use super::{PgrxEnvironment, Setup};
use crate::progress::Step;
use raceday_stack::layout::{Layout, Prefix};

/// Whether the installed extension was built from the current sources.
pub fn is_installed(layout: &Layout) -> bool {
    let made_from = fs::read_to_string(layout.local("pg").join(STAMP)).unwrap_or_default();
    sources_sum(layout).is_ok_and(|sum| sum == made_from)
}

/// Builds and installs the extension if its sources have changed.
///
/// A running server keeps the old one until it is restarted.
pub fn install(setup: &Setup) -> Result<()> {
    let layout = &setup.layout;
    if is_installed(layout) {
        return Ok(());
    }
    let sum = sources_sum(layout)?;
    let mut step = Step::begin("building and installing the extension (release)");
    let prefix = Prefix::at(layout.local("pg"))?;
    // The old library is removed, not overwritten: a running server may have mapped it.
    let library = layout.local("pg");
    for folder in ["lib", "lib/postgresql/18/lib"] {
        super::cached::remove(&library.join(folder).join("pg_raceday_ext.so"))?;
    }
    let mut install = cargo(layout);
    PgrxEnvironment::of(layout)?.apply(&mut install, &prefix);
    install.args(["pgrx", "install", "--release", "--package", "pg_raceday_ext", "--pg-config"]);
    install.arg(prefix.program("pg_config"));
    step.run(&mut install, &setup.log).context("cannot build the extension")?;
    fs::write(layout.local("pg").join(STAMP), sum)?;
    step.done();
    Ok(())
}

const STAMP: &str = "raceday-extension-made-from";

/// A checksum of everything that the extension is built from.
fn sources_sum(layout: &Layout) -> Result<String> {
    let root = layout.root();
    let mut files = vec![root.join("Cargo.toml"), root.join("Cargo.lock")];
    collect(&root.join("pg_raceday_ext"), &mut files)?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.strip_prefix(root)?.hash(&mut hasher);
        fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Tests, benches and fuzz targets are not part of the library.
        if path.is_dir() && !["tests", "benches", "fuzz", "target", "snapshots"].contains(&name.as_str()) {
            collect(&path, files)?;
        } else if ["rs", "toml", "control", "sql"].iter().any(|end| name.ends_with(&format!(".{end}"))) {
            files.push(path);
        }
    }
    Ok(())
}
