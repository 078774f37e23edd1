//! One poll: ask the TAB, keep the answer, have the database stage and process it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use metrics::{counter, gauge, histogram};

use crate::clock::Clock;
use crate::db::Trouble;
use crate::live::LiveAge;
use crate::schedule::{Claim, Presence};
use crate::spool::{Kind, Payload, Spool, SpoolError, Ticket};
use crate::store::{Processed, Store, Stored};
use crate::summary::{Outcome, Summary};
use crate::tab::{Answer, Fetched, Slot, Tab, Validators};

/// Part of a lease that fetching may use; the rest is for the database.
const FETCH_SHARE: f64 = 0.8;
/// Races remembered at most: several days of racing.
const REMEMBERED_MAX: usize = 4000;

/// What all workers share.
#[derive(Debug)]
pub struct Poller {
    /// The TAB.
    pub tab: Tab,
    /// Where answers wait.
    pub spool: Arc<Spool>,
    /// How long a live race has had nothing new.
    pub live_age: Arc<LiveAge>,
    /// Database time.
    pub clock: Arc<Clock>,
    /// Whether the database is there.
    pub presence: Arc<Presence>,
    /// Counts.
    pub summary: Summary,
    /// When this fetcher began; slots before it are nobody's misses. By the monotonic clock: this machine's other one may be
    /// ahead of the database's.
    began: Instant,
    last: Mutex<HashMap<String, Last>>,
}

/// The last answer of a race that was staged.
#[derive(Debug, Clone)]
struct Last {
    hash: u64,
    validators: Validators,
}

impl Poller {
    /// Nothing polled yet.
    pub fn new(
        tab: Tab,
        spool: Arc<Spool>,
        live_age: Arc<LiveAge>,
        clock: Arc<Clock>,
        presence: Arc<Presence>,
    ) -> Self {
        let (summary, began, last) = (Summary::default(), Instant::now(), Mutex::default());
        Self { tab, spool, live_age, clock, presence, summary, began, last }
    }

    /// Polls a claimed race: fetches, stages, processes, ends the lease. Errors end in metrics and the log.
    pub async fn poll(&self, store: &mut Store, claim: &Claim) {
        let begun = Instant::now();
        let active = Active::count();
        self.note_lateness(claim);
        if self.presence.is_away() {
            self.live_age.polled_unheard(claim.cadence_s, claim.due_at);
        }
        let (result, outcome) = self.poll_once(store, claim, begun).await;
        self.summary.ended(outcome);
        counter!("raceday_polls_total", "result" => result).increment(1);
        histogram!("race_processing_seconds").record(begun.elapsed().as_secs_f64());
        drop(active);
        tracing::debug!(race.id = %claim.race_id, poll.result = result, poll.ms = ms(begun.elapsed()), "poll");
    }

    async fn poll_once(&self, store: &mut Store, claim: &Claim, begun: Instant) -> (&'static str, Outcome) {
        let last = self.last_of(claim);
        let validators = last.as_ref().map(|last| &last.validators);
        let fetched = self.tab.event(&claim.race_id, claim.status.as_deref(), validators, self.slot(claim)).await;
        let ended = match fetched {
            Ok(Fetched::Answer(answer)) if last.is_none_or(|last| last.hash != answer.hash) => {
                self.summary.fetched(begun.elapsed());
                return self.keep_and_store(store, claim, answer, begun).await;
            }
            Ok(fetched) => {
                if let Fetched::Answer(Answer { request_id, .. }) = fetched {
                    tracing::debug!(race.id = %claim.race_id, request.id = %request_id, "answer.unchanged");
                }
                self.summary.fetched(begun.elapsed());
                ("unchanged", Outcome::Unchanged)
            }
            Err(error) => {
                tracing::warn!(race.id = %claim.race_id, error = %error, "fetch.failed");
                (error.cause(), Outcome::Failed)
            }
        };
        if !self.presence.is_away() {
            end_lease(store, &claim.race_id).await;
        }
        ended
    }

    async fn keep_and_store(
        &self,
        store: &mut Store,
        claim: &Claim,
        answer: Answer,
        begun: Instant,
    ) -> (&'static str, Outcome) {
        let hash = answer.hash;
        let validators = answer.validators.clone();
        let (result, outcome) = self.deliver(store, Kind::Event, claim.race_id.clone(), answer, begun).await;
        if outcome == Outcome::Failed {
            self.forget(&claim.race_id);
        } else {
            self.remember(&claim.race_id, Last { hash, validators });
        }
        (result, outcome)
    }

    /// Brings an answer that has just come in into the database, or leaves it in the spool.
    pub async fn deliver(
        &self,
        store: &mut Store,
        kind: Kind,
        race_id: String,
        answer: Answer,
        begun: Instant,
    ) -> (&'static str, Outcome) {
        histogram!("raceday_payload_bytes").record(answer.body.len() as f64);
        let Answer { body, request_id, .. } = answer;
        let payload = Payload { kind, race_id, fetched_at: self.clock.now(), body: Arc::new(body) };
        let fetched = Instant::now();
        let ticket = self.put_on_disk(&payload, &request_id).await;
        let mut is_there = !self.presence.is_away();
        // Behind what waits of the same race, so that all of it is staged in order.
        if ticket.is_none() || !(self.presence.is_away() || self.spool.has_waiting(&payload.race_id)) {
            let asked = Instant::now();
            match store.store(&payload).await {
                Ok(stored) => {
                    self.summary.stored(asked.elapsed(), begun.elapsed());
                    histogram!("raceday_store_seconds").record(asked.elapsed().as_secs_f64());
                    histogram!("raceday_staging_visible_seconds").record(fetched.elapsed().as_secs_f64());
                    if let Some(ticket) = ticket
                        && let Err(error) = ticket.confirm().await
                    {
                        tracing::error!(error = %error, "spool.not_removed");
                    }
                    return report(&payload.race_id, &stored);
                }
                Err(error) => {
                    is_there = error.trouble() != Trouble::Away;
                    tracing::warn!(race.id = %payload.race_id, error = %error, "store.failed");
                }
            }
        }
        let Some(ticket) = ticket else {
            counter!("raceday_payloads_failed_total", "reason" => "lost").increment(1);
            tracing::error!(race.id = %payload.race_id, "payload.lost");
            return ("lost", Outcome::Failed);
        };
        if let Err(error) = ticket.keep().await {
            tracing::error!(race.id = %payload.race_id, error = %error, "spool.not_synced");
        }
        // Its slot is polled; with the lease left to run out, the race would be due again then, sooner than its cadence.
        if is_there && payload.kind == Kind::Event {
            end_lease(store, &payload.race_id).await;
        }
        ("spooled", Outcome::Spooled)
    }

    /// Writes an answer into the spool; none when that does not take it.
    async fn put_on_disk(&self, payload: &Payload, request_id: &str) -> Option<Ticket> {
        match self.spool.put(payload.clone()).await {
            Ok(ticket) => {
                // From here on the answer outlives this process; `cargo xtask chaos` takes it at its word.
                tracing::debug!(
                    race.id = %payload.race_id,
                    request.id = %request_id,
                    body.xxh3 = %ticket.hash(),
                    fetched_at_us = payload.fetched_at.timestamp_micros(),
                    "answer.kept"
                );
                Some(ticket)
            }
            Err(error) => {
                let reason = if matches!(error, SpoolError::Full) { "spool_full" } else { "spool_error" };
                counter!("raceday_spool_refusals_total", "reason" => reason).increment(1);
                tracing::error!(race.id = %payload.race_id, error = %error, "spool.refused");
                None
            }
        }
    }

    fn note_lateness(&self, claim: &Claim) {
        let now = self.clock.now();
        let late = (now - claim.due_at).max(TimeDelta::zero());
        // Slots that passed before there was a fetcher are not this one's misses.
        let running = self.began.elapsed().mul_f64(self.clock.rate());
        let running = TimeDelta::from_std(running).unwrap_or(TimeDelta::MAX);
        let since_begun = running.num_seconds() / i64::from(claim.cadence_s.max(1));
        let missed = u64::try_from(i64::from(claim.missed).min(since_begun)).unwrap_or(0);
        let late_here = late.min(running);
        histogram!("raceday_poll_lateness_seconds").record(late_here.as_seconds_f64());
        if missed > 0 {
            counter!("raceday_polls_missed_total").increment(missed);
            tracing::warn!(race.id = %claim.race_id, missed, "polls.missed");
        }
        self.summary.begun(&claim.race_id, late_here.to_std().unwrap_or_default(), missed);
    }

    fn slot(&self, claim: &Claim) -> Slot {
        let now = Instant::now();
        let next = claim.due_at + TimeDelta::seconds(i64::from(claim.cadence_s));
        let give_up = now + self.clock.until(claim.lease_until).mul_f64(FETCH_SHARE);
        Slot { retry_until: (now + self.clock.until(next)).min(give_up), give_up }
    }

    fn last_of(&self, claim: &Claim) -> Option<Last> {
        if !claim.ours_before {
            return None;
        }
        self.last.lock().unwrap_or_else(PoisonError::into_inner).get(&claim.race_id).cloned()
    }

    fn remember(&self, race_id: &str, last: Last) {
        let mut races = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if races.len() >= REMEMBERED_MAX && !races.contains_key(race_id) {
            races.clear();
        }
        races.insert(race_id.to_owned(), last);
    }

    fn forget(&self, race_id: &str) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).remove(race_id);
    }
}

/// Counts a race as being polled as long as it lives: also a poll that panics comes to its end.
struct Active;

impl Active {
    fn count() -> Self {
        gauge!("active_races_total").increment(1.0);
        Self
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        gauge!("active_races_total").decrement(1.0);
    }
}

/// Ends the lease on a race of which nothing was staged.
async fn end_lease(store: &mut Store, race_id: &str) {
    if let Err(error) = store.done(race_id).await {
        tracing::debug!(race.id = %race_id, error = %error, "lease.not_ended");
    }
}

/// Puts what became of a payload into metrics and, if it is bad, the log.
pub fn report(race_id: &str, stored: &Stored) -> (&'static str, Outcome) {
    let Stored::Processed(processed) = stored else { return ("staged", Outcome::Processed) };
    histogram!("transform_seconds").record(processed.transform_ms / 1000.0);
    histogram!("db_write_seconds").record(processed.write_ms / 1000.0);
    let Processed { failed, status, error, .. } = processed;
    if *failed > 0 || status == "failed" || status == "error" {
        let reason = if *failed > 0 { "bad_payload" } else { "process_error" };
        counter!("raceday_payloads_failed_total", "reason" => reason)
            .increment(u64::try_from(*failed).unwrap_or(0).max(1));
        tracing::error!(race.id = race_id, process.status = %status, error = error.as_deref(), "payload.failed");
        return ("payload_failed", Outcome::Failed);
    }
    ("processed", Outcome::Processed)
}

/// A slot for a request that belongs to no race.
pub fn unhurried(timeout: Duration) -> Slot {
    let now = Instant::now();
    Slot { retry_until: now + timeout, give_up: now + timeout * 2 }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use clap::Parser;
    use futures_util::FutureExt;
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::breaker::Breaker;
    use crate::config::{Cli, Command};
    use crate::db::Address;
    use crate::store::Access;

    #[tokio::test]
    async fn a_poll_that_panics_is_counted_as_active_no_longer() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let _here = metrics::set_default_local_recorder(&recorder);
        let line = ["raceday-fetcher", "once", "race", "--database-url", "postgres://x@y/z"];
        let Command::Once { source, .. } = Cli::try_parse_from(line).unwrap().command else { panic!("not once") };
        let folder = tempfile::tempdir().unwrap();
        let (clock, presence) = (Arc::new(Clock::default()), Arc::new(Presence::default()));
        let tab = Tab::new(&source, Breaker::new(1, Duration::from_hours(1))).unwrap();
        let spool = Arc::new(Spool::open(folder.path(), 1000).unwrap());
        let live_age = Arc::new(LiveAge::new(clock.clone()));
        let poller = Poller::new(tab, spool, live_age, clock.clone(), presence);
        let access = Access::new(Address::new(&source.common, "test").unwrap(), clock, false);
        let mut store = Store::new(Arc::new(access), "test".into());
        // There is no slot after the end of time.
        let claim = Claim {
            race_id: "race".into(),
            due_at: DateTime::<Utc>::MAX_UTC,
            status: None,
            cadence_s: 15,
            missed: 0,
            lease_until: Utc::now(),
            ours_before: false,
        };
        let polling = std::panic::AssertUnwindSafe(poller.poll(&mut store, &claim));
        assert!(polling.catch_unwind().await.is_err(), "it did not panic");
        let text = recorder.handle().render();
        assert!(text.lines().any(|line| line == "active_races_total 0"), "{text}");
    }
}
