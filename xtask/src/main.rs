//! `cargo xtask`: see `cargo xtask help`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::layout::Layout;
use xtask::setup;

/// Raceday's developer commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Provides PostgreSQL 18, pg_partman, the extension, the REST server and nginx in .raceday/
    Setup,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<ExitCode> {
    let layout = Layout::of_workspace();
    match command {
        Command::Setup => setup::run(&layout)?,
    }
    Ok(ExitCode::SUCCESS)
}
