//! A runner as the vendor describes it, except for what betting changes.
//!
//! Each group is a run of consecutive fields of the vendor's object between those that change; an event joins them.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::day::Category;
use crate::form::{self, LastStart, Record, Starts, Win, YearRecord};
use crate::names;

/// A runner and its record.
#[derive(Debug, Clone)]
pub struct Runner {
    /// UUID and name.
    pub identity: Identity,
    /// Fields before the odds.
    pub entry: Entry,
    /// Fields between the scratching and the favourite's flag.
    pub details: Details,
    /// Fields after the mover's flag.
    pub past: Past,
    /// Experts' picks.
    pub picks: Vec<Pick>,
    /// Barrier draw; 0 for none.
    pub barrier: u8,
}

/// A runner's identity.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Identity {
    pub entrant_id: String,
    pub market_name: &'static str,
    pub primary_market: bool,
    pub name: String,
}

/// A runner's entry.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Entry {
    pub is_emergency: bool,
    pub first_start_indicator: bool,
    pub emergency_position: &'static str,
    pub runner_change: Change,
    pub foaling_date: String,
    pub gear: String,
}

/// A change of a runner: the vendor sends an object keyed by date, or text.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Change {
    /// Keyed by date.
    Dated(BTreeMap<String, String>),
    /// Text.
    Text(String),
}

/// A barrier: a number, or the vendor's code for a row of a standing start.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Barrier {
    /// A number.
    Number(u8),
    /// For example `Fr1`.
    Word(String),
}

/// A runner's description.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Details {
    pub barrier: Barrier,
    pub runner_number: u8,
    pub prize_money: String,
    pub age: u32,
    pub sex: &'static str,
    pub colour: &'static str,
    pub silk_colours: String,
    pub silk_url_64x64: String,
    pub silk_url_128x128: String,
    pub alt_silk_url_64x64: String,
    pub alt_silk_url_128x128: String,
    pub form_comment: Option<String>,
    pub class_level: &'static str,
    pub jockey: String,
    pub apprentice_indicator: &'static str,
    pub allowance_weight: &'static str,
    pub owners: String,
    pub country: &'static str,
    pub trainer_name: String,
    pub last_twenty_starts: String,
    pub sire: String,
    pub dam: String,
    pub breeding: String,
    pub weight: Weight,
    pub rating: &'static str,
    pub handicap_rating: String,
}

/// The weight carried, in kilograms.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Weight {
    pub allocated: String,
    pub total: String,
}

/// Where a runner is expected to settle.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Speedmap {
    pub settling_lengths: u8,
    pub entrant_id: String,
    pub label: &'static str,
}

/// An expert's pick.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Pick {
    pub name: &'static str,
    pub rank: u8,
    pub selector_type: &'static str,
    pub comment: &'static str,
}

/// The jockey's record on this runner.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct PastPerformances {
    pub jockey: Starts,
}

/// The jockey's record on other runners.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct JockeyPastPerformances {
    pub last_50_starts: Starts,
    pub trainer: Starts,
}

/// A runner's record.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Past {
    pub speedmap: Speedmap,
    pub form_indicators: Option<String>,
    pub past_performances: PastPerformances,
    pub jockey_past_performances: JockeyPastPerformances,
    pub first_up: Record,
    pub second_up: Record,
    pub third_up: Record,
    pub fourth_up: Record,
    pub track: Record,
    pub distance: Record,
    pub track_distance: Record,
    pub good: Record,
    pub soft: Record,
    pub heavy: Record,
    pub turf: Record,
    pub synthetic: Record,
    pub overall: Record,
    pub last_starts: Vec<LastStart>,
    pub left_handed: Record,
    pub right_handed: Record,
    pub hurdle: Record,
    pub steeple: Record,
    pub fresh_30: Record,
    pub fresh_90: Record,
    pub weight_for_age: Record,
    pub win_p: String,
    pub place_p: String,
    pub spr: u32,
    pub last_12_months: YearRecord,
    pub last_12_w: String,
    pub last_12_p: String,
    pub last_12_months_prize_money: BTreeMap<&'static str, u32>,
    pub trainer_location: &'static str,
    pub horse_id: u32,
    pub slow: Record,
    pub firm: Record,
    pub dam_dam: String,
    pub dam_sire: String,
    pub runner_win_history: Vec<Win>,
}

/// What is known about a runner before it is generated.
#[derive(Debug, Clone)]
pub struct Draft {
    /// UUID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: u8,
    /// Its barrier.
    pub barrier: u8,
    /// How many last starts to list.
    pub last_starts: usize,
}

impl Runner {
    /// Adds spaces to its names.
    pub fn pad(&mut self) {
        self.identity.name.push(' ');
        self.details.jockey = format!(" {}", self.details.jockey);
        self.details.trainer_name.push_str("  ");
    }

    /// Generates a runner of a race.
    pub fn draw(rng: &mut ChaCha8Rng, draft: Draft, category: Category, standing: bool, race_day: NaiveDate) -> Self {
        let age = rng.random_range(3..9_u32);
        let year = race_day.year().unsigned_abs() - age;
        let (sire, dam) = (names::horse(rng), names::horse(rng));
        let (month, day) = (rng.random_range(8..12), rng.random_range(1..29));
        let entry = Entry {
            is_emergency: false,
            first_start_indicator: false,
            emergency_position: "",
            runner_change: change(rng, year),
            foaling_date: format!("{year}-{month:02}-{day:02}"),
            gear: format!("[{}]", form::gear(rng)),
        };
        let past = past(rng, &draft, race_day);
        let details = details(rng, &draft, category, standing, age, sire, dam);
        let picks = picks(rng);
        let identity =
            Identity { entrant_id: draft.id, market_name: "Final Field", primary_market: true, name: draft.name };
        Self { identity, entry, details, past, picks, barrier: draft.barrier }
    }
}

fn change(rng: &mut ChaCha8Rng, year: u32) -> Change {
    if rng.random_bool(0.06) {
        return Change::Text(format!("Stable Change - {}", names::person(rng)));
    }
    let gelded = format!("{:02}/{:02}/{}", rng.random_range(1..29), rng.random_range(1..13), year + 2);
    let moved = format!("{:02}/{:02}/{}", rng.random_range(1..29), rng.random_range(1..13), year + 3);
    let stable = format!("Stable Change - {}", names::person(rng));
    Change::Dated(BTreeMap::from([(gelded, "Gelding".to_owned()), (moved, stable)]))
}

fn details(
    rng: &mut ChaCha8Rng,
    draft: &Draft,
    category: Category,
    standing: bool,
    age: u32,
    sire: String,
    dam: String,
) -> Details {
    let weight = rng.random_range(108..122_u32);
    let weight = format!("{}{}", weight / 2, if weight % 2 == 0 { "" } else { ".5" });
    let apprentice = rng.random_bool(0.2);
    let colours = [0; 3].map(|_| names::pick(rng, &names::COLOURS));
    let pattern = names::pick(rng, &names::PATTERNS);
    let silk = |host: &str, size: u32| format!("https://silks.{host}.invalid/{}/{size}x{size}.png", draft.id);
    let form: String = (0..5).map(|_| char::from(b"0123456789X"[rng.random_range(0..11)])).collect();
    let barrier = match category {
        Category::Harness if standing => Barrier::Word(format!("Fr{}", draft.barrier)),
        _ => Barrier::Number(draft.barrier),
    };
    Details {
        barrier,
        runner_number: draft.number,
        prize_money: (rng.random_range(2..2000_u32) * 55).to_string(),
        age,
        sex: names::pick(rng, &["g", "m", "h"]),
        colour: names::pick(rng, &["b", "br", "ch", "gr"]),
        silk_colours: format!(
            "{}, {} {pattern}, {} cap",
            colours[0],
            colours[1].to_lowercase(),
            colours[2].to_lowercase()
        ),
        silk_url_64x64: silk("primary", 64),
        silk_url_128x128: silk("primary", 128),
        alt_silk_url_64x64: silk("alternative", 64),
        alt_silk_url_128x128: silk("alternative", 128),
        form_comment: None,
        class_level: "",
        jockey: names::person(rng),
        apprentice_indicator: if apprentice { "A" } else { "" },
        allowance_weight: if apprentice { "2" } else { "" },
        owners: format!("{} & {}", names::person(rng), names::person(rng)),
        country: names::pick(rng, &["NZ", "NZ", "AUS"]),
        trainer_name: names::person(rng),
        last_twenty_starts: form,
        breeding: format!("{age}  {sire}-{dam}"),
        sire,
        dam,
        weight: Weight { allocated: weight.clone(), total: weight },
        rating: "",
        handicap_rating: rng.random_range(40..90_u32).to_string(),
    }
}

fn past(rng: &mut ChaCha8Rng, draft: &Draft, race_day: NaiveDate) -> Past {
    let (wins, places) = (rng.random_range(0..30_u32), rng.random_range(0..50_u32));
    let prize_money = rng.random_range(2..300_u32) * 115;
    let speedmap = Speedmap {
        settling_lengths: rng.random_range(1..12),
        entrant_id: draft.id.clone(),
        label: names::pick(rng, &["Front Runner", "Midfield", "Back Marker"]),
    };
    let mut record = |most: u32| Record::draw(rng, most);
    Past {
        speedmap,
        form_indicators: None,
        first_up: record(6),
        second_up: record(6),
        third_up: record(5),
        fourth_up: record(5),
        track: record(6),
        distance: record(8),
        track_distance: record(4),
        good: record(12),
        soft: record(12),
        heavy: record(9),
        turf: record(12),
        synthetic: record(5),
        overall: record(40),
        left_handed: record(20),
        right_handed: record(20),
        hurdle: record(1),
        steeple: record(1),
        fresh_30: record(5),
        fresh_90: record(4),
        weight_for_age: record(2),
        slow: record(6),
        firm: record(3),
        past_performances: PastPerformances { jockey: Starts::draw(rng, 10) },
        jockey_past_performances: JockeyPastPerformances {
            last_50_starts: Starts::draw(rng, 50),
            trainer: Starts::draw(rng, 12),
        },
        last_starts: form::last_starts(rng, draft.last_starts, race_day),
        win_p: format!("{wins}%"),
        place_p: format!("{places}%"),
        spr: rng.random_range(200..5000),
        last_12_months: YearRecord::draw(rng),
        last_12_w: format!("{}%", wins / 2),
        last_12_p: format!("{}%", places / 2),
        last_12_months_prize_money: BTreeMap::from([("NZD", prize_money)]),
        trainer_location: names::NZ_TRACKS[rng.random_range(0..names::NZ_TRACKS.len())].0,
        horse_id: rng.random_range(100_000..600_000),
        dam_dam: names::horse(rng),
        dam_sire: names::horse(rng),
        runner_win_history: (0..rng.random_range(1..4)).map(|_| Win::draw(rng)).collect(),
    }
}

fn picks(rng: &mut ChaCha8Rng) -> Vec<Pick> {
    let experts = [("Trackside Tilly", "trackside"), ("The Clocker", "comment writer")];
    let mut picks = Vec::new();
    for (name, selector_type) in experts {
        if rng.random_bool(0.4) {
            picks.push(Pick { name, rank: rng.random_range(1..6), selector_type, comment: "" });
        }
    }
    picks
}
