//! The demo that runs in this checkout: who it is, and how others find and stop it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use raceday_stack::{Layout, Ports, wait_until};

/// What a running demo tells others about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    /// Its process.
    pub pid: i32,
    /// Where its servers listen.
    pub ports: Ports,
    /// Its database.
    pub database: String,
}

/// Held by the demo as long as it runs; the kernel lets go of it however the demo ends.
#[derive(Debug)]
pub struct Hold {
    _lock: File,
}

/// Becomes the one demo of this checkout. Fails when there is one.
pub fn hold(layout: &Layout, ports: Ports, database: &str) -> Result<Hold> {
    let mut lock = lock_file(layout)?;
    if lock.try_lock().is_err() {
        let pid = running(layout)?.map_or_else(String::new, |demo| format!(" (process {})", demo.pid));
        bail!("a demo of this checkout runs already{pid}: `cargo xtask stop` ends it");
    }
    lock.set_len(0)?;
    write!(lock, "{} {} {database}", std::process::id(), ports.nginx)?;
    Ok(Hold { _lock: lock })
}

/// The demo that runs, if one does.
pub fn running(layout: &Layout) -> Result<Option<Demo>> {
    let lock = lock_file(layout)?;
    if lock.try_lock().is_ok() {
        return Ok(None);
    }
    let path = layout.local("run/demo.lock");
    let text = fs::read_to_string(&path)?;
    Ok(Some(parse(&text).with_context(|| format!("cannot read {}", path.display()))?))
}

/// Ends the demo that runs, and waits until it has ended; tells whether there was one.
pub fn stop(layout: &Layout) -> Result<bool> {
    let Some(demo) = running(layout)? else { return Ok(false) };
    let pid = Pid::from_raw(demo.pid).context("a process id is never 0")?;
    kill_process(pid, Signal::TERM).with_context(|| format!("cannot signal process {}", demo.pid))?;
    wait_until("the demo to stop", Duration::from_mins(2), || Ok(running(layout)?.is_none()))?;
    Ok(true)
}

fn lock_file(layout: &Layout) -> Result<File> {
    let folder = layout.local("run");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
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
    fn what_a_demo_writes_is_read_again() {
        let demo = parse("4711 9000 raceday_live").unwrap();
        assert_eq!((demo.pid, demo.ports.postgres, demo.database.as_str()), (4711, 9003, "raceday_live"));
        assert!(parse("").is_err());
    }
}
