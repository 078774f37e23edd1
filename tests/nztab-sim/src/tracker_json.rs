//! The money tracker: whole percentages, several rows per runner (one per betting product).

use serde::Serialize;

use crate::betting::Book;
use crate::odds;
use crate::race::Race;
use crate::rng;

/// How a runner's bets are distributed over products; zero means that no one uses the product on this race.
const PRODUCTS: [f64; 10] = [0.0, 0.44, 0.28, 0.16, 0.08, 0.04, 0.0, 0.0, 0.0, 0.0];

/// The money tracker.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct MoneyTracker<'a> {
    pub entrants: Vec<TrackerRow<'a>>,
}

/// A runner's share of all betting in one product, in percent.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct TrackerRow<'a> {
    pub entrant_id: &'a str,
    pub hold_percentage: u32,
    pub bet_percentage: u32,
}

/// A race's money tracker at a time; the rows, including those of unknown ids, add up to 99 to 101 %.
#[must_use]
pub fn tracker<'a>(race: &'a Race, book: &Book) -> MoneyTracker<'a> {
    let number = race.card.key.number();
    let money: Vec<f64> = (0..race.runners.len()).map(|runner| book.held(runner) as f64).collect();
    let betting = money.iter().any(|money| *money > 0.0);
    let stray = u32::try_from(rng::hash(race.seed, &[number, 21]) % 3).unwrap_or_default();
    let strangers =
        if betting { u32::try_from(rng::hash(race.seed, &[number, 22]) % 3).unwrap_or_default() } else { 0 };
    let holds = odds::apportion(99 + stray - strangers, &money);
    // Outsiders get more bets than money: bets on them are smaller.
    let tickets: Vec<f64> = money.iter().map(|money| money.powf(0.75)).collect();
    let bets = odds::apportion(100, &tickets);
    let mut rows: Vec<(u64, TrackerRow<'a>)> = Vec::new();
    for (index, runner) in race.runners.iter().enumerate() {
        let id = runner.identity.entrant_id.as_str();
        let count = 8 + usize::try_from(rng::hash(race.seed, &[number, 23, index as u64]) % 3).unwrap_or_default();
        let (hold, bet) = (odds::apportion(holds[index], &PRODUCTS), odds::apportion(bets[index], &PRODUCTS));
        for product in 0..count {
            let place = rng::hash(race.seed, &[number, 24, index as u64, product as u64]);
            rows.push((
                place,
                TrackerRow { entrant_id: id, hold_percentage: hold[product], bet_percentage: bet[product] },
            ));
        }
    }
    for (index, id) in race.strangers.iter().enumerate() {
        let hold_percentage = if index == 1 { strangers } else { 0 };
        let place = rng::hash(race.seed, &[number, 25, index as u64]);
        rows.push((place, TrackerRow { entrant_id: id, hold_percentage, bet_percentage: 0 }));
    }
    rows.sort_by_key(|(place, _)| *place);
    MoneyTracker { entrants: rows.into_iter().map(|(_, row)| row).collect() }
}
