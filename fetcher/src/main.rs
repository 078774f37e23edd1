//! The program `raceday-fetcher`.

use std::io::IsTerminal;

use anyhow::Result;
use clap::Parser;
use raceday_fetcher::config::{Cli, Command, CommonArgs, LogFormat};
use raceday_fetcher::migrate::migrate;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Migrate(settings) => {
            log_to_stderr(&settings.common)?;
            for line in migrate(&settings).await? {
                println!("{line}");
            }
        }
        Command::Run(_) | Command::Once { .. } | Command::Meetings { .. } | Command::Status(_) => {
            anyhow::bail!("not yet");
        }
    }
    Ok(())
}

fn log_to_stderr(settings: &CommonArgs) -> Result<()> {
    // At debug tokio_postgres prints what it sends: payloads.
    let filter = EnvFilter::try_new(format!("{},tokio_postgres=info", settings.log_level))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
    }
    Ok(())
}
