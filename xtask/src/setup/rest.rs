//! The REST server: `postgrest` on PATH, else postrust, built into the cache.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use anyhow::Result;
use raceday_stack::{RestServer, on_path};

use super::cached;
use super::context::Setup;
use super::tools::Tool;

const POSTRUST: Tool = Tool {
    package: "postrust-server",
    version: "3.1.0",
    program: "postrust",
    arguments: &["--features", "compat-key-order"],
    version_arguments: &[],
};

/// A description for the announcement.
pub fn describe() -> String {
    match on_path("postgrest") {
        Some(path) => format!("PostgREST: {}", path.display()),
        None => {
            format!("postrust {} (built from crates.io, 5 min), because `postgrest` is not on PATH", POSTRUST.version)
        }
    }
}

/// Provides the REST server.
pub fn provide(setup: &Setup) -> Result<()> {
    if on_path("postgrest").is_some() {
        return Ok(());
    }
    let program = stand_in(setup)?;
    let link = setup.layout.local("bin").join("postrust");
    if std::fs::read_link(&link).ok().as_ref() != Some(&program) {
        cached::remove(&link)?;
        symlink(&program, &link)?;
    }
    RestServer::find(&setup.layout).map(|_| ())
}

/// postrust, whether or not `postgrest` is on PATH.
pub fn stand_in(setup: &Setup) -> Result<PathBuf> {
    POSTRUST.provide(setup, "5")
}
