//! The schedule in simulated time: when each race is polled, over whole days, by one fetcher and by several.

use std::collections::BTreeSet;
use std::sync::{Barrier, Mutex};
use std::time::Instant;

use raceday_tests::PATIENCE;
use raceday_tests::database::database;

use crate::day::{Day, Ms, Poll};

const SECOND: Ms = 1000;
const MINUTE: Ms = 60 * SECOND;
const HOUR: Ms = 60 * MINUTE;

/// The cadence that the specification requires; it leaves times beyond an hour open.
fn cadence_s(seconds_to_start: f64) -> i32 {
    match seconds_to_start {
        s if s <= 300.0 => 15,
        s if s <= 900.0 => 30,
        s if s <= 3900.0 => 60,
        _ => 1800,
    }
}

/// Fails unless the gaps between a race's polls match its cadence at the time, give or take the lateness of a poll.
fn assert_cadence(day: &Day, race: &str, slack: Ms) {
    let polls: Vec<&Poll> = day.of(race).collect();
    for pair in polls.windows(2) {
        let gap = pair[1].at - pair[0].at;
        let allowed = Ms::from(cadence_s(pair[0].seconds_to_start)) * SECOND;
        assert!(gap <= allowed + slack, "{race}: {gap} ms between polls, {allowed} allowed: {pair:?}");
        // Nor is it polled sooner than the faster of the two cadences.
        let least = Ms::from(cadence_s(pair[1].seconds_to_start)) * SECOND;
        assert!(gap >= least - slack, "{race}: {gap} ms between polls, {least} expected: {pair:?}");
    }
    for poll in polls {
        assert_eq!(poll.cadence_s, cadence_s(poll.seconds_to_start), "{poll:?}");
    }
}

#[test]
fn a_day_of_120_races_is_polled_at_its_cadence_by_five_workers() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 300);
    let races: Vec<(String, Ms)> = (0..120).map(|n| (format!("race {n}"), HOUR + n * 4 * MINUTE)).collect();
    for (n, (race, start)) in (0..).zip(&races) {
        // The judge decides after three to seven minutes; every fifteenth race is abandoned before its start.
        let abandoned = n % 15 == 7;
        let end = if abandoned { start - 2 * MINUTE } else { start + 3 * MINUTE + (n % 5) * MINUTE };
        day.race(race, *start, end, if abandoned { "abandoned" } else { "finished" });
    }
    day.run_until(HOUR + 120 * 4 * MINUTE + 10 * MINUTE);

    assert!(day.late_p99() < SECOND, "p99 {} ms", day.late_p99());
    assert_eq!(day.polls.iter().map(|poll| poll.missed).sum::<i32>(), 0);
    for (n, (race, start)) in races.iter().enumerate() {
        assert_cadence(&day, race, 2 * SECOND);
        let last = day.of(race).last().unwrap();
        if n % 15 == 7 {
            assert!(last.at < start - MINUTE, "{race} is abandoned and was still polled: {last:?}");
        } else {
            // 20 polls in the last five minutes: one per slot, none skipped.
            let late_polls = day.of(race).filter(|poll| poll.due >= start - 5 * MINUTE && poll.due < *start).count();
            assert!((20..=21).contains(&late_polls), "{race}: {late_polls} polls in the last five minutes");
            assert!(last.at >= start + 3 * MINUTE && last.at < start + 8 * MINUTE, "{race}: {last:?}");
        }
    }
    println!("{} polls, p99 lateness {} ms", day.polls.len(), day.late_p99());
}

#[test]
fn ten_connections_miss_no_poll_of_20_live_races_beside_100_others() {
    let postgres = database();
    // Ten connections: eight for workers, one for the schedule, one for the housekeeper.
    let mut day = Day::begin(&postgres, 1, 8, 600);
    for n in 0..20 {
        day.race(&format!("near {n}"), 6 * MINUTE, HOUR, "finished");
    }
    for n in 0..100 {
        day.race(&format!("far {n}"), 30 * MINUTE + n * 15 * SECOND, 2 * HOUR, "finished");
    }
    day.run_until(6 * MINUTE);
    assert_eq!(day.polls.iter().map(|poll| poll.missed).sum::<i32>(), 0);
    for n in 0..20 {
        let race = format!("near {n}");
        let polls = day.of(&race).filter(|poll| poll.due >= MINUTE).count();
        assert!((20..=21).contains(&polls), "{race}: {polls} polls in the last five minutes");
    }
    for n in 0..100 {
        let race = format!("far {n}");
        assert_eq!(day.of(&race).count(), 6, "{race} at 60 s over six minutes");
    }
    let latest = day.polls.iter().filter(|poll| poll.at > MINUTE).map(Poll::late).max().unwrap();
    assert!(latest < 15 * SECOND, "a poll was {latest} ms late: its slot was over");
}

#[test]
fn a_start_that_moves_changes_the_cadence_at_once() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 100);
    day.race("moved up", 3 * HOUR, 5 * HOUR, "finished");
    day.race("moved back", 10 * MINUTE, 5 * HOUR, "finished");
    day.run_until(6 * MINUTE);
    assert_eq!(day.of("moved up").count(), 1);
    assert_eq!(day.of("moved back").last().unwrap().cadence_s, 15);
    day.move_start("moved up", 10 * MINUTE);
    day.move_start("moved back", HOUR);
    day.run_until(8 * MINUTE);
    let up: Vec<_> = day.of("moved up").filter(|poll| poll.at >= 6 * MINUTE).collect();
    assert!(up[0].at < 6 * MINUTE + SECOND, "not polled at once: {up:?}");
    assert!((8..=9).contains(&up.len()), "not polled every 15 s for two minutes: {up:?}");
    assert!(day.of("moved back").filter(|poll| poll.at >= 6 * MINUTE).count() <= 2);
}

#[test]
fn races_that_are_over_are_not_polled_and_one_given_up_is_polled_once() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 100);
    day.race("a day old", -24 * HOUR - MINUTE, 100 * HOUR, "finished");
    day.race("late judge", -23 * HOUR, 100 * HOUR, "finished");
    day.race("final", -HOUR, 0, "finished");
    day.race("abandoned", HOUR, 0, "abandoned");
    day.run_until(5 * MINUTE);
    assert_eq!(day.of("a day old").count(), 1, "its last polls were missed");
    assert_eq!(day.of("final").count(), 1, "its first response ends it");
    assert_eq!(day.of("abandoned").count(), 1, "its first response ends it");
    assert!(day.of("late judge").count() >= 20);
    day.execute("update raceday.races set polled_at = raceday.now() where race_id = 'late judge'");
    day.run_until(2 * HOUR);
    let last = day.of("late judge").last().unwrap();
    assert!(last.at <= HOUR && last.at > HOUR - MINUTE, "not abandoned a day after its start: {last:?}");
}

#[test]
fn fetchers_share_the_races_and_none_is_polled_twice_in_a_cadence() {
    for fetchers in [2, 5] {
        let postgres = database();
        let mut day = Day::begin(&postgres, fetchers, 3, 400);
        let races: Vec<String> = (0..20).map(|n| format!("race {n}")).collect();
        for race in &races {
            day.race(race, 5 * MINUTE, HOUR, "finished");
        }
        day.run_until(5 * MINUTE);
        for race in &races {
            assert_cadence(&day, race, 2 * SECOND);
            assert!((20..=21).contains(&day.of(race).count()), "{race}");
        }
        for fetcher in 0..fetchers {
            let worker = format!("fetcher {fetcher}");
            assert!(day.polls.iter().any(|poll| poll.worker == worker), "{worker} of {fetchers} had no work");
        }
    }
}

#[test]
fn a_killed_fetchers_races_are_taken_over_within_a_lease() {
    let lease = 8 * SECOND;
    let postgres = database();
    let mut day = Day::begin(&postgres, 2, 5, 400);
    for n in 0..10 {
        day.race(&format!("race {n}"), 5 * MINUTE, HOUR, "finished");
    }
    // Both fetchers have just claimed what is due.
    day.run_until(MINUTE + 100);
    let claimed: Vec<Poll> = day.polls.iter().filter(|poll| poll.at >= MINUTE).cloned().collect();
    let killed: Vec<&Poll> = claimed.iter().filter(|poll| poll.worker == "fetcher 0").collect();
    assert_eq!(killed.len(), 5, "{claimed:?}");
    day.kill(0);
    day.run_until(2 * MINUTE);
    for poll in killed {
        let heir = day.of(&poll.race).find(|later| later.at > poll.at).unwrap();
        assert_eq!(heir.worker, "fetcher 1");
        assert!(heir.at - poll.at <= lease + SECOND, "{} ms until taken over", heir.at - poll.at);
    }
    assert_eq!(day.polls.iter().map(|poll| poll.missed).sum::<i32>(), 0);
}

#[test]
fn fetchers_that_claim_at_the_same_moment_never_get_the_same_race() {
    let races = 200;
    let postgres = database();
    let mut session = postgres.connect("raceday").unwrap();
    session
        .batch_execute(&format!(
            "update raceday.poll_settings set lease = '1 hour';
             insert into raceday.meetings (meeting_id, meeting_name, race_type, date) values ('m', 'M', 'harness', current_date);
             insert into raceday.races (race_id, meeting_id, name, race_number, start_time, type)
             select 'race ' || n, 'm', 'R', 1, raceday.now() + interval '3 minutes', 'H' from generate_series(1, {races}) n"
        ))
        .unwrap();
    let claimed = Mutex::new(Vec::new());
    let together = Barrier::new(5);
    std::thread::scope(|scope| {
        for fetcher in 0..5 {
            let mut session = postgres.connect("raceday").unwrap();
            let (claimed, together) = (&claimed, &together);
            scope.spawn(move || {
                together.wait();
                let deadline = Instant::now() + PATIENCE;
                // A claim may return nothing while others hold the races, so this repeats until all are claimed.
                while claimed.lock().unwrap().len() < races && Instant::now() < deadline {
                    let sql = "select race_id from raceday.raceday_claim_races($1, 3)";
                    let rows = session.query(sql, &[&format!("fetcher {fetcher}")]).unwrap();
                    claimed.lock().unwrap().extend(rows.iter().map(|row| row.get::<_, String>(0)));
                }
            });
        }
    });
    let claimed = claimed.into_inner().unwrap();
    assert_eq!(claimed.iter().collect::<BTreeSet<_>>().len(), races, "not every race was claimed");
    assert_eq!(claimed.len(), races, "a race was claimed twice");
}

#[test]
fn a_race_about_to_start_is_claimed_before_the_backlog_of_an_outage() {
    let postgres = database();
    let mut session = postgres.connect("raceday").unwrap();
    session
        .batch_execute(
            "insert into raceday.meetings (meeting_id, meeting_name, race_type, date) values ('m', 'M', 'harness', current_date);
             insert into raceday.races (race_id, meeting_id, name, race_number, start_time, type)
             select 'left ' || n, 'm', 'R', 1, raceday.now() - make_interval(hours => n), 'H' from generate_series(1, 20) n;
             insert into raceday.races (race_id, meeting_id, name, race_number, start_time, type)
             values ('next', 'm', 'R', 1, raceday.now() + interval '30 seconds', 'H'), ('running', 'm', 'R', 1, raceday.now() - interval '1 minute', 'H'),
                    ('later', 'm', 'R', 1, raceday.now() + interval '50 minutes', 'H')",
        )
        .unwrap();
    let rows = session.query("select race_id from raceday.raceday_claim_races('one', 4)", &[]).unwrap();
    let claimed: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(claimed, ["next", "running", "later", "left 1"]);
}

#[test]
fn a_race_is_live_from_5_minutes_before_its_start_to_15_after_whatever_its_cadence() {
    let postgres = database();
    let mut session = postgres.connect("raceday").unwrap();
    session
        .batch_execute(
            "insert into raceday.poll_cadence (within_s, every_s) values (180, 10);
             insert into raceday.meetings (meeting_id, meeting_name, race_type, date) values ('m', 'M', 'harness', current_date);
             insert into raceday.races (race_id, meeting_id, name, race_number, start_time, type)
             select v.race_id, 'm', 'R', 1, raceday.now() + v.in_minutes * interval '1 minute', 'H'
             from (values ('soon', 6), ('15 s', 4), ('10 s', 2), ('started', -14), ('waiting for the judge', -16)) v (race_id, in_minutes);
             update raceday.race_polls set first_due_at = raceday.now() - interval '90 seconds'",
        )
        .unwrap();
    let live = |session: &mut postgres::Client, sql: &str| -> Vec<String> {
        session.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    let expected = ["10 s", "15 s", "started"];
    assert_eq!(live(&mut session, "select race_id from raceday.due_races where is_live order by 1"), expected);
    let status = live(&mut session, "select value from raceday.raceday_status() where item = 'live races'");
    assert_eq!(status, ["3"]);
    let row = session.query_one("select races, overdue_s from raceday.monitor_live_races", &[]).unwrap();
    assert_eq!(row.get::<_, i64>(0), 3);
    assert!((90.0..120.0).contains(&row.get::<_, f64>(1)), "{row:?}");
    let claimed = "select race_id from raceday.raceday_claim_races('one', 10) where is_live order by 1";
    assert_eq!(live(&mut session, claimed), expected);
}

#[test]
fn a_clock_that_is_set_back_does_not_stop_the_polling() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 300);
    // The clock was thirteen hours ahead, and the race about to start.
    day.set(13 * HOUR);
    day.race("race", 13 * HOUR + 2 * MINUTE, 14 * HOUR, "finished");
    day.run_until(13 * HOUR + MINUTE);
    assert_eq!(day.polls.len(), 4);
    day.move_start("race", 2 * MINUTE);
    day.set_back(0);
    day.run_until(2 * MINUTE);
    let after: Vec<&Poll> = day.polls[4..].iter().collect();
    assert!(after[0].at < SECOND, "not polled at once: {after:?}");
    assert!((8..=9).contains(&after.len()), "not polled every 15 s for two minutes: {after:?}");
    assert!(after.iter().all(|poll| poll.missed == 0), "{after:?}");
}

#[test]
fn a_race_that_became_known_while_the_clock_was_ahead_is_polled() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 1, 5, 300);
    day.set(13 * HOUR);
    day.race("race", 2 * MINUTE, HOUR, "finished");
    day.set_back(0);
    day.run_until(MINUTE);
    assert_eq!(day.polls.len(), 4, "{:?}", day.polls);
}

#[test]
fn a_race_that_moved_far_away_is_not_claimed_for_its_leftover_lease() {
    let postgres = database();
    let mut day = Day::begin(&postgres, 2, 5, 300);
    day.race("race", 2 * MINUTE, HOUR, "finished");
    day.run_until(10);
    assert_eq!(day.polls.len(), 1);
    day.kill(0);
    day.move_start("race", 26 * HOUR);
    day.run_until(HOUR);
    assert_eq!(day.polls.len(), 1, "{:?}", day.polls);
    day.run_until(3 * HOUR);
    assert!(day.polls.len() > 1, "it is not polled within a day of its start");
}
