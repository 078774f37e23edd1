//! `cargo xtask`: see `cargo xtask help`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use raceday_stack::Layout;
use xtask::{commands, compare, demo, setup, test};

/// Raceday's developer commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Provide PostgreSQL 18, pg_partman, the extension, the REST server and nginx in .raceday/
    Setup,
    /// Start the whole system and show the money flow of the next race
    Demo(demo::DemoOptions),
    /// Run every test of the project, as CI does; the last line says `N passed, N failed`
    Test {
        /// Only these parts
        #[arg(long, value_enum)]
        only: Vec<test::Part>,
    },
    /// End the demo and whatever is left of one
    Stop,
    /// psql on the demo's database as the superuser
    #[command(disable_help_flag = true)]
    Psql {
        /// Arguments of psql
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Show what runs, its ports, partitions, payloads and polls
    Status,
    /// Stop everything and remove .raceday/ (the cache of downloads stays)
    Clean,
    /// Measure: engine (stage + process) or rest
    #[command(disable_help_flag = true)]
    Bench {
        /// engine or rest
        name: String,
        /// Arguments of the bench
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Kill PostgreSQL and the fetcher at random and count what is lost
    #[command(disable_help_flag = true)]
    Chaos {
        /// Arguments of the tool
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Compare the answers of a legacy backend with ours
    Compare(compare::CompareArgs),
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
        Command::Test { only } => {
            return Ok(if test::run(&layout, only)? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Stop => commands::stop(&layout)?,
        Command::Psql { arguments } => return commands::psql(&layout, arguments),
        Command::Status => commands::status(&layout)?,
        Command::Clean => commands::clean(&layout)?,
        Command::Bench { name, arguments } => return commands::tool(&layout, &format!("bench-{name}"), arguments),
        Command::Chaos { arguments } => return commands::tool(&layout, "chaos", arguments),
        Command::Compare(arguments) => {
            let equal = compare::run(arguments, &mut std::io::stdout().lock())?;
            return Ok(if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    Ok(ExitCode::SUCCESS)
}
