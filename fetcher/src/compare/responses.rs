//! What the two backends are asked for, and their responses as values that can be compared.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};

use super::appwrite;
use crate::appwrite::{Access, client};
use crate::json_client::{JsonClient, encoded};

/// The most documents of a timeline that the contract returns at once.
pub const PAGE: usize = 2000;

/// A backend that serves the client's REST contract, or the original client in Appwrite's protocol.
#[derive(Debug)]
pub struct Backend {
    http: JsonClient,
    is_appwrite: bool,
}

impl Backend {
    /// The backend at a base URL, with or without `/api`; one that ends with `/v1` speaks Appwrite's protocol.
    ///
    /// Fails for anything but plain HTTP: both are asked where nginx asks them, behind TLS.
    pub fn new(url: &str, access: &Access) -> Result<Self> {
        if !url.starts_with("http://") {
            bail!("{url}: give the plain http:// address that nginx uses for it");
        }
        let url = url.trim_end_matches('/').trim_end_matches("/api").to_owned();
        let is_appwrite = url.ends_with("/v1");
        let http = if is_appwrite { client(&url, access)? } else { JsonClient::new(&url, HeaderMap::new())? };
        Ok(Self { http, is_appwrite })
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        self.http.url()
    }

    /// The response to a path: `{"status": N, "body": ...}`, the body only of a success, lists as maps by their key.
    ///
    /// Fails when there is no response, or a success that is not JSON.
    pub async fn response(&self, resource: &Resource) -> Result<Value> {
        if self.is_appwrite {
            let body = appwrite::body(&self.http, resource).await?;
            return Ok(
                body.map_or_else(|| json!({ "status": 404 }), |body| json!({ "status": 200, "body": keyed(body) }))
            );
        }
        // Each backend words its errors in its own way; whether there is one, and which, must be the same.
        let (status, body) = self.http.get(&resource.path).await?;
        let Some(mut body) = body.filter(|_| status == 200) else { return Ok(json!({ "status": status })) };
        if resource.is_paged {
            self.read_on(&resource.path, &mut body).await?;
        }
        Ok(json!({ "status": status, "body": keyed(body) }))
    }

    /// Follows `next_cursor` until a page is not full, and appends all documents to the first page.
    ///
    /// Fails for a cursor that leads back to its own page.
    async fn read_on(&self, path: &str, first: &mut Value) -> Result<()> {
        let mut page = first.clone();
        while page["documents"].as_array().is_some_and(|documents| documents.len() >= PAGE) {
            let cursor = page["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
            let after = cursor.as_str().map_or_else(|| cursor.to_string(), str::to_owned);
            let (_, next) = self.http.get(&format!("{path}&cursorAfter={}", encoded(&after))).await?;
            page = next.unwrap_or_default();
            if page["next_cursor"] == cursor {
                bail!("{}{path} returns the same page again after next_cursor {after}", self.url());
            }
            if let (Some(all), Some(more)) = (first["documents"].as_array_mut(), page["documents"].as_array()) {
                all.extend(more.iter().cloned());
            }
        }
        Ok(())
    }

    /// The races it lists in the widest window.
    pub async fn listed_races(&self) -> Result<Vec<String>> {
        if self.is_appwrite {
            return appwrite::listed_races(&self.http).await;
        }
        let path = "/api/races/upcoming?windowMinutes=480&lookbackMinutes=120&limit=100";
        let response = self.response(&Resource::new("upcoming", "", path.to_owned())).await?;
        let races = response["body"]["races"].as_object();
        // An empty list has no keys to become a map by.
        let ids = races.map(|races| races.keys().cloned().collect());
        ids.or_else(|| response["body"]["races"].is_array().then(Vec::new))
            .with_context(|| format!("{} lists no upcoming races", self.url()))
    }
}

/// A resource to request from both backends.
#[derive(Debug)]
pub struct Resource {
    /// Its name in the report.
    pub name: &'static str,
    /// The id of its race or meeting.
    pub id: String,
    /// The entrants of a timeline.
    pub entrant_ids: Vec<String>,
    /// Its path and query.
    pub path: String,
    is_paged: bool,
}

impl Resource {
    fn new(name: &'static str, id: &str, path: String) -> Self {
        Self { name, id: id.to_owned(), entrant_ids: Vec::new(), path, is_paged: name == "timeline" }
    }
}

/// Every resource of a race in the contract; its entrants and meeting are those of the legacy backend.
///
/// Fails when the legacy backend does not have the race: two backends that both lack it would be equal.
pub async fn resources(legacy: &Backend, race_id: &str) -> Result<Vec<Resource>> {
    let race = encoded(race_id);
    let mut resources = vec![
        Resource::new("race", race_id, format!("/api/races/{race}")),
        Resource::new("entrants", race_id, format!("/api/entrants?raceId={race}")),
        Resource::new("pools", race_id, format!("/api/race-pools?raceId={race}")),
        Resource::new("results", race_id, format!("/api/race-results?raceId={race}")),
    ];
    // In Appwrite's protocol the client finds its way itself.
    if !legacy.is_appwrite {
        resources.push(Resource::new("navigation", race_id, format!("/api/races/navigation?raceId={race}")));
    }
    let known = legacy.response(&resources[0]).await?;
    if known["status"] != 200 {
        bail!("{} has no race {race_id} (status {})", legacy.url(), known["status"]);
    }
    if let Some(meeting) = known["body"]["meeting_id"].as_str() {
        resources.push(Resource::new("meeting", meeting, format!("/api/meetings/{}", encoded(meeting))));
    }
    let entrants = legacy.response(&resources[1]).await?;
    let entrant_ids: Vec<_> = entrants["body"].as_object().into_iter().flat_map(Map::keys).cloned().collect();
    if !entrant_ids.is_empty() {
        let list = entrant_ids.iter().map(|id| encoded(id)).collect::<Vec<_>>().join(",");
        let path = format!("/api/money-flow-timeline?raceId={race}&entrants={list}&limit={PAGE}");
        resources.push(Resource { entrant_ids, ..Resource::new("timeline", race_id, path) });
    }
    Ok(resources)
}

/// Turns lists of objects into maps by what identifies an element, so that a missing one is one difference.
///
/// Two backends poll at different moments, so of a timeline only the last document per entrant and interval counts.
fn keyed(value: Value) -> Value {
    match value {
        Value::Object(map) => map.into_iter().map(|(name, value)| (name, keyed(value))).collect(),
        Value::Array(elements) if elements.iter().any(|element| key(element).is_some()) => {
            let mut by_key = BTreeMap::new();
            for element in elements {
                let key = key(&element).unwrap_or_else(|| element.to_string());
                by_key.insert(key, keyed(element));
            }
            by_key.into_iter().collect()
        }
        other => other,
    }
}

fn key(element: &Value) -> Option<String> {
    let text = |name: &str| element[name].as_str().map(str::to_owned);
    if let (Some(entrant), Some(interval)) = (text("entrant_id"), element["time_interval"].as_i64()) {
        return Some(format!("{entrant}@{interval}"));
    }
    if let (Some(product), Some(_)) = (text("product_name"), element.get("dividend")) {
        return Some(format!("{product} {}", element["positions"]));
    }
    // A race also names its meeting, and an entrant its race: the most specific id is the element's own.
    text("entrant_id").or_else(|| text("race_id")).or_else(|| text("meeting_id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_maps_by_their_own_id() {
        let races = json!([{"race_id": "r1", "meeting_id": "m"}, {"race_id": "r2", "meeting_id": "m"}]);
        assert_eq!(keyed(races).as_object().unwrap().keys().collect::<Vec<_>>(), ["r1", "r2"]);
    }

    #[test]
    fn of_a_timeline_the_last_document_of_an_interval_counts() {
        let documents = json!([
            {"entrant_id": "e", "time_interval": 5, "win_pool_amount": 1},
            {"entrant_id": "e", "time_interval": 5, "win_pool_amount": 2},
            {"entrant_id": "e", "time_interval": 4, "win_pool_amount": 3},
        ]);
        let keyed = keyed(documents);
        assert_eq!(keyed["e@5"]["win_pool_amount"], 2);
        assert_eq!(keyed["e@4"]["win_pool_amount"], 3);
    }

    #[test]
    fn plain_lists_stay_lists() {
        assert_eq!(keyed(json!([60, 55])), json!([60, 55]));
    }

    #[test]
    fn only_plain_http_is_asked() {
        assert!(Backend::new("https://example.org", &Access::default()).is_err());
        assert_eq!(Backend::new("http://h:1/api/", &Access::default()).unwrap().url(), "http://h:1");
    }
}
