//! The money flow of one race as a table, built from REST responses; the screen and the plain lines show it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

/// The number of intervals shown.
const INTERVALS: usize = 7;

/// One race.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    /// The race's number and name.
    pub title: String,
    /// The start time.
    pub start: Option<DateTime<Utc>>,
    /// The status, in the TAB's words.
    pub status: String,
    /// The win pool in cents.
    pub win_pool_cents: Option<i64>,
    /// The last intervals in minutes to the start, oldest first.
    pub intervals: Vec<i64>,
    /// The runners, sorted by number.
    pub runners: Vec<Runner>,
}

/// One runner.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Runner {
    pub number: i64,
    pub name: String,
    pub is_scratched: bool,
    /// The fixed win odds.
    pub fixed: Option<f64>,
    /// The last move of the fixed odds.
    pub trend: Trend,
    /// The tote win odds.
    pub tote: Option<f64>,
    /// The share of all money bet, in percent.
    pub hold: Option<f64>,
    /// The estimated money in the win pool, in cents.
    pub win_cents: Option<i64>,
    /// Its growth in each of the board's intervals, in cents.
    pub increments: Vec<Option<i64>>,
    /// What the engine found unusual about it.
    pub signal: Option<Signal>,
}

/// Unusual late money on a runner, as the engine found it.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// The runner's part of the money that came in, relative to its share.
    pub multiple: Option<f64>,
    /// The money that is certain to exceed its share, in cents.
    pub excess_cents: i64,
    /// It happens in 1 race in this many.
    pub rarity: i64,
    /// Whether the rarity is an assumption, because too few races have been finished.
    pub is_provisional: bool,
}

impl Signal {
    /// For example `4.1 × its share, >= $3,800 more than expected, 1 in 200`.
    pub fn words(&self) -> String {
        let multiple = self.multiple.map(|multiple| format!("{multiple:.1} × its share"));
        let excess = (self.excess_cents > 0).then(|| format!(">= {} more than expected", dollars(self.excess_cents)));
        let about = if self.is_provisional { "about " } else { "" };
        let parts = [multiple, excess, Some(format!("{about}1 in {}", self.rarity))];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// The signals of a race by entrant.
pub type Signals = BTreeMap<String, Signal>;

/// The last move of a runner's odds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// Shorter: money came in.
    In,
    /// Longer: money went elsewhere.
    Out,
    /// Unchanged or unknown.
    Steady,
}

/// A runner's share of the money of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heat {
    /// 30 % or more.
    Hot,
    /// 15 % or more.
    Warm,
    /// Less.
    Cool,
    /// The runner's money fell.
    Falling,
}

/// The last timeline row of an entrant in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flow {
    /// Growth since the previous interval, in cents.
    pub increment_cents: Option<i64>,
    /// Money in the win pool, in cents.
    pub win_cents: Option<i64>,
}

/// Timeline rows by entrant and interval; the last row of an interval counts.
#[derive(Debug, Clone, Default)]
pub struct Flows {
    rows: BTreeMap<(String, i64), Flow>,
}

impl Flows {
    /// Adds a page of the timeline. Within an interval its rows are in order of creation.
    pub fn add(&mut self, page: &Value) {
        for row in page["documents"].as_array().into_iter().flatten() {
            let (Some(entrant), Some(interval)) = (row["entrant_id"].as_str(), row["time_interval"].as_i64()) else {
                continue;
            };
            let flow = Flow {
                increment_cents: row["incremental_win_amount"].as_i64(),
                win_cents: row["win_pool_amount"].as_i64(),
            };
            self.rows.insert((entrant.to_owned(), interval), flow);
        }
    }

    /// The last intervals, oldest first.
    fn intervals(&self) -> Vec<i64> {
        let mut all: Vec<i64> = self.rows.keys().map(|(_, interval)| *interval).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.dedup();
        all.split_off(all.len().saturating_sub(INTERVALS))
    }

    fn of(&self, entrant: &str, interval: i64) -> Option<Flow> {
        self.rows.get(&(entrant.to_owned(), interval)).copied()
    }

    fn latest(&self, entrant: &str) -> Option<Flow> {
        let mut rows = self.rows.range((entrant.to_owned(), i64::MIN)..=(entrant.to_owned(), i64::MAX));
        rows.next().map(|(_, flow)| *flow)
    }
}

impl Board {
    /// Assembles the responses about a race, its entrants, its pools (if known), its timeline and its signals.
    pub fn new(race: &Value, entrants: &Value, pools: Option<&Value>, flows: &Flows, signals: &Signals) -> Self {
        let intervals = flows.intervals();
        let entrants = entrants.as_array().into_iter().flatten();
        let mut runners: Vec<Runner> = entrants.map(|entrant| runner(entrant, flows, &intervals, signals)).collect();
        runners.sort_by_key(|runner| runner.number);
        let number = race["race_number"].as_i64().map_or_else(String::new, |number| format!("R{number} "));
        Self {
            title: format!("{number}{}", text(&race["name"])),
            start: race["start_time"].as_str().and_then(|at| at.parse().ok()),
            status: text(&race["status"]),
            win_pool_cents: pools.and_then(|pools| pools["win_pool_total"].as_i64()),
            intervals,
            runners,
        }
    }

    /// The runner's share of the money of interval `index`.
    pub fn heat(&self, runner: &Runner, index: usize) -> Option<Heat> {
        let own = runner.increments.get(index).copied().flatten()?;
        let grown = |runner: &Runner| runner.increments.get(index).copied().flatten().unwrap_or(0).max(0);
        let total: i64 = self.runners.iter().map(grown).sum();
        Some(match own {
            _ if own < 0 => Heat::Falling,
            _ if total > 0 && own * 100 >= total * 30 => Heat::Hot,
            _ if total > 0 && own * 100 >= total * 15 => Heat::Warm,
            _ => Heat::Cool,
        })
    }

    /// The time until or since the start, e.g. `starts in 4:05` or `started 0:30 ago`.
    pub fn countdown(&self, now: DateTime<Utc>) -> String {
        let Some(start) = self.start else { return "start unknown".to_owned() };
        let seconds = (start - now).num_seconds();
        let clock = |s: i64| format!("{}:{:02}", s / 60, s % 60);
        if seconds >= 0 { format!("starts in {}", clock(seconds)) } else { format!("started {} ago", clock(-seconds)) }
    }
}

fn runner(entrant: &Value, flows: &Flows, intervals: &[i64], signals: &Signals) -> Runner {
    let id = entrant["entrant_id"].as_str().unwrap_or_default();
    let increments = intervals.iter().map(|&interval| flows.of(id, interval).and_then(|flow| flow.increment_cents));
    Runner {
        number: entrant["runner_number"].as_i64().unwrap_or(0),
        name: text(&entrant["name"]),
        is_scratched: entrant["is_scratched"].as_bool().unwrap_or(false),
        fixed: entrant["win_odds"].as_f64(),
        trend: trend(&entrant["odds_history"]),
        tote: entrant["pool_win_odds"].as_f64(),
        hold: entrant["hold_percentage"].as_f64(),
        win_cents: flows.latest(id).and_then(|flow| flow.win_cents),
        increments: increments.collect(),
        signal: signals.get(id).cloned(),
    }
}

/// Compares the last two fixed win odds; the history has the newest first.
fn trend(history: &Value) -> Trend {
    let rows = history.as_array().into_iter().flatten();
    let mut fixed = rows.filter(|row| row["type"] == "fixed_win").filter_map(|row| row["odds"].as_f64());
    match (fixed.next(), fixed.next()) {
        (Some(new), Some(old)) if new < old => Trend::In,
        (Some(new), Some(old)) if new > old => Trend::Out,
        _ => Trend::Steady,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Cents as dollars: `$12,345`.
pub fn dollars(cents: i64) -> String {
    let whole = (cents.abs() + 50) / 100;
    let digits = whole.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{}${grouped}", if cents < 0 && whole > 0 { "-" } else { "" })
}

/// Growth with its sign: `+$120`.
pub fn growth(cents: i64) -> String {
    let dollars = dollars(cents);
    if cents > 0 { format!("+{dollars}") } else { dollars }
}

/// Odds, or a dash.
pub fn odds(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |odds| format!("{odds:.2}"))
}

/// The heading of an interval: minutes to the start.
pub fn interval(minutes: i64) -> String {
    format!("{minutes}m")
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn example() -> Board {
        let race = json!({"name": "ASCOT CUP 1600", "race_number": 3, "start_time": "2025-10-05T12:00:00.000Z", "status": "Open"});
        let entrants = json!([
            {"entrant_id": "b", "runner_number": 2, "name": "Late Mail", "is_scratched": false, "win_odds": 6.5,
             "pool_win_odds": null, "hold_percentage": 9.0, "odds_history": []},
            {"entrant_id": "a", "runner_number": 1, "name": "Early Bird", "is_scratched": false, "win_odds": 4.4,
             "pool_win_odds": 3.9, "hold_percentage": 18.0, "odds_history": [
                {"odds": 3.8, "type": "pool_win"}, {"odds": 4.4, "type": "fixed_win"}, {"odds": 5.0, "type": "fixed_win"}]},
        ]);
        let mut flows = Flows::default();
        flows.add(&json!({"documents": [
            {"entrant_id": "a", "time_interval": 10, "incremental_win_amount": 100, "win_pool_amount": 160_000},
            {"entrant_id": "a", "time_interval": 5, "incremental_win_amount": 100, "win_pool_amount": 160_100},
        ]}));
        // A later poll of the same interval replaces the earlier one.
        flows.add(&json!({"documents": [
            {"entrant_id": "a", "time_interval": 5, "incremental_win_amount": 4725, "win_pool_amount": 164_725},
            {"entrant_id": "b", "time_interval": 5, "incremental_win_amount": -50, "win_pool_amount": 82_000},
        ]}));
        let found = Signal { multiple: Some(4.08), excess_cents: 380_012, rarity: 200, is_provisional: false };
        let signals = Signals::from([("b".to_owned(), found)]);
        Board::new(&race, &entrants, Some(&json!({"win_pool_total": 915_138})), &flows, &signals)
    }

    #[test]
    fn a_signal_says_how_unusual_the_money_is() {
        let signal = example().runners[1].signal.clone().unwrap();
        assert_eq!(signal.words(), "4.1 × its share, >= $3,800 more than expected, 1 in 200");
        let vague = Signal { multiple: None, excess_cents: -5, rarity: 20, is_provisional: true };
        assert_eq!(vague.words(), "about 1 in 20");
    }

    #[test]
    fn runners_are_sorted_by_number_and_intervals_count_down() {
        let board = example();
        assert_eq!(board.intervals, [10, 5]);
        assert_eq!(board.win_pool_cents, Some(915_138));
        let early = &board.runners[0];
        assert_eq!((early.number, early.trend, early.win_cents), (1, Trend::In, Some(164_725)));
        assert_eq!(early.increments, [Some(100), Some(4725)]);
        assert_eq!(board.runners[1].increments, [None, Some(-50)]);
    }

    #[test]
    fn a_runner_with_most_of_an_interval_s_money_is_hot() {
        let board = example();
        assert_eq!(board.heat(&board.runners[0], 1), Some(Heat::Hot));
        assert_eq!(board.heat(&board.runners[1], 1), Some(Heat::Falling));
        assert_eq!(board.heat(&board.runners[1], 0), None);
    }

    #[test]
    fn the_start_counts_down_and_then_up() {
        let board = example();
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(board.countdown(at("2025-10-05T11:55:55Z")), "starts in 4:05");
        assert_eq!(board.countdown(at("2025-10-05T12:00:30Z")), "started 0:30 ago");
    }

    #[test]
    fn cents_are_shown_as_dollars() {
        assert_eq!(dollars(164_725), "$1,647");
        assert_eq!(dollars(123_456_789), "$1,234,568");
        assert_eq!(growth(4725), "+$47");
        assert_eq!(growth(-4725), "-$47");
        assert_eq!(growth(-20), "$0");
    }
}
