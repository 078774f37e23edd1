//! A record of requests and responses, for tests to compare with what arrived.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// The number of responses kept.
const CAPACITY: usize = 200_000;

/// Who sent a request, and on which connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Request {
    /// `X-Partner-ID`.
    pub partner_id: Option<String>,
    /// `X-Request-ID`.
    pub request_id: Option<String>,
    /// The number of the connection, from 1.
    pub connection: u64,
    /// The number of the request on its connection, from 1.
    pub nth_of_connection: u64,
}

/// How a connection ended, as seen by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The client closed it and had read everything that had arrived.
    Closed,
    /// The client closed it with bytes unread, or more were sent after it had.
    Reset,
    /// The server closed it.
    Here,
}

/// A connection with requests to the API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ConnectionCounts {
    /// The number of requests on it.
    pub requests: u64,
    /// How it ended; null while it is open.
    pub ended: Option<End>,
}

/// A complete 200 response to a request for an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// The race.
    pub race_id: String,
    /// The header's `generated_time`; null for garbage.
    pub generated_time: Option<String>,
    /// When the state it carries was taken, by our clock; null for garbage.
    pub state_at: Option<String>,
    /// The edge that responded.
    pub edge: u32,
    /// The xxh3-64 of the body before compression, as 16 hexadecimal digits.
    pub xxh3: String,
    /// The length of the body before compression.
    pub body_bytes: usize,
    /// The simulated time of the request.
    pub requested_at: String,
    /// The request it responds to.
    #[serde(flatten)]
    pub request: Request,
    /// The fault that replaced the body, if it is not the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
}

/// The counts of one race.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RaceCounts {
    /// Requests with any outcome.
    pub requests: u64,
    /// Complete 200 responses, including garbage.
    pub responses: u64,
}

/// All counts, and the responses.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Stats {
    /// Requests to the API.
    pub requests: u64,
    /// Requests to the API without `From`, `X-Partner` or `X-Partner-ID`.
    pub unidentified_requests: u64,
    /// Responses by status code.
    pub by_status: BTreeMap<u16, u64>,
    /// Faults by name.
    pub by_fault: BTreeMap<&'static str, u64>,
    /// Counts by race.
    pub races: BTreeMap<String, RaceCounts>,
    /// Connections by number.
    pub connections: BTreeMap<u64, ConnectionCounts>,
    /// The number of responses dropped, the oldest first, because there was no room.
    pub responses_dropped: u64,
    /// The responses, the oldest first.
    pub responses: VecDeque<Sent>,
}

/// Keeps the counts and the responses.
#[derive(Debug, Default)]
pub struct Ledger {
    stats: Mutex<Stats>,
}

impl Ledger {
    /// Counts a request.
    pub fn count_request(&self, race_id: Option<&str>, identified: bool) {
        self.with(|stats| {
            stats.requests += 1;
            stats.unidentified_requests += u64::from(!identified);
            if let Some(race_id) = race_id {
                stats.races.entry(race_id.to_owned()).or_default().requests += 1;
            }
        });
    }

    /// Counts a request on a connection and returns its number there.
    pub fn count_request_on(&self, connection: u64) -> u64 {
        self.with(|stats| {
            let counts = stats.connections.entry(connection).or_default();
            counts.requests += 1;
            counts.requests
        })
    }

    /// Records the end of a connection; only the first call counts.
    pub fn record_end(&self, connection: u64, end: End) {
        self.with(|stats| {
            // Connections without requests to the API are ignored.
            if let Some(counts) = stats.connections.get_mut(&connection) {
                counts.ended.get_or_insert(end);
            }
        });
    }

    /// Counts a status.
    pub fn count_status(&self, status: u16) {
        self.with(|stats| *stats.by_status.entry(status).or_default() += 1);
    }

    /// Counts a fault.
    pub fn count_fault(&self, fault: &'static str) {
        self.with(|stats| *stats.by_fault.entry(fault).or_default() += 1);
    }

    /// Records a complete response.
    pub fn record(&self, sent: Sent) {
        self.with(|stats| {
            stats.races.entry(sent.race_id.clone()).or_default().responses += 1;
            if stats.responses.len() == CAPACITY {
                stats.responses.pop_front();
                stats.responses_dropped += 1;
            }
            stats.responses.push_back(sent);
        });
    }

    /// The counts, and the responses that match.
    pub fn stats(&self, matches: impl Fn(&Sent) -> bool) -> Stats {
        self.with(|stats| {
            let responses = stats.responses.iter().filter(|sent| matches(sent)).cloned().collect();
            let (by_status, by_fault, races) = (stats.by_status.clone(), stats.by_fault.clone(), stats.races.clone());
            Stats { by_status, by_fault, races, connections: stats.connections.clone(), responses, ..*stats }
        })
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut Stats) -> T) -> T {
        use_it(&mut self.stats.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
