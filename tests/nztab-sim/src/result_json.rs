//! Results, dividends and substitutions.

use rand::RngExt;
use serde::Serialize;

use crate::betting::{Book, EXOTICS};
use crate::fate::Status;
use crate::ids::Kind;
use crate::multi_leg::{self, MultiLeg};
use crate::odds::{self, Hundredths};
use crate::pools_json::{jackpot, win_chances};
use crate::quirks::Protest;
use crate::race::Race;
use crate::rng;

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
    pub jackpot_size: Hundredths,
    /// `None` if no one wins.
    pub positions: Option<Vec<Position>>,
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

/// The result: all finishers or, in an interim result with quirks, the first four.
#[must_use]
pub fn placings(race: &Race, status: Status) -> Vec<Placing<'_>> {
    let mut rng = rng::stream(race.seed, "margins", race.card.key.number());
    let gaps = [(10, "NSE"), (30, "HD"), (50, "1/2L"), (100, "1L"), (180, "1-3/4L"), (220, "2-1/4L")];
    // About 16 m/s.
    let time = i64::from(race.card.distance_m) * 100 / 16 + rng.random_range(0..300);
    let short = race.card.quirks.is_some() && status == Status::Interim;
    let dead_heat = race.card.quirks.and_then(|quirks| quirks.dead_heat);
    let mut behind = 0;
    let placing = |(place, index): (usize, usize)| {
        let runner = &race.runners[index];
        let (gap, words) = gaps[rng.random_range(0..gaps.len())];
        let level = dead_heat == Some(place);
        behind += if place == 0 || level { 0 } else { gap };
        Placing {
            position: if level { place } else { place + 1 },
            name: &runner.identity.name,
            barrier: runner.barrier,
            runner_number: index + 1,
            margin_length: Hundredths(if short { 0 } else { behind }),
            positional_margin: (place > 0).then_some(if level { "DH" } else { words }),
            entrant_id: &runner.identity.entrant_id,
            winning_time: (place == 0).then_some(Hundredths(time)),
            time_ran: (place == 0).then_some(Hundredths(time)),
        }
    };
    order(race, status).into_iter().take(if short { 4 } else { usize::MAX }).enumerate().map(placing).collect()
}

/// The runners in order of finish. A successful protest exchanges the first two once the result is final.
fn order(race: &Race, status: Status) -> Vec<usize> {
    let mut order = race.finish.clone();
    if race.card.fate.protest == Some(Protest::Upheld) && status != Status::Final && order.len() > 1 {
        order.swap(0, 1);
    }
    order
}

/// The dividends of the interim result and, once it is official, of the final result.
#[must_use]
pub fn dividends(race: &Race, status: Status) -> Vec<Dividend> {
    let book = race.book(race.card.fate.betting_ends_at());
    let multi_leg = multi_leg_payouts(race);
    let stages: &[Status] =
        if status == Status::Final { &[Status::Interim, Status::Final] } else { &[Status::Interim] };
    let mut dividends = Vec::new();
    for (number, stage) in stages.iter().enumerate() {
        let payouts = payouts(race, &book, &order(race, *stage));
        for (index, payout) in payouts.iter().chain(&multi_leg).enumerate() {
            let item = u8::try_from(number * 64 + index).unwrap_or_default();
            dividends.push(payout.dividend(race.card.key.of_race(Kind::Dividend, item).uuid(race.seed), *stage));
        }
    }
    dividends
}

#[derive(Debug)]
struct Payout {
    product: &'static str,
    dividend: Hundredths,
    pool: i64,
    jackpot: i64,
    numbers: Vec<usize>,
    separator: &'static str,
}

impl Payout {
    /// The dividend; if it is 0, no one wins and the pool becomes a jackpot.
    fn dividend(&self, id: String, stage: Status) -> Dividend {
        let won = self.dividend.0 > 0;
        let position = |(position, number): (usize, &usize)| Position { runner_number: *number, position };
        let numbers: Vec<String> = self.numbers.iter().map(ToString::to_string).collect();
        Dividend {
            id,
            tote: "NZ",
            product_name: self.product,
            status: stage.word(),
            dividend: self.dividend,
            pool_size: Hundredths(self.pool),
            jackpot_size: Hundredths(if won { self.jackpot } else { self.pool }),
            positions: won.then(|| (1..).zip(&self.numbers).map(position).collect()),
            description: if won { numbers.join(self.separator) } else { "NOWINNER".to_owned() },
        }
    }
}

fn payouts(race: &Race, book: &Book, order: &[usize]) -> Vec<Payout> {
    let chances = win_chances(book);
    let places = i64::try_from(race.places()).unwrap_or(3);
    let (win, place) = (odds::tote_win(book), odds::tote_place(book, places));
    let finishes = finishes(race, order);
    let single = |product, runner: usize, dividend: Hundredths, pool| Payout {
        product,
        dividend,
        pool,
        jackpot: 0,
        numbers: vec![runner + 1],
        separator: ":",
    };
    let mut payouts = Vec::new();
    payouts.extend(order.iter().take(1).map(|winner| single("Pool Win", *winner, win[*winner], book.win_total())));
    if !race.card.quirks.is_some_and(|quirks| quirks.place_pool_abandoned) {
        let paid = paid_places(&finishes, race.places());
        payouts.extend(paid.into_iter().map(|runner| single("Pool Place", runner, place[runner], book.place_total())));
    }
    for ((product, _), pool) in EXOTICS.into_iter().zip(book.exotics) {
        let (name, runners) = match product {
            "Quinella" => ("Pool Quinella", 2),
            "Exacta" => ("Pool Exacta", 2),
            "Trifecta" => ("Pool Trifecta", 3),
            "FirstFour" => ("Pool First4", 4),
            _ => continue,
        };
        let orders = prefixes(&finishes, runners);
        let share = i64::try_from(orders.len()).unwrap_or(1).max(1);
        for order in &orders {
            let chance = match name {
                "Pool Quinella" => odds::pair_chance(&chances, order[0], order[1]),
                _ => odds::order_chance(&chances, order),
            };
            payouts.push(Payout {
                product: name,
                dividend: odds::exotic_dividend(pool / share, chance),
                pool,
                jackpot: jackpot(race, product, pool),
                numbers: order.iter().map(|runner| runner + 1).collect(),
                separator: ":",
            });
        }
    }
    payouts
}

/// The orders of finish that are paid: two after a dead heat.
fn finishes(race: &Race, order: &[usize]) -> Vec<Vec<usize>> {
    let mut finishes = vec![order.to_vec()];
    if let Some(position) = race.card.quirks.and_then(|quirks| quirks.dead_heat).filter(|place| *place < order.len()) {
        let mut other = order.to_vec();
        other.swap(position - 1, position);
        finishes.push(other);
    }
    finishes
}

/// The different orders of the first `runners`.
fn prefixes(finishes: &[Vec<usize>], runners: usize) -> Vec<&[usize]> {
    let mut prefixes: Vec<&[usize]> = finishes.iter().filter_map(|finish| finish.get(..runners)).collect();
    prefixes.dedup();
    prefixes
}

/// The runners that have a paid place in any of the orders.
fn paid_places(finishes: &[Vec<usize>], places: usize) -> Vec<usize> {
    let mut paid: Vec<usize> = Vec::new();
    for runner in finishes.iter().flat_map(|finish| finish.iter().take(places)) {
        if !paid.contains(runner) {
            paid.push(*runner);
        }
    }
    paid
}

/// The dividends of quadrellas whose last leg is this race.
fn multi_leg_payouts(race: &Race) -> Vec<Payout> {
    let Some(quirks) = race.card.quirks else { return Vec::new() };
    let last = |pool: &MultiLeg| pool.legs.last() == Some(&race.card.number);
    let payout = |pool: MultiLeg| {
        let product = match pool.product {
            "EarlyQuadrella" => "Pool Early Quadrella",
            "Quadrella" => "Pool Quadrella",
            _ => return None,
        };
        let numbers = pool.winners(race)?;
        let cents = pool.cents(race, i64::MAX);
        let dividend = if quirks.no_winner { Hundredths(0) } else { odds::exotic_dividend(cents, 0.002) };
        Some(Payout { product, dividend, pool: cents, jackpot: 0, numbers, separator: "/" })
    };
    multi_leg::of_race(race).into_iter().filter(last).filter_map(payout).collect()
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
