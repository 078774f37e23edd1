//! The polls: races of one evening, each polled every 15 s from ten minutes before its start.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use nztab_sim::Simulator;

/// What the simulator makes everything from.
const SEED: u64 = 42;
/// Bench races start a minute apart from midnight UTC on: these leave an hour before the first, so that all polls are of one day.
const FIRST_INDEX: u32 = 60;
/// Between polls of a race.
const EVERY_S: i64 = 15;
/// First poll, before the start.
const FROM_S: i64 = 600;
/// The source's answer is ready within half a second of its grid.
const READY_MS: i64 = 600;

/// One answer of the TAB.
#[derive(Debug, Clone)]
pub struct Poll {
    /// The race.
    pub race_id: Arc<str>,
    /// When it was fetched.
    pub fetched_at: DateTime<Utc>,
    /// The body.
    pub text: Arc<str>,
}

impl Poll {
    /// The same body, fetched later.
    pub fn fetched_later(&self, by: TimeDelta) -> Self {
        Self { fetched_at: self.fetched_at + by, ..self.clone() }
    }
}

/// All polls, made before anything is measured.
pub struct Feed {
    /// By round, then by race.
    rounds: Vec<Vec<Poll>>,
    next: usize,
}

impl Feed {
    /// Makes `rounds` polls of each of `races` races. Fails when two polls of a race after another say the same.
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

    /// The next poll of every race. When the polls made are used up their texts come again, at later moments.
    pub fn round(&mut self) -> Vec<Poll> {
        let made = self.rounds.len();
        let (turn, round) = (self.next / made, self.next % made);
        self.next += 1;
        let later = TimeDelta::seconds(EVERY_S * i64::try_from(turn * made).unwrap_or_default());
        self.rounds[round].iter().map(|poll| poll.fetched_later(later)).collect()
    }

    /// Bytes of a poll: the mean.
    pub fn mean_bytes(&self) -> usize {
        let lengths = self.rounds.iter().flatten().map(|poll| poll.text.len());
        lengths.clone().sum::<usize>() / lengths.count().max(1)
    }

    fn check(&self) -> Result<()> {
        for (before, after) in self.rounds.iter().zip(self.rounds.iter().skip(1)) {
            for (before, after) in before.iter().zip(after) {
                if money(&before.text)? == money(&after.text)? {
                    bail!("race {}: nothing changed between two polls at {}", before.race_id, after.fetched_at);
                }
            }
        }
        Ok(())
    }
}

/// What of an event changes as money comes in.
fn money(text: &str) -> Result<serde_json::Value> {
    let mut event: serde_json::Value = serde_json::from_str(text)?;
    Ok(event["data"]["tote_pools"].take())
}
