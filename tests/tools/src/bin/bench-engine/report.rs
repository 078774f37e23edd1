//! Prints tables and writes JSON.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::measure::Measured;
use crate::session::Method;

/// One row of the figures, as `--json` writes it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Figure {
    /// `floor`, `engine` or `reference`.
    pub name: String,
    /// The number of concurrent connections.
    pub connections: usize,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub max_ms: f64,
    /// CPU time of client and server together.
    pub cpu_ms_per_race: f64,
    pub races_per_s: f64,
    #[serde(skip)]
    client_cpu_ms_per_race: f64,
    #[serde(skip)]
    races: usize,
}

impl Figure {
    /// Summarises measurements.
    pub fn of(method: Method, connections: usize, measured: &Measured) -> Self {
        let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
        Self {
            name: method.to_string(),
            connections,
            p50_ms: rounded(measured.p50_ms()),
            p95_ms: rounded(measured.percentile_ms(0.95)),
            max_ms: rounded(measured.percentile_ms(1.0)),
            cpu_ms_per_race: rounded(measured.cpu_ms_per_race()),
            races_per_s: rounded(measured.races_per_s()),
            client_cpu_ms_per_race: measured.client_cpu_ms_per_race(),
            races: measured.count(),
        }
    }
}

/// Prints the figures as a Markdown table.
pub fn print_figures(figures: &[Figure]) {
    println!("\n| what | connections | p50 ms | p95 ms | max ms | CPU ms/race | of which client | races/s | races |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for figure in figures {
        println!(
            "| {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {} |",
            figure.name,
            figure.connections,
            figure.p50_ms,
            figure.p95_ms,
            figure.max_ms,
            figure.cpu_ms_per_race,
            figure.client_cpu_ms_per_race,
            figure.races_per_s,
            figure.races
        );
    }
}

/// Writes the figures as a JSON array.
pub fn write_json(path: &Path, figures: &[Figure]) -> Result<()> {
    std::fs::write(path, serde_json::to_string_pretty(figures)? + "\n")
        .with_context(|| format!("cannot write {}", path.display()))
}

/// An aim and the measured value.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Aim {
    /// What is compared.
    pub what: String,
    /// The bound.
    pub aim: String,
    /// The measured value.
    pub is: String,
    pub met: bool,
}

impl Aim {
    /// A value that should not exceed `most`.
    pub fn at_most(what: &str, value: f64, most: f64, unit: &str) -> Self {
        let what = what.to_owned();
        Self { what, aim: format!("<= {most}{unit}"), is: format!("{value:.3}{unit}"), met: value <= most }
    }

    /// A value that should reach `least`.
    pub fn at_least(what: &str, value: f64, least: f64, unit: &str) -> Self {
        let what = what.to_owned();
        Self { what, aim: format!(">= {least}{unit}"), is: format!("{value:.2}{unit}"), met: value >= least }
    }
}

/// Prints the aims as a Markdown table. Returns whether all are met.
pub fn print_aims(aims: &[Aim]) -> bool {
    println!("\n| aim | target | measured | met |");
    println!("|---|---|---|---|");
    for aim in aims {
        println!("| {} | {} | {} | {} |", aim.what, aim.aim, aim.is, if aim.met { "yes" } else { "NO" });
    }
    aims.iter().all(|aim| aim.met)
}
