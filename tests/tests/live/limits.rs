//! Streams are bounded per address and in total, and bad requests are refused.

use raceday_tests::hub::{HubScene, PolledRace};
use raceday_tests::sse::Events;

#[test]
fn streams_beyond_a_limit_are_refused_until_others_end() {
    let settings = [("RACEDAY_LIVE_CLIENTS_MAX", "4"), ("RACEDAY_LIVE_CLIENTS_PER_ADDRESS", "2")];
    let scene = HubScene::start_with(&settings);
    PolledRace::new(&mut scene.sql(), "busy");
    let open =
        |address: &str| Events::open(scene.live.port(), "/api/stream?raceId=busy", &[("X-Real-IP", address)]).unwrap();
    let of_one = [open("192.0.2.1"), open("192.0.2.1")];
    assert!(of_one.iter().all(|events| events.status() == 200));
    let refused = open("192.0.2.1");
    assert_eq!(refused.status(), 503);
    assert!(refused.head.to_lowercase().contains("retry-after: "), "{}", refused.head);
    let of_two = [open("192.0.2.2"), open("192.0.2.2")];
    assert!(of_two.iter().all(|events| events.status() == 200), "another address has its own limit");
    assert_eq!(open("192.0.2.3").status(), 503, "the limit of all");
    assert_eq!(scene.metric("raceday_live_refused_total{limit=\"address\"}"), 1.0);
    assert_eq!(scene.metric("raceday_live_refused_total{limit=\"total\"}"), 1.0);
    drop(of_one);
    scene.wait_metric("raceday_live_clients{shows=\"races\"}", |clients| clients == 2.0);
    assert_eq!(open("192.0.2.1").status(), 200);
}

#[test]
fn an_unknown_race_and_too_many_races_are_refused() {
    let scene = HubScene::start();
    assert_eq!(scene.open("?raceId=nobody").status(), 404);
    let many: Vec<String> = (0..51).map(|at| format!("raceId={at}")).collect();
    assert_eq!(scene.open(&format!("?{}", many.join("&"))).status(), 400);
    assert_eq!(scene.metric("raceday_live_clients{shows=\"races\"}"), 0.0, "a refused stream takes no place");
}
