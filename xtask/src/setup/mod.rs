//! `cargo xtask setup`: installs everything that Raceday runs on into `.raceday/`, without changing the system.
//!
//! Each step first checks whether its result exists, so a second run takes seconds.

mod apt;
mod cached;
mod context;
mod earlier;
mod engine;
mod extension;
mod javascript;
mod libclang;
mod nginx;
mod partman;
mod pgrx;
mod postgres;
mod python;
mod rest;
mod test_tools;
mod tools;
mod unpacked;

use anyhow::Result;
use raceday_stack::{Layout, Nginx, RestServer};

pub use self::cached::remove;
use self::context::Setup;
pub use self::earlier::provide as earlier_version;
pub use self::engine::{Engine, provide as engine};
pub use self::javascript::{biome, provide as javascript};
pub use self::pgrx::PgrxEnvironment;
pub use self::python::{PARQUET, PATRONI};
pub use self::test_tools::provide as test_tools;
pub use self::tools::{cargo, cargo_deny};
use crate::progress::Step;

/// Announces what is installed where, then installs what is missing. Fails with the command that fixes it.
pub fn run(layout: &Layout) -> Result<()> {
    let setup = Setup::begin(layout)?;
    announce(&setup);
    postgres::provide(&setup)?;
    nginx::provide(&setup)?;
    pgrx::provide(&setup)?;
    rest::provide(&setup)?;
    extension::install(&setup)
}

/// Builds programs of the workspace with a profile of cargo: `release` for the demo and the tools, `dev` for the
/// end-to-end tests, which it spares the minutes of link-time optimisation.
pub fn build_programs(layout: &Layout, profile: &str, programs: &[&str]) -> Result<()> {
    let mut step = Step::begin(&format!("building {} ({profile})", programs.join(", ")));
    let mut command = cargo(layout);
    // Whatever is wanted, features are those of the whole workspace, so that no dependency is built twice.
    command.args(["build", "--profile", profile, "--workspace", "--exclude", "pg_raceday_ext"]);
    for program in programs {
        command.args(["--bin", program]);
    }
    step.run(&mut command, &layout.local("logs/setup.log"))?;
    step.done();
    Ok(())
}

fn announce(setup: &Setup) {
    println!("Raceday's setup installs everything into {},", setup.layout.local("").display());
    println!("downloads and built tools into {}. Nothing else on this machine is changed.", setup.cache.display());
    for (what, is_provided) in [
        (postgres::describe(), postgres::is_provided(&setup.layout)),
        (nginx::describe(&setup.layout), Nginx::find(&setup.layout).is_ok()),
        (pgrx::describe(), pgrx::is_provided(setup)),
        (rest::describe(), RestServer::find(&setup.layout).is_ok()),
        ("the extension pg_raceday_ext, built for release".to_owned(), extension::is_installed(&setup.layout)),
    ] {
        println!("  {} {what}", if is_provided { "✓" } else { "·" });
    }
}
