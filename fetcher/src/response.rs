//! Responses of the TAB, and why there may be none.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::header::{self, HeaderMap, HeaderValue};

/// Why there is no response.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// No connection.
    #[error("cannot connect")]
    Connect,
    /// No complete response within the time for a request or before the deadline.
    #[error("timed out")]
    Timeout,
    /// The connection ended before the body did, or the body does not decompress.
    #[error("connection closed before the response was complete")]
    Incomplete,
    /// The body exceeds the limit.
    #[error("body too large")]
    TooLarge,
    /// A status other than 200 and 304.
    #[error("status {status}")]
    Status {
        /// HTTP status.
        status: u16,
        /// The wait that its Retry-After asks for.
        retry_after: Option<Duration>,
    },
    /// The circuit breaker is open; no request was made.
    #[error("the TAB is unavailable")]
    Unavailable,
    /// A Retry-After of the TAB outlasts this poll; no request was made.
    #[error("held back by Retry-After")]
    Held,
}

impl FetchError {
    /// The value of the label `cause` or `result` in metrics.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Incomplete => "broken_off",
            Self::TooLarge => "too_large",
            error if error.is_not_found() => "not_found",
            Self::Status { status: 429, .. } => "throttled",
            Self::Status { status: 500.., .. } => "server_error",
            Self::Status { .. } => "refused",
            Self::Unavailable => "down",
            Self::Held => "held",
        }
    }

    /// Whether the TAB does not have what was requested.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404 | 410, .. })
    }

    /// Whether a further attempt may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect | Self::Timeout | Self::Incomplete => true,
            Self::Status { status, .. } => *status == 429 || *status == 408 || *status >= 500,
            Self::TooLarge | Self::Unavailable | Self::Held => false,
        }
    }

    /// Whether it indicates an outage of the TAB, rather than a problem of one request.
    pub fn indicates_outage(&self) -> bool {
        matches!(self, Self::Connect | Self::Timeout | Self::Incomplete | Self::Status { status: 500.., .. })
    }

    /// The wait that the TAB asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// What lets the TAB respond "not modified" to the next request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Validators {
    /// The validators in a response's headers.
    pub fn of(headers: &HeaderMap) -> Self {
        Self { etag: headers.get(header::ETAG).cloned(), last_modified: headers.get(header::LAST_MODIFIED).cloned() }
    }

    /// The headers that make a request conditional.
    pub fn conditions(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(etag) = &self.etag {
            headers.insert(header::IF_NONE_MATCH, etag.clone());
        }
        if let Some(last_modified) = &self.last_modified {
            headers.insert(header::IF_MODIFIED_SINCE, last_modified.clone());
        }
        headers
    }
}

/// When a request was sent and responded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// When the request was sent.
    pub sent: Instant,
    /// When the response's headers arrived.
    pub received: Instant,
    /// The response's `Date`, unless a cache has kept it: by the TAB's clock, in whole seconds.
    pub date: Option<DateTime<Utc>>,
}

impl Exchange {
    /// The exchange that ends with these headers now.
    pub fn of(sent: Instant, headers: &HeaderMap) -> Self {
        let is_kept = headers.get(header::AGE).is_some_and(|age| age.as_bytes() != b"0");
        let date = headers.get(header::DATE).filter(|_| !is_kept).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| httpdate::parse_http_date(date).ok()).map(DateTime::from);
        Self { sent, received: Instant::now(), date }
    }
}

/// A complete response of status 200.
#[derive(Debug, Clone)]
pub struct Response {
    /// The body, decompressed, otherwise byte for byte.
    pub body: Vec<u8>,
    /// The xxh3-64 of the body.
    pub hash: u64,
    /// For the next request.
    pub validators: Validators,
    /// The `X-Request-ID` of its request.
    pub request_id: String,
    /// When it was requested and received.
    pub exchange: Exchange,
}

/// The result of a successful request.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// A body.
    Response(Response),
    /// Nothing has changed since the response whose validators were sent.
    NotModified(Exchange),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_transient_errors_are_retried() {
        let status = |status| FetchError::Status { status, retry_after: None };
        for error in [FetchError::Connect, FetchError::Timeout, FetchError::Incomplete, status(429), status(503)] {
            assert!(error.is_transient(), "{error}");
        }
        for error in [FetchError::TooLarge, FetchError::Unavailable, status(404), status(400), status(302)] {
            assert!(!error.is_transient(), "{error}");
        }
    }

    #[test]
    fn only_404_and_410_mean_that_there_is_no_such_event() {
        let not_found = |status| FetchError::Status { status, retry_after: None }.is_not_found();
        assert!(not_found(404) && not_found(410));
        assert!(!not_found(400) && !not_found(403) && !not_found(503) && !FetchError::Timeout.is_not_found());
    }

    #[test]
    fn a_refusal_does_not_indicate_an_outage() {
        assert!(!FetchError::Status { status: 404, retry_after: None }.indicates_outage());
        assert!(!FetchError::Status { status: 429, retry_after: None }.indicates_outage());
        assert!(FetchError::Status { status: 502, retry_after: None }.indicates_outage());
    }
}
