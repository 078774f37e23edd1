//! What Prometheus probes: entrants and timeline of the race that is next.

use raceday_tests::stack::Stack;
use serde_json::json;

const TARGETS: &str = "/rest/rpc/probe_targets";

#[test]
fn the_targets_of_monitoring_are_the_large_responses_of_the_race_that_is_next() {
    let stack = Stack::start(&[]);
    assert_eq!(stack.json(TARGETS), json!([]), "no race is known");
    for (race, start) in [
        ("last", "now() - interval '1 hour'"),
        ("next", "now() + interval '1 hour'"),
        ("later", "now() + interval '2 hours'"),
    ] {
        stack.sql(&format!(
            "select seed.meeting('{race}-m', '{race}', 'harness', current_date); select seed.race('{race}', '{race}-m', 1, {start});
             select seed.runners('{race}', 3); select seed.polls('{race}', 1, 4, 4)"
        ));
    }
    stack.sql("update raceday.races set polled_at = now()");
    // Prometheus accepts this media type only.
    let response = stack.get(TARGETS);
    assert!(response.header("content-type").unwrap_or_default().starts_with("application/json"));
    let groups = response.json();
    let endpoints: Vec<_> =
        groups.as_array().unwrap().iter().map(|group| group["labels"]["endpoint"].as_str().unwrap()).collect();
    assert_eq!(endpoints, ["/api/entrants", "/api/money-flow-timeline"]);
    let rows = |group: usize| {
        let path = groups[group]["targets"][0].as_str().unwrap();
        assert!(path.starts_with(endpoints[group]) && path.contains("raceId=next"), "{path}");
        stack.json(path)
    };
    assert_eq!(rows(0).as_array().unwrap().len(), 3);
    assert_eq!(rows(1)["total"], 12);
    stack.sql("delete from raceday.races where race_id in ('next', 'later')");
    assert!(stack.json(TARGETS)[0]["targets"][0].as_str().unwrap().contains("raceId=last"));
}
