//! `cargo xtask demo`: runs the whole system on one machine and shows the money flow of the next race in the terminal.

mod findings;
mod options;
mod servers;
mod verdict;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use raceday_board::{Feed, plain, screen};
use raceday_stack::{Layout, Ports, cluster};

pub use self::options::DemoOptions;
use self::servers::Servers;
use crate::{running, setup};

/// Runs the demo until Ctrl-C or the end of its duration.
///
/// Fails when a server cannot be started. With a duration, the exit code reports whether every due poll was processed.
pub fn run(layout: &Layout, options: &DemoOptions) -> Result<ExitCode> {
    if options.live {
        for name in ["NZTAB_FROM", "NZTAB_PARTNER"] {
            if std::env::var_os(name).is_none_or(|value| value.is_empty()) {
                bail!(
                    "--live polls the real TAB, which requires callers to identify themselves: set NZTAB_FROM=<e-mail> and NZTAB_PARTNER=<name>"
                );
            }
        }
    }
    let ports = Ports::from_base(options.port)?;
    let _hold = running::hold(layout, ports, servers::database(options))?;
    cluster::stop_left_over(layout)?;
    let taken = ports.taken();
    if !taken.is_empty() {
        bail!("ports {taken:?} of 127.0.0.1 are in use: choose another base, e.g. --port {}", free_base(options.port));
    }
    let stop = stop_flag()?;
    setup::run(layout)?;
    setup::build_programs(layout, "release", &["raceday-fetcher", "raceday-live", "nztab-sim"])?;
    if stop.load(Ordering::Relaxed) {
        return Ok(ExitCode::FAILURE);
    }
    let mut servers = Servers::start(layout, options, ports)?;
    servers.print_addresses();
    let show = show(&mut servers, options, &stop);
    let verdict = servers.finish();
    show?;
    let verdict = verdict?;
    println!("{verdict}");
    // Without a duration the user ended it in the middle of its work, which is not a failure.
    Ok(if verdict.is_clean() || options.duration.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(servers: &mut Servers, options: &DemoOptions, stop: &Arc<AtomicBool>) -> Result<()> {
    let deadline = options.duration.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let feed = Feed::start(servers.sources(options.speed));
    let mut keep_running = || {
        servers.check()?;
        Ok(!stop.load(Ordering::Relaxed) && deadline.is_none_or(|deadline| Instant::now() < deadline))
    };
    if std::io::stdout().is_terminal() {
        screen::run(&feed, ports_line(options.port).as_str(), &mut keep_running)
    } else {
        plain::run(&feed, &mut keep_running)
    }
}

fn ports_line(port: u16) -> String {
    format!("http://127.0.0.1:{port}/  ·  curl -s 'http://127.0.0.1:{port}/api/races/upcoming'  ·  q or Ctrl-C to stop")
}

/// A flag that SIGINT, SIGTERM and SIGHUP set.
fn stop_flag() -> Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // A second signal ends this program at once; the watchdogs then stop the servers.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&flag)).context("cannot handle signals")?;
        signal_hook::flag::register(signal, Arc::clone(&flag)).context("cannot handle signals")?;
    }
    Ok(flag)
}

fn free_base(port: u16) -> u16 {
    let mut bases = (port..60_000).step_by(10).skip(1);
    bases.find(|&base| Ports::from_base(base).is_ok_and(|ports| ports.taken().is_empty())).unwrap_or(18_080)
}
