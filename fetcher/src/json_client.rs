//! A client of servers that respond with JSON.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::header::{self, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::Value;

/// How long a server may respond "too many requests".
const PATIENCE: Duration = Duration::from_mins(2);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const BODY_MAX_BYTES: usize = 64 << 20;

/// A client of one server.
#[derive(Debug)]
pub struct JsonClient {
    url: String,
    http: Client,
}

impl JsonClient {
    /// A client of the server at a base URL. With headers, which may be a key for this server only, it follows no redirect.
    pub fn new(url: &str, headers: HeaderMap) -> Result<Self> {
        let mut builder = Client::builder().timeout(REQUEST_TIMEOUT).user_agent("raceday-fetcher");
        if !headers.is_empty() {
            builder = builder.redirect(Policy::none());
        }
        Ok(Self { url: url.to_owned(), http: builder.default_headers(headers).build()? })
    }

    /// The base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Status and JSON body of a GET; waits and retries while there are too many requests.
    pub async fn get(&self, path: &str) -> Result<(u16, Option<Value>)> {
        let address = format!("{}{path}", self.url);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let response = self.http.get(&address).send().await;
            let response = response.with_context(|| format!("{address} does not respond"))?;
            let status = response.status().as_u16();
            if status == 429 && Instant::now() < deadline {
                tokio::time::sleep(retry_after(&response)).await;
                continue;
            }
            let text = body(response).await.with_context(|| format!("{address} did not respond in full"))?;
            let body = match serde_json::from_slice(&text) {
                Ok(body) => Some(body),
                Err(error) if status == 200 => bail!("{address} does not respond with JSON: {error}"),
                Err(_) => None,
            };
            return Ok((status, body));
        }
    }
}

fn retry_after(response: &Response) -> Duration {
    let seconds = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1)).min(PATIENCE)
}

async fn body(mut response: Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > BODY_MAX_BYTES {
            bail!("the body is larger than {BODY_MAX_BYTES} bytes");
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A path or query component, percent-encoded.
pub fn encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_encoded() {
        assert_eq!(encoded("a b/é&"), "a%20b%2F%C3%A9%26");
    }
}
