//! Streams go on whatever fails under them.

use std::thread;
use std::time::Instant;

use raceday_tests::PATIENCE;
use raceday_tests::hub::{HubScene, PolledRace, Received};
use raceday_tests::sse::Events;

const LISTENING: &str = "raceday_live_listening";

#[test]
fn a_restart_of_postgresql_leaves_streams_open_and_loses_nothing() {
    let mut scene = HubScene::start();
    let mut race = PolledRace::new(&mut scene.sql(), "restart");
    let (mut events, mut received) = (scene.open("?raceId=restart&cursorAfter=0"), Received::default());
    received.take(&events.next_named("race"));
    scene.wait_metric(LISTENING, |listening| listening == 1.0);
    scene.postgres.restart().unwrap();
    let mut session = scene.sql();
    for _ in 0..5 {
        race.poll(&mut session);
    }
    let ids = race.row_ids(&mut session);
    assert!(received.read_to(&mut events, *ids.last().unwrap()).unwrap(), "the stream ended");
    assert!(received.rows.keys().eq(&ids) && received.rows.values().all(|times| *times == 1));
    scene.wait_metric(LISTENING, |listening| listening == 1.0);
}

#[test]
fn a_client_continues_with_a_hub_that_replaced_a_killed_one() {
    let mut scene = HubScene::start();
    let mut session = scene.sql();
    let mut race = PolledRace::new(&mut session, "killed");
    let (mut events, mut received) = (scene.open("?raceId=killed&cursorAfter=0"), Received::default());
    received.take(&events.next_named("race"));
    race.poll(&mut session);
    received.take(&events.next_named("race"));
    scene.restart_hub();
    race.poll(&mut session);
    let ids = race.row_ids(&mut session);
    let mut events = scene.resume("?raceId=killed", received.id.as_deref().unwrap());
    assert!(received.read_to(&mut events, *ids.last().unwrap()).unwrap());
    assert!(received.rows.keys().eq(&ids) && received.rows.values().all(|times| *times == 1));
}

#[test]
fn a_terminated_listener_misses_no_commit_and_listens_again() {
    let scene = HubScene::start();
    let mut session = scene.sql();
    let mut race = PolledRace::new(&mut session, "terminated");
    let mut events = scene.open("?raceId=terminated");
    events.next_named("race");
    scene.wait_metric(LISTENING, |listening| listening == 1.0);
    let terminate =
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'raceday-live'";
    assert_eq!(session.query_one(terminate, &[]).unwrap().get::<_, i64>(0), 1);
    race.poll(&mut session);
    assert_eq!(events.next_named("race").id, race.row_ids(&mut session).last().map(ToString::to_string));
    scene.wait_metric("raceday_live_db_failures_total", |failures| failures >= 1.0);
    scene.wait_metric(LISTENING, |listening| listening == 1.0);
}

#[test]
fn a_change_without_a_notification_is_found_by_asking() {
    let scene = HubScene::start();
    let mut session = scene.sql();
    PolledRace::new(&mut session, "silent");
    let mut events = scene.open("?raceId=silent");
    events.next_named("race");
    let change = "update raceday.races set status = 'Closed', updated_at = clock_timestamp() where race_id = 'silent'";
    session.batch_execute(change).unwrap();
    assert_eq!(events.next_named("status").json()["status"], "Closed");
}

#[test]
fn a_client_that_never_reads_is_dropped_and_costs_nobody() {
    let scene = HubScene::start();
    let mut session = scene.sql();
    let mut race = PolledRace::new(&mut session, "slow");
    let stuck: Vec<Events> = (0..3).map(|_| scene.open("?raceId=slow")).collect();
    let (mut events, mut received) = (scene.open("?raceId=slow&cursorAfter=0"), Received::default());
    scene.wait_metric("raceday_live_clients{shows=\"races\"}", |clients| clients == 4.0);
    let began = Instant::now();
    // Until the kernel's buffers for the others are full and 30 s have passed.
    while scene.metric("raceday_live_dropped_total") < 3.0 {
        assert!(began.elapsed() < 3 * PATIENCE, "not dropped: {}", scene.metric("raceday_live_dropped_total"));
        for _ in 0..20 {
            race.poll(&mut session);
        }
        let newest = *race.row_ids(&mut session).last().unwrap();
        assert!(received.read_to(&mut events, newest).unwrap(), "the client that reads goes on");
    }
    assert!(received.rows.values().all(|times| *times == 1));
    scene.wait_metric("raceday_live_clients{shows=\"races\"}", |clients| clients == 1.0);
    drop(stuck);
}

#[test]
fn a_hub_that_is_stopped_ends_its_streams_and_exits_with_success() {
    let mut scene = HubScene::start();
    PolledRace::new(&mut scene.sql(), "stop");
    let mut events = scene.open("?raceId=stop");
    events.next_named("race");
    let reader = thread::spawn(move || {
        while let Some(event) = events.next_event().unwrap() {
            assert_ne!(event.name, "reset");
        }
    });
    let status = scene.live.process().stop().unwrap();
    assert!(status.success(), "{status}: {}", scene.live.process().log_tail(5));
    reader.join().unwrap();
}
