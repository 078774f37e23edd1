//! Cargo, and the tools that it installs into the cache.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::{Setup, cached, clean_environment};
use crate::progress::Step;
use raceday_stack::layout::{Layout, cache};

/// A program from crates.io.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Tool {
    pub package: &'static str,
    pub version: &'static str,
    pub program: &'static str,
    /// Further arguments of `cargo install`.
    pub arguments: &'static [&'static str],
    /// The arguments that make it print its version; empty if there are none.
    pub version_arguments: &'static [&'static str],
}

impl Tool {
    /// The program's path in the cache, whether or not it exists.
    pub fn place(&self, cache: &Path) -> PathBuf {
        self.folder(cache).join("bin").join(self.program)
    }

    /// Whether the program exists and starts.
    pub fn is_there(&self, cache: &Path) -> bool {
        self.starts(&self.folder(cache))
    }

    /// Builds the program into the cache unless it exists. Returns its path.
    pub fn provide(&self, setup: &Setup, minutes: &str) -> Result<PathBuf> {
        let place = self.folder(&setup.cache);
        if self.starts(&place) {
            return Ok(self.place(&setup.cache));
        }
        let mut step = Step::begin(&format!("building {} {} ({minutes} min)", self.package, self.version));
        cached::entry(
            &place,
            |path| self.starts(path),
            |folder| {
                let root = folder.join(self.program);
                let mut install = cargo(&setup.layout);
                install.args(["install", &format!("{}@{}", self.package, self.version)]).args(self.arguments);
                // A separate target folder keeps the tool's dependencies out of the workspace's.
                install.arg("--root").arg(&root).env("CARGO_TARGET_DIR", folder.join("target"));
                step.run(&mut install, &setup.log)
                    .with_context(|| format!("cannot build {}: is crates.io reachable?", self.package))?;
                Ok(root)
            },
        )?;
        step.done();
        Ok(self.place(&setup.cache))
    }

    fn folder(&self, cache: &Path) -> PathBuf {
        cache.join("tools").join(format!("{}-{}", self.package, self.version))
    }

    fn starts(&self, folder: &Path) -> bool {
        // Cargo writes this list last.
        let list = std::fs::read_to_string(folder.join(".crates.toml")).unwrap_or_default();
        let program = folder.join("bin").join(self.program);
        if !list.contains(&format!("{} {} ", self.package, self.version)) || !program.is_file() {
            return false;
        }
        if self.version_arguments.is_empty() {
            return true;
        }
        let mut command = Command::new(program);
        command.args(self.version_arguments).stdin(Stdio::null());
        command.output().is_ok_and(|output| output.status.success())
    }
}

const CARGO_DENY: Tool = Tool {
    package: "cargo-deny",
    version: "0.20.2",
    program: "cargo-deny",
    arguments: &["--locked"],
    version_arguments: &["--version"],
};

/// `cargo` in the workspace, with the environment of the user's shell.
pub fn cargo(layout: &Layout) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    clean_environment(&mut command);
    command.current_dir(layout.root());
    command
}

/// The path of `cargo-deny`: on PATH, else in the cache, where it is built if missing.
pub fn cargo_deny(layout: &Layout) -> Result<PathBuf> {
    if let Some(path) = raceday_stack::on_path("cargo-deny") {
        return Ok(path);
    }
    if CARGO_DENY.is_there(&cache()?) {
        return Ok(CARGO_DENY.place(&cache()?));
    }
    CARGO_DENY.provide(&Setup::begin(layout)?, "3-5")
}
