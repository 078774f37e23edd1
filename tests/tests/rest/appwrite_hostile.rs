//! Appwrite's protocol against clients that are broken or hostile, byte for byte.

use raceday_tests::http::{Response, raw};
use raceday_tests::stack::Stack;
use serde_json::json;

use super::sdk::key;

/// What is no valid query of races.
const HOSTILE: &[&str] = &[
    "",
    "x",
    "null",
    "1",
    "[]",
    "\"equal\"",
    "{}",
    "{",
    "{\"method\":null}",
    "{\"method\":7}",
    "{\"method\":[\"equal\"]}",
    "{\"method\":\"drop table\"}",
    "{\"method\":\"equal\"}",
    "{\"method\":\"equal\",\"attribute\":\"raceId\"}",
    "{\"method\":\"equal\",\"attribute\":\"raceId\",\"values\":[]}",
    "{\"method\":\"equal\",\"attribute\":\"raceId\",\"values\":\"x\"}",
    "{\"method\":\"equal\",\"attribute\":\"raceId\",\"values\":{\"a\":1}}",
    "{\"method\":\"equal\",\"attribute\":\"raceId\",\"values\":[1]}",
    "{\"method\":\"equal\",\"attribute\":\"raceId\",\"values\":[null]}",
    "{\"method\":\"equal\",\"attribute\":\"raceId\",\"values\":[[\"x\"]]}",
    "{\"method\":\"equal\",\"attribute\":\"raceId\",\"values\":[\"\\u0000\"]}",
    "{\"method\":\"equal\",\"attribute\":\"raceId\",\"values\":[\"\\ud800\"]}",
    "{\"method\":\"equal\",\"attribute\":\"raceId) or (true\",\"values\":[\"x\"]}",
    "{\"method\":\"equal\",\"attribute\":[\"raceId\"],\"values\":[\"x\"]}",
    "{\"method\":\"lessThan\",\"attribute\":\"raceId\",\"values\":[\"x\"]}",
    "{\"method\":\"lessThan\",\"attribute\":\"raceNumber\",\"values\":[\"1\"]}",
    "{\"method\":\"lessThan\",\"attribute\":\"raceNumber\",\"values\":[1,2]}",
    "{\"method\":\"lessThan\",\"attribute\":\"raceNumber\",\"values\":[1e400]}",
    "{\"method\":\"lessThan\",\"attribute\":\"raceNumber\",\"values\":[1e999999]}",
    "{\"method\":\"lessThan\",\"attribute\":\"startTime\",\"values\":[\"yesterday\"]}",
    "{\"method\":\"lessThan\",\"attribute\":\"startTime\",\"values\":[\"infinity\"]}",
    "{\"method\":\"lessThan\",\"attribute\":\"startTime\",\"values\":[1]}",
    "{\"method\":\"orderAsc\"}",
    "{\"method\":\"select\"}",
    "{\"method\":\"select\",\"values\":[7]}",
    "{\"method\":\"limit\",\"values\":[\"10\"]}",
    "{\"method\":\"limit\",\"values\":[2.5]}",
    "{\"method\":\"limit\",\"values\":[1e300]}",
    "{\"method\":\"limit\",\"values\":[10,20]}",
    "{\"method\":\"offset\",\"values\":[-1]}",
    "{\"method\":\"cursorAfter\",\"values\":[7]}",
];

/// A request with a valid key and these bytes as its query.
fn query(stack: &Stack, key: &str, query: &[u8]) -> Response {
    let path = b"GET /v1/databases/raceday-db/collections/races/documents?";
    let head = format!(" HTTP/1.0\r\nX-Appwrite-Project: raceday\r\nX-Appwrite-Key: {key}\r\n\r\n");
    raw(stack.port(), &[path, query, head.as_bytes()].concat())
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"))
}

#[track_caller]
fn assert_refused(response: &Response, what: &str) {
    assert_eq!(response.status, 400, "{what}: {}", response.text());
    assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"), "{what}");
    let body = response.json();
    assert_eq!((&body["code"], &body["version"]), (&json!(400), &json!("1.7.4")), "{what}: {body}");
    assert!(body["message"].is_string() && body["type"].is_string(), "{what}: {body}");
}

#[test]
fn malformed_and_hostile_queries_are_400() {
    let stack = Stack::shared();
    let key = key(&stack, "aq-hostile", "read");
    for text in HOSTILE {
        assert_refused(&query(&stack, &key, format!("queries%5B0%5D={}", encoded(text)).as_bytes()), text);
    }
    for bytes in [
        &b"queries[]=%00"[..],
        b"queries[]=%ff",
        b"queries[]=%C3%28",
        b"queries[]=%zz",
        b"queries[]=%",
        b"queries[]=\xff",
    ] {
        assert_refused(&query(&stack, &key, bytes), &String::from_utf8_lossy(bytes));
    }
}

#[test]
fn more_than_a_hundred_queries_and_deep_nesting_are_400() {
    let stack = Stack::shared();
    let key = key(&stack, "aq-volume", "read");
    let nested = "[".repeat(7_000) + &"]".repeat(7_000);
    let limit = format!("queries[]={}&", encoded("{\"method\":\"limit\",\"values\":[1]}"));
    for (what, text) in [
        ("a query nested deeply", format!("queries[]={nested}")),
        (
            "values nested deeply",
            format!("queries[]={{\"method\":\"equal\",\"attribute\":\"name\",\"values\":{nested}}}"),
        ),
        ("100 kB of nesting", format!("queries[]={}", "[".repeat(100_000))),
        ("700 queries", "queries%5B%5D=%7B%7D&".repeat(700)),
        ("1 000 queries", "queries=1&".repeat(1_000)),
        ("101 queries", limit.repeat(101)),
    ] {
        assert_refused(&query(&stack, &key, text.as_bytes()), what);
    }
    assert_eq!(query(&stack, &key, limit.repeat(100).as_bytes()).status, 200, "100 queries");
}

#[test]
fn what_is_no_route_is_404_and_never_a_page() {
    let stack = Stack::shared();
    let key = key(&stack, "aq-route", "alerts");
    let request = |line: &str| {
        raw(
            stack.port(),
            format!("{line} HTTP/1.0\r\nX-Appwrite-Project: raceday\r\nX-Appwrite-Key: {key}\r\n\r\n").as_bytes(),
        )
    };
    for line in [
        "GET /v1",
        "GET /v1/",
        "GET /v1/ping",
        "GET /v1/realtime",
        "GET /v1/databases/raceday-db/collections/races",
        "GET /v1/databases/raceday-db/collections/races/documents/a/b",
        "GET //v1/databases/raceday-db/collections/races/documents",
        "GET /v1/databases/raceday-db/collections/races/documents/../documents",
        "GET /v1/../api/meetings",
        "GET /v1/databases/raceday-db/collections/races/documents/a%2Fb",
        "POST /v1/databases/raceday-db/collections/races/documents/x",
        "DELETE /v1/databases/raceday-db/collections/races/documents/x",
        "PUT /v1/databases/raceday-db/collections/races/documents/x",
    ] {
        let response = request(line);
        assert!(
            response.status == 404 || response.status == 401 && line.starts_with("POST"),
            "{line}: {}",
            response.status
        );
        assert!(response.json()["type"].is_string(), "{line}: {}", response.text());
    }
    let body = request("GET /v1/databases/other/collections/races/documents").json();
    assert_eq!((&body["code"], &body["type"]), (&json!(404), &json!("database_not_found")));
    assert_eq!(request("HEAD /v1/databases/raceday-db/collections/races/documents").status, 200);
}
