//! A race day in database time: the schedule's SQL, driven as a fetcher drives it, as fast as it runs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use chrono::{DateTime, TimeDelta, Utc};
use postgres::types::FromSqlOwned;
use postgres::{Client, Statement};
use raceday_stack::Postgres;
use serde_json::json;

/// Milliseconds since the day began.
pub type Ms = i64;

/// 2025-11-23 00:00 UTC, noon of a racing day in New Zealand.
const DAY: &str = "2025-11-23T00:00:00Z";
/// The database's clock stands at the beginning of `DAY` until this session sets `raceday.test_now`.
pub const STANDING_CLOCK: &str = "set raceday.test_now = '2025-11-23T00:00:00Z';
     create or replace function raceday.now() returns timestamptz language sql stable parallel safe
         return current_setting('raceday.test_now')::timestamptz";
/// The shortest time that a fetcher waits before it claims again.
const SHORTEST_WAIT: Ms = 20;
/// The longest, when nothing is due and nothing in flight.
const LONGEST_WAIT: Ms = 60_000;

/// One poll as it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Poll {
    pub race: String,
    pub at: Ms,
    pub due: Ms,
    pub missed: i32,
    /// Seconds to the start as known at the time.
    pub seconds_to_start: f64,
    pub cadence_s: i32,
    pub worker: String,
}

impl Poll {
    pub fn late(&self) -> Ms {
        self.at - self.due
    }
}

/// A fetcher, as the schedule sees it.
#[derive(Debug, Clone)]
pub struct Team {
    pub worker: String,
    pub free: i32,
}

/// A database whose clock moves only when it is set.
pub struct Day {
    client: Client,
    set_clock: Statement,
    claim: Statement,
    next: Statement,
    done: Statement,
    now: Ms,
    teams: Vec<Team>,
    in_flight: BinaryHeap<Reverse<(Ms, usize, String)>>,
    /// When a race's response reports that it is over, and its phase from then on.
    ends: BTreeMap<String, (Ms, &'static str)>,
    /// The TAB has no event of these races.
    pub not_found: BTreeSet<String>,
    service_ms: Ms,
    /// Nothing can be claimed before this time.
    next_due: Ms,
    pub polls: Vec<Poll>,
}

impl Day {
    /// Begins at `DAY`. A poll takes about `service_ms`, and each fetcher runs up to `free` polls at a time.
    pub fn begin(postgres: &Postgres, fetchers: usize, free: i32, service_ms: Ms) -> Self {
        let mut client = postgres.connect("raceday").unwrap();
        client.batch_execute(STANDING_CLOCK).unwrap();
        client
            .batch_execute(
                "insert into raceday.meetings (meeting_id, meeting_name, race_type, date) values ('m', 'M', 'harness', '2025-11-23');
                 select partman.create_partition_time('raceday.staged_payloads', '{2025-11-22,2025-11-23}'::timestamptz[]);
                 set synchronous_commit = off",
            )
            .unwrap();
        let prepare = |client: &mut Client, sql: &str| client.prepare(sql).unwrap();
        let ms = "(extract(epoch from due_at - timestamptz '2025-11-23T00:00:00Z') * 1000)::bigint";
        let claim = format!(
            "select race_id, {ms}, missed, seconds_to_start, cadence_s from raceday.raceday_claim_races($1, $2)"
        );
        let next = "select (extract(epoch from raceday.raceday_next_due() - timestamptz '2025-11-23T00:00:00Z') * 1000)::bigint";
        let set = "select set_config('raceday.test_now',
                       (timestamptz '2025-11-23T00:00:00Z' + make_interval(secs => $1::float8 / 1000))::text, false)";
        Self {
            set_clock: prepare(&mut client, set),
            claim: prepare(&mut client, &claim),
            next: prepare(&mut client, next),
            done: prepare(&mut client, "select raceday.raceday_poll_done($1, $2, $3)"),
            client,
            now: 0,
            teams: (0..fetchers).map(|number| Team { worker: format!("fetcher {number}"), free }).collect(),
            in_flight: BinaryHeap::new(),
            ends: BTreeMap::new(),
            not_found: BTreeSet::new(),
            service_ms,
            next_due: 0,
            polls: Vec::new(),
        }
    }

    /// Adds a race that starts `start` after the day's beginning; its first response after `end` reports that it is over.
    pub fn race(&mut self, race: &str, start: Ms, end: Ms, phase: &'static str) {
        let sql = "insert into raceday.races (race_id, meeting_id, name, race_number, start_time, type)
                   values ($1, 'm', $1, 1, $2::text::timestamptz + make_interval(secs => $3::float8 / 1000), 'H')";
        self.client.execute(sql, &[&race, &DAY, &(start as f64)]).unwrap();
        self.ends.insert(race.to_owned(), (end, phase));
    }

    /// Moves a race's start, as a response or a list does.
    pub fn move_start(&mut self, race: &str, start: Ms) {
        let sql =
            "update raceday.races set start_time = $2::text::timestamptz + make_interval(secs => $3::float8 / 1000)
                   where race_id = $1";
        self.client.execute(sql, &[&race, &DAY, &(start as f64)]).unwrap();
        // A fetcher checks twice a second whether anything has changed.
        self.next_due = self.now;
    }

    /// Processes a meetings list that names these races with their starts.
    pub fn list(&mut self, races: &[(&str, Ms)]) {
        let race = |(race, start): &(&str, Ms)| {
            let start: DateTime<Utc> = DAY.parse::<DateTime<Utc>>().unwrap() + TimeDelta::milliseconds(*start);
            json!({"id": race, "race_number": 1, "start_time": start.to_rfc3339(), "status": "Open"})
        };
        let meeting = json!({"meeting": "m", "name": "M", "date": DAY, "category": "H", "country": "NZ",
                             "races": races.iter().map(race).collect::<Vec<_>>()});
        let list = json!({"data": {"meetings": [meeting]}}).to_string();
        let sql = "select status, error from raceday.raceday_ingest('meetings', 'meetings:2025-11-23', raceday.now(), $1, null)";
        let row = self.client.query_one(sql, &[&list]).unwrap();
        assert_eq!(row.get::<_, &str>(0), "ok", "{row:?}");
        for (race, _) in races {
            self.ends.entry((*race).to_owned()).or_insert((Ms::MAX, "finished"));
        }
        self.next_due = self.now;
    }

    /// Executes statements.
    pub fn execute(&mut self, sql: &str) {
        self.client.batch_execute(sql).unwrap();
    }

    /// Lets the fetchers look at the schedule now, as they do twice a second.
    pub fn look(&mut self) {
        self.next_due = self.now;
    }

    /// One value from the database.
    pub fn value<T: FromSqlOwned>(&mut self, sql: &str) -> T {
        self.client.query_one(sql, &[]).unwrap().get(0)
    }

    /// Kills a fetcher: its polls in flight never end, and it claims no more.
    pub fn kill(&mut self, team: usize) {
        let worker = self.teams[team].worker.clone();
        self.teams[team].free = 0;
        self.in_flight.retain(|Reverse((_, number, _))| self.teams[*number].worker != worker);
    }

    /// Lets the day run until `until`.
    pub fn run_until(&mut self, until: Ms) {
        while self.now < until {
            self.end_polls();
            let free = self.teams.iter().any(|team| team.free > 0);
            if free && self.now >= self.next_due {
                self.claim();
            }
            let ends = self.in_flight.peek().map(|Reverse((at, _, _))| *at);
            // A busy fetcher claims again when a poll has ended, a free one when something is due.
            let free = self.teams.iter().any(|team| team.free > 0);
            let next = [free.then_some(self.next_due), ends].into_iter().flatten().min().unwrap_or(until);
            self.set(next.clamp(self.now + 1, self.now + LONGEST_WAIT).min(until));
        }
    }

    /// Sets the clock.
    pub fn set(&mut self, now: Ms) {
        self.now = now;
        self.client.execute(&self.set_clock, &[&(now as f64)]).unwrap();
    }

    /// Lets the polls in flight end, then sets the clock back.
    pub fn set_back(&mut self, now: Ms) {
        self.set(self.now + 2 * self.service_ms);
        self.end_polls();
        self.set(now);
        self.next_due = now;
    }

    /// Ends the polls whose time is over, and the races whose response reports it.
    fn end_polls(&mut self) {
        while let Some(Reverse((at, team, race))) = self.in_flight.peek().cloned() {
            if at > self.now {
                break;
            }
            self.in_flight.pop();
            let (end, phase) = self.ends[&race];
            let is_found = !self.not_found.contains(&race);
            if is_found && at >= end {
                let sql = "update raceday.races set phase = $2, polled_at = raceday.now() where race_id = $1";
                self.client.execute(sql, &[&race, &phase]).unwrap();
            }
            self.client.execute(&self.done, &[&race, &self.teams[team].worker, &is_found]).unwrap();
            self.teams[team].free += 1;
        }
    }

    /// Claims for every fetcher with a free worker, and records when there is more to claim.
    fn claim(&mut self) {
        let order: Vec<usize> = (0..self.teams.len()).filter(|team| self.teams[*team].free > 0).collect();
        for team in &order {
            let Team { worker, free } = self.teams[*team].clone();
            let rows = self.client.query(&self.claim, &[&worker, &free]).unwrap();
            for row in rows {
                let race: String = row.get(0);
                // Between half and one and a half times the usual time, and the same in every run.
                let spread = (Ms::try_from(self.polls.len()).unwrap() * 7919) % self.service_ms;
                self.in_flight.push(Reverse((self.now + self.service_ms / 2 + spread, *team, race.clone())));
                self.teams[*team].free -= 1;
                self.polls.push(Poll {
                    race,
                    at: self.now,
                    due: row.get(1),
                    missed: row.get(2),
                    seconds_to_start: row.get(3),
                    cadence_s: row.get(4),
                    worker: worker.clone(),
                });
            }
        }
        let next: Option<Ms> = self.client.query_one(&self.next, &[]).unwrap().get(0);
        self.next_due = next.unwrap_or(self.now + LONGEST_WAIT).max(self.now + SHORTEST_WAIT);
    }

    /// The polls of a race in order.
    pub fn of<'a>(&'a self, race: &'a str) -> impl Iterator<Item = &'a Poll> {
        self.polls.iter().filter(move |poll| poll.race == race)
    }

    /// The lateness that 99 of 100 polls stay below.
    pub fn late_p99(&self) -> Ms {
        let mut late: Vec<Ms> = self.polls.iter().map(Poll::late).collect();
        late.sort_unstable();
        late[late.len() * 99 / 100]
    }
}
