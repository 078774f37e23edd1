//! The resources of a backend that speaks Appwrite's protocol, in the form of the REST contract.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::responses::{PAGE, Resource};
use crate::appwrite::{cursor_after, equal, limit, list, query};
use crate::json_client::JsonClient;

/// The names in the REST contract that do not follow from those in Appwrite's collections.
const ENTRANT_NAMES: [(&str, &str); 4] = [
    ("fixedWinOdds", "win_odds"),
    ("fixedPlaceOdds", "place_odds"),
    ("silkUrl64", "silk_url_64"),
    ("silkUrl128", "silk_url_128"),
];

/// The body of a resource as the REST contract has it; `None` where that contract responds with 404.
///
/// Fails when the backend responds with an error, which does not happen to a request that the contract knows.
pub async fn body(backend: &JsonClient, resource: &Resource) -> Result<Option<Value>> {
    let by = |attribute: &str| vec![equal(attribute, std::slice::from_ref(&resource.id)), limit(PAGE)];
    Ok(match resource.name {
        "race" => list(backend, "races", &by("raceId")).await?.first().map(race),
        "meeting" => list(backend, "meetings", &by("meetingId")).await?.first().map(meeting),
        "entrants" => Some(list(backend, "entrants", &by("raceId")).await?.iter().map(entrant).collect()),
        "pools" => list(backend, "race-pools", &by("raceId")).await?.first().and_then(pools),
        "results" => match list(backend, "race-results", &by("raceId")).await?.first() {
            Some(document) => results(document)?,
            None => None,
        },
        "timeline" => Some(json!({"documents": timeline(backend, resource).await?})),
        other => bail!("{other} is not a resource of Appwrite's protocol"),
    })
}

/// The races that start within eight hours or started within two.
pub async fn listed_races(backend: &JsonClient) -> Result<Vec<String>> {
    let now = chrono::Utc::now();
    let at = |hours| json!((now + chrono::TimeDelta::hours(hours)).to_rfc3339());
    let window = [
        query("greaterThan", "startTime", &[at(-2)]),
        query("lessThanEqual", "startTime", &[at(8)]),
        query("orderAsc", "startTime", &[]),
        limit(100),
    ];
    let races = list(backend, "races", &window).await?;
    Ok(races.iter().filter_map(|race| Some(race["$id"].as_str()?.to_owned())).collect())
}

/// A race's money flow, page by page, as the original client reads it.
async fn timeline(backend: &JsonClient, resource: &Resource) -> Result<Vec<Value>> {
    let selection = vec![
        equal("raceId", std::slice::from_ref(&resource.id)),
        equal("entrantId", &resource.entrant_ids),
        query("orderAsc", "$createdAt", &[]),
        limit(PAGE),
        equal("type", &["bucketed_aggregation".to_owned()]),
        query("greaterThan", "timeInterval", &[json!(-65)]),
        query("lessThan", "timeInterval", &[json!(66)]),
    ];
    let mut documents = Vec::new();
    let mut queries = selection.clone();
    loop {
        let page = list(backend, "money-flow-history", &queries).await?;
        documents.extend(page.iter().map(|document| renamed(document, &[])));
        let Some(last) = page.last().filter(|_| page.len() >= PAGE) else { return Ok(documents) };
        let cursor = cursor_after(&last["$id"]);
        if queries.last() == Some(&cursor) {
            bail!("{} returns the same page again after {}", backend.url(), last["$id"]);
        }
        queries.clone_from(&selection);
        queries.push(cursor);
    }
}

fn race(document: &Value) -> Value {
    let mut race = renamed(document, &[]);
    // A related document, or only its id.
    let meeting = &document["meeting"];
    race["meeting_id"] = if meeting.is_object() { meeting["$id"].clone() } else { meeting.clone() };
    without(race, &["meeting"])
}

fn meeting(document: &Value) -> Value {
    let mut meeting = renamed(document, &[]);
    if let Some(kind) = document["raceType"].as_str() {
        meeting["race_type"] = json!(kind.split(' ').next().unwrap_or_default().to_lowercase());
    }
    if let Some(midnight) = document["date"].as_str() {
        meeting["date"] = json!(midnight.split('T').next());
    }
    meeting
}

fn entrant(document: &Value) -> Value {
    without(renamed(document, &ENTRANT_NAMES), &["race_id"])
}

/// A total of 0 may also be an unknown one there, so it is left out; a race without any total has no pools.
fn pools(document: &Value) -> Option<Value> {
    let mut pools = renamed(document, &[]);
    let known = pools.as_object_mut()?;
    known.retain(|_, value| value.as_f64() != Some(0.0));
    known.values().any(Value::is_number).then_some(pools)
}

fn results(document: &Value) -> Result<Option<Value>> {
    if document["resultsAvailable"] != true {
        return Ok(None);
    }
    let mut results = without(renamed(document, &[]), &["race"]);
    for name in ["results_data", "dividends_data", "fixed_odds_data"] {
        if let Some(text) = results[name].as_str() {
            results[name] = serde_json::from_str(text).with_context(|| format!("{name} is not JSON"))?;
        }
    }
    Ok(Some(results))
}

/// The attributes of a document under these names, others in snake case.
fn renamed(document: &Value, names: &[(&str, &str)]) -> Value {
    let attributes = document.as_object().into_iter().flatten().filter(|(name, _)| !name.starts_with('$'));
    let name = |name: &str| {
        names.iter().find(|(theirs, _)| *theirs == name).map_or_else(|| snake(name), |(_, ours)| (*ours).to_owned())
    };
    attributes.map(|(attribute, value)| (name(attribute), value.clone())).collect()
}

fn without(document: Value, names: &[&str]) -> Value {
    let Value::Object(attributes) = document else { return document };
    attributes.into_iter().filter(|(name, _)| !names.contains(&name.as_str())).collect::<Map<_, _>>().into()
}

fn snake(name: &str) -> String {
    name.chars().fold(String::new(), |mut snake, letter| {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        snake
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_get_the_names_and_forms_of_the_rest_contract() {
        let found = race(&json!({"$id": "r1", "raceId": "r1", "raceNumber": 3, "meeting": {"$id": "m1", "name": "x"}}));
        assert_eq!(found, json!({"race_id": "r1", "race_number": 3, "meeting_id": "m1"}));
        let found = meeting(&json!({"raceType": "Thoroughbred Horse Racing", "date": "2025-10-05T00:00:00.000+00:00"}));
        assert_eq!(found, json!({"race_type": "thoroughbred", "date": "2025-10-05"}));
        let found = entrant(&json!({"entrantId": "e", "raceId": "r1", "fixedWinOdds": 4.4, "silkUrl64": null}));
        assert_eq!(found, json!({"entrant_id": "e", "win_odds": 4.4, "silk_url_64": null}));
    }

    #[test]
    fn pools_without_any_total_and_results_that_are_not_available_are_404_in_the_rest_contract() {
        let nothing = json!({"raceId": "r1", "winPoolTotal": 0, "first4PoolTotal": 0, "currency": "$"});
        assert_eq!(pools(&nothing), None);
        let some = pools(&json!({"raceId": "r1", "winPoolTotal": 0, "first4PoolTotal": 7}));
        assert_eq!(some, Some(json!({"race_id": "r1", "first4_pool_total": 7})));
        assert_eq!(results(&json!({"resultsAvailable": false})).unwrap(), None);
        let known = results(&json!({"resultsAvailable": true, "resultsData": "[{\"position\": 1}]"})).unwrap();
        assert_eq!(known.unwrap()["results_data"][0]["position"], 1);
    }
}
