//! The simulator as a program.

use std::sync::Arc;

use anyhow::Context;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use clap::{Args, Parser, Subcommand};
use nztab_sim::{Config, Simulator, day};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(version, about = "A simulator of the NZ TAB racing API")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API; the first line on stdout is its URL.
    Serve(Serve),
}

#[derive(Args)]
struct Serve {
    /// Address to listen on.
    #[arg(long, env = "NZTAB_SIM_HOST", default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0 for any free one.
    #[arg(long, env = "NZTAB_SIM_PORT", default_value_t = 0)]
    port: u16,
    /// Seed of everything random.
    #[arg(long, env = "NZTAB_SIM_SEED", default_value_t = 1)]
    seed: u64,
    /// New Zealand day to begin on, at this hour of the day [default: today].
    #[arg(long, env = "NZTAB_SIM_DATE", conflicts_with = "now")]
    date: Option<NaiveDate>,
    /// Simulated time at the start, RFC 3339 [default: now].
    #[arg(long, env = "NZTAB_SIM_NOW")]
    now: Option<DateTime<Utc>>,
    /// Simulated seconds in a real one.
    #[arg(long, env = "NZTAB_SIM_SPEED", default_value_t = 1.0)]
    speed: f64,
    /// Lay the day's programme around the start, so that races are about to begin.
    #[arg(long, env = "NZTAB_SIM_RACES_SOON")]
    races_soon: bool,
    /// Indent answers, as the vendor does.
    #[arg(long, env = "NZTAB_SIM_INDENT")]
    indent: bool,
    /// Reject requests without From, X-Partner and X-Partner-ID.
    #[arg(long, env = "NZTAB_SIM_REQUIRE_IDENTIFICATION")]
    require_identification: bool,
}

impl Serve {
    fn config(&self) -> Config {
        let real = Utc::now();
        let today = day::nz_midnight(day::nz_date(real.timestamp()));
        let shifted = self.date.map(|date| real + (day::nz_midnight(date) - today));
        Config {
            seed: self.seed,
            now: self.now.or(shifted).unwrap_or(real) + TimeDelta::zero(),
            speed: self.speed,
            races_soon: self.races_soon,
            indent: self.indent,
            require_identification: self.require_identification,
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_env("LOG_LEVEL").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let Command::Serve(serve) = Cli::parse().command;
    let address = (serve.host.as_str(), serve.port);
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("cannot listen on {}:{}", serve.host, serve.port))?;
    let url = format!("http://{}", listener.local_addr()?);
    let config = serve.config();
    println!("{url}");
    tracing::info!(sim.url = url, sim.seed = config.seed, sim.now = %config.now, sim.speed = config.speed, "serving");
    tokio::select! {
        result = nztab_sim::serve(listener, Arc::new(Simulator::new(config))) => result.context("the server failed"),
        result = tokio::signal::ctrl_c() => result.context("cannot wait for Ctrl-C"),
    }
}
