//! nginx: the system's, else unpacked from Debian's package.

use anyhow::Result;

use super::Setup;
use super::unpacked::{Package, Program};
use raceday_stack::{Layout, Nginx};

const NGINX: Package = Package {
    name: "nginx",
    suite: None,
    programs: &[Program { name: "nginx", path: "usr/sbin/nginx", version_argument: "-v" }],
};

/// A description for the announcement.
pub fn describe(layout: &Layout) -> String {
    match Nginx::find(layout) {
        Ok(path) => format!("nginx: {}", path.display()),
        Err(_) => "nginx, unpacked from Debian's package".to_owned(),
    }
}

/// Unpacks nginx unless the system has it.
pub fn provide(setup: &Setup) -> Result<()> {
    if Nginx::find(&setup.layout).is_ok() {
        return Ok(());
    }
    NGINX.provide(setup)
}
