//! The TAB's affiliates API: requests with retries, limits and conditions. A body is bytes and is never parsed here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use backon::{ExponentialBuilder, Retryable};
use chrono::NaiveDate;
use metrics::{counter, histogram};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use xxhash_rust::xxh3::xxh3_64;

use crate::breaker::Breaker;
use crate::config::SourceArgs;
use crate::refusal::Refusal;
use crate::request::{self, Requests};
use crate::response::{Exchange, FetchError, Fetched, Response, Validators};

/// The longest Retry-After that is honoured: a mistake of the TAB must not silence the fetcher for a day.
const HOLD_MAX: Duration = Duration::from_mins(1);
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(200);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(2);
/// The largest page that the TAB returns.
pub const PAGE_LIMIT: usize = 200;

/// Why the client could not be built.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A value contains characters that no header may contain; names the setting, not the value.
    #[error("{0} cannot be sent as a header")]
    Header(&'static str),
    /// The HTTP library refused the settings.
    #[error("HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// How long a request may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// No attempt begins after this: the next poll is worth more than a late response.
    pub retry_until: Instant,
    /// The request is abandoned: another worker may take over the race.
    pub give_up: Instant,
}

impl Deadlines {
    /// The deadlines of a request that belongs to no slot: attempts for one timeout, abandoned after two.
    pub fn unscheduled(timeout: Duration) -> Self {
        let now = Instant::now();
        Self { retry_until: now + timeout, give_up: now + timeout * 2 }
    }
}

/// A client of the TAB, shared by all workers.
#[derive(Debug)]
pub struct Tab {
    http: Client,
    base: Url,
    body_max_bytes: usize,
    /// Counts failures, and suspends requests when there are too many.
    pub breaker: Breaker,
    /// Whether the TAB refuses this caller.
    pub refusal: Arc<Refusal>,
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
            refusal: Arc::default(),
            hold_until: Mutex::new(None),
            requests: Requests::default(),
        })
    }

    /// A race, with every detail that is meaningful in its status.
    ///
    /// `status` is its last known status, `known` the validators of the previous response.
    pub async fn event(
        &self,
        race_id: &str,
        status: Option<&str>,
        known: Option<&Validators>,
        deadlines: Deadlines,
    ) -> Result<Fetched, FetchError> {
        let mut url = self.address(&["events", race_id]);
        url.query_pairs_mut()
            .append_pair("with_money_tracker", "true")
            .append_pair("with_tote_trends_data", "true")
            .append_pair("with_will_pays", "true");
        // Bets are only accepted, and so only listed, while the race is open.
        if status.is_none_or(|status| status.eq_ignore_ascii_case("open")) {
            url.query_pairs_mut().append_pair("with_big_bets", "true").append_pair("with_live_bets", "true");
        }
        self.get(url, known, deadlines).await
    }

    /// A page of the meetings of a New Zealand day.
    pub async fn meetings(
        &self,
        date: NaiveDate,
        countries: &[String],
        categories: &[String],
        offset: usize,
        deadlines: Deadlines,
    ) -> Result<Fetched, FetchError> {
        let mut url = self.address(&["meetings"]);
        url.query_pairs_mut()
            .append_pair("date_from", &date.to_string())
            .append_pair("date_to", &date.to_string())
            .append_pair("category", &categories.join(","))
            .append_pair("country", &countries.join(","))
            .append_pair("limit", &PAGE_LIMIT.to_string())
            .append_pair("offset", &offset.to_string());
        self.get(url, None, deadlines).await
    }

    fn address(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Fails only for an address that cannot have a path; `http` and `https` addresses can.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["affiliates", "v1", "racing"]).extend(path);
        }
        url
    }

    async fn get(&self, url: Url, known: Option<&Validators>, deadlines: Deadlines) -> Result<Fetched, FetchError> {
        let retries = ExponentialBuilder::default()
            .with_min_delay(FIRST_RETRY_AFTER)
            .with_max_delay(LONGEST_RETRY_AFTER)
            .with_jitter()
            .without_max_times();
        let fetching = (|| self.attempt(url.clone(), known, deadlines))
            .retry(retries)
            .when(FetchError::is_transient)
            .adjust(|error, delay| {
                let delay = delay.map(|delay| delay.max(error.retry_after().unwrap_or_default()));
                delay.filter(|delay| Instant::now() + *delay < deadlines.retry_until)
            })
            .notify(|error, _| counter!("raceday_retries_total", "cause" => error.cause()).increment(1));
        tokio::time::timeout_at(deadlines.give_up.into(), fetching).await.unwrap_or(Err(FetchError::Timeout))
    }

    async fn attempt(&self, url: Url, known: Option<&Validators>, deadlines: Deadlines) -> Result<Fetched, FetchError> {
        self.wait_for_hold(deadlines).await?;
        let permit = self.breaker.permit().ok_or(FetchError::Unavailable)?;
        let asked = Instant::now();
        let request = self.requests.begin();
        let fetched = self.request(url, known, request.id()).await;
        request.ended(&fetched);
        histogram!("nztab_fetch_seconds").record(asked.elapsed().as_secs_f64());
        match &fetched {
            Err(error) if error.indicates_outage() => drop(permit),
            _ => permit.succeeded(),
        }
        if let Some(delay) = fetched.as_ref().err().and_then(FetchError::retry_after) {
            self.hold(delay);
        }
        fetched
    }

    /// Holds back all requests: Retry-After applies to the client, so a request for another race would be refused too. Of
    /// several concurrent ones the longest counts.
    fn hold(&self, delay: Duration) {
        let mut hold = self.hold_until.lock().unwrap_or_else(PoisonError::into_inner);
        *hold = (*hold).max(Some(Instant::now() + delay));
    }

    fn held_until(&self) -> Option<Instant> {
        let hold = *self.hold_until.lock().unwrap_or_else(PoisonError::into_inner);
        hold.filter(|until| *until > Instant::now())
    }

    async fn wait_for_hold(&self, deadlines: Deadlines) -> Result<(), FetchError> {
        while let Some(until) = self.held_until() {
            if until > deadlines.retry_until {
                return Err(FetchError::Held);
            }
            tokio::time::sleep_until(until.into()).await;
        }
        Ok(())
    }

    async fn request(&self, url: Url, known: Option<&Validators>, request_id: &str) -> Result<Fetched, FetchError> {
        let conditions = known.map(Validators::conditions).unwrap_or_default();
        let request = self.http.get(url).headers(conditions).header(request::HEADER, request_id);
        let sent = Instant::now();
        let response = request.send().await.map_err(|error| classify(&error))?;
        let exchange = Exchange::of(sent, response.headers());
        self.refusal.responded(response.status().as_u16());
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED => return Ok(Fetched::NotModified(exchange)),
            status => {
                let retry_after = retry_after(response.headers(), SystemTime::now());
                return Err(FetchError::Status { status: status.as_u16(), retry_after });
            }
        }
        let validators = Validators::of(response.headers());
        let body = self.body(response).await?;
        let hash = xxh3_64(&body);
        Ok(Fetched::Response(Response { body, hash, validators, request_id: request_id.to_owned(), exchange }))
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, FetchError> {
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(announced.unwrap_or(512 * 1024).min(self.body_max_bytes));
        while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
            if body.len() + chunk.len() > self.body_max_bytes {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn identification(settings: &SourceArgs) -> Result<HeaderMap, SetupError> {
    // docker-compose.yml sets a key that is not given to the empty string.
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

fn classify(error: &reqwest::Error) -> FetchError {
    if error.is_timeout() {
        FetchError::Timeout
    } else if error.is_connect() {
        FetchError::Connect
    } else {
        FetchError::Incomplete
    }
}

/// The wait that a Retry-After header asks for, in seconds or as a date; at most a minute.
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
