//! The simulator's command line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Parser, Subcommand};
use nztab_sim::refresh::BadRefresh;
use nztab_sim::replay::{self, Replay};
use nztab_sim::{Config, Faults, Refresh, Simulator, day, record};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How long responses in progress may take after a signal to stop.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Parser)]
#[command(version, about = "A simulator of the NZ TAB racing API", args_conflicts_with_subcommands = true)]
#[command(arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    replay: ReplayArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Without a command: serve archived days instead of an invented one.
#[derive(Args)]
struct ReplayArgs {
    /// Serve the payloads that this folder archives (raceday-fetcher archive) as the TAB served them at the time.
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1", requires = "replay")]
    host: String,
    /// Port to listen on; 0 for any free port.
    #[arg(long, default_value_t = 0, requires = "replay")]
    port: u16,
    /// Time to start at, RFC 3339 [default: when the first payload was fetched]. POST another to /_sim/clock.
    #[arg(long, requires = "replay")]
    now: Option<DateTime<Utc>>,
    /// Archived seconds per real second; 0 to stand still.
    #[arg(long, default_value_t = 1.0, requires = "replay")]
    speed: f64,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API; the first line on stdout is its URL.
    Serve(Box<Serve>),
    /// Record one race and its day's meetings list into a directory, as exact response bodies and index.json.
    Record(Record),
}

#[derive(Args)]
struct Record {
    /// Directory to write to.
    directory: PathBuf,
    /// Seed of all random values.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// New Zealand date of the race.
    #[arg(long, default_value = "2025-11-23")]
    date: NaiveDate,
}

impl Record {
    fn run(&self) -> anyhow::Result<()> {
        let responses = record::record(&Simulator::with(self.seed), self.date)
            .context("no race of this day has an insider and a late scratching and starts on time; try another day")?;
        record::write(&responses, &self.directory)
            .with_context(|| format!("cannot write the recording to {}", self.directory.display()))
    }
}

#[derive(Args)]
struct Serve {
    /// Address to listen on.
    #[arg(long, env = "NZTAB_SIM_HOST", default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0 for any free port.
    #[arg(long, env = "NZTAB_SIM_PORT", default_value_t = 0)]
    port: u16,
    /// Seed of all random values.
    #[arg(long, env = "NZTAB_SIM_SEED", default_value_t = 1)]
    seed: u64,
    /// New Zealand date to start on, at the current time of day [default: today].
    #[arg(long, env = "NZTAB_SIM_DATE", conflicts_with = "now")]
    date: Option<NaiveDate>,
    /// Simulated time to start at, RFC 3339 [default: now].
    #[arg(long, env = "NZTAB_SIM_NOW")]
    now: Option<DateTime<Utc>>,
    /// Simulated seconds per real second.
    #[arg(long, env = "NZTAB_SIM_SPEED", default_value_t = 1.0)]
    speed: f64,
    /// Schedule the day's races around the start, so that several are about to begin.
    #[arg(long, env = "NZTAB_SIM_RACES_SOON")]
    races_soon: bool,
    /// Serve only 24 races, which all start at this time, RFC 3339.
    #[arg(long, env = "NZTAB_SIM_RACES_AT", conflicts_with = "races_soon")]
    races_at: Option<DateTime<Utc>>,
    /// Indent responses, as the vendor does.
    #[arg(long, env = "NZTAB_SIM_INDENT")]
    indent: bool,
    /// Reject requests without From, X-Partner and X-Partner-ID.
    #[arg(long, env = "NZTAB_SIM_REQUIRE_IDENTIFICATION")]
    require_identification: bool,
    /// Serve only ordinary races, with smooth pools: without single bets, dead heats, multi-leg pools in every leg, small pools,
    /// bodies of unusual size, ...
    #[arg(long, env = "NZTAB_SIM_PLAIN")]
    plain: bool,
    /// Faults from the start, as JSON; POST the same to /_sim/faults to change them, {} to end them.
    #[arg(long, env = "NZTAB_SIM_FAULTS", value_parser = parse_faults, default_value = "{}")]
    faults: Faults,
    /// When the source refreshes: a model's name or its settings as JSON; POST the same to /_sim/refresh to change it.
    #[arg(long, env = "NZTAB_SIM_REFRESH", value_parser = parse_refresh, default_value = Refresh::NAMES[0])]
    refresh: Refresh,
}

fn parse_faults(json: &str) -> Result<Faults, serde_json::Error> {
    serde_json::from_str(json)
}

fn parse_refresh(text: &str) -> Result<Refresh, BadRefresh> {
    Refresh::parse(text)
}

impl Serve {
    fn config(&self) -> Config {
        let real = Utc::now();
        let today = day::nz_midnight(day::nz_date(real.timestamp()));
        let shifted = self.date.map(|date| real + (day::nz_midnight(date) - today));
        Config {
            seed: self.seed,
            now: self.now.or(shifted).unwrap_or(real),
            speed: self.speed,
            races_soon: self.races_soon,
            races_at: self.races_at,
            indent: self.indent,
            require_identification: self.require_identification,
            quirks: !self.plain,
            faults: self.faults.clone(),
            refresh: self.refresh.clone(),
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_env("LOG_LEVEL").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let Cli { replay, command } = Cli::parse();
    match command {
        Some(Command::Serve(serve)) => run(&serve).await,
        Some(Command::Record(record)) => record.run(),
        None => run_replay(replay).await,
    }
}

async fn listen(host: &str, port: u16) -> anyhow::Result<(TcpListener, String)> {
    let listener = TcpListener::bind((host, port)).await.with_context(|| format!("cannot listen on {host}:{port}"))?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

async fn run_replay(arguments: ReplayArgs) -> anyhow::Result<()> {
    let ReplayArgs { replay, host, port, now, speed } = arguments;
    let folder = replay.context("nothing to do: see --help")?;
    let (listener, url) = listen(&host, port).await?;
    println!("{url}");
    let settings = Replay { folder, now, speed };
    tokio::select! {
        result = replay::serve(listener, &settings) => result.context("the replay failed"),
        result = stop_requested() => result.context("cannot wait for signals"),
    }
}

async fn run(serve: &Serve) -> anyhow::Result<()> {
    let (listener, url) = listen(&serve.host, serve.port).await?;
    let config = serve.config();
    println!("{url}");
    tracing::info!(sim.url = url, sim.seed = config.seed, sim.now = %config.now, sim.speed = config.speed, "serving");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopping = async move { stopped.await.unwrap_or_default() };
    let server = nztab_sim::serve_until(listener, Arc::new(Simulator::new(config)), stopping);
    tokio::pin!(server);
    tokio::select! {
        result = &mut server => return result.context("the server failed"),
        result = stop_requested() => result.context("cannot wait for signals")?,
    }
    tracing::info!("stopping");
    // The receiver belongs to the server, which is still running.
    let _ = stop.send(());
    match tokio::time::timeout(GRACE, server).await {
        Ok(result) => result.context("the server failed"),
        // Clients of slow responses have had enough time.
        Err(_) => Ok(()),
    }
}

async fn stop_requested() -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminated.recv() => Ok(()),
    }
}
