//! One race: everything about it that does not depend on the time.

use rand::RngExt;
use rand::seq::SliceRandom;

use crate::betting::{Book, Market, Style};
use crate::day::{Category, Meeting, RaceCard, nz_date};
use crate::ids::Kind;
use crate::runner::{Draft, Runner};
use crate::{names, rng};

/// The size in bytes of an event before its results, for any field, and of its parts: all but the runners, a runner's rows
/// in tracker and pools, a runner without last starts, and one last start.
const EVENT_BYTES: usize = 190_000;
const BASE_BYTES: usize = 5_000;
const ROWS_BYTES: usize = 2_100;
const RUNNER_BYTES: usize = 6_060;
const LAST_START_BYTES: usize = 773;

/// A race: its card, field, betting and finish.
#[derive(Debug, Clone)]
pub struct Race {
    /// The seed it was generated from.
    pub seed: u64,
    /// The meeting it belongs to.
    pub meeting: Meeting,
    /// Its entry in the programme.
    pub card: RaceCard,
    /// Its field, ordered by number.
    pub runners: Vec<Runner>,
    /// The betting on it.
    pub market: Market,
    /// The runners' indices in order of finish.
    pub finish: Vec<usize>,
    /// Whether it is a standing start.
    pub standing: bool,
    /// Ids in the money tracker that belong to no runner.
    pub strangers: Vec<String>,
}

impl Race {
    /// Generates a meeting's race with this number.
    #[must_use]
    pub fn new(seed: u64, meeting: &Meeting, number: u8) -> Option<Self> {
        let card = meeting.races.iter().find(|card| card.number == number)?.clone();
        let mut rng = rng::stream(seed, "race", card.key.number());
        let field = usize::from(card.field);
        let standing = meeting.category == Category::Harness && rng.random_bool(0.3);
        let mut barriers: Vec<u8> = (1..=card.field).collect();
        barriers.shuffle(&mut rng);
        let race_day = nz_date(card.fate.first_start);
        let starts = last_starts(field, card.quirks.map_or(EVENT_BYTES, |quirks| quirks.event_bytes));
        let mut runners: Vec<Runner> = (1..=card.field)
            .zip(names::field(&mut rng, field))
            .zip(barriers)
            .zip(starts)
            .map(|(((number, name), barrier), last_starts)| {
                let id = card.key.of_race(Kind::Runner, number).uuid(seed);
                let draft = Draft { id, name, number, barrier, last_starts };
                Runner::draw(&mut rng, draft, meeting.category, standing, race_day)
            })
            .collect();
        if card.quirks.is_some_and(|quirks| quirks.padded) {
            runners.iter_mut().step_by(2).for_each(Runner::pad);
        }
        let scratched_at = scratchings(seed, &card);
        let thin = card.quirks.is_some_and(|quirks| quirks.thin);
        let style = Style { rich: meeting.country != "NZ", thin, lumpy: card.quirks.is_some() };
        let market = Market::new(seed, card.key, &card.fate, style, scratched_at);
        let finish = finish(seed, &card, &market.worth());
        let strangers = (0..3).map(|index| card.key.of_race(Kind::Stranger, index).uuid(seed)).collect();
        Some(Self { seed, meeting: meeting.clone(), card, runners, market, finish, standing, strangers })
    }

    /// The number of places paid.
    #[must_use]
    pub fn places(&self) -> usize {
        if self.runners.len() >= 8 { 3 } else { 2 }
    }

    /// The money at a time (Unix seconds).
    #[must_use]
    pub fn book(&self, at: i64) -> Book {
        self.market.book(at)
    }
}

/// Distributes last starts over a field so that events have the same size for any field.
fn last_starts(field: usize, event_bytes: usize) -> Vec<usize> {
    let runners_bytes = event_bytes.saturating_sub(BASE_BYTES + field * ROWS_BYTES);
    // The event repeats the favourite and the mover.
    let each_bytes = (runners_bytes / (field + 2)).saturating_sub(RUNNER_BYTES);
    let all = (each_bytes * field / LAST_START_BYTES).max(field);
    (0..field).map(|index| all / field + usize::from(index < all % field)).collect()
}

fn scratchings(seed: u64, card: &RaceCard) -> Vec<Option<i64>> {
    let mut rng = rng::stream(seed, "scratchings", card.key.number());
    let mut scratched_at = vec![None; usize::from(card.field)];
    for at in [card.fate.early_scratching_at, card.fate.late_scratching_at].into_iter().flatten() {
        let runner = rng.random_range(0..scratched_at.len());
        if scratched_at[runner].is_none() {
            scratched_at[runner] = Some(at);
        } else {
            let next = (runner + 1) % scratched_at.len();
            scratched_at[next] = Some(at);
        }
    }
    scratched_at
}

/// Draws the finish place by place, each runner in proportion to its worth; scratched runners do not finish.
fn finish(seed: u64, card: &RaceCard, worth: &[f64]) -> Vec<usize> {
    let mut rng = rng::stream(seed, "finish", card.key.number());
    let mut left: Vec<usize> = (0..worth.len()).filter(|runner| worth[*runner] > 0.0).collect();
    let mut finish = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let total: f64 = left.iter().map(|runner| worth[*runner]).sum();
        let mut draw = rng.random_range(0.0..1.0) * total;
        let place = left.iter().position(|runner| {
            draw -= worth[*runner];
            draw <= 0.0
        });
        finish.push(left.remove(place.unwrap_or(left.len() - 1)));
    }
    finish
}
