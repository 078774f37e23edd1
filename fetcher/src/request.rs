//! Ids that identify each request to the TAB, and a log line on how each request ended.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::response::{FetchError, Fetched};

/// The header that carries a request's id, by which the TAB's support can find it.
pub const HEADER: &str = "x-request-id";

/// Numbers the requests of one client.
#[derive(Debug)]
pub struct Requests {
    /// The first part of every id; differs between clients and processes.
    prefix: u64,
    count: AtomicU64,
}

impl Default for Requests {
    fn default() -> Self {
        Self { prefix: RandomState::new().hash_one(std::process::id()), count: AtomicU64::new(0) }
    }
}

impl Requests {
    /// Begins a request with the next id.
    pub fn begin(&self) -> Request {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        Request { id: format!("{:016x}-{number}", self.prefix), ended: false }
    }
}

/// A request in progress. Logs at debug level how it ended, also if it is dropped.
#[derive(Debug)]
pub struct Request {
    id: String,
    ended: bool,
}

impl Request {
    /// The value of its header.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Logs the result.
    pub fn ended(mut self, fetched: &Result<Fetched, FetchError>) {
        self.ended = true;
        let request_id = &self.id;
        match fetched {
            Ok(Fetched::Response(response)) => {
                let hash = format!("{:016x}", response.hash);
                tracing::debug!(request.id = %request_id, body.xxh3 = hash, "response received");
            }
            Ok(Fetched::NotModified(_)) => tracing::debug!(request.id = %request_id, "response not modified"),
            Err(error) => tracing::debug!(request.id = %request_id, error = %error, "request failed"),
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.ended {
            tracing::debug!(request.id = %self.id, "request abandoned at its deadline");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_requests_have_the_same_id() {
        let (one, other) = (Requests::default(), Requests::default());
        let ids = [one.begin(), one.begin(), other.begin()].map(|request| request.id().to_owned());
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{ids:?}");
    }
}
