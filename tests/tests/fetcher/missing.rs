//! Missing races: the TAB does not have their event, or their meetings list no longer names them.

use raceday_stack::{Fetcher, wait_until};
use raceday_tests::PATIENCE;
use raceday_tests::database::database;
use raceday_tests::scene::{PROCESSED, Scene, logged, metric, wait_metric};
use serde_json::json;

use crate::day::{Day, Ms};

const SECOND: Ms = 1000;
const MINUTE: Ms = 60 * SECOND;
const HOUR: Ms = 60 * MINUTE;

const REPORT: &str =
    "select coalesce(string_agg(format('%s %s %s %s', race_id, is_missing, not_found, unlisted), ', '), 'none')
                      from raceday.raceday_report_missing()";
const LIVE: &str =
    "select coalesce(string_agg(race_id, ' ' order by race_id), 'none') from raceday.due_races where is_live";
const HEALTH: &str = "select api.client_health() ->> 'workers'";

/// Seconds between the polls of a race from `from` on.
fn gaps(day: &Day, race: &str, from: Ms) -> Vec<Ms> {
    let times: Vec<Ms> = day.of(race).map(|poll| poll.due).filter(|due| *due >= from).collect();
    times.windows(2).map(|pair| (pair[1] - pair[0] + SECOND / 2) / SECOND).collect()
}

fn missed(day: &Day) -> i32 {
    day.polls.iter().map(|poll| poll.missed).sum()
}

#[test]
fn a_race_whose_event_is_not_found_is_polled_less_and_less_often_until_the_event_appears() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 100);
    day.race("missing", 4 * MINUTE, 100 * HOUR, "finished");
    day.race("other", 4 * MINUTE, 100 * HOUR, "finished");
    day.not_found.insert("missing".into());
    day.run_until(20 * MINUTE);
    assert_eq!(gaps(&day, "missing", 0), [30, 60, 120, 240, 300, 300]);
    assert!(gaps(&day, "other", 0).iter().all(|gap| *gap == 15));
    day.run_until(10 * HOUR);
    assert!(gaps(&day, "missing", 20 * MINUTE).iter().all(|gap| *gap == 300));

    day.not_found.clear();
    let found_at = 10 * HOUR;
    day.run_until(found_at + 10 * MINUTE);
    let since = day.of("missing").find(|poll| poll.at >= found_at).unwrap().due;
    assert!(since <= found_at + 5 * MINUTE);
    assert!(gaps(&day, "missing", since).iter().all(|gap| *gap == 15), "{:?}", gaps(&day, "missing", since));
    assert_eq!(missed(&day), 0);
}

#[test]
fn a_race_that_a_list_moves_is_polled_at_once_although_its_event_was_not_found() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 100);
    day.list(&[("race", 4 * MINUTE)]);
    day.not_found.insert("race".into());
    day.run_until(12 * MINUTE);
    // A list that repeats what is known is no news.
    day.list(&[("race", 4 * MINUTE)]);
    let polls = day.of("race").count();
    let moved_at = 12 * MINUTE + 20 * SECOND;
    day.run_until(moved_at);
    assert_eq!(day.of("race").count(), polls);
    day.list(&[("race", 16 * MINUTE)]);
    day.run_until(20 * MINUTE);
    let after: Vec<_> = day.of("race").filter(|poll| poll.at >= moved_at).collect();
    assert!(after[0].at < moved_at + SECOND, "not polled at once: {after:?}");
    assert_eq!(gaps(&day, "race", moved_at), [60, 120, 240], "the count did not begin again");
    assert_eq!(missed(&day), 0);
}

#[test]
fn a_race_that_vanishes_from_its_list_is_polled_less_and_less_often_until_a_list_names_it_again() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 100);
    let both = [("race", 4 * MINUTE), ("other", 4 * MINUTE)];
    let without = [("other", 4 * MINUTE)];
    day.list(&both);
    day.run_until(MINUTE);
    assert_eq!(day.value::<String>(REPORT), "none");
    day.list(&without);
    assert_eq!(day.value::<String>(REPORT), "race t 0 1");
    assert_eq!(day.value::<String>(LIVE), "other");
    day.run_until(2 * MINUTE);
    assert_eq!(gaps(&day, "race", MINUTE - 20 * SECOND)[1..], [30], "after one list");
    // One list may be wrong, and so may several: as long as its event is found, the race is polled once a minute until it is over.
    for list in 0..6 {
        day.list(&without);
        day.run_until((3 + list) * MINUTE);
    }
    assert_eq!(day.value::<String>(REPORT), "none", "reported again");
    assert!(gaps(&day, "race", 3 * MINUTE).iter().all(|gap| *gap == 60), "{:?}", gaps(&day, "race", 3 * MINUTE));
    day.run_until(HOUR);
    assert!(gaps(&day, "race", 25 * MINUTE).iter().all(|gap| *gap == 300), "{:?}", gaps(&day, "race", 25 * MINUTE));
    assert!(gaps(&day, "other", 0).iter().all(|gap| *gap == 15));

    day.list(&both);
    assert_eq!(day.value::<String>(REPORT), "race f 0 0");
    day.run_until(HOUR + 2 * MINUTE);
    let after: Vec<_> = day.of("race").filter(|poll| poll.at >= HOUR).collect();
    assert!(after[0].at < HOUR + SECOND, "not polled at once: {after:?}");
    assert!(gaps(&day, "race", HOUR).iter().all(|gap| *gap == 15));
    assert_eq!(missed(&day), 0);
}

#[test]
fn a_list_that_is_incomplete_or_of_another_day_or_late_makes_no_race_missing() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 100);
    day.list(&[("race", 4 * MINUTE), ("other", 4 * MINUTE)]);
    let other = r#"{"meeting": "m", "date": "2025-11-23", "category": "H", "country": "NZ", "races": []}"#;
    let list =
        |params: &str, meetings: &str| format!(r#"{{"params": {params}, "data": {{"meetings": [{meetings}]}}}}"#);
    for (what, date, late, body) in [
        ("the second page", "2025-11-23", false, list(r#"{"limit": 200, "offset": 200}"#, other)),
        ("a full first page", "2025-11-23", false, list(r#"{"limit": 1, "offset": 0}"#, other)),
        ("a race without an id", "2025-11-23", false, list("{}", &other.replace("[]", r#"[{"race_number": 1}]"#))),
        ("another day's list", "2025-11-24", false, list("{}", other)),
        ("an older list", "2025-11-23", true, list("{}", other)),
    ] {
        day.set(MINUTE);
        let sql = format!(
            "select status from raceday.raceday_ingest('meetings', 'meetings:{date}', raceday.now() - interval '{}', '{body}', null)",
            if late { "1 hour" } else { "0" }
        );
        assert_eq!(day.value::<String>(&sql), "ok", "{what}");
        assert_eq!(day.value::<String>(REPORT), "none", "{what}");
    }
    day.list(&[]);
    assert_eq!(
        day.value::<String>("select string_agg(race_id, ' ' order by race_id) from raceday.due_races where is_missing"),
        "other race"
    );
}

#[test]
fn a_missing_race_is_not_live_does_not_degrade_health_and_is_reported_once() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 100);
    day.race("missing", 2 * MINUTE, 100 * HOUR, "finished");
    day.not_found.insert("missing".into());
    // Before its start, when it runs, and when it should long be over.
    for at in [MINUTE + 30 * SECOND, 10 * MINUTE, 3 * HOUR] {
        day.run_until(at);
        assert_eq!(day.value::<String>(LIVE), "none");
        assert_eq!(day.value::<String>(HEALTH), "operational");
        assert!(day.value::<f64>("select raceday.raceday_oldest_live_payload_age_s()") == 0.0);
        assert!(day.value::<f64>("select overdue_s from raceday.monitor_live_races") == 0.0);
        assert!(
            !day.value::<bool>("select coalesce(bool_or(is_live), false) from raceday.raceday_poll_plan('1 hour')")
        );
        let reported = day.value::<String>(REPORT);
        assert_eq!(reported == "none", at > 2 * MINUTE, "{reported}");
    }
    assert_eq!(day.value::<String>("select value from raceday.raceday_status() where item = 'missing races'"), "1");
    // Without the exclusion, health is what it was.
    day.race("silent", 3 * HOUR + 2 * MINUTE, 100 * HOUR, "finished");
    day.set(3 * HOUR + 2 * MINUTE);
    assert_eq!(day.value::<String>(HEALTH), "degraded");
}

#[test]
fn the_plan_for_an_outage_backs_off_too() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 100);
    day.race("missing", 2 * MINUTE, 100 * HOUR, "finished");
    day.race("other", 2 * MINUTE, 100 * HOUR, "finished");
    day.not_found.insert("missing".into());
    day.run_until(20 * MINUTE);
    let slots =
        |race: &str| format!("select count(*) from raceday.raceday_poll_plan('1 hour') where race_id = '{race}'");
    assert_eq!(day.value::<i64>(&slots("missing")), 12);
    assert!((240..=241).contains(&day.value::<i64>(&slots("other"))));
}

/// A fetcher that polls, and the id of a race that is about to start.
fn running(seed: u64) -> (Scene, Fetcher, String) {
    let scene = Scene::start(10.0, seed);
    scene.postgres.execute("raceday", "update raceday.poll_settings set meetings_every = '30 seconds'").unwrap();
    let fetcher = scene.fetcher("one");
    wait_metric(&fetcher, PROCESSED, |polls| polls > 20.0);
    let sql = "select race_id from raceday.due_races where seconds_to_start > 60 and slot_at is not null order by seconds_to_start limit 1";
    let race = scene.sql().query_one(sql, &[]).unwrap().get(0);
    (scene, fetcher, race)
}

fn lines_of(fetcher: &mut Fetcher, message: &str, race: &str) -> usize {
    logged(fetcher, message).iter().filter(|line| line["race.id"] == race).count()
}

fn wait_for_line(fetcher: &mut Fetcher, message: &str, race: &str) {
    wait_until(message, PATIENCE, || Ok(lines_of(fetcher, message, race) > 0)).unwrap();
}

#[test]
fn a_race_whose_event_is_404_is_logged_once_and_leaves_health_alone_until_it_is_back() {
    const MISSING: &str = "race missing: the TAB does not have its event; polled less often";
    let (scene, mut fetcher, race) = running(51);
    scene.faults(&json!({"missing_events": [race]}));
    let not_found = format!("select not_found::bigint from raceday.race_polls where race_id = '{race}'");
    scene.wait_for("two polls of the missing race", 2, &not_found);
    assert!(metric(&fetcher, "raceday_polls_total{result=\"not_found\"}") >= 2.0);
    let silent = format!(
        "select count(*) from raceday.race_progress
                          where race_id = '{race}' and processed_through < raceday.now() - interval '2 minutes'"
    );
    scene.wait_for("the race to be silent for longer than health allows", 1, &silent);
    let health = "select (api.client_health() ->> 'workers' = 'operational')::int::bigint";
    scene.wait_for("health to be operational", 1, health);
    wait_for_line(&mut fetcher, MISSING, &race);
    assert_eq!(lines_of(&mut fetcher, MISSING, &race), 1);
    assert_eq!(lines_of(&mut fetcher, "race not fetched", &race), 0);
    scene.faults(&json!({}));
    wait_for_line(&mut fetcher, "race back: polled at its cadence again", &race);
    assert_eq!(lines_of(&mut fetcher, MISSING, &race), 1);
    assert_eq!(scene.count(&not_found), 0);
}

#[test]
fn a_race_that_vanishes_from_the_list_is_logged_once_until_it_is_listed_again() {
    const MISSING: &str = "race missing: no longer in its meetings list; polled less often";
    let (scene, mut fetcher, race) = running(52);
    scene.faults(&json!({"unlisted_races": [race]}));
    let unlisted = format!("select unlisted::bigint from raceday.race_polls where race_id = '{race}'");
    scene.wait_for("three lists without the race", 3, &unlisted);
    wait_for_line(&mut fetcher, MISSING, &race);
    assert_eq!(lines_of(&mut fetcher, MISSING, &race), 1);
    let is_live = format!("select count(*) from raceday.due_races where race_id = '{race}' and is_live");
    assert_eq!(scene.count(&is_live), 0);
    scene.faults(&json!({}));
    wait_for_line(&mut fetcher, "race back: polled at its cadence again", &race);
    assert_eq!(lines_of(&mut fetcher, MISSING, &race), 1);
    assert_eq!(scene.count("select count(*) from raceday.race_polls where is_missing"), 0);
}
