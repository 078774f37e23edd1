//! nginx: the system's, else Debian's package unpacked into the cache.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::apt::{Apt, library_folders};
use super::{Setup, cached};
use crate::layout::Layout;
use crate::progress::Step;
use crate::stack::Nginx;

/// What will be provided.
pub fn describe(layout: &Layout) -> String {
    match Nginx::find(layout) {
        Ok(path) => format!("nginx: {}", path.display()),
        Err(_) => "nginx, unpacked from Debian's package".to_owned(),
    }
}

/// Provides it.
pub fn provide(setup: &Setup) -> Result<()> {
    if Nginx::find(&setup.layout).is_ok() {
        return Ok(());
    }
    let mut step = Step::begin("nginx");
    let tree = cached::entry(&setup.cache.join("nginx"), is_complete, |folder| {
        let unpacked = folder.join("tree");
        let apt = Apt::of_machine(setup, &mut step)?;
        let packages = apt.missing(&["nginx"])?;
        apt.unpack(setup, &mut step, &packages, &unpacked)?;
        Ok(unpacked)
    });
    let tree = tree.context("nginx is missing: as root `apt-get install nginx-light`")?;
    let libraries: Vec<_> = library_folders(&tree).iter().map(|folder| folder.display().to_string()).collect();
    let starter = setup.layout.local("bin").join("nginx");
    let script = format!(
        "#!/bin/sh\n# Written by `cargo xtask setup`: nginx with the libraries it was unpacked with.\n\
         LD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
        libraries.join(":"),
        tree.join("usr/sbin/nginx").display()
    );
    fs::write(&starter, script)?;
    fs::set_permissions(&starter, fs::Permissions::from_mode(0o755))?;
    step.done();
    Ok(())
}

fn is_complete(tree: &Path) -> bool {
    tree.join("usr/sbin/nginx").is_file()
}
