//! Results, dividends and substitutions.

use rand::RngExt;
use serde::Serialize;

use crate::betting::{Book, EXOTICS};
use crate::fate::Status;
use crate::ids::Kind;
use crate::odds::{self, Hundredths};
use crate::pools_json::win_chances;
use crate::race::Race;
use crate::rng;

/// The reason of every protest.
pub const PROTEST: &str = "Protest DISMISSED - 2nd v 1st, interference over the final 100 metres alleged";

/// A placing.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Placing<'a> {
    pub position: usize,
    pub name: &'a str,
    pub barrier: u8,
    pub runner_number: usize,
    pub margin_length: Hundredths,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positional_margin: Option<&'static str>,
    pub entrant_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winning_time: Option<Hundredths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_ran: Option<Hundredths>,
}

/// A dividend.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
pub struct Dividend {
    pub id: String,
    pub tote: &'static str,
    pub product_name: &'static str,
    pub status: &'static str,
    pub dividend: Hundredths,
    pub pool_size: Hundredths,
    pub jackpot_size: i64,
    pub positions: Vec<Position>,
    pub description: String,
}

/// A runner in a dividend.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Position {
    pub runner_number: usize,
    pub position: usize,
}

/// The runner that replaces a scratched one in multi-leg bets.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Substitution<'a> {
    pub entrant_id: &'a str,
    pub tote: &'static str,
    pub product_name: &'static str,
}

/// The result: all finishers.
#[must_use]
pub fn placings(race: &Race) -> Vec<Placing<'_>> {
    let mut rng = rng::stream(race.seed, "margins", race.card.key.number());
    let gaps = [(10, "NSE"), (30, "HD"), (50, "1/2L"), (100, "1L"), (180, "1-3/4L"), (220, "2-1/4L")];
    // About 16 m/s.
    let time = i64::from(race.card.distance_m) * 100 / 16 + rng.random_range(0..300);
    let mut behind = 0;
    let placing = |(place, index): (usize, &usize)| {
        let runner = &race.runners[*index];
        let (gap, words) = gaps[rng.random_range(0..gaps.len())];
        behind += if place == 0 { 0 } else { gap };
        Placing {
            position: place + 1,
            name: &runner.identity.name,
            barrier: runner.barrier,
            runner_number: index + 1,
            margin_length: Hundredths(behind),
            positional_margin: (place > 0).then_some(words),
            entrant_id: &runner.identity.entrant_id,
            winning_time: (place == 0).then_some(Hundredths(time)),
            time_ran: (place == 0).then_some(Hundredths(time)),
        }
    };
    race.finish.iter().enumerate().map(placing).collect()
}

/// The dividends of the interim result and, once it is official, of the final result.
#[must_use]
pub fn dividends(race: &Race, status: Status) -> Vec<Dividend> {
    let book = race.book(race.card.fate.betting_ends_at());
    let payouts = payouts(race, &book);
    let stages: &[&'static str] = if status == Status::Final { &["Interim", "Final"] } else { &["Interim"] };
    let mut dividends = Vec::with_capacity(stages.len() * payouts.len());
    for (stage, word) in stages.iter().enumerate() {
        for (index, payout) in payouts.iter().enumerate() {
            let item = u8::try_from(stage * 64 + index).unwrap_or_default();
            let numbers = payout.runners.iter().map(|runner| runner + 1);
            dividends.push(Dividend {
                id: race.card.key.of_race(Kind::Dividend, item).uuid(race.seed),
                tote: "NZ",
                product_name: payout.product,
                status: word,
                dividend: payout.dividend,
                pool_size: Hundredths(payout.pool),
                jackpot_size: 0,
                positions: (1..)
                    .zip(numbers.clone())
                    .map(|(position, runner_number)| Position { runner_number, position })
                    .collect(),
                description: numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(":"),
            });
        }
    }
    dividends
}

struct Payout {
    product: &'static str,
    dividend: Hundredths,
    pool: i64,
    runners: Vec<usize>,
}

fn payouts(race: &Race, book: &Book) -> Vec<Payout> {
    let places = race.places().min(race.finish.len());
    let chances = win_chances(book);
    let (win, place) = (odds::tote_win(book), odds::tote_place(book, i64::try_from(race.places()).unwrap_or(3)));
    let mut payouts = Vec::new();
    for winner in race.finish.iter().take(1) {
        payouts.push(Payout {
            product: "Pool Win",
            dividend: win[*winner],
            pool: book.win_total(),
            runners: vec![*winner],
        });
    }
    for placed in race.finish.iter().take(places) {
        payouts.push(Payout {
            product: "Pool Place",
            dividend: place[*placed],
            pool: book.place_total(),
            runners: vec![*placed],
        });
    }
    for ((product, _), pool) in EXOTICS.into_iter().zip(book.exotics) {
        let (product, runners) = match product {
            "Quinella" => ("Pool Quinella", 2),
            "Exacta" => ("Pool Exacta", 2),
            "Trifecta" => ("Pool Trifecta", 3),
            "FirstFour" => ("Pool First4", 4),
            _ => continue,
        };
        let Some(order) = race.finish.get(..runners) else { continue };
        let chance = match product {
            "Pool Quinella" => odds::pair_chance(&chances, order[0], order[1]),
            _ => odds::order_chance(&chances, order),
        };
        payouts.push(Payout { product, dividend: odds::exotic_dividend(pool, chance), pool, runners: order.to_vec() });
    }
    payouts
}

/// The final favourite replaces every scratched runner.
#[must_use]
pub fn substitutions<'a>(race: &'a Race, book: &Book) -> Vec<Substitution<'a>> {
    let favourite = (0..race.runners.len()).max_by_key(|runner| book.win[*runner]);
    favourite
        .map(|runner| Substitution {
            entrant_id: &race.runners[runner].identity.entrant_id,
            tote: "NZ",
            product_name: "Pool Win",
        })
        .into_iter()
        .collect()
}
