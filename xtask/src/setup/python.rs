//! The Python packages of the tests, DuckDB and pyarrow: from PyPI, pinned by `tests/python/requirements.txt`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use raceday_stack::layout::Layout;

use super::cached;
use super::context::Setup;
use crate::progress::Step;

/// Installs the packages into the cache unless they are there. Fails with the command that installs pip.
pub fn provide(layout: &Layout) -> Result<PathBuf> {
    let place = layout.python_packages()?;
    if works(&place) {
        return Ok(place);
    }
    let setup = Setup::begin(layout)?;
    let mut step = Step::begin("DuckDB and pyarrow, from PyPI");
    let installed = cached::entry(&place, works, |folder| {
        let packages = folder.join("packages");
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]);
        pip.arg("--target").arg(&packages).arg("-r").arg(layout.root().join("tests/python/requirements.txt"));
        step.run(&mut pip, &setup.log)?;
        Ok(packages)
    });
    installed.context(
        "DuckDB and pyarrow could not be installed: they need python3 with pip (Debian: apt-get install python3-pip)",
    )?;
    step.done();
    Ok(place)
}

fn works(packages: &Path) -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import duckdb, pyarrow.parquet"]).env("PYTHONPATH", packages);
    python.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
}
