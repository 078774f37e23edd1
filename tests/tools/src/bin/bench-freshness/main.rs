//! `cargo xtask bench freshness`: how old data is when it arrives, by model of the source's refreshes, with polls aligned to
//! them and not.
//!
//! README.md in this folder explains what is measured.

mod report;
mod system;
mod truth;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use nztab_sim::Refresh;

use report::Figure;
use system::{Day, Server};

/// Measure the age of data.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench freshness")]
struct Options {
    /// Also write the figures to this file, as a JSON array
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure only this model; may be repeated
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<String>,
    /// Races that start at once
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=24))]
    races: u8,
    /// Simulated seconds per real second; what the programs themselves take counts so many times
    #[arg(long, default_value_t = 2.0)]
    speed: f64,
    /// Simulated minutes of polling before the five that are measured
    #[arg(long, default_value_t = 8)]
    before: u32,
    /// Models that run at the same time
    #[arg(long, default_value_t = 11)]
    at_once: usize,
    /// Determines races and phases
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let mut options = Options::parse();
    if options.models.is_empty() {
        options.models = Refresh::NAMES.map(str::to_owned).to_vec();
    }
    if let Some(unknown) = options.models.iter().find(|model| Refresh::named(model).is_none()) {
        bail!("there is no model {unknown}: the models are {}", Refresh::NAMES.join(", "));
    }
    let server = Server::start()?;
    println!("{} races at once, {} simulated seconds per second", options.races, options.speed);
    let mut figures = Vec::new();
    for models in options.models.chunks(options.at_once.max(1)) {
        figures.extend(measure(&server, &options, models)?);
    }
    report::print(&figures);
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&figures)?).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Runs the last minutes before a start under each of the models, side by side.
fn measure(server: &Server, options: &Options, models: &[String]) -> Result<Vec<Figure>> {
    eprintln!("models {}", models.join(", "));
    let start = |model: &String| Day::start(server, model, options).with_context(|| format!("model {model}"));
    let mut days = models.iter().map(start).collect::<Result<Vec<_>>>()?;
    let last = days.iter().map(|day| day.window.1).max().context("no model")?;
    while let Some(left) = days.iter().map(|day| day.until(last + system::SETTLE)).max().filter(|left| !left.is_zero())
    {
        for day in &mut days {
            day.look();
        }
        if std::io::stderr().is_terminal() {
            eprint!("\r{:>4} s left ", left.as_secs());
        }
        std::thread::sleep(left.min(Duration::from_millis(500)));
    }
    eprintln!();
    let mut figures = Vec::new();
    for day in &days {
        figures.extend(day.figures(server)?);
    }
    Ok(figures)
}
