//! A TAB that misbehaves: what it gives whole is staged, the rest is tried again or counted.

use std::collections::BTreeSet;

use serde_json::json;

use crate::scene::{Scene, assert_nothing_lost, logged, metric, wait_metric};

const SPEED: f64 = 5.0;
const PROCESSED: &str = "raceday_polls_total{result=\"processed\"}";

#[test]
fn every_fault_is_tried_again_by_its_cause_and_no_answer_is_lost() {
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
fn a_slow_answer_is_given_up_after_the_timeout() {
    let scene = Scene::start(SPEED, 22);
    let fetcher = scene.fetcher_with("one", &[("RACEDAY_FETCH_TIMEOUT_S", "1".into())]);
    wait_metric(&fetcher, PROCESSED, |polls| polls > 5.0);
    // Until one is given up: a single slow answer may be made good by a retry within its slot.
    scene.faults(&json!({"latency": {"ms": 3000}, "path": "/events/"}));
    wait_metric(&fetcher, "raceday_polls_total{result=\"timeout\"}", |polls| polls >= 1.0);
    scene.faults(&json!({}));
    let processed = metric(&fetcher, PROCESSED);
    wait_metric(&fetcher, PROCESSED, |polls| polls > processed + 5.0);
}

#[test]
fn a_body_of_rubbish_is_kept_as_it_came_and_marked() {
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
fn a_tab_that_is_down_is_only_probed_and_polled_again_when_it_is_back() {
    let scene = Scene::start(SPEED, 24);
    let fetcher = scene.fetcher_with("one", &[("RACEDAY_BREAKER_FAILURES", "5".into())]);
    wait_metric(&fetcher, PROCESSED, |polls| polls > 5.0);
    scene.faults(&json!({"server_error": {"status": 503}}));
    wait_metric(&fetcher, "raceday_breaker_state", |state| state > 0.0);
    // At five polls a second, a breaker that lets them through would ask many times while it probes three times.
    let asked = |scene: &Scene| scene.stats()["requests"].as_u64().unwrap();
    let before = asked(&scene);
    let probes = "raceday_polls_total{result=\"server_error\"}";
    let polled = metric(&fetcher, probes);
    wait_metric(&fetcher, probes, |polls| polls >= polled + 2.0);
    assert!(asked(&scene) - before <= 12, "{} requests to a TAB that is down", asked(&scene) - before);
    scene.faults(&json!({}));
    wait_metric(&fetcher, "raceday_breaker_state", |state| state == 0.0);
    let processed = metric(&fetcher, PROCESSED);
    wait_metric(&fetcher, PROCESSED, |polls| polls > processed + 5.0);
    assert_nothing_lost(&scene, fetcher);
}

#[test]
fn a_list_that_fails_is_told_once_a_reason_and_asked_for_again_until_it_comes() {
    let scene = Scene::start(SPEED, 26);
    // A list that is taken for had does not come again within this test.
    scene.postgres.execute("raceday", "update raceday.poll_settings set meetings_every = '7 days'").unwrap();
    scene.faults(&json!({"server_error": {"status": 403}, "path": "/meetings"}));
    let mut fetcher = scene.fetcher("one");
    let lists = |result: &str| format!("raceday_lists_total{{result=\"{result}\"}}");
    wait_metric(&fetcher, &lists("refused"), |tries| tries >= 3.0);
    let asked = scene.stats()["requests"].as_f64().unwrap();
    let tries = metric(&fetcher, &lists("refused"));
    assert!(asked <= tries + 1.0, "{asked} requests for {tries} tries");
    // An answer of which the database makes nothing is no list either.
    scene.faults(&json!({"garbage_body": {"probability": 1.0}, "path": "/meetings"}));
    wait_metric(&fetcher, &lists("payload_failed"), |tries| tries >= 2.0);
    scene.faults(&json!({}));
    wait_metric(&fetcher, PROCESSED, |polls| polls > 5.0);
    let told = logged(&mut fetcher, "list.failed");
    let told: Vec<_> = told.iter().map(|line| format!("{} {}", line["list.date"], line["error"])).collect();
    let reasons: BTreeSet<_> = told.iter().collect();
    assert!(told.len() >= 2 && reasons.len() == told.len(), "{told:?}");
    assert!(!logged(&mut fetcher, "list.back").is_empty());
}

#[test]
fn while_retry_after_runs_nothing_is_asked() {
    let scene = Scene::start(SPEED, 25);
    let fetcher = scene.fetcher("one");
    wait_metric(&fetcher, PROCESSED, |polls| polls > 5.0);
    scene.faults(&json!({"too_many_requests": {"retry_after_s": 30, "count": 1}}));
    // Polls come due, and are not made.
    wait_metric(&fetcher, "raceday_polls_total{result=\"held\"}", |polls| polls >= 5.0);
    let stats = scene.stats();
    let asked = stats["requests"].as_u64().unwrap();
    wait_metric(&fetcher, "raceday_polls_total{result=\"held\"}", |polls| polls >= 10.0);
    assert_eq!(scene.stats()["requests"].as_u64().unwrap(), asked);
}
