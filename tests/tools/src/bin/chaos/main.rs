//! `cargo xtask chaos`: kills PostgreSQL and the fetcher at random while they work, then counts what is lost.
//!
//! Every answer that the simulator gave must be staged, exactly once, but for those a kill of the fetcher cut off before it
//! had them; and the derived tables must be what a rebuild from staging makes of it. Exit code 1 otherwise.
//! Counted are the answers about races; the meetings lists, which are asked for again anyway, are not.

mod evidence;
mod ledger;
mod system;
mod tables;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::system::{System, Victim};

#[derive(Debug, Parser)]
#[command(name = "chaos", about)]
struct Arguments {
    /// How often something is killed (SIGKILL)
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// Seed of what is killed and when, and of the race day
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Simulated seconds in a real one
    #[arg(long, default_value_t = 5.0)]
    speed: f64,
    /// Longest time between two kills, in milliseconds
    #[arg(long, default_value_t = 3000)]
    gap_ms: u64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    let mut random = ChaCha8Rng::seed_from_u64(arguments.seed);
    let mut system = System::start(arguments.speed, arguments.seed)?;
    println!("seed {}, {} kills, at {} times the real time", arguments.seed, arguments.kills, arguments.speed);
    for kill in 1..=arguments.kills {
        // Often while something is still recovering from the kill before.
        let pause = Duration::from_millis(random.random_range(100..=arguments.gap_ms));
        let (victim, away) = (Victim::draw(&mut random), Duration::from_millis(random.random_range(0..2000)));
        std::thread::sleep(pause);
        system.kill(victim, away)?;
        println!("{kill:>4}  after {:>4} ms: {victim}, away {} ms", pause.as_millis(), away.as_millis());
    }
    system.settle()?;
    system.stop_fetcher()?;
    let account = evidence::account(&system)?;
    let difference = tables::compare_with_rebuild(&system)?;
    println!("\n{account}\n{difference}");
    let good = account.is_even() && difference.rows() == 0;
    if !good {
        println!("logs: {}", system.keep_folder().display());
    }
    println!("{}", if good { "nothing lost, nothing twice, nothing different" } else { "LOST, TWICE OR DIFFERENT" });
    Ok(good)
}
