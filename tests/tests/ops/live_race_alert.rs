//! RacedayLiveRaceSilent does not depend on the cadence of live races, which is data.
//!
//! Both tests add a row of 10 s in the last 3 minutes, and silence a race that this row applies to.

use raceday_stack::wait_until;
use raceday_tests::PATIENCE;
use raceday_tests::database::database;
use raceday_tests::scene::{PROCESSED, Scene, metric, wait_metric};
use serde_json::json;

use crate::monitored::Monitored;

const ALERT: &str = "RacedayLiveRaceSilent";
const CADENCE_OF_10_S: &str = "insert into raceday.poll_cadence (within_s, every_s) values (180, 10)";

/// As the database sees it, for when no fetcher runs.
#[test]
fn the_alert_fires_for_a_live_race_at_another_cadence_that_no_fetcher_polls() {
    let postgres = database();
    postgres.execute("raceday", CADENCE_OF_10_S).unwrap();
    postgres
        .execute(
            "raceday",
            "insert into raceday.meetings (meeting_id, meeting_name, race_type, date) values ('m', 'M', 'harness', current_date);
             insert into raceday.races (race_id, meeting_id, name, race_number, start_time, type)
                 values ('silent', 'm', 'R', 1, raceday.now() + interval '2 minutes', 'H')",
        )
        .unwrap();
    let cadence: i32 = postgres
        .connect("raceday")
        .unwrap()
        .query_one("select cadence_s from raceday.due_races where is_live", &[])
        .unwrap()
        .get(0);
    assert_eq!(cadence, 10, "the race is not polled at the cadence that this test adds");

    let prometheus = Monitored::start(&postgres, None);
    wait_until("the live race to be exported", PATIENCE, || {
        Ok(!prometheus.query("raceday_live_races == 1")?.is_empty())
    })
    .unwrap();
    assert!(!prometheus.is_firing(ALERT).unwrap(), "{ALERT} fires for a race that has just become known");

    postgres
        .execute("raceday", "update raceday.race_polls set first_due_at = raceday.now() - interval '61 seconds'")
        .unwrap();
    wait_until("the alert to fire", PATIENCE, || prometheus.is_firing(ALERT)).unwrap();
}

/// As the fetcher sees it, which fails every poll of a TAB that is down.
#[test]
fn the_alert_fires_for_a_live_race_at_another_cadence_whose_polls_fail() {
    let scene = Scene::start(5.0, 41);
    scene.postgres.execute("raceday", CADENCE_OF_10_S).unwrap();
    let fetcher = scene.fetcher("one");
    wait_metric(&fetcher, PROCESSED, |polls| polls > 20.0);
    let live = "select count(*) from raceday.due_races where is_live and cadence_s = 10 and slot_at is not null";
    scene.wait_for("a live race to be polled at the added cadence", 1, live);

    let prometheus = Monitored::start(&scene.postgres, Some(&fetcher));
    scene.faults(&json!({"server_error": {"status": 503}, "path": "/events/"}));
    wait_until("the alert to fire", PATIENCE, || prometheus.is_firing(ALERT)).unwrap();
    assert!(metric(&fetcher, "raceday_oldest_live_payload_age_seconds") > 60.0, "only the database's metric fired");
}
