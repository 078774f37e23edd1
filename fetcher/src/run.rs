//! `run`: claims due races and polls them, until stopped.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};

use crate::archive::Archiver;
use crate::availability::Availability;
use crate::breaker::Breaker;
use crate::claim::Claim;
use crate::clock::Clock;
use crate::config::RunArgs;
use crate::db::{Address, AddressError};
use crate::deliver::Deliverer;
use crate::housekeeping::{Housekeeper, Shared};
use crate::http::{self, Health, ServeError};
use crate::live::LiveAge;
use crate::poll::Poller;
use crate::schedule::Schedule;
use crate::spool::Spool;
use crate::store::{Access, Store};
use crate::tab::{SetupError, Tab};

/// How long the polls in flight may take once the fetcher is stopping.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How often the breaker is checked for its next probe while the TAB is unavailable.
const BREAKER_LOOK: Duration = Duration::from_millis(100);
/// How long after a panic the housekeeper restarts.
const CRASH_PAUSE: Duration = Duration::from_secs(1);

/// Why the fetcher cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// DATABASE_URL is wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Tab(#[from] SetupError),
    /// The spool's folder cannot be used.
    #[error("spool {folder}: {source}")]
    Spool {
        /// The folder.
        folder: String,
        /// The reason.
        source: std::io::Error,
    },
    /// The port of metrics and health is in use.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Polls until `stop` turns true; then finishes the polls in flight, releases the leases, and logs a summary.
pub async fn run(settings: &RunArgs, metrics: PrometheusHandle, stop: watch::Receiver<bool>) -> Result<(), RunError> {
    let worker = worker_name(settings.worker.as_deref());
    let source = &settings.source;
    let address = Address::new(&source.common, &worker)?;
    let folder = settings.spool_folder();
    let spool = Spool::open(&folder, settings.spool_max_bytes)
        .map_err(|source| RunError::Spool { folder: folder.display().to_string(), source })?;
    let clock = Arc::new(Clock::default());
    let database = Arc::new(Availability::default());
    let tab = Arc::new(Tab::new(source, Breaker::new(settings.breaker_failures, settings.breaker_probe))?);
    let health = Arc::new(Health::new(database.clone(), tab.refusal.clone()));
    let live_age = Arc::new(LiveAge::new(clock.clone()));
    let listen_on = SocketAddr::new(settings.metrics_address, settings.port);
    http::serve(listen_on, metrics, health.clone(), live_age.clone()).await?;
    let archive_address = address.clone();
    let access = Arc::new(Access::new(address, clock.clone(), source.is_tab_local()));
    // The origin leaves out any user and password in the URL.
    let tab_origin = source.nztab_api_url.origin().ascii_serialization();
    tracing::info!(worker = %worker, db = %access.address, tab = %tab_origin, spool = %folder.display(), "fetcher started");

    let deliverer = Arc::new(Deliverer::new(Arc::new(spool), clock.clone(), database.clone()));
    let shared = Shared { tab, deliverer, live_age };
    let for_store = worker.clone();
    let store = move || Store::new(access.clone(), for_store.clone());
    let housekeeping = Housekeeping::start(shared.clone(), store.clone(), worker.clone(), source.fetch_timeout);
    let archiving = settings
        .archive_folder()
        .map(|folder| tokio::spawn(Archiver::new(archive_address, folder, &worker).run(stop.clone())));
    let mut schedule = Schedule::new(store(), clock, worker.clone(), database);
    // One connection is for the schedule, one for the housekeeper, and one for the archive if there is one.
    let others = if archiving.is_some() { 3 } else { 2 };
    let workers = settings.concurrency.min(settings.db_pool_max - others).max(1);
    let mut crew = Crew::new(&shared, store, workers);
    crew.work(&mut schedule, &health, stop).await;
    crew.finish().await;
    housekeeping.end().await;
    if let Some(archiving) = archiving {
        archiving.abort();
    }
    schedule.release().await;
    shared.deliverer.summary.log();
    Ok(())
}

/// The housekeeper's task. It ends after the polls, as it finishes what they leave.
struct Housekeeping {
    end: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Housekeeping {
    fn start(
        shared: Shared,
        store: impl Fn() -> Store + Send + 'static,
        worker: Arc<str>,
        fetch_timeout: Duration,
    ) -> Self {
        let (end, ends) = watch::channel(false);
        let task = tokio::spawn(restart_on_panic(move || {
            Housekeeper::new(shared.clone(), store(), worker.clone(), fetch_timeout).run(ends.clone())
        }));
        Self { end, task }
    }

    async fn end(self) {
        self.end.send_replace(true);
        if tokio::time::timeout(STOP_WITHIN, self.task).await.is_err() {
            tracing::warn!("stopping before housekeeping has finished");
        }
    }
}

/// Runs a task until it ends, and restarts it when it panics: as with a poll, a panic must cost one pass only.
async fn restart_on_panic<W: Future<Output = ()> + Send + 'static>(work: impl Fn() -> W) {
    while let Err(error) = tokio::spawn(work()).await {
        counter!("raceday_worker_crashes_total").increment(1);
        tracing::error!(error = %error, "housekeeping panicked: restarting it");
        tokio::time::sleep(CRASH_PAUSE).await;
    }
}

/// The workers: idle connections, and polls in flight with theirs.
struct Crew<S> {
    tab: Arc<Tab>,
    poller: Arc<Poller>,
    store: S,
    idle: Vec<Store>,
    polls: JoinSet<Store>,
    races: HashMap<Id, String>,
}

impl<S: Fn() -> Store> Crew<S> {
    fn new(shared: &Shared, store: S, workers: u16) -> Self {
        let Shared { tab, deliverer, live_age } = shared.clone();
        let poller = Arc::new(Poller::new(tab.clone(), deliverer, live_age));
        let idle = (0..workers).map(|_| store()).collect();
        Self { tab, poller, store, idle, polls: JoinSet::new(), races: HashMap::new() }
    }

    /// Claims races and polls them until `stop` turns true.
    async fn work(&mut self, schedule: &mut Schedule, health: &Health, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            health.beat();
            let wait = self.turn(schedule).await;
            tokio::select! {
                Some(ended) = self.polls.join_next_with_id() => self.ended(ended),
                () = tokio::time::sleep(wait) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Begins what is due; returns how long to wait unless a poll ends before.
    async fn turn(&mut self, schedule: &mut Schedule) -> Duration {
        let free = self.idle.len();
        if free == 0 {
            return STOP_WITHIN;
        }
        let capacity = self.tab.breaker.capacity(free);
        if capacity == 0 {
            return BREAKER_LOOK;
        }
        let turn = schedule.turn(capacity).await;
        let is_full = turn.claims.len() == free;
        turn.claims.into_iter().for_each(|claim| self.begin(claim));
        if is_full { STOP_WITHIN } else { turn.wait }
    }

    fn begin(&mut self, claim: Claim) {
        // The poll has outlived its lease: the race is due again in its next slot.
        if self.races.values().any(|race_id| *race_id == claim.race_id) {
            counter!("raceday_polls_missed_total").increment(1);
            tracing::warn!(race.id = %claim.race_id, "race skipped: its previous poll is still in flight");
            return;
        }
        let Some(mut store) = self.idle.pop() else { return };
        let (poller, race_id) = (self.poller.clone(), claim.race_id.clone());
        let task = self.polls.spawn(async move {
            poller.poll(&mut store, &claim).await;
            store
        });
        self.races.insert(task.id(), race_id);
    }

    fn ended(&mut self, ended: Result<(Id, Store), JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let race_id = self.races.remove(&id);
        if ended.is_err() {
            counter!("raceday_worker_crashes_total").increment(1);
            tracing::error!(race.id = race_id, "poll panicked");
        }
        self.idle.push(ended.map_or_else(|_| (self.store)(), |(_, store)| store));
    }

    /// Waits for the polls in flight, but only for so long.
    async fn finish(&mut self) {
        tracing::info!(polls.in_flight = self.polls.len(), "fetcher stopping: finishing the polls in flight");
        let ending = async {
            while let Some(ended) = self.polls.join_next_with_id().await {
                self.ended(ended);
            }
        };
        if tokio::time::timeout(STOP_WITHIN, ending).await.is_err() {
            tracing::warn!(polls = self.polls.len(), "polls in flight abandoned");
        }
    }
}

/// The name of this process: as set, or else of its host and process id.
pub fn worker_name(given: Option<&str>) -> Arc<str> {
    let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let given = given.filter(|worker| !worker.is_empty()).map(str::to_owned);
    given.unwrap_or_else(|| format!("{}-{}", host().trim(), std::process::id())).into()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_restarted_until_it_ends() {
        let begun = Arc::new(AtomicU32::new(0));
        let counted = begun.clone();
        restart_on_panic(move || {
            let time = counted.fetch_add(1, Ordering::Relaxed);
            async move { assert!(time > 0, "the first time") }
        })
        .await;
        assert_eq!(begun.load(Ordering::Relaxed), 2);
    }
}
