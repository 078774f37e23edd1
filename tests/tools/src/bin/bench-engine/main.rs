//! `cargo xtask bench engine`: the cost of staging and processing a poll, compared with the least possible and with plain SQL.
//!
//! README.md in this folder explains what is measured.

mod compare;
mod cpu;
mod database;
mod feed;
mod figures;
mod history;
mod measure;
mod memory;
mod report;
mod session;
mod statements;
mod unchanged;

use std::path::PathBuf;

use anyhow::Result;
use chrono::DateTime;
use clap::Parser;

use database::Server;
use feed::Feed;
use figures::Figures;
use unchanged::Unchanged;

/// The database used for everything except the effect of a full history.
const DATABASE: &str = "raceday";

/// Measure the staging and processing of polls.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench engine")]
struct Options {
    /// Also write the figures to this file, as a JSON array
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Number of races; each is polled once per round
    #[arg(long, default_value_t = 100)]
    races: u32,
    /// Rounds per figure
    #[arg(long, default_value_t = 6)]
    rounds: u32,
    /// Calls on one connection that must not make its backend's memory grow; 0 skips this
    #[arg(long, default_value_t = 10_000)]
    memory_calls: usize,
    /// History rows over 30 days in a second database, to measure their effect on a poll (the aim is for 10000000); 0 skips this
    #[arg(long, default_value_t = 0)]
    history: i64,
    /// SQL to run in the database first, to measure an alternative; only the three methods are measured then
    #[arg(long, value_name = "SQL")]
    variant: Option<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let mut feed = Feed::make(options.races, 40)?;
    println!("{} races, polls of {} bytes", options.races, feed.mean_bytes());
    let polls = feed.round();
    let day = polls.first().map(|poll| poll.fetched_at.date_naive());
    let server = Server::start(day.map_or(DateTime::UNIX_EPOCH, |day| day.and_time(chrono::NaiveTime::MIN).and_utc()))?;
    server.create_database(DATABASE).await?;
    if let Some(sql) = &options.variant {
        server.connect(DATABASE).await?.batch_execute(sql).await?;
    }
    let figures = Figures::measure(&server, &mut feed, polls, options.rounds).await?;
    figures.print();
    if let Some(path) = &options.json {
        report::write_json(path, &figures.all)?;
    }
    if options.variant.is_some() {
        return Ok(());
    }
    let mut aims = figures.aims();
    let unchanged = Unchanged::measure(&server, &mut feed, options.rounds).await?;
    unchanged.print(options.races);
    aims.extend(unchanged.aims());
    aims.extend(statements::measure(&server, &mut feed).await?);
    if options.memory_calls > 0 {
        aims.push(memory::measure(&server, &mut feed, options.memory_calls).await?);
    }
    if options.history > 0 {
        aims.push(history::measure(&server, &mut feed, options.history, options.rounds).await?);
    }
    report::print_aims(&aims);
    Ok(())
}
