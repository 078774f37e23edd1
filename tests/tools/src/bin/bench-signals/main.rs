//! `cargo xtask bench signals`: how well signals find plunges in simulated races, beside rules of a fixed percentage.
//!
//! README.md in this folder explains what is measured.

mod figures;
mod percent;
mod races;
mod report;
mod watched;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Parser;

use figures::Figures;
use races::{POOLS, Races};
use watched::{Calibrated, Watched};

/// Measure how well signals find plunges.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench signals")]
struct Options {
    /// Print the figures as a JSON array instead, or write them to this file
    #[arg(long, value_name = "FILE")]
    #[expect(clippy::option_option, reason = "the flag alone prints")]
    json: Option<Option<PathBuf>>,
    /// Races per pool band without a plunge, as many with one, and as many to calibrate on
    #[arg(long, default_value_t = 1000)]
    races: usize,
    /// Determines the races
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.races < 20 {
        bail!("--races {}: at least 20 are needed to calibrate", options.races);
    }
    let draw = |use_of: &str, with_plunge| {
        POOLS.each_ref().map(|pool| {
            eprintln!("drawing {} races to {use_of}, {}", options.races, pool.words());
            Races::draw(options.seed, use_of, pool, with_plunge, options.races)
        })
    };
    let calibrated = Calibrated::on(&draw("calibrate", false));
    let (null, plunged) = (draw("test", false), draw("plunge", true));
    let mut all = Vec::new();
    for ((pool, null), plunged) in POOLS.iter().zip(&null).zip(&plunged) {
        eprintln!("watching {}", pool.words());
        let null: Vec<Watched> = null.watch(&calibrated.rules);
        let plunged = plunged.watch(&calibrated.rules);
        all.extend(Figures::of_pool(pool.words(), &null, &plunged));
    }
    match &options.json {
        None => report::print(&all),
        Some(None) => println!("{}", serde_json::to_string_pretty(&all)?),
        Some(Some(path)) => std::fs::write(path, serde_json::to_string_pretty(&all)?)?,
    }
    Ok(())
}
