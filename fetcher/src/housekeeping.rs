//! What is done beside the polls: the day's meetings lists, the spool's way into the database, payloads left pending.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use metrics::counter;
use tokio::sync::watch;

use crate::config::SourceArgs;
use crate::db::Trouble;
use crate::meetings::{self, Scope};
use crate::poll::{Poller, report};
use crate::spool::Kind;
use crate::store::{Store, StoreError, Stored};
use crate::summary::Outcome;
use crate::tab::Answer;

/// How often is looked for something to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often is looked for what fetchers have left that died.
const ADOPT_EVERY: Duration = Duration::from_secs(10);
/// How often payloads are looked for that were staged and not processed.
const PENDING_EVERY: Duration = Duration::from_secs(20);
/// And how many races of such at a time, so that the connection is soon free again.
const PENDING_RACES: i32 = 20;

const CLAIM_MEETINGS: &str = "select raceday.raceday_claim_meetings($1)";
const MEETINGS_DONE: &str = "select raceday.raceday_meetings_done($1, $2, $3)";
const PROCESS_PENDING: &str = "select count(*) from raceday.raceday_process_pending($1)";
const OLDEST_LIVE: &str = "select raceday.raceday_oldest_live_payload_age_s()";

/// The housekeeper of a fetcher: one task with a connection of its own.
pub struct Housekeeper {
    poller: Arc<Poller>,
    store: Store,
    worker: Arc<str>,
    source: SourceArgs,
    pending_at: Instant,
    adopted_at: Instant,
    spool_is_stuck: bool,
    troubles: Troubles,
}

impl Housekeeper {
    /// `store` must be its own.
    pub fn new(poller: Arc<Poller>, store: Store, worker: Arc<str>, source: SourceArgs) -> Self {
        let (now, troubles) = (Instant::now(), Troubles::default());
        Self { poller, store, worker, source, pending_at: now, adopted_at: now, spool_is_stuck: false, troubles }
    }

    /// Works until told to stop.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut quiet = false;
        while !*stop.borrow() {
            if self.adopted_at.elapsed() > ADOPT_EVERY {
                self.adopt().await;
            }
            if !self.poller.presence.is_away() {
                match self.look().await {
                    Ok(()) => quiet = false,
                    // Said once: while the database is away nothing else is to be expected.
                    Err(error) if !std::mem::replace(&mut quiet, true) => {
                        tracing::warn!(error = %error, "housekeeping.failed");
                    }
                    Err(_) => {}
                }
            }
            tokio::select! {
                () = self.poller.spool.waits.notified(), if !self.poller.presence.is_away() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stop.changed() => {}
            }
        }
        // Whoever stops the last fetcher finds nothing half done.
        if !self.poller.presence.is_away()
            && let Err(error) = self.process_pending().await
        {
            tracing::warn!(error = %error, "pending.left");
        }
    }

    /// Takes over what dead fetchers have left, also while the database is away: what nobody counts nobody misses.
    async fn adopt(&mut self) {
        self.adopted_at = Instant::now();
        match self.poller.spool.adopt().await {
            Ok(answers) => {
                self.troubles.is_over("spool");
                if answers > 0 {
                    tracing::info!(answers, "spool.adopted");
                }
            }
            Err(error) if self.troubles.is_news("spool", &error.to_string()) => {
                tracing::error!(error = %error, "spool.not_adopted");
            }
            Err(_) => {}
        }
    }

    async fn process_pending(&mut self) -> Result<(), StoreError> {
        self.pending_at = Instant::now();
        self.store.query_one(PROCESS_PENDING, &[&PENDING_RACES]).await?;
        Ok(())
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        self.empty_spool().await?;
        for date in self.claim_meetings().await? {
            self.fetch_meetings(date).await?;
        }
        if self.pending_at.elapsed() > PENDING_EVERY {
            self.process_pending().await?;
        }
        let age: f64 = self.store.query_one(OLDEST_LIVE, &[]).await?.try_get(0)?;
        self.poller.live_age.heard(age);
        Ok(())
    }

    /// Stages what waits, oldest first; a race of which something is not taken waits whole.
    async fn empty_spool(&mut self) -> Result<(), StoreError> {
        let names = self.poller.spool.waiting();
        let mut stuck = HashSet::new();
        let mut staged = 0_u64;
        for name in &names {
            let Some(race_id) = self.stage_waiting(name, &stuck).await? else {
                staged += 1;
                continue;
            };
            stuck.insert(race_id);
        }
        self.spool_is_stuck &= !stuck.is_empty();
        if staged > 0 {
            tracing::info!(staged, stuck.races = stuck.len(), "spool.staged");
        }
        Ok(())
    }

    /// The race, if its payload has to wait on. Fails when the database is away.
    async fn stage_waiting(&mut self, name: &str, stuck: &HashSet<String>) -> Result<Option<String>, StoreError> {
        let spool = &self.poller.spool;
        let race_id = spool.race_of(name).unwrap_or_default();
        // Without a look at the file: while a disk is full, all of the spool is gone through every second.
        if stuck.contains(&race_id) {
            return Ok(Some(race_id));
        }
        let payload = match spool.read(name).await {
            Ok(Some(payload)) => payload,
            Ok(None) => return Ok(None),
            Err(error) => {
                tracing::error!(spool.file = name, error = %error, "spool.not_read");
                return Ok(Some(race_id));
            }
        };
        let removed = match self.store.store_spooled(&payload).await {
            Ok(stored) => {
                report(&payload.race_id, &stored);
                spool.remove(name).await
            }
            Err(error) if error.trouble() == Trouble::Refused => {
                tracing::error!(race.id = %payload.race_id, error = %error, "payload.refused");
                counter!("raceday_payloads_failed_total", "reason" => "refused").increment(1);
                spool.put_aside(name).await
            }
            Err(error) if error.trouble() == Trouble::Unable => {
                // Said once: it is tried again every second.
                if !std::mem::replace(&mut self.spool_is_stuck, true) {
                    tracing::warn!(race.id = %payload.race_id, error = %error, "spool.stuck");
                }
                return Ok(Some(payload.race_id));
            }
            Err(error) => return Err(error),
        };
        if let Err(error) = removed {
            tracing::error!(spool.file = name, error = %error, "spool.not_removed");
        }
        Ok(None)
    }

    async fn claim_meetings(&mut self) -> Result<Vec<NaiveDate>, StoreError> {
        let worker = self.worker.clone();
        let rows = self.store.query(CLAIM_MEETINGS, &[&&*worker]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn fetch_meetings(&mut self, date: NaiveDate) -> Result<(), StoreError> {
        let scope = Scope::read(&mut self.store).await?;
        let fetched = meetings::fetch(&self.poller.tab, &scope, date, self.source.fetch_timeout).await;
        let failure = match fetched {
            Ok(pages) => self.deliver_list(date, pages).await.map(str::to_owned),
            Err(error) => {
                counter!("raceday_lists_total", "result" => error.cause()).increment(1);
                Some(error.to_string())
            }
        };
        self.say_of_list(date, failure.as_deref());
        let worker = self.worker.clone();
        // When a failed one is asked for again is for the database to say.
        self.store.query(MEETINGS_DONE, &[&date, &&*worker, &failure.is_none()]).await?;
        Ok(())
    }

    /// Why the database has no use of the list, if so.
    async fn deliver_list(&mut self, date: NaiveDate, pages: Vec<Answer>) -> Option<&'static str> {
        let mut failure = pages.is_empty().then_some("no page");
        for page in pages {
            let (begun, key) = (Instant::now(), meetings::key(date));
            let (result, outcome) = self.poller.deliver(&mut self.store, Kind::Meetings, key, page, begun).await;
            counter!("raceday_lists_total", "result" => result).increment(1);
            if outcome == Outcome::Failed {
                failure = Some(result);
            }
        }
        failure
    }

    fn say_of_list(&mut self, date: NaiveDate, failure: Option<&str>) {
        let key = meetings::key(date);
        match failure {
            Some(reason) if self.troubles.is_news(&key, reason) => {
                tracing::warn!(list.date = %date, error = reason, "list.failed");
            }
            None if self.troubles.is_over(&key) => tracing::info!(list.date = %date, "list.back"),
            _ => tracing::debug!(list.date = %date, error = failure, "list"),
        }
    }
}

/// The reason last told of each trouble that is met again and again.
#[derive(Debug, Default)]
struct Troubles(HashMap<String, String>);

impl Troubles {
    /// Whether this was not told yet, or is another reason than was.
    fn is_news(&mut self, what: &str, reason: &str) -> bool {
        self.0.insert(what.to_owned(), reason.to_owned()).is_none_or(|told| told != reason)
    }

    /// Whether there was such a trouble until now.
    fn is_over(&mut self, what: &str) -> bool {
        self.0.remove(what).is_some()
    }
}

/// Counts what the database made of a payload that nobody polled for.
pub fn summarise(race_id: &str, stored: &Stored) -> String {
    match stored {
        Stored::Staged => format!("{race_id}: staged, processing failed"),
        Stored::Processed(processed) => format!(
            "{race_id}: {} ({} payloads, {} money-flow rows, {} odds rows, {} failed, {:.1} ms){}",
            processed.status,
            processed.payloads,
            processed.money_flow_rows,
            processed.odds_rows,
            processed.failed,
            processed.transform_ms + processed.write_ms,
            processed.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_once_a_reason() {
        let mut troubles = Troubles::default();
        let told = ["status 403", "status 403", "timed out", "status 403"].map(|reason| troubles.is_news("a", reason));
        assert_eq!(told, [true, false, true, true]);
        assert!(troubles.is_news("b", "status 403"), "another's");
        assert!(troubles.is_over("a") && !troubles.is_over("a"));
        assert!(troubles.is_news("a", "status 403"), "it came again");
    }
}
