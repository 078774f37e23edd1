//! The servers that the fetcher's tests run against: PostgreSQL, the TAB simulator, fetchers.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use chrono::DateTime;
use postgres::Client;
use raceday_stack::{
    Fetcher, Layout, Postgres, PostgresOptions, Simulator, SimulatorOptions, free_port, http_get, simulated_clock,
    wait_until,
};
use serde_json::Value;
use tempfile::TempDir;

/// Longest that a test waits for what it expects.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A migrated database on a server of its own.
pub fn database() -> Postgres {
    database_with(PostgresOptions::scratch(&Layout::of_workspace()).unwrap())
}

/// The same with other settings.
pub fn database_with(options: PostgresOptions) -> Postgres {
    let postgres = Postgres::start(options).unwrap();
    postgres.create_database("raceday").unwrap();
    migrate(&postgres);
    postgres
}

/// Migrates its database `raceday`.
pub fn migrate(postgres: &Postgres) {
    let variables = [
        ("DATABASE_URL".to_owned(), postgres.url("postgres", "raceday")),
        ("RACEDAY_FETCHER_PASSWORD".to_owned(), postgres.password("raceday_fetcher").to_owned()),
    ];
    Fetcher::command(&program("raceday-fetcher"), &["migrate"], &variables).unwrap();
}

/// A program of the workspace.
pub fn program(name: &str) -> PathBuf {
    Layout::of_workspace().built(name).unwrap()
}

/// A race day: database and simulator on the same clock.
pub struct Scene {
    pub simulator: Simulator,
    pub postgres: Postgres,
    pub folder: TempDir,
}

impl Scene {
    /// A day with races about to start, at `rate` times the real time.
    pub fn start(rate: f64, seed: u64) -> Self {
        Self::start_with(rate, seed, database())
    }

    /// The same on a database that is there.
    pub fn start_with(rate: f64, seed: u64, postgres: Postgres) -> Self {
        let scene = Self::start_on_real_time(rate, seed, postgres);
        let (_, face) = http_get(&format!("{}/_sim/clock", scene.simulator.url())).unwrap();
        let face: Value = serde_json::from_str(&face).unwrap();
        let real = DateTime::from_timestamp_millis(face["real_epoch_ms"].as_i64().unwrap()).unwrap();
        let simulated = face["simulated_epoch"].as_str().unwrap();
        let sql = simulated_clock(&Layout::of_workspace(), &real.to_rfc3339(), simulated, rate).unwrap();
        scene.postgres.execute("raceday", &sql).unwrap();
        scene
    }

    /// The same, but that the database's clock is the real one.
    pub fn start_on_real_time(rate: f64, seed: u64, postgres: Postgres) -> Self {
        let folder = TempDir::new().unwrap();
        let simulator = Simulator::start(&SimulatorOptions {
            program: program("nztab-sim"),
            port: free_port().unwrap(),
            seed,
            speed: rate,
            arguments: vec!["--races-soon".into()],
            log: folder.path().join("simulator.log"),
        })
        .unwrap();
        Self { simulator, postgres, folder }
    }

    /// What a fetcher of this name is told; tests add to it.
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

    /// The same with more settings.
    pub fn fetcher_with(&self, name: &str, more: &[(&str, String)]) -> Fetcher {
        let mut variables = self.variables(name);
        variables.extend(more.iter().map(|(variable, value)| ((*variable).to_owned(), value.clone())));
        let log = self.folder.path().join(format!("{name}.log"));
        Fetcher::start(&program("raceday-fetcher"), &variables, free_port().unwrap(), log).unwrap()
    }

    /// A superuser's session.
    pub fn sql(&self) -> Client {
        self.postgres.connect("raceday").unwrap()
    }

    /// One number from the database.
    pub fn count(&self, sql: &str) -> i64 {
        self.sql().query_one(sql, &[]).unwrap().get(0)
    }

    /// Has the simulator misbehave; `{}` ends it.
    pub fn faults(&self, faults: &Value) {
        let url = format!("{}/_sim/faults", self.simulator.url());
        ureq::post(&url).send(faults.to_string()).unwrap();
    }

    /// What the simulator was asked and answered.
    pub fn stats(&self) -> Value {
        let (_, stats) = http_get(&format!("{}/_sim/stats", self.simulator.url())).unwrap();
        serde_json::from_str(&stats).unwrap()
    }

    /// What the simulator planted.
    pub fn plan(&self) -> Value {
        let (_, plan) = http_get(&format!("{}/_sim/plan", self.simulator.url())).unwrap();
        serde_json::from_str(&plan).unwrap()
    }

    /// Waits until the number is at least `least`.
    pub fn wait_for(&self, what: &str, least: i64, sql: &str) {
        let mut session = self.sql();
        wait_until(what, PATIENCE, || Ok(session.query_one(sql, &[])?.get::<_, i64>(0) >= least)).unwrap();
    }
}

/// A metric's value, labels included in its name as Prometheus writes them; 0 when there is none.
pub fn metric(fetcher: &Fetcher, name: &str) -> f64 {
    let (_, text) = http_get(&format!("{}/metrics", fetcher.url())).unwrap();
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
    text.lines().find_map(value).unwrap_or(0.0)
}

/// Waits until a metric holds.
#[track_caller]
pub fn wait_metric(fetcher: &Fetcher, name: &str, holds: impl Fn(f64) -> bool) {
    let waited = wait_until(name, PATIENCE, || Ok(holds(metric(fetcher, name))));
    assert!(waited.is_ok(), "{name} is {} after {} s", metric(fetcher, name), PATIENCE.as_secs());
}

/// Answers that the simulator gave and that are not staged, as `race hash`; each is asked for by hash of its body.
pub fn unstaged(scene: &Scene, session: &mut Client) -> Vec<String> {
    let rows = session
        .query("select race_id, coalesce(convert_to(payload, 'UTF8'), payload_raw) from raceday.staged_payloads", &[])
        .unwrap();
    let staged: BTreeSet<String> = rows
        .iter()
        .map(|row| format!("{} {:016x}", row.get::<_, &str>(0), xxhash_rust::xxh3::xxh3_64(row.get::<_, &[u8]>(1))))
        .collect();
    let stats = scene.stats();
    let answers = stats["answers"].as_array().unwrap().iter();
    let answers =
        answers.map(|answer| format!("{} {}", answer["race_id"].as_str().unwrap(), answer["xxh3"].as_str().unwrap()));
    let answers: Vec<String> = answers.collect();
    assert!(!answers.is_empty(), "the simulator was asked nothing");
    answers.into_iter().filter(|answer| !staged.contains(answer)).collect()
}

/// Stops the fetcher as an operator does, and asserts that every answer is staged and processed.
pub fn assert_nothing_lost(scene: &Scene, mut fetcher: Fetcher) {
    wait_metric(&fetcher, "raceday_spool_depth", |depth| depth == 0.0);
    let status = fetcher.process().stop().unwrap();
    assert!(status.success(), "{status}: {}", fetcher.process().log_tail(10));
    let lost = unstaged(scene, &mut scene.sql());
    assert!(lost.is_empty(), "{} answers are not staged: {lost:?}", lost.len());
    assert_eq!(scene.count("select count(*) from raceday.pending_payloads"), 0, "payloads are left pending");
}

/// The lines of a fetcher's log with this message.
pub fn logged(fetcher: &mut Fetcher, message: &str) -> Vec<Value> {
    let log = fetcher.process().log_tail(usize::MAX);
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == message).collect()
}
