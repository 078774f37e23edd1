//! Keeps a log from filling the disk: replaces it when it is large, as logrotate does for a server.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// How often the size is checked.
const INTERVAL: Duration = Duration::from_secs(5);

/// A log that is checked in the background until this is dropped.
#[derive(Debug)]
pub struct Rotation {
    log: Log,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone)]
struct Log {
    path: PathBuf,
    writer: Pid,
}

impl Rotation {
    /// Starts checking the log of a process that opens it again on SIGUSR1.
    pub fn start(path: PathBuf, max_bytes: u64, pid: u32) -> Result<Self> {
        let writer = Pid::from_raw(i32::try_from(pid)?).context("a process id is never 0")?;
        let log = Log { path, writer };
        let (stop, stopped) = channel();
        let checked = log.clone();
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = checked.rotate(max_bytes) {
                    eprintln!("{error:#}");
                }
            }
        });
        Ok(Self { log, stop: Some(stop), thread: Some(thread) })
    }

    /// Replaces the log if it has at least this many bytes. Returns whether it did.
    pub fn rotate(&self, bytes: u64) -> Result<bool> {
        self.log.rotate(bytes)
    }
}

impl Drop for Rotation {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Log {
    fn rotate(&self, bytes: u64) -> Result<bool> {
        let length = fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        if length < bytes {
            return Ok(false);
        }
        let former = self.path.with_extension("log.1");
        fs::rename(&self.path, &former).with_context(|| format!("cannot rename {}", self.path.display()))?;
        // The process may have just ended.
        kill_process(self.writer, Signal::USR1).ok();
        Ok(true)
    }
}
