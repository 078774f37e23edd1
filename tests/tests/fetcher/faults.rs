//! A TAB that misbehaves: complete responses are staged, everything else is retried or counted.

use std::collections::BTreeSet;

use raceday_stack::{Fetcher, http_get, http_ok, wait_until};
use serde_json::{Value, json};

use raceday_tests::PATIENCE;
use raceday_tests::scene::{PROCESSED, Scene, assert_nothing_lost, logged, metric, wait_metric};

const SPEED: f64 = 5.0;

#[test]
fn every_fault_is_retried_by_its_cause_and_no_response_is_lost() {
    let scene = Scene::start(SPEED, 21);
    let fetcher = scene.fetcher("one");
    wait_metric(&fetcher, PROCESSED, |polls| polls > 5.0);
    let often = 0.3;
    for (cause, faults) in [
        ("throttled", json!({"too_many_requests": {"probability": often}})),
        ("server_error", json!({"server_error": {"probability": often}})),
        ("broken_off", json!({"dropped_connection": {"probability": often}, "path": "/events/"})),
        ("broken_off", json!({"truncated_body": {"probability": often}, "path": "/events/"})),
    ] {
        let retries = format!("raceday_retries_total{{cause=\"{cause}\"}}");
        let before = metric(&fetcher, &retries);
        scene.faults(&faults);
        wait_metric(&fetcher, &retries, |count| count > before + 2.0);
        scene.faults(&json!({}));
        let processed = metric(&fetcher, PROCESSED);
        wait_metric(&fetcher, PROCESSED, |polls| polls > processed);
    }
    assert_nothing_lost(&scene, fetcher);
}

#[test]
fn a_slow_response_is_abandoned_after_the_timeout() {
    let scene = Scene::start(SPEED, 22);
    let fetcher = scene.fetcher_with("one", &[("RACEDAY_FETCH_TIMEOUT_S", "1".into())]);
    wait_metric(&fetcher, PROCESSED, |polls| polls > 5.0);
    // Until a poll is abandoned: after a single slow response, a retry within the slot may succeed.
    scene.faults(&json!({"latency": {"ms": 3000}, "path": "/events/"}));
    wait_metric(&fetcher, "raceday_polls_total{result=\"timeout\"}", |polls| polls >= 1.0);
    scene.faults(&json!({}));
    let processed = metric(&fetcher, PROCESSED);
    wait_metric(&fetcher, PROCESSED, |polls| polls > processed + 5.0);
}

#[test]
fn a_garbage_body_is_kept_as_received_and_marked() {
    let scene = Scene::start(SPEED, 23);
    let fetcher = scene.fetcher("one");
    wait_metric(&fetcher, PROCESSED, |polls| polls > 5.0);
    scene.faults(&json!({"garbage_body": {"count": 2}, "path": "/events/"}));
    wait_metric(&fetcher, "raceday_payloads_failed_total{reason=\"bad_payload\"}", |failed| failed >= 2.0);
    let kept = "select count(*) from raceday.staged_payloads
                where payload_raw is not null and payload is null and status = 'failed' and error is not null";
    assert_eq!(scene.count(kept), 2);
    assert_nothing_lost(&scene, fetcher);
}

#[test]
fn a_tab_that_is_down_is_only_probed_until_it_is_back() {
    let scene = Scene::start(SPEED, 24);
    let fetcher = scene.fetcher_with("one", &[("RACEDAY_BREAKER_FAILURES", "5".into())]);
    wait_metric(&fetcher, PROCESSED, |polls| polls > 5.0);
    scene.faults(&json!({"server_error": {"status": 503}}));
    wait_metric(&fetcher, "raceday_breaker_state", |state| state > 0.0);
    // At five polls per second, an open breaker that let them through would send many requests in the time of three probes.
    let requests = |scene: &Scene| scene.stats()["requests"].as_u64().unwrap();
    let before = requests(&scene);
    let probes = "raceday_polls_total{result=\"server_error\"}";
    let polled = metric(&fetcher, probes);
    wait_metric(&fetcher, probes, |polls| polls >= polled + 2.0);
    assert!(requests(&scene) - before <= 12, "{} requests to a TAB that is down", requests(&scene) - before);
    scene.faults(&json!({}));
    wait_metric(&fetcher, "raceday_breaker_state", |state| state == 0.0);
    let processed = metric(&fetcher, PROCESSED);
    wait_metric(&fetcher, PROCESSED, |polls| polls > processed + 5.0);
    assert_nothing_lost(&scene, fetcher);
}

#[test]
fn a_failing_list_is_logged_once_per_reason_and_retried_until_it_succeeds() {
    let scene = Scene::start(SPEED, 26);
    // A list that counts as successful is not fetched again within this test.
    scene.postgres.execute("raceday", "update raceday.poll_settings set meetings_every = '7 days'").unwrap();
    scene.faults(&json!({"server_error": {"status": 400}, "path": "/meetings"}));
    let mut fetcher = scene.fetcher("one");
    let lists = |result: &str| format!("raceday_lists_total{{result=\"{result}\"}}");
    wait_metric(&fetcher, &lists("refused"), |tries| tries >= 3.0);
    let requests = scene.stats()["requests"].as_f64().unwrap();
    let tries = metric(&fetcher, &lists("refused"));
    assert!(requests <= tries + 1.0, "{requests} requests for {tries} attempts");
    // Nor is a response that the database cannot process a successful list.
    scene.faults(&json!({"garbage_body": {"probability": 1.0}, "path": "/meetings"}));
    wait_metric(&fetcher, &lists("payload_failed"), |tries| tries >= 2.0);
    scene.faults(&json!({}));
    wait_metric(&fetcher, PROCESSED, |polls| polls > 5.0);
    let lines = logged(&mut fetcher, "meetings list failed");
    let lines: Vec<_> = lines.iter().map(|line| format!("{} {}", line["list.date"], line["error"])).collect();
    let reasons: BTreeSet<_> = lines.iter().collect();
    assert!(lines.len() >= 2 && reasons.len() == lines.len(), "{lines:?}");
    assert!(!logged(&mut fetcher, "meetings list available again").is_empty());
}

#[test]
fn a_refusal_by_the_tab_is_reported_at_once_and_says_what_to_set() {
    let scene = Scene::start(SPEED, 27);
    let mut fetcher = scene.fetcher("one");
    wait_metric(&fetcher, PROCESSED, |polls| polls > 5.0);
    assert_eq!(ready(&fetcher).0, 200);
    assert_eq!(health(&scene)["reason"], Value::Null);
    scene.faults(&json!({"server_error": {"status": 403}}));
    wait_until("/ready to fail", PATIENCE, || Ok(ready(&fetcher).0 == 503)).unwrap();
    let (_, reason) = ready(&fetcher);
    assert!(reason.contains("status 403") && reason.contains("NZTAB_PARTNER"), "{reason}");
    assert!(http_ok(&format!("{}/health", fetcher.url())), "a restart would not help");
    // Within the time in which no live race counts as silent.
    wait_until("/health to be degraded", PATIENCE, || Ok(health(&scene)["workers"] == "degraded")).unwrap();
    assert_eq!(health(&scene)["reason"].as_str(), Some(reason.trim()));
    let refused = metric(&fetcher, "raceday_polls_total{result=\"refused\"}");
    wait_metric(&fetcher, "raceday_polls_total{result=\"refused\"}", |polls| polls >= refused + 5.0);
    scene.faults(&json!({}));
    wait_until("/ready", PATIENCE, || Ok(ready(&fetcher).0 == 200)).unwrap();
    let unreported = "select count(*) from raceday.source_refusals";
    wait_until("the report to end", PATIENCE, || Ok(scene.count(unreported) == 0)).unwrap();
    // A response to an earlier request may arrive in between.
    let log = fetcher.process().log_tail(usize::MAX);
    let lines = log.matches("the TAB refuses every request: set NZTAB_FROM").count();
    assert!((1..=3).contains(&lines), "{lines} lines");
    assert!(!logged(&mut fetcher, "the TAB accepts requests again").is_empty());
}

fn ready(fetcher: &Fetcher) -> (u16, String) {
    http_get(&format!("{}/ready", fetcher.url())).unwrap()
}

fn health(scene: &Scene) -> Value {
    let text: String = scene.sql().query_one("select api.client_health()::text", &[]).unwrap().get(0);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn nothing_is_requested_during_retry_after() {
    let scene = Scene::start(SPEED, 25);
    let fetcher = scene.fetcher("one");
    wait_metric(&fetcher, PROCESSED, |polls| polls > 5.0);
    scene.faults(&json!({"too_many_requests": {"retry_after_s": 30, "count": 1}}));
    // Polls become due and are not made.
    wait_metric(&fetcher, "raceday_polls_total{result=\"held\"}", |polls| polls >= 5.0);
    let stats = scene.stats();
    let requests = stats["requests"].as_u64().unwrap();
    wait_metric(&fetcher, "raceday_polls_total{result=\"held\"}", |polls| polls >= 10.0);
    assert_eq!(scene.stats()["requests"].as_u64().unwrap(), requests);
}
