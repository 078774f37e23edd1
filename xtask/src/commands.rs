//! The short commands: stop, psql, status, clean, bench and chaos.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use raceday_stack::{Layout, Ports, cluster, http_ok, psql as psql_command, secrets};

use crate::running;
use crate::setup::{self, cargo, remove};

/// Stops the demo, and servers that a killed demo left behind.
pub fn stop(layout: &Layout) -> Result<()> {
    let demo = running::stop(layout)?;
    let left_over = cluster::stop_left_over(layout)?;
    println!("{}", if demo || left_over { "stopped" } else { "nothing is running" });
    Ok(())
}

/// Runs psql on the demo's database as the superuser. If PostgreSQL is not running, it runs until psql ends.
pub fn psql(layout: &Layout, arguments: &[String]) -> Result<ExitCode> {
    if !cluster::exists(layout) {
        bail!("there is no database yet: `cargo xtask demo` creates it");
    }
    let demo = running::running(layout)?;
    let (ports, database) = match &demo {
        Some(demo) => (demo.ports, demo.database.as_str()),
        None => (Ports::from_base(8080)?, cluster::DATABASE),
    };
    let _server = if demo.is_none() { Some(cluster::start(layout, ports)?) } else { None };
    let passwords = secrets::passwords(layout)?;
    let mut command = psql_command(&layout.prefix()?, ports.postgres, &passwords["postgres"], database);
    let status = command.args(arguments).status().context("cannot start psql")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the running servers with their addresses, and the state of the database.
pub fn status(layout: &Layout) -> Result<()> {
    println!(
        "PostgreSQL's prefix  {}",
        layout.prefix().map_or_else(|e| e.to_string(), |p| p.root().display().to_string())
    );
    let Some(demo) = running::running(layout)? else {
        println!("nothing is running: `cargo xtask demo` starts everything");
        return Ok(());
    };
    let ports = demo.ports;
    println!("demo                 process {}", demo.pid);
    for (name, port, path) in [
        ("nginx", ports.nginx, "/health"),
        ("REST", ports.rest_admin, "/ready"),
        ("TAB simulator", ports.simulator, "/_sim/clock"),
        ("fetcher", ports.fetcher, "/ready"),
        ("hub", ports.live, "/health"),
    ] {
        let url = format!("http://127.0.0.1:{port}{path}");
        println!("{name:<20} {} {url}", if http_ok(&url) { "ok  " } else { "unavailable" });
    }
    println!("PostgreSQL           127.0.0.1:{}", ports.postgres);
    let password = &secrets::passwords(layout)?["postgres"];
    let url = format!("postgres://postgres:{password}@127.0.0.1:{}/{}", ports.postgres, demo.database);
    let Ok(mut client) = postgres::Client::connect(&url, postgres::NoTls) else {
        println!("PostgreSQL does not respond: the demo is still starting, or see {}", layout.logs().display());
        return Ok(());
    };
    for row in client.query("select item, value from raceday.raceday_status()", &[])? {
        println!("{:<28} {}", row.get::<_, String>(0), row.get::<_, Option<String>>(1).unwrap_or_default());
    }
    let partitions = "select parent_table, partitions, days_ahead, pg_size_pretty(bytes) from raceday.monitor_maintenance order by 1";
    for row in client.query(partitions, &[])? {
        let (parent, count, ahead): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        println!("{parent:<28} {count} partitions, {ahead} days ahead, {}", row.get::<_, String>(3));
    }
    Ok(())
}

/// Stops everything and removes `.raceday/`. The download cache stays.
pub fn clean(layout: &Layout) -> Result<()> {
    stop(layout)?;
    let folder = layout.local("");
    remove(&folder)?;
    let cache = raceday_stack::layout::cache()?;
    println!("removed {}; downloads and built tools stay in {}", folder.display(), cache.display());
    Ok(())
}

/// The program of raceday-tools that needs no server: its races go straight through the core.
const WITHOUT_SERVERS: &str = "bench-signals";

/// Runs a release build of a program of the package raceday-tools.
pub fn tool(layout: &Layout, program: &str, arguments: &[String]) -> Result<ExitCode> {
    let source = layout.root().join("tests/tools/src/bin").join(program);
    if !source.is_dir() {
        bail!("there is no {}: `cargo xtask help` lists the commands", source.display());
    }
    if program != WITHOUT_SERVERS {
        setup::run(layout)?;
        setup::build_programs(layout, "release", &["raceday-fetcher", "raceday-live", "nztab-sim"])?;
    }
    if arguments.iter().any(|argument| argument == "--ha") {
        setup::PATRONI.provide(layout)?;
        if let Some(error) = setup::test_tools(layout)?.into_iter().next() {
            return Err(error);
        }
    }
    let mut command: Command = cargo(layout);
    command.args(["run", "--release", "--quiet", "--package", "raceday-tools", "--bin", program, "--"]).args(arguments);
    command.env("RACEDAY_BIN_DIR", layout.target().join("release"));
    let status = command.status().context("cannot start cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
