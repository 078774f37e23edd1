//! A simulated race that is about to start, staged and processed as the fetcher does.

use chrono::{DateTime, Duration, Utc};
use nztab_sim::day::{self, Category, Meeting};
use nztab_sim::{Config, MeetingsQuery, Simulator};
use postgres::Client;
use raceday_tests::payloads;

/// The seed of the simulated races.
const SEED: u64 = 11;

/// A race with the polls of its last hour in the database; it starts in a few minutes and has late money on one runner.
pub struct LiveRace {
    /// The race's id.
    pub race_id: String,
    simulator: Simulator,
}

impl LiveRace {
    /// Stages and processes the day's meetings, the race's polls until now, and one of each race that starts as soon as it.
    pub fn begin(client: &mut Client) -> Self {
        let now = Utc::now();
        let simulator = Simulator::new(Config { seed: SEED, now, races_soon: true, ..Config::default() });
        // Every programme of races that start soon has late money on one of the first races.
        let soon = now.timestamp()..now.timestamp() + 400;
        let day = day::nz_date(now.timestamp() + 180);
        let meetings = simulator.meetings_between(day, day);
        let races: Vec<_> = meetings
            .iter()
            .filter(|meeting| is_polled(meeting))
            .flat_map(|meeting| &meeting.races)
            .filter(|race| soon.contains(&race.fate.first_start))
            .collect();
        let race = races
            .iter()
            .find(|race| race.fate.insider.is_some() && race.fate.abandoned_at.is_none())
            .expect("a race with late money");
        let live = Self { race_id: race.id.clone(), simulator };
        let list = live.simulator.meetings(&MeetingsQuery::day(day), now);
        process_kind(client, &format!("meetings:{day}"), "meetings", now, &list);
        for other in races.iter().filter(|other| other.id != live.race_id) {
            live.poll_race(client, &other.id, now);
        }
        let start = DateTime::from_timestamp(race.fate.first_start, 0).unwrap();
        // Every two minutes, and in the end every half minute.
        let mut at = start - Duration::minutes(63);
        while at < now {
            live.poll(client, at);
            at += Duration::seconds(if start - at > Duration::minutes(6) { 120 } else { 30 });
        }
        live
    }

    /// Stages and processes the TAB's response for the race at a time.
    pub fn poll(&self, client: &mut Client, at: DateTime<Utc>) {
        self.poll_race(client, &self.race_id, at);
    }

    fn poll_race(&self, client: &mut Client, race_id: &str, at: DateTime<Utc>) {
        process_kind(client, race_id, "event", at, &self.simulator.event(race_id, at).unwrap());
    }
}

/// Whether Raceday polls the meeting's races.
fn is_polled(meeting: &Meeting) -> bool {
    matches!(meeting.country, "NZ" | "AUS") && meeting.category != Category::Greyhound
}

fn process_kind(client: &mut Client, race_id: &str, kind: &str, fetched_at: DateTime<Utc>, payload: &str) {
    payloads::stage_kind(client, kind, race_id, fetched_at, payload);
    let processed = payloads::process(client, race_id);
    assert_eq!(processed.status, "ok", "{processed:?}");
}
