//! The TAB's affiliates API: requests with retries, limits and conditions; an answer is bytes, never looked into.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use backon::{ExponentialBuilder, Retryable};
use chrono::NaiveDate;
use metrics::{counter, histogram};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url};
use xxhash_rust::xxh3::xxh3_64;

use crate::breaker::Breaker;
use crate::config::SourceArgs;
use crate::request::{self, Requests};

/// Longest that a Retry-After is heeded: a slip of the TAB must not silence the fetcher for a day.
const HOLD_MAX: Duration = Duration::from_mins(1);
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(200);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(2);
/// The TAB's largest page.
pub const PAGE_LIMIT: usize = 200;

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A header's value holds what no header may hold; names the setting, not the value.
    #[error("{0} cannot be sent as a header")]
    Header(&'static str),
    /// The HTTP client could not be built.
    #[error("HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// No connection.
    #[error("cannot connect")]
    Connect,
    /// Not answered, or not wholly, within the time for a request or before the deadline.
    #[error("timed out")]
    Timeout,
    /// The connection ended before the body did, or the body does not decompress.
    #[error("broken off")]
    BrokenOff,
    /// The body is larger than is taken.
    #[error("body too large")]
    TooLarge,
    /// An answer that is not 200; with the Retry-After it asks for.
    #[error("status {status}")]
    Status {
        /// HTTP status.
        status: u16,
        /// From now on.
        retry_after: Option<Duration>,
    },
    /// The TAB is taken for down; nothing was asked.
    #[error("the TAB is down")]
    Down,
    /// The TAB has asked not to be asked before this poll's time is over; nothing was asked.
    #[error("held back by Retry-After")]
    Held,
}

impl FetchError {
    /// A word for metrics.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::BrokenOff => "broken_off",
            Self::TooLarge => "too_large",
            Self::Status { status: 404, .. } => "not_found",
            Self::Status { status: 429, .. } => "throttled",
            Self::Status { status: 500.., .. } => "server_error",
            Self::Status { .. } => "refused",
            Self::Down => "down",
            Self::Held => "held",
        }
    }

    fn may_pass(&self) -> bool {
        match self {
            Self::Connect | Self::Timeout | Self::BrokenOff => true,
            Self::Status { status, .. } => *status == 429 || *status == 408 || *status >= 500,
            Self::TooLarge | Self::Down | Self::Held => false,
        }
    }

    /// Whether it speaks of a TAB that is down, rather than of one request.
    fn blames_the_tab(&self) -> bool {
        matches!(self, Self::Connect | Self::Timeout | Self::BrokenOff | Self::Status { status: 500.., .. })
    }
}

/// What lets the TAB answer "not modified".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Validators {
    fn of(headers: &HeaderMap) -> Self {
        Self { etag: headers.get(header::ETAG).cloned(), last_modified: headers.get(header::LAST_MODIFIED).cloned() }
    }

    fn conditions(&self) -> HeaderMap {
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

/// A whole answer of status 200, decompressed, as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The body.
    pub body: Vec<u8>,
    /// Its hash.
    pub hash: u64,
    /// For the next request.
    pub validators: Validators,
    /// The `X-Request-ID` that it was asked with.
    pub request_id: String,
}

/// What the TAB said.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// Something.
    Answer(Answer),
    /// That nothing has changed since.
    NotModified,
}

/// How long a request may take: tries go on until `retry_until`, and none lasts beyond `give_up`.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    /// No further try begins after this: the next poll is worth more than a late answer.
    pub retry_until: Instant,
    /// The request is given up: another worker may take the race over.
    pub give_up: Instant,
}

/// A client of the TAB, shared by all workers.
#[derive(Debug)]
pub struct Tab {
    http: Client,
    base: Url,
    body_max_bytes: usize,
    /// Counts failures, and stops asking when there are too many.
    pub breaker: Breaker,
    hold_until: Mutex<Option<Instant>>,
    requests: Requests,
}

impl Tab {
    /// A client with the settings' identification, limits and timeouts.
    pub fn new(settings: &SourceArgs, breaker: Breaker) -> Result<Self, SetupError> {
        let http = Client::builder()
            .user_agent(concat!("raceday-fetcher/", env!("CARGO_PKG_VERSION")))
            .default_headers(identification(settings)?)
            .timeout(settings.fetch_timeout)
            .connect_timeout(settings.connect_timeout.min(settings.fetch_timeout))
            .tcp_keepalive(Duration::from_secs(15))
            .pool_idle_timeout(Duration::from_secs(90))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let base = settings.nztab_api_url.clone();
        Ok(Self {
            http,
            base,
            body_max_bytes: settings.body_max_bytes,
            breaker,
            hold_until: Mutex::new(None),
            requests: Requests::default(),
        })
    }

    /// A race with everything that means something in its status.
    ///
    /// `status` is the race's as last known, `known` the validators of the answer had before.
    pub async fn event(
        &self,
        race_id: &str,
        status: Option<&str>,
        known: Option<&Validators>,
        slot: Slot,
    ) -> Result<Fetched, FetchError> {
        let mut url = self.address(&["events", race_id]);
        url.query_pairs_mut()
            .append_pair("with_money_tracker", "true")
            .append_pair("with_tote_trends_data", "true")
            .append_pair("with_will_pays", "true");
        // Bets are only taken, and so only listed, while the race is open.
        if status.is_none_or(|status| status.eq_ignore_ascii_case("open")) {
            url.query_pairs_mut().append_pair("with_big_bets", "true").append_pair("with_live_bets", "true");
        }
        self.get(url, known, slot).await
    }

    /// A page of the meetings of a New Zealand day.
    pub async fn meetings(
        &self,
        date: NaiveDate,
        countries: &[String],
        categories: &[String],
        offset: usize,
        slot: Slot,
    ) -> Result<Fetched, FetchError> {
        let mut url = self.address(&["meetings"]);
        url.query_pairs_mut()
            .append_pair("date_from", &date.to_string())
            .append_pair("date_to", &date.to_string())
            .append_pair("category", &categories.join(","))
            .append_pair("country", &countries.join(","))
            .append_pair("limit", &PAGE_LIMIT.to_string())
            .append_pair("offset", &offset.to_string());
        self.get(url, None, slot).await
    }

    fn address(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Only an address that cannot have a path fails here; `http` and `https` can.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["affiliates", "v1", "racing"]).extend(path);
        }
        url
    }

    async fn get(&self, url: Url, known: Option<&Validators>, slot: Slot) -> Result<Fetched, FetchError> {
        let retries = ExponentialBuilder::default()
            .with_min_delay(FIRST_RETRY_AFTER)
            .with_max_delay(LONGEST_RETRY_AFTER)
            .with_jitter()
            .without_max_times();
        let fetching = (|| self.attempt(url.clone(), known, slot))
            .retry(retries)
            .when(FetchError::may_pass)
            .adjust(|error, delay| {
                let delay = match error {
                    FetchError::Status { retry_after: Some(asked), .. } => delay.map(|delay| delay.max(*asked)),
                    _ => delay,
                };
                delay.filter(|delay| Instant::now() + *delay < slot.retry_until)
            })
            .notify(|error, _| counter!("raceday_retries_total", "cause" => error.cause()).increment(1));
        tokio::time::timeout_at(slot.give_up.into(), fetching).await.unwrap_or(Err(FetchError::Timeout))
    }

    async fn attempt(&self, url: Url, known: Option<&Validators>, slot: Slot) -> Result<Fetched, FetchError> {
        self.wait_for_hold(slot).await?;
        let permit = self.breaker.permit().ok_or(FetchError::Down)?;
        let asked = Instant::now();
        let request = self.requests.begin();
        let fetched = self.request(url, known, request.id()).await;
        request.ended(&fetched);
        histogram!("nztab_fetch_seconds").record(asked.elapsed().as_secs_f64());
        match &fetched {
            Err(error) if error.blames_the_tab() => drop(permit),
            _ => permit.succeeded(),
        }
        if let Err(FetchError::Status { retry_after: Some(delay), .. }) = &fetched {
            self.hold(*delay);
        }
        fetched
    }

    /// It means this client, not this race: asking for another one meanwhile would be refused too. Of several answers on
    /// their way at once the longest counts.
    fn hold(&self, delay: Duration) {
        let mut hold = self.hold_until.lock().unwrap_or_else(PoisonError::into_inner);
        *hold = (*hold).max(Some(Instant::now() + delay));
    }

    fn held_until(&self) -> Option<Instant> {
        let hold = *self.hold_until.lock().unwrap_or_else(PoisonError::into_inner);
        hold.filter(|until| *until > Instant::now())
    }

    async fn wait_for_hold(&self, slot: Slot) -> Result<(), FetchError> {
        while let Some(until) = self.held_until() {
            if until > slot.retry_until {
                return Err(FetchError::Held);
            }
            tokio::time::sleep_until(until.into()).await;
        }
        Ok(())
    }

    async fn request(&self, url: Url, known: Option<&Validators>, request_id: &str) -> Result<Fetched, FetchError> {
        let conditions = known.map(Validators::conditions).unwrap_or_default();
        let request = self.http.get(url).headers(conditions).header(request::HEADER, request_id);
        let response = request.send().await.map_err(|error| sort(&error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED => return Ok(Fetched::NotModified),
            status => {
                let retry_after = retry_after(response.headers(), SystemTime::now());
                return Err(FetchError::Status { status: status.as_u16(), retry_after });
            }
        }
        let validators = Validators::of(response.headers());
        let body = self.body(response).await?;
        let hash = xxh3_64(&body);
        Ok(Fetched::Answer(Answer { body, hash, validators, request_id: request_id.to_owned() }))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, FetchError> {
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(announced.unwrap_or(512 * 1024).min(self.body_max_bytes));
        while let Some(chunk) = response.chunk().await.map_err(|error| sort(&error))? {
            if body.len() + chunk.len() > self.body_max_bytes {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn identification(settings: &SourceArgs) -> Result<HeaderMap, SetupError> {
    // Set to nothing, as docker-compose.yml does with a key that is not given, it is none.
    let key = settings.nztab_api_key.as_deref().filter(|key| !key.is_empty());
    let bearer = key.map(|key| format!("Bearer {key}"));
    let mut headers = HeaderMap::new();
    let given = [
        (header::FROM, &settings.nztab_from, "NZTAB_FROM"),
        (HeaderName::from_static("x-partner"), &settings.nztab_partner, "NZTAB_PARTNER"),
        (HeaderName::from_static("x-partner-id"), &settings.nztab_partner_id, "NZTAB_PARTNER_ID"),
        (header::AUTHORIZATION, &bearer, "NZTAB_API_KEY"),
    ];
    for (name, value, setting) in given {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            let mut value = HeaderValue::from_str(value).map_err(|_| SetupError::Header(setting))?;
            value.set_sensitive(name == header::AUTHORIZATION);
            headers.insert(name, value);
        }
    }
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    Ok(headers)
}

fn sort(error: &reqwest::Error) -> FetchError {
    if error.is_timeout() {
        FetchError::Timeout
    } else if error.is_connect() {
        FetchError::Connect
    } else {
        FetchError::BrokenOff
    }
}

/// The wait that a Retry-After header asks for, in seconds or as a date; no longer than a minute.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or(Duration::ZERO),
    };
    Some(wait.min(HOLD_MAX))
}

#[cfg(test)]
mod tests;
