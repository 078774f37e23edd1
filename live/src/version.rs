//! The version of what REST returns about a race, for nginx, which asks before each request: so a commit is seen at once,
//! and the database is asked only for what has changed.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::header::{ETAG, HeaderMap};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use xxhash_rust::xxh3::xxh3_64;

use crate::hub::Hub;

const VERSION: HeaderName = HeaderName::from_static("x-raceday-version");

/// Responds to nginx, which passes on the function that serves the request and the query as it was sent. 404 unless the
/// race is known and the request is certain to be valid: nginx then does without the hub.
///
/// For the two large responses 200 has the ETag, and 401 says that the client has this version already, as those of the
/// functions `api.client_*_version`. For others 200 has the race's version.
pub async fn respond(
    State(hub): State<Arc<Hub>>,
    Path(function): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let parameters = Parameters::parse(&query);
    let race_id = if function == "client_race" { header("x-raceday-id") } else { parameters.race_id.as_deref() };
    let Some(version) = race_id.and_then(|race_id| hub.version(race_id)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let is_large = match function.as_str() {
        "client_entrants" => true,
        "client_money_flow_timeline" if parameters.is_timeline => true,
        "client_money_flow_timeline" => return StatusCode::NOT_FOUND.into_response(),
        _ => false,
    };
    if !is_large {
        return (StatusCode::OK, [(VERSION, format!("{version:x}"))]).into_response();
    }
    let etag = format!("{:x}", xxh3_64(format!("{function} {query} {version}").as_bytes()));
    let is_known = header("x-raceday-if-none-match") == Some(&etag);
    let status = if is_known { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    (status, [(ETAG, format!("\"{etag}\""))]).into_response()
}

/// What a request is about.
#[derive(Debug, Default)]
struct Parameters {
    race_id: Option<String>,
    /// Whether the timeline accepts the rest of them.
    is_timeline: bool,
}

impl Parameters {
    fn parse(query: &str) -> Self {
        let (mut race_id, mut has_entrants, mut is_pool) = (None, false, true);
        for (name, value) in form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty()) {
            match &*name {
                "raceId" | "race_id" => race_id = race_id.or(Some(value.into_owned())),
                "entrants" => has_entrants |= value.split(',').any(|id| !id.trim().is_empty()),
                "poolType" | "pool_type" => is_pool &= ["win", "place", "odds"].contains(&&*value),
                _ => {}
            }
        }
        Self { race_id, is_timeline: has_entrants && is_pool }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_timeline_accepts_has_a_version_here() {
        for (query, is_timeline) in [
            ("raceId=a&entrants=b%2Cc", true),
            ("race_id=a&entrants=&entrants=b&poolType=place", true),
            ("raceId=a", false),
            ("raceId=a&entrants=%2C,", false),
            ("raceId=a&entrants=b&poolType=quinella", false),
        ] {
            let parameters = Parameters::parse(query);
            assert_eq!((parameters.race_id.as_deref(), parameters.is_timeline), (Some("a"), is_timeline), "{query}");
        }
    }
}
