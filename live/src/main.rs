//! The program `raceday-live`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use raceday_fetcher::program;
use raceday_live::config::LiveArgs;
use raceday_live::webhooks::{self, Webhooks};
use raceday_live::{metrics, server};

#[tokio::main]
async fn main() -> ExitCode {
    match run(&LiveArgs::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("raceday-live: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: &LiveArgs) -> Result<()> {
    program::log_to_stderr(&settings.common)?;
    let handle = metrics::install().context("metrics")?;
    let stop = program::stop_on_signal("raceday-live")?;
    let webhooks = Webhooks::new(&settings.webhook, &settings.common)?;
    let sending = webhooks.map(|webhooks| tokio::spawn(webhooks::run(webhooks, stop.clone())));
    server::run(settings, handle, stop).await?;
    match sending {
        Some(sending) => sending.await?,
        None => Ok(()),
    }
}
