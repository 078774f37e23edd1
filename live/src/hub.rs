//! All races: which of them are to be read, and by whom they are followed.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::counter;
use tokio::sync::Notify;
use tokio_postgres::Error;

use crate::board::Board;
use crate::race::Race;
use crate::reader::Reader;

/// How often the database is asked what has changed.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long the database may not have been asked for what is known to count as current.
const STALE_AFTER: Duration = Duration::from_millis(2500);

/// The races, and what is to be read of them.
pub struct Hub {
    /// What reads the database.
    pub reader: Reader,
    /// What concerns all races.
    pub board: Board,
    races: Mutex<HashMap<Arc<str>, Arc<Race>>>,
    changed: Mutex<BTreeSet<Arc<str>>>,
    woken: Notify,
    looked_at: Mutex<Option<Instant>>,
}

impl Hub {
    /// A hub that knows no race yet.
    pub fn new(reader: Reader) -> Self {
        Self {
            reader,
            board: Board::default(),
            races: Mutex::default(),
            changed: Mutex::default(),
            woken: Notify::new(),
            looked_at: Mutex::default(),
        }
    }

    /// Records that a race has changed.
    pub fn changed(&self, race_id: &str) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(race_id.into());
        self.woken.notify_one();
    }

    /// Compares the races' versions with those that were read; forgets races that are long over, unless someone follows
    /// them.
    pub fn compare(&self, versions: &HashMap<String, i64>) {
        let is_same = |race: &Race, version: i64| race.version() == Some(version);
        let mut races = self.races();
        races.retain(|id, race| versions.contains_key(&**id) || !race.subscribers.is_empty());
        let differing: Vec<&String> = versions
            .iter()
            .filter(|(id, version)| !races.get(id.as_str()).is_some_and(|race| is_same(race, **version)))
            .map(|(id, _)| id)
            .collect();
        drop(races);
        for id in differing {
            self.changed(id);
        }
        *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// How long ago the database last said what has changed; `None` if it never did.
    pub fn looked_ago(&self) -> Option<Duration> {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }

    /// The current version of a race; `None` if that is not known for certain.
    pub fn version(&self, race_id: &str) -> Option<i64> {
        let is_current = self.looked_ago().is_some_and(|ago| ago < STALE_AFTER);
        self.races().get(race_id).filter(|_| is_current).and_then(|race| race.version())
    }

    /// The races that someone follows.
    pub fn followed(&self) -> Vec<String> {
        let races = self.races();
        races.values().filter(|race| !race.subscribers.is_empty()).map(|race| race.id.to_string()).collect()
    }

    /// A race; `None` if there is no such race.
    pub async fn race(&self, race_id: &str) -> Result<Option<Arc<Race>>, Error> {
        let race = self.races().get(race_id).cloned();
        if race.as_ref().is_some_and(|race| race.version().is_some()) {
            return Ok(race);
        }
        Ok(self.read(race_id).await?.then(|| self.races().get(race_id).cloned()).flatten())
    }

    /// Reads the races that have changed, one after the other, for ever.
    pub async fn work(&self) {
        loop {
            let next = self.changed.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
            let Some(race_id) = next else {
                self.woken.notified().await;
                continue;
            };
            if self.read(&race_id).await.is_err() {
                // What is missed meanwhile shows in the versions.
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Reads what has changed in a race; whether there is such a race.
    async fn read(&self, race_id: &str) -> Result<bool, Error> {
        let race = self.races().entry(race_id.into()).or_insert_with_key(|id| Arc::new(Race::new(id.clone()))).clone();
        let Some(update) = race.update(&self.reader).await? else {
            self.races().remove(race_id);
            return Ok(false);
        };
        if update.is_change {
            counter!("raceday_live_commits_total").increment(1);
        }
        if update.has_more {
            self.changed(race_id);
        }
        if let Some(status) = &update.status {
            self.board.add("status", status);
        }
        for signal in &update.signals {
            self.board.add("signal", signal);
        }
        Ok(true)
    }

    /// Shows who is being backed and which races are next, as long as someone looks.
    pub async fn show_overview(&self) {
        loop {
            if !self.board.subscribers.is_empty() {
                // A failure is logged by the reader; the next attempt is soon.
                let _ = self.refresh_overview().await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Reads who is being backed and which races are next.
    pub async fn refresh_overview(&self) -> Result<(), Error> {
        let (movers, next) = self.reader.overview().await?;
        self.board.show(movers, next);
        Ok(())
    }

    fn races(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Arc<Race>>> {
        self.races.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
