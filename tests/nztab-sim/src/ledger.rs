//! What was asked and what was answered, for tests to compare with what arrived.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Answers remembered.
const CAPACITY: usize = 200_000;

/// A request, as far as it says who made it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Its `X-Partner-ID`.
    pub partner_id: Option<String>,
    /// Its `X-Request-ID`.
    pub request_id: Option<String>,
    /// The connection it came on; they are counted from 1.
    pub connection: u64,
    /// Which one of the connection it was; they are counted from 1.
    pub nth_of_connection: u64,
}

/// How a connection ended, as far as this side can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The client closed it, and had read all that had arrived by then.
    Closed,
    /// The client closed it with bytes unread, or was sent more after it had.
    Reset,
    /// This side ended it.
    Here,
}

/// A connection on which the API was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ConnectionCounts {
    /// Requests that came on it.
    pub requests: u64,
    /// How it ended; absent while it is open.
    pub ended: Option<End>,
}

/// A complete 200 answer to a request for an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The race.
    pub race_id: String,
    /// As in the answer's header; absent for garbage.
    pub generated_time: Option<String>,
    /// xxh3-64 of the body before compression, 16 hexadecimal digits.
    pub xxh3: String,
    /// Length of the body before compression.
    pub body_bytes: usize,
    /// Simulated time of the request.
    pub asked_at: String,
    /// Who asked, and on which connection.
    #[serde(flatten)]
    pub request: Request,
    /// The fault that made the body what it is, when it is not the event itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
}

/// Counts of one race.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RaceCounts {
    /// Requests, however they were answered.
    pub requests: u64,
    /// Complete 200 answers, garbage included.
    pub answers: u64,
}

/// Counts of everything, and the answers.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Stats {
    /// Requests to the API.
    pub requests: u64,
    /// Of them, without `From`, `X-Partner` or `X-Partner-ID`.
    pub unidentified_requests: u64,
    /// Answers by status code.
    pub by_status: BTreeMap<u16, u64>,
    /// Faults by name.
    pub by_fault: BTreeMap<&'static str, u64>,
    /// Counts by race.
    pub races: BTreeMap<String, RaceCounts>,
    /// Connections by number.
    pub connections: BTreeMap<u64, ConnectionCounts>,
    /// Answers that the log had no room for: the oldest ones.
    pub answers_forgotten: u64,
    /// The answers, oldest first.
    pub answers: VecDeque<Answer>,
}

/// Keeps the counts.
#[derive(Debug, Default)]
pub struct Ledger {
    stats: Mutex<Stats>,
}

impl Ledger {
    /// Counts a request.
    pub fn asked(&self, race_id: Option<&str>, identified: bool) {
        self.with(|stats| {
            stats.requests += 1;
            stats.unidentified_requests += u64::from(!identified);
            if let Some(race_id) = race_id {
                stats.races.entry(race_id.to_owned()).or_default().requests += 1;
            }
        });
    }

    /// Counts a request on a connection; returns which one of it this is.
    pub fn asked_on(&self, connection: u64) -> u64 {
        self.with(|stats| {
            let counts = stats.connections.entry(connection).or_default();
            counts.requests += 1;
            counts.requests
        })
    }

    /// Notes the end of a connection; the first that is noted counts.
    pub fn ended(&self, connection: u64, end: End) {
        self.with(|stats| {
            // One on which the API was never asked is of no interest.
            if let Some(counts) = stats.connections.get_mut(&connection) {
                counts.ended.get_or_insert(end);
            }
        });
    }

    /// Counts a status.
    pub fn answered(&self, status: u16) {
        self.with(|stats| *stats.by_status.entry(status).or_default() += 1);
    }

    /// Counts a fault.
    pub fn misbehaved(&self, fault: &'static str) {
        self.with(|stats| *stats.by_fault.entry(fault).or_default() += 1);
    }

    /// Writes down a complete answer.
    pub fn given(&self, answer: Answer) {
        self.with(|stats| {
            stats.races.entry(answer.race_id.clone()).or_default().answers += 1;
            if stats.answers.len() == CAPACITY {
                stats.answers.pop_front();
                stats.answers_forgotten += 1;
            }
            stats.answers.push_back(answer);
        });
    }

    /// The counts, and the answers wanted.
    pub fn stats(&self, wanted: impl Fn(&Answer) -> bool) -> Stats {
        self.with(|stats| {
            let answers = stats.answers.iter().filter(|answer| wanted(answer)).cloned().collect();
            let (by_status, by_fault, races) = (stats.by_status.clone(), stats.by_fault.clone(), stats.races.clone());
            Stats { by_status, by_fault, races, connections: stats.connections.clone(), answers, ..*stats }
        })
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut Stats) -> T) -> T {
        use_it(&mut self.stats.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
