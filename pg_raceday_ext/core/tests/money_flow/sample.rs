//! A real response of the vendor, if it is beside the repository; it is not part of it. `fixture.rs` checks the same on a recorded
//! race of our own.

use raceday_core::{Category, Event, Outcome, Phase, RaceState, payload_hash};
use std::path::Path;

/// `data.race.event_id` of the sample.
const RACE: &str = "0f57e087-00d9-4c61-9549-835abe2ae2ed";
const RUNNER_1: &str = "61181b8c-a540-43a8-900c-83ebe680e218";
/// 2025-07-17 11:17:00 UTC, just after its `generated_time` 11:16:59.18904298.
const FETCHED_US: i64 = 1_752_751_020_000_000;

#[test]
fn a_real_final_race_matches_the_figures_worked_out_on_paper() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/nztab/samples/event.json");
    let Ok(payload) = std::fs::read_to_string(&path) else {
        println!("NOT RUN: the vendor's sample is not beside the repository ({})", path.display());
        return;
    };
    assert_eq!(Event::race_id(&payload).as_deref(), Some(RACE));
    let mut state = RaceState::default();
    let Ok(Outcome::Processed(rows)) = state.apply(RACE, &payload, payload_hash(&payload), FETCHED_US) else {
        panic!("the sample was not processed");
    };
    assert_eq!(rows.report.line().as_deref(), Some("hold of unknown runners: 8.00 %"));
    assert_eq!(rows.report.hold_sum, Some(10_100));

    // 1752713400 (00:50:00) − 11:16:59.189 = −37 619.189 s, down to −37 620; −627 minutes.
    assert_eq!(rows.event_us, 1_752_751_019_189_000);
    assert_eq!((rows.seconds_to_start, rows.time_to_start, rows.time_interval), (-37_620, -627, -627));
    assert_eq!(rows.interval_type, "live");

    let history = &rows.history;
    assert_eq!(history.entrant_id.len(), 8);
    let at = history.entrant_id.iter().position(|id| id == RUNNER_1).unwrap();
    // Nine rows sum to 18 %: 915138 × 18 / 100 = 164724.84; 392351 × 18 / 100 = 70623.18.
    assert_eq!((history.hold[at], history.bet[at]), (Some(1_800), Some(1_400)));
    assert_eq!(history.win_pool_amount[at], Some(164_725));
    assert_eq!(history.place_pool_amount[at], Some(70_623));
    assert_eq!((history.win_pool_percentage[at], history.place_pool_percentage[at]), (Some(1_800), Some(1_800)));
    // The first row, long after bucket 55: there is nothing to count from.
    assert_eq!((history.incremental_win_amount[at], history.incremental_place_amount[at]), (Some(0), Some(0)));
    // 1/4.4 = .2272727 of 1/4.4 + 1/6.6 + 1/9.9 + 1/4.8 + 1/3.8 + 1/6.6 + 1/15.6 + 1/35.4 =
    // .2272727 + .1515152 + .1010101 + .2083333 + .2631579 + .1515152 + .0641026 + .0282486 = 1.1951556:
    // .2272727 / 1.1951556 = 19.0162 %, of 9151.38 $ = 1740.24 $.
    assert_eq!(history.tote_win_percentage[at], Some(1_902));
    assert_eq!(history.tote_win_amount[at], Some(174_024));
    assert_eq!((history.fixed_win_odds[at], history.fixed_place_odds[at]), (Some(500), Some(180)));
    assert_eq!((history.pool_win_odds[at], history.pool_place_odds[at]), (Some(440), Some(150)));
    assert_eq!(history.tote_win_percentage.iter().flatten().sum::<i64>() / 10, 1_000);
    assert_eq!(rows.odds.odds.len(), 8 * 4);

    check_state(&state);

    let mut again = state.clone();
    let same = again.apply(RACE, &payload, payload_hash(&payload), FETCHED_US + 15_000_000);
    assert_eq!(same, Ok(Outcome::Unchanged));
}

fn check_state(state: &RaceState) {
    let race = state.race.as_ref().unwrap();
    assert_eq!((race.status.as_str(), race.phase), ("Final", Phase::Finished));
    assert_eq!((race.race_number, race.distance, race.category), (Some(1), Some(1_700), Category::Thoroughbred));
    assert_eq!((race.start_us, race.actual_start_us), (1_752_713_400_000_000, Some(1_752_713_566_000_000)));
    assert_eq!(race.meeting.date.as_deref(), Some("2025-07-17"));

    let pools = state.pools.as_ref().unwrap();
    assert_eq!((pools.win, pools.place, pools.quinella), (Some(915_138), Some(392_351), Some(534_106)));
    assert_eq!((pools.trifecta, pools.exacta, pools.first4), (Some(797_624), None, Some(461_792)));
    // 9151.38 + 3923.51 + 5341.06 + 7976.24 + 4617.92; EarlyQuadrella is of four races.
    assert_eq!((pools.total, pools.multi_leg, pools.extracted), (3_101_011, 812_661, 6));
    // 100 − 5 for EarlyQuadrella, which has no column; the holds sum to 101.
    assert_eq!(pools.quality, 95);

    let runner = &state.entrants[RUNNER_1].entrant;
    assert_eq!((runner.runner_number, runner.barrier), (Some(1), Some(7)));
    assert_eq!((runner.favourite, runner.mover, runner.is_scratched), (false, true, false));
    assert_eq!(runner.scratched_us, None);
    let change = runner.runner_change.as_deref().unwrap();
    assert!(change.starts_with('{') && change.contains("Gelding"), "{change}");

    let results = state.results.as_ref().unwrap();
    assert_eq!((results.available, results.status, results.protest), (true, Some("final"), false));
    let placings: serde_json::Value = serde_json::from_str(&results.placings).unwrap();
    assert_eq!(placings.as_array().unwrap().len(), 8);
    assert_eq!(placings[1]["name"], "Ruji");
    assert_eq!(placings[1]["margin_length"].to_string(), "0.4");
    let dividends: serde_json::Value = serde_json::from_str(&results.dividends).unwrap();
    assert_eq!(dividends.as_array().unwrap().len(), 14);
    let fixed: serde_json::Value = serde_json::from_str(&results.fixed_odds).unwrap();
    assert_eq!(fixed["1"]["fixed_win"].to_string(), "5.0");
    assert_eq!(fixed["1"]["entrant_id"], RUNNER_1);
}
