//! The programme of a race day: its meetings, their races and when they start.

use std::collections::HashMap;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Pacific::Auckland;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::fate::{Fate, Forced};
use crate::ids::{Key, Kind, ProgramId};
use crate::quirks::Quirks;
use crate::{names, rng};

/// What races: gallopers, trotters and pacers, or dogs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names suffice")]
pub enum Category {
    Thoroughbred,
    Harness,
    Greyhound,
}

impl Category {
    /// The vendor's code.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Thoroughbred => "T",
            Self::Harness => "H",
            Self::Greyhound => "G",
        }
    }

    /// The vendor's name.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Thoroughbred => "Thoroughbred Horse Racing",
            Self::Harness => "Harness Horse Racing",
            Self::Greyhound => "Greyhound Racing",
        }
    }
}

/// A meeting: races at one track on one day.
#[derive(Debug, Clone)]
pub struct Meeting {
    /// UUID.
    pub id: String,
    /// Index within its programme.
    pub index: u8,
    /// The track's name.
    pub name: String,
    /// The track's four-letter code.
    pub mnemonic: &'static str,
    /// The New Zealand date of its first race.
    pub date: NaiveDate,
    /// What races there.
    pub category: Category,
    /// `NZ`, `AUS`, ...
    pub country: &'static str,
    /// The state or province.
    pub state: &'static str,
    /// The track's condition, in the vendor's words.
    pub track_condition: &'static str,
    /// The weather, in the vendor's words.
    pub weather: &'static str,
    /// `Left` or `Right`.
    pub direction: &'static str,
    /// Its races, ordered by number.
    pub races: Vec<RaceCard>,
}

/// A race as listed in a programme.
#[derive(Debug, Clone)]
pub struct RaceCard {
    /// UUID.
    pub id: String,
    /// What the UUID encodes.
    pub key: Key,
    /// Number within the meeting, from 1.
    pub number: u8,
    /// Its name.
    pub name: String,
    /// The distance in metres.
    pub distance_m: u16,
    /// The number of runners, including scratched ones.
    pub field: u8,
    /// What happens to it, and when.
    pub fate: Fate,
    /// Its quirks; `None` if the programme has none.
    pub quirks: Option<Quirks>,
}

impl RaceCard {
    /// The weather at its meeting, or nothing.
    #[must_use]
    pub fn weather(&self, meeting: &Meeting) -> &'static str {
        if self.quirks.is_some_and(|quirks| quirks.no_weather) { "" } else { meeting.weather }
    }
}

/// A programme: all meetings of a day.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its id.
    pub id: ProgramId,
    /// Its meetings, ordered by first start.
    pub meetings: Vec<Meeting>,
}

/// Country and category of a day's NZ and AUS thoroughbred and harness meetings, which come before all others.
const SLOTS: [(&str, Category); 12] = [
    ("NZ", Category::Thoroughbred),
    ("NZ", Category::Harness),
    ("AUS", Category::Thoroughbred),
    ("AUS", Category::Thoroughbred),
    ("AUS", Category::Harness),
    ("NZ", Category::Thoroughbred),
    ("AUS", Category::Thoroughbred),
    ("AUS", Category::Harness),
    ("AUS", Category::Thoroughbred),
    ("NZ", Category::Harness),
    ("AUS", Category::Thoroughbred),
    ("AUS", Category::Harness),
];

/// First starts of an ordinary day's meetings, in minutes after midnight in New Zealand.
const FIRST_STARTS: [i64; 12] = [725, 700, 825, 838, 855, 742, 882, 960, 902, 1053, 1072, 1137];

/// The meeting that with quirks starts later by this many seconds, so that it spans two days in New Zealand.
const NIGHT_MEETING: u8 = 11;
const NIGHT_MEETING_S: i64 = 3 * 3600;

/// Offsets of the first wave of a "soon" programme, in minutes after its anchor.
const WAVE: [i64; 12] = [3, 4, 3, 5, 4, 5, 6, 7, 8, 10, 11, 13];

/// The slots of meetings that start when the others of a "soon" programme end, and the minutes from the anchor to their start.
const LATE_MEETINGS: [(u8, i64); 4] = [(1, 135), (3, 142), (7, 149), (8, 156)];

struct Draft {
    index: u8,
    country: &'static str,
    category: Category,
    starts: Vec<i64>,
    foreign: Option<usize>,
}

impl Program {
    /// The programme with this id under a seed. A benchmark's programme never has quirks.
    #[must_use]
    pub fn new(seed: u64, id: ProgramId, quirks: bool) -> Self {
        let quirks = quirks && !matches!(id, ProgramId::Bench(_));
        let drafts = match id {
            ProgramId::Day(date) => ordinary_day(seed, id, date, quirks),
            ProgramId::Soon(minute) => soon(seed, id, i64::from(minute) * 60),
            ProgramId::Bench(index) => vec![Draft {
                index: 0,
                country: "NZ",
                category: Category::Thoroughbred,
                starts: vec![bench_start(index)],
                foreign: None,
            }],
            ProgramId::Together(minute) => together(i64::from(minute) * 60),
        };
        let mut of_country: HashMap<&'static str, usize> = HashMap::new();
        let mut meetings: Vec<Meeting> = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let nth = of_country.entry(draft.country).or_default();
            meetings.push(meeting(seed, id, &draft, *nth, quirks));
            *nth += 1;
        }
        meetings.sort_by_key(|meeting| (meeting.races.first().map(|race| race.fate.first_start), meeting.index));
        Self { id, meetings }
    }
}

/// The first instant of a New Zealand day.
#[must_use]
pub fn nz_midnight(date: NaiveDate) -> DateTime<Utc> {
    Auckland
        .from_local_datetime(&date.and_time(NaiveTime::MIN))
        .earliest()
        .map_or_else(|| date.and_time(NaiveTime::MIN).and_utc(), |midnight| midnight.with_timezone(&Utc))
}

/// The New Zealand date of an instant in Unix seconds.
#[must_use]
pub fn nz_date(unix: i64) -> NaiveDate {
    DateTime::from_timestamp(unix, 0).unwrap_or_default().with_timezone(&Auckland).date_naive()
}

/// Benchmark races start one per minute throughout a fixed day, and again from its beginning.
fn bench_start(index: u32) -> i64 {
    1_763_856_000 + i64::from(index % 1440) * 60
}

fn ordinary_day(seed: u64, id: ProgramId, date: NaiveDate, quirks: bool) -> Vec<Draft> {
    let mut rng = rng::stream(seed, "programme", Key::race(id, 0, 0).number());
    let midnight = nz_midnight(date).timestamp();
    let mut drafts = Vec::new();
    for (index, ((country, category), first)) in (0..).zip(SLOTS.into_iter().zip(FIRST_STARTS)) {
        let first = midnight + (first + rng.random_range(-12..13)) * 60;
        let first = if quirks && index == NIGHT_MEETING { first + NIGHT_MEETING_S } else { first };
        drafts.push(Draft { index, country, category, starts: starts(&mut rng, first, 7..10, 24..36), foreign: None });
    }
    drafts.extend(others(&mut rng, midnight));
    drafts
}

/// Greyhound and foreign meetings, which only the unfiltered list contains.
fn others(rng: &mut ChaCha8Rng, midnight: i64) -> Vec<Draft> {
    let dogs = [("NZ", 718), ("AUS", 750), ("AUS", 930), ("AUS", 1110)];
    let mut drafts = Vec::new();
    for (index, (country, first)) in (SLOTS.len()..).zip(dogs) {
        let starts = starts(rng, midnight + first * 60, 10..13, 16..22);
        let index = u8::try_from(index).unwrap_or_default();
        drafts.push(Draft { index, country, category: Category::Greyhound, starts, foreign: None });
    }
    for (track, facts) in names::FOREIGN_TRACKS.iter().enumerate() {
        let first = midnight + rng.random_range(20..560) * 60;
        let category = match facts.4 {
            'H' => Category::Harness,
            'G' => Category::Greyhound,
            _ => Category::Thoroughbred,
        };
        let index = u8::try_from(SLOTS.len() + dogs.len() + track).unwrap_or_default();
        let starts = starts(rng, first, 6..9, 25..36);
        drafts.push(Draft { index, country: facts.2, category, starts, foreign: Some(track) });
    }
    drafts
}

fn starts(rng: &mut ChaCha8Rng, first: i64, count: std::ops::Range<usize>, gap_min: std::ops::Range<i64>) -> Vec<i64> {
    let mut at = first;
    (0..rng.random_range(count))
        .map(|_| {
            let start = at;
            at += rng.random_range(gap_min.clone()) * 60;
            start
        })
        .collect()
}

fn soon(seed: u64, id: ProgramId, anchor: i64) -> Vec<Draft> {
    let mut rng = rng::stream(seed, "programme", Key::race(id, 0, 0).number());
    let mut drafts = Vec::new();
    for (index, ((country, category), offset)) in (0..).zip(SLOTS.into_iter().zip(WAVE)) {
        let past = rng.random_range(0..3_i64);
        let gap = rng.random_range(13..16_i64);
        let races = rng.random_range(9..11_i64) + past;
        let starts = (0..races).map(|race| anchor + (offset + (race - past) * gap) * 60).collect();
        drafts.push(Draft { index, country, category, starts, foreign: None });
    }
    for (index, (slot, offset)) in (SLOTS.len()..).zip(LATE_MEETINGS) {
        let (country, category) = SLOTS[usize::from(slot)];
        let index = u8::try_from(index).unwrap_or_default();
        let starts = (0..12).map(|race| anchor + (offset + race * 28) * 60).collect();
        drafts.push(Draft { index, country, category, starts, foreign: None });
    }
    let first_other = drafts.len();
    drafts.extend(others(&mut rng, nz_midnight(nz_date(anchor)).timestamp()));
    for (index, draft) in drafts.iter_mut().enumerate().skip(first_other) {
        draft.index = u8::try_from(index).unwrap_or_default();
    }
    drafts
}

/// Two races of each NZ and AUS meeting, all at the same time.
fn together(start: i64) -> Vec<Draft> {
    (0..)
        .zip(SLOTS)
        .map(|(index, (country, category))| Draft { index, country, category, starts: vec![start; 2], foreign: None })
        .collect()
}

/// What happens in every programme, so that each kind of event occurs at least once.
fn forced(id: ProgramId, meeting: u8, race: usize, starts: &[i64]) -> Forced {
    let (first, soon) = match id {
        ProgramId::Day(_) => (0, false),
        ProgramId::Soon(minute) => {
            let anchor = i64::from(minute) * 60;
            (starts.iter().position(|start| *start > anchor).unwrap_or(0), true)
        }
        ProgramId::Bench(_) | ProgramId::Together(_) => return Forced::Ordinary,
    };
    match (meeting, race.checked_sub(first)) {
        (0 | 4, Some(0)) => Forced::Insider,
        (1, Some(0)) if soon => Forced::LateScratching,
        (1, Some(2)) => Forced::LateScratching,
        (2, Some(0)) if soon => Forced::Insider,
        (3, Some(1)) => Forced::Delayed,
        (5, Some(0)) if soon => Forced::Delayed,
        (7, Some(0)) if soon => Forced::Abandoned,
        (6, Some(3)) => Forced::Abandoned,
        _ => Forced::Chance,
    }
}

fn meeting(seed: u64, program: ProgramId, draft: &Draft, nth: usize, quirks: bool) -> Meeting {
    let key = Key { program, meeting: draft.index, race: 0, item: 0, kind: Kind::Meeting };
    let mut rng = rng::stream(seed, "meeting", key.number());
    let (name, mnemonic, state) = track(seed, program, draft, nth);
    let name = match draft.category {
        Category::Greyhound if draft.country == "NZ" => format!("{name} (G)"),
        _ => name.to_owned(),
    };
    let track_condition = match draft.category {
        Category::Thoroughbred => names::pick(&mut rng, &["Good4", "Soft5", "Soft7", "Heavy8", "Synthetic"]),
        Category::Harness => names::pick(&mut rng, &["Fast", "Good", "Easy"]),
        Category::Greyhound => "Good",
    };
    let weather = names::pick(&mut rng, &["FINE", "OCAST", "SHWRY", "Overcast"]);
    let direction = names::pick(&mut rng, &["Left", "Right"]);
    let races = (0..draft.starts.len())
        .map(|race| {
            race_card(seed, Key { race: u8::try_from(race + 1).unwrap_or(u8::MAX), ..key }, draft, race, quirks)
        })
        .collect();
    Meeting {
        id: key.uuid(seed),
        index: draft.index,
        name,
        mnemonic,
        date: nz_date(draft.starts.first().copied().unwrap_or_default()),
        category: draft.category,
        country: draft.country,
        state,
        track_condition,
        weather,
        direction,
        races,
    }
}

/// The track of a country's n-th meeting. The lists are rotated by day, so that a track does not race daily.
fn track(seed: u64, program: ProgramId, draft: &Draft, nth: usize) -> (&'static str, &'static str, &'static str) {
    if let Some(track) = draft.foreign {
        let (name, mnemonic, _, state, _) = names::FOREIGN_TRACKS[track];
        return (name, mnemonic, state);
    }
    let turn = rng::hash(seed, &[Key::race(program, 0, 0).number(), 11]) % 1000;
    let place = usize::try_from(turn).unwrap_or_default() + nth;
    if draft.country == "NZ" {
        let (name, mnemonic) = names::NZ_TRACKS[place % names::NZ_TRACKS.len()];
        (name, mnemonic, "NZ")
    } else {
        names::AUS_TRACKS[place % names::AUS_TRACKS.len()]
    }
}

fn race_card(seed: u64, meeting: Key, draft: &Draft, index: usize, quirks: bool) -> RaceCard {
    let key = Key { kind: Kind::Race, ..meeting };
    let mut rng = rng::stream(seed, "card", key.number());
    let distance_m = match draft.category {
        Category::Thoroughbred => rng.random_range(10..25) * 100,
        Category::Harness => [1609, 1980, 2200, 2400, 2600][rng.random_range(0..5)],
        Category::Greyhound => [300, 375, 410, 520, 650][rng.random_range(0..5)],
    };
    let field = match (key.program, draft.category) {
        (ProgramId::Bench(_), _) => 14,
        (_, Category::Greyhound) => 8,
        _ => rng.random_range(8..17),
    };
    let sponsor = names::pick(&mut rng, &names::SPONSORS);
    let name = format!("{sponsor} {} {distance_m}", names::pick(&mut rng, &names::RACE_WORDS));
    let name = if draft.country == "NZ" { name.to_uppercase() } else { name };
    let forced = forced(key.program, draft.index, index, &draft.starts);
    let mut fate = Fate::new(seed, key, draft.starts[index], distance_m, forced);
    let quirks = quirks.then(|| Quirks::draw(seed, key, draft.country, field, &fate));
    if let Some(quirks) = quirks {
        fate.protest = quirks.protest;
    }
    let name = if quirks.is_some_and(|quirks| quirks.padded) { format!(" {name}  ") } else { name };
    RaceCard { id: key.uuid(seed), key, number: key.race, name, distance_m, field, fate, quirks }
}

/// The days from one date to another, both included; at most 14.
pub fn dates(from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    let days = to.signed_duration_since(from).num_days().clamp(-1, 13);
    (0..=days).filter_map(move |day| from.checked_add_days(Days::new(u64::try_from(day).ok()?)))
}
