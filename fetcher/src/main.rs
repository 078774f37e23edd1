//! The program `raceday-fetcher`.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use raceday_fetcher::archive::Archiver;
use raceday_fetcher::config::{Cli, Command, CommonArgs, LogFormat, RunArgs};
use raceday_fetcher::db::Address;
use raceday_fetcher::{compare, export, import_appwrite, import_raw, keys, metrics, migrate, once, run, status};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

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
            log_to_stderr(&settings.source.common)?;
            run_until_signalled(&settings).await?;
            Vec::new()
        }
        Command::Once { race_id, source } => {
            log_to_stderr(&source.common)?;
            once::race(&source, &race_id).await?
        }
        Command::Meetings { date, source } => {
            log_to_stderr(&source.common)?;
            once::meetings(&source, date).await?
        }
        Command::Migrate(settings) => {
            log_to_stderr(&settings.common)?;
            migrate::migrate(&settings).await?
        }
        Command::Status(settings) => {
            log_to_stderr(&settings.common)?;
            status::status(&settings).await?
        }
        Command::Key(command) => {
            log_to_stderr(command.common())?;
            keys::run(&command).await?
        }
        Command::Export(settings) => {
            log_to_stderr(&settings.common)?;
            export::export(&settings).await?
        }
        Command::Archive(settings) => {
            log_to_stderr(&settings.common)?;
            let address = Address::new(&settings.common, "archive")?;
            Archiver::new(address, &settings.archive_dir, &run::worker_name(None)).pass(true).await?
        }
        Command::ImportRaw(settings) => {
            log_to_stderr(&settings.common)?;
            import_raw::import(&settings).await?
        }
        Command::ImportAppwrite(settings) => {
            log_to_stderr(&settings.common)?;
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
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        stop.send_replace(true);
        // `timeout` and terminals signal the process and its group, so one request may arrive as two signals.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        eprintln!("raceday-fetcher: second signal, exiting immediately");
        std::process::exit(130);
    });
    Ok(run::run(settings, handle, stopped).await?)
}

fn log_to_stderr(settings: &CommonArgs) -> Result<()> {
    // At debug level tokio_postgres logs what it sends, payloads included, and hyper and reqwest log headers: the API key.
    let quiet = "tokio_postgres=info,hyper=info,hyper_util=info,reqwest=info,h2=info,rustls=info";
    let filter = EnvFilter::try_new(format!("{},{quiet}", settings.log_level)).context("LOG_LEVEL")?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
    }
    Ok(())
}
