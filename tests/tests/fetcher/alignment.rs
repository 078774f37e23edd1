//! Slots that follow the TAB's refreshes, polls after the close, and races that were over before their first poll.

use raceday_tests::database::database;
use raceday_tests::scene::{PROCESSED, Scene, wait_metric};

use crate::day::{Day, Ms, Poll};

const SECOND: Ms = 1000;
const MINUTE: Ms = 60 * SECOND;
const HOUR: Ms = 60 * MINUTE;
const PERIOD: Ms = 15 * SECOND;

/// Makes this phase certain for all races; the day's fetchers do not observe any.
fn known(day: &mut Day, phase_s: f64) {
    day.execute(&format!(
        "insert into raceday.race_refreshes (race_id, state, phase_s, age_s, is_certain, observed_at)
         select race_id, '{{}}', {phase_s}, 0.2, true, raceday.now() from raceday.races
         on conflict (race_id) do update set phase_s = excluded.phase_s, observed_at = excluded.observed_at"
    ));
}

fn due(day: &Day, race: &str, from: Ms) -> Vec<Ms> {
    day.of(race).filter(|poll| poll.at >= from).map(|poll| poll.due).collect()
}

/// What a poll shows: the last one of the race, ended by the worker that holds it.
fn show(day: &mut Day, race: &str, fields: &str) {
    day.execute(&format!(
        "select raceday.raceday_poll_done('{race}', 'fetcher 0', true,
             '{{\"state\": {{}}, \"phase_s\": 6.0, \"age_s\": 0.2, \"is_certain\": true, {fields}}}')"
    ));
}

#[test]
fn slots_move_to_the_margin_after_the_phase_and_keep_their_number() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 100);
    day.race("race", 8 * MINUTE, HOUR, "finished");
    day.run_until(MINUTE);
    known(&mut day, 6.3);
    day.run_until(8 * MINUTE);
    for at in due(&day, "race", 3 * MINUTE) {
        assert!((at % PERIOD - 6800).abs() <= 1, "due at {at} ms");
    }
    let polls = day.of("race").filter(|poll| poll.due >= 3 * MINUTE).count();
    assert!((20..=21).contains(&polls), "{polls} polls in the last five minutes");
    assert_eq!(day.polls.iter().map(|poll| poll.missed).sum::<i32>(), 0);
}

#[test]
fn without_the_setting_or_a_recent_observation_slots_stay_where_they_are() {
    for sql in [
        "update raceday.refresh_settings set is_aligned = false",
        "update raceday.race_refreshes set observed_at = observed_at - interval '11 minutes'",
        "update raceday.race_refreshes set is_certain = false",
    ] {
        let postgres = database();
        let mut day = Day::begin(&postgres, 1, 5, 100);
        day.race("race", 5 * MINUTE, HOUR, "finished");
        known(&mut day, 6.3);
        day.execute(sql);
        day.run_until(2 * MINUTE);
        assert_eq!(due(&day, "race", 0), (0..8).map(|slot| slot * PERIOD).collect::<Vec<_>>(), "{sql}");
    }
}

#[test]
fn races_of_one_phase_are_polled_one_after_another_by_urgency() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 20, 100);
    for n in 0..20 {
        day.race(&format!("race {n:02}"), 4 * MINUTE + n * SECOND, HOUR, "finished");
    }
    known(&mut day, 6.0);
    day.execute("update raceday.race_refreshes set rank = raceday.refresh_rank(race_id, phase_s)");
    day.run_until(MINUTE);
    for n in 0..20 {
        for at in due(&day, &format!("race {n:02}"), PERIOD) {
            assert!((at % PERIOD - 6500 - n * 50).abs() <= 1, "race {n} is due at {at} ms");
        }
    }
}

#[test]
fn a_refresh_that_was_due_is_looked_for_once_more_and_the_slots_stay() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 1, 100);
    day.race("race", 5 * MINUTE, HOUR, "finished");
    known(&mut day, 6.0);
    day.run_until(PERIOD + 8 * SECOND);
    let slot = *due(&day, "race", 0).last().unwrap();
    show(&mut day, "race", "\"is_due\": true");
    day.look();
    day.run_until(2 * PERIOD + 8 * SECOND);
    let after: Vec<&Poll> = day.of("race").filter(|poll| poll.due > slot).collect();
    assert_eq!(after.len(), 2, "{after:?}");
    assert_eq!(after[0].due, PERIOD + 9 * SECOND, "a second after the poll");
    assert_eq!((after[1].due, after[1].missed), (slot + PERIOD, 0));
}

#[test]
fn a_slot_that_is_shifted_to_find_the_phase_is_not_counted_as_missed() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 1, 100);
    day.race("race", 5 * MINUTE, HOUR, "finished");
    day.run_until(SECOND);
    show(&mut day, "race", "\"is_certain\": false, \"gap_s\": 7.5");
    day.look();
    day.run_until(8 * SECOND);
    show(&mut day, "race", "\"is_certain\": false, \"gap_s\": 22.5");
    day.run_until(HOUR / 60);
    assert_eq!(due(&day, "race", 0), [0, 7500, 30_000, 45_000]);
    assert_eq!(day.polls.iter().map(|poll| poll.missed).sum::<i32>(), 0);
}

#[test]
fn the_refreshes_around_the_start_are_polled_whatever_the_cadence() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 100);
    day.execute("update raceday.poll_cadence set every_s = 50");
    day.race("race", 2 * MINUTE + 5 * SECOND, HOUR, "finished");
    known(&mut day, 6.0);
    day.run_until(3 * MINUTE);
    // Refreshes at 1:51, 2:06, ...; the start is at 2:05.
    let polls = due(&day, "race", 0);
    assert!(polls.contains(&(MINUTE + 51_500)) && polls.contains(&(2 * MINUTE + 6500)), "{polls:?}");
}

#[test]
fn the_plan_for_an_outage_is_aligned_too() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 100);
    day.race("race", 10 * MINUTE, HOUR, "finished");
    known(&mut day, 6.0);
    day.run_until(MINUTE);
    let off = "select count(*) from raceday.raceday_poll_plan('20 minutes')
               where abs(raceday.around(extract(epoch from slot_at)::float8 - 6.5, 15)) > 0.001";
    assert_eq!(day.value::<i64>(off), 0);
    let planned = "select count(*) from raceday.raceday_poll_plan('9 minutes')";
    assert!((27..=29).contains(&day.value::<i64>(planned)), "{}", day.value::<i64>(planned));
}

#[test]
fn a_race_that_is_not_certain_yet_uses_the_phase_that_others_have_in_common() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 100);
    for race in ["a", "b", "c"] {
        day.race(race, 5 * MINUTE, HOUR, "finished");
    }
    known(&mut day, 14.8);
    day.execute(
        "update raceday.race_refreshes set phase_s = 0.1 where race_id = 'b'; select raceday.note_feed_refresh()",
    );
    day.race("new", 5 * MINUTE, HOUR, "finished");
    day.run_until(MINUTE);
    assert!(due(&day, "new", PERIOD).iter().all(|at| (at % PERIOD - 600).abs() <= 1), "{:?}", due(&day, "new", 0));
    // Once one differs, nothing is common.
    day.execute(
        "update raceday.race_refreshes set phase_s = 5 where race_id = 'b'; select raceday.note_feed_refresh()",
    );
    assert_eq!(day.value::<Option<f64>>("select phase_s from raceday.feed_refresh"), None);
    assert_eq!(day.value::<i32>("select races from raceday.feed_refresh"), 3);
}

#[test]
fn after_the_close_a_race_is_polled_every_30_s_from_2_minutes_after_its_start() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 100);
    day.race("closed", 5 * MINUTE, HOUR, "finished");
    day.race("open", 5 * MINUTE, HOUR, "finished");
    day.run_until(5 * MINUTE);
    day.execute("update raceday.races set phase = 'in_progress', status = 'Closed', polled_at = raceday.now() where race_id = 'closed'");
    day.run_until(12 * MINUTE);
    let gaps = |day: &Day, race: &str, from: Ms| -> Vec<Ms> {
        due(day, race, from).windows(2).map(|pair| pair[1] - pair[0]).collect()
    };
    assert!(gaps(&day, "open", 0).iter().all(|gap| *gap == PERIOD));
    let closed = gaps(&day, "closed", 5 * MINUTE);
    assert_eq!(closed[..7], [PERIOD; 7], "until two minutes after the start");
    assert!(closed[8..].len() >= 8 && closed[8..].iter().all(|gap| *gap == 2 * PERIOD), "{closed:?}");
    assert_eq!(day.polls.iter().map(|poll| poll.missed).sum::<i32>(), 0);
}

#[test]
fn a_race_that_was_over_before_its_first_poll_is_polled_once_after_everything_urgent() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 1, 100);
    day.race("morning", -3 * HOUR, 0, "finished");
    day.race("failing", -2 * HOUR, 100 * HOUR, "finished");
    day.execute("update raceday.races set phase = 'finished', status = 'Final'");
    day.race("later", HOUR, 100 * HOUR, "finished");
    assert_eq!(
        day.value::<i64>("select count(*) from raceday.raceday_poll_plan('10 minutes') where race_id <> 'later'"),
        0
    );
    assert!(!day.value::<bool>("select bool_or(is_live) from raceday.due_races"));
    day.run_until(5 * MINUTE);
    let mut order: Vec<&str> = Vec::new();
    for poll in &day.polls {
        if !order.contains(&poll.race.as_str()) {
            order.push(&poll.race);
        }
    }
    assert_eq!(order, ["later", "failing", "morning"]);
    day.run_until(HOUR);
    assert_eq!(day.of("morning").count(), 1);
    // What it brought could not be used: it is tried again.
    assert_eq!(day.of("failing").count(), 2);
    assert_eq!(day.polls.iter().map(|poll| poll.missed).sum::<i32>(), 0);
}

#[test]
fn a_fetcher_learns_the_refreshes_of_the_tab_and_the_next_one_continues() {
    let scene = Scene::start(5.0, 61);
    let mut first = scene.fetcher("first");
    wait_metric(&first, PROCESSED, |polls| polls > 20.0);
    // The simulator refreshes on the marks of 15 s, and the response follows within half a second.
    let learned = "select count(*) from raceday.race_refreshes
                   where is_certain and abs(raceday.around(phase_s - 0.3, 15)) < 1 and data_age_s < 60";
    scene.wait_for("five races whose phase is known", 5, learned);
    let known = "select coalesce(max((state ->> 'known')::bigint), 0) from raceday.race_refreshes";
    let before = scene.count(known);
    first.process().kill().unwrap();
    let _second = scene.fetcher("second");
    scene.wait_for("more to be known of a race", before + 1, known);
    let aligned = "select count(*) from raceday.due_races d
                   where d.phase_s is not null and d.cadence_s = 15 and d.slot_at is not null
                     and abs(raceday.around(extract(epoch from d.next_slot_at)::float8 - d.phase_s - d.lag_s, 15)) < 0.001";
    scene.wait_for("aligned slots", 3, aligned);
}
