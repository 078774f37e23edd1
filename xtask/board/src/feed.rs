//! Reads what the board shows: the next race over REST, as any client would, and signals and the system's state by SQL.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use postgres::{Client, NoTls, Row};
use raceday_stack::http_get;
use serde_json::Value;

use crate::board::{Board, Flows, Signal, Signals};

/// Real time between two reads. Each is four requests, and a user at the same address needs half of its rate limit.
const READ_EVERY: Duration = Duration::from_secs(5);
/// How long a race stays on the board after betting has closed.
const SHOWN_WHEN_CLOSED: Duration = Duration::from_secs(10);
/// Timeline rows per page, the maximum of the REST contract.
const PAGE_ROWS: usize = 2000;

/// Where the feed reads from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The base URL of nginx.
    pub rest: String,
    /// The base URL of the fetcher's metrics.
    pub fetcher: String,
    /// The database's URL for the superuser.
    pub database: String,
    /// Simulated seconds per real second.
    pub speed: f64,
}

/// The result of the last read.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The race to show.
    pub board: Option<Board>,
    /// The state of database, partitions and fetcher in one line.
    pub state: String,
    /// Why the race could not be read.
    pub error: Option<String>,
    /// Raceday's time, when it was read, and Raceday's seconds per real second.
    pub clock: Option<(DateTime<Utc>, Instant, f64)>,
    /// The number of reads so far.
    pub reads: u64,
}

impl Snapshot {
    /// Raceday's time now, extrapolated from the last response.
    pub fn now(&self) -> DateTime<Utc> {
        match self.clock {
            #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a demo fit")]
            Some((at, since, speed)) => {
                at + TimeDelta::milliseconds((since.elapsed().as_secs_f64() * speed * 1000.0) as i64)
            }
            None => Utc::now(),
        }
    }
}

/// A thread that reads until dropped.
#[derive(Debug)]
pub struct Feed {
    last: Arc<Mutex<Snapshot>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    /// Starts reading.
    pub fn start(sources: Sources) -> Self {
        let last = Arc::new(Mutex::new(Snapshot::default()));
        let shared = Arc::clone(&last);
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut reader = Reader::new(sources);
            loop {
                let previous = shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let next = reader.read(previous);
                *shared.lock().unwrap_or_else(PoisonError::into_inner) = next;
                if stopped.recv_timeout(READ_EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
        Self { last, stop: Some(stop), thread: Some(thread) }
    }

    /// The result of the last read.
    pub fn last(&self) -> Snapshot {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

struct Reader {
    sources: Sources,
    race_id: Option<String>,
    closed_since: Option<Instant>,
    flows: Flows,
    cursor: Option<String>,
    client: Option<Client>,
}

impl Reader {
    fn new(sources: Sources) -> Self {
        Self { sources, race_id: None, closed_since: None, flows: Flows::default(), cursor: None, client: None }
    }

    fn read(&mut self, mut snapshot: Snapshot) -> Snapshot {
        snapshot.reads += 1;
        snapshot.error = None;
        match self.read_board(&mut snapshot) {
            Ok(board) => snapshot.board = board,
            Err(error) => snapshot.error = Some(format!("{error:#}")),
        }
        match self.read_state() {
            Ok(state) => snapshot.state = state,
            Err(error) => {
                self.client = None;
                snapshot.state = format!("database: {error:#}");
            }
        }
        snapshot
    }

    fn read_board(&mut self, snapshot: &mut Snapshot) -> Result<Option<Board>> {
        let upcoming = self.get("/api/races/upcoming?windowMinutes=480&lookbackMinutes=20&limit=100")?;
        if let Some(at) = upcoming["timestamp"].as_str().and_then(|at| at.parse().ok()) {
            snapshot.clock = Some((at, Instant::now(), self.sources.speed));
        }
        let is_over = self.closed_since.is_some_and(|since| since.elapsed() >= SHOWN_WHEN_CLOSED);
        let shown = self.race_id.as_deref().filter(|_| !is_over);
        let Some(race) = choose(&upcoming["races"], shown) else { return Ok(None) };
        if race["phase"] == "upcoming" {
            self.closed_since = None;
        } else if self.closed_since.is_none() {
            self.closed_since = Some(Instant::now());
        }
        let id = race["race_id"].as_str().context("a race in /api/races/upcoming has no race_id")?;
        if self.race_id.as_deref() != Some(id) {
            (self.flows, self.cursor) = (Flows::default(), None);
            self.race_id = Some(id.to_owned());
        }
        let entrants = self.get(&format!("/api/entrants?raceId={id}"))?;
        let pools = self.get(&format!("/api/race-pools?raceId={id}")).ok();
        self.read_flows(id, &entrants)?;
        let signals = self.read_signals(id)?;
        Ok(Some(Board::new(race, &entrants, pools.as_ref(), &self.flows, &signals)))
    }

    /// Reads the timeline's pages from the cursor on.
    fn read_flows(&mut self, race_id: &str, entrants: &Value) -> Result<()> {
        let ids: Vec<&str> =
            entrants.as_array().into_iter().flatten().filter_map(|e| e["entrant_id"].as_str()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        loop {
            let cursor = self.cursor.as_ref().map_or_else(String::new, |cursor| format!("&cursorAfter={cursor}"));
            let query = format!("raceId={race_id}&entrants={}&poolType=win&limit={PAGE_ROWS}{cursor}", ids.join(","));
            let page = self.get(&format!("/api/money-flow-timeline?{query}"))?;
            self.flows.add(&page);
            match &page["next_cursor"] {
                Value::String(next) => self.cursor = Some(next.clone()),
                Value::Number(next) => self.cursor = Some(next.to_string()),
                _ => return Ok(()),
            }
            if page["documents"].as_array().is_none_or(|rows| rows.len() < PAGE_ROWS) {
                return Ok(());
            }
        }
    }

    /// Reads what the engine found, for each runner its rarest signal.
    fn read_signals(&mut self, race_id: &str) -> Result<Signals> {
        let sql = "select entrant_id, multiple::float8, excess, rarity::bigint, provisional
                   from raceday.signals where race_id = $1 order by level";
        let rows = self.client()?.query(sql, &[&race_id])?;
        let signal = |row: &Row| Signal {
            multiple: row.get(1),
            excess_cents: row.get(2),
            rarity: row.get(3),
            is_provisional: row.get(4),
        };
        Ok(rows.iter().map(|row| (row.get(0), signal(row))).collect())
    }

    /// The session, opened if there is none.
    fn client(&mut self) -> Result<&mut Client> {
        let client = match self.client.take() {
            Some(client) => client,
            None => Client::connect(&self.sources.database, NoTls)?,
        };
        Ok(self.client.insert(client))
    }

    fn read_state(&mut self) -> Result<String> {
        let client = self.client()?;
        let sql = "select min(m.days_ahead), coalesce(bool_and(m.gaps = 0), false),
                          (select count(*) from raceday.pending_payloads),
                          (select count(*) from raceday.due_races d where d.is_live),
                          (select value from raceday.raceday_status() where item = 'data of live races')
                   from raceday.monitor_maintenance m";
        let row = client.query_one(sql, &[])?;
        let (days_ahead, complete): (Option<i64>, bool) = (row.get(0), row.get(1));
        let (pending, live): (i64, i64) = (row.get(2), row.get(3));
        let data: String = row.get(4);
        let partitions = match days_ahead {
            Some(days) if complete => format!("partitions {days} days ahead"),
            _ => "partitions MISSING".to_owned(),
        };
        let fetcher = http_get(&format!("{}/metrics", self.sources.fetcher))
            .map_or_else(|_| "fetcher unavailable".to_owned(), |(_, text)| fetcher_state(&metrics(&text)));
        Ok(format!("database ok, {pending} pending  ·  {partitions}  ·  {fetcher}  ·  {live} live races, data {data}"))
    }

    fn get(&self, path: &str) -> Result<Value> {
        let (status, body) = http_get(&format!("{}{path}", self.sources.rest))?;
        if status != 200 {
            bail!("{path}: status {status}");
        }
        serde_json::from_str(&body).with_context(|| format!("{path} is not JSON"))
    }
}

/// The race shown before while it is in the list, else the next race to start.
fn choose<'a>(races: &'a Value, shown: Option<&str>) -> Option<&'a Value> {
    let races = races.as_array()?;
    let same = races.iter().find(|race| shown.is_some() && race["race_id"].as_str() == shown);
    let upcoming = || races.iter().find(|race| race["phase"] == "upcoming");
    same.or_else(upcoming).or_else(|| races.first())
}

/// The metrics of a Prometheus page by name, summed over their labels.
pub fn metrics(page: &str) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let name = series.split('{').next().unwrap_or(series);
        if let Ok(value) = value.parse::<f64>() {
            *sums.entry(name.to_owned()).or_insert(0.0) += value;
        }
    }
    sums
}

fn fetcher_state(metrics: &BTreeMap<String, f64>) -> String {
    let value = |name: &str| metrics.get(name).copied().unwrap_or(0.0);
    let breaker = if value("raceday_breaker_state") > 0.0 { ", TAB unavailable" } else { "" };
    format!(
        "fetcher ok, {} polls, {} missed{breaker}",
        value("raceday_polls_total"),
        value("raceday_polls_missed_total")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_race_stays_on_the_board_until_it_leaves_the_list() {
        let races = json!([{"race_id": "a", "phase": "in_progress"}, {"race_id": "b", "phase": "upcoming"}]);
        let id = |race: Option<&Value>| race.and_then(|race| race["race_id"].as_str()).map(str::to_owned);
        assert_eq!(id(choose(&races, Some("a"))).as_deref(), Some("a"));
        assert_eq!(id(choose(&races, Some("gone"))).as_deref(), Some("b"));
        assert_eq!(id(choose(&races, None)).as_deref(), Some("b"));
        assert_eq!(choose(&json!([]), None), None);
    }

    #[test]
    fn metrics_are_summed_over_their_labels() {
        let page = "# TYPE raceday_polls_total counter\nraceday_polls_total{result=\"ok\"} 7\nraceday_polls_total{result=\"unchanged\"} 2\nactive_races_total 5\n";
        let metrics = metrics(page);
        assert_eq!(metrics["raceday_polls_total"].to_string(), "9");
        assert_eq!(fetcher_state(&metrics), "fetcher ok, 9 polls, 0 missed");
    }
}
