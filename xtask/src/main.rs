//! `cargo xtask`: see `cargo xtask help`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use raceday_stack::Layout;
use xtask::{commands, demo, setup, test};

/// Raceday's developer commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install PostgreSQL 18, pg_partman, the extension, the REST server and nginx into .raceday/
    Setup,
    /// Start the whole system and show the money flow of the next race
    Demo(demo::DemoOptions),
    /// Run every test of the project, as CI does, or some of them; the last line is `N passed, N failed`
    Test(test::TestOptions),
    /// Stop the demo, and servers that a killed demo left behind
    Stop,
    /// Open psql on the demo's database as the superuser
    #[command(disable_help_flag = true)]
    Psql {
        /// Arguments for psql
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Show the running servers, their ports, partitions, payloads and polls
    Status,
    /// Stop everything and remove .raceday/ (the download cache stays)
    Clean,
    /// Measure the engine (staging and processing), the REST endpoints, the age of data, or how well signals find plunges
    #[command(disable_help_flag = true)]
    Bench {
        /// engine, rest, freshness or signals
        name: String,
        /// Arguments for the bench, e.g. --help
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Kill PostgreSQL and the fetcher at random, or with --ha nodes of three, and check that nothing is lost
    #[command(disable_help_flag = true)]
    Chaos {
        /// Arguments for the test, e.g. --help
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
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
        Command::Demo(options) => return demo::run(&layout, options),
        Command::Test(options) => {
            return Ok(if test::run(&layout, options)? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Stop => commands::stop(&layout)?,
        Command::Psql { arguments } => return commands::psql(&layout, arguments),
        Command::Status => commands::status(&layout)?,
        Command::Clean => commands::clean(&layout)?,
        Command::Bench { name, arguments } => return commands::tool(&layout, &format!("bench-{name}"), arguments),
        Command::Chaos { arguments } => return commands::tool(&layout, "chaos", arguments),
    }
    Ok(ExitCode::SUCCESS)
}
