//! The settings of the webhook.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use raceday_fetcher::config::CommonArgs;
use raceday_fetcher::db::{Address, AddressError};
use reqwest::Url;
use standardwebhooks::Webhook;

use super::deliveries::Filter;
use super::sender::Sender;

/// How long after a timeout another attempt may begin, in case the result of this one is never recorded.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// A value that is never shown.
#[derive(Clone)]
pub struct Secret(String);

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// What a request's body looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The signal as GET /api/signals returns it, signed
    Json,
    /// A message of a Discord webhook
    Discord,
    /// A message of a Slack incoming webhook
    Slack,
}

/// Settings of the webhook.
#[derive(Debug, Clone, Args)]
pub struct WebhookArgs {
    /// Address that signals are sent to (default: none are sent)
    #[arg(long, env = "RACEDAY_WEBHOOK_URL", hide_env_values = true)]
    pub webhook_url: Option<Secret>,
    /// Key of the signatures: 24 to 64 bytes in base64, with or without whsec_ before them; required by the format json
    #[arg(long, env = "RACEDAY_WEBHOOK_SECRET", hide_env_values = true)]
    pub webhook_secret: Option<Secret>,
    /// Format of the requests
    #[arg(long, env = "RACEDAY_WEBHOOK_FORMAT", value_enum, default_value_t = Format::Json)]
    pub webhook_format: Format,
    /// Lowest level that is sent: 200 for what 1 race in 200 reaches, 20 for 1 in 20 as well
    #[arg(long, env = "RACEDAY_WEBHOOK_LEVEL", default_value = "200", value_parser = level)]
    pub webhook_level: i32,
    /// Countries whose signals are sent, e.g. NZ,AUS (default: all)
    #[arg(long, env = "RACEDAY_WEBHOOK_COUNTRIES", default_value = "")]
    pub webhook_countries: String,
    /// Timeout of one request, in seconds
    #[arg(long, env = "RACEDAY_WEBHOOK_TIMEOUT_S", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=60))]
    pub webhook_timeout_s: u32,
    /// Address of the primary, where the deliveries are recorded (default: DATABASE_URL)
    #[arg(long, env = "RACEDAY_WEBHOOK_DATABASE_URL", hide_env_values = true)]
    pub webhook_database_url: Option<Secret>,
}

fn level(text: &str) -> Result<i32, String> {
    match text {
        "20" => Ok(20),
        "200" => Ok(200),
        _ => Err("must be 20 or 200".into()),
    }
}

/// Why the webhook's settings cannot be used. No message repeats an address or a secret.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address does not parse.
    #[error("RACEDAY_WEBHOOK_URL must be an address that begins with https:// or http://")]
    Url,
    /// The format json is always signed.
    #[error("RACEDAY_WEBHOOK_SECRET is not set; the format json requires it (to make one: openssl rand -base64 32)")]
    NoSecret,
    /// The secret is not base64, or too short.
    #[error("RACEDAY_WEBHOOK_SECRET must be 24 to 64 bytes in base64 (to make one: openssl rand -base64 32)")]
    Secret,
    /// DATABASE_URL or RACEDAY_WEBHOOK_DATABASE_URL is wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The HTTP library refused the settings.
    #[error("HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A webhook whose settings are correct.
#[derive(Debug)]
pub struct Webhooks {
    pub(super) address: Address,
    pub(super) filter: Filter,
    pub(super) sender: Sender,
    timeout: Duration,
}

impl Webhooks {
    /// Reads the settings; none if there is no RACEDAY_WEBHOOK_URL. Fails if they cannot be used.
    pub fn new(settings: &WebhookArgs, database: &CommonArgs) -> Result<Option<Self>, WebhookError> {
        let Some(url) = given(settings.webhook_url.as_ref()) else { return Ok(None) };
        let url = Url::parse(url).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
        let url = url.ok_or(WebhookError::Url)?;
        let signing = given(settings.webhook_secret.as_ref()).map(signing).transpose()?;
        if signing.is_none() && settings.webhook_format == Format::Json {
            return Err(WebhookError::NoSecret);
        }
        let mut database = database.clone();
        if let Some(primary) = given(settings.webhook_database_url.as_ref()) {
            primary.clone_into(&mut database.database_url);
        }
        let countries = settings.webhook_countries.split(',').map(str::trim).filter(|country| !country.is_empty());
        let timeout = Duration::from_secs(settings.webhook_timeout_s.into());
        Ok(Some(Self {
            address: Address::new(&database, "webhooks")?,
            filter: Filter { min_level: settings.webhook_level, countries: countries.map(str::to_uppercase).collect() },
            sender: Sender::new(url, settings.webhook_format, signing, timeout)?,
            timeout,
        }))
    }

    /// For how long a claimed delivery belongs to the attempt.
    pub(super) fn lease(&self) -> Duration {
        self.timeout + LEASE_MARGIN
    }
}

/// A setting, unless it is the empty string, to which docker-compose.yml sets what is not given.
fn given(setting: Option<&Secret>) -> Option<&str> {
    setting.map(|secret| secret.0.as_str()).filter(|text| !text.is_empty())
}

/// The key: as long as standardwebhooks.com recommends. The library would accept a short password too.
fn signing(secret: &str) -> Result<Webhook, WebhookError> {
    const SHORTEST: usize = 32;
    const LONGEST: usize = 88;
    let length = secret.strip_prefix("whsec_").unwrap_or(secret).len();
    let webhook = Webhook::new(secret).map_err(|_| WebhookError::Secret)?;
    if (SHORTEST..=LONGEST).contains(&length) { Ok(webhook) } else { Err(WebhookError::Secret) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        database: CommonArgs,
        #[command(flatten)]
        webhook: WebhookArgs,
    }

    const KEY: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=";

    fn read(arguments: &[&str]) -> Result<Option<Webhooks>, WebhookError> {
        let line = ["raceday-live", "--database-url", "postgres://live@h/d"].iter().chain(arguments);
        let line = Line::parse_from(line);
        Webhooks::new(&line.webhook, &line.database)
    }

    #[test]
    fn without_an_address_there_is_no_webhook() {
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&["--webhook-url", ""]).unwrap().is_none());
    }

    #[test]
    fn json_needs_a_key_and_chats_do_not() {
        let url = ["--webhook-url", "https://example.org/hook"];
        let with = |more: &[&str]| read(&[&url, more].concat());
        assert!(matches!(with(&[]), Err(WebhookError::NoSecret)));
        assert!(with(&["--webhook-secret", KEY]).unwrap().is_some());
        assert!(with(&["--webhook-secret", &format!("whsec_{KEY}")]).unwrap().is_some());
        assert!(with(&["--webhook-format", "slack"]).unwrap().is_some());
        for bad in ["short", "c2hvcnQ=", "not base64, whatever its length may be!"] {
            assert!(matches!(with(&["--webhook-secret", bad]), Err(WebhookError::Secret)), "{bad}");
        }
    }

    #[test]
    fn countries_are_a_list_and_empty_means_all() {
        let countries = |text: &str| {
            let line = ["--webhook-url", "http://h/", "--webhook-secret", KEY, "--webhook-countries", text];
            read(&line).unwrap().unwrap().filter.countries
        };
        assert!(countries("").is_empty());
        assert_eq!(countries("nz, AUS,"), ["NZ", "AUS"]);
    }

    #[test]
    fn neither_the_address_nor_the_key_is_shown() {
        let arguments = ["--webhook-url", "https://example.org/token-1", "--webhook-secret", KEY];
        let line = ["raceday-live", "--database-url", "postgres://live@h/d"].iter().chain(&arguments);
        let shown = format!("{:?} {:?}", Line::parse_from(line), read(&arguments).unwrap());
        assert!(!shown.contains("token-1") && !shown.contains(KEY), "{shown}");
        let error = read(&["--webhook-url", "example.org/token-1"]).unwrap_err().to_string();
        assert!(!error.contains("token-1"), "{error}");
    }
}
