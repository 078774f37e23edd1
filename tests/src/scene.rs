//! A race day: a database and the TAB simulator on one clock, and fetchers that poll it.

use std::collections::BTreeSet;

use chrono::DateTime;
use postgres::Client;
use raceday_stack::{
    Fetcher, Layout, Postgres, Simulator, SimulatorOptions, free_port, http_get, simulated_clock, wait_until,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::PATIENCE;
use crate::database::database;
use crate::repository::built;

/// The metric of polls whose response was stored and processed.
pub const PROCESSED: &str = "raceday_polls_total{result=\"processed\"}";

/// The servers of a race day, without fetchers.
#[allow(missing_docs, reason = "each field is the server it names")]
pub struct Scene {
    pub simulator: Simulator,
    pub postgres: Postgres,
    pub folder: TempDir,
}

impl Scene {
    /// Starts a day with races about to start, at `rate` times real time.
    pub fn start(rate: f64, seed: u64) -> Self {
        Self::start_with(rate, seed, database())
    }

    /// Starts a day on an existing database.
    pub fn start_with(rate: f64, seed: u64, postgres: Postgres) -> Self {
        let scene = Self::start_on_real_time(rate, seed, postgres);
        let face = scene.simulated("clock");
        let real = DateTime::from_timestamp_millis(face["real_epoch_ms"].as_i64().unwrap()).unwrap();
        let simulated = face["simulated_epoch"].as_str().unwrap();
        let sql = simulated_clock(&Layout::of_workspace(), &real.to_rfc3339(), simulated, rate).unwrap();
        scene.postgres.execute("raceday", &sql).unwrap();
        scene
    }

    /// Starts a day on an existing database whose clock stays the real one.
    pub fn start_on_real_time(rate: f64, seed: u64, postgres: Postgres) -> Self {
        let folder = TempDir::new().unwrap();
        let simulator = Simulator::start(&SimulatorOptions {
            program: built("nztab-sim"),
            port: free_port().unwrap(),
            seed,
            speed: rate,
            arguments: vec!["--races-soon".into()],
            log: folder.path().join("simulator.log"),
        })
        .unwrap();
        Self { simulator, postgres, folder }
    }

    /// The settings of a fetcher with this name.
    pub fn variables(&self, name: &str) -> Vec<(String, String)> {
        [
            ("DATABASE_URL", self.postgres.url("raceday_fetcher", "raceday")),
            ("NZTAB_API_URL", self.simulator.url()),
            ("NZTAB_FROM", "tests@example.org".into()),
            ("NZTAB_PARTNER", "Raceday tests".into()),
            ("NZTAB_PARTNER_ID", "raceday-tests".into()),
            ("LOG_LEVEL", "debug".into()),
            ("RACEDAY_WORKER", name.into()),
            ("RACEDAY_SPOOL_DIR", self.folder.path().join("spool").display().to_string()),
        ]
        .map(|(variable, value)| (variable.to_owned(), value))
        .to_vec()
    }

    /// Starts a fetcher and waits until it is ready.
    pub fn fetcher(&self, name: &str) -> Fetcher {
        self.fetcher_with(name, &[])
    }

    /// Starts a fetcher with more settings and waits until it is ready.
    pub fn fetcher_with(&self, name: &str, more: &[(&str, String)]) -> Fetcher {
        let mut variables = self.variables(name);
        variables.extend(more.iter().map(|(variable, value)| ((*variable).to_owned(), value.clone())));
        let log = self.folder.path().join(format!("{name}.log"));
        Fetcher::start(&built("raceday-fetcher"), &variables, free_port().unwrap(), log).unwrap()
    }

    /// A session of the superuser.
    pub fn sql(&self) -> Client {
        self.postgres.connect("raceday").unwrap()
    }

    /// One number from the database.
    pub fn count(&self, sql: &str) -> i64 {
        self.sql().query_one(sql, &[]).unwrap().get(0)
    }

    /// Makes the simulator misbehave; `{}` ends that.
    pub fn faults(&self, faults: &Value) {
        let url = format!("{}/_sim/faults", self.simulator.url());
        ureq::post(&url).send(faults.to_string()).unwrap();
    }

    /// The requests that the simulator received, and its responses.
    pub fn stats(&self) -> Value {
        self.simulated("stats")
    }

    /// What the simulator planted in the day.
    pub fn plan(&self) -> Value {
        self.simulated("plan")
    }

    fn simulated(&self, page: &str) -> Value {
        let (_, body) = http_get(&format!("{}/_sim/{page}", self.simulator.url())).unwrap();
        serde_json::from_str(&body).unwrap()
    }

    /// Waits until the number is at least `least`.
    pub fn wait_for(&self, what: &str, least: i64, sql: &str) {
        let mut session = self.sql();
        wait_until(what, PATIENCE, || Ok(session.query_one(sql, &[])?.get::<_, i64>(0) >= least)).unwrap();
    }
}

/// Runs a command of `raceday-fetcher` that ends on its own. Returns its output, or its error and log.
pub fn run_fetcher(arguments: &[&str], variables: &[(String, String)]) -> Result<String, String> {
    Fetcher::command(&built("raceday-fetcher"), arguments, variables).map_err(|error| format!("{error:#}"))
}

/// A metric's value, or 0 if there is none; `name` includes the labels as Prometheus writes them.
pub fn metric(fetcher: &Fetcher, name: &str) -> f64 {
    let (_, text) = http_get(&format!("{}/metrics", fetcher.url())).unwrap();
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
    text.lines().find_map(value).unwrap_or(0.0)
}

/// Waits until a metric fulfils a condition.
#[track_caller]
pub fn wait_metric(fetcher: &Fetcher, name: &str, holds: impl Fn(f64) -> bool) {
    let waited = wait_until(name, PATIENCE, || Ok(holds(metric(fetcher, name))));
    assert!(waited.is_ok(), "{name} is {} after {} s", metric(fetcher, name), PATIENCE.as_secs());
}

/// The simulator's responses that are not staged, as `race hash`; they are matched by the hash of their body.
pub fn unstaged(scene: &Scene, session: &mut Client) -> Vec<String> {
    let rows = session
        .query("select race_id, coalesce(convert_to(payload, 'UTF8'), payload_raw) from raceday.staged_payloads", &[])
        .unwrap();
    let staged: BTreeSet<String> = rows
        .iter()
        .map(|row| format!("{} {:016x}", row.get::<_, &str>(0), xxhash_rust::xxh3::xxh3_64(row.get::<_, &[u8]>(1))))
        .collect();
    let stats = scene.stats();
    let sent = stats["responses"].as_array().unwrap().iter();
    let sent: Vec<String> =
        sent.map(|one| format!("{} {}", one["race_id"].as_str().unwrap(), one["xxh3"].as_str().unwrap())).collect();
    assert!(!sent.is_empty(), "the simulator received no request");
    sent.into_iter().filter(|one| !staged.contains(one)).collect()
}

/// Stops the fetcher as an operator does, and asserts that every response is staged and processed.
#[track_caller]
pub fn assert_nothing_lost(scene: &Scene, mut fetcher: Fetcher) {
    wait_metric(&fetcher, "raceday_spool_depth", |depth| depth == 0.0);
    let status = fetcher.process().stop().unwrap();
    assert!(status.success(), "{status}: {}", fetcher.process().log_tail(10));
    let lost = unstaged(scene, &mut scene.sql());
    assert!(lost.is_empty(), "{} responses are not staged: {lost:?}", lost.len());
    assert_eq!(scene.count("select count(*) from raceday.pending_payloads"), 0, "payloads are left pending");
}

/// The lines of a fetcher's log with this message.
pub fn logged(fetcher: &mut Fetcher, message: &str) -> Vec<Value> {
    let log = fetcher.process().log_tail(usize::MAX);
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == message).collect()
}
