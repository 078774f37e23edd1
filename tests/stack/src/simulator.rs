//! Runs `nztab-sim serve`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::process::{Process, ProcessSpec};
use crate::wait::http_ok;

/// How to start the simulator.
#[derive(Debug)]
pub struct SimulatorOptions {
    /// The program.
    pub program: PathBuf,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// Determines the race day.
    pub seed: u64,
    /// Simulated seconds per real second.
    pub speed: f64,
    /// Further arguments, e.g. `--races-soon` or `--now`.
    pub arguments: Vec<String>,
    /// The log file.
    pub log: PathBuf,
}

/// A running TAB simulator.
#[derive(Debug)]
pub struct Simulator {
    port: u16,
    process: Process,
}

impl Simulator {
    /// Starts it and waits until `/_sim/clock` responds.
    pub fn start(options: &SimulatorOptions) -> Result<Self> {
        let mut command = Command::new(&options.program);
        command
            .arg("serve")
            .args(["--port", &options.port.to_string()])
            .args(["--seed", &options.seed.to_string()])
            .args(["--speed", &options.speed.to_string()])
            .args(&options.arguments);
        let mut process = Process::start(ProcessSpec::new("nztab-sim", command, options.log.clone()))?;
        let clock = format!("http://127.0.0.1:{}/_sim/clock", options.port);
        process.wait_ready(Duration::from_secs(30), || http_ok(&clock))?;
        Ok(Self { port: options.port, process })
    }

    /// Its base URL, for `NZTAB_API_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
