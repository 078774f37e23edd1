//! The age of the data that polls bring, and what each poll shows of the TAB's refreshes.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use metrics::histogram;
use serde_json::Value;

use crate::claim::Claim;
use crate::clock::Clock;
use crate::envelope::Envelope;
use crate::phase::{Estimate, Phase, Poll};
use crate::response::{Exchange, Fetched};
use crate::skew::Skew;

/// The time before a start in which the summary reports the data's age.
const LAST_S: f64 = 120.0;

/// Observes the responses of all workers.
#[derive(Debug)]
pub struct Freshness {
    clock: Arc<Clock>,
    skew: Mutex<Skew>,
}

/// What a response has shown.
#[derive(Debug, Clone)]
pub struct Observation {
    /// For `raceday_poll_done`.
    pub refresh: Value,
    /// The data's age in the last two minutes before a start, in seconds.
    pub last_age_s: Option<f64>,
}

impl Freshness {
    /// Nothing is known of the TAB's clock yet.
    pub fn new(clock: Arc<Clock>) -> Self {
        Self { clock, skew: Mutex::default() }
    }

    /// Observes the response to a claimed race's poll; none during an outage of the database, or if it is no event.
    pub fn observe(&self, claim: &Claim, fetched: &Fetched) -> Option<Observation> {
        let refresh = claim.refresh.as_ref()?;
        let (exchange, envelope) = match fetched {
            Fetched::Response(response) => (&response.exchange, Some(Envelope::of(&response.body)?)),
            Fetched::NotModified(exchange) => (exchange, None),
        };
        let (sent_s, received_s) = (seconds(self.clock.at(exchange.sent)), seconds(self.clock.at(exchange.received)));
        let poll = Poll {
            sent_s,
            received_s,
            content: envelope.map(|envelope| envelope.content),
            generated_s: self.generated_s(exchange, envelope, sent_s, received_s),
            margin_s: refresh.margin_s,
            cadence_s: f64::from(claim.cadence_s),
            to_start_s: (refresh.start_time - self.clock.now()).as_seconds_f64(),
            is_aligned: refresh.is_aligned,
            is_again: refresh.is_again,
        };
        let mut phase = Phase::restored(refresh.state.clone(), refresh.period_s);
        let estimate = phase.observe(&poll);
        if claim.is_live {
            record(&estimate);
        }
        let last_age_s = estimate.data_age_s.filter(|_| (0.0..LAST_S).contains(&poll.to_start_s));
        Some(Observation { refresh: stored(&phase, &estimate)?, last_age_s })
    }

    /// When a response was generated, by our clock.
    fn generated_s(
        &self,
        exchange: &Exchange,
        envelope: Option<Envelope>,
        sent_s: f64,
        received_s: f64,
    ) -> Option<f64> {
        let generated_s = envelope.and_then(|envelope| envelope.generated_at).map(seconds);
        let mut skew = self.skew.lock().unwrap_or_else(PoisonError::into_inner);
        skew.observe(sent_s, received_s, exchange.date.map(seconds), generated_s);
        generated_s.map(|generated_s| skew.ours_s(generated_s))
    }
}

fn record(estimate: &Estimate) {
    for (kind, age_s) in [("generated", estimate.data_age_s), ("changed", estimate.changed_within_s)] {
        if let Some(age_s) = age_s {
            histogram!("nztab_data_age_seconds", "kind" => kind).record(age_s);
        }
    }
}

fn stored(phase: &Phase, estimate: &Estimate) -> Option<Value> {
    let mut refresh = serde_json::to_value(estimate).ok()?;
    refresh.as_object_mut()?.insert("state".into(), serde_json::to_value(phase).ok()?);
    Some(refresh)
}

/// Seconds since 1970; microseconds of them fit.
fn seconds(at: DateTime<Utc>) -> f64 {
    (at - DateTime::UNIX_EPOCH).as_seconds_f64()
}
