//! When two values of a field count as the same.

use clap::Args;

/// How far apart two values may be. Two backends poll the TAB at different moments, so a live race is never quite equal.
#[derive(Debug, Clone, Args)]
pub struct Tolerances {
    /// Amounts and pools: percentage of the larger value
    #[arg(long, default_value_t = 2.0, value_name = "PER_CENT")]
    pub money: f64,
    /// Percentages: percentage points
    #[arg(long, default_value_t = 0.5, value_name = "POINTS")]
    pub percentages: f64,
    /// Odds: percentage of the larger value
    #[arg(long, default_value_t = 5.0, value_name = "PER_CENT")]
    pub odds: f64,
    /// Times that each backend sets itself: seconds
    #[arg(long, default_value_t = 60.0, value_name = "SECONDS")]
    pub seconds: f64,
    /// Further fields to ignore
    #[arg(long, value_delimiter = ',', value_name = "FIELD,...")]
    pub ignore: Vec<String>,
}

impl Default for Tolerances {
    fn default() -> Self {
        Self { money: 2.0, percentages: 0.5, odds: 5.0, seconds: 60.0, ignore: Vec::new() }
    }
}

/// When two values of a field count as the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Not compared.
    Ignored,
    /// The same value.
    Exact,
    /// Numbers at most this percentage of the larger one apart.
    PerCent(f64),
    /// Numbers at most this far apart.
    Absolute(f64),
    /// Timestamps at most this many seconds apart.
    Seconds(f64),
}

/// The rule of each field.
#[derive(Debug, Clone)]
pub struct Rules {
    tolerances: Tolerances,
}

/// Specific to each backend: keys, when it wrote a row, what it sampled, its wording.
const OWN: [&str; 24] = [
    "id",
    "created_at",
    "updated_at",
    "last_updated",
    "timestamp",
    "event_timestamp",
    "polling_timestamp",
    "time_to_start",
    "odds_history",
    "money_flow_history",
    "data_quality_score",
    "extracted_pools",
    "next_cursor",
    "next_created_at",
    "cursor_after",
    "created_after",
    "limit",
    "total",
    "message",
    "coverage_report",
    "interval_coverage",
    "query_optimizations",
    "bucketed_data",
    "entrant_ids",
];

impl Rules {
    /// The rules under these tolerances.
    pub fn new(tolerances: &Tolerances) -> Self {
        Self { tolerances: tolerances.clone() }
    }

    /// The rule of a field, by its name.
    pub fn of(&self, field: &str) -> Rule {
        if OWN.contains(&field) || self.tolerances.ignore.iter().any(|ignored| ignored == field) {
            Rule::Ignored
        } else if field.ends_with("_amount") || field.ends_with("_pool_total") || field == "total_race_pool" {
            Rule::PerCent(self.tolerances.money)
        } else if field.ends_with("_percentage") && !field.starts_with("percentage_range") {
            Rule::Absolute(self.tolerances.percentages)
        } else if field == "odds" || field.ends_with("_odds") {
            Rule::PerCent(self.tolerances.odds)
        } else if ["actual_start", "result_time"].contains(&field) {
            Rule::Seconds(self.tolerances.seconds)
        } else {
            Rule::Exact
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_field_decides_its_rule() {
        let rules = Rules::new(&Tolerances { ignore: vec!["jockey".into()], ..Tolerances::default() });
        assert_eq!(rules.of("win_pool_amount"), Rule::PerCent(2.0));
        assert_eq!(rules.of("quinella_pool_total"), Rule::PerCent(2.0));
        assert_eq!(rules.of("hold_percentage"), Rule::Absolute(0.5));
        assert_eq!(rules.of("pool_place_odds"), Rule::PerCent(5.0));
        assert_eq!(rules.of("result_time"), Rule::Seconds(60.0));
        assert_eq!(rules.of("start_time"), Rule::Exact);
        assert_eq!(rules.of("runner_number"), Rule::Exact);
        assert_eq!(rules.of("created_at"), Rule::Ignored);
        assert_eq!(rules.of("jockey"), Rule::Ignored);
    }
}
