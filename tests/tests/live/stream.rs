//! What a stream sends.

use raceday_tests::backed::{Backed, MOMENTS};
use raceday_tests::hub::{HubScene, PolledRace, Received};
use raceday_tests::json::assert_keys;
use raceday_tests::stack::Stack;
use serde_json::{Value, json};

#[test]
fn a_race_is_sent_at_once_and_again_with_each_commit() {
    let scene = HubScene::start();
    let mut session = scene.sql();
    let mut race = PolledRace::new(&mut session, "one");
    race.poll(&mut session);
    let mut events = scene.open("?raceId=one");
    assert_eq!(events.status(), 200);
    let head = events.head.to_lowercase();
    assert!(head.contains("content-type: text/event-stream") && head.contains("cache-control: no-store"), "{head}");
    let first = events.next_event().unwrap().unwrap();
    let shown = first.json();
    assert_eq!((first.name.as_str(), &shown["race"]["race_id"]), ("race", &json!("one")));
    assert_eq!((&shown["pools"]["race_id"], &shown["pools"]["win_pool_total"]), (&json!("one"), &json!(1_020_000)));
    let ids = race.row_ids(&mut session);
    assert_eq!(ids_of(&shown["rows"]), ids[4..], "the newest row of each of the four runners");
    assert_eq!(first.id, Some(ids[7].to_string()), "the cursor is the newest row's id");
    for _ in 0..3 {
        race.poll(&mut session);
        let ids = race.row_ids(&mut session);
        let event = events.next_named("race");
        assert_eq!(ids_of(&event.json()["rows"]), ids[ids.len() - 4..], "one poll's rows");
        assert_eq!(event.id, ids.last().map(ToString::to_string));
    }
}

#[test]
fn rows_pools_and_race_are_those_of_the_rest_api() {
    let stack = Stack::shared();
    let race = Backed::polled(&mut stack.connect(), "as-rest");
    let sql = "select race, pools, documents, signals from raceday.live_delta('as-rest', 0)";
    let row = stack.connect().query_one(sql, &[]).unwrap();
    let text = |at| serde_json::from_str::<Value>(row.get(at)).unwrap();
    assert_eq!(text(0), stack.json("/api/races/as-rest"));
    assert_eq!(text(1), stack.json("/api/race-pools?raceId=as-rest"));
    let entrants: Vec<String> = (1..=4).map(|number| race.entrant_id(number)).collect();
    let path = format!("/api/money-flow-timeline?raceId=as-rest&entrants={}", entrants.join(","));
    assert_eq!(text(2), stack.json(&path)["documents"]);
    let signals: Vec<Value> = row.get::<_, Vec<String>>(3).iter().map(|s| serde_json::from_str(s).unwrap()).collect();
    assert_eq!(json!(signals), stack.json("/api/signals?raceId=as-rest")["signals"]);
    assert!(!signals.is_empty());
}

#[test]
fn signals_status_and_result_come_as_they_happen() {
    let scene = HubScene::start();
    let mut session = scene.sql();
    let race = Backed::new("backed");
    race.poll(&mut session, &MOMENTS[0]);
    let (mut one, mut all) = (scene.open("?raceId=backed"), scene.open(""));
    one.next_named("race");
    all.next_named("next");
    race.poll(&mut session, &MOMENTS[1]);
    let signal = one.next_named("signal").json();
    assert_eq!((&signal["name"], &signal["level"]), (&json!("Alder"), &json!(20)));
    assert_eq!(all.next_named("signal").json(), signal, "the same in the stream of all races");
    race.finish(&mut session);
    let status = one.next_named("status").json();
    assert_keys(&status, "raceId status startTime");
    assert_eq!((&status["raceId"], &status["status"]), (&json!("backed"), &json!("Final")));
    assert_eq!(one.next_named("result").json()["result_status"], "final");
    assert_eq!(one.next_named("race").json()["race"]["status"], "Final");
    assert_eq!(all.next_named("status").json(), status);
}

#[test]
fn a_stream_of_several_races_has_a_position_in_each() {
    let scene = HubScene::start();
    let mut session = scene.sql();
    let mut races = ["a", "b"].map(|id| PolledRace::new(&mut session, id));
    let mut events = scene.open("?raceId=a&raceId=b");
    let (first, second) = (events.next_named("race"), events.next_named("race"));
    assert_eq!((&first.json()["race"]["race_id"], &second.json()["race"]["race_id"]), (&json!("a"), &json!("b")));
    let newest = |race: &PolledRace, session: &mut postgres::Client| *race.row_ids(session).last().unwrap();
    let id = format!("a={},b={}", newest(&races[0], &mut session), newest(&races[1], &mut session));
    assert_eq!(second.id, Some(id.clone()));
    drop(events);
    races[1].poll(&mut session);
    let mut events = scene.resume("?raceId=a&raceId=b", &id);
    let (first, second) = (events.next_named("race").json(), events.next_named("race").json());
    assert_eq!((&first["rows"], second["rows"].as_array().unwrap().len()), (&json!([]), 4));
}

#[test]
fn the_stream_of_all_races_shows_movers_and_the_next_races() {
    let scene = HubScene::start();
    let mut session = scene.sql();
    Backed::polled(&mut session, "moving");
    let mut events = scene.open("");
    assert_eq!(events.next_named("movers").json()["movers"][0]["race_id"], "moving");
    let next = events.next_named("next");
    assert_eq!(next.json()[0]["race_id"], "moving");
    let id = next.id.unwrap();
    PolledRace::new(&mut session, "another");
    let changed = events.next_named("next");
    assert_eq!(changed.json().as_array().unwrap().len(), 2);
    let mut resumed = scene.resume("", &id);
    assert_eq!(resumed.next_named("next"), changed, "what followed the position, the same");
    let mut unknown = scene.resume("", "another-epoch-7");
    assert_eq!(unknown.next_event().unwrap().unwrap().name, "reset");
    assert_eq!(unknown.next_event().unwrap().unwrap().name, "movers");
}

#[test]
fn a_late_poll_that_replaces_rows_resets_those_who_had_them() {
    let scene = HubScene::start();
    let mut session = scene.sql();
    let mut race = PolledRace::new(&mut session, "late");
    race.skip(1);
    race.poll(&mut session);
    let mut events = scene.open("?raceId=late");
    let first = events.next_named("race");
    race.poll_number(&mut session, 2);
    let reset = events.next_event().unwrap().unwrap();
    assert_eq!((reset.name.as_str(), reset.json()), ("reset", json!({"raceId": "late"})));
    let after = events.next_named("race");
    let mut resumed = scene.resume("?raceId=late", first.id.as_deref().unwrap());
    assert_eq!(resumed.next_event().unwrap().unwrap().name, "reset", "whoever was disconnected learns of it too");
    let mut current = scene.resume("?raceId=late", after.id.as_deref().unwrap());
    assert_eq!(current.next_event().unwrap().unwrap().name, "race", "whoever has the new rows does not");
}

#[test]
fn a_long_race_is_read_from_its_start_in_pages() {
    let scene = HubScene::start();
    let mut session = scene.sql();
    let mut race = PolledRace::new(&mut session, "long");
    while race.row_ids(&mut session).len() < 2400 {
        for _ in 0..50 {
            race.poll(&mut session);
        }
    }
    let ids = race.row_ids(&mut session);
    let (mut events, mut received) = (scene.open("?raceId=long&cursorAfter=0"), Received::default());
    let page = events.next_named("race");
    assert_eq!((page.json()["rows"].as_array().unwrap().len(), &page.id), (2000, &Some(ids[1999].to_string())));
    received.take(&page);
    assert!(received.read_to(&mut events, *ids.last().unwrap()).unwrap());
    assert!(received.rows.keys().eq(&ids) && received.rows.values().all(|times| *times == 1));
}

fn ids_of(rows: &Value) -> Vec<i64> {
    let mut ids: Vec<i64> = rows.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    ids
}
