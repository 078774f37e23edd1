//! The endpoints of Appwrite's protocol, with the queries of the original client.

use raceday_tests::stack::Stack;
use serde_json::{Value, json};

use super::Endpoint;

/// A page of the timeline, the page's newest rows, and a meeting's races; responses are never cached.
pub fn endpoints(stack: &Stack) -> Vec<Endpoint> {
    let key = stack.value("select raceday.raceday_key_add('bench', 'read')");
    let entrants = stack.value("select json_agg(entrant_id)::text from raceday.entrants where race_id = 'race-1-1'");
    let entrants: Value = serde_json::from_str(&entrants).expect("JSON of PostgreSQL");
    let race = [
        json!({"method": "equal", "attribute": "raceId", "values": ["race-1-1"]}),
        json!({"method": "equal", "attribute": "entrantId", "values": entrants}),
        json!({"method": "limit", "values": [200]}),
    ];
    let timeline = [
        json!({"method": "select", "values": ["$id", "$createdAt", "$updatedAt", "raceId", "entrantId", "type", "intervalType",
            "timeInterval", "timeToStart", "holdPercentage", "incrementalWinAmount", "incrementalPlaceAmount", "winPoolAmount",
            "placePoolAmount", "winPoolPercentage", "placePoolPercentage", "fixedWinOdds", "fixedPlaceOdds", "poolWinOdds",
            "poolPlaceOdds", "eventTimestamp", "pollingTimestamp"]}),
        json!({"method": "orderAsc", "attribute": "$createdAt"}),
        json!({"method": "equal", "attribute": "type", "values": ["bucketed_aggregation"]}),
        json!({"method": "isNotNull", "attribute": "timeInterval"}),
        json!({"method": "greaterThan", "attribute": "timeInterval", "values": [-65]}),
        json!({"method": "lessThan", "attribute": "timeInterval", "values": [66]}),
    ];
    let newest = [
        json!({"method": "select", "values": ["$id", "$createdAt", "entrantId", "holdPercentage", "winPoolAmount",
            "placePoolAmount", "timeInterval", "timeToStart", "type", "pollingTimestamp"]}),
        json!({"method": "orderDesc", "attribute": "$createdAt"}),
    ];
    let races = [
        json!({"method": "equal", "attribute": "meeting", "values": ["meeting-1"]}),
        json!({"method": "orderAsc", "attribute": "raceNumber"}),
        json!({"method": "limit", "values": [20]}),
    ];
    vec![
        endpoint("appwrite timeline", "money-flow-history", &[&race[..], &timeline[..]].concat(), &key),
        endpoint("appwrite newest", "money-flow-history", &[&race[..], &newest[..]].concat(), &key),
        endpoint("appwrite races", "races", &races, &key),
    ]
}

fn endpoint(name: &'static str, collection: &str, queries: &[Value], key: &str) -> Endpoint {
    let path = format!("/v1/databases/raceday-db/collections/{collection}/documents");
    let encoded = |text: String| -> String { text.bytes().map(encode).collect() };
    let query = queries.iter().enumerate().map(|(n, query)| format!("queries%5B{n}%5D={}", encoded(query.to_string())));
    let query = query.collect::<Vec<_>>().join("&");
    let upstream = json!({"x-raceday-path": path, "x-raceday-query": query, "x-appwrite-project": "raceday", "x-appwrite-key": key});
    Endpoint {
        name,
        path: format!("{path}?{query}"),
        calls: vec!["appwrite_read()".to_owned()],
        headers: format!("X-Appwrite-Project: raceday\r\nX-Appwrite-Key: {key}\r\n"),
        upstream_headers: upstream.to_string(),
    }
}

/// A byte as an SDK sends it in a query.
fn encode(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}
