//! Races as the signals see them, random ones and hand-written ones.

use proptest::prelude::*;
use raceday_core::signals::{Poll, PollRunner, RaceKind, Reading, Rules, Watch};
use raceday_core::{Category, Odds};

pub const START_US: i64 = 1_764_504_000_000_000;
pub const SECOND: i64 = 1_000_000;
pub const KIND: RaceKind = RaceKind { country: Some("NZ"), category: Category::Thoroughbred };

/// A poll that owns its runners.
#[derive(Debug, Clone)]
pub struct OwnedPoll {
    pub seconds: i64,
    /// By how much the start has moved by then.
    pub delay: i64,
    pub is_open: bool,
    pub win_cents: Option<i64>,
    pub place_cents: Option<i64>,
    pub runners: Vec<OwnedRunner>,
}

#[derive(Debug, Clone)]
pub struct OwnedRunner {
    pub id: String,
    pub number: i64,
    pub is_scratched: bool,
    pub tote: Option<i64>,
    pub fixed: Option<i64>,
}

impl OwnedPoll {
    pub fn event_us(&self) -> i64 {
        START_US - self.seconds * SECOND
    }

    pub fn start_us(&self) -> i64 {
        START_US + self.delay * SECOND
    }

    pub fn poll(&self) -> Poll<'_> {
        let runner = |of: &'_ OwnedRunner| PollRunner {
            entrant_id: "",
            number: Some(of.number),
            is_scratched: of.is_scratched,
            odds: Odds {
                fixed_win: of.fixed,
                fixed_place: of.fixed.map(|odds| odds / 3 + 67),
                pool_win: of.tote,
                pool_place: of.tote.map(|odds| odds / 30 * 10 + 110),
            },
            hold: None,
            bet: None,
        };
        Poll {
            event_us: self.event_us(),
            start_us: self.start_us(),
            is_open: self.is_open,
            win_cents: self.win_cents,
            place_cents: self.place_cents,
            runners: self.runners.iter().map(|of| PollRunner { entrant_id: &of.id, ..runner(of) }).collect(),
        }
    }
}

/// Tote odds by money: 16 % take-out, rounded down to a step.
pub fn odds_of(money: &[i64], step: i64) -> Vec<Option<i64>> {
    let pool: i64 = money.iter().sum();
    money.iter().map(|cents| Some(((84 * pool / cents.max(&1)) / step * step).max(104))).collect()
}

/// A poll of runners numbered from 1, with all of a pool's money and its odds.
pub fn poll(seconds: i64, money: &[i64], fixed: &[i64]) -> OwnedPoll {
    let odds = odds_of(money, 10);
    let runners = odds.iter().zip(fixed).zip(1..).map(|((tote, fixed), number)| OwnedRunner {
        id: format!("runner-{number:02}"),
        number,
        is_scratched: false,
        tote: *tote,
        fixed: (*fixed > 0).then_some(*fixed),
    });
    OwnedPoll {
        seconds,
        delay: 0,
        is_open: true,
        win_cents: Some(money.iter().sum()),
        place_cents: Some(money.iter().sum::<i64>() / 3),
        runners: runners.collect(),
    }
}

/// What each poll of a race gives.
pub fn readings(polls: &[OwnedPoll], rules: &Rules) -> (Vec<Reading>, Watch) {
    let mut watch = Watch::default();
    let readings = polls.iter().map(|poll| watch.advance(&poll.poll(), KIND, rules)).collect();
    (readings, watch)
}

/// One step of a random race.
#[derive(Debug, Clone)]
struct Step {
    seconds: i64,
    bets: Vec<i64>,
    /// Which of the step's quirks apply, by bit: see [`polls_of`].
    quirk: u8,
    runner: usize,
    fixed: Vec<i64>,
}

fn step(runners: usize) -> impl Strategy<Value = Step> {
    let bets = prop::collection::vec(prop_oneof![3 => 0_i64..30_000, 1 => 0_i64..600_000, 1 => Just(0)], runners);
    let fixed = prop::collection::vec(101_i64..6_000, runners);
    let quirk = prop_oneof![6 => Just(0_u8), 4 => 1_u8..12];
    (1_i64..40, bets, quirk, 0..runners, fixed).prop_map(|(seconds, bets, quirk, runner, fixed)| Step {
        seconds,
        bets,
        quirk,
        runner,
        fixed,
    })
}

/// A race of 1 to 24 runners: lumpy bets, and polls with what polls can have wrong.
pub fn race() -> impl Strategy<Value = Vec<OwnedPoll>> {
    (1_usize..25, prop::sample::select(vec![5_i64, 10, 10, 10])).prop_flat_map(|(runners, tote_step)| {
        let opening = prop::collection::vec(1_000_i64..400_000, runners);
        (opening, prop::collection::vec(step(runners), 4..26))
            .prop_map(move |(opening, steps)| polls_of(opening, &steps, tote_step))
    })
}

fn polls_of(mut money: Vec<i64>, steps: &[Step], tote_step: i64) -> Vec<OwnedPoll> {
    let mut seconds = 420;
    let mut scratched = vec![false; money.len()];
    let mut shown = odds_of(&money, tote_step);
    let mut polls = Vec::new();
    for step in steps {
        seconds -= step.seconds;
        money
            .iter_mut()
            .zip(&step.bets)
            .zip(&scratched)
            .for_each(|((cents, bet), out)| *cents += if *out { 0 } else { *bet });
        match step.quirk {
            1 => scratched[step.runner] = !scratched[step.runner],
            2 => money[step.runner] = money[step.runner] * 2 / 3 + 1,
            3 => money[step.runner] += 2_000_000,
            _ => {}
        }
        let live: Vec<i64> = money.iter().zip(&scratched).map(|(cents, out)| if *out { 0 } else { *cents }).collect();
        let is_stale = step.quirk == 4;
        if !is_stale {
            shown = odds_of(&live, tote_step);
        }
        let mut poll = poll(seconds, &live, &step.fixed);
        for (at, runner) in poll.runners.iter_mut().enumerate() {
            runner.is_scratched = scratched[at];
            runner.tote = shown[at];
        }
        match step.quirk {
            5 => poll.runners[step.runner].tote = None,
            6 => poll.runners[step.runner].tote = Some(101),
            7 => poll.runners[step.runner].tote = poll.runners[step.runner].tote.map(|odds| odds + 70),
            8 => poll.runners[step.runner].fixed = None,
            9 => poll.win_cents = None,
            10 => poll.is_open = false,
            11 => poll.delay = 200,
            _ => {}
        }
        polls.push(poll);
    }
    polls
}
