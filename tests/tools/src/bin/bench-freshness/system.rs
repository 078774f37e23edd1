//! What is measured: per model a simulator, and with polls aligned and not a database with a fetcher.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use raceday_stack::{
    Fetcher, Layout, Postgres, PostgresOptions, Simulator, SimulatorOptions, free_port, http_get, simulated_clock,
};
use raceday_tests::database::database_with;
use raceday_tests::scene::metric;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Options;
use crate::report::Figure;
use crate::truth::{self, Commit, Served};

/// The last part of a race's betting, which is measured.
const WINDOW: TimeDelta = TimeDelta::minutes(5);
/// Time after it for what was refreshed at its end to arrive: a slot and what a poll takes.
pub const SETTLE: TimeDelta = TimeDelta::seconds(20);
/// The database that the others are copies of.
const TEMPLATE: &str = "raceday";
const UNALIGNED: &str = "update raceday.refresh_settings set is_aligned = false";
/// Copies of a database lack the settings of the database itself.
const SETTINGS: &str = "do $$ begin
        execute format('alter database %I set search_path = raceday, public', current_database());
        execute format('alter database %I set timezone = ''UTC''', current_database());
    end $$";
const MISSED: &str = "raceday_polls_missed_total";

/// A scratch cluster, removed when dropped.
pub struct Server {
    postgres: Postgres,
    layout: Layout,
}

impl Server {
    /// Starts a cluster that knows when each transaction was committed.
    pub fn start() -> Result<Self> {
        let layout = Layout::of_workspace();
        let options = PostgresOptions::scratch(&layout)?
            .set("track_commit_timestamp", "on")
            .set("max_connections", "400")
            .set("max_wal_size", "8GB");
        Ok(Self { postgres: database_with(options), layout })
    }

    fn copy(&self, name: &str) -> Result<()> {
        self.postgres.execute("postgres", &format!("create database {name} template {TEMPLATE}"))?;
        self.postgres.execute(name, SETTINGS)
    }
}

/// The simulator's clock.
#[derive(Debug, Clone, Deserialize)]
struct Face {
    speed: f64,
    real_epoch_ms: i64,
    simulated_epoch: DateTime<Utc>,
}

impl Face {
    fn real_epoch(&self) -> Result<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.real_epoch_ms).context("real_epoch_ms")
    }

    /// The simulated time at a real one.
    #[expect(clippy::cast_possible_truncation, reason = "microseconds of one run")]
    fn simulated(&self, real: DateTime<Utc>) -> DateTime<Utc> {
        let elapsed_us = (real.timestamp_micros() - self.real_epoch_ms * 1000) as f64 * self.speed;
        self.simulated_epoch + TimeDelta::microseconds(elapsed_us as i64)
    }
}

/// One race day under one model, polled by two systems.
pub struct Day {
    model: String,
    simulator: Simulator,
    face: Face,
    /// The races that are measured.
    races: Vec<String>,
    /// What is measured, in simulated time.
    pub window: (DateTime<Utc>, DateTime<Utc>),
    sides: Vec<Side>,
    folder: TempDir,
}

/// One of the systems that poll a day.
struct Side {
    is_aligned: bool,
    /// Its database, and its name towards the simulator.
    name: String,
    fetcher: Fetcher,
    /// Slots missed before the window.
    missed_before: Option<f64>,
}

impl Day {
    /// Starts a day that ends with races starting at once.
    pub fn start(server: &Server, model: &str, options: &Options) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("raceday-freshness").tempdir()?;
        let ahead = TimeDelta::minutes(i64::from(options.before) + 1) + WINDOW;
        let start = (Utc::now() + ahead).duration_trunc(TimeDelta::minutes(1))?;
        let simulator = Simulator::start(&SimulatorOptions {
            program: server.layout.built("nztab-sim")?,
            port: free_port()?,
            seed: options.seed,
            speed: options.speed,
            arguments: ["--plain", "--refresh", model, "--races-at", &start.to_rfc3339()].map(str::to_owned).to_vec(),
            log: folder.path().join("simulator.log"),
        })?;
        let face = get(&simulator, "_sim/clock")?;
        let races = choose(&simulator, start, usize::from(options.races))?;
        let window = (start - WINDOW, start);
        let mut day = Self { model: model.to_owned(), simulator, face, races, window, sides: Vec::new(), folder };
        for is_aligned in [false, true] {
            let side = day.side(server, is_aligned)?;
            day.sides.push(side);
        }
        Ok(day)
    }

    fn side(&self, server: &Server, is_aligned: bool) -> Result<Side> {
        let name = format!("{}_{}", self.model.replace('-', "_"), if is_aligned { "aligned" } else { "unaligned" });
        server.copy(&name)?;
        let (real, simulated) = (self.face.real_epoch()?.to_rfc3339(), self.face.simulated_epoch.to_rfc3339());
        let clock = simulated_clock(&server.layout, &real, &simulated, self.face.speed)?;
        server.postgres.execute(&name, &clock)?;
        if !is_aligned {
            server.postgres.execute(&name, UNALIGNED)?;
        }
        let folder = self.folder.path();
        let variables = [
            ("DATABASE_URL", server.postgres.url("raceday_fetcher", &name)),
            ("NZTAB_API_URL", self.simulator.url()),
            ("NZTAB_FROM", "bench@example.org".to_owned()),
            ("NZTAB_PARTNER", "Raceday bench".to_owned()),
            ("NZTAB_PARTNER_ID", name.clone()),
            ("RACEDAY_SPOOL_DIR", folder.join(&name).display().to_string()),
        ]
        .map(|(variable, value)| (variable.to_owned(), value));
        let (program, log) = (server.layout.built("raceday-fetcher")?, folder.join(format!("{name}.log")));
        let fetcher = Fetcher::start(&program, &variables, free_port()?, log)?;
        Ok(Side { is_aligned, name, fetcher, missed_before: None })
    }

    /// Real time until a simulated one; zero if it has passed.
    pub fn until(&self, simulated: DateTime<Utc>) -> Duration {
        let left_s = (simulated - self.face.simulated(Utc::now())).as_seconds_f64() / self.face.speed;
        Duration::try_from_secs_f64(left_s).unwrap_or(Duration::ZERO)
    }

    /// Notes the counts at the window's beginning, once it has begun.
    pub fn look(&mut self) {
        if self.until(self.window.0).is_zero() {
            for side in self.sides.iter_mut().filter(|side| side.missed_before.is_none()) {
                side.missed_before = Some(metric(&side.fetcher, MISSED));
            }
        }
    }

    /// What became of the window.
    pub fn figures(&self, server: &Server) -> Result<Vec<Figure>> {
        let refreshes = self.races.iter().map(|race_id| self.refreshes(race_id)).collect::<Result<Vec<_>>>()?;
        self.sides.iter().map(|side| self.figure(server, side, &refreshes)).collect()
    }

    fn figure(&self, server: &Server, side: &Side, refreshes: &[Vec<DateTime<Utc>>]) -> Result<Figure> {
        let (responses, commits) = (self.responses(side)?, self.commits(server, side)?);
        let races = self.races.iter().zip(refreshes);
        let measured = truth::measure(&responses, &commits, races, self.window, self.window.1 + SETTLE);
        let missed = metric(&side.fetcher, MISSED) - side.missed_before.unwrap_or_default();
        Ok(Figure::new(&self.model, side.is_aligned, self.races.len(), missed, &measured))
    }

    /// The responses that one side got about the races.
    fn responses(&self, side: &Side) -> Result<Vec<Served>> {
        #[derive(Deserialize)]
        struct Stats {
            responses: Vec<Served>,
        }
        let mut stats: Stats = get(&self.simulator, "_sim/stats")?;
        stats.responses.retain(|served| served.partner_id == side.name && self.races.contains(&served.race_id));
        Ok(stats.responses)
    }

    /// When one side's responses about the races were committed.
    fn commits(&self, server: &Server, side: &Side) -> Result<Vec<Commit>> {
        let sql = r#"select race_id, substring(payload from '"generated_time":"([^"]+)"'), pg_xact_commit_timestamp(xmin)
            from raceday.staged_payloads where kind = 'event' and race_id = any($1) order by 3"#;
        let rows = server.postgres.connect(&side.name)?.query(sql, &[&self.races])?;
        let commit = |row: &postgres::Row| Commit {
            race_id: row.get(0),
            generated_time: row.get(1),
            committed_at: self.face.simulated(row.get(2)),
        };
        Ok(rows.iter().map(commit).collect())
    }

    /// The refreshes of a race within the window, of whichever edge.
    fn refreshes(&self, race_id: &str) -> Result<Vec<DateTime<Utc>>> {
        #[derive(Deserialize)]
        struct Edge {
            refreshed_at: Vec<DateTime<Utc>>,
        }
        #[derive(Deserialize)]
        struct Race {
            edges: Vec<Edge>,
        }
        // A plus sign would mean a space in a query.
        let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let (from, to) = (instant(self.window.0), instant(self.window.1));
        let path = format!("_sim/refreshes?race_id={race_id}&from={from}&to={to}");
        let race: Race = get(&self.simulator, &path)?;
        Ok(race.edges.into_iter().flat_map(|edge| edge.refreshed_at).collect())
    }
}

/// The first races of the list; the others are taken off it.
fn choose(simulator: &Simulator, start: DateTime<Utc>, count: usize) -> Result<Vec<String>> {
    let date = nztab_sim::day::nz_date(start.timestamp());
    let list: Value = get(simulator, &format!("affiliates/v1/racing/meetings?date_from={date}&date_to={date}"))?;
    let meetings = list["data"]["meetings"].as_array().context("no meetings")?;
    let mut races: Vec<String> = meetings
        .iter()
        .flat_map(|meeting| meeting["races"].as_array().into_iter().flatten())
        .filter_map(|race| race["id"].as_str().map(str::to_owned))
        .collect();
    if races.len() < count {
        bail!("the simulator lists {} races of {count}", races.len());
    }
    let unlisted = races.split_off(count);
    let faults = json!({"unlisted_races": unlisted}).to_string();
    ureq::post(format!("{}/_sim/faults", simulator.url())).send(faults).context("cannot set faults")?;
    Ok(races)
}

fn get<T: DeserializeOwned>(simulator: &Simulator, path: &str) -> Result<T> {
    let (status, body) = http_get(&format!("{}/{path}", simulator.url()))?;
    serde_json::from_str(&body).with_context(|| format!("{path}: status {status}"))
}
