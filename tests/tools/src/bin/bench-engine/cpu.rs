//! CPU time of this program and of the server, and a backend's memory, from /proc.

use std::fs;
use std::ops::AddAssign;
use std::time::Duration;

use anyhow::{Context, Result};

/// Clock ticks per second in /proc; the same on every Linux.
const TICKS_PER_S: u64 = 100;

/// CPU time of this program and of all processes of a server.
#[derive(Debug, Default, Clone, Copy)]
pub struct Cpu {
    /// Used by this program.
    pub client: Duration,
    /// Used by backends, workers and the postmaster.
    pub server: Duration,
}

impl Cpu {
    /// The CPU time used so far.
    pub fn used(postmaster: u32) -> Result<Self> {
        let mut server = of_process(postmaster)? + of_ended_children(postmaster)?;
        for pid in children(postmaster)? {
            // A process that ends meanwhile is counted with the ended ones.
            server += of_process(pid).unwrap_or_default();
        }
        Ok(Self { client: of_process(std::process::id())?, server })
    }

    /// The CPU time used since an earlier reading.
    pub fn since(self, earlier: Self) -> Self {
        let (client, server) = (self.client, self.server);
        Self { client: client.saturating_sub(earlier.client), server: server.saturating_sub(earlier.server) }
    }
}

impl AddAssign for Cpu {
    fn add_assign(&mut self, other: Self) {
        self.client += other.client;
        self.server += other.server;
    }
}

/// The scheduler's nanosecond counts, summed over a process's threads.
fn of_process(pid: u32) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        let ns = text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default();
        total += Duration::from_nanos(ns);
    }
    Ok(total)
}

fn of_ended_children(pid: u32) -> Result<Duration> {
    let fields = stat(pid).context("the server has ended")?;
    let ticks = |field: usize| fields.get(field).and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
    // cutime and cstime, counted from the state, which is field 3 of proc(5).
    Ok(Duration::from_millis((ticks(13) + ticks(14)) * 1000 / TICKS_PER_S))
}

fn children(parent: u32) -> Result<Vec<u32>> {
    let processes = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let parent = parent.to_string();
    Ok(processes.filter(|pid| stat(*pid).is_some_and(|fields| fields.get(1) == Some(&parent))).collect())
}

/// The words of /proc/PID/stat after the program's name, which may contain spaces.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// A process's private memory in bytes: resident minus shared.
pub fn private_bytes(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).with_context(|| format!("no {name}"))?;
        let word = line.split_whitespace().nth(1).context("no number")?;
        Ok::<u64, anyhow::Error>(word.parse()?)
    };
    Ok((kilobytes("VmRSS:")?.saturating_sub(kilobytes("RssShmem:")?)) * 1024)
}
