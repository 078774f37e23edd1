//! Single bets: the biggest and the latest.

use rand::RngExt;
use serde::Serialize;

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

/// The bets on a race up to a time, one per minute.
#[must_use]
pub fn bets<'a>(race: &'a Race, at: i64, switches: &Switches) -> Bets<'a> {
    let until = at.min(race.card.fate.betting_ends_at());
    let first = race.card.fate.first_start - 3600;
    let prices = Prices::new(race, at);
    let minutes = (until - first).max(0) / 60;
    let mut bets: Vec<(i64, Bet<'a>)> = (0..minutes)
        .map(|minute| (minute, bet(race, first + minute * 60, prices.latest())))
        .filter(|(_, bet)| switches.bet_type_filter.as_deref() != Some(bet.title))
        .collect();
    let live = bets.iter().rev().take(10).map(|(_, bet)| bet.clone()).collect();
    bets.sort_by_key(|(_, bet)| std::cmp::Reverse(bet.stake));
    Bets { big: bets.into_iter().take(10).map(|(_, bet)| bet).collect(), live }
}

fn bet<'a>(race: &'a Race, placed_at: i64, prices: &[Hundredths]) -> Bet<'a> {
    let mut rng = rng::stream(race.seed ^ placed_at.unsigned_abs(), "bet", race.card.key.number());
    let index = rng.random_range(0..race.runners.len());
    let runner = &race.runners[index];
    let title = if rng.random_bool(0.7) { "Win" } else { "Place" };
    let name = runner.identity.name.as_str();
    Bet {
        title,
        description: vec![format!("{name} ({})", runner.barrier)],
        stake: Hundredths(rng.random_range(50..5_000_i64) * 100),
        legs: vec![Leg {
            race: LegRace {
                meeting_name: &race.meeting.name,
                race_name: &race.card.name,
                race_number: race.card.number,
                product_type_name: title,
                entrant_name: name,
                entrant_number: index + 1,
                barrier_number: runner.barrier,
            },
            selections: None,
        }],
        place_time: clock::rfc3339(placed_at + rng.random_range(0..60)),
        place_odds: prices.get(index).copied().unwrap_or_default(),
    }
}
