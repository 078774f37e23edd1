//! A simulated race from 65 minutes out to its final result, row by row.

use crate::checks::{self, Flows};
use crate::table;
use chrono::{DateTime, NaiveDate, Utc};
use nztab_sim::day::Category;
use nztab_sim::race::Race;
use nztab_sim::{Config, Simulator};
use raceday_core::{Outcome, PollRows, RaceState, payload_hash};
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

/// A race day that has such a race as the one below.
const SEED: u64 = 9;

struct Polled {
    race: Arc<Race>,
    polls: Vec<(PollRows, RaceState)>,
    unchanged: usize,
}

/// The first followed race of the day that has a plunge, a late scratching and a delayed start.
fn eventful(simulator: &Simulator) -> Arc<Race> {
    let date = NaiveDate::from_ymd_opt(2025, 11, 23).unwrap();
    let meetings = simulator.meetings_between(date, date);
    meetings
        .iter()
        .filter(|meeting| matches!(meeting.country, "NZ" | "AUS") && meeting.category != Category::Greyhound)
        .flat_map(|meeting| &meeting.races)
        .filter_map(|card| simulator.race(&card.id))
        .find(|race| {
            let fate = &race.card.fate;
            fate.insider.is_some()
                && fate.late_scratching_at.is_some()
                && fate.delay.is_some()
                && fate.abandoned_at.is_none()
        })
        .expect("a day that has one")
}

/// The race polled every 60 s from 65 minutes out, every 30 s from 15, every 15 s from 5, until it is final.
static POLLED: LazyLock<Polled> = LazyLock::new(|| {
    let simulator = Simulator::new(Config { seed: SEED, ..Config::default() });
    let race = eventful(&simulator);
    let race_id = race.card.id.clone();
    let mut state = RaceState::default();
    let (mut polls, mut unchanged) = (Vec::new(), 0);
    let mut fetched = DateTime::<Utc>::from_timestamp(race.card.fate.first_start - 65 * 60, 250_000_000).unwrap();
    while state.race.as_ref().is_none_or(|race| race.status != "Final") {
        let payload = simulator.event(&race_id, fetched).unwrap();
        match state.apply(&race_id, &payload, payload_hash(&payload), fetched.timestamp_micros()) {
            Ok(Outcome::Processed(rows)) => polls.push((*rows, state.clone())),
            // The source refreshes every 15 s: two polls can fall between two refreshes.
            Ok(Outcome::Unchanged) => unchanged += 1,
            Err(error) => panic!("{error}"),
        }
        let start_s = state.race.as_ref().unwrap().start_us / 1_000_000;
        let step = match start_s - fetched.timestamp() {
            901.. => 60,
            301.. => 30,
            _ => 15,
        };
        fetched += chrono::TimeDelta::seconds(step);
    }
    Polled { race, polls, unchanged }
});

/// The runner that is plunged on, the one that is scratched late, and another.
fn watched() -> Vec<String> {
    let race = &POLLED.race;
    let plunged = race.market.plunge().unwrap().backed[0].runner;
    let scratched = (0..race.runners.len())
        .filter(|runner| race.market.scratched_at(*runner).is_some())
        .max_by_key(|runner| race.market.scratched_at(*runner))
        .unwrap();
    let other = (0..race.runners.len()).find(|runner| ![plunged, scratched].contains(runner)).unwrap();
    [plunged, scratched, other].map(|runner| race.runners[runner].identity.entrant_id.clone()).to_vec()
}

fn rows_of(entrant_id: &str) -> String {
    let mut out = format!("{}\n", table::history_head());
    for (poll, _) in &POLLED.polls {
        let Some(at) = poll.history.entrant_id.iter().position(|id| id == entrant_id) else {
            assert!(poll.history.entrant_id.is_empty(), "one row per runner, or none after the close");
            continue;
        };
        out.push_str(&table::history_row(poll, at));
        out.push('\n');
    }
    out
}

#[test]
fn the_rows_of_a_runner_that_is_plunged_on() {
    insta::assert_snapshot!(rows_of(&watched()[0]));
}

#[test]
fn the_rows_of_a_runner_that_is_scratched_late() {
    insta::assert_snapshot!(rows_of(&watched()[1]));
}

#[test]
fn the_rows_of_a_runner_that_just_runs() {
    insta::assert_snapshot!(rows_of(&watched()[2]));
}

#[test]
fn the_totals_of_every_poll() {
    let mut out = format!(
        "{:>12} {:>8} {:>4} {:>6} | {:>9} {:>9} | {:>9} {:>8} | {:>6} {:>9} | {:>4} | {:>9} {:>9} {:>3} | report\n",
        "event",
        "status",
        "rows",
        "hold",
        "win",
        "incr",
        "place",
        "incr",
        "tote%",
        "tote",
        "odds",
        "$ win",
        "$ all",
        "q"
    );
    let sum = |column: &[Option<i64>]| Some(column.iter().flatten().sum::<i64>());
    for (poll, state) in &POLLED.polls {
        let (history, pools) = (&poll.history, state.pools.as_ref().unwrap());
        let _ = writeln!(
            out,
            "{:>12} {:>8} {:>4} {:>6} | {:>9} {:>9} | {:>9} {:>8} | {:>6} {:>9} | {:>4} | {:>9} {:>9} {:>3} | {}",
            table::moment(poll.event_us),
            state.race.as_ref().unwrap().status,
            history.entrant_id.len(),
            table::money(sum(&history.hold)),
            table::number(sum(&history.win_pool_amount)),
            table::number(sum(&history.incremental_win_amount)),
            table::number(sum(&history.place_pool_amount)),
            table::number(sum(&history.incremental_place_amount)),
            table::money(sum(&history.tote_win_percentage)),
            table::number(sum(&history.tote_win_amount)),
            poll.odds.odds.len(),
            table::money(pools.win),
            table::money(Some(pools.total)),
            pools.quality,
            poll.report.line().unwrap_or_default(),
        );
    }
    let _ = writeln!(out, "{} polls, {} unchanged", POLLED.polls.len() + POLLED.unchanged, POLLED.unchanged);
    insta::assert_snapshot!(out);
}

#[test]
fn the_state_when_it_is_final() {
    insta::assert_snapshot!(table::state(&POLLED.polls.last().unwrap().1));
}

/// Three rows of the runner that is plunged on, worked out on paper from the payloads.
#[test]
fn rows_match_those_worked_out_on_paper() {
    let plunged = &watched()[0];
    let row = |event: &str| {
        let (poll, state) = POLLED.polls.iter().find(|(poll, _)| table::moment(poll.event_us) == event).unwrap();
        let at = poll.history.entrant_id.iter().position(|id| id == plunged).unwrap();
        let times = (poll.seconds_to_start, poll.time_to_start, poll.time_interval, poll.interval_type);
        (times, at, &poll.history, state.pools.as_ref().unwrap().win)
    };
    // 05:56:00 − 04:50:45.339 = 3914.661 s. The first row: 5 % of 5978.80 $, counted in full.
    let (times, at, rows, pool) = row("04:50:45.339");
    assert_eq!((times, pool), ((3_914, 65, 60, "5m"), Some(597_880)));
    assert_eq!((rows.hold[at], rows.win_pool_amount[at]), (Some(500), Some(29_894)));
    assert_eq!(rows.incremental_win_amount[at], Some(29_894));

    // The start is 05:59:00 by now: 254.929 s. The last row in another bucket is that of 05:54:15 in bucket 1, with 1133.59 $.
    let (times, at, rows, pool) = row("05:54:45.071");
    assert_eq!((times, pool), ((254, 4, 4, "30s"), Some(1_945_436)));
    // 6 % of 19454.36 $ is 1167.2616 $; less 1133.59 $.
    assert_eq!((rows.hold[at], rows.win_pool_amount[at]), (Some(600), Some(116_726)));
    assert_eq!(rows.incremental_win_amount[at], Some(3_367));

    // The plunge: 14 % of 37752.61 $ is 5285.3654 $. Bucket 0 counts from bucket 1, 1621.19 $ at 05:57:45.
    let (times, at, rows, pool) = row("05:58:30.150");
    assert_eq!((times, pool), ((29, 0, 0, "30s"), Some(3_775_261)));
    assert_eq!((rows.win_pool_amount[at], rows.win_pool_percentage[at]), (Some(528_537), Some(1_400)));
    assert_eq!(rows.incremental_win_amount[at], Some(528_537 - 162_119));
    // Its share by tote odds, computed with floats here: 1/3.9 of the sum over all runners not scratched.
    let weights: Vec<f64> = rows.pool_win_odds.iter().flatten().map(|odds| 100.0 / *odds as f64).collect();
    let share = 100.0 / 390.0 / weights.iter().sum::<f64>();
    assert_eq!(rows.pool_win_odds[at], Some(390));
    assert!((rows.tote_win_percentage[at].unwrap() as f64 - 10_000.0 * share).abs() < 0.51);
    assert!((rows.tote_win_amount[at].unwrap() as f64 - 3_775_261.0 * share).abs() < 0.51);
}

#[test]
fn every_poll_passes_the_general_checks() {
    let mut flows = Flows::default();
    for (poll, state) in &POLLED.polls {
        checks::check_rows(poll);
        checks::check_state(state);
        flows.check_next(poll);
        let is_open = state.race.as_ref().unwrap().status == "Open";
        if is_open || !poll.history.entrant_id.is_empty() {
            assert_eq!(poll.history.entrant_id.len(), POLLED.race.runners.len(), "one row per runner");
        }
        assert_eq!(poll.report.bad_values, 0);
    }
}
