//! pg_partman, copied from Debian's package into the prefix.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::Setup;
use super::apt::Apt;
use crate::progress::Step;

/// The name of Debian's package.
pub const PACKAGE: &str = "postgresql-18-partman";
/// The version; earlier ones have known vulnerabilities.
pub const VERSION: &str = "5.5.0";
const SUITE: &str = "forky";

/// Copies pg_partman into the prefix.
pub fn provide(setup: &Setup, step: &mut Step, prefix: &Path) -> Result<()> {
    let fix = "cannot download pg_partman: provide Debian's apt-get with a mirror, or set PG_CONFIG=/path/to/pg_config of an \
               existing PostgreSQL 18 with pg_partman";
    let tree = setup.cache.join(format!("pg_partman-{VERSION}"));
    let tree = super::cached::entry(&tree, is_complete, |folder| {
        let unpacked = folder.join("tree");
        let apt = Apt::of_suite(setup, step, SUITE)?;
        apt.unpack(setup, step, &[PACKAGE.to_owned()], &unpacked)?;
        Ok(unpacked)
    });
    let tree = tree.context(fix)?;
    copy_files(&tree.join("usr/share/postgresql/18/extension"), &prefix.join("share/extension"))?;
    copy_files(&tree.join("usr/lib/postgresql/18/lib"), &prefix.join("lib"))?;
    let control = fs::read_to_string(prefix.join("share/extension/pg_partman.control"))?;
    if !control.contains(&format!("'{VERSION}'")) {
        bail!("{PACKAGE} in Debian's {SUITE} is no longer version {VERSION}: {}", control.trim());
    }
    Ok(())
}

fn is_complete(tree: &Path) -> bool {
    let extension = tree.join("usr/share/postgresql/18/extension");
    let files = [
        extension.join("pg_partman.control"),
        extension.join(format!("pg_partman--{VERSION}.sql")),
        tree.join("usr/lib/postgresql/18/lib/pg_partman_bgw.so"),
    ];
    files.iter().all(|file| file.is_file())
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}
