//! Runs `raceday-fetcher`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{Process, ProcessSpec};
use crate::wait::http_ok;

/// A running `raceday-fetcher run`.
#[derive(Debug)]
pub struct Fetcher {
    port: u16,
    process: Process,
}

impl Fetcher {
    /// Starts it with these variables and waits until it is ready; `port` serves its metrics and health on 127.0.0.1.
    ///
    /// It inherits the environment except the fetcher's own settings, which come from `variables` alone.
    pub fn start(program: &Path, variables: &[(String, String)], port: u16, log: PathBuf) -> Result<Self> {
        let mut fetcher = Self::start_without_waiting(program, variables, port, log)?;
        let ready = format!("{}/ready", fetcher.url());
        fetcher.process.wait_ready(Duration::from_secs(30), || http_ok(&ready))?;
        Ok(fetcher)
    }

    /// Starts it without waiting, for tests in which it cannot become ready.
    pub fn start_without_waiting(
        program: &Path,
        variables: &[(String, String)],
        port: u16,
        log: PathBuf,
    ) -> Result<Self> {
        let mut command = command(program, variables);
        command.arg("run").env("PORT", port.to_string());
        let process = Process::start(ProcessSpec::new("raceday-fetcher", command, log))?;
        Ok(Self { port, process })
    }

    /// Runs a one-off command, e.g. `migrate`, and returns its stdout.
    ///
    /// Fails with its output when its exit code is not 0.
    pub fn command(program: &Path, arguments: &[&str], variables: &[(String, String)]) -> Result<String> {
        let output = command(program, variables).args(arguments).stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            bail!("raceday-fetcher {} failed ({}):\n{stdout}{stderr}", arguments.join(" "), output.status);
        }
        Ok(stdout)
    }

    /// The base URL of its metrics and health.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// A program of ours with these settings and none of the environment's.
pub(crate) fn command(program: &Path, variables: &[(String, String)]) -> Command {
    let mut command = Command::new(program);
    // Settings in the developer's shell must not change a demo or a test.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let own = ["NZTAB_", "RACEDAY_", "DB_", "PG"].iter().any(|prefix| text.starts_with(prefix));
        if own || ["DATABASE_URL", "LOG_LEVEL", "PORT"].contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command
}
