//! The polls to process: the races of one day, each polled every 15 s from ten minutes before its start.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use nztab_sim::Simulator;

/// Determines the simulated day.
const SEED: u64 = 42;
/// Bench races start one minute apart from midnight UTC. Starting with the race at 01:00 keeps all polls within one day.
const FIRST_INDEX: u32 = 60;
/// Time between two polls of a race.
const EVERY_S: i64 = 15;
/// Time of the first poll before the start.
const FROM_S: i64 = 600;
/// The source publishes within half a second of its 15 s grid.
const READY_MS: i64 = 600;

/// One response of the TAB.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Poll {
    pub race_id: Arc<str>,
    pub fetched_at: DateTime<Utc>,
    pub text: Arc<str>,
}

impl Poll {
    /// The same body fetched later.
    pub fn fetched_later(&self, by: TimeDelta) -> Self {
        Self { fetched_at: self.fetched_at + by, ..self.clone() }
    }
}

/// All polls, generated before anything is measured.
pub struct Feed {
    /// By round, then by race.
    rounds: Vec<Vec<Poll>>,
    next: usize,
}

impl Feed {
    /// Generates `rounds` polls of each of `races` races. Fails when two consecutive polls of a race do not differ.
    pub fn make(races: u32, rounds: u32) -> Result<Self> {
        let simulator = Simulator::with(SEED);
        let mut by_round = vec![Vec::new(); rounds as usize];
        for race in 0..races {
            let index = FIRST_INDEX + race;
            let race_id = simulator.bench_race_id(index);
            let start = simulator.bench_start(index);
            for (round, polls) in (0..).zip(&mut by_round) {
                let fetched_at = start + TimeDelta::milliseconds((EVERY_S * round - FROM_S) * 1000 + READY_MS);
                let text = simulator.event(&race_id, fetched_at).context("the simulator does not know its race")?;
                polls.push(Poll { race_id: race_id.as_str().into(), fetched_at, text: text.into() });
            }
        }
        let feed = Self { rounds: by_round, next: 0 };
        feed.check()?;
        Ok(feed)
    }

    /// The next poll of every race. Once all are used, their bodies are repeated with later times.
    pub fn round(&mut self) -> Vec<Poll> {
        let made = self.rounds.len();
        let (turn, round) = (self.next / made, self.next % made);
        self.next += 1;
        let later = TimeDelta::seconds(EVERY_S * i64::try_from(turn * made).unwrap_or_default());
        self.rounds[round].iter().map(|poll| poll.fetched_later(later)).collect()
    }

    /// The mean size of a poll in bytes.
    pub fn mean_bytes(&self) -> usize {
        let lengths = self.rounds.iter().flatten().map(|poll| poll.text.len());
        lengths.clone().sum::<usize>() / lengths.count().max(1)
    }

    fn check(&self) -> Result<()> {
        for (before, after) in self.rounds.iter().zip(self.rounds.iter().skip(1)) {
            for (before, after) in before.iter().zip(after) {
                if money(&before.text)? == money(&after.text)? {
                    bail!("race {}: the poll at {} repeats the one before", before.race_id, after.fetched_at);
                }
            }
        }
        Ok(())
    }
}

/// The part of an event that changes with the money.
fn money(text: &str) -> Result<serde_json::Value> {
    let mut event: serde_json::Value = serde_json::from_str(text)?;
    Ok(event["data"]["tote_pools"].take())
}
