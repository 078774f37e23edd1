//! A second implementation of the money flow, straight from its definition (docs/money-flow.md): every row searches all
//! earlier rows. Slow and simple.

use crate::payload::START_S;
use proptest::prelude::*;
use raceday_core::format_hundredths;
use serde_json::{Value, json};

/// One poll of an invented race. Money is cents, percentages and odds are hundredths.
#[derive(Debug, Clone)]
pub struct Poll {
    /// Seconds since the previous poll.
    pub step_s: i64,
    /// How long before `fetched_at` the vendor built the response.
    pub age_ms: i64,
    /// By how much the advertised start moves; it stays moved.
    pub delay_s: i64,
    /// Whether the race is open for betting.
    pub is_open: bool,
    pub win: Option<i64>,
    pub place: Option<i64>,
    /// Rows `(runner, hold)`; a runner beyond the field is a stranger. `None`: no tracker.
    pub tracker: Option<Vec<(usize, Option<i64>)>>,
    /// Each runner's `(is scratched, pool_win)`.
    pub runners: Vec<(bool, Option<i64>)>,
}

/// An invented race.
#[derive(Debug, Clone)]
pub struct Race {
    /// Seconds from the first poll to the start.
    pub first_s: i64,
    pub polls: Vec<Poll>,
}

/// A poll with its times.
pub struct Timed<'a> {
    pub poll: &'a Poll,
    pub fetched_us: i64,
    pub event_us: i64,
    pub start_s: i64,
}

/// A runner's row by the rules.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Row {
    pub interval: i64,
    pub hold: Option<i64>,
    pub win: Option<i64>,
    pub place: Option<i64>,
    pub win_percentage: Option<i64>,
    pub place_percentage: Option<i64>,
    pub win_increment: Option<i64>,
    pub place_increment: Option<i64>,
    pub tote_percentage: Option<i64>,
    pub tote_amount: Option<i64>,
}

fn poll(field: usize) -> impl Strategy<Value = Poll> {
    let cents = || {
        prop::option::weighted(
            0.9,
            prop_oneof![1 => Just(0), 2 => Just(7_000), 2 => 0..500_i64, 5 => 0..99_999_999_i64],
        )
    };
    let hold = prop::option::weighted(0.95, prop_oneof![(0..100_i64).prop_map(|whole| whole * 100), 0..10_000_i64]);
    let odds = prop::option::weighted(0.97, prop_oneof![100..10_000_i64, 1..999_999_999_i64]);
    (
        1..400_i64,
        0..20_000_i64,
        prop_oneof![9 => Just(0), 1 => -300..900_i64],
        prop::bool::weighted(0.7),
        cents(),
        cents(),
        prop::option::weighted(0.9, prop::collection::vec((0..=field, hold), 1..3 * field)),
        prop::collection::vec((prop::bool::weighted(0.1), odds), field),
    )
        .prop_map(|(step_s, age_ms, delay_s, is_open, win, place, tracker, runners)| Poll {
            step_s,
            age_ms,
            delay_s,
            is_open,
            win,
            place,
            tracker,
            runners,
        })
}

/// Races of up to 16 runners and a dozen polls, from before the widest bucket to after the start.
pub fn race() -> impl Strategy<Value = Race> {
    (1..=16_usize).prop_flat_map(|field| {
        (-300..5_000_i64, prop::collection::vec(poll(field), 1..12))
            .prop_map(|(first_s, polls)| Race { first_s, polls })
    })
}

/// A runner's id; the first one beyond the field is a stranger's.
pub fn id(runner: usize) -> String {
    format!("runner-{runner:02}")
}

impl Race {
    /// The polls with their times.
    pub fn timed(&self) -> Vec<Timed<'_>> {
        let mut fetched_us = (START_S - self.first_s) * 1_000_000;
        let mut start_s = START_S;
        self.polls
            .iter()
            .map(|poll| {
                fetched_us += poll.step_s * 1_000_000 + 7;
                start_s += poll.delay_s;
                let event_us = (fetched_us - poll.age_ms * 1_000).div_euclid(1_000) * 1_000;
                Timed { poll, fetched_us, event_us, start_s }
            })
            .collect()
    }
}

fn decimal(value: i64) -> Value {
    // As the vendor writes it: 10, 4.4, 9151.38.
    let text = format_hundredths(value);
    serde_json::from_str(text.trim_end_matches('0').trim_end_matches('.')).unwrap()
}

impl Timed<'_> {
    /// The payload of the poll.
    pub fn payload(&self, race_id: &str) -> String {
        let generated = chrono::DateTime::from_timestamp_micros(self.event_us).unwrap().to_rfc3339();
        let runners: Vec<Value> = self.poll.runners.iter().enumerate().map(|(at, (is_scratched, pool_win))| {
            let odds = pool_win.map_or(json!({}), |odds| json!({"pool_win": decimal(odds)}));
            json!({"entrant_id": id(at), "name": "A horse", "runner_number": at + 1, "is_scratched": is_scratched, "odds": odds})
        }).collect();
        let tracker = self.poll.tracker.as_ref().map(|rows| {
            let rows = rows.iter().map(|(runner, hold)| {
                json!({"entrant_id": id(*runner), "hold_percentage": hold.map(decimal), "bet_percentage": 1})
            });
            json!({"entrants": rows.collect::<Vec<Value>>()})
        });
        let pools = [("Win", self.poll.win), ("Place", self.poll.place)].into_iter();
        let pools = pools.filter_map(|(name, cents)| Some(json!({"product_type": name, "total": decimal(cents?)})));
        json!({
            "header": {"generated_time": generated},
            "data": {
                "race": {"event_id": race_id, "type": "T", "status": if self.poll.is_open { "Open" } else { "Closed" }, "advertised_start": self.start_s},
                "runners": runners,
                "money_tracker": tracker,
                "tote_pools": pools.collect::<Vec<Value>>(),
            },
        })
        .to_string()
    }

    fn interval(&self) -> i64 {
        let seconds = (self.start_s * 1_000_000 - self.event_us).div_euclid(1_000_000);
        if seconds < 0 {
            return -(1..=1_000_000).find(|minutes| seconds >= -60 * minutes).unwrap();
        }
        let buckets = [60, 55, 50, 45, 40, 35, 30, 25, 20, 15, 10, 5, 4, 3, 2, 1, 0];
        *buckets.iter().find(|minutes| **minutes * 60 <= seconds).unwrap()
    }

    /// The rows of this poll, one per runner; `earlier` are those of the previous polls.
    fn rows(&self, earlier: &[Vec<Row>]) -> Option<Vec<Row>> {
        let tracker = self.poll.tracker.as_ref()?;
        let field = &self.poll.runners;
        let interval = self.interval();
        let weight = |runner: usize| match field[runner] {
            (false, Some(odds)) => 1_000_000_000_000_000_000_i128 / i128::from(odds),
            _ => 0,
        };
        let weights: i128 = (0..field.len()).map(weight).sum();
        let all_have_odds = weights > 0 && field.iter().all(|(is_scratched, odds)| *is_scratched || odds.is_some());
        let rows = (0..field.len()).map(|runner| {
            let named: Vec<Option<i64>> =
                tracker.iter().filter(|(of, _)| *of == runner).map(|(_, hold)| *hold).collect();
            let usable = named.is_empty() || named.iter().any(Option::is_some);
            let hold = usable.then(|| named.iter().flatten().sum::<i64>());
            let amount = |pool: Option<i64>| Some(round(i128::from(pool?) * i128::from(hold?), 10_000));
            let percentage = |amount: Option<i64>, pool: Option<i64>| {
                pool.filter(|pool| *pool != 0)
                    .and_then(|pool| Some(round(i128::from(amount?) * 10_000, i128::from(pool))))
            };
            let before = earlier.iter().rev().map(|rows| &rows[runner]);
            let increment = |amount: Option<i64>, of: fn(&Row) -> Option<i64>| {
                let base = before.clone().filter(|row| row.interval != interval).find_map(of);
                amount.map(|amount| match base {
                    Some(base) => amount - base,
                    None if interval >= 55 => amount,
                    None => 0,
                })
            };
            let (win, place) = (amount(self.poll.win), amount(self.poll.place));
            let has_share = all_have_odds && !field[runner].0;
            Row {
                interval,
                hold,
                win,
                place,
                win_percentage: percentage(win, self.poll.win),
                place_percentage: percentage(place, self.poll.place),
                win_increment: increment(win, |row| row.win),
                place_increment: increment(place, |row| row.place),
                tote_percentage: has_share.then(|| round(10_000 * weight(runner), weights)),
                tote_amount: self
                    .poll
                    .win
                    .filter(|_| has_share)
                    .map(|pool| round(i128::from(pool) * weight(runner), weights)),
            }
        });
        Some(rows.collect())
    }
}

/// The rows of every poll; none for a poll without a tracker, or after the close with the pools of the last poll that has rows.
pub fn rows(race: &Race) -> Vec<Option<Vec<Row>>> {
    let (mut earlier, mut last) = (Vec::new(), (None, None));
    let mut all = Vec::new();
    for timed in race.timed() {
        let differs = |polled: Option<i64>, last: Option<i64>| polled.is_some() && polled != last;
        let poll = timed.poll;
        let is_written = poll.is_open || differs(poll.win, last.0) || differs(poll.place, last.1);
        let rows = timed.rows(&earlier).filter(|_| is_written);
        if rows.is_some() {
            last = (poll.win, poll.place);
        }
        earlier.extend(rows.clone());
        all.push(rows);
    }
    all
}

/// Rounds half away from zero; for non-negative values that is adding a half and truncating.
fn round(numerator: i128, denominator: i128) -> i64 {
    i64::try_from((2 * numerator + denominator) / (2 * denominator)).unwrap()
}
