//! A database with the hub, and races that are polled.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use postgres::Client;
use raceday_stack::{Live, Postgres, free_port, http_get, wait_until};
use tempfile::TempDir;

use crate::PATIENCE;
use crate::backed::{Backed, MOMENTS, Moment};
use crate::database::database;
use crate::repository::built;
use crate::sse::{Event, Events};

/// PostgreSQL and the hub.
#[allow(missing_docs, reason = "each field is the server it names")]
pub struct HubScene {
    pub live: Live,
    pub postgres: Postgres,
    pub folder: TempDir,
}

/// The settings of a hub of this database.
pub fn hub_variables(postgres: &Postgres, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let url = postgres.url("raceday_live", "raceday");
    let settings = [("DATABASE_URL", url.as_str()), ("RACEDAY_LIVE_CLIENTS_PER_ADDRESS", "10000")];
    settings.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl HubScene {
    /// Starts both, without a limit per address.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts both, the hub with more settings.
    pub fn start_with(more: &[(&str, &str)]) -> Self {
        Self::start_on(database(), more)
    }

    /// Starts the hub of a database, with more settings.
    pub fn start_on(postgres: Postgres, more: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let live = start_hub(&postgres, &folder, free_port().unwrap(), more);
        Self { live, postgres, folder }
    }

    /// Kills the hub and starts another on the same port.
    pub fn restart_hub(&mut self) {
        self.live.process().kill().unwrap();
        self.live = start_hub(&self.postgres, &self.folder, self.live.port(), &[]);
    }

    /// A session of the superuser.
    pub fn sql(&self) -> Client {
        self.postgres.connect("raceday").unwrap()
    }

    /// Opens a stream.
    pub fn open(&self, query: &str) -> Events {
        Events::open(self.live.port(), &format!("/api/stream{query}"), &[]).unwrap()
    }

    /// Opens a stream that continues after an event.
    pub fn resume(&self, query: &str, id: &str) -> Events {
        Events::open(self.live.port(), &format!("/api/stream{query}"), &[("Last-Event-ID", id)]).unwrap()
    }

    /// A metric of the hub, or 0 if there is none.
    pub fn metric(&self, name: &str) -> f64 {
        let (_, text) = http_get(&format!("{}/metrics", self.live.url())).unwrap();
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
        text.lines().find_map(value).unwrap_or(0.0)
    }

    /// Waits until a metric fulfils a condition.
    #[track_caller]
    pub fn wait_metric(&self, name: &str, holds: impl Fn(f64) -> bool) {
        let waited = wait_until(name, PATIENCE, || Ok(holds(self.metric(name))));
        assert!(waited.is_ok(), "{name} is {}", self.metric(name));
    }
}

/// Starts the hub of a database.
pub fn start_hub(postgres: &Postgres, folder: &TempDir, port: u16, more: &[(&str, &str)]) -> Live {
    Live::start(&built("raceday-live"), &hub_variables(postgres, more), port, folder.path().join("live.log")).unwrap()
}

/// A race that is polled with ever more money.
#[derive(Debug)]
pub struct PolledRace {
    race: Backed,
    polls: i64,
}

impl PolledRace {
    /// A race that starts in a few minutes, polled once.
    pub fn new(client: &mut Client, race_id: &str) -> Self {
        let now = DateTime::from_timestamp(Utc::now().timestamp(), 0).unwrap();
        let race = Backed { race_id: race_id.to_owned(), start: now + Duration::seconds(300) };
        let mut polled = Self { race, polls: 0 };
        polled.poll(client);
        polled
    }

    /// Polls it again, a second later.
    pub fn poll(&mut self, client: &mut Client) {
        self.polls += 1;
        self.poll_number(client, self.polls);
    }

    /// Polls it as if the poll with this number, counted from 1, had come now.
    pub fn poll_number(&self, client: &mut Client, number: i64) {
        self.race.poll(client, &Self::moment(number));
    }

    fn moment(number: i64) -> Moment {
        let tote = MOMENTS[usize::try_from(number % 3).unwrap()].tote;
        Moment { seconds_to_start: 3000 - number, pool_dollars: 10_000 + 100 * number, tote, ..MOMENTS[0] }
    }

    /// Polls it again, as a fetcher does: staged and processed in one call.
    pub fn ingest(&mut self, client: &mut Client) {
        self.polls += 1;
        let (at, payload) = self.race.response(&Self::moment(self.polls));
        let sql = "select status, error from raceday.raceday_ingest('event', $1, $2, $3, null)";
        let row = client.query_one(sql, &[&self.race.race_id, &at, &payload]).unwrap();
        assert_eq!(row.get::<_, &str>(0), "ok", "{:?}", row.get::<_, Option<&str>>(1));
    }

    /// Leaves out polls.
    pub fn skip(&mut self, polls: i64) {
        self.polls += polls;
    }

    /// Stages and processes its result.
    pub fn finish(&self, client: &mut Client) {
        self.race.finish(client);
    }

    /// The ids of its rows in the table, in order.
    pub fn row_ids(&self, client: &mut Client) -> Vec<i64> {
        let sql = "select id from raceday.money_flow_history where race_id = $1 order by id";
        client.query(sql, &[&self.race.race_id]).unwrap().iter().map(|row| row.get(0)).collect()
    }
}

/// A client's view of a race: the rows that it received, and how often.
#[derive(Debug, Default)]
pub struct Received {
    /// By id.
    pub rows: BTreeMap<i64, usize>,
    /// The last id.
    pub id: Option<String>,
}

impl Received {
    /// Takes an event of a race.
    pub fn take(&mut self, event: &Event) {
        if event.name == "race" {
            for row in event.json()["rows"].as_array().unwrap() {
                *self.rows.entry(row["id"].as_i64().unwrap()).or_default() += 1;
            }
        }
        self.id = event.id.clone().or(self.id.take());
    }

    /// Reads until it has a row.
    pub fn read_to(&mut self, events: &mut Events, last: i64) -> std::io::Result<bool> {
        while !self.rows.contains_key(&last) {
            let Some(event) = events.next_event()? else { return Ok(false) };
            self.take(&event);
        }
        Ok(true)
    }
}
