//! Which faults the simulator produces, and when.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::rng;

/// How often a fault happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Often {
    /// The probability that a request meets the fault.
    pub probability: f64,
    /// The maximum number of requests that meet it; `null` for no limit.
    pub count: Option<u64>,
}

impl Default for Often {
    fn default() -> Self {
        Self { probability: 1.0, count: None }
    }
}

/// A fault with a duration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timed {
    /// The duration in real milliseconds.
    pub ms: u64,
    /// How often.
    #[serde(flatten)]
    pub often: Often,
}

/// `429 Too Many Requests`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TooManyRequests {
    /// Seconds in the header `Retry-After`; `null` omits it.
    #[serde(default)]
    pub retry_after_s: Option<u64>,
    /// How often.
    #[serde(flatten)]
    pub often: Often,
}

/// A 5xx response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerError {
    /// The status code.
    #[serde(default = "ServerError::default_status")]
    pub status: u16,
    /// How often.
    #[serde(flatten)]
    pub often: Often,
}

impl ServerError {
    const fn default_status() -> u16 {
        503
    }
}

/// All faults; an absent one does not happen. A request meets at most the first that applies, besides latency.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Only requests whose path contains this meet faults.
    pub path: Option<String>,
    /// The response is delayed.
    pub latency: Option<Timed>,
    /// The connection is closed without a response.
    pub dropped_connection: Option<Often>,
    /// 429.
    pub too_many_requests: Option<TooManyRequests>,
    /// 5xx.
    pub server_error: Option<ServerError>,
    /// The connection closes after half of the body.
    pub truncated_body: Option<Often>,
    /// The body is sent slowly.
    pub slow_body: Option<Timed>,
    /// A 200 whose body is not JSON.
    pub garbage_body: Option<Often>,
    /// Ids of races whose event is 404, whatever `path` is.
    pub missing_events: Vec<String>,
    /// Ids of races that the meetings lists leave out, with a meeting of which none is left, whatever `path` is.
    pub unlisted_races: Vec<String>,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed.
    DroppedConnection,
    /// 429 with this `Retry-After`, in seconds.
    TooManyRequests(Option<u64>),
    /// This status code.
    ServerError(u16),
    /// Half a body.
    TruncatedBody,
    /// A body sent over this many milliseconds.
    SlowBody(u64),
    /// A body that is not JSON.
    GarbageBody,
}

impl Fault {
    /// Its name in the settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DroppedConnection => "dropped_connection",
            Self::TooManyRequests(_) => "too_many_requests",
            Self::ServerError(_) => "server_error",
            Self::TruncatedBody => "truncated_body",
            Self::SlowBody(_) => "slow_body",
            Self::GarbageBody => "garbage_body",
        }
    }
}

/// What a request meets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Milliseconds before the response.
    pub latency_ms: Option<u64>,
    /// The fault, if any.
    pub fault: Option<Fault>,
}

/// Decides which request meets which fault: for one seed, the n-th request since the faults were set always meets the same.
#[derive(Debug)]
pub struct Misbehaviour {
    seed: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    faults: Faults,
    requests: u64,
    happened: [u64; 7],
}

impl Misbehaviour {
    /// Applies these faults from the start.
    #[must_use]
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self { seed, state: Mutex::new(State { faults, requests: 0, happened: [0; 7] }) }
    }

    /// Applies these faults from now on; counts start again.
    pub fn set(&self, faults: Faults) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State { faults, requests: 0, happened: [0; 7] };
    }

    /// The current faults.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).faults.clone()
    }

    /// Decides what a request meets.
    #[must_use]
    pub fn decide(&self, path: &str) -> Verdict {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let faults = state.faults.clone();
        if faults.path.as_ref().is_some_and(|wanted| !path.contains(wanted.as_str())) {
            return Verdict::default();
        }
        state.requests += 1;
        let request = state.requests;
        let mut fires = |index: usize, often: &Often| {
            let fires = rng::unit(self.seed, &[request, index as u64, 77]) < often.probability
                && often.count.is_none_or(|count| state.happened[index] < count);
            state.happened[index] += u64::from(fires);
            fires
        };
        let latency_ms = faults.latency.filter(|latency| fires(0, &latency.often)).map(|latency| latency.ms);
        let plain = |often: Option<Often>, fault| often.map(|often| (often, fault));
        let candidates = [
            plain(faults.dropped_connection, Fault::DroppedConnection),
            faults.too_many_requests.map(|fault| (fault.often, Fault::TooManyRequests(fault.retry_after_s))),
            faults.server_error.map(|fault| (fault.often, Fault::ServerError(fault.status))),
            plain(faults.truncated_body, Fault::TruncatedBody),
            faults.slow_body.map(|fault| (fault.often, Fault::SlowBody(fault.ms))),
            plain(faults.garbage_body, Fault::GarbageBody),
        ];
        let fault = (1..)
            .zip(candidates)
            .find_map(|(index, candidate)| candidate.filter(|(often, _)| fires(index, often)).map(|(_, fault)| fault));
        Verdict { latency_ms, fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(json: &str) -> Faults {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_count_limits_a_fault() {
        let misbehaviour = Misbehaviour::new(1, faults(r#"{"server_error": {"status": 500, "count": 2}}"#));
        let met: Vec<_> = (0..4).map(|_| misbehaviour.decide("/x").fault).collect();
        let error = Some(Fault::ServerError(500));
        assert_eq!(met, [error, error, None, None]);
    }

    #[test]
    fn faults_have_their_probability_and_are_reproducible() {
        let settings = faults(r#"{"path": "/events/", "dropped_connection": {"probability": 0.25}}"#);
        let run = || {
            let misbehaviour = Misbehaviour::new(7, settings.clone());
            assert_eq!(misbehaviour.decide("/meetings"), Verdict::default());
            (0..2000).map(|_| misbehaviour.decide("/events/1").fault.is_some()).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
        let met = run().into_iter().filter(|met| *met).count();
        assert!((400..600).contains(&met), "{met}");
    }

    #[test]
    fn unknown_faults_are_rejected() {
        assert!(serde_json::from_str::<Faults>(r#"{"earthquake": {}}"#).is_err());
    }
}
