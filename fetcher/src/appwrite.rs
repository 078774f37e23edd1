//! A client of backends that speak Appwrite's protocol.

use anyhow::{Context, Result, bail};
use reqwest::header::{self, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::json_client::{JsonClient, encoded};

const DATABASE: &str = "raceday-db";

/// What such a backend requires.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The project's id.
    pub project: String,
    /// The key.
    pub key: String,
}

/// A client of the endpoint, e.g. `https://appwrite.example/v1`.
pub fn client(endpoint: &str, access: &Access) -> Result<JsonClient> {
    let mut key = HeaderValue::from_str(&access.key).context("APPWRITE_API_KEY is not a key")?;
    key.set_sensitive(true);
    let project = HeaderValue::from_str(&access.project).context("the project is not the id of a project")?;
    let format = HeaderValue::from_static("1.7.0");
    let headers = [("x-appwrite-key", key), ("x-appwrite-project", project), ("x-appwrite-response-format", format)];
    let headers = headers.into_iter().map(|(name, value)| (header::HeaderName::from_static(name), value));
    JsonClient::new(endpoint, headers.collect::<HeaderMap>())
}

/// The documents of a collection that match the queries: one page.
///
/// Fails for any response but such a list; says what to do if the key is not accepted.
pub async fn list(backend: &JsonClient, collection: &str, queries: &[String]) -> Result<Vec<Value>> {
    let numbered =
        queries.iter().enumerate().map(|(number, query)| format!("queries%5B{number}%5D={}", encoded(query)));
    let numbered: Vec<_> = numbered.collect();
    let path = format!("/databases/{DATABASE}/collections/{collection}/documents?{}", numbered.join("&"));
    let (status, body) = backend.get(&path).await?;
    if status == 401 {
        bail!("{} does not accept the key: give the backend's key in APPWRITE_API_KEY", backend.url());
    }
    let message = body.as_ref().and_then(|body| Some(format!(": {}", body["message"].as_str()?)));
    let documents = body.and_then(|mut body| match body["documents"].take() {
        Value::Array(documents) if status == 200 => Some(documents),
        _ => None,
    });
    let failure =
        || format!("{} does not list {collection} (status {status}){}", backend.url(), message.unwrap_or_default());
    documents.with_context(failure)
}

/// The query that an attribute has one of these values.
pub fn equal(attribute: &str, values: &[String]) -> String {
    query("equal", attribute, &values.iter().map(|value| json!(value)).collect::<Vec<_>>())
}

/// A query about an attribute.
pub fn query(method: &str, attribute: &str, values: &[Value]) -> String {
    if values.is_empty() {
        return json!({"method": method, "attribute": attribute}).to_string();
    }
    json!({"method": method, "attribute": attribute, "values": values}).to_string()
}

/// The query for at most so many documents.
pub fn limit(rows: usize) -> String {
    json!({"method": "limit", "values": [rows]}).to_string()
}

/// The query for the documents after the one with this `$id`.
pub fn cursor_after(id: &Value) -> String {
    json!({"method": "cursorAfter", "values": [id]}).to_string()
}
