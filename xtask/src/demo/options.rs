//! Options of `cargo xtask demo`.

use clap::Args;

/// Options of a demo.
#[derive(Debug, Clone, Args)]
pub struct DemoOptions {
    /// Simulated seconds per real second
    #[arg(long, default_value_t = 1.0, value_parser = speed, conflicts_with = "live")]
    pub speed: f64,
    /// Stop after this many seconds with a summary; exit code 0 only if every due poll was processed
    #[arg(long, value_name = "SECONDS")]
    pub duration: Option<u64>,
    /// Poll the real TAB instead of the simulator; needs NZTAB_FROM (an e-mail address) and NZTAB_PARTNER
    #[arg(long)]
    pub live: bool,
    /// The first of seven ports: nginx, REST, its admin port, PostgreSQL, simulator, fetcher, hub
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Determines the simulated race day
    #[arg(long, default_value_t = 1, conflicts_with = "live")]
    pub seed: u64,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.1..=100.0).contains(&speed) => Ok(speed),
        _ => Err("a number from 0.1 to 100".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_bounded() {
        assert_eq!(speed("10"), Ok(10.0));
        assert!(speed("0").is_err() && speed("fast").is_err() && speed("NaN").is_err());
    }
}
