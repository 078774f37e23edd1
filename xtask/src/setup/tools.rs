//! Cargo and the tools that it installs into the cache.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::{Setup, cached, clean_environment};
use crate::progress::Step;
use raceday_stack::layout::{Layout, cache};

/// A program from crates.io.
#[derive(Debug)]
pub struct Tool {
    /// The crate.
    pub package: &'static str,
    /// The exact version.
    pub version: &'static str,
    /// The program.
    pub program: &'static str,
    /// More arguments of `cargo install`.
    pub arguments: &'static [&'static str],
    /// What makes it print its version; empty where nothing does.
    pub version_arguments: &'static [&'static str],
}

impl Tool {
    /// Where the program is, or would be, in the cache.
    pub fn place(&self, cache: &Path) -> PathBuf {
        self.folder(cache).join("bin").join(self.program)
    }

    /// Whether the program is there and starts.
    pub fn is_there(&self, cache: &Path) -> bool {
        self.starts(&self.folder(cache))
    }

    /// Builds the program into the cache unless it is there. Returns its path.
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
                // Its own target folder: the workspace's is not to be filled with the tool's dependencies.
                install.arg("--root").arg(&root).env("CARGO_TARGET_DIR", folder.join("target"));
                step.run(&mut install, &setup.log)
                    .with_context(|| format!("{} could not be built: is crates.io reachable?", self.package))?;
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

/// `cargo` in the workspace, as a user would start it.
pub fn cargo(layout: &Layout) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    clean_environment(&mut command);
    command.current_dir(layout.root());
    command
}

/// `cargo-deny`, on PATH or from the cache, built when it is not there.
pub fn cargo_deny(layout: &Layout) -> Result<PathBuf> {
    if let Some(path) = raceday_stack::on_path("cargo-deny") {
        return Ok(path);
    }
    if CARGO_DENY.is_there(&cache()?) {
        return Ok(CARGO_DENY.place(&cache()?));
    }
    CARGO_DENY.provide(&Setup::begin(layout)?, "3-5")
}
