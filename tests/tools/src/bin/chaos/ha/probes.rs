//! A writer and a reader that try all the time, and note when they succeed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use raceday_stack::wait_until;
use tokio_postgres::{Client, NoTls};

/// Time between two attempts.
const EVERY: Duration = Duration::from_millis(20);
/// The longest that an attempt may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// A writer and a reader are well if they have succeeded within this.
const RECENTLY: Duration = Duration::from_millis(500);

/// When attempts have succeeded.
#[derive(Debug, Default)]
pub struct Successes(Mutex<Vec<Instant>>);

impl Successes {
    fn note(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
    }

    /// The longest time without a success that ended after `since`; also counted from `since` on.
    pub fn longest_gap(&self, since: Instant) -> Duration {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = all.partition_point(|at| *at < since);
        let from_fault = all.get(first).map(|at| at.saturating_duration_since(since));
        let gaps = all[first..].windows(2).map(|pair| pair[1].duration_since(pair[0]));
        from_fault.into_iter().chain(gaps).max().unwrap_or(since.elapsed())
    }

    /// Whether the last attempt that succeeded did so after `since`, and just now.
    fn is_well(&self, since: Instant) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.last().is_some_and(|at| *at > since && at.elapsed() < RECENTLY)
    }
}

/// The running probes.
#[derive(Debug)]
pub struct Probes {
    /// Of the writer.
    pub writes: Arc<Successes>,
    /// Of the reader.
    pub reads: Arc<Successes>,
    is_over: Arc<AtomicBool>,
    writing: JoinHandle<Vec<i64>>,
    reading: JoinHandle<()>,
}

impl Probes {
    /// Starts a writer, which connects as fetchers do, and a reader of the REST server.
    pub fn start(database: String, rest: String) -> Self {
        let (writes, reads) = (Arc::<Successes>::default(), Arc::<Successes>::default());
        let is_over = Arc::new(AtomicBool::new(false));
        let (noted, over) = (Arc::clone(&writes), Arc::clone(&is_over));
        let writing = std::thread::spawn(move || write(&database, &noted, &over));
        let (noted, over) = (Arc::clone(&reads), Arc::clone(&is_over));
        let reading = std::thread::spawn(move || read(&rest, &noted, &over));
        Self { writes, reads, is_over, writing, reading }
    }

    /// Waits until both succeed after `since`.
    pub fn wait_well(&self, since: Instant, limit: Duration) -> Result<()> {
        wait_until("writes and reads to succeed", limit, || Ok(self.writes.is_well(since) && self.reads.is_well(since)))
    }

    /// Ends both. Returns the numbers whose writing was acknowledged.
    pub fn stop(self) -> Vec<i64> {
        self.is_over.store(true, Ordering::SeqCst);
        self.reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        self.writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn write(database: &str, noted: &Successes, is_over: &AtomicBool) -> Vec<i64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut acknowledged = Vec::new();
        let mut client = None;
        let mut number = 0;
        while !is_over.load(Ordering::SeqCst) {
            number += 1;
            // A number is written once: whether an attempt without a response was committed is not known.
            let attempt = tokio::time::timeout(PATIENCE, write_one(database, client.take(), number)).await;
            if let Ok(Ok(connected)) = attempt {
                client = Some(connected);
                acknowledged.push(number);
                noted.note();
            }
            tokio::time::sleep(EVERY).await;
        }
        acknowledged
    })
}

async fn write_one(database: &str, client: Option<Client>, number: i64) -> Result<Client, tokio_postgres::Error> {
    let client = if let Some(client) = client {
        client
    } else {
        let mut config: tokio_postgres::Config = database.parse()?;
        config.connect_timeout(Duration::from_secs(1));
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        client
    };
    client.execute("insert into chaos.writes values ($1)", &[&number]).await?;
    Ok(client)
}

fn read(rest: &str, noted: &Successes, is_over: &AtomicBool) {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
    while !is_over.load(Ordering::SeqCst) {
        if agent.get(&format!("{rest}/races?limit=1")).call().is_ok() {
            noted.note();
        }
        std::thread::sleep(EVERY);
    }
}
