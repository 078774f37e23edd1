//! Delivers responses to the database: first to the spool, then to staging.

use std::sync::Arc;
use std::time::Instant;

use metrics::{counter, histogram};
use serde_json::Value;

use crate::availability::Availability;
use crate::clock::Clock;
use crate::db::ErrorKind;
use crate::payload::{Payload, Subject};
use crate::response::Response;
use crate::spool::{Spool, SpoolError, Ticket};
use crate::store::{Store, Stored};
use crate::summary::{Outcome, Summary};

/// How the delivery of a response ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Staged and processed.
    Processed,
    /// Staged, to be processed later.
    Staged,
    /// Staged, but could not be processed.
    PayloadFailed,
    /// In the spool, to be stored later.
    Spooled,
    /// Neither stored nor spooled.
    Lost,
}

impl Delivery {
    /// The value of the label `result` in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Processed => "processed",
            Self::Staged => "staged",
            Self::PayloadFailed => "payload_failed",
            Self::Spooled => "spooled",
            Self::Lost => "lost",
        }
    }

    /// How it counts in the summary.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Processed | Self::Staged => Outcome::Processed,
            Self::Spooled => Outcome::Spooled,
            Self::PayloadFailed | Self::Lost => Outcome::Failed,
        }
    }
}

/// Delivers the responses of all workers.
#[derive(Debug)]
pub struct Deliverer {
    /// Where responses wait during an outage of the database.
    pub spool: Arc<Spool>,
    /// The database's clock.
    pub clock: Arc<Clock>,
    /// Whether the database is available.
    pub database: Arc<Availability>,
    /// The counts of this run.
    pub summary: Summary,
}

impl Deliverer {
    /// A deliverer with nothing counted yet.
    pub fn new(spool: Arc<Spool>, clock: Arc<Clock>, database: Arc<Availability>) -> Self {
        Self { spool, clock, database, summary: Summary::default() }
    }

    /// Stores a response that was just received, or leaves it in the spool. `refresh` is what it shows of the race's refreshes,
    /// `begun` when its poll began.
    pub async fn deliver(
        &self,
        store: &mut Store,
        subject: Subject,
        response: Response,
        refresh: Option<&Value>,
        begun: Instant,
    ) -> Delivery {
        histogram!("raceday_payload_bytes").record(response.body.len() as f64);
        let Response { body, request_id, .. } = response;
        let payload = Payload { subject, fetched_at: self.clock.now(), body: Arc::new(body) };
        let received = Instant::now();
        let ticket = self.spool(&payload, &request_id).await;
        let mut is_available = !self.database.is_unavailable();
        // Behind older responses about the same subject that are waiting, so that all are staged in order.
        let must_wait = !is_available || self.spool.has_waiting(&payload.subject);
        if ticket.is_none() || !must_wait {
            let asked = Instant::now();
            match store.store(&payload, refresh).await {
                Ok(stored) => {
                    self.summary.stored(asked.elapsed(), begun.elapsed());
                    histogram!("raceday_store_seconds").record(asked.elapsed().as_secs_f64());
                    histogram!("raceday_staging_visible_seconds").record(received.elapsed().as_secs_f64());
                    confirm(ticket).await;
                    return report(&payload.subject, &stored);
                }
                Err(error) => {
                    is_available = error.kind() != ErrorKind::Unavailable;
                    tracing::warn!(race.id = %payload.subject, error = %error, "storing a response failed");
                }
            }
        }
        keep(ticket, &payload.subject, store, refresh, is_available).await
    }

    /// Writes a response to the spool; none if the spool does not take it.
    async fn spool(&self, payload: &Payload, request_id: &str) -> Option<Ticket> {
        match self.spool.put(payload.clone()).await {
            Ok(ticket) => {
                // From here on the response survives this process; `cargo xtask chaos` verifies that.
                tracing::debug!(
                    race.id = %payload.subject,
                    request.id = %request_id,
                    body.xxh3 = %ticket.hash(),
                    fetched_at_us = payload.fetched_at.timestamp_micros(),
                    "response spooled"
                );
                Some(ticket)
            }
            Err(error) => {
                let reason = if matches!(error, SpoolError::Full) { "spool_full" } else { "spool_error" };
                counter!("raceday_spool_refusals_total", "reason" => reason).increment(1);
                tracing::error!(race.id = %payload.subject, error = %error, "response not spooled");
                None
            }
        }
    }
}

async fn confirm(ticket: Option<Ticket>) {
    if let Some(ticket) = ticket
        && let Err(error) = ticket.confirm().await
    {
        tracing::error!(error = %error, "stored response not removed from the spool");
    }
}

/// Leaves a response that was not stored in the spool, if it is there.
async fn keep(
    ticket: Option<Ticket>,
    subject: &Subject,
    store: &mut Store,
    refresh: Option<&Value>,
    is_available: bool,
) -> Delivery {
    let Some(ticket) = ticket else {
        counter!("raceday_payloads_failed_total", "reason" => "lost").increment(1);
        tracing::error!(race.id = %subject, "response lost: neither spooled nor stored");
        return Delivery::Lost;
    };
    if let Err(error) = ticket.keep().await {
        tracing::error!(race.id = %subject, error = %error, "spooled response not synced to disk");
    }
    // Its slot has been polled; if the lease were left to expire, the race would be due again then, before its cadence.
    if is_available && let Subject::Event { race_id } = subject {
        end_lease(store, race_id, Some(true), refresh).await;
    }
    Delivery::Spooled
}

/// Ends the lease on a race for which nothing was staged. `is_found` is whether the TAB has the event; none if it did not say.
/// `refresh` is what its response shows of the race's refreshes.
pub async fn end_lease(store: &mut Store, race_id: &str, is_found: Option<bool>, refresh: Option<&Value>) {
    if let Err(error) = store.done(race_id, is_found, refresh).await {
        tracing::debug!(race.id = %race_id, error = %error, "lease not ended: it will expire");
    }
}

/// Reports the result of storing a payload in metrics and, if processing failed, in the log.
pub fn report(subject: &Subject, stored: &Stored) -> Delivery {
    let Stored::Processed(processed) = stored else { return Delivery::Staged };
    histogram!("transform_seconds").record(processed.transform_ms / 1000.0);
    histogram!("db_write_seconds").record(processed.write_ms / 1000.0);
    if !processed.is_failure() {
        return Delivery::Processed;
    }
    let reason = if processed.failed > 0 { "bad_payload" } else { "process_error" };
    let failed = u64::try_from(processed.failed).unwrap_or(0).max(1);
    counter!("raceday_payloads_failed_total", "reason" => reason).increment(failed);
    let error = processed.error.as_deref();
    tracing::error!(race.id = %subject, process.status = %processed.status, error, "payload could not be processed");
    Delivery::PayloadFailed
}
