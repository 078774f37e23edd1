//! nginx in front of the REST server: cache, limits, headers, errors.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use raceday_stack::wait_until;
use raceday_tests::PATIENCE;
use raceday_tests::http::raw_get;
use raceday_tests::json::{assert_keys, assert_timestamp};
use raceday_tests::stack::Stack;

fn seed_race(stack: &Stack, id: &str) {
    stack.sql(&format!(
        "select seed.meeting('{id}-m', '{id}', 'harness', current_date); select seed.race('{id}', '{id}-m', 1, now());
         select seed.runners('{id}', 3); select seed.polls('{id}', 1, 5, 5)"
    ));
}

/// How often clients called a function of schema api.
pub fn calls(stack: &Stack, function: &str) -> i64 {
    let sql = format!(
        "select coalesce(sum(calls), 0)::bigint from pg_stat_statements
         where userid in ('web_anon'::regrole, 'authenticator'::regrole) and toplevel and query ~ '\\m{function}\\M'"
    );
    stack.connect().query_one(&sql, &[]).unwrap().get(0)
}

#[test]
fn many_clients_polling_one_race_cost_one_query_per_second() {
    let stack = Stack::without_rate_limit();
    stack.sql("create extension if not exists pg_stat_statements");
    seed_race(&stack, "busy");
    for (path, functions) in [
        ("/api/races/busy", &["client_race"][..]),
        ("/api/entrants?raceId=busy", &["client_entrants_version", "client_entrants"][..]),
    ] {
        stack.sql("select pg_stat_statements_reset()");
        let started = std::time::Instant::now();
        let requests = 400;
        std::thread::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| (0..requests / 10).for_each(|_| assert_eq!(stack.get(path).status, 200)));
            }
        });
        // One per second begun, and one for the turn of a second.
        let allowed = i64::try_from(started.elapsed().as_secs()).unwrap() + 2;
        for function in functions {
            let calls = calls(&stack, function);
            assert!(
                (1..=allowed).contains(&calls),
                "{requests} requests cost {calls} calls of {function}, {allowed} are allowed"
            );
        }
    }
}

#[test]
fn a_change_is_seen_after_a_second_and_an_unchanged_body_is_304() {
    let stack = Stack::shared();
    seed_race(&stack, "etag");
    stack.sql("select seed.meeting('etag-day', 'A day without other tests', 'harness', '2034-01-01')");
    for path in [
        "/api/races/etag",
        "/api/entrants?raceId=etag",
        "/api/money-flow-timeline?raceId=etag&entrants=x",
        "/api/meetings?date=2034-01-01",
    ] {
        let first = stack.get(path);
        let etag = first.header("etag").unwrap_or_else(|| panic!("{path} has no ETag")).to_owned();
        assert_eq!(first.header("cache-control"), Some("no-cache"), "{path}");
        for tag in [etag.clone(), format!("W/{etag}")] {
            let again = stack.get_with(path, &[("if-none-match", &tag)]);
            assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
            assert_eq!(again.header("etag"), Some(etag.as_str()), "{path}");
        }
        assert_eq!(stack.get_with(path, &[("if-none-match", "\"0\"")]).status, 200, "{path}");
        stack.sql(
            "update raceday.races set name = name || '!' where race_id = 'etag'; update raceday.meetings set weather = coalesce(weather, '') || '!' where meeting_id = 'etag-day';
             update raceday.race_progress set rows_created_at = rows_created_at + interval '1 second' where race_id = 'etag'",
        );
        wait_until("the change to be seen", PATIENCE, || {
            Ok(stack.get_with(path, &[("if-none-match", &etag)]).status == 200)
        })
        .unwrap();
    }
}

#[test]
fn a_cached_response_is_served_in_at_most_two_of_nginxs_seconds() {
    let stack = Stack::shared();
    // Each response carries the time at which it was made, and nginx adds the second in which it is sent.
    let mut seconds_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    wait_until("responses of several seconds", PATIENCE, || {
        let response = stack.get("/api/races/upcoming?freshness");
        let made_at = response.json()["timestamp"].as_str().unwrap().to_owned();
        seconds_of.entry(made_at).or_default().insert(response.header("date").unwrap().to_owned());
        Ok(seconds_of.len() > 3)
    })
    .unwrap();
    for (made_at, seconds) in &seconds_of {
        assert!(seconds.len() <= 2, "the response of {made_at} was served in {seconds:?}");
    }
    assert!(seconds_of.values().any(|seconds| seconds.len() == 2), "docs/rest.md states a worse case than this");
}

#[test]
fn the_access_log_is_replaced_when_it_is_large() {
    let stack = Stack::start(&[]);
    let log = stack.nginx.prefix().join("logs/access.log");
    let logged = |file: &Path, what: &str| std::fs::read_to_string(file).is_ok_and(|text| text.contains(what));
    stack.get("/api/races/before-rotation");
    wait_until("the request to be logged", PATIENCE, || Ok(logged(&log, "before-rotation"))).unwrap();
    assert!(!stack.nginx.rotate_access_log(1 << 20).unwrap(), "a small log was replaced");
    assert!(stack.nginx.rotate_access_log(1).unwrap());
    wait_until("a new log", PATIENCE, || {
        stack.get("/api/races/after-rotation");
        Ok(logged(&log, "after-rotation"))
    })
    .unwrap();
    assert!(!logged(&log, "before-rotation"));
    assert!(logged(&log.with_extension("log.1"), "before-rotation"));
}

#[test]
fn bodies_are_compressed_on_request() {
    let stack = Stack::shared();
    seed_race(&stack, "gzip");
    let plain = stack.get("/api/entrants?raceId=gzip");
    let packed = stack.get_with("/api/entrants?raceId=gzip", &[("accept-encoding", "gzip")]);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("content-type"), Some("application/json; charset=utf-8"));
    assert!(packed.body.len() < plain.body.len() / 3);
    let mut gunzip = Command::new("gzip").arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut gunzip.stdin.take().unwrap(), &packed.body).unwrap();
    assert_eq!(gunzip.wait_with_output().unwrap().stdout, plain.body);
    for path in ["/health", "/api/races/gzip", "/api/meetings/gzip-m", "/api/races/no-such-race-of-this-name"] {
        let small = stack.get_with(path, &[("accept-encoding", "gzip")]);
        assert_eq!(small.header("content-encoding"), Some("gzip"), "{path}, of {} bytes", small.body.len());
    }
}

#[test]
fn a_client_over_its_limit_gets_429_and_health_checks_do_not_count() {
    let stack = Stack::start(&[]);
    // Clients behind a trusted proxy are distinguished by its header.
    let client = |address: &str| stack.get_with("/api/races/none", &[("x-forwarded-for", address)]);
    let statuses: Vec<u16> = (0..130).map(|_| client("203.0.113.7").status).collect();
    let allowed = statuses.iter().filter(|status| **status == 404).count();
    assert!((100..130).contains(&allowed), "{allowed} of 130 requests were accepted");
    assert!(statuses[..100].iter().all(|status| *status == 404), "one of the first hundred requests was refused");
    // Another request is allowed every 0.6 s, so on a slow machine the next one may pass.
    let refused =
        (0..20).map(|_| client("203.0.113.7")).find(|response| response.status == 429).expect("no request was refused");
    refused.assert_error(429, "one too many");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.header("content-security-policy").is_some());
    assert_eq!(client("203.0.113.8").status, 404, "another client is refused");
    for path in ["/health", "/api/health"] {
        let health = || stack.get_with(path, &[("x-forwarded-for", "203.0.113.7")]);
        assert!((0..150).all(|_| health().status == 200), "a health check of a client over its limit was refused");
    }
}

#[test]
fn every_response_has_the_security_headers() {
    let stack = Stack::shared();
    for path in [
        "/",
        "/page.js",
        "/api/races",
        "/api/meetings",
        "/api/entrants?raceId=x",
        "/nowhere",
        "/rest/races?limit=1",
        "/api/races/%00",
    ] {
        let response = stack.get(path);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("access-control-allow-origin", "*"),
            ("cache-control", "no-cache"),
            ("server", "nginx"),
        ] {
            assert_eq!(response.header(name), Some(value), "{path}: {name}");
            assert_eq!(
                response.headers.iter().filter(|(key, _)| key == name).count(),
                1,
                "{path}: {name} more than once"
            );
        }
        assert!(response.header("content-security-policy").unwrap().contains("default-src 'none'"), "{path}");
    }
    let preflight = stack.send(
        "OPTIONS",
        "/api/user-alert-configs",
        &[("origin", "https://app.example"), ("access-control-request-method", "POST")],
        b"",
    );
    assert_eq!(preflight.status, 204);
    assert!(preflight.header("access-control-allow-methods").unwrap().contains("POST"));
    let allowed = preflight.header("access-control-allow-headers").unwrap();
    for name in ["Content-Type", "If-None-Match", "Cache-Control", "Pragma", "X-Requested-With"] {
        assert!(allowed.contains(name), "a browser may not send {name}");
    }
    for refused in [stack.send("DELETE", "/api/races/x", &[], b""), preflight] {
        assert!(refused.header("content-security-policy").is_some(), "{}", refused.status);
        assert_eq!(refused.header("x-content-type-options"), Some("nosniff"), "{}", refused.status);
    }
}

#[test]
fn request_ids_are_forwarded_and_logged_as_json() {
    let stack = Stack::shared();
    let given = stack.get_with("/api/races?meetingId=logged", &[("x-request-id", "given-by-the-client-1")]);
    assert_eq!(given.header("x-request-id"), Some("given-by-the-client-1"));
    let forged = stack.get_with("/api/races?meetingId=logged", &[("x-request-id", "no spaces \"here\"")]);
    let made = forged.header("x-request-id").unwrap().to_owned();
    assert!(made.len() == 32 && made.chars().all(|c| c.is_ascii_hexdigit()), "{made}");
    let log = stack.nginx.prefix().join("logs/access.log");
    wait_until("the requests to be logged", PATIENCE, || {
        let text = std::fs::read_to_string(&log)?;
        Ok(text.contains(&made) && text.contains("given-by-the-client-1"))
    })
    .unwrap();
    for line in std::fs::read_to_string(&log).unwrap().lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(entry["status"].is_number() && entry["duration_s"].is_number() && entry["path"].is_string());
    }
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(!text.contains("meetingId"), "the log contains a query, which may name a user");
}

#[test]
fn requests_beyond_the_limits_get_errors_in_json() {
    let stack = Stack::shared();
    let big = vec![b' '; 70_000];
    stack
        .send("POST", "/api/user-alert-configs", &[("content-type", "application/json")], &big)
        .assert_error(413, "big body");
    stack.get(&format!("/api/races?meetingId={}", "x".repeat(20_000))).assert_error(414, "long address");
    assert_eq!(
        stack.get(&format!("/api/races/{}", "x".repeat(10_000))).status,
        404,
        "an id of 10 kB is not just unknown"
    );
    stack.get_with("/api/races?meetingId=x", &[("x-long", &"x".repeat(20_000))]).assert_error(400, "long header");
    raw_get(stack.port(), b"/api/races/%zz").assert_error(400, "bad escape");
    stack.get_with("/api/meetings", &[("if-match", "\"x\"")]).assert_error(412, "a version that does not exist");
    for path in ["/index.html", "/api/meetings.json", "/style.css", "/__raceday/version"] {
        stack.get(path).assert_error(404, path);
    }
    for (method, path) in [
        ("POST", "/api/races"),
        ("DELETE", "/api/races/x"),
        ("PUT", "/api/user-alert-configs"),
        ("PATCH", "/api/entrants?raceId=x"),
    ] {
        let response = stack.send(method, path, &[], b"");
        response.assert_error(405, path);
        assert!(response.header("allow").unwrap().starts_with("GET"), "{path}");
    }
    stack.get("/api/nothing").assert_error(404, "unknown path");
    let head = stack.send("HEAD", "/api/meetings", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn a_query_that_is_not_percent_encoded_is_refused_rather_than_read_as_empty() {
    let stack = Stack::shared();
    seed_race(&stack, "raw");
    for query in [
        &b"/api/meetings?date=\x80"[..],
        b"/api/races?meetingId=raw-m&x=\xff",
        b"/api/races/upcoming?limit=1&n=\xc3\xa9",
        b"/api/entrants?raceId=raw&x=\xc4\x81",
        b"/api/money-flow-timeline?raceId=raw&entrants=\xff",
        // Without its parameters this would be the default user.
        b"/api/user-alert-configs?userId=M\xc4\x81ori",
    ] {
        raw_get(stack.port(), query).assert_error(400, &String::from_utf8_lossy(query));
    }
    assert_eq!(stack.json("/api/user-alert-configs?userId=M%C4%81ori")["user_id"], "Māori");
    for path in
        [&b"/api/races/M\xc4\x81ori"[..], b"/api/races/\xff", b"/api/meetings/\xff", b"/\xff", b"/rest/races\xff"]
    {
        raw_get(stack.port(), path).assert_error(404, &String::from_utf8_lossy(path));
    }
}

#[test]
fn without_the_database_cached_reads_expire_and_then_are_503() {
    let mut stack = Stack::without_rate_limit();
    seed_race(&stack, "outage");
    let paths = ["/api/races/outage", "/api/entrants?raceId=outage"];
    let before: Vec<_> = paths.iter().map(|path| stack.json(path)).collect();
    stack.postgres.stop().unwrap();
    wait_until("health to report the outage", PATIENCE, || Ok(stack.get("/health").status == 503)).unwrap();
    let health = stack.get("/health").json();
    assert_keys(&health, "status timestamp error");
    assert_eq!(health["status"], "unhealthy");
    assert_timestamp(&health["timestamp"]);
    for (path, body) in paths.iter().zip(&before) {
        let response = stack.get(path);
        // A response from the last ten seconds may still be served.
        assert!(
            response.status == 503 || (response.status == 200 && response.json() == *body),
            "{path}: {}",
            response.text()
        );
        wait_until("the cached response to expire", PATIENCE, || Ok(stack.get(path).status == 503)).unwrap();
        stack.get(path).assert_error(503, path);
    }
    for path in [
        "/api/meetings",
        "/api/races?meetingId=outage-m",
        "/api/user-alert-configs",
        "/api/money-flow-timeline?raceId=r&entrants=e",
        "/rest/races",
    ] {
        stack.get(path).assert_error(503, path);
    }
    stack.send("POST", "/api/user-alert-configs", &[], b"{}").assert_error(503, "POST");
    stack.postgres.start_again().unwrap();
    wait_until("everything to recover", PATIENCE, || {
        Ok(stack.get("/health").status == 200 && paths.iter().all(|path| stack.get(path).status == 200))
    })
    .unwrap();
    stack.rest.process().kill().unwrap();
    wait_until("health to report that REST is unavailable", PATIENCE, || Ok(stack.get("/health").status == 503))
        .unwrap();
    assert_eq!(stack.get("/health").json()["status"], "unhealthy");
    stack.get("/api/meetings?date=2001-01-01").assert_error(503, "REST unavailable");
}
