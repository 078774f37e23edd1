//! What the simulator answered against what is staged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use postgres::fallible_iterator::FallibleIterator;
use serde_json::Value;
use xtask::stack::http_get;
use xxhash_rust::xxh3::xxh3_64;

use crate::system::System;

/// Longest from when the fetcher asked to when it had the answer: its timeout, and the simulator's clock being read late.
const IN_FLIGHT_MS: i64 = 6_000;
/// A request that a killed fetcher had sent may lie in the simulator's socket so long before it is looked at.
const IN_SOCKET_MS: i64 = 1_000;

/// An answer: its race and the hash of its body.
type Key = (String, String);

/// The balance of a run.
#[derive(Debug, Default)]
pub struct Balance {
    answered: usize,
    staged: usize,
    staged_twice: usize,
    /// Given while the fetcher was being killed, which never had them whole.
    cut_off: usize,
    /// The fetcher said that it had them, and they are not staged.
    lost_after_receipt: Vec<Key>,
    /// Not staged, and no kill explains it.
    lost_unexplained: Vec<(Key, Option<i64>)>,
    /// Staged, though the simulator never gave them.
    foreign: usize,
}

impl Balance {
    /// Whether everything that was answered is staged or was cut off by a kill.
    pub fn is_even(&self) -> bool {
        self.lost() == 0 && self.foreign == 0
    }

    fn lost(&self) -> usize {
        self.lost_after_receipt.len() + self.lost_unexplained.len()
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "answered        {:>7}", self.answered)?;
        writeln!(formatter, "staged          {:>7}  ({} of them twice)", self.staged, self.staged_twice)?;
        writeln!(formatter, "cut off         {:>7}  on their way to a fetcher when it was killed", self.cut_off)?;
        writeln!(formatter, "lost            {:>7}", self.lost())?;
        for (race_id, hash) in self.lost_after_receipt.iter().take(10) {
            writeln!(formatter, "    {race_id} {hash}: received, not staged")?;
        }
        for ((race_id, hash), kill_ms) in self.lost_unexplained.iter().take(10) {
            writeln!(
                formatter,
                "    {race_id} {hash}: answered, never received, nearest kill {kill_ms:?} ms after the request"
            )?;
        }
        write!(formatter, "never answered  {:>7}  but staged", self.foreign)
    }
}

/// Compares the simulator's answers with the staged payloads; `log` is all the fetchers' log.
pub fn balance(system: &System, log: &str) -> Result<Balance> {
    let answers = answers(system)?;
    let staged = staged(system)?;
    let received = received(log);
    let mut balance = Balance {
        answered: answers.len(),
        staged: staged.len(),
        staged_twice: staged.values().filter(|count| **count > 1).count(),
        foreign: staged.keys().filter(|key| !answers.contains_key(*key)).count(),
        ..Balance::default()
    };
    for (key, asked_at_ms) in answers {
        if staged.contains_key(&key) {
            continue;
        }
        let kills_after_ms = system.fetcher_kills_ms.iter().map(|kill_ms| kill_ms - asked_at_ms);
        let nearest_ms = kills_after_ms.min_by_key(|after_ms| after_ms.abs());
        if received.contains(&key) {
            balance.lost_after_receipt.push(key);
        } else if nearest_ms.is_some_and(|after_ms| (-IN_SOCKET_MS..IN_FLIGHT_MS).contains(&after_ms)) {
            balance.cut_off += 1;
        } else {
            balance.lost_unexplained.push((key, nearest_ms));
        }
    }
    Ok(balance)
}

/// Every distinct answer and when it was asked for, in real milliseconds of the epoch.
fn answers(system: &System) -> Result<BTreeMap<Key, i64>> {
    let (_, text) = http_get(&format!("{}/_sim/stats", system.simulator.url()))?;
    let stats: Value = serde_json::from_str(&text)?;
    let (real_ms, epoch, speed) = &system.clock;
    let epoch: DateTime<Utc> = epoch.parse().context("simulated_epoch")?;
    let mut answers = BTreeMap::new();
    for answer in stats["answers"].as_array().context("the simulator's stats have no answers")? {
        let text = |field: &str| answer[field].as_str().map(str::to_owned).with_context(|| format!("no {field}"));
        let asked_at: DateTime<Utc> = text("asked_at")?.parse().context("asked_at")?;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a run")]
        let after_ms = ((asked_at - epoch).as_seconds_f64() * 1000.0 / speed) as i64;
        answers.insert((text("race_id")?, text("xxh3")?), real_ms + after_ms);
    }
    Ok(answers)
}

/// Every distinct payload staged of a race, and how often.
fn staged(system: &System) -> Result<BTreeMap<Key, usize>> {
    let mut client = system.postgres.connect("raceday")?;
    let sql = "select race_id, coalesce(convert_to(payload, 'UTF8'), payload_raw)
               from raceday.staged_payloads where kind = 'event'";
    let mut rows = client.query_raw(sql, Vec::<String>::new())?;
    let mut staged = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (race_id, body): (String, Vec<u8>) = (row.get(0), row.get(1));
        *staged.entry((race_id, format!("{:016x}", xxh3_64(&body)))).or_default() += 1;
    }
    Ok(staged)
}

/// What the fetchers said they had.
fn received(log: &str) -> BTreeSet<Key> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let answers = lines.filter(|line| line["message"] == "answer.kept");
    answers
        .filter_map(|line| Some((line["race.id"].as_str()?.to_owned(), line["body.xxh3"].as_str()?.to_owned())))
        .collect()
}
