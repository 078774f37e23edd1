//! The program `raceday-fetcher`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use raceday_fetcher::archive::Archiver;
use raceday_fetcher::config::{Cli, Command, RunArgs};
use raceday_fetcher::db::Address;
use raceday_fetcher::{
    compare, export, import_appwrite, import_raw, keys, metrics, migrate, once, program, run, status,
};

#[tokio::main]
async fn main() -> ExitCode {
    match command(Cli::parse().command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("raceday-fetcher: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Executes a command and prints its output.
async fn command(command: Command) -> Result<ExitCode> {
    let lines = match command {
        Command::Run(settings) => {
            program::log_to_stderr(&settings.source.common)?;
            run_until_signalled(&settings).await?;
            Vec::new()
        }
        Command::Once { race_id, source } => {
            program::log_to_stderr(&source.common)?;
            once::race(&source, &race_id).await?
        }
        Command::Meetings { date, source } => {
            program::log_to_stderr(&source.common)?;
            once::meetings(&source, date).await?
        }
        Command::Migrate(settings) => {
            program::log_to_stderr(&settings.common)?;
            migrate::migrate(&settings).await?
        }
        Command::Status(settings) => {
            program::log_to_stderr(&settings.common)?;
            status::status(&settings).await?
        }
        Command::Key(command) => {
            program::log_to_stderr(command.common())?;
            keys::run(&command).await?
        }
        Command::Export(settings) => {
            program::log_to_stderr(&settings.common)?;
            export::export(&settings).await?
        }
        Command::Archive(settings) => {
            program::log_to_stderr(&settings.common)?;
            let address = Address::new(&settings.common, "archive")?;
            Archiver::new(address, &settings.archive_dir, &run::worker_name(None)).pass(true).await?
        }
        Command::ImportRaw(settings) => {
            program::log_to_stderr(&settings.common)?;
            import_raw::import(&settings).await?
        }
        Command::ImportAppwrite(settings) => {
            program::log_to_stderr(&settings.common)?;
            import_appwrite::import(&settings).await?
        }
        Command::Compare(arguments) => {
            let is_equal = compare::run(&arguments, &mut std::io::stdout()).await?;
            return Ok(if is_equal { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    };
    if !lines.is_empty() {
        println!("{}", lines.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_until_signalled(settings: &RunArgs) -> Result<()> {
    let handle = metrics::install().context("metrics")?;
    Ok(run::run(settings, handle, program::stop_on_signal("raceday-fetcher")?).await?)
}
