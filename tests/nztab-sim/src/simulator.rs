//! The simulator: a pure function of seed and time, with bounded caches.

use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::cache::Cache;
use crate::clock;
use crate::config::Config;
use crate::day::{self, Meeting, Program};
use crate::event_json::{self, Header, Response};
use crate::ids::{Key, Kind, ProgramId};
use crate::meetings_json::{self, ListData, ListParams, MeetingParams, MeetingsData, MeetingsParams};
use crate::misbehave;
use crate::plan::Plan;
use crate::query::{ListQuery, MeetingsQuery};
use crate::race::Race;
use crate::refresh::{Refresh, Tick};
use crate::switches::Switches;

/// An event response.
#[derive(Debug, Clone)]
pub struct Body {
    /// The JSON body.
    pub bytes: Bytes,
    /// The body's xxh3-64, as 16 hexadecimal digits.
    pub xxh3: String,
    /// The header's `generated_time`.
    pub generated_time: String,
}

/// The refreshes of one race at one edge.
#[derive(Debug, Clone, Serialize)]
pub struct EdgeRefreshes {
    /// The edge's number, from 0.
    pub edge: u32,
    /// Seconds from the last multiple of the period to its last refresh, were it not late; null if there is no phase.
    pub phase_s: Option<f64>,
    /// Its refreshes, in order.
    pub refreshed_at: Vec<DateTime<Utc>>,
}

/// The simulated API.
#[derive(Debug)]
pub struct Simulator {
    config: Config,
    refresh: RwLock<Refresh>,
    programs: Cache<ProgramId, Arc<Program>>,
    races: Cache<Key, Arc<Race>>,
    bodies: Cache<(Key, Tick, Switches), Body>,
}

impl Simulator {
    /// A simulator with these settings.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            refresh: RwLock::new(config.refresh.clone()),
            config,
            programs: Cache::new(32),
            races: Cache::new(256),
            bodies: Cache::new(128),
        }
    }

    /// A simulator with default settings, for benchmarks and tests that pass their own times.
    #[must_use]
    pub fn with(seed: u64) -> Self {
        Self::new(Config { seed, ..Config::default() })
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How the source refreshes.
    #[must_use]
    pub fn refresh(&self) -> Refresh {
        self.refresh.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes how the source refreshes, for all times.
    pub fn set_refresh(&self, refresh: Refresh) {
        *self.refresh.write().unwrap_or_else(PoisonError::into_inner) = refresh;
    }

    /// The id of a benchmark race: 14 runners, a fixed response size, a start at [`Simulator::bench_start`].
    #[must_use]
    pub fn bench_race_id(&self, index: u32) -> String {
        Key::race(ProgramId::Bench(index), 0, 1).uuid(self.config.seed)
    }

    /// The advertised start of a benchmark race.
    #[must_use]
    pub fn bench_start(&self, index: u32) -> DateTime<Utc> {
        let key = Key::race(ProgramId::Bench(index), 0, 1);
        let start = self.race_of(key).map_or(0, |race| race.card.fate.first_start);
        DateTime::from_timestamp(start, 0).unwrap_or_default()
    }

    /// The event as Raceday requests it; `None` for an unknown id.
    #[must_use]
    pub fn event(&self, race_id: &str, at: DateTime<Utc>) -> Option<String> {
        let body = self.event_with(race_id, at, &Switches::raceday())?;
        String::from_utf8(body.bytes.to_vec()).ok()
    }

    /// The event at a time; `None` for an unknown id.
    #[must_use]
    pub fn event_with(&self, race_id: &str, at: DateTime<Utc>, switches: &Switches) -> Option<Body> {
        self.event_of(race_id, self.tick(race_id, 0, at)?, switches)
    }

    /// The event as of a refresh; `None` for an unknown id.
    #[must_use]
    pub fn event_of(&self, race_id: &str, tick: Tick, switches: &Switches) -> Option<Body> {
        let key = self.race_key(race_id)?;
        self.bodies.get_or_make(&(key, tick, switches.clone()), || {
            let race = self.race_of(key)?;
            let bytes = Bytes::from(self.written(&event_json::event(&race, tick, switches)));
            let xxh3 = misbehave::hash_of(&bytes);
            Some(Body { bytes, xxh3, generated_time: clock::nanoseconds(tick.generated_at) })
        })
    }

    /// An edge's last refresh of a race at a time; `None` for an unknown id.
    #[must_use]
    pub fn tick(&self, race_id: &str, edge: u32, at: DateTime<Utc>) -> Option<Tick> {
        Some(self.refresh().latest(self.config.seed, self.race_key(race_id)?.number(), edge, at))
    }

    /// The truth about a race's refreshes between two times, by edge; `None` for an unknown id.
    #[must_use]
    pub fn refreshes(&self, race_id: &str, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<Vec<EdgeRefreshes>> {
        let (refresh, seed, id) = (self.refresh(), self.config.seed, self.race_key(race_id)?.number());
        let of_edge = |edge| EdgeRefreshes {
            edge,
            phase_s: refresh.phase_s(seed, id, edge, to),
            refreshed_at: refresh.between(seed, id, edge, from, to),
        };
        Some((0..refresh.edges).map(of_edge).collect())
    }

    /// The race with this id.
    #[must_use]
    pub fn race(&self, race_id: &str) -> Option<Arc<Race>> {
        self.race_of(self.race_key(race_id)?)
    }

    /// The list of meetings at a time.
    #[must_use]
    pub fn meetings(&self, query: &MeetingsQuery, at: DateTime<Utc>) -> String {
        self.meetings_without(&[], query, at)
    }

    /// The list of meetings without some races.
    #[must_use]
    pub fn meetings_without(&self, unlisted: &[String], query: &MeetingsQuery, at: DateTime<Utc>) -> String {
        let tick = self.listed(0, at);
        let (from, to) = query.dates.resolve(at);
        let mut meetings = self.meetings_between(from, to);
        for meeting in &mut meetings {
            meeting.races.retain(|race| !unlisted.contains(&race.id));
        }
        meetings.retain(|meeting| !meeting.races.is_empty());
        let chosen = meetings.iter().filter(|meeting| query.wants(meeting)).skip(query.offset).take(query.limit);
        let data = MeetingsData {
            meetings: chosen.map(|meeting| meetings_json::meeting(meeting, tick.second(), false)).collect(),
        };
        let params = MeetingsParams {
            enc: "json",
            ids: query.ids.clone(),
            date_from: meetings_json::midnight(from),
            date_to: meetings_json::midnight(to),
            r#type: query.categories.as_ref().map_or_else(|| " ".to_owned(), |types| types.join(",")),
            country: query.countries.as_ref().map_or_else(|| " ".to_owned(), |countries| countries.join(",")),
            limit: query.limit,
            offset: query.offset,
            futures: false,
            meeting_numbers: None,
        };
        let header = header("Race Meetings", tick, format!("/affiliates/v1/racing/meetings{}", query.echo));
        self.written(&Response { header, params, data })
    }

    /// One meeting at a time; `None` for an unknown id.
    #[must_use]
    pub fn meeting(&self, meeting_id: &str, at: DateTime<Utc>) -> Option<String> {
        let key = Key::parse(meeting_id, self.config.seed).filter(|key| key.kind == Kind::Meeting)?;
        let program = self.program(key.program);
        let meeting = program.meetings.iter().find(|meeting| meeting.id == meeting_id)?;
        let tick = self.listed(key.number(), at);
        let data = MeetingsData { meetings: vec![meetings_json::meeting(meeting, tick.second(), true)] };
        let params = MeetingParams { enc: "json", id: meeting_id };
        let header = header("Get meeting by id", tick, format!("/affiliates/v1/racing/meetings/{meeting_id}"));
        Some(self.written(&Response { header, params, data }))
    }

    /// The list of races at a time, ordered by start.
    #[must_use]
    pub fn list(&self, query: &ListQuery, at: DateTime<Utc>) -> String {
        let tick = self.listed(1, at);
        let (from, to) = query.dates.resolve(at);
        let meetings = self.meetings_between(from, to);
        let wanted = meetings.iter().filter(|meeting| query.wants(meeting));
        let mut races: Vec<_> =
            wanted.flat_map(|meeting| meeting.races.iter().map(move |card| (meeting, card))).collect();
        races.sort_by_key(|(_, card)| (card.fate.advertised_start(tick.second()), card.id.clone()));
        if query.order_by == 0 {
            races.reverse();
        }
        let end = query.offset + query.limit;
        let next_page_token = if end < races.len() { ListQuery::token(end) } else { String::new() };
        let page = races.into_iter().skip(query.offset).take(query.limit);
        let data = ListData {
            races: page.map(|(meeting, card)| meetings_json::listed(meeting, card, tick.second())).collect(),
            next_page_token,
        };
        let params = ListParams {
            enc: "json",
            limit: query.limit,
            countries: query.countries.clone(),
            meet_types: query.categories.clone(),
            date_from: meetings_json::midnight(from),
            date_to: format!("{to}T23:59:59.999999999Z"),
            order_by: query.order_by,
            page_token: if query.offset == 0 { String::new() } else { ListQuery::token(query.offset) },
        };
        let header = header("List Races", tick, format!("/affiliates/v1/racing/list{}", query.echo));
        self.written(&Response { header, params, data })
    }

    /// Meetings with a race on one of these New Zealand days, ordered by first start.
    #[must_use]
    pub fn meetings_between(&self, from: NaiveDate, to: NaiveDate) -> Vec<Meeting> {
        // With quirks, a meeting of the day before can end on the first day.
        let first = from.pred_opt().filter(|_| self.config.quirks).unwrap_or(from);
        let mut programs: Vec<ProgramId> = day::dates(first, to).map(ProgramId::Day).collect();
        if let Some(special) = self.config.special_program() {
            // It replaces that of its day; races that start together are all there are.
            let its_date = day::nz_date(self.config.now.timestamp());
            programs.retain(|program| self.config.races_at.is_none() && *program != ProgramId::Day(its_date));
            programs.push(special);
        }
        let on_these_days = |meeting: &&Meeting| {
            meeting.races.iter().any(|race| (from..=to).contains(&day::nz_date(race.fate.first_start)))
        };
        let mut meetings: Vec<Meeting> = Vec::new();
        for program in programs {
            meetings.extend(self.program(program).meetings.iter().filter(on_these_days).cloned());
        }
        meetings.sort_by_key(|meeting| meeting.races.first().map(|race| race.fate.first_start));
        meetings
    }

    /// What was planted in the NZ and AUS thoroughbred and harness races of a New Zealand day.
    #[must_use]
    pub fn plan(&self, date: NaiveDate) -> Plan {
        let mut plan = Plan::default();
        for meeting in self.meetings_between(date, date) {
            if meeting.category == day::Category::Greyhound || !matches!(meeting.country, "NZ" | "AUS") {
                continue;
            }
            for card in &meeting.races {
                if let Some(race) = self.race_of(card.key) {
                    plan.add(&race);
                }
            }
        }
        plan
    }

    fn race_key(&self, race_id: &str) -> Option<Key> {
        Key::parse(race_id, self.config.seed).filter(|key| key.kind == Kind::Race)
    }

    /// The last refresh of a list (`id`): lists refresh on the marks, whatever the races do.
    fn listed(&self, id: u64, at: DateTime<Utc>) -> Tick {
        let clock_offset_s = self.refresh().clock_offset_s;
        Refresh { clock_offset_s, ..Refresh::default() }.latest(self.config.seed, id, 0, at)
    }

    fn program(&self, id: ProgramId) -> Arc<Program> {
        let make = || Arc::new(Program::new(self.config.seed, id, self.config.quirks));
        self.programs.get_or_make(&id, || Some(make())).unwrap_or_else(make)
    }

    fn race_of(&self, key: Key) -> Option<Arc<Race>> {
        self.races.get_or_make(&key, || {
            let program = match key.program {
                // A programme of one race is not worth caching.
                ProgramId::Bench(_) => Arc::new(Program::new(self.config.seed, key.program, false)),
                program => self.program(program),
            };
            let meeting = program.meetings.iter().find(|meeting| meeting.index == key.meeting)?;
            Race::new(self.config.seed, meeting, key.race).map(Arc::new)
        })
    }

    fn written(&self, response: &impl Serialize) -> String {
        let text =
            if self.config.indent { serde_json::to_string_pretty(response) } else { serde_json::to_string(response) };
        text.unwrap_or_default()
    }
}

fn header(title: &str, tick: Tick, url: String) -> Header {
    Header { title: title.to_owned(), generated_time: clock::nanoseconds(tick.generated_at), url }
}
