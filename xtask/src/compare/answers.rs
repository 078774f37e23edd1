//! What the two backends are asked, and their answers as values that can be compared.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

/// The most documents of a timeline that the contract gives at once.
const PAGE: usize = 2000;

/// How long a backend may answer "too many requests".
const PATIENCE: Duration = Duration::from_mins(2);

const BODY_MAX_BYTES: u64 = 64 << 20;

/// A backend that speaks the client's REST contract.
#[derive(Debug)]
pub struct Backend {
    url: String,
    agent: ureq::Agent,
}

impl Backend {
    /// The backend at a base URL, with or without `/api`.
    ///
    /// Fails for anything but plain HTTP: both are asked where nginx asks them, behind TLS.
    pub fn new(url: &str) -> Result<Self> {
        if !url.starts_with("http://") {
            bail!("{url}: give the plain http:// address that nginx uses for it");
        }
        let url = url.trim_end_matches('/').trim_end_matches("/api").to_owned();
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .http_status_as_error(false)
            .user_agent("raceday-compare")
            .build();
        Ok(Self { url, agent: config.into() })
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The answer to a path: `{"status": N, "body": ...}`, the body only of a success, lists as maps by their key.
    ///
    /// Fails when there is no answer, or a success that is not JSON.
    pub fn answer(&self, resource: &Resource) -> Result<Value> {
        // The wording of an error is each backend's own; that it is one, and which, must be the same.
        let (status, body) = self.get(&resource.path)?;
        let Some(mut body) = body.filter(|_| status == 200) else { return Ok(json!({ "status": status })) };
        if resource.is_paged {
            self.read_on(&resource.path, &mut body)?;
        }
        Ok(json!({ "status": status, "body": keyed(body) }))
    }

    /// Follows `next_cursor` until a page is not full, and puts all documents into the first page.
    ///
    /// Fails for a cursor that leads back to its own page.
    fn read_on(&self, path: &str, first: &mut Value) -> Result<()> {
        let mut page = first.clone();
        while page["documents"].as_array().is_some_and(|documents| documents.len() >= PAGE) {
            let cursor = page["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
            let after = cursor.as_str().map_or_else(|| cursor.to_string(), str::to_owned);
            let (_, next) = self.get(&format!("{path}&cursorAfter={}", encoded(&after)))?;
            page = next.unwrap_or_default();
            if page["next_cursor"] == cursor {
                bail!("{}{path} gives the same page again after next_cursor {after}", self.url);
            }
            if let (Some(all), Some(more)) = (first["documents"].as_array_mut(), page["documents"].as_array()) {
                all.extend(more.iter().cloned());
            }
        }
        Ok(())
    }

    /// Status and JSON body of a GET; waits and asks again while there are too many requests.
    fn get(&self, path: &str) -> Result<(u16, Option<Value>)> {
        let address = format!("{}{path}", self.url);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let response = self.agent.get(&address).call();
            let mut response = response.with_context(|| format!("{address} does not answer"))?;
            let status = response.status().as_u16();
            if status == 429 && Instant::now() < deadline {
                let wait = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
                std::thread::sleep(Duration::from_secs(wait.unwrap_or(1)).min(PATIENCE));
                continue;
            }
            let text = response.body_mut().with_config().limit(BODY_MAX_BYTES).read_to_string()?;
            let body = match serde_json::from_str(&text) {
                Ok(body) => Some(body),
                Err(error) if status == 200 => bail!("{address} does not answer JSON: {error}"),
                Err(_) => None,
            };
            return Ok((status, body));
        }
    }

    /// The races it lists in the widest window.
    pub fn listed_races(&self) -> Result<Vec<String>> {
        let path = "/api/races/upcoming?windowMinutes=480&lookbackMinutes=120&limit=100";
        let answer = self.answer(&Resource::new("upcoming", path.to_owned()))?;
        let races = answer["body"]["races"].as_object();
        // An empty list has no keys to become a map by.
        let ids = races.map(|races| races.keys().cloned().collect());
        ids.or_else(|| answer["body"]["races"].is_array().then(Vec::new))
            .with_context(|| format!("{} lists no upcoming races", self.url))
    }
}

/// Something to ask both backends for.
#[derive(Debug)]
pub struct Resource {
    /// Its name in the report.
    pub name: &'static str,
    /// Its path and query.
    pub path: String,
    is_paged: bool,
}

impl Resource {
    fn new(name: &'static str, path: String) -> Self {
        Self { name, path, is_paged: name == "timeline" }
    }
}

/// Every resource of a race in the contract. Which entrants and which meeting: as the legacy backend says.
///
/// Fails when the legacy backend does not have the race: two backends that both lack it would be equal.
pub fn resources(legacy: &Backend, race_id: &str) -> Result<Vec<Resource>> {
    let race = encoded(race_id);
    let mut resources = vec![
        Resource::new("race", format!("/api/races/{race}")),
        Resource::new("entrants", format!("/api/entrants?raceId={race}")),
        Resource::new("pools", format!("/api/race-pools?raceId={race}")),
        Resource::new("results", format!("/api/race-results?raceId={race}")),
        Resource::new("navigation", format!("/api/races/navigation?raceId={race}")),
    ];
    let known = legacy.answer(&resources[0])?;
    if known["status"] != 200 {
        bail!("{} has no race {race_id} (status {})", legacy.url, known["status"]);
    }
    if let Some(meeting) = known["body"]["meeting_id"].as_str() {
        resources.push(Resource::new("meeting", format!("/api/meetings/{}", encoded(meeting))));
    }
    let entrants = legacy.answer(&resources[1])?;
    let entrants: Vec<_> = entrants["body"].as_object().into_iter().flat_map(Map::keys).map(|id| encoded(id)).collect();
    if !entrants.is_empty() {
        let path = format!("/api/money-flow-timeline?raceId={race}&entrants={}&limit={PAGE}", entrants.join(","));
        resources.push(Resource::new("timeline", path));
    }
    Ok(resources)
}

/// Lists of objects as maps by what identifies an element, so that a missing one is one difference.
///
/// Two backends poll at different moments: of a timeline the last document of each entrant and interval counts.
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
    // A race names its meeting too, an entrant its race: the most particular id is the element's own.
    text("entrant_id").or_else(|| text("race_id")).or_else(|| text("meeting_id"))
}

/// A path or query component, percent-encoded.
fn encoded(text: &str) -> String {
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
    fn ids_are_encoded() {
        assert_eq!(encoded("a b/é&"), "a%20b%2F%C3%A9%26");
    }

    #[test]
    fn only_plain_http_is_asked() {
        assert!(Backend::new("https://example.org").is_err());
        assert_eq!(Backend::new("http://h:1/api/").unwrap().url(), "http://h:1");
    }
}
