//! Runs `raceday-live`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::fetcher::command;
use crate::process::{Process, ProcessSpec};
use crate::wait::http_ok;

/// A running `raceday-live`.
#[derive(Debug)]
pub struct Live {
    port: u16,
    process: Process,
}

impl Live {
    /// Starts it with these variables on a port of 127.0.0.1 and waits until it is healthy. It does not inherit Raceday's
    /// settings from the environment.
    pub fn start(program: &Path, variables: &[(String, String)], port: u16, log: PathBuf) -> Result<Self> {
        let mut live = Self::start_without_waiting(program, variables, port, log)?;
        let health = format!("{}/health", live.url());
        live.process.wait_ready(Duration::from_secs(30), || http_ok(&health))?;
        Ok(live)
    }

    /// Starts it without waiting, for tests in which it cannot become healthy.
    pub fn start_without_waiting(
        program: &Path,
        variables: &[(String, String)],
        port: u16,
        log: PathBuf,
    ) -> Result<Self> {
        let mut command = command(program, variables);
        command.env("RACEDAY_LIVE_PORT", port.to_string());
        let process = Process::start(ProcessSpec::new("raceday-live", command, log))?;
        Ok(Self { port, process })
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
