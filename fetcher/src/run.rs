//! `run`: the loop that claims due races and hands them to its workers, until it is told to stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use crate::breaker::Breaker;
use crate::clock::Clock;
use crate::config::{RunArgs, SourceArgs};
use crate::db::{Address, AddressError};
use crate::housekeeping::Housekeeper;
use crate::http::{self, Health};
use crate::live::LiveAge;
use crate::poll::Poller;
use crate::schedule::{Claim, Presence, Schedule};
use crate::spool::Spool;
use crate::store::{Access, Store};
use crate::tab::{SetupError, Tab};

/// How long polls in flight may take when the fetcher is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How often a TAB that is taken for down is looked at for its next probe.
const BREAKER_LOOK: Duration = Duration::from_millis(100);
/// How long after a panic the housekeeper begins again.
const CRASH_PAUSE: Duration = Duration::from_secs(1);

/// Why the fetcher cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// DATABASE_URL is wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Tab(#[from] SetupError),
    /// The spool's folder cannot be used.
    #[error("spool {folder}: {source}")]
    Spool {
        /// The folder.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
    /// The port of metrics and health is taken.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Polls until `stop` turns true; then finishes the polls in flight, gives up the leases, and logs a summary.
pub async fn run(settings: &RunArgs, metrics: PrometheusHandle, stop: watch::Receiver<bool>) -> Result<(), RunError> {
    let worker: Arc<str> =
        settings.worker.clone().filter(|worker| !worker.is_empty()).unwrap_or_else(worker_name).into();
    let source = &settings.source;
    let address = Address::new(&source.common, &worker)?;
    let folder = settings.spool_folder();
    let spool = Spool::open(&folder, settings.spool_max_bytes)
        .map_err(|source| RunError::Spool { folder: folder.display().to_string(), source })?;
    let clock = Arc::new(Clock::default());
    let presence = Arc::new(Presence::default());
    let health = Arc::new(Health::new(presence.clone()));
    let live_age = Arc::new(LiveAge::new(clock.clone()));
    http::serve(settings, metrics, health.clone(), live_age.clone()).await?;
    let breaker = Breaker::new(settings.breaker_failures, settings.breaker_probe);
    let tab = Tab::new(source, breaker)?;
    let access = Arc::new(Access::new(address, clock.clone(), is_local(source)));
    // Without a user and a password that the address may have.
    let tab_origin = source.nztab_api_url.origin().ascii_serialization();
    tracing::info!(worker = %worker, db = %access.address, tab = %tab_origin, spool = %folder.display(), "fetcher.started");

    let store = || Store::new(access.clone(), worker.clone());
    let poller = Arc::new(Poller::new(tab, Arc::new(spool), live_age, clock.clone(), presence.clone()));
    let keeping = (poller.clone(), access.clone(), worker.clone(), source.clone());
    // It ends after the polls, for it finishes what they leave.
    let (end_housekeeping, housekeeping_ends) = watch::channel(false);
    let housekeeping = tokio::spawn(begin_again(move || {
        let (poller, access, worker, source) = keeping.clone();
        let store = Store::new(access, worker.clone());
        Housekeeper::new(poller, store, worker, source).run(housekeeping_ends.clone())
    }));
    let schedule = Schedule::new(store(), clock, worker.clone(), presence);
    // One connection is the schedule's and one the housekeeper's.
    let workers = settings.concurrency.min(settings.db_pool_max - 2);
    let idle = (0..workers).map(|_| store()).collect();
    let mut crew = Crew { poller: poller.clone(), idle, polls: JoinSet::new(), races: HashMap::new() };
    let mut schedule = work(&mut crew, schedule, &health, stop, &store).await;
    finish(&mut crew, &store).await;
    end_housekeeping.send_replace(true);
    if tokio::time::timeout(STOP_WITHIN, housekeeping).await.is_err() {
        tracing::warn!("housekeeping.abandoned");
    }
    schedule.release().await;
    poller.summary.log();
    Ok(())
}

/// Does a work until it ends, and begins it again when it panics: a poll that panics costs that poll, and so does a look
/// around the house.
async fn begin_again<W: Future<Output = ()> + Send + 'static>(work: impl Fn() -> W) {
    while let Err(error) = tokio::spawn(work()).await {
        counter!("raceday_worker_crashes_total").increment(1);
        tracing::error!(error = %error, "housekeeper.crashed");
        tokio::time::sleep(CRASH_PAUSE).await;
    }
}

/// The workers: connections at rest, and polls in flight with theirs.
struct Crew {
    poller: Arc<Poller>,
    idle: Vec<Store>,
    polls: JoinSet<Store>,
    races: HashMap<Id, String>,
}

impl Crew {
    fn begin(&mut self, claim: Claim) {
        // A poll that outlived its lease: its race comes again with the next slot.
        if self.races.values().any(|race_id| *race_id == claim.race_id) {
            counter!("raceday_polls_missed_total").increment(1);
            tracing::warn!(race.id = %claim.race_id, "poll.still_in_flight");
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

    fn ended(&mut self, ended: Result<(Id, Store), JoinError>, store: &impl Fn() -> Store) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let race_id = self.races.remove(&id);
        if ended.is_err() {
            counter!("raceday_worker_crashes_total").increment(1);
            tracing::error!(race.id = race_id, "worker.crashed");
        }
        self.idle.push(ended.map_or_else(|_| store(), |(_, store)| store));
    }
}

async fn work(
    crew: &mut Crew,
    mut schedule: Schedule,
    health: &Health,
    mut stop: watch::Receiver<bool>,
    store: &impl Fn() -> Store,
) -> Schedule {
    while !*stop.borrow() {
        health.beat();
        let free = crew.idle.len();
        let capacity = crew.poller.tab.breaker.capacity(free);
        let wait = if capacity > 0 {
            let turn = schedule.turn(capacity).await;
            let full = turn.claims.len() == free;
            turn.claims.into_iter().for_each(|claim| crew.begin(claim));
            if full { None } else { Some(turn.wait) }
        } else {
            (free > 0).then_some(BREAKER_LOOK)
        };
        tokio::select! {
            Some(ended) = crew.polls.join_next_with_id() => crew.ended(ended, store),
            () = tokio::time::sleep(wait.unwrap_or(STOP_WITHIN)) => {}
            _ = stop.changed() => {}
        }
    }
    schedule
}

async fn finish(crew: &mut Crew, store: &impl Fn() -> Store) {
    tracing::info!(polls.in_flight = crew.polls.len(), "fetcher.stopping");
    let ending = async {
        while let Some(ended) = crew.polls.join_next_with_id().await {
            crew.ended(ended, store);
        }
    };
    if tokio::time::timeout(STOP_WITHIN, ending).await.is_err() {
        tracing::warn!(polls = crew.polls.len(), "polls.abandoned");
    }
}

pub(crate) fn is_local(source: &SourceArgs) -> bool {
    source.nztab_api_url.host_str().is_some_and(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

fn worker_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", host.trim(), std::process::id())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_work_that_panics_is_begun_again_until_it_ends() {
        let begun = Arc::new(AtomicU32::new(0));
        let counted = begun.clone();
        begin_again(move || {
            let time = counted.fetch_add(1, Ordering::Relaxed);
            async move { assert!(time > 0, "the first time") }
        })
        .await;
        assert_eq!(begun.load(Ordering::Relaxed), 2);
    }
}
