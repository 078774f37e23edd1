//! Meetings and lists of races in the vendor's format.

use chrono::{DateTime, NaiveDate};
use chrono_tz::Pacific::Auckland;
use serde::Serialize;

use crate::clock::rfc3339;
use crate::day::{Category, Meeting, RaceCard};
use crate::fate::Status;
use crate::quirks::Protest;

/// The parameters of a list of meetings, as echoed.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct MeetingsParams {
    pub enc: &'static str,
    pub ids: Option<Vec<String>>,
    pub date_from: String,
    pub date_to: String,
    pub r#type: String,
    pub country: String,
    pub limit: usize,
    pub offset: usize,
    pub futures: bool,
    pub meeting_numbers: Option<Vec<u32>>,
}

/// The parameters of one meeting, as echoed.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct MeetingParams<'a> {
    pub enc: &'static str,
    pub id: &'a str,
}

/// The parameters of a list of races, as echoed.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct ListParams {
    pub enc: &'static str,
    pub limit: usize,
    pub countries: Option<Vec<String>>,
    pub meet_types: Option<Vec<String>>,
    pub date_from: String,
    pub date_to: String,
    pub order_by: u8,
    pub page_token: String,
}

/// The data of a list of meetings.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct MeetingsData<'a> {
    pub meetings: Vec<MeetingJson<'a>>,
}

/// The data of a list of races.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct ListData<'a> {
    pub races: Vec<ListedRace<'a>>,
    pub next_page_token: String,
}

/// A race in a list of races.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct ListedRace<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub number: u8,
    pub meeting_id: &'a str,
    pub advertised_start: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual_start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silk_url: Option<String>,
}

/// A meeting.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct MeetingJson<'a> {
    pub meeting: &'a str,
    pub name: &'a str,
    pub date: String,
    pub track_condition: &'static str,
    pub category: &'static str,
    pub category_name: &'static str,
    pub country: &'static str,
    pub state: &'static str,
    pub races: Vec<MeetingRace<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_channels: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quaddie: Option<Vec<u8>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_quaddie: Option<Vec<u8>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tote_running_double: Option<Vec<Vec<u8>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tote_treble: Option<Vec<Vec<u8>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tote_meeting_number: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tote_raceday_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tote_status: Option<&'static str>,
    #[serde(flatten)]
    pub club: Option<Club<'a>>,
}

/// The additional fields of a meeting requested by its id.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
pub struct Club<'a> {
    pub jetbet_club_name: &'static str,
    pub club_day: u16,
    pub club_mnemonic: &'static str,
    pub jetbet_track_name: &'a str,
    pub sell_date: String,
    pub fob_mnemonic: &'static str,
    pub fob_sell_date: &'static str,
    pub fob_close_date: &'static str,
    pub fob_complete_date: &'static str,
    pub fob_club_day: u16,
    pub meeting_date: String,
    pub track_mnemonic: &'static str,
    pub is_fob_meeting: bool,
    pub meeting_type: &'static str,
}

/// A race of a meeting.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the vendor's fields")]
pub struct MeetingRace<'a> {
    pub id: &'a str,
    pub race_number: u8,
    pub name: &'a str,
    pub start_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tote_start_time: Option<String>,
    pub track_condition: &'static str,
    pub distance: u16,
    pub weather: &'static str,
    pub country: &'static str,
    pub state: &'static str,
    pub status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protest: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protest_reason: Option<String>,
}

/// A meeting at a time (Unix seconds).
#[must_use]
pub fn meeting(meeting: &Meeting, at: i64, with_club: bool) -> MeetingJson<'_> {
    let tote = matches!(meeting.country, "NZ" | "AUS");
    let numbers: Vec<u8> = meeting.races.iter().map(|race| race.number).collect();
    let groups = |size: usize| numbers.chunks_exact(size).map(<[u8]>::to_vec).collect();
    let open = meeting.races.iter().any(|race| race.fate.status(at) < Status::Final);
    let quads = tote && numbers.len() >= 4;
    MeetingJson {
        meeting: &meeting.id,
        name: &meeting.name,
        date: midnight(meeting.date),
        track_condition: meeting.track_condition,
        category: meeting.category.letter(),
        category_name: meeting.category.words(),
        country: meeting.country,
        state: meeting.state,
        races: meeting.races.iter().map(|card| race(meeting, card, at, tote)).collect(),
        video_channels: tote.then(|| vec![if meeting.country == "NZ" { "Trackside1" } else { "Trackside2" }]),
        quaddie: quads.then(|| numbers[numbers.len() - 4..].to_vec()),
        early_quaddie: quads.then(|| numbers[..4].to_vec()),
        tote_running_double: (meeting.country == "NZ").then(|| groups(2)),
        tote_treble: (meeting.country == "NZ").then(|| groups(3)),
        tote_meeting_number: tote.then_some(meeting.index + 1),
        tote_raceday_date: tote.then(|| meeting.date.to_string()),
        tote_status: tote.then_some(if open { "Open" } else { "Closed" }),
        club: with_club.then(|| club(meeting)),
    }
}

/// The start of a date, in the vendor's format.
#[must_use]
pub fn midnight(date: NaiveDate) -> String {
    format!("{date}T00:00:00Z")
}

/// A race as an item of the list of races.
#[must_use]
pub fn listed<'a>(meeting: &'a Meeting, card: &'a RaceCard, at: i64) -> ListedRace<'a> {
    let silks = meeting.category == Category::Thoroughbred;
    ListedRace {
        id: &card.id,
        name: &card.name,
        number: card.number,
        meeting_id: &meeting.id,
        advertised_start: rfc3339(card.fate.advertised_start(at)),
        actual_start: card.fate.known_start(at).map(rfc3339),
        silk_url: silks.then(|| format!("https://silks.primary.invalid/sprites/{}_64x64.png", card.id)),
    }
}

fn race<'a>(meeting: &'a Meeting, card: &'a RaceCard, at: i64, tote: bool) -> MeetingRace<'a> {
    let start = card.fate.advertised_start(at);
    let status = card.fate.status(at);
    let local = DateTime::from_timestamp(start, 0).unwrap_or_default().with_timezone(&Auckland);
    let protest = card.fate.protest.filter(|_| matches!(status, Status::Interim | Status::Final));
    MeetingRace {
        id: &card.id,
        race_number: card.number,
        name: &card.name,
        start_time: rfc3339(start),
        tote_start_time: tote.then(|| local.format("%H:%M:%S").to_string()),
        track_condition: meeting.track_condition,
        distance: card.distance_m,
        weather: card.weather(meeting),
        country: meeting.country,
        state: meeting.state,
        status: status.word(),
        protest: protest.map(|_| true),
        protest_reason: protest.map(Protest::reason),
    }
}

fn club(meeting: &Meeting) -> Club<'_> {
    Club {
        jetbet_club_name: "",
        club_day: 200 + u16::from(meeting.index),
        club_mnemonic: meeting.mnemonic,
        jetbet_track_name: &meeting.name,
        sell_date: meeting.date.to_string(),
        fob_mnemonic: "",
        fob_sell_date: "",
        fob_close_date: "",
        fob_complete_date: "",
        fob_club_day: 0,
        meeting_date: meeting.date.to_string(),
        track_mnemonic: meeting.mnemonic,
        is_fob_meeting: false,
        meeting_type: "",
    }
}
