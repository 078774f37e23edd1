//! An event in the vendor's format.

use std::collections::BTreeMap;

use chrono::DateTime;
use chrono_tz::Pacific::Auckland;
use serde::Serialize;

use crate::bets_json::{self, Bet};
use crate::betting::Book;
use crate::clock;
use crate::day::Category;
use crate::derivatives_json::{self, Derivative};
use crate::fate::Status;
use crate::pools_json::{self, TotePool};
use crate::quirks::Protest;
use crate::race::Race;
use crate::refresh::Tick;
use crate::result_json::{self, Dividend, Placing, Substitution};
use crate::rng;
use crate::runner_json::{self, RunnerJson};
use crate::switches::Switches;
use crate::tracker_json::{self, MoneyTracker};

/// The header of a response.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Header {
    pub title: String,
    pub generated_time: String,
    pub url: String,
}

/// A response: header, request parameters, data.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct Response<P, D> {
    pub header: Header,
    pub params: P,
    pub data: D,
}

#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the vendor's fields")]
struct Params<'a> {
    enc: &'static str,
    id: &'a str,
    present_overlay: bool,
    with_big_bets: bool,
    with_live_bets: bool,
    with_money_tracker: bool,
    with_biggest_bet: bool,
    will_pays: bool,
    with_tote_trends_data: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    bet_type_filter: Option<&'a str>,
    bets_limit: u8,
}

#[derive(Debug, Serialize)]
struct Data<'a> {
    race: RaceJson<'a>,
    results: Option<Vec<Placing<'a>>>,
    dividends: Option<Vec<Dividend>>,
    substitutions: Option<Vec<Substitution<'a>>>,
    favourite: Option<RunnerJson<'a>>,
    runners: Vec<RunnerJson<'a>>,
    derivatives: Option<Vec<Derivative>>,
    mover: Option<RunnerJson<'a>>,
    big_bets: Option<Vec<Bet<'a>>>,
    live_bets: Option<Vec<Bet<'a>>>,
    biggest_bet: Option<Bet<'a>>,
    money_tracker: Option<MoneyTracker<'a>>,
    tote_pools: Vec<TotePool>,
    error: &'static str,
}

#[derive(Debug, Serialize)]
struct RaceJson<'a> {
    event_id: &'a str,
    meeting_name: &'a str,
    display_meeting_name: &'a str,
    meeting_id: &'a str,
    status: &'static str,
    description: &'a str,
    advertised_start: i64,
    actual_start: i64,
    advertised_start_string: String,
    actual_start_string: String,
    race_date_nz: String,
    start_time_nz: String,
    race_number: u8,
    r#type: &'static str,
    start_type: &'static str,
    country: &'static str,
    state: &'static str,
    distance: u16,
    weather: &'static str,
    form_guide: &'static str,
    comment: String,
    silk_base_url: &'static str,
    track_condition: &'static str,
    track_direction: &'static str,
    track_surface: &'static str,
    track_circumference: u16,
    silk_url: String,
    entrant_count: usize,
    field_size: usize,
    positions_paid: usize,
    video_channels: [&'static str; 1],
    video_channels_meta: BTreeMap<&'static str, Video<'a>>,
    tips: Vec<&'a str>,
    rail_position: &'static str,
    group: &'static str,
    class: &'static str,
    prize_monies: BTreeMap<String, u64>,
    ffwin_option_number: u32,
    fftop3_option_number: u32,
    gait: &'static str,
    track_home_straight: u16,
    gender_conditions: &'static str,
    allowance_conditions: bool,
    age_conditions: &'static str,
    special_conditions: &'static str,
    jockey_conditions: &'static str,
    weight_and_handicap_conditions: &'static str,
    mile_rate_400: &'static str,
    mile_rate_800: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    protest: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protest_reason: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Video<'a> {
    race_no: u8,
    race_type: &'static str,
    slot_type: &'static str,
    slot_title: &'static str,
    venue_name: &'a str,
    cross_point: u8,
    race_priority: &'static str,
    slot_duration: &'static str,
    scheduler_note: String,
    cross_point_name: &'static str,
    slot_description: &'static str,
    utc_race_start_time: String,
    venue_country_code: &'static str,
    venue_provider_name: &'static str,
    display_race_start_time: String,
    scheduler_note_priority: &'static str,
}

/// The event as of a refresh of the source.
#[must_use]
pub fn event<'a>(race: &'a Race, tick: Tick, switches: &'a Switches) -> impl Serialize + 'a {
    let at = tick.second();
    let id = race.card.id.as_str();
    let book = race.book(at);
    let status = race.card.fate.status(at);
    let resulted = matches!(status, Status::Interim | Status::Final);
    let runners = runner_json::runners(race, &book, at);
    let flagged = |flag: fn(&RunnerJson<'_>) -> bool| {
        runners.iter().find(|runner| flag(runner)).cloned().map(|runner| RunnerJson { tail: None, ..runner })
    };
    let (favourite, mover) = (flagged(|runner| runner.favourite), flagged(|runner| runner.mover));
    let bets = switches.wants_bets().then(|| bets_json::bets(race, at, switches));
    let data = Data {
        race: race_json(race, at, status, &book),
        results: resulted.then(|| result_json::placings(race, status)),
        dividends: resulted.then(|| result_json::dividends(race, status)),
        substitutions: resulted.then(|| result_json::substitutions(race, &book)),
        favourite,
        runners,
        derivatives: derivatives_of(race),
        mover,
        big_bets: bets.as_ref().filter(|_| switches.with_big_bets).map(|bets| bets.big.clone()),
        live_bets: bets.as_ref().filter(|_| switches.with_live_bets).map(|bets| bets.live.clone()),
        biggest_bet: bets.filter(|_| switches.with_biggest_bet).and_then(|bets| bets.big.into_iter().next()),
        money_tracker: switches.with_money_tracker.then(|| tracker_json::tracker(race, &book)),
        tote_pools: pools_json::pools(race, &book, at, switches),
        error: "",
    };
    let params = Params {
        enc: "json",
        id,
        present_overlay: switches.present_overlay,
        with_big_bets: switches.with_big_bets,
        with_live_bets: switches.with_live_bets,
        with_money_tracker: switches.with_money_tracker,
        with_biggest_bet: switches.with_biggest_bet,
        will_pays: switches.with_will_pays,
        with_tote_trends_data: switches.with_tote_trends_data,
        bet_type_filter: switches.bet_type_filter.as_deref(),
        bets_limit: 10,
    };
    let header = Header {
        title: format!("Event Details: {id}"),
        generated_time: clock::nanoseconds(tick.generated_at),
        url: format!("/affiliates/v1/racing/events/{id}?{}", switches.query()),
    };
    Response { header, params, data }
}

fn derivatives_of(race: &Race) -> Option<Vec<Derivative>> {
    race.card.quirks.filter(|quirks| quirks.derivatives).and_then(|_| derivatives_json::derivatives(race))
}

/// The actual start: with quirks, the advertised one while the race is open; 0 if unknown.
fn actual_start(race: &Race, at: i64) -> i64 {
    let fate = &race.card.fate;
    let open = race.card.quirks.is_some() && fate.status(at) == Status::Open;
    if open { fate.advertised_start(at) } else { fate.known_start(at).unwrap_or(0) }
}

fn race_json<'a>(race: &'a Race, at: i64, status: Status, book: &Book) -> RaceJson<'a> {
    let (card, meeting) = (&race.card, &race.meeting);
    let start = card.fate.advertised_start(at);
    let actual_start = actual_start(race, at);
    let nz = DateTime::from_timestamp(start, 0).unwrap_or_default().with_timezone(&Auckland);
    let facts = rng::hash(race.seed, &[card.key.number(), 5]);
    let prize = 12_000 + facts % 90 * 1_000;
    let protest = card.fate.protest.filter(|_| matches!(status, Status::Interim | Status::Final));
    RaceJson {
        event_id: &card.id,
        meeting_name: &meeting.name,
        display_meeting_name: &meeting.name,
        meeting_id: &meeting.id,
        status: status.word(),
        description: &card.name,
        advertised_start: start,
        actual_start,
        advertised_start_string: go_time(start),
        actual_start_string: go_time(actual_start),
        race_date_nz: nz.format("%Y-%m-%d").to_string(),
        start_time_nz: nz.format("%H:%M:%S %Z").to_string(),
        race_number: card.number,
        r#type: meeting.category.letter(),
        start_type: match (meeting.category, race.standing) {
            (Category::Harness, true) => "Standing",
            (Category::Harness, false) => "Mobile",
            _ => "",
        },
        country: meeting.country,
        state: meeting.state,
        distance: card.distance_m,
        weather: card.weather(meeting),
        form_guide: "",
        comment: format!("Race {} is open on paper; an even field over {} metres.", card.number, card.distance_m),
        silk_base_url: "silks.primary.invalid",
        track_condition: meeting.track_condition,
        track_direction: meeting.direction,
        track_surface: match meeting.track_condition {
            "Synthetic" => "Synthetic",
            _ => "Grass",
        },
        track_circumference: 1_200 + u16::try_from(facts % 900).unwrap_or_default(),
        silk_url: format!("https://silks.primary.invalid/sprites/{}_64x64.png", card.id),
        entrant_count: race.runners.len(),
        field_size: book.scratched.iter().filter(|out| !**out).count(),
        positions_paid: race.places(),
        video_channels: [if meeting.country == "NZ" { "Trackside1" } else { "Trackside2" }],
        video_channels_meta: BTreeMap::from([("Live1", video(race, start, prize))]),
        tips: race.runners.iter().take(6).map(|runner| runner.identity.entrant_id.as_str()).collect(),
        rail_position: "Out 3 metres | 2 mm of rain since yesterday",
        group: "",
        class: ["Rating 60 HCP", "Rating 65 Benchmark", "MDN", "OPN HCP"]
            [usize::try_from(facts % 4).unwrap_or_default()],
        prize_monies: prize_monies(prize),
        ffwin_option_number: 400 + u32::from(card.number),
        fftop3_option_number: 1_400 + u32::from(card.number),
        gait: if meeting.category == Category::Harness { "Pace" } else { "" },
        track_home_straight: 250 + u16::try_from(facts % 200).unwrap_or_default(),
        gender_conditions: "unrestricted",
        allowance_conditions: true,
        age_conditions: "Unrestricted",
        special_conditions: "",
        jockey_conditions: "C",
        weight_and_handicap_conditions: "hcp",
        mile_rate_400: "",
        mile_rate_800: "",
        protest: protest.map(|_| true),
        protest_reason: protest.map(Protest::reason),
    }
}

fn video(race: &Race, start: i64, prize: u64) -> Video<'_> {
    Video {
        race_no: race.card.number,
        race_type: race.meeting.category.letter(),
        slot_type: "",
        slot_title: "",
        venue_name: &race.meeting.name,
        cross_point: 23,
        race_priority: "1",
        slot_duration: "",
        scheduler_note: format!("Prize money: ${prize}"),
        cross_point_name: "FEED 04",
        slot_description: "",
        utc_race_start_time: clock::rfc3339(start),
        venue_country_code: race.meeting.country,
        venue_provider_name: "FEED",
        display_race_start_time: clock::rfc3339(start).trim_end_matches('Z').to_owned(),
        scheduler_note_priority: "Information",
    }
}

fn prize_monies(total: u64) -> BTreeMap<String, u64> {
    let ordinals = ["1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th", "9th", "10th"];
    let percent = [56, 18, 9, 5, 2, 2, 2, 2, 2, 2];
    let places = ordinals.into_iter().zip(percent).map(|(place, percent)| (place.to_owned(), total * percent / 100));
    places.chain([("total_value".to_owned(), total)]).collect()
}

/// A time as Go formats it.
fn go_time(unix: i64) -> String {
    DateTime::from_timestamp(unix, 0).unwrap_or_default().format("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()
}
