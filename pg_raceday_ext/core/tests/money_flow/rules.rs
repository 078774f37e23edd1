//! The rules of docs/money-flow.md, each on a payload small enough to check on paper.

use crate::payload::{FETCHED_US, RACE, SECOND, START_S, apply, base, first, with, with_all, without};
use crate::table;
use raceday_core::{Outcome, RaceState, payload_hash};
use serde_json::json;

#[test]
fn a_first_poll_gives_one_row_per_runner() {
    let (state, rows) = first(&base().to_string());
    // 00:50:00 − 00:20:00.123 = 1799.877 s: 1799; 29.98 minutes: 30; bucket 25; not above 1800 s: 2m.
    assert_eq!(table::moment(rows.event_us), "00:20:00.123");
    assert_eq!((rows.seconds_to_start, rows.time_to_start), (1_799, 30));
    assert_eq!((rows.time_interval, rows.interval_type, rows.polling_us), (25, "2m", FETCHED_US));
    let history = &rows.history;
    assert_eq!(history.entrant_id, ["a", "b", "c"]);
    // a: 10 + 8; b: 80; c: not named.
    assert_eq!(history.hold, [Some(1_800), Some(8_000), Some(0)]);
    assert_eq!(history.bet, [Some(2_100), Some(6_000), Some(0)]);
    // 915138 × .18 = 164724.84; × .8 = 732110.4. 392351 × .18 = 70623.18; × .8 = 313880.8.
    assert_eq!(history.win_pool_amount, [Some(164_725), Some(732_110), Some(0)]);
    assert_eq!(history.place_pool_amount, [Some(70_623), Some(313_881), Some(0)]);
    assert_eq!(history.win_pool_percentage, [Some(1_800), Some(8_000), Some(0)]);
    assert_eq!(history.place_pool_percentage, [Some(1_800), Some(8_000), Some(0)]);
    // First seen in bucket 25: there is no baseline and no earlier row.
    assert_eq!(history.incremental_win_amount, [Some(0); 3]);
    assert_eq!(history.incremental_place_amount, [Some(0); 3]);
    // 1/4.4 to 1/6.6 is 6.6 to 4.4, 60 % to 40 %: 549082.8 and 366055.2.
    assert_eq!(history.tote_win_percentage, [Some(6_000), Some(4_000), None]);
    assert_eq!(history.tote_win_amount, [Some(549_083), Some(366_055), None]);
    assert_eq!(history.fixed_win_odds, [Some(500), Some(150), None]);
    assert_eq!(history.pool_win_odds, [Some(440), Some(660), None]);
    assert_eq!(rows.odds.entrant_id, ["a", "a", "a", "a", "b", "b", "b", "b"]);
    assert_eq!(rows.odds.kind[..4], ["fixed_win", "fixed_place", "pool_win", "pool_place"]);
    assert_eq!(rows.odds.odds, [500, 180, 440, 150, 150, 105, 660, 170]);
    assert_eq!((rows.report.bad_values, rows.report.unmatched_hold, rows.report.hold_sum), (0, 200, Some(10_000)));

    let pools = state.pools.as_ref().unwrap();
    assert_eq!((pools.win, pools.first4, pools.total), (Some(915_138), Some(40_050), 1_407_551));
    assert_eq!((pools.quality, pools.extracted), (100, 6));
    assert_eq!(state.entrants["a"].entrant.barrier, Some(7));
    assert_eq!(state.entrants["b"].entrant.barrier, Some(1), "the digits of Fr1");
    assert_eq!(state.entrants["c"].entrant.barrier, None);
    assert!(state.entrants["c"].entrant.is_late_scratched);
    assert_eq!(state.entrants["c"].entrant.scratched_us, Some((START_S - 7_200) * SECOND));
    assert_eq!(state.entrants["a"].entrant.runner_change.as_deref(), Some(r#"{"01/01/2025":"Gelding"}"#));
    assert_eq!(state.results, None);
}

/// Polls the base race at `seconds_to_start`, with the win pool in cents; gives b's amount and increment.
fn poll(state: &mut RaceState, seconds_to_start: i64, win_cents: i64) -> (Option<i64>, Option<i64>) {
    let total = raceday_core::format_hundredths(win_cents);
    let payload = with_all(&[("/header/generated_time", "null"), ("/data/tote_pools/0/total", &total)]);
    let rows = apply(state, &payload, (START_S - seconds_to_start) * SECOND);
    assert_eq!(rows.seconds_to_start, seconds_to_start);
    // b holds 80 %.
    (rows.history.win_pool_amount[1], rows.history.incremental_win_amount[1])
}

#[test]
fn increments_count_from_the_previous_bucket() {
    let mut state = RaceState::default();
    assert_eq!(poll(&mut state, 3_700, 1_000), (Some(800), Some(800)), "the baseline counts in full");
    assert_eq!(poll(&mut state, 3_640, 1_250), (Some(1_000), Some(1_000)), "and so does the rest of its bucket");
    assert_eq!(poll(&mut state, 3_580, 1_500), (Some(1_200), Some(200)), "55 from the last of 60");
    assert_eq!(
        poll(&mut state, 3_400, 2_000),
        (Some(1_600), Some(600)),
        "every poll of a bucket counts from the same row"
    );
    assert_eq!(poll(&mut state, 3_200, 1_900), (Some(1_520), Some(-80)), "a falling pool is kept");
    assert_eq!(poll(&mut state, -1, 2_500), (Some(2_000), Some(480)), "skipped buckets do not matter");
}

#[test]
fn a_falling_hold_is_counted() {
    let mut state = RaceState::default();
    poll(&mut state, 3_700, 1_000);
    let payload = with_all(&[("/header/generated_time", "null"), ("/data/tote_pools/0/total", "5.00")]);
    let rows = apply(&mut state, &payload, (START_S - 3_500) * SECOND);
    // a: 180 → 90, b: 800 → 400, c stays 0; the place pool stays.
    assert_eq!(rows.report.negative_increments, 2);
    assert_eq!(rows.report.line().as_deref(), Some("hold of unknown runners: 2.00 %; 2 negative increments"));
}

#[test]
fn a_delayed_race_does_not_count_money_twice() {
    let mut state = RaceState::default();
    let at = |seconds: i64| (START_S - seconds) * SECOND;
    let payload = |start: i64, total: &str| {
        with_all(&[
            ("/header/generated_time", "null"),
            ("/data/race/advertised_start", &start.to_string()),
            ("/data/tote_pools/0/total", total),
        ])
    };
    apply(&mut state, &payload(START_S, "10.00"), at(3_599)); // 55: 800, all of it
    apply(&mut state, &payload(START_S, "20.00"), at(610)); // 10: 1600, +800
    let five = apply(&mut state, &payload(START_S, "30.00"), at(310)); // 5: 2400, +800
    assert_eq!((five.time_interval, five.history.incremental_win_amount[1]), (5, Some(800)));
    // Ten minutes later than planned: bucket 10 again, counted from bucket 5.
    let ten = apply(&mut state, &payload(START_S + 600, "40.00"), at(250));
    assert_eq!((ten.seconds_to_start, ten.time_interval), (850, 10));
    assert_eq!(ten.history.incremental_win_amount[1], Some(800));
    // And back in bucket 5, from bucket 10: in total 800 + 800 + 800 + 800 + 400 = 3600.
    let again = apply(&mut state, &payload(START_S + 600, "45.00"), at(-100));
    assert_eq!((again.time_interval, again.history.incremental_win_amount[1]), (5, Some(400)));
}

#[test]
fn a_first_row_is_a_baseline_at_55_minutes_or_more() {
    for (seconds, increment) in [(7_200, 800), (3_600, 800), (3_300, 800), (3_299, 0), (60, 0), (-60, 0)] {
        assert_eq!(poll(&mut RaceState::default(), seconds, 1_000), (Some(800), Some(increment)), "{seconds} s");
    }
}

#[test]
fn amounts_round_half_away_from_zero() {
    // (hold %, win pool $, cents, hundredths of a per cent)
    for (hold, pool, amount, percentage) in [
        ("50", "0.01", 1, 10_000), // .5 cents: 1, the whole pool
        ("49.99", "0.01", 0, 0),   // .4999 cents
        ("10", "0.15", 2, 1_333),  // 1.5 cents: 2 of 15, 13.333 %
        ("10", "0.25", 3, 1_200),  // 2.5 cents: 3, not the even 2
        ("0.5", "1.00", 1, 100),
        ("33.33", "100.00", 3_333, 3_333),
        ("12.345", "100.00", 1_235, 1_235), // 12.345 is 12.35
        ("12.344999", "100.00", 1_234, 1_234),
        ("66.67", "0.03", 2, 6_667), // 2.0001 cents: 2 of 3, 66.666 %
    ] {
        let tracker = format!(r#"[{{"entrant_id":"a","hold_percentage":{hold},"bet_percentage":0}}]"#);
        let payload = with_all(&[("/data/money_tracker/entrants", &tracker), ("/data/tote_pools/0/total", pool)]);
        let (_, rows) = first(&payload);
        assert_eq!(rows.history.win_pool_amount[0], Some(amount), "{hold} % of {pool}");
        assert_eq!(rows.history.win_pool_percentage[0], Some(percentage), "{hold} % of {pool}");
    }
}

#[test]
fn an_empty_pool_has_no_percentages() {
    let (_, rows) = first(&with("/data/tote_pools/0/total", "0"));
    assert_eq!(rows.history.win_pool_amount, [Some(0); 3]);
    assert_eq!(rows.history.win_pool_percentage, [None; 3]);
    assert_eq!(rows.history.place_pool_percentage[0], Some(1_800));
    assert_eq!(rows.history.tote_win_amount, [Some(0), Some(0), None]);
    assert_eq!(rows.history.tote_win_percentage, [Some(6_000), Some(4_000), None]);
}

#[test]
fn tote_shares_need_the_tote_odds_of_every_runner_not_scratched() {
    for missing in ["0", "null", "\"?\"", "-1"] {
        let (_, rows) = first(&with("/data/runners/1/odds/pool_win", missing));
        assert_eq!(rows.history.tote_win_percentage, [None; 3], "{missing}");
        assert_eq!(rows.history.tote_win_amount, [None; 3], "{missing}");
    }
    // Once it is scratched, its odds are not needed: a has the whole pool.
    let (_, rows) =
        first(&with_all(&[("/data/runners/1/odds/pool_win", "0"), ("/data/runners/1/is_scratched", "true")]));
    assert_eq!(rows.history.tote_win_percentage, [Some(10_000), None, None]);
    assert_eq!(rows.history.tote_win_amount, [Some(915_138), None, None]);
    // A scratched runner's old odds do not count.
    let (_, rows) = first(&with("/data/runners/1/is_scratched", "true"));
    assert_eq!(rows.history.tote_win_percentage, [Some(10_000), None, None]);
}

#[test]
fn odds_history_has_only_changes() {
    let mut state = RaceState::default();
    apply(&mut state, &base().to_string(), FETCHED_US);
    let changed =
        with("/data/runners/0/odds", r#"{"fixed_win":5.00,"fixed_place":"1.8","pool_win":4.5,"pool_place":0}"#);
    let rows = apply(&mut state, &changed, FETCHED_US + SECOND);
    assert_eq!(
        (rows.odds.entrant_id, rows.odds.kind, rows.odds.odds),
        (vec!["a".to_owned()], vec!["pool_win"], vec![450])
    );
    assert_eq!(state.entrants["a"].entrant.odds.pool_place, None, "0 is no odds");
    // Back at 1.5, the last recorded value: no row; 4.4 differs from 4.5.
    let rows = apply(&mut state, &base().to_string(), FETCHED_US + 2 * SECOND);
    assert_eq!((rows.odds.kind, rows.odds.odds), (vec!["pool_win"], vec![440]));
}

#[test]
fn data_that_a_poll_omits_is_kept() {
    for (pointer, empty) in [
        ("/data/money_tracker", "null"),
        ("/data/money_tracker", "{}"),
        ("/data/money_tracker", r#"{"entrants":null}"#),
        ("/data/money_tracker", r#"{"entrants":[]}"#),
        ("/data/tote_pools", "null"),
        ("/data/tote_pools", "[]"),
        ("/data/runners/0/odds", "null"),
        ("/data/runners/0/odds", "{}"),
    ] {
        let mut state = RaceState::default();
        apply(&mut state, &base().to_string(), FETCHED_US);
        let known = state.clone();
        let rows = apply(&mut state, &with(pointer, empty), FETCHED_US + SECOND);
        assert_eq!(state.entrants["a"].entrant, known.entrants["a"].entrant, "{pointer} {empty}");
        assert_eq!(state.pools, known.pools, "{pointer} {empty}");
        assert_eq!(rows.report.bad_values, 0, "{pointer} {empty}");
        assert!(rows.odds.odds.is_empty(), "{pointer} {empty}");
        let expected = if pointer.contains("tracker") { 0 } else { 3 };
        assert_eq!(rows.history.entrant_id.len(), expected, "{pointer} {empty}");
    }
    for pointer in ["/data/money_tracker", "/data/tote_pools", "/data/results", "/data/dividends", "/header"] {
        let mut state = RaceState::default();
        apply(&mut state, &base().to_string(), FETCHED_US);
        let known = state.clone();
        let rows = apply(&mut state, &without(pointer), FETCHED_US + SECOND);
        assert_eq!((&state.entrants["a"].entrant, &state.pools), (&known.entrants["a"].entrant, &known.pools));
        assert_eq!(rows.report.bad_values, 0, "{pointer}");
    }
}

#[test]
fn without_pools_there_are_holds_but_no_amounts() {
    let mut state = RaceState::default();
    poll(&mut state, 3_700, 1_000);
    let silent = with_all(&[("/header/generated_time", "null"), ("/data/tote_pools", "null")]);
    let rows = apply(&mut state, &silent, (START_S - 3_500) * SECOND);
    assert_eq!(rows.history.hold, [Some(1_800), Some(8_000), Some(0)]);
    assert_eq!(rows.history.win_pool_amount, [None; 3]);
    assert_eq!(rows.history.incremental_win_amount, [None; 3]);
    assert_eq!(rows.history.tote_win_percentage, [Some(6_000), Some(4_000), None]);
    assert_eq!(rows.history.tote_win_amount, [None; 3]);
    assert_eq!(poll(&mut state, 3_200, 1_500), (Some(1_200), Some(400)), "counted from the last row with an amount");
}

#[test]
fn pools_are_read_by_product() {
    let pools = |json: &str| first(&with("/data/tote_pools", json)).0.pools;
    for spelling in ["FirstFour", "First 4", "First Four", "first4", "FIRST FOUR"] {
        let read = pools(&json!([{"product_type": spelling, "total": 12.5}]).to_string()).unwrap();
        assert_eq!((read.first4, read.total, read.quality), (Some(1_250), 1_250, 70), "{spelling}");
    }
    let read = pools(
        r#"[{"product_type":"Win","total":"10.5"},{"product_type":"Place","total":1},{"product_type":"EarlyQuadrella","total":5},
            {"product_type":null,"total":2},{"total":3}]"#,
    )
    .unwrap();
    assert_eq!((read.win, read.place, read.total, read.extracted), (Some(1_050), Some(100), 1_650, 5));
    assert_eq!((read.multi_leg, read.quality), (500, 85), "three products without a column");
    let twice = pools(r#"[{"product_type":"Win","total":10},{"product_type":"Win","total":20}]"#).unwrap();
    assert_eq!((twice.win, twice.total), (Some(2_000), 2_000), "the last one wins");
    let large = pools(r#"[{"product_type":"Win","total":123456789.01}]"#).unwrap();
    assert_eq!(large.win, Some(12_345_678_901));
}

#[test]
fn pools_of_several_races_are_kept_beside_the_races_own() {
    let pools = |json: &str| first(&with("/data/tote_pools", json)).0.pools.unwrap();
    for product in [
        "EarlyQuadrella",
        "Quadrella",
        "Quaddie",
        "Treble",
        "RunningDouble",
        "Daily Double",
        "Pick6",
        "Pick 4",
        "Place Six",
        "PLACESIX",
        "Big 6",
    ] {
        let read =
            pools(&json!([{"product_type": "Win", "total": 1}, {"product_type": product, "total": 12.5}]).to_string());
        assert_eq!((read.total, read.multi_leg, read.extracted), (100, 1_250, 2), "{product}");
    }
    for product in ["Quinella", "Trifecta", "Exacta", "FirstFour", "Duet", "QuinellaPlace", "Superfecta"] {
        let read = pools(&json!([{"product_type": product, "total": 12.5}]).to_string());
        assert_eq!((read.total, read.multi_leg), (1_250, 0), "{product}");
    }
    // A race is the second leg of one double and the first of the next.
    let doubles = r#"[{"product_type":"RunningDouble","total":563},{"product_type":"RunningDouble","total":7.25}]"#;
    assert_eq!(pools(doubles).multi_leg, 57_025);
}

#[test]
fn quality_falls_for_each_thing_missing() {
    let holds = |sum: &str| format!(r#"[{{"entrant_id":"a","hold_percentage":{sum},"bet_percentage":0}}]"#);
    for (sum, quality) in [("94.99", 80), ("95", 100), ("100", 100), ("105", 100), ("105.01", 80)] {
        let (state, _) = first(&with("/data/money_tracker/entrants", &holds(sum)));
        assert_eq!(state.pools.unwrap().quality, quality, "holds sum to {sum}");
    }
    let unknown = vec![r#"{"product_type":"?","total":1}"#; 30].join(",");
    let all_bad =
        with_all(&[("/data/tote_pools", &format!("[{unknown}]")), ("/data/money_tracker/entrants", &holds("1"))]);
    assert_eq!(first(&all_bad).0.pools.unwrap().quality, 0, "never below 0");
    let no_place = r#"[{"product_type":"Win","total":1}]"#;
    assert_eq!(first(&with("/data/tote_pools", no_place)).0.pools.unwrap().quality, 70);
}

#[test]
fn the_vendors_time_counts_if_it_is_near() {
    for (generated, event) in [
        ("\"2025-07-17T00:15:01.5Z\"", "00:15:01.500"), // 5 minutes before, to the microsecond
        ("\"2025-07-17T00:15:01.499999Z\"", "00:20:01.500"), // longer
        ("\"2025-07-17T00:21:01.5Z\"", "00:21:01.500"), // 1 minute after
        ("\"2025-07-17T00:21:01.500001Z\"", "00:20:01.500"), // longer
        ("\"2025-07-17T12:20:00.9999+12:00\"", "00:20:00.999"), // truncated, not rounded
        ("null", "00:20:01.500"),
    ] {
        let (_, rows) = first(&with("/header/generated_time", generated));
        assert_eq!(table::moment(rows.event_us), event, "{generated}");
        assert_eq!(rows.report.bad_values, 0, "{generated}");
    }
    for generated in ["\"yesterday\"", "17", "{}"] {
        let (_, rows) = first(&with("/header/generated_time", generated));
        assert_eq!(table::moment(rows.event_us), "00:20:01.500", "{generated}");
        assert_eq!(rows.report.examples, ["header.generated_time"], "{generated}");
    }
}

#[test]
fn a_repeated_payload_is_reported_as_unchanged() {
    let mut state = RaceState::default();
    let payload = base().to_string();
    let hash = payload_hash(&payload);
    apply(&mut state, &payload, FETCHED_US);
    let mut expected = state.clone();
    assert_eq!(state.apply(RACE, &payload, hash, FETCHED_US + 15 * SECOND), Ok(Outcome::Unchanged));
    expected.progress.as_mut().unwrap().processed_through_us = FETCHED_US + 15 * SECOND;
    assert_eq!(state, expected);
    // Six minutes later, the vendor's time is no longer trusted: the payload describes another moment.
    let rows = apply(&mut state, &payload, FETCHED_US + 360 * SECOND);
    assert_eq!(rows.event_us, (FETCHED_US + 360 * SECOND) / 1_000 * 1_000);
}

#[test]
fn a_moved_start_moves_the_buckets() {
    let mut state = RaceState::default();
    apply(&mut state, &base().to_string(), FETCHED_US);
    let rows =
        apply(&mut state, &with("/data/race/advertised_start", &(START_S + 1_800).to_string()), FETCHED_US + SECOND);
    assert_eq!((rows.seconds_to_start, rows.time_interval, rows.interval_type), (3_599, 55, "5m"));
    assert_eq!(state.race.as_ref().unwrap().start_us, (START_S + 1_800) * SECOND);
}

#[test]
fn a_withdrawn_scratching_clears_its_time() {
    let scratched =
        with_all(&[("/data/runners/0/is_scratched", "true"), ("/data/runners/0/scratch_time", "1767312000")]);
    let mut state = RaceState::default();
    apply(&mut state, &scratched, FETCHED_US);
    let at = state.entrants["a"].entrant.scratched_us;
    assert_eq!(at, Some(1_767_312_000 * SECOND));
    let silent = with_all(&[("/data/runners/0/is_scratched", "null"), ("/data/runners/0/scratch_time", "null")]);
    apply(&mut state, &silent, FETCHED_US + SECOND);
    let runner = &state.entrants["a"].entrant;
    assert_eq!((runner.is_scratched, runner.scratched_us), (true, at), "an omitted scratching is kept");
    let runs = with_all(&[("/data/runners/0/is_scratched", "false"), ("/data/runners/0/scratch_time", "0")]);
    apply(&mut state, &runs, FETCHED_US + 2 * SECOND);
    let runner = &state.entrants["a"].entrant;
    assert_eq!((runner.is_scratched, runner.scratched_us), (false, None));
}
