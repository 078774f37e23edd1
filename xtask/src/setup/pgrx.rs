//! cargo-pgrx, which builds, installs and tests the extension, with its own PGRX_HOME.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::tools::{Tool, cargo};
use super::{Setup, libclang};
use raceday_stack::layout::{Layout, Prefix, cache};

/// The latest version that builds with the workspace's Rust.
const CARGO_PGRX: Tool = Tool {
    package: "cargo-pgrx",
    version: "0.18.1",
    program: "cargo-pgrx",
    // A debug build without TLS takes a third of the time and does the same.
    arguments: &["--locked", "--debug", "--no-default-features"],
    version_arguments: &["pgrx", "--version"],
};

/// Leaves room for the path of a test server's socket in a Unix socket's address (107 bytes).
const HOME_MAX_BYTES: usize = 80;

/// A description for the announcement.
pub fn describe() -> String {
    let libclang = if libclang::is_on_system() { "" } else { ", and libclang from Debian's packages" };
    format!("cargo-pgrx {} (built from crates.io, 3 min){libclang}", CARGO_PGRX.version)
}

/// Whether cargo-pgrx and libclang are available.
pub fn is_provided(setup: &Setup) -> bool {
    CARGO_PGRX.is_there(&setup.cache) && libclang::is_provided(&setup.cache)
}

/// Provides libclang, cargo-pgrx and PGRX_HOME.
pub fn provide(setup: &Setup) -> Result<()> {
    libclang::provide(setup)?;
    CARGO_PGRX.provide(setup, "3")?;
    let environment = PgrxEnvironment::of(&setup.layout)?;
    let test_prefix = Prefix::at(setup.layout.local("pg-test"))?;
    let pg_config = test_prefix.program("pg_config");
    if environment.is_initialised(&pg_config) {
        return Ok(());
    }
    std::fs::create_dir_all(&environment.home)?;
    let mut init = cargo(&setup.layout);
    environment.apply(&mut init, &test_prefix);
    init.args(["pgrx", "init", &format!("--pg18={}", pg_config.display())]);
    let mut step = crate::progress::Step::begin("cargo pgrx init");
    step.run(&mut init, &setup.log)?;
    step.done();
    Ok(())
}

/// The environment of `cargo pgrx`; the user's `~/.pgrx` is left alone.
#[derive(Debug)]
pub struct PgrxEnvironment {
    home: PathBuf,
    tools: PathBuf,
    libclang: Vec<(String, String)>,
}

impl PgrxEnvironment {
    /// The environment of this checkout.
    pub fn of(layout: &Layout) -> Result<Self> {
        let cache = cache()?;
        let place = CARGO_PGRX.place(&cache);
        let tools = place.parent().context("cargo-pgrx has no folder")?.to_path_buf();
        Ok(Self { home: home(layout, &cache), tools, libclang: libclang::variables(&cache) })
    }

    /// Sets the environment of a command for the PostgreSQL in `prefix`.
    pub fn apply(&self, command: &mut Command, prefix: &Prefix) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.tools.clone()).chain(std::env::split_paths(&path));
        if let Ok(path) = std::env::join_paths(folders) {
            command.env("PATH", path);
        }
        command.env("PGRX_HOME", &self.home).envs(self.libclang.iter().map(|(name, value)| (name, value)));
        let private =
            self.libclang.iter().filter(|(name, _)| name == "LIBCLANG_PATH").map(|(_, path)| PathBuf::from(path));
        if let Ok(libraries) = std::env::join_paths(prefix.ld_library_path().into_iter().chain(private)) {
            command.env("LD_LIBRARY_PATH", libraries);
        }
    }

    fn is_initialised(&self, pg_config: &Path) -> bool {
        let text = std::fs::read_to_string(self.home.join("config.toml")).unwrap_or_default();
        text.contains(&pg_config.display().to_string())
    }
}

fn home(layout: &Layout, cache: &Path) -> PathBuf {
    let near = layout.local("pgrx");
    if near.as_os_str().len() <= HOME_MAX_BYTES {
        return near;
    }
    let mut hasher = DefaultHasher::new();
    layout.root().hash(&mut hasher);
    cache.join(format!("pgrx-{:016x}", hasher.finish()))
}
