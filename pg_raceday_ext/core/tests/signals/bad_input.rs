//! Polls that contradict themselves or each other.

use crate::race::{self, KIND, poll};
use raceday_core::signals::{Reading, Rules, Watch};

const FIXED: [i64; 3] = [200, 300, 500];

fn evidence(reading: &Reading) -> Vec<Option<i64>> {
    reading.runners.iter().map(|of| of.evidence).collect()
}

#[test]
fn a_pool_that_falls_begins_again_without_a_flow() {
    let polls = [
        poll(290, &[500_000, 300_000, 200_000], &FIXED),
        poll(280, &[480_000, 300_000, 190_000], &FIXED),
        poll(270, &[490_000, 400_000, 190_000], &FIXED),
    ];
    let (readings, _) = race::readings(&polls, &Rules::default());
    assert!(readings[1].win.is_none());
    let flow = readings[2].win.as_ref().unwrap();
    assert_eq!(flow.total_cents, 110_000);
    assert!(readings[2].runners[1].multiple > Some(250));
}

#[test]
fn the_base_stays_while_nothing_new_comes() {
    let mut stale = poll(280, &[500_000, 300_000, 200_000], &FIXED);
    stale.win_cents = Some(1_050_000);
    let polls = [
        poll(290, &[500_000, 300_000, 200_000], &FIXED),
        stale,
        poll(270, &[500_000, 300_000, 200_000], &FIXED),
        poll(260, &[500_000, 400_000, 200_000], &FIXED),
    ];
    let (readings, _) = race::readings(&polls, &Rules::default());
    assert!(readings[1].win.is_none() && readings[2].win.is_none());
    assert_eq!(readings[3].win.as_ref().unwrap().total_cents, 100_000);
    assert_eq!(evidence(&readings[2]), [Some(0); 3]);
}

#[test]
fn a_scratching_begins_again_and_keeps_the_evidence_of_the_others() {
    let mut scratched = poll(270, &[500_000, 600_000, 0], &FIXED);
    scratched.runners[2].is_scratched = true;
    scratched.runners[2].tote = None;
    let polls =
        [poll(290, &[500_000, 300_000, 200_000], &FIXED), poll(280, &[500_000, 600_000, 200_000], &FIXED), scratched];
    let (readings, _) = race::readings(&polls, &Rules::default());
    assert!(readings[1].runners[1].evidence > Some(0));
    assert!(readings[2].win.is_none());
    assert_eq!(evidence(&readings[2]), [Some(0), readings[1].runners[1].evidence, None]);
    assert_eq!(readings[2].runners[2].mid, None);
}

#[test]
fn every_runner_scratched_but_one_is_no_evidence() {
    let alone = |seconds, cents| {
        let mut poll = poll(seconds, &[cents, 0, 0], &FIXED);
        (poll.runners[1].is_scratched, poll.runners[2].is_scratched) = (true, true);
        poll
    };
    let (readings, watch) = race::readings(&[alone(100, 500_000), alone(90, 900_000)], &Rules::default());
    let only = readings[1].runners[0];
    assert_eq!((only.low, only.mid, only.high), (Some(900_000), Some(900_000), Some(900_000)));
    assert_eq!(only.evidence, Some(0));
    assert!(readings[1].reached.is_empty() && watch.best().abs() < f64::EPSILON);
}

#[test]
fn all_runners_scratched_are_no_snapshot() {
    let mut nobody = poll(100, &[500_000, 300_000, 200_000], &FIXED);
    nobody.runners.iter_mut().for_each(|runner| runner.is_scratched = true);
    let (readings, _) = race::readings(&[nobody.clone(), nobody], &Rules::default());
    assert!(readings.iter().all(|reading| reading.win.is_none() && evidence(reading) == [None; 3]));
}

#[test]
fn a_favourite_topped_up_to_the_minimum_may_have_the_whole_pool() {
    let mut polls =
        [poll(100, &[9_000_000, 300_000, 200_000], &FIXED), poll(90, &[9_900_000, 300_000, 200_000], &FIXED)];
    for poll in &mut polls {
        poll.runners[0].tote = Some(101);
    }
    let (readings, _) = race::readings(&polls, &Rules::default());
    for reading in &readings {
        let [favourite, second, _] = reading.runners[..] else { unreachable!() };
        // Nothing bounds the take-out, so the others may have next to nothing.
        assert_eq!(second.low, Some(0));
        assert!(favourite.low < favourite.mid && favourite.mid < favourite.high);
    }
    assert!(readings.iter().all(|reading| !reading.is_contradiction));
}

#[test]
fn odds_that_contradict_earlier_ones_are_counted_and_begin_again() {
    let sensible = poll(100, &[500_000, 300_000, 200_000], &FIXED);
    // A take-out of two thirds, and then again of a sixth.
    let mut greedy = poll(90, &[500_000, 330_000, 200_000], &FIXED);
    greedy.runners.iter_mut().for_each(|runner| runner.tote = runner.tote.map(|odds| odds * 4 / 100 * 10));
    let polls = [sensible.clone(), greedy, sensible];
    let (readings, _) = race::readings(&polls, &Rules::default());
    assert_eq!(readings.iter().map(|reading| reading.is_contradiction).collect::<Vec<_>>(), [false, true, true]);
    let (alone, _) = race::readings(&polls[1..2], &Rules::default());
    assert_eq!(readings[1].runners[0].low, alone[0].runners[0].low);
}

#[test]
fn odds_missing_for_one_runner_give_no_bounds_and_change_nothing() {
    let mut partial = poll(280, &[500_000, 700_000, 200_000], &FIXED);
    partial.runners[2].tote = None;
    let whole = [poll(290, &[500_000, 300_000, 200_000], &FIXED), poll(270, &[520_000, 360_000, 200_000], &FIXED)];
    let polls = [whole[0].clone(), partial, whole[1].clone()];
    let (readings, watch) = race::readings(&polls, &Rules::default());
    assert!(readings[1].runners.iter().all(|of| of.low.is_none() && of.mid.is_none() && of.multiple.is_none()));
    assert_eq!(evidence(&readings[1]), [Some(0); 3]);
    let (expected, same) = race::readings(&whole, &Rules::default());
    assert_eq!(readings[2].win, expected[1].win);
    assert!((watch.best() - same.best()).abs() < f64::EPSILON);
}

#[test]
fn odds_up_and_down_between_polls_of_one_pool_size_are_nothing_new() {
    let first = poll(290, &[500_000, 300_000, 200_000], &FIXED);
    let mut second = poll(280, &[400_000, 400_000, 200_000], &FIXED);
    second.win_cents = first.win_cents;
    let (readings, _) = race::readings(&[first, second], &Rules::default());
    assert!(readings[1].win.is_none());
}

#[test]
fn twenty_four_runners_fit() {
    let money: Vec<i64> = (1..=24).map(|at| at * at * 1_000).collect();
    let more: Vec<i64> =
        money.iter().zip(1..).map(|(cents, at)| cents + if at == 3 { 400_000 } else { 10_000 }).collect();
    let fixed: Vec<i64> = (1..=24).map(|at| 9_000 / at).collect();
    let polls = [poll(60, &money, &fixed), poll(45, &more, &fixed)];
    let (readings, watch) = race::readings(&polls, &Rules::default());
    let backed = readings[1].reached.iter().map(|of| of.entrant_id.as_str()).collect::<Vec<_>>();
    assert_eq!(backed, ["runner-03", "runner-03"]);
    assert!(watch.evidence("runner-03") > watch.evidence("runner-04"));
    let ids: Vec<String> = polls[0].runners.iter().map(|of| of.id.clone()).collect();
    // With the rest of the row it has to stay well below a page of 8 kB.
    assert!(watch.to_bytes(ids.iter().map(String::as_str)).len() < 3_000);
}

#[test]
fn evidence_is_collected_in_the_watch_only() {
    let before = [poll(400, &[500_000, 300_000, 200_000], &FIXED), poll(301, &[500_000, 900_000, 200_000], &FIXED)];
    let (readings, watch) = race::readings(&before, &Rules::default());
    assert!(readings[1].runners[1].multiple > Some(300));
    assert!(evidence(&readings[1]) == [None; 3] && watch.best().abs() < f64::EPSILON);
    let mut closed = poll(-30, &[500_000, 1_900_000, 200_000], &FIXED);
    closed.is_open = false;
    let late = [poll(-5, &[500_000, 300_000, 200_000], &FIXED), closed];
    let (readings, watch) = race::readings(&late, &Rules::default());
    assert_eq!(evidence(&readings[0]), [Some(0); 3]);
    assert!(evidence(&readings[1]) == [None; 3] && watch.best().abs() < f64::EPSILON);
}

#[test]
fn amounts_of_any_size_neither_overflow_nor_panic() {
    let mut watch = Watch::default();
    for (at, cents) in [1, 2, 999_999_999_999, 3].into_iter().enumerate() {
        for odds in [1, 5, 104, 9_999_999_999] {
            let mut poll = poll(200 - i64::try_from(at).unwrap(), &[1, 1, 1], &[1, 1, 9_999_999_999]);
            poll.win_cents = Some(cents);
            poll.runners[0].tote = Some(odds);
            let reading = watch.advance(&poll.poll(), KIND, &Rules::default());
            assert!(reading.runners.iter().all(|of| of.low <= of.mid && of.mid <= of.high), "{reading:?}");
        }
    }
}
