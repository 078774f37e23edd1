//! `cargo xtask bench live`: how soon a commit reaches streams and reads, what clients cost, and what
//! NOTIFY costs ingest.

mod clients;
mod notify;
mod reads;
mod streams;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use serde::Serialize;

/// Measure the hub.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench live")]
struct Options {
    /// Also write the figures to this file, as a JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Numbers of clients that follow the race
    #[arg(long, value_delimiter = ',', default_value = "1,100,5000")]
    clients: Vec<usize>,
    /// Clients of which the memory is measured while nothing happens
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// Commits per figure
    #[arg(long, default_value_t = 40)]
    commits: u32,
    /// Reads per second while a commit must become visible to them
    #[arg(long, default_value_t = 1000)]
    reads: u32,
    /// Seconds of ingest by five writers, per side
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Figures {
    streams: Vec<streams::Figure>,
    idle: streams::Memory,
    reads: reads::Figure,
    notify: notify::Figure,
}

fn main() -> Result<()> {
    let options = Options::parse();
    raceday_live::connection::raise_file_limit();
    let runtime = tokio::runtime::Runtime::new()?;
    let mut streams = Vec::new();
    println!("{:>8} {:>8} {:>8} {:>8} {:>20}", "clients", "p50 ms", "p99 ms", "max ms", "queries per commit");
    for clients in options.clients {
        let figure = streams::measure(&runtime, clients, options.commits)?;
        println!(
            "{:>8} {:>8.2} {:>8.2} {:>8.2} {:>20.2}",
            figure.clients, figure.p50_ms, figure.p99_ms, figure.max_ms, figure.queries_per_commit
        );
        streams.push(figure);
    }
    let idle = streams::memory(&runtime, options.idle)?;
    println!("{} idle clients: {:.1} MB, {:.1} MB without", idle.clients, idle.resident_mb, idle.without_mb);
    let reads = reads::measure(&runtime, options.reads, options.commits)?;
    println!(
        "commit to REST-visible at {:.0} reads/s: p50 {:.1} ms, p99 {:.1} ms; {:.2} bodies and {:.2} versions from SQL per commit",
        reads.reads_per_s, reads.p50_ms, reads.p99_ms, reads.bodies_per_commit, reads.versions_per_commit
    );
    let notify = notify::measure(options.seconds)?;
    println!(
        "ingest by 5 writers: {:.0} polls/s with NOTIFY, {:.0} without; p50 {:.2} and {:.2} ms",
        notify.with.polls_per_s, notify.without.polls_per_s, notify.with.p50_ms, notify.without.p50_ms
    );
    if let Some(path) = &options.json {
        let figures = Figures { streams, idle, reads, notify };
        std::fs::write(path, serde_json::to_vec_pretty(&figures)?).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// A quantile of sorted values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index within the slice")]
    let at = (share * (sorted.len().saturating_sub(1)) as f64).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}
