//! The demo's PostgreSQL cluster, `.raceday/data`.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::layout::Layout;
use crate::ports::Ports;
use crate::postgres::{Postgres, PostgresOptions};
use crate::process::unprivileged;
use crate::secrets;

/// The database of the simulated race day.
pub const DATABASE: &str = "raceday";

/// Starts the cluster; creates it first if there is none.
///
/// Fails when the port is taken.
pub fn start(layout: &Layout, ports: Ports) -> Result<Postgres> {
    stop_left_over(layout)?;
    let passwords = secrets::passwords(layout)?;
    let log = layout.logs().join("postgres.log");
    let password = passwords.get("postgres").context("the superuser has no password")?.clone();
    let mut options = PostgresOptions::new(layout.prefix()?, layout.local("data"), ports.postgres, &password, log);
    options.passwords = passwords;
    Postgres::start(options)
}

/// Whether the cluster has been created.
pub fn exists(layout: &Layout) -> bool {
    layout.local("data").join("PG_VERSION").is_file()
}

/// Stops a server that a killed demo left behind. Returns whether there was one.
pub fn stop_left_over(layout: &Layout) -> Result<bool> {
    if !exists(layout) {
        return Ok(false);
    }
    let prefix = layout.prefix()?;
    let pg_ctl = |arguments: &[&str]| -> Result<std::process::Output> {
        let mut command: Command = unprivileged(prefix.program("pg_ctl"));
        command.arg("-D").arg(layout.local("data")).args(arguments).stdin(Stdio::null());
        command.output().context("cannot start pg_ctl")
    };
    if !pg_ctl(&["status"])?.status.success() {
        return Ok(false);
    }
    let stopped = pg_ctl(&["stop", "-m", "fast", "-w"])?;
    if !stopped.status.success() {
        bail!("cannot stop PostgreSQL: {}", String::from_utf8_lossy(&stopped.stderr));
    }
    Ok(true)
}
