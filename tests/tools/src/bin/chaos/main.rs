//! `cargo xtask chaos`: kills PostgreSQL and the fetcher at random while they work, then checks that nothing is lost.
//!
//! Every response of the simulator about a race must be staged exactly once, except those that a kill of the fetcher cut
//! off before it had them; and the derived tables must equal a rebuild from staging. Exit code 1 otherwise. Meeting lists
//! are not counted: the fetcher requests them again anyway.

mod evidence;
mod ha;
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
#[command(
    name = "cargo xtask chaos",
    about = "Kill PostgreSQL and the fetcher at random and check that nothing is lost"
)]
struct Arguments {
    /// Number of kills (SIGKILL)
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// Determines what is killed and when, and the race day
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Simulated seconds per real second
    #[arg(long, default_value_t = 5.0)]
    speed: f64,
    /// Longest time between two kills, in milliseconds
    #[arg(long, default_value_t = 3000)]
    gap_ms: u64,
    /// Run three nodes with Patroni instead, and let them fail in turn in all the ways there are
    #[arg(long)]
    ha: bool,
    /// With --ha: faults of a second run with asynchronous replication, which may lose what was stored
    #[arg(long, requires = "ha", default_value_t = 0)]
    asynchronous_kills: u32,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match if arguments.ha { ha::run(&arguments) } else { run(&arguments) } {
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
    println!("seed {}, {} kills, {} simulated seconds per second", arguments.seed, arguments.kills, arguments.speed);
    for kill in 1..=arguments.kills {
        // Often shorter than the recovery from the previous kill.
        let pause = Duration::from_millis(random.random_range(100..=arguments.gap_ms));
        let (victim, down) = (Victim::draw(&mut random), Duration::from_millis(random.random_range(0..2000)));
        std::thread::sleep(pause);
        system.kill(victim, down)?;
        println!("{kill:>4}  after {:>4} ms: {victim}, down for {} ms", pause.as_millis(), down.as_millis());
    }
    system.settle()?;
    system.stop_fetcher()?;
    let mut client = system.postgres.connect("raceday")?;
    let account = evidence::account(&system.ended, &system.simulator.url(), &mut client)?;
    let difference = tables::compare_with_rebuild(&mut client)?;
    println!("\n{account}\n{difference}");
    let good = account.balances() && difference.rows() == 0;
    if !good {
        println!("logs: {}", system.keep_folder().display());
    }
    println!("{}", if good { "nothing lost, duplicated or different" } else { "LOST, DUPLICATED OR DIFFERENT" });
    Ok(good)
}
