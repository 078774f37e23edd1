//! `cargo xtask setup`: installs everything that Raceday runs on into `.raceday/`, without changing the system.
//!
//! Each step first checks whether its result exists, so a second run takes seconds.

mod apt;
mod cached;
mod extension;
mod javascript;
mod libclang;
mod nginx;
mod partman;
mod pgrx;
mod postgres;
mod rest;
mod test_tools;
mod tools;
mod unpacked;

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

pub use self::cached::remove;
pub use self::javascript::biome;
pub use self::pgrx::PgrxEnvironment;
pub use self::test_tools::provide as test_tools;
pub use self::tools::{cargo, cargo_deny};
use raceday_stack::layout::{Layout, cache};

/// What all steps share.
#[derive(Debug)]
pub struct Setup {
    layout: Layout,
    cache: PathBuf,
    log: PathBuf,
    /// Allows one setup at a time; released when dropped.
    _lock: File,
}

impl Setup {
    /// Locks the cache, waiting for another setup to end.
    fn begin(layout: &Layout) -> Result<Self> {
        let cache = cache()?;
        for folder in [&cache, &layout.local("bin"), &layout.logs()] {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let lock = File::create(cache.join("lock"))?;
        if lock.try_lock().is_err() {
            println!("waiting for another setup to end ({} is locked)", cache.join("lock").display());
            lock.lock()?;
        }
        Ok(Self { layout: layout.clone(), cache, log: layout.local("logs/setup.log"), _lock: lock })
    }
}

/// Announces what is installed where, then installs what is missing. Fails with the command that fixes it.
pub fn run(layout: &Layout) -> Result<()> {
    let setup = Setup::begin(layout)?;
    setup.announce();
    postgres::provide(&setup)?;
    nginx::provide(&setup)?;
    pgrx::provide(&setup)?;
    rest::provide(&setup)?;
    extension::install(&setup)
}

/// Builds packages of the workspace for release, for the demo, the tools and the end-to-end tests.
pub fn build_programs(layout: &Layout, packages: &[&str]) -> Result<()> {
    let mut step = crate::progress::Step::begin(&format!("building {} (release)", packages.join(", ")));
    let mut command = cargo(layout);
    command.args(["build", "--release"]);
    for package in packages {
        command.args(["--package", package]);
    }
    step.run(&mut command, &layout.local("logs/setup.log"))?;
    step.done();
    Ok(())
}

impl Setup {
    fn announce(&self) {
        println!("Raceday's setup installs everything into {},", self.layout.local("").display());
        println!("downloads and built tools into {}. Nothing else on this machine is changed.", self.cache.display());
        for (what, is_there) in [
            (postgres::describe(), postgres::is_provided(&self.layout)),
            (nginx::describe(&self.layout), raceday_stack::Nginx::find(&self.layout).is_ok()),
            (pgrx::describe(), pgrx::is_provided(self)),
            (rest::describe(), raceday_stack::RestServer::find(&self.layout).is_ok()),
            ("the extension pg_raceday_ext, built for release".to_owned(), extension::is_installed(&self.layout)),
        ] {
            println!("  {} {what}", if is_there { "✓" } else { "·" });
        }
    }
}

/// Removes the variables that cargo set for this program from a command's environment.
pub(crate) fn clean_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
        if of_package.iter().any(|prefix| text.starts_with(prefix)) || text == "LD_LIBRARY_PATH" {
            command.env_remove(&name);
        }
    }
}
