//! The system under test: PostgreSQL and a fetcher, which are killed, and the simulator, which observes.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use raceday_stack::{
    Fetcher, Layout, Postgres, Signal, Simulator, SimulatorOptions, free_port, http_get, simulated_clock, wait_until,
};
use raceday_tests::database::database;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use tempfile::TempDir;

/// Time limit for full recovery after the last kill.
const SETTLE_WITHIN: Duration = Duration::from_mins(1);
/// Time to work undisturbed at the end.
const UNDISTURBED: Duration = Duration::from_secs(3);

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// The postmaster and with it every backend.
    Postgres,
    #[allow(missing_docs)]
    Fetcher,
    #[allow(missing_docs)]
    Both,
}

impl Victim {
    /// A random choice.
    pub fn draw(random: &mut ChaCha8Rng) -> Self {
        match random.random_range(0..10) {
            0..4 => Self::Postgres,
            4..8 => Self::Fetcher,
            _ => Self::Both,
        }
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Fetcher => "the fetcher",
            Self::Both => "both",
        })
    }
}

/// A fetcher that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its `X-Partner-ID`, by which the simulator identifies it.
    pub identity: String,
    /// Its log file.
    pub log: PathBuf,
    /// Whether it was killed; otherwise it was stopped.
    pub killed: bool,
}

/// The running system.
#[derive(Debug)]
pub struct System {
    layout: Layout,
    fetcher: Fetcher,
    #[allow(missing_docs)]
    pub simulator: Simulator,
    #[allow(missing_docs)]
    pub postgres: Postgres,
    folder: TempDir,
    /// The fetchers that have ended, in order; the index is the fetcher's number.
    pub ended: Vec<Ended>,
}

impl System {
    /// Starts everything in a temporary folder and waits until the first payloads are staged.
    pub fn start(rate: f64, seed: u64) -> Result<Self> {
        let layout = Layout::of_workspace();
        let folder = tempfile::Builder::new().prefix("raceday-chaos").tempdir()?;
        let postgres = database();
        let simulator = Simulator::start(&SimulatorOptions {
            program: layout.built("nztab-sim")?,
            port: free_port()?,
            seed,
            speed: rate,
            arguments: vec!["--races-soon".into()],
            log: folder.path().join("simulator.log"),
        })?;
        postgres.execute("raceday", &clock_sql(&layout, &simulator, rate)?)?;
        let fetcher = start_fetcher(&layout, postgres.url("raceday_fetcher", "raceday"), &simulator, &folder, 0)?;
        let system = Self { layout, fetcher, simulator, postgres, folder, ended: Vec::new() };
        wait_until("the first payloads", SETTLE_WITHIN, || {
            let sql = "select count(*) from raceday.staged_payloads";
            Ok(system.postgres.connect("raceday")?.query_one(sql, &[])?.get::<_, i64>(0) > 20)
        })?;
        Ok(system)
    }

    /// Kills the victim and starts it again; PostgreSQL stays down for a while first.
    pub fn kill(&mut self, victim: Victim, down: Duration) -> Result<()> {
        if victim != Victim::Fetcher {
            self.postgres.kill()?;
        }
        if victim != Victim::Postgres {
            let status = self.fetcher.process().kill()?;
            if status.signal() != Some(Signal::KILL.as_raw()) {
                bail!("the fetcher had already ended ({status}):\n{}", self.fetcher.process().log_tail(20));
            }
            self.note_end(true);
            // If both were killed, the fetcher starts while PostgreSQL is still down.
            let number = self.ended.len();
            let url = self.postgres.url("raceday_fetcher", "raceday");
            self.fetcher = start_fetcher(&self.layout, url, &self.simulator, &self.folder, number)?;
        }
        if victim != Victim::Fetcher {
            std::thread::sleep(down);
            self.postgres.start_again()?;
        }
        Ok(())
    }

    /// Waits until the fetcher processes polls again and its spool is empty.
    pub fn settle(&mut self) -> Result<()> {
        settle(&mut self.fetcher)
    }

    /// Keeps the folder with the logs for inspection. Returns its path.
    pub fn keep_folder(&mut self) -> &std::path::Path {
        self.folder.disable_cleanup(true);
        self.folder.path()
    }

    /// Stops the fetcher as an operator would. Fails when it leaves payloads in its spool.
    pub fn stop_fetcher(&mut self) -> Result<()> {
        stop(&mut self.fetcher, &self.folder)?;
        self.note_end(false);
        Ok(())
    }

    fn note_end(&mut self, killed: bool) {
        let log = self.fetcher.process().log().to_owned();
        self.ended.push(Ended { identity: identity(self.ended.len()), log, killed });
    }
}

/// Waits until a fetcher processes polls again and its spool is empty.
pub fn settle(fetcher: &mut Fetcher) -> Result<()> {
    let url = format!("{}/metrics", fetcher.url());
    let mut quiet_since = None;
    wait_until("the spool to be empty and polls to be processed", SETTLE_WITHIN, || {
        if !fetcher.process().is_running() {
            bail!("the fetcher has ended:\n{}", fetcher.process().log_tail(20));
        }
        let text = http_get(&url).map(|(_, text)| text).unwrap_or_default();
        let calm = text.lines().any(|line| line == "raceday_spool_depth 0")
            && text.contains("raceday_polls_total{result=\"processed\"}");
        let since = *quiet_since.get_or_insert_with(Instant::now);
        if !calm {
            quiet_since = None;
        }
        Ok(calm && since.elapsed() > UNDISTURBED)
    })
}

/// Stops a fetcher as an operator would. Fails when it leaves payloads in its spool.
pub fn stop(fetcher: &mut Fetcher, folder: &TempDir) -> Result<()> {
    let status = fetcher.process().stop()?;
    if !status.success() {
        bail!("the fetcher did not stop cleanly ({status}):\n{}", fetcher.process().log_tail(20));
    }
    let left = spooled(&folder.path().join("spool"))?;
    if left > 0 {
        bail!("{left} payloads are left in the spool of a fetcher that stopped cleanly");
    }
    Ok(())
}

/// A fetcher's `X-Partner-ID`.
pub fn identity(number: usize) -> String {
    format!("chaos-{number}")
}

/// The SQL that sets a database's clock to the simulator's.
pub fn clock_sql(layout: &Layout, simulator: &Simulator, speed: f64) -> Result<String> {
    let (_, face) = http_get(&format!("{}/_sim/clock", simulator.url()))?;
    let face: Value = serde_json::from_str(&face)?;
    let real_ms = face["real_epoch_ms"].as_i64().context("the simulator's clock has no real_epoch_ms")?;
    let epoch = face["simulated_epoch"].as_str().context("the simulator's clock has no simulated_epoch")?;
    let real = chrono::DateTime::from_timestamp_millis(real_ms).context("real_epoch_ms")?;
    simulated_clock(layout, &real.to_rfc3339(), epoch, speed)
}

/// Starts a fetcher with its own identity and log.
pub fn start_fetcher(
    layout: &Layout,
    database_url: String,
    simulator: &Simulator,
    folder: &TempDir,
    number: usize,
) -> Result<Fetcher> {
    let spool = folder.path().join("spool").display().to_string();
    let variables = [
        ("DATABASE_URL", database_url),
        ("NZTAB_API_URL", simulator.url()),
        ("NZTAB_FROM", "chaos@example.org".into()),
        ("NZTAB_PARTNER", "Raceday chaos".into()),
        ("NZTAB_PARTNER_ID", identity(number)),
        // At debug level it logs the outcome of every request.
        ("LOG_LEVEL", "info,raceday_fetcher=debug".into()),
        ("RACEDAY_SPOOL_DIR", spool),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let log = folder.path().join(format!("fetcher-{number}.log"));
    Fetcher::start_without_waiting(&layout.built("raceday-fetcher")?, &variables, free_port()?, log)
}

fn spooled(root: &std::path::Path) -> Result<usize> {
    let mut count = 0;
    for place in std::fs::read_dir(root)? {
        for file in std::fs::read_dir(place?.path())? {
            count += usize::from(file?.path().extension().is_some_and(|extension| extension == "payload"));
        }
    }
    Ok(count)
}
