//! Races without a programme, poll by poll and without HTTP: what benches and tests of signals read.

use rand::RngExt;

use crate::betting::{Book, Intent, Market, Outline, Plunge, Tape};
use crate::fate::{Fate, Forced};
use crate::ids::{Key, ProgramId};
use crate::odds::{self, Hundredths};
use crate::rng;

/// Seconds between two refreshes of the source, and so between polls.
const REFRESH_S: i64 = 15;
/// Seconds from the first poll to the start first advertised.
const FROM_S: i64 = 600;
/// When races start, in Unix seconds.
const START: i64 = 1_763_856_000;

/// A race and its betting.
#[derive(Debug, Clone)]
pub struct Sample {
    fate: Fate,
    market: Market,
    /// From a poll to the next full refresh of the source.
    phase_s: i64,
}

/// What a poll of a race shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// When, in Unix seconds.
    pub at: i64,
    /// The advertised start, in Unix seconds.
    pub start: i64,
    /// Whether betting is open.
    pub is_open: bool,
    /// The money.
    pub book: Book,
    /// The odds of each runner; 0 for none.
    pub odds: Vec<PollOdds>,
}

/// A runner's odds; 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct PollOdds {
    pub fixed_win: Hundredths,
    pub fixed_place: Hundredths,
    pub pool_win: Hundredths,
    pub pool_place: Hundredths,
}

impl Sample {
    /// Draws the race with this number, whose win pool will be about `win_cents`, with or without a plunge.
    #[must_use]
    pub fn draw(seed: u64, number: u32, win_cents: f64, with_plunge: bool) -> Self {
        let key = Key::race(ProgramId::Bench(number), 0, 1);
        let mut rng = rng::stream(seed, "sample", key.number());
        let fate = Fate::new(seed, key, START, 1200, Forced::Chance);
        let fate = Fate { abandoned_at: None, insider: None, ..fate };
        let mut scratched_at = vec![None; rng.random_range(7..17)];
        for at in [fate.early_scratching_at, fate.late_scratching_at].into_iter().flatten() {
            let runner = rng.random_range(0..scratched_at.len());
            scratched_at[runner] = Some(at);
        }
        let outline = Outline::new(&fate, scratched_at, win_cents, false);
        let intent = Intent::draw(&mut rng);
        let market = Market::lumpy(&mut rng, outline, with_plunge.then_some(intent));
        Self { fate, market, phase_s: rng.random_range(0..REFRESH_S) }
    }

    /// The insiders' bets, if any were planted.
    #[must_use]
    pub fn plunge(&self) -> Option<&Plunge> {
        self.market.plunge()
    }

    /// Whether computer teams bet on it.
    #[must_use]
    pub fn with_teams(&self) -> bool {
        self.market.tape().is_some_and(Tape::with_teams)
    }

    /// Its polls, from ten minutes before the start until shortly after betting has closed.
    pub fn polls(&self) -> impl Iterator<Item = Poll> {
        let from = self.fate.first_start - FROM_S - self.phase_s;
        let until = self.fate.betting_ends_at() + 2 * REFRESH_S;
        (from..until).step_by(15).map(|at| self.poll(at))
    }

    fn poll(&self, at: i64) -> Poll {
        let book = self.market.book(at);
        let places = if book.win.len() >= 8 { 3 } else { 2 };
        let fixed = odds::fixed_win(&self.market.chances(&book));
        let tote = odds::tote_win(&book).into_iter().zip(odds::tote_place(&book, places));
        let odds = fixed.into_iter().zip(tote).map(|(fixed_win, (pool_win, pool_place))| PollOdds {
            fixed_win,
            fixed_place: odds::fixed_place(fixed_win, places),
            pool_win,
            pool_place,
        });
        let odds = odds.collect();
        let is_open = at < self.fate.betting_ends_at();
        Poll { at, start: self.fate.advertised_start(at), is_open, book, odds }
    }
}
