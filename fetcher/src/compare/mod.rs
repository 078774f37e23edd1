//! `compare`: compares the same races of a legacy backend and of ours, field by field, before clients are moved.

mod appwrite;
mod difference;
mod report;
mod responses;
mod rules;

use std::io::Write;

use anyhow::{Result, bail};
use clap::Args;

use self::difference::compare;
use self::report::{RaceReport, Report};
use self::responses::Backend;
use self::rules::Rules;
pub use self::rules::Tolerances;
use crate::appwrite::Access;

/// What to compare.
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    /// The legacy backend, e.g. http://legacy:3000, or http://appwrite/v1 if it speaks Appwrite's protocol
    #[arg(long, value_name = "URL")]
    pub legacy: String,
    /// The project of a legacy backend that speaks Appwrite's protocol
    #[arg(long, value_name = "ID", default_value = "raceday")]
    pub legacy_project: String,
    /// The key of a legacy backend that speaks Appwrite's protocol
    #[arg(long, env = "APPWRITE_API_KEY", hide_env_values = true, default_value = "")]
    pub legacy_key: String,
    /// Ours, e.g. http://127.0.0.1:8080
    #[arg(long, value_name = "URL")]
    pub ours: String,
    /// Race ids (default: those the legacy backend lists as upcoming or just run)
    #[arg(long, value_delimiter = ',', value_name = "ID,...")]
    pub races: Vec<String>,
    /// How far apart two values may be.
    #[command(flatten)]
    pub tolerances: Tolerances,
    /// Also write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<std::path::PathBuf>,
}

/// Compares, writes the report to `out`, and returns whether nothing differs.
///
/// Fails when there is no race to compare, or a backend does not respond.
pub async fn run(args: &CompareArgs, out: &mut impl Write) -> Result<bool> {
    let access = Access { project: args.legacy_project.clone(), key: args.legacy_key.clone() };
    let legacy = Backend::new(&args.legacy, &access)?;
    let ours = Backend::new(&args.ours, &Access::default())?;
    let races = if args.races.is_empty() { legacy.listed_races().await? } else { args.races.clone() };
    if races.is_empty() {
        bail!("{} lists no race: name some with --races", legacy.url());
    }
    let rules = Rules::new(&args.tolerances);
    let mut report = Report::default();
    for race_id in &races {
        let race = compare_race(&legacy, &ours, race_id, &rules).await?;
        write!(out, "{race}")?;
        report.races.push(race);
    }
    write!(out, "{report}")?;
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_string_pretty(&report.to_json())?)?;
    }
    Ok(report.is_equal())
}

async fn compare_race(legacy: &Backend, ours: &Backend, race_id: &str, rules: &Rules) -> Result<RaceReport> {
    let mut report = RaceReport::new(race_id);
    for resource in responses::resources(legacy, race_id).await? {
        let (theirs, mine) = (legacy.response(&resource).await?, ours.response(&resource).await?);
        if theirs["status"].as_u64() >= Some(500) {
            // Two backends that both fail are not equal: nothing was compared.
            report.counted.differ(&format!("{}.status", resource.name), Some(&theirs["status"]), Some(&mine["status"]));
            continue;
        }
        compare(resource.name, &theirs, &mine, rules, &mut report.counted);
    }
    Ok(report)
}
