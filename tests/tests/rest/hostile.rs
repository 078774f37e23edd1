//! Whatever a client sends gets a response that the contract allows, never a 500.

use raceday_tests::http::{raw, raw_get};
use raceday_tests::stack::Stack;

const HOSTILE: &[&str] = &[
    "%00",
    "a%00b",
    "%ff",
    "%C3%28",
    "%ED%A0%80",
    "%",
    "%2",
    "%zz",
    "'",
    "';drop table raceday.races;--",
    "\"",
    "\\",
    "%5C%5C",
    "%0a%0d",
    "+",
    "%20",
    "null",
    "{}",
    "[]",
    "-1",
    "1e999999",
    "99999999999999999999",
    "Infinity",
    "0x10",
    "2025-02-30",
    "infinity",
    "..%2f..%2f",
    "%F0%9F%8F%87",
    "a%26b%3Dc",
    "(select%201)",
    "eq.1",
];

const NAMES: &[&str] = &[
    "raceId",
    "race_id",
    "meetingId",
    "date",
    "raceType",
    "entrants",
    "entrantId",
    "since",
    "poolType",
    "limit",
    "cursorAfter",
    "createdAfter",
    "windowMinutes",
    "lookback_minutes",
    "userId",
    "select",
    "order",
    "p_query",
    "%00",
    "%ff",
];

const PATHS: &[&str] = &[
    "/api/meetings",
    "/api/races",
    "/api/races/navigation",
    "/api/races/upcoming",
    "/api/races/next-scheduled",
    "/api/entrants",
    "/api/race-pools",
    "/api/race-results",
    "/api/user-alert-configs",
    "/api/signals",
    "/api/signals/runners",
    "/api/signals/chart",
    "/api/movers",
    "/health",
];

#[test]
fn no_request_causes_a_500() {
    let stack = Stack::shared();
    let long = "x".repeat(10_000);
    let hostile = HOSTILE.iter().copied().chain([long.as_str()]);
    for path in PATHS {
        for value in hostile.clone() {
            let query: Vec<String> = NAMES.iter().map(|name| format!("{name}={value}")).collect();
            // All names in one request, unless that would be too long.
            for query in if value.len() > 500 { query } else { vec![query.join("&")] } {
                let response = raw_get(stack.port(), format!("{path}?{query}").as_bytes());
                let what = format!("{path}?{}: {}", &query[..query.len().min(200)], response.text());
                assert!(matches!(response.status, 200 | 400 | 404), "{what}");
                assert!(response.status == 200 || response.json()["error"].is_string(), "{what}");
            }
        }
    }
    for value in hostile {
        for query in [
            format!("raceId=r&entrants={value}"),
            format!("raceId={value}&entrants=e&limit={value}&cursorAfter={value}&createdAfter={value}"),
        ] {
            if query.len() < 12_000 {
                let response = raw_get(stack.port(), format!("/api/money-flow-timeline?{query}").as_bytes());
                assert!(
                    matches!(response.status, 200 | 400),
                    "{}: {}",
                    &query[..query.len().min(200)],
                    response.text()
                );
            }
        }
        for path in ["/api/races/", "/api/meetings/"] {
            let response = raw_get(stack.port(), format!("{path}{value}").as_bytes());
            let what = format!("{path}{}: {}", &value[..value.len().min(100)], response.text());
            assert!(matches!(response.status, 400 | 404), "{what}");
            assert!(response.json()["error"].is_string(), "{what}");
        }
    }
}

#[test]
fn the_body_of_a_get_changes_no_response() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('body', 'Body', 'harness', '2030-03-01'); select seed.race('body-1', 'body', 1, '2030-03-01Z');
         select seed.race('body-2', 'body', 2, '2030-03-01Z'); select seed.runners('body-1', 2); select seed.runners('body-2', 3)",
    );
    let bodies =
        ["{\"p_id\":\"body-2\"}", "{\"p_query\":\"raceId=body-2&meetingId=none\"}", "{\"a\":1}", "null", "x", " "];
    let mut sent = 0;
    for path in [
        "/api/races/body-1?",
        "/api/meetings/body?",
        "/api/races?meetingId=body",
        "/api/race-pools?raceId=body-1",
        "/api/entrants?raceId=body-1",
        "/api/money-flow-timeline?raceId=body-1&entrants=e",
    ] {
        let expected = stack.get(path);
        for body in bodies {
            let sized = format!("Content-Length: {}\r\n\r\n{body}", body.len());
            let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
            for framed in [sized, chunked] {
                // An unknown parameter gives the request its own entry in the cache.
                sent += 1;
                let path = format!("{path}&sent={sent}");
                let head = format!(
                    "GET {path} HTTP/1.1\r\nHost: raw\r\nConnection: close\r\nContent-Type: application/json\r\n"
                );
                let response = raw(stack.port(), format!("{head}{framed}").as_bytes());
                assert_eq!(response.status, expected.status, "{path} {body}: {}", response.text());
                assert!(response.text().contains(&expected.text()), "{path} {body}: {}", response.text());
                let others = stack.get(&path);
                assert_eq!((others.status, others.text()), (expected.status, expected.text()), "{path} after {body}");
            }
        }
    }
}

#[test]
fn a_path_that_normalises_to_another_is_not_found() {
    let stack = Stack::shared();
    for path in [
        "/api/races/..%2fentrants",
        "/api/races/..%2Fuser-alert-configs?userId=dots",
        "/api/meetings/..%2f..%2fpage.css",
        "/api/races/..%2f..%2frest%2f",
        "/api/races/..%2f..",
        "/api/races/%2e%2e/entrants?raceId=r",
        "/api/./entrants?raceId=r",
        "/api/races/../entrants?raceId=r",
        "/./",
    ] {
        raw_get(stack.port(), path.as_bytes()).assert_error(404, path);
    }
    assert_eq!(stack.value("select count(*)::text from raceday.user_alert_configs where user_id = 'dots'"), "0");
    assert_eq!(stack.get("/api/races/a..b").json()["error"], "Race not found");
}
