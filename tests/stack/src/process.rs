//! A child process with a log file, which ends with its parent.

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
pub use rustix::process::Signal;
use rustix::process::{Pid, geteuid, kill_process, kill_process_group};

use crate::wait::wait_until;

/// Ends the process ($1: signal, $2: pid and process group) when the parent ends, which closes this script's stdin.
const WATCHDOG: &str = r#"trap '' HUP INT TERM
read -r _ || :
kill -s "$1" "$2" 2>/dev/null
i=0
while kill -0 "$2" 2>/dev/null && [ $i -lt 50 ]; do sleep 0.2; i=$((i + 1)); done
kill -s KILL -- "-$2" 2>/dev/null
"#;

/// How to start a process and how to end it.
#[derive(Debug)]
pub struct ProcessSpec {
    /// The name used in messages.
    pub name: String,
    /// The command; its stdin, stdout, stderr and process group are replaced.
    pub command: Command,
    /// The file that stdout and stderr are appended to.
    pub log: PathBuf,
    /// The signal that requests it to end.
    pub stop_signal: Signal,
    /// The time it has to end before it is killed.
    pub grace: Duration,
}

impl ProcessSpec {
    /// A process that is ended by SIGTERM and killed after 10 s.
    pub fn new(name: &str, command: Command, log: PathBuf) -> Self {
        Self { name: name.to_owned(), command, log, stop_signal: Signal::TERM, grace: Duration::from_secs(10) }
    }
}

/// A running child in its own process group, so that Ctrl-C in the terminal reaches only the parent.
///
/// Dropping it ends the child; if the parent is killed, a watchdog ends the child.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    watchdog: Child,
    log: PathBuf,
    log_start_bytes: u64,
    stop_signal: Signal,
    grace: Duration,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts it. Fails when the program cannot be started or the log cannot be written.
    pub fn start(spec: ProcessSpec) -> Result<Self> {
        let ProcessSpec { name, mut command, log, stop_signal, grace } = spec;
        let (out, log_start_bytes) = open_log(&log)?;
        let program = command.get_program().to_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name}: cannot start {}", program.display()))?;
        let watchdog = match watchdog(child.id(), stop_signal) {
            Ok(watchdog) => watchdog,
            Err(error) => {
                child.kill().ok();
                return Err(error);
            }
        };
        Ok(Self { name, child, watchdog, log, log_start_bytes, stop_signal, grace, ended: None })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.ended().is_none()
    }

    /// Its exit status, once it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Waits until `ready` returns true. Fails with the end of the log when the process ends or `limit` passes first.
    pub fn wait_ready(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let what = format!("{} to be ready", self.name);
        wait_until(&what, limit, || {
            if let Some(status) = self.ended() {
                bail!("{} ended while starting ({status})", self.name);
            }
            Ok(ready())
        })
        .with_context(|| format!("{} ends with:\n{}", self.log.display(), self.log_tail(15)))
    }

    /// The last lines logged since it was started.
    pub fn log_tail(&self, lines: usize) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let from = usize::try_from(self.log_start_bytes).unwrap_or(0).min(text.len());
        let text = String::from_utf8_lossy(&text[from..]).into_owned();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// Sends it a signal unless it has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.is_running() {
            kill_process(group_of(&self.child)?, signal).with_context(|| format!("cannot signal {}", self.name))?;
        }
        Ok(())
    }

    /// Requests it to end, and kills its process group if it does not in time. Returns its exit status.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(self.stop_signal)?;
        let deadline = Instant::now() + self.grace;
        while self.is_running() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill()
    }

    /// Kills its process group (SIGKILL). Returns its exit status.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        if self.is_running() {
            // The group may have ended since the check, which is the aim anyway.
            kill_process_group(group_of(&self.child)?, Signal::KILL).ok();
        }
        let status = match self.ended {
            Some(status) => status,
            None => self.child.wait()?,
        };
        self.ended = Some(status);
        // Last, and by SIGKILL: closing the watchdog's stdin would make it signal a pid that may have been reused.
        self.watchdog.kill().ok();
        self.watchdog.wait().ok();
        Ok(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("{}: {error:#}", self.name);
        }
    }
}

/// A command that runs unprivileged: PostgreSQL refuses root, so root enters a user namespace.
pub fn unprivileged(program: impl AsRef<std::ffi::OsStr>) -> Command {
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command.args(["-U", "--map-user=65534", "--map-group=65534"]).arg(program);
    command
}

fn group_of(child: &Child) -> Result<Pid> {
    Pid::from_raw(i32::try_from(child.id())?).context("a process id is never 0")
}

fn open_log(log: &Path) -> Result<(File, u64)> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let file = OpenOptions::new().create(true).append(true).open(log);
    let file = file.with_context(|| format!("cannot write {}", log.display()))?;
    let length_bytes = file.metadata()?.len();
    Ok((file, length_bytes))
}

fn watchdog(pid: u32, stop_signal: Signal) -> Result<Child> {
    Command::new("sh")
        .args(["-c", WATCHDOG, "raceday-watchdog", &stop_signal.as_raw().to_string(), &pid.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot start sh")
}
