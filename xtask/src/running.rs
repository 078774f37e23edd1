//! Finds and stops the demo of this checkout.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use raceday_stack::{Layout, Ports, wait_until};

/// A running demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    /// Its process id.
    pub pid: i32,
    /// The ports of its servers.
    pub ports: Ports,
    /// The name of its database.
    pub database: String,
}

/// The lock that a demo holds while it runs; the kernel releases it however the demo ends.
#[derive(Debug)]
pub struct Hold {
    _lock: File,
}

/// Becomes the only demo of this checkout. Fails with the command that stops the running one if there is one.
pub fn hold(layout: &Layout, ports: Ports, database: &str) -> Result<Hold> {
    let mut lock = lock_file(layout)?;
    if lock.try_lock().is_err() {
        let pid = running(layout)?.map_or_else(String::new, |demo| format!(" (process {})", demo.pid));
        bail!("a demo of this checkout is already running{pid}: `cargo xtask stop` stops it");
    }
    lock.set_len(0)?;
    write!(lock, "{} {} {database}", std::process::id(), ports.nginx)?;
    Ok(Hold { _lock: lock })
}

/// The running demo, if there is one.
pub fn running(layout: &Layout) -> Result<Option<Demo>> {
    let lock = lock_file(layout)?;
    if lock.try_lock().is_ok() {
        return Ok(None);
    }
    let path = layout.local("run/demo.lock");
    let text = fs::read_to_string(&path)?;
    Ok(Some(parse(&text).with_context(|| format!("cannot read {}", path.display()))?))
}

/// Stops the running demo and waits until it has ended. Returns whether there was one.
pub fn stop(layout: &Layout) -> Result<bool> {
    let Some(demo) = running(layout)? else { return Ok(false) };
    let pid = Pid::from_raw(demo.pid).context("a process id is never 0")?;
    kill_process(pid, Signal::TERM).with_context(|| format!("cannot signal process {}", demo.pid))?;
    wait_until("the demo to stop", Duration::from_mins(2), || Ok(running(layout)?.is_none()))?;
    Ok(true)
}

fn lock_file(layout: &Layout) -> Result<File> {
    let folder = layout.local("run");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(OpenOptions::new().create(true).truncate(false).read(true).write(true).open(folder.join("demo.lock"))?)
}

fn parse(text: &str) -> Result<Demo> {
    let mut words = text.split(' ');
    let mut word = || words.next().context("not `pid port database`");
    Ok(Demo { pid: word()?.parse()?, ports: Ports::from_base(word()?.parse()?)?, database: word()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_of_a_demo_is_parsed() {
        let demo = parse("4711 9000 raceday_live").unwrap();
        assert_eq!((demo.pid, demo.ports.postgres, demo.database.as_str()), (4711, 9003, "raceday_live"));
        assert!(parse("").is_err());
    }
}
