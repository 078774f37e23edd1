//! One poll: fetches a race from the TAB and delivers the response to the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chrono::TimeDelta;
use metrics::{counter, gauge, histogram};

use crate::claim::Claim;
use crate::deliver::{Deliverer, Delivery, end_lease};
use crate::freshness::{Freshness, Observation};
use crate::live::LiveAge;
use crate::payload::Subject;
use crate::response::{Fetched, Response, Validators};
use crate::store::Store;
use crate::summary::Outcome;
use crate::tab::{Deadlines, Tab};

/// The part of a lease that fetching may use; the rest is for the database.
const FETCH_SHARE: f64 = 0.8;
/// The most races remembered: several days of racing.
const REMEMBERED_MAX: usize = 4000;

/// What all workers share.
#[derive(Debug)]
pub struct Poller {
    tab: Arc<Tab>,
    deliverer: Arc<Deliverer>,
    live_age: Arc<LiveAge>,
    freshness: Freshness,
    /// When this fetcher began: it did not miss the slots before. By the monotonic clock, as this machine's other clock may be
    /// ahead of the database's.
    began: Instant,
    last: Mutex<HashMap<String, Last>>,
}

/// The last response of a race that was staged.
#[derive(Debug, Clone)]
struct Last {
    hash: u64,
    validators: Validators,
}

/// How a poll ended.
#[derive(Debug, Clone, Copy)]
enum End {
    Delivered(Delivery),
    Unchanged,
    /// The TAB has no such event.
    NotFound,
    /// The cause of the failure.
    NotFetched(&'static str),
}

impl End {
    fn label(self) -> &'static str {
        match self {
            Self::Delivered(delivery) => delivery.label(),
            Self::Unchanged => "unchanged",
            Self::NotFound => "not_found",
            Self::NotFetched(cause) => cause,
        }
    }

    fn outcome(self) -> Outcome {
        match self {
            Self::Delivered(delivery) => delivery.outcome(),
            Self::Unchanged => Outcome::Unchanged,
            Self::NotFound | Self::NotFetched(_) => Outcome::Failed,
        }
    }

    /// Whether the TAB has the event; none if it did not say.
    fn is_found(self) -> Option<bool> {
        match self {
            Self::Delivered(_) | Self::Unchanged => Some(true),
            Self::NotFound => Some(false),
            Self::NotFetched(_) => None,
        }
    }
}

impl Poller {
    /// A poller that has not polled yet.
    pub fn new(tab: Arc<Tab>, deliverer: Arc<Deliverer>, live_age: Arc<LiveAge>) -> Self {
        let freshness = Freshness::new(deliverer.clock.clone());
        Self { tab, deliverer, live_age, freshness, began: Instant::now(), last: Mutex::default() }
    }

    /// Polls a claimed race: fetches, stages, processes, ends the lease. Errors are reported in metrics and the log.
    pub async fn poll(&self, store: &mut Store, claim: &Claim) {
        let begun = Instant::now();
        let active = Active::count();
        self.note_lateness(claim);
        if claim.is_live && self.deliverer.database.is_unavailable() {
            self.live_age.polled_in_outage(claim.due_at);
        }
        let end = self.poll_once(store, claim, begun).await;
        self.deliverer.summary.ended(end.outcome());
        counter!("raceday_polls_total", "result" => end.label()).increment(1);
        let took_s = begun.elapsed().as_secs_f64();
        histogram!("race_processing_seconds").record(took_s);
        drop(active);
        tracing::debug!(race.id = %claim.race_id, poll.result = end.label(), poll.ms = took_s * 1000.0, "race polled");
    }

    async fn poll_once(&self, store: &mut Store, claim: &Claim, begun: Instant) -> End {
        let last = self.last_of(claim);
        let validators = last.as_ref().map(|last| &last.validators);
        let deadlines = self.deadlines(claim);
        let fetched = self.tab.event(&claim.race_id, claim.status.as_deref(), validators, deadlines).await;
        let seen = fetched.as_ref().ok().and_then(|fetched| self.observe(claim, fetched));
        let end = match fetched {
            Ok(Fetched::Response(response)) if last.is_none_or(|last| last.hash != response.hash) => {
                self.deliverer.summary.fetched(begun.elapsed());
                return End::Delivered(self.deliver(store, claim, response, seen.as_ref(), begun).await);
            }
            Ok(fetched) => {
                if let Fetched::Response(Response { request_id, .. }) = fetched {
                    tracing::debug!(race.id = %claim.race_id, request.id = %request_id, "response unchanged");
                }
                self.deliverer.summary.fetched(begun.elapsed());
                End::Unchanged
            }
            Err(error) if error.is_not_found() => {
                // The database counts these, and the housekeeper reports the race once.
                tracing::debug!(race.id = %claim.race_id, "race not found");
                End::NotFound
            }
            Err(error) => {
                tracing::warn!(race.id = %claim.race_id, error = %error, "race not fetched");
                End::NotFetched(error.cause())
            }
        };
        if !self.deliverer.database.is_unavailable() {
            end_lease(store, &claim.race_id, end.is_found(), seen.as_ref().map(|seen| &seen.refresh)).await;
        }
        end
    }

    fn observe(&self, claim: &Claim, fetched: &Fetched) -> Option<Observation> {
        let seen = self.freshness.observe(claim, fetched)?;
        if let Some(age_s) = seen.last_age_s {
            self.deliverer.summary.aged(age_s);
        }
        Some(seen)
    }

    async fn deliver(
        &self,
        store: &mut Store,
        claim: &Claim,
        response: Response,
        seen: Option<&Observation>,
        begun: Instant,
    ) -> Delivery {
        let last = Last { hash: response.hash, validators: response.validators.clone() };
        let refresh = seen.map(|seen| &seen.refresh);
        let delivery = self.deliverer.deliver(store, Subject::event(&claim.race_id), response, refresh, begun).await;
        if delivery.outcome() == Outcome::Failed {
            self.forget(&claim.race_id);
        } else {
            self.remember(&claim.race_id, last);
        }
        delivery
    }

    fn note_lateness(&self, claim: &Claim) {
        let clock = &self.deliverer.clock;
        let late = (clock.now() - claim.due_at).max(TimeDelta::zero());
        // Slots that passed before this fetcher began are not its misses.
        let running = TimeDelta::from_std(self.began.elapsed().mul_f64(clock.rate())).unwrap_or(TimeDelta::MAX);
        let since_begun = running.num_seconds() / i64::from(claim.cadence_s.max(1));
        let missed = u64::try_from(i64::from(claim.missed).min(since_begun)).unwrap_or(0);
        let late_here = late.min(running);
        histogram!("raceday_poll_lateness_seconds").record(late_here.as_seconds_f64());
        if missed > 0 {
            counter!("raceday_polls_missed_total").increment(missed);
            tracing::warn!(race.id = %claim.race_id, missed, "polls missed");
        }
        self.deliverer.summary.begun(&claim.race_id, late_here.to_std().unwrap_or_default(), missed);
    }

    fn deadlines(&self, claim: &Claim) -> Deadlines {
        let (now, clock) = (Instant::now(), &self.deliverer.clock);
        let next = claim.due_at + TimeDelta::seconds(i64::from(claim.cadence_s));
        let give_up = now + clock.until(claim.lease_until).mul_f64(FETCH_SHARE);
        Deadlines { retry_until: (now + clock.until(next)).min(give_up), give_up }
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

/// Counts a race as being polled until it is dropped, even if the poll panics.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{DateTime, Utc};
    use clap::Parser;
    use futures_util::FutureExt;
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::availability::Availability;
    use crate::breaker::Breaker;
    use crate::clock::Clock;
    use crate::config::{Cli, Command};
    use crate::db::Address;
    use crate::spool::Spool;
    use crate::store::Access;

    #[tokio::test]
    async fn a_poll_that_panics_is_no_longer_counted_as_active() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let _here = metrics::set_default_local_recorder(&recorder);
        let line = ["raceday-fetcher", "once", "race", "--database-url", "postgres://x@y/z"];
        let Command::Once { source, .. } = Cli::try_parse_from(line).unwrap().command else { panic!("not once") };
        let folder = tempfile::tempdir().unwrap();
        let (clock, database) = (Arc::new(Clock::default()), Arc::new(Availability::default()));
        let tab = Tab::new(&source, Breaker::new(1, Duration::from_hours(1))).unwrap();
        let spool = Arc::new(Spool::open(folder.path(), 1000).unwrap());
        let live_age = Arc::new(LiveAge::new(clock.clone()));
        let deliverer = Deliverer::new(spool, clock.clone(), database);
        let poller = Poller::new(Arc::new(tab), Arc::new(deliverer), live_age);
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
            is_live: true,
            refresh: None,
        };
        let polling = std::panic::AssertUnwindSafe(poller.poll(&mut store, &claim));
        assert!(polling.catch_unwind().await.is_err(), "it did not panic");
        let text = recorder.handle().render();
        assert!(text.lines().any(|line| line == "active_races_total 0"), "{text}");
    }
}
