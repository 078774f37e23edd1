//! Single bets: the biggest and the latest.

use rand::RngExt;
use serde::Serialize;

use crate::betting::{self, Bettor, Product, Tape};
use crate::clock;
use crate::flucs::Prices;
use crate::odds::Hundredths;
use crate::race::Race;
use crate::rng;
use crate::switches::Switches;

/// A bet.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Bet<'a> {
    pub title: &'static str,
    pub description: Vec<String>,
    pub stake: Hundredths,
    pub legs: Vec<Leg<'a>>,
    pub place_time: String,
    pub place_odds: Hundredths,
}

/// A leg of a bet.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Leg<'a> {
    pub race: LegRace<'a>,
    pub selections: Option<Vec<()>>,
}

/// The race of a leg.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct LegRace<'a> {
    pub meeting_name: &'a str,
    pub race_name: &'a str,
    pub race_number: u8,
    pub product_type_name: &'static str,
    pub entrant_name: &'a str,
    pub entrant_number: usize,
    pub barrier_number: u8,
}

/// The bets of a response.
#[derive(Debug)]
pub struct Bets<'a> {
    /// The ten biggest, the biggest first.
    pub big: Vec<Bet<'a>>,
    /// The ten latest, the latest first.
    pub live: Vec<Bet<'a>>,
}

/// A bet on one runner.
struct Single {
    title: &'static str,
    runner: usize,
    cents: i64,
    at: i64,
}

/// The single bets on a race up to a time.
#[must_use]
pub fn bets<'a>(race: &'a Race, at: i64, switches: &Switches) -> Bets<'a> {
    let prices = Prices::new(race, at);
    let mut singles = race.market.tape().map_or_else(|| one_per_minute(race, at), |tape| on_tape(tape, at));
    singles.retain(|single| switches.bet_type_filter.as_deref() != Some(single.title));
    let json = |single: &Single| bet(race, single, prices.latest());
    let live = singles.iter().rev().take(10).map(json).collect();
    singles.sort_by_key(|single| std::cmp::Reverse(single.cents));
    Bets { big: singles.iter().take(10).map(json).collect(), live }
}

/// The bets to win and to place, without those that were cancelled later.
fn on_tape(tape: &Tape, at: i64) -> Vec<Single> {
    let single = |bet: &betting::Bet| {
        let title = match bet.product {
            Product::Win | Product::Fixed => "Win",
            Product::Place => "Place",
            Product::Trifecta | Product::FirstFour => return None,
        };
        (bet.by != Bettor::Tote).then_some(Single { title, runner: bet.runner, cents: bet.cents, at: bet.at })
    };
    tape.bets(at).iter().filter_map(single).collect()
}

/// Invented bets, if there is no tape.
fn one_per_minute(race: &Race, at: i64) -> Vec<Single> {
    let until = at.min(race.card.fate.betting_ends_at());
    let first = race.card.fate.first_start - 3600;
    let single = |minute: i64| {
        let placed_at = first + minute * 60;
        let mut rng = rng::stream(race.seed ^ placed_at.unsigned_abs(), "bet", race.card.key.number());
        Single {
            runner: rng.random_range(0..race.runners.len()),
            title: if rng.random_bool(0.7) { "Win" } else { "Place" },
            cents: rng.random_range(50..5_000_i64) * 100,
            at: placed_at + rng.random_range(0..60),
        }
    };
    (0..(until - first).max(0) / 60).map(single).collect()
}

fn bet<'a>(race: &'a Race, single: &Single, prices: &[Hundredths]) -> Bet<'a> {
    let runner = &race.runners[single.runner];
    let name = runner.identity.name.as_str();
    Bet {
        title: single.title,
        description: vec![format!("{name} ({})", runner.barrier)],
        stake: Hundredths(single.cents),
        legs: vec![Leg {
            race: LegRace {
                meeting_name: &race.meeting.name,
                race_name: &race.card.name,
                race_number: race.card.number,
                product_type_name: single.title,
                entrant_name: name,
                entrant_number: single.runner + 1,
                barrier_number: runner.barrier,
            },
            selections: None,
        }],
        place_time: clock::rfc3339(single.at),
        place_odds: prices.get(single.runner).copied().unwrap_or_default(),
    }
}
