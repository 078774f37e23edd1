//! nginx in front of the legacy backend and ours: which clients go where, and what happens if a backend does not respond.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use raceday_tests::stack::Stack;
use serde_json::json;

/// Starts a legacy backend that returns the request line of every request. Returns its port.
fn legacy_backend() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap_or(0);
            let line = String::from_utf8_lossy(&head[..length]).lines().next().unwrap_or_default().to_owned();
            let body = json!({"legacy": line}).to_string();
            let response = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(response.as_bytes()).ok();
        }
    });
    port
}

#[test]
fn a_legacy_backend_that_does_not_respond_is_503_in_json_like_ours() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hangs_up = TcpListener::bind("127.0.0.1:0").unwrap();
    let hung_up_at = hangs_up.local_addr().unwrap();
    std::thread::spawn(move || hangs_up.incoming().for_each(drop));
    let mut stack = Stack::without_rate_limit();
    for upstream in [closed, hung_up_at] {
        stack.reload(&[
            ("RACEDAY_RATE_LIMIT", "off"),
            ("RACEDAY_LEGACY_UPSTREAM", &upstream.to_string()),
            ("USE_LEGACY_BACKEND", "true"),
        ]);
        for path in [
            "/api/meetings",
            "/api/races/none",
            "/api/entrants?raceId=x",
            "/api/money-flow-timeline?raceId=x&entrants=y",
            "/api/user-alert-configs",
            "/api/nothing",
        ] {
            let response = stack.get(path);
            response.assert_error(503, path);
            assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
        }
        stack.send("POST", "/api/user-alert-configs", &[], b"{}").assert_error(503, "POST");
        let health = stack.get("/health");
        health.assert_error(503, "health");
        assert_eq!(health.json()["status"], "unhealthy");
    }
}

#[test]
fn a_silent_legacy_backend_is_503_in_seconds() {
    // Connections are accepted by the system, and nobody reads from them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = silent.local_addr().unwrap().to_string();
    let mut stack = Stack::without_rate_limit();
    stack.reload(&[
        ("RACEDAY_LEGACY_UPSTREAM", &upstream),
        ("USE_LEGACY_BACKEND", "true"),
        ("RACEDAY_RATE_LIMIT", "off"),
    ]);
    let mut stream = TcpStream::connect(("127.0.0.1", stack.port())).unwrap();
    // Far longer than nginx's limit of 5 s, far shorter than its default of 60 s.
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(b"GET /api/meetings HTTP/1.0\r\nHost: raceday\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response well before nginx's default of 60 s");
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    assert!(response.ends_with("{\"error\":\"Service unavailable\"}"), "{response}");
}

#[test]
fn use_legacy_backend_accepts_every_spelling_of_yes_and_no() {
    let upstream = format!("127.0.0.1:{}", legacy_backend());
    let mut stack = Stack::without_rate_limit();
    for (value, is_legacy) in [
        ("TRUE", true),
        ("False", false),
        ("True", true),
        ("OFF", false),
        ("on", true),
        ("no", false),
        ("Yes", true),
        ("0", false),
        ("1", true),
    ] {
        stack.reload(&[
            ("RACEDAY_RATE_LIMIT", "off"),
            ("RACEDAY_LEGACY_UPSTREAM", &upstream),
            ("USE_LEGACY_BACKEND", value),
        ]);
        assert_eq!(stack.get("/api/meetings").json()["legacy"].is_string(), is_legacy, "{value}");
    }
}

#[test]
fn an_invalid_cut_over_setting_is_refused_by_name_and_nginx_keeps_running() {
    let upstream = format!("127.0.0.1:{}", legacy_backend());
    let mut stack = Stack::without_rate_limit();
    stack.reload(&[("RACEDAY_LEGACY_UPSTREAM", &upstream), ("RACEDAY_LEGACY_PERCENT", "100")]);
    for (name, value) in [
        ("RACEDAY_LEGACY_PERCENT", "25"),
        ("RACEDAY_LEGACY_PERCENT", "10%"),
        ("RACEDAY_LEGACY_PERCENT", "0 "),
        ("RACEDAY_LEGACY_PERCENT", ""),
        ("USE_LEGACY_BACKEND", "maybe"),
        ("USE_LEGACY_BACKEND", "true "),
        ("USE_LEGACY_BACKEND", ""),
    ] {
        let variables = [
            ("RACEDAY_NGINX_LISTEN", format!("127.0.0.1:{}", stack.port())),
            ("RACEDAY_REST_UPSTREAM", format!("127.0.0.1:{}", stack.rest_options.port)),
            (name, value.to_owned()),
        ];
        let variables: BTreeMap<_, _> = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let refused = stack.nginx.reload(variables).expect_err(value).to_string();
        assert!(refused.contains(&name.to_lowercase()), "{name}={value}: {refused}");
        assert!(stack.get("/api/meetings").json()["legacy"].is_string(), "{name}={value} moved the clients");
    }
}
