//! Derivatives: runners of other races of the meeting, with few facts.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::odds::{self, Hundredths};
use crate::race::Race;
use crate::rng;
use crate::runner_json::Odds;

/// A runner of another race.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Derivative {
    pub entrant_id: String,
    pub market_name: &'static str,
    pub primary_market: bool,
    pub name: String,
    pub is_scratched: bool,
    pub gear: &'static str,
    pub odds: Odds,
    pub scratch_time: i64,
    pub barrier: u8,
    pub runner_number: usize,
    pub prize_money: String,
    pub age: u32,
    pub jockey: &'static str,
    pub trainer_name: &'static str,
    pub favourite: bool,
    pub mover: bool,
    pub speedmap: BTreeMap<String, u8>,
    pub form_indicators: Option<String>,
    pub past_performances: Option<String>,
    pub horse_id: u32,
    pub meta: Option<String>,
    pub flucs: Vec<Hundredths>,
    pub scr_time: Option<String>,
}

/// The derivatives of a race: the favourite of another race of the meeting; `None` if the meeting has no other.
#[must_use]
pub fn derivatives(race: &Race) -> Option<Vec<Derivative>> {
    let others: Vec<u8> =
        race.meeting.races.iter().map(|card| card.number).filter(|number| *number != race.card.number).collect();
    let pick = usize::try_from(rng::hash(race.seed, &[race.card.key.number(), 71]) % 64).unwrap_or_default();
    let number = *others.get(pick % others.len().max(1))?;
    let other = Race::new(race.seed, &race.meeting, number)?;
    let book = other.book(other.card.fate.betting_ends_at());
    let index = (0..other.runners.len()).max_by_key(|runner| book.win[*runner])?;
    let fixed = odds::fixed_win(&other.market.chances(&book))[index];
    let runner = &other.runners[index];
    Some(vec![Derivative {
        entrant_id: runner.identity.entrant_id.clone(),
        market_name: "",
        primary_market: false,
        name: runner.identity.name.clone(),
        is_scratched: false,
        gear: "",
        odds: Odds {
            fixed_win: fixed,
            fixed_place: odds::fixed_place(fixed, 3),
            pool_win: Some(odds::tote_win(&book)[index]),
            pool_place: Some(odds::tote_place(&book, 3)[index]),
        },
        scratch_time: 0,
        barrier: runner.barrier,
        runner_number: index + 1,
        prize_money: runner.details.prize_money.clone(),
        age: 0,
        jockey: "",
        trainer_name: "",
        favourite: false,
        mover: false,
        speedmap: BTreeMap::new(),
        form_indicators: None,
        past_performances: None,
        horse_id: runner.past.horse_id,
        meta: None,
        flucs: Vec::new(),
        scr_time: None,
    }])
}
