//! A runner's past starts, which make up most of an event.

use chrono::{Days, NaiveDate};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::names;

/// Counts of starts and placings.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
pub struct Starts {
    number_of_starts: u32,
    number_of_wins: u32,
    number_of_placings: u32,
    number_of_seconds: u32,
    number_of_thirds: u32,
}

/// Counts of starts and placings under one condition.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Record {
    number_of_starts: u32,
    number_of_wins: u32,
    number_of_placings: u32,
    number_of_seconds: u32,
    number_of_thirds: u32,
    winning_distance: u32,
}

/// Counts of the last twelve months.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
pub struct YearRecord {
    number_of_starts: u32,
    number_of_wins: u32,
    number_of_seconds: u32,
    number_of_thirds: u32,
}

/// One earlier race of a runner.
#[derive(Debug, Clone, Serialize)]
pub struct LastStart {
    barrier: String,
    days_since: String,
    distance: String,
    finish: String,
    jockey: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_weight: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin: Option<String>,
    number_of_runners: String,
    class: &'static str,
    number: String,
    prize_money: String,
    second: String,
    third: String,
    winner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    starting_price: Option<String>,
    time_ran: String,
    margin_1st_2nd: &'static str,
    margin_2nd_3rd: &'static str,
    margin_3rd_4th: &'static str,
    minimum_handicap: String,
    gear: String,
    track: &'static str,
    track_four_char: &'static str,
    track_condition: &'static str,
    weight_carried: String,
    date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_600: Option<String>,
    bon: String,
    track_surface: &'static str,
    track_direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_rating: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    win_favouritism: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place_favouritism: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stipes: Option<&'static str>,
}

/// A win, in one line.
#[derive(Debug, Clone, Serialize)]
pub struct Win {
    details: String,
}

impl Starts {
    /// Draws plausible counts of up to `most` starts.
    pub fn draw(rng: &mut ChaCha8Rng, most: u32) -> Self {
        let record = Record::draw(rng, most);
        Self {
            number_of_starts: record.number_of_starts,
            number_of_wins: record.number_of_wins,
            number_of_placings: record.number_of_placings,
            number_of_seconds: record.number_of_seconds,
            number_of_thirds: record.number_of_thirds,
        }
    }
}

impl Record {
    /// Draws plausible counts of up to `most` starts.
    pub fn draw(rng: &mut ChaCha8Rng, most: u32) -> Self {
        let starts = rng.random_range(0..=most);
        let (wins, seconds, thirds) =
            (rng.random_range(0..=starts / 4), rng.random_range(0..=starts / 5), rng.random_range(0..=starts / 5));
        Self {
            number_of_starts: starts,
            number_of_wins: wins,
            number_of_placings: seconds + thirds,
            number_of_seconds: seconds,
            number_of_thirds: thirds,
            winning_distance: 0,
        }
    }
}

impl YearRecord {
    /// Draws plausible counts.
    pub fn draw(rng: &mut ChaCha8Rng) -> Self {
        let record = Record::draw(rng, 14);
        Self {
            number_of_starts: record.number_of_starts,
            number_of_wins: record.number_of_wins,
            number_of_seconds: record.number_of_seconds,
            number_of_thirds: record.number_of_thirds,
        }
    }
}

impl Win {
    /// Draws a past win.
    pub fn draw(rng: &mut ChaCha8Rng) -> Self {
        let (ordinal, month, year) = (rng.random_range(4..19), rng.random_range(1..13), rng.random_range(21..26));
        let (_, track) = names::NZ_TRACKS[rng.random_range(0..names::NZ_TRACKS.len())];
        let (weight, barrier) = (rng.random_range(108..122), rng.random_range(1..14));
        let half = if weight % 2 == 0 { 0 } else { 5 };
        let (minutes, seconds) = (rng.random_range(0..3), rng.random_range(0..60));
        let details =
            format!("{ordinal}th up {month:02}/{year} {track} {}.{half}({barrier}) {minutes}:{seconds:02}", weight / 2);
        Self { details }
    }
}

/// The gear worn, as a list in the vendor's format.
pub fn gear(rng: &mut ChaCha8Rng) -> String {
    let worn: Vec<&str> = names::GEAR.into_iter().filter(|_| rng.random_bool(0.45)).collect();
    worn.join(", ")
}

/// A runner's last starts, the latest first.
pub fn last_starts(rng: &mut ChaCha8Rng, count: usize, race_day: NaiveDate) -> Vec<LastStart> {
    let mut date = race_day;
    (0..count)
        .map(|index| {
            let days = rng.random_range(7..40_u64);
            date = date.checked_sub_days(Days::new(days)).unwrap_or(date);
            last_start(rng, date, days, index == 0)
        })
        .collect()
}

fn last_start(rng: &mut ChaCha8Rng, date: NaiveDate, days: u64, newest: bool) -> LastStart {
    let field = rng.random_range(7..17_u32);
    let metres = rng.random_range(10..25_u32) * 100;
    let hundredths = metres * 60 / 10 + rng.random_range(0..400);
    let (minutes, seconds, rest) = (hundredths / 6000, hundredths / 100 % 60, hundredths % 100);
    let weight = rng.random_range(107..122_u32);
    let half = if weight % 2 == 0 { 0 } else { 5 };
    let (_, track) = names::NZ_TRACKS[rng.random_range(0..names::NZ_TRACKS.len())];
    // Trials have no betting and no weights; the latest start is always a race.
    let race = newest || rng.random_bool(0.85);
    let noted = newest || rng.random_bool(0.35);
    LastStart {
        barrier: rng.random_range(1..=field).to_string(),
        days_since: days.to_string(),
        distance: metres.to_string(),
        finish: rng.random_range(1..=field).to_string(),
        jockey: names::person(rng),
        limit_weight: race.then(|| format!("{}.{half}0", weight / 2)),
        margin: race.then(|| format!("{}.{}0", rng.random_range(0..15), rng.random_range(0..10))),
        number_of_runners: field.to_string(),
        class: if race {
            names::pick(rng, &["Rating 60 HCP", "Rating 65 Benchmark", "MDN", "OPN HCP"])
        } else {
            "Trial"
        },
        number: field.to_string(),
        prize_money: (rng.random_range(12..80_u32) * 500).to_string(),
        second: names::horse(rng),
        third: names::horse(rng),
        winner: names::horse(rng),
        starting_price: race.then(|| format!("{}.{}0", rng.random_range(2..40), rng.random_range(0..10))),
        time_ran: format!("{minutes}:{seconds:02}.{rest:02}"),
        margin_1st_2nd: names::pick(rng, &names::MARGINS),
        margin_2nd_3rd: names::pick(rng, &names::MARGINS),
        margin_3rd_4th: "",
        minimum_handicap: "54.00".to_owned(),
        gear: gear(rng),
        track,
        track_four_char: track,
        track_condition: names::pick(rng, &["Good 4", "Soft 5", "Heavy 9", "Synthetic"]),
        weight_carried: format!("{}.{half}", weight / 2),
        date: date.format("%d/%m/%Y").to_string(),
        last_600: race.then(|| format!("0.{}.{:02}", rng.random_range(33..40), rng.random_range(0..100))),
        bon: format!("{minutes}.{seconds:02}.{rest:02}"),
        track_surface: names::pick(rng, &["Grass", "Synthetic"]),
        track_direction: names::pick(rng, &["Left Handed", "Right Handed"]),
        run_rating: race.then(|| rng.random_range(40..90).to_string()),
        win_favouritism: race.then(|| rng.random_range(1..=field).to_string()),
        place_favouritism: race.then(|| rng.random_range(1..=field).to_string()),
        stipes: noted.then(|| names::pick(rng, &names::STEWARDS)),
    }
}
