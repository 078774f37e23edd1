//! Requests to the receiver, and what its responses mean.

use std::fmt;
use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::Utc;
use reqwest::header::{self, HeaderMap};
use reqwest::{Client, StatusCode, Url};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};

use super::deliveries::Delivery;
use super::format;
use super::settings::Format;

const FIRST_RETRY_AFTER: Duration = Duration::from_secs(1);
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(5);

/// How an attempt ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// The receiver would refuse it again; says why.
    Refused(String),
    /// To be tried again.
    Retry {
        /// What went wrong.
        error: String,
        /// How long to wait.
        wait: Duration,
    },
}

/// Sends signals to one address.
pub struct Sender {
    http: Client,
    url: Url,
    format: Format,
    signing: Option<Webhook>,
}

impl Sender {
    /// A sender without connections. Fails if the HTTP library refuses the settings.
    pub fn new(url: Url, format: Format, signing: Option<Webhook>, timeout: Duration) -> reqwest::Result<Self> {
        let http = Client::builder()
            .user_agent(concat!("raceday-live/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            // A redirect would send the signal to somebody whom the operator has not named.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, url, format, signing })
    }

    /// The receiver's host. The path of a chat's address is a secret.
    pub fn receiver(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Makes one attempt and logs how it ended.
    pub async fn send(&self, delivery: &Delivery) -> Outcome {
        let outcome = self.attempt(delivery).await;
        let (id, attempt) = (&delivery.id, delivery.attempt);
        match &outcome {
            Outcome::Delivered => tracing::info!(webhook.id = id, attempt, "signal delivered to the webhook"),
            Outcome::Refused(error) => {
                tracing::error!(webhook.id = id, attempt, error, "signal refused by the webhook");
            }
            Outcome::Retry { error, wait } => {
                let wait_s = wait.as_secs_f64();
                tracing::warn!(
                    webhook.id = id,
                    attempt,
                    error,
                    wait_s,
                    "signal not delivered to the webhook; retrying"
                );
            }
        }
        outcome
    }

    async fn attempt(&self, delivery: &Delivery) -> Outcome {
        let body = match format::body(self.format, &delivery.body) {
            Ok(body) => body,
            Err(error) => return Outcome::Refused(format!("the signal cannot be read: {error}")),
        };
        let headers = match self.headers(&delivery.id, &body) {
            Ok(headers) => headers,
            Err(error) => return Outcome::Refused(format!("the signal cannot be signed: {error}")),
        };
        let request = self.http.post(self.url.clone()).headers(headers).body(body);
        match request.send().await {
            Ok(response) => of_response(response.status(), response.headers(), delivery.attempt),
            Err(error) => retry(describe(error), delivery.attempt, None),
        }
    }

    fn headers(&self, id: &str, body: &str) -> anyhow::Result<HeaderMap> {
        let now_s = Utc::now().timestamp();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        headers.insert(HEADER_WEBHOOK_ID, id.parse()?);
        headers.insert(HEADER_WEBHOOK_TIMESTAMP, now_s.into());
        if let Some(signing) = &self.signing {
            headers.insert(HEADER_WEBHOOK_SIGNATURE, signing.sign(id, now_s, body.as_bytes())?.parse()?);
        }
        Ok(headers)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sender").field("receiver", &self.receiver()).finish_non_exhaustive()
    }
}

/// What a response means: only these statuses of the client's errors say that a repetition may succeed.
fn of_response(status: StatusCode, headers: &HeaderMap, attempt: i32) -> Outcome {
    let error = format!("HTTP {}", status.as_u16());
    match status {
        _ if status.is_success() => Outcome::Delivered,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            retry(error, attempt, retry_after(headers, SystemTime::now()))
        }
        _ if status.is_server_error() => retry(error, attempt, retry_after(headers, SystemTime::now())),
        _ => Outcome::Refused(error),
    }
}

fn retry(error: String, attempt: i32, asked: Option<Duration>) -> Outcome {
    let delays = ExponentialBuilder::default()
        .with_min_delay(FIRST_RETRY_AFTER)
        .with_max_delay(LONGEST_RETRY_AFTER)
        .with_jitter()
        .without_max_times();
    let earlier = usize::try_from(attempt - 1).unwrap_or_default();
    let delay = delays.build().nth(earlier).unwrap_or(LONGEST_RETRY_AFTER);
    Outcome::Retry { error, wait: delay.max(asked.unwrap_or_default()) }
}

/// The wait that a Retry-After header asks for, in seconds or as a date; at most the longest of our own.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    // Discord writes fractions of a second.
    let wait = match value.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or(Duration::ZERO),
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// The error with its causes, without the address.
fn describe(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no response in time".into();
    }
    format!("{:#}", anyhow::Error::new(error.without_url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, retry_after: Option<&str>) -> Outcome {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
        }
        of_response(StatusCode::from_u16(status).unwrap(), &headers, 1)
    }

    fn wait(outcome: &Outcome) -> Duration {
        let &Outcome::Retry { wait, .. } = outcome else { panic!("{outcome:?}") };
        wait
    }

    #[test]
    fn a_response_means_delivered_retry_or_refused() {
        for status in [200, 204] {
            assert_eq!(outcome(status, None), Outcome::Delivered);
        }
        for status in [408, 425, 429, 500, 503] {
            assert!(matches!(outcome(status, None), Outcome::Retry { .. }), "{status}");
        }
        for status in [301, 400, 401, 404, 410] {
            assert_eq!(outcome(status, None), Outcome::Refused(format!("HTTP {status}")));
        }
    }

    #[test]
    fn retry_after_is_honoured_within_limits() {
        assert_eq!(wait(&outcome(429, Some("20.5"))), Duration::from_millis(20_500));
        assert_eq!(wait(&outcome(503, Some("86400"))), LONGEST_RETRY_AFTER);
        assert!(wait(&outcome(429, Some("0"))) >= FIRST_RETRY_AFTER);
    }

    #[test]
    fn delays_grow_to_their_limit() {
        let of = |attempt| wait(&retry(String::new(), attempt, None));
        assert!(of(1) < Duration::from_secs(3) && of(6) > Duration::from_secs(30), "{:?} {:?}", of(1), of(6));
        assert!(of(400) >= LONGEST_RETRY_AFTER && of(400) < LONGEST_RETRY_AFTER * 3, "{:?}", of(400));
    }
}
