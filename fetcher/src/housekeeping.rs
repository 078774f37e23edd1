//! What runs beside the polls: meetings lists, storing what waits in the spool, processing what is pending, partitions.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use metrics::counter;
use tokio::sync::watch;

use crate::db::ErrorKind;
use crate::deliver::{Deliverer, report};
use crate::live::LiveAge;
use crate::log_once::LogOnce;
use crate::maintenance::Maintenance;
use crate::meetings::{self, Scope};
use crate::payload::{Payload, Subject};
use crate::response::Response;
use crate::store::{Store, StoreError};
use crate::summary::Outcome;
use crate::tab::Tab;

/// How often the housekeeper looks for work.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often it adopts responses left behind by dead fetchers.
const ADOPT_EVERY: Duration = Duration::from_secs(10);
/// How often it processes payloads that were only staged.
const PENDING_EVERY: Duration = Duration::from_secs(20);
/// The races processed per call, so that the connection is soon free again.
const PENDING_RACES: i32 = 20;
/// How often it reports that the TAB refuses this caller.
const REFUSAL_EVERY: Duration = Duration::from_secs(10);

const CLAIM_MEETINGS: &str = "select raceday.raceday_claim_meetings($1)";
const MEETINGS_DONE: &str = "select raceday.raceday_meetings_done($1, $2, $3)";
const PROCESS_PENDING: &str = "select count(*) from raceday.raceday_process_pending($1)";
const REPORT_MISSING: &str = "select race_id, is_missing, not_found, unlisted from raceday.raceday_report_missing()";
const REPORT_REFUSAL: &str = "select raceday.raceday_report_refusal($1, $2)";
const OLDEST_LIVE: &str = "select raceday.raceday_oldest_live_payload_age_s()";

/// What the housekeeper shares with the polls.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The TAB.
    pub tab: Arc<Tab>,
    /// Delivers responses.
    pub deliverer: Arc<Deliverer>,
    /// The age of a live race's latest response.
    pub live_age: Arc<LiveAge>,
}

/// The housekeeper of a fetcher: one task with its own connection.
pub struct Housekeeper {
    shared: Shared,
    store: Store,
    worker: Arc<str>,
    fetch_timeout: Duration,
    pending_at: Instant,
    adopted_at: Instant,
    maintenance: Maintenance,
    is_failing: bool,
    is_spool_stuck: bool,
    problems: LogOnce,
    refusal_reported: Option<Instant>,
}

impl Housekeeper {
    /// A housekeeper that has exclusive use of `store`. `fetch_timeout` is that of one request.
    pub fn new(shared: Shared, store: Store, worker: Arc<str>, fetch_timeout: Duration) -> Self {
        let now = Instant::now();
        Self {
            shared,
            store,
            worker,
            fetch_timeout,
            pending_at: now,
            adopted_at: now,
            maintenance: Maintenance::due_now(),
            is_failing: false,
            is_spool_stuck: false,
            problems: LogOnce::default(),
            refusal_reported: None,
        }
    }

    /// Works until `stop` turns true.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if self.adopted_at.elapsed() > ADOPT_EVERY {
                self.adopt().await;
            }
            if self.is_available() {
                let looked = self.look().await;
                self.log_look(looked);
            }
            tokio::select! {
                () = self.shared.deliverer.spool.waits.notified(), if self.is_available() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stop.changed() => {}
            }
        }
        // Whoever stops the last fetcher finds nothing pending.
        if self.is_available()
            && let Err(error) = self.process_pending().await
        {
            tracing::warn!(error = %error, "stopping with payloads still pending");
        }
    }

    fn is_available(&self) -> bool {
        !self.shared.deliverer.database.is_unavailable()
    }

    /// Logs the first of several failures in a row: during an outage nothing else is to be expected.
    fn log_look(&mut self, looked: Result<(), StoreError>) {
        let was_failing = std::mem::replace(&mut self.is_failing, looked.is_err());
        if let Err(error) = looked
            && !was_failing
        {
            tracing::warn!(error = %error, "housekeeping failed");
        }
    }

    /// Adopts what dead fetchers have left, also during an outage of the database: what is not counted is not missed.
    async fn adopt(&mut self) {
        self.adopted_at = Instant::now();
        match self.shared.deliverer.spool.adopt().await {
            Ok(answers) => {
                self.problems.is_over("spool");
                if answers > 0 {
                    tracing::info!(answers, "adopted responses left behind by dead fetchers");
                }
            }
            Err(error) if self.problems.is_news("spool", &error.to_string()) => {
                tracing::error!(error = %error, "responses left behind by dead fetchers not adopted");
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
        self.report_missing().await?;
        self.report_refusal().await?;
        let age: f64 = self.store.query_one(OLDEST_LIVE, &[]).await?.try_get(0)?;
        self.shared.live_age.reported(age);
        self.maintenance.run_if_due(&mut self.store).await
    }

    /// Logs the races that have become missing or are back. The database returns each change once, whichever fetcher asks.
    async fn report_missing(&mut self) -> Result<(), StoreError> {
        for row in self.store.query(REPORT_MISSING, &[]).await? {
            let race_id: &str = row.try_get("race_id")?;
            let (not_found, unlisted): (i32, i32) = (row.try_get("not_found")?, row.try_get("unlisted")?);
            match (row.try_get("is_missing")?, not_found > 0) {
                (true, true) => {
                    tracing::warn!(
                        race.id = race_id,
                        not_found,
                        "race missing: the TAB does not have its event; polled less often"
                    );
                }
                (true, false) => {
                    tracing::warn!(
                        race.id = race_id,
                        unlisted,
                        "race missing: no longer in its meetings list; polled less often"
                    );
                }
                (false, _) => tracing::info!(race.id = race_id, "race back: polled at its cadence again"),
            }
        }
        Ok(())
    }

    /// Lets the database know that the TAB refuses this caller, and when it no longer does: for readers of /health.
    async fn report_refusal(&mut self) -> Result<(), StoreError> {
        let reason = self.shared.tab.refusal.reason();
        let is_due = match self.refusal_reported {
            None => reason.is_some(),
            Some(at) => reason.is_none() || at.elapsed() > REFUSAL_EVERY,
        };
        if is_due {
            let worker = self.worker.clone();
            self.store.query(REPORT_REFUSAL, &[&&*worker, &reason]).await?;
            self.refusal_reported = reason.map(|_| Instant::now());
        }
        Ok(())
    }

    /// Stores what is waiting, oldest first. When a response is not taken, all others about the same subject wait behind it.
    async fn empty_spool(&mut self) -> Result<(), StoreError> {
        let mut stuck = HashSet::new();
        let mut staged = 0_u64;
        for name in self.shared.deliverer.spool.waiting() {
            let subject = self.shared.deliverer.spool.subject_of(&name);
            // Without reading the file: while the database's disk is full, all of the spool is gone through every second.
            if stuck.contains(&subject) {
                continue;
            }
            if self.store_waiting(&name).await? {
                staged += 1;
            } else {
                stuck.insert(subject);
            }
        }
        self.is_spool_stuck &= !stuck.is_empty();
        if staged > 0 {
            tracing::info!(staged, stuck.races = stuck.len(), "spooled responses stored");
        }
        Ok(())
    }

    /// Stores a waiting response; returns whether it has left the spool. Fails when the database is unavailable.
    async fn store_waiting(&mut self, name: &str) -> Result<bool, StoreError> {
        let spool = &self.shared.deliverer.spool;
        let payload = match spool.read(name).await {
            Ok(Some(payload)) => payload,
            Ok(None) => return Ok(true),
            Err(error) => {
                tracing::error!(spool.file = name, error = %error, "spooled response not readable");
                return Ok(false);
            }
        };
        let removed = match self.store.store_spooled(&payload).await {
            Ok(stored) => {
                report(&payload.subject, &stored);
                spool.remove(name).await
            }
            Err(error) if error.kind() == ErrorKind::Refused => {
                tracing::error!(race.id = %payload.subject, error = %error, "payload refused by the database: quarantined");
                counter!("raceday_payloads_failed_total", "reason" => "refused").increment(1);
                spool.quarantine(name).await
            }
            Err(error) if error.kind() == ErrorKind::Deferred => {
                self.log_stuck(&payload, &error);
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        if let Err(error) = removed {
            tracing::error!(spool.file = name, error = %error, "stored response not removed from the spool");
        }
        Ok(true)
    }

    /// Logs the first failure only: storing is retried every second.
    fn log_stuck(&mut self, payload: &Payload, error: &StoreError) {
        if !std::mem::replace(&mut self.is_spool_stuck, true) {
            tracing::warn!(race.id = %payload.subject, error = %error, "spool stuck: the database cannot store a response");
        }
    }

    async fn claim_meetings(&mut self) -> Result<Vec<NaiveDate>, StoreError> {
        let worker = self.worker.clone();
        let rows = self.store.query(CLAIM_MEETINGS, &[&&*worker]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn fetch_meetings(&mut self, date: NaiveDate) -> Result<(), StoreError> {
        let scope = Scope::read(&mut self.store).await?;
        let fetched = meetings::fetch(&self.shared.tab, &scope, date, self.fetch_timeout).await;
        let failure = match fetched {
            Ok(pages) => self.deliver_list(date, pages).await.map(str::to_owned),
            Err(error) => {
                counter!("raceday_lists_total", "result" => error.cause()).increment(1);
                Some(error.to_string())
            }
        };
        self.log_list(date, failure.as_deref());
        let worker = self.worker.clone();
        // The database decides when a failed list is due again.
        self.store.query(MEETINGS_DONE, &[&date, &&*worker, &failure.is_none()]).await?;
        Ok(())
    }

    /// Delivers the pages of a list; returns why the list is unusable, if it is.
    async fn deliver_list(&mut self, date: NaiveDate, pages: Vec<Response>) -> Option<&'static str> {
        let mut failure = pages.is_empty().then_some("no page");
        for page in pages {
            let (begun, subject) = (Instant::now(), Subject::Meetings { date });
            let delivery = self.shared.deliverer.deliver(&mut self.store, subject, page, None, begun).await;
            counter!("raceday_lists_total", "result" => delivery.label()).increment(1);
            if delivery.outcome() == Outcome::Failed {
                failure = Some(delivery.label());
            }
        }
        failure
    }

    fn log_list(&mut self, date: NaiveDate, failure: Option<&str>) {
        let problem = format!("meetings list {date}");
        match failure {
            Some(reason) if self.problems.is_news(&problem, reason) => {
                tracing::warn!(list.date = %date, error = reason, "meetings list failed");
            }
            Some(reason) => tracing::debug!(list.date = %date, error = reason, "meetings list failed again"),
            None if self.problems.is_over(&problem) => {
                tracing::info!(list.date = %date, "meetings list available again");
            }
            None => tracing::debug!(list.date = %date, "meetings list fetched"),
        }
    }
}
