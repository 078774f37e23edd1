//! What tells one request to the TAB from another, and a word in the log on what became of each.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::tab::{FetchError, Fetched};

/// The header by which a request is known to the TAB, and may be asked after.
pub const HEADER: &str = "x-request-id";

/// The requests of one client.
#[derive(Debug)]
pub struct Requests {
    /// Begins the ids; another client's, and another process's, begin otherwise.
    prefix: u64,
    count: AtomicU64,
}

impl Default for Requests {
    fn default() -> Self {
        Self { prefix: RandomState::new().hash_one(std::process::id()), count: AtomicU64::new(0) }
    }
}

impl Requests {
    /// One more.
    pub fn begin(&self) -> Request {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        Request { id: format!("{:016x}-{number}", self.prefix), ended: false }
    }
}

/// A request under way. What became of it is logged at debug, whichever way it ends.
#[derive(Debug)]
pub struct Request {
    id: String,
    ended: bool,
}

impl Request {
    /// Its value of the header.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// It has been answered, or has failed.
    pub fn ended(mut self, fetched: &Result<Fetched, FetchError>) {
        self.ended = true;
        let request_id = &self.id;
        match fetched {
            Ok(Fetched::Answer(answer)) => {
                tracing::debug!(request.id = %request_id, body.xxh3 = format!("{:016x}", answer.hash), "answer.received");
            }
            Ok(Fetched::NotModified) => tracing::debug!(request.id = %request_id, "answer.not_modified"),
            Err(error) => tracing::debug!(request.id = %request_id, error = %error, "request.failed"),
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.ended {
            tracing::debug!(request.id = %self.id, "request.given_up");
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
