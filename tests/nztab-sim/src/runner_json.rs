//! The runners of an event in the vendor's format.

use serde::Serialize;

use crate::betting::Book;
use crate::clock;
use crate::fate::Status;
use crate::flucs::{self, Flucs};
use crate::form::Record;
use crate::odds::{self, Hundredths};
use crate::race::Race;
use crate::runner::{Details, Entry, Identity, JockeyPastPerformances, Past, PastPerformances, Pick, Runner, Speedmap};

/// A runner.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct RunnerJson<'a> {
    #[serde(flatten)]
    pub identity: &'a Identity,
    pub is_scratched: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_late_scratched: Option<bool>,
    #[serde(flatten)]
    pub entry: EntryJson<'a>,
    pub odds: Odds,
    pub scratch_time: i64,
    #[serde(flatten)]
    pub details: &'a Details,
    pub favourite: bool,
    pub mover: bool,
    #[serde(flatten)]
    pub past: PastJson<'a>,
    #[serde(flatten)]
    pub tail: Option<Tail<'a>>,
}

/// A runner's entry: all of it, or only its gear.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum EntryJson<'a> {
    /// In New Zealand.
    Full(&'a Entry),
    /// Elsewhere.
    Gear {
        /// The gear worn.
        gear: &'a str,
    },
}

/// A runner's record: all of it, or a few facts.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub enum PastJson<'a> {
    /// In New Zealand.
    Full(&'a Past),
    /// Elsewhere.
    Short {
        speedmap: &'a Speedmap,
        form_indicators: Option<&'a str>,
        past_performances: &'a PastPerformances,
        jockey_past_performances: &'a JockeyPastPerformances,
        fresh_90: &'a Record,
        trainer_location: &'static str,
        horse_id: u32,
        dam_sire: &'a str,
    },
}

/// The fields that `favourite` and `mover` omit.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Tail<'a> {
    #[serde(skip_serializing_if = "<[Pick]>::is_empty")]
    pub picks: &'a [Pick],
    pub meta: Option<()>,
    pub flucs: Vec<Hundredths>,
    pub scr_time: Option<String>,
    pub competitor_id: &'static str,
    pub ride_guide_exists: bool,
    pub ride_guide_thumbnail: &'static str,
    pub ride_guide_file: &'static str,
    pub flucs_with_timestamp: Flucs,
}

/// A runner's odds.
#[derive(Debug, Clone, Copy, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Odds {
    pub fixed_win: Hundredths,
    pub fixed_place: Hundredths,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_win: Option<Hundredths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_place: Option<Hundredths>,
}

/// The runners at a time (Unix seconds), ordered by number.
#[must_use]
pub fn runners<'a>(race: &'a Race, book: &Book, at: i64) -> Vec<RunnerJson<'a>> {
    let abroad = race.card.quirks.is_some_and(|quirks| quirks.abroad);
    let prices = flucs::Prices::new(race, at);
    let odds = all_odds(race, book, prices.latest(), at);
    let flag = prices.favourite_and_mover();
    race.runners
        .iter()
        .zip(odds)
        .enumerate()
        .map(|(index, (runner, odds))| {
            let out_at = race.market.scratched_at(index).filter(|out_at| *out_at <= at);
            let late = out_at.is_some_and(|out_at| out_at > race.card.fate.first_start - 3600);
            RunnerJson {
                identity: &runner.identity,
                is_scratched: out_at.is_some(),
                is_late_scratched: (!abroad).then_some(late),
                entry: entry(runner, abroad),
                odds,
                scratch_time: out_at.unwrap_or(0),
                details: &runner.details,
                favourite: flag.0 == Some(index),
                mover: flag.1 == Some(index),
                past: past(runner, abroad),
                tail: Some(Tail {
                    picks: if abroad { &[] } else { &runner.picks },
                    meta: None,
                    flucs: prices.flucs(index),
                    scr_time: out_at.map(clock::rfc3339),
                    competitor_id: "",
                    ride_guide_exists: false,
                    ride_guide_thumbnail: "",
                    ride_guide_file: "",
                    flucs_with_timestamp: prices.with_timestamps(index),
                }),
            }
        })
        .collect()
}

/// All runners' odds. A scratched runner has none, or abroad those from just before its scratching.
fn all_odds(race: &Race, book: &Book, fixed: &[Hundredths], at: i64) -> Vec<Odds> {
    let places = i64::try_from(race.places()).unwrap_or(3);
    let known = |odds: Hundredths| (odds.0 > 0).then_some(odds);
    let of = |book: &Book, fixed: &[Hundredths], index: usize| Odds {
        fixed_win: fixed[index],
        fixed_place: odds::fixed_place(fixed[index], places),
        pool_win: known(odds::tote_win(book)[index]),
        pool_place: known(odds::tote_place(book, places)[index]),
    };
    let quirks = race.card.quirks;
    let resulted = matches!(race.card.fate.status(at), Status::Interim | Status::Final);
    let no_place = resulted && quirks.is_some_and(|quirks| quirks.place_pool_abandoned);
    (0..race.runners.len())
        .map(|index| {
            let scratched_at = race.market.scratched_at(index).filter(|_| book.scratched[index]);
            let mut odds = match scratched_at.filter(|_| quirks.is_some_and(|quirks| quirks.abroad)) {
                Some(out_at) => {
                    let before = race.book(out_at - 1);
                    of(&before, &odds::fixed_win(&race.market.chances(&before)), index)
                }
                None => of(book, fixed, index),
            };
            odds.pool_place = odds.pool_place.filter(|_| !no_place);
            odds
        })
        .collect()
}

fn entry(runner: &Runner, abroad: bool) -> EntryJson<'_> {
    if abroad { EntryJson::Gear { gear: &runner.entry.gear } } else { EntryJson::Full(&runner.entry) }
}

fn past(runner: &Runner, abroad: bool) -> PastJson<'_> {
    let past = &runner.past;
    if !abroad {
        return PastJson::Full(past);
    }
    PastJson::Short {
        speedmap: &past.speedmap,
        form_indicators: past.form_indicators.as_deref(),
        past_performances: &past.past_performances,
        jockey_past_performances: &past.jockey_past_performances,
        fresh_90: &past.fresh_90,
        trainer_location: past.trainer_location,
        horse_id: past.horse_id,
        dam_sire: &past.dam_sire,
    }
}
