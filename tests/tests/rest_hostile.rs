//! Whatever a client sends: an answer of the contract, never a 500.

mod rest;

use rest::{Stack, raw_get};

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
    "/health",
];

#[test]
fn nothing_that_a_client_can_send_is_a_500() {
    let stack = Stack::shared();
    let long = "x".repeat(10_000);
    let hostile = HOSTILE.iter().copied().chain([long.as_str()]);
    for path in PATHS {
        for value in hostile.clone() {
            let query: Vec<String> = NAMES.iter().map(|name| format!("{name}={value}")).collect();
            // All at once, unless that is longer than a request may be.
            for query in if value.len() > 500 { query } else { vec![query.join("&")] } {
                let answer = raw_get(stack.port(), format!("{path}?{query}").as_bytes());
                let what = format!("{path}?{}: {}", &query[..query.len().min(200)], answer.text());
                assert!(matches!(answer.status, 200 | 400 | 404), "{what}");
                assert!(answer.status == 200 || answer.json()["error"].is_string(), "{what}");
            }
        }
    }
    for value in hostile {
        for query in [
            format!("raceId=r&entrants={value}"),
            format!("raceId={value}&entrants=e&limit={value}&cursorAfter={value}&createdAfter={value}"),
        ] {
            if query.len() < 12_000 {
                let answer = raw_get(stack.port(), format!("/api/money-flow-timeline?{query}").as_bytes());
                assert!(matches!(answer.status, 200 | 400), "{}: {}", &query[..query.len().min(200)], answer.text());
            }
        }
        for path in ["/api/races/", "/api/meetings/"] {
            let answer = raw_get(stack.port(), format!("{path}{value}").as_bytes());
            let what = format!("{path}{}: {}", &value[..value.len().min(100)], answer.text());
            assert!(matches!(answer.status, 400 | 404), "{what}");
            assert!(answer.json()["error"].is_string(), "{what}");
        }
    }
}
