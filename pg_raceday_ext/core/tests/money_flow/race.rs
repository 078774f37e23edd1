//! The race itself and its meeting: status and phase, results, a meeting that is in no list.

use crate::payload::{FETCHED_US, SECOND, START_S, apply, base, first, put, with, with_all};
use raceday_core::{Category, Meeting, Phase, Race, RaceState};
use serde_json::json;

/// Polls the base race with a status, `later_s` seconds after its first poll.
fn next_status(state: &mut RaceState, status: &str, later_s: i64) -> (String, Phase) {
    apply(state, &with("/data/race/status", &format!("\"{status}\"")), FETCHED_US + later_s * SECOND);
    let race = state.race.as_ref().unwrap();
    (race.status.clone(), race.phase)
}

#[test]
fn the_status_is_the_tabs_word_and_the_phase_is_its_meaning() {
    let mut state = RaceState::default();
    let event = |later_s: i64| Some((FETCHED_US + later_s * SECOND) / 1_000 * 1_000);
    let first_event = Some((START_S - 1_800) * SECOND + 123_000);
    assert_eq!(next_status(&mut state, "OPEN", 0), ("Open".to_owned(), Phase::Upcoming));
    assert_eq!(state.race.as_ref().unwrap().last_status_change_us, first_event);
    assert_eq!(next_status(&mut state, "open", 400), ("Open".to_owned(), Phase::Upcoming));
    assert_eq!(state.race.as_ref().unwrap().last_status_change_us, first_event, "no change");
    assert_eq!(next_status(&mut state, "Closed", 500), ("Closed".to_owned(), Phase::InProgress));
    assert_eq!(next_status(&mut state, "Interim", 600), ("Interim".to_owned(), Phase::InProgress));
    assert_eq!(next_status(&mut state, "Final", 700), ("Final".to_owned(), Phase::Finished));
    assert_eq!(state.race.as_ref().unwrap().finalized_us, event(700));
    // Backwards: the TAB's word counts; the time of the first Final is kept.
    assert_eq!(next_status(&mut state, "Interim", 800), ("Interim".to_owned(), Phase::InProgress));
    assert_eq!(next_status(&mut state, "Final", 900), ("Final".to_owned(), Phase::Finished));
    assert_eq!(state.race.as_ref().unwrap().finalized_us, event(700));
    assert_eq!(state.race.as_ref().unwrap().last_status_change_us, event(900));
    assert_eq!(next_status(&mut state, "Paying", 1_000), ("Paying".to_owned(), Phase::Finished), "an unknown word");
    assert_eq!(next_status(&mut state, "Abandoned", 1_100), ("Abandoned".to_owned(), Phase::Abandoned));
    assert_eq!(state.race.as_ref().unwrap().abandoned_us, event(1_100));
}

#[test]
fn an_abandoned_race_without_history_has_current_state_only() {
    let mut state = RaceState::default();
    let abandoned = with("/data/race/status", "\"Abandoned\"");
    let rows = apply(&mut state, &abandoned, FETCHED_US);
    assert_eq!((rows.history.entrant_id.len(), rows.odds.odds.len()), (0, 0));
    assert_eq!(state.entrants["a"].entrant.hold, Some(1_800));
    assert!(state.pools.is_some() && !state.progress.as_ref().unwrap().has_history);

    let mut state = RaceState::default();
    apply(&mut state, &base().to_string(), FETCHED_US);
    let rows = apply(&mut state, &abandoned, FETCHED_US + SECOND);
    assert_eq!(rows.history.entrant_id.len(), 0, "the pools are those of the race's last rows");
    let larger = with_all(&[("/data/race/status", "\"Abandoned\""), ("/data/tote_pools/0/total", "9151.39")]);
    let rows = apply(&mut state, &larger, FETCHED_US + 2 * SECOND);
    assert_eq!(rows.history.entrant_id.len(), 3, "with history, rows continue");

    let mut state = RaceState::default();
    apply(&mut state, &with("/data/money_tracker", "null"), FETCHED_US);
    let dearer = with_all(&[("/data/race/status", "\"Abandoned\""), ("/data/runners/0/odds/fixed_win", "6")]);
    let rows = apply(&mut state, &dearer, FETCHED_US + SECOND);
    assert_eq!(rows.odds.odds, [600], "odds are history too");
}

#[test]
fn results_come_with_placings_or_with_the_status() {
    let placings = r#"[{"position":1,"runner_number":2,"name":"Beta \"B\"","entrant_id":"b","margin_length":0},
                       {"position":"2","runner_number":1,"name":null,"entrant_id":"a","margin_length":0.4}]"#;
    let dividends = r#"[{"product_name":"Pool Win","dividend":6.6,"status":"Final","positions":[{"runner_number":2,"position":1}]}]"#;
    let (state, _) = first(&with_all(&[("/data/results", placings), ("/data/dividends", dividends)]));
    let results = state.results.unwrap();
    assert_eq!((results.available, results.status, results.protest), (true, None, false));
    assert_eq!(
        results.placings,
        concat!(
            r#"[{"position":1,"runner_number":2,"name":"Beta \"B\"","entrant_id":"b","margin_length":0.00},"#,
            r#"{"position":2,"runner_number":1,"name":null,"entrant_id":"a","margin_length":0.40}]"#
        )
    );
    assert_eq!(
        results.dividends,
        r#"[{"product_name":"Pool Win","dividend":6.60,"status":"Final","positions":[{"runner_number":2,"position":1}]}]"#
    );
    let fixed: serde_json::Value = serde_json::from_str(&results.fixed_odds).unwrap();
    assert_eq!(fixed["2"]["fixed_win"].to_string(), "1.5");
    assert_eq!(fixed["2"]["runner_name"], "Beta");

    for (status, word) in [("Interim", Some("interim")), ("Final", Some("final"))] {
        let (state, _) = first(&with("/data/race/status", &format!("\"{status}\"")));
        let results = state.results.unwrap();
        assert_eq!((results.available, results.status), (false, word));
        assert_eq!((results.placings.as_str(), results.dividends.as_str()), ("[]", "[]"));
    }
    assert_eq!(first(&with("/data/race/status", "\"Closed\"")).0.results, None);
}

#[test]
fn a_protest_is_the_races_own_flag() {
    let mut state = RaceState::default();
    let mut payload = base();
    put(&mut payload, "/data/race/status", json!("Interim"));
    put(&mut payload, "/data/race/protest", json!(true));
    apply(&mut state, &payload.to_string(), FETCHED_US);
    let results = state.results.as_ref().unwrap();
    assert_eq!((results.status, results.protest), (Some("protest"), true));
    put(&mut payload, "/data/race/status", json!("Final"));
    apply(&mut state, &payload.to_string(), FETCHED_US + SECOND);
    let results = state.results.as_ref().unwrap();
    assert_eq!((results.status, results.protest), (Some("final"), true));
    assert_eq!(results.result_us, (START_S - 1_800) * SECOND + 123_000, "the first poll with results");
}

#[test]
fn a_dead_heat_is_no_protest() {
    for (reason, expected) in [
        ("\"Dead heat for 4th\"", (Some("interim"), false)),
        ("\"DEAD-HEAT 3rd\"", (Some("interim"), false)),
        ("\"Protest upheld 1st v 2nd\"", (Some("protest"), true)),
        ("\"\"", (Some("protest"), true)),
        ("null", (Some("protest"), true)),
    ] {
        let mut payload = base();
        put(&mut payload, "/data/race/status", json!("Interim"));
        put(&mut payload, "/data/race/protest", json!(true));
        put(&mut payload, "/data/race/protest_reason", serde_json::from_str(reason).unwrap());
        let mut state = RaceState::default();
        apply(&mut state, &payload.to_string(), FETCHED_US);
        let results = state.results.clone().unwrap();
        assert_eq!((results.status, results.protest), expected, "{reason}");
        put(&mut payload, "/data/race/status", json!("Final"));
        apply(&mut state, &payload.to_string(), FETCHED_US + SECOND);
        assert_eq!(state.results.unwrap().status, Some("final"), "{reason}");
    }
}

#[test]
fn an_abandoned_race_has_no_results() {
    let mut state = RaceState::default();
    let mut payload = base();
    put(&mut payload, "/data/race/status", json!("Interim"));
    put(&mut payload, "/data/race/protest", json!(true));
    put(&mut payload, "/data/results", json!([{"position": 1, "runner_number": 2, "entrant_id": "b"}]));
    put(&mut payload, "/data/dividends", json!([{"product_name": "Pool Win", "dividend": 6.6}]));
    apply(&mut state, &payload.to_string(), FETCHED_US);
    assert!(state.results.as_ref().unwrap().available);
    // The TAB keeps sending the placings.
    put(&mut payload, "/data/race/status", json!("Abandoned"));
    apply(&mut state, &payload.to_string(), FETCHED_US + SECOND);
    let results = state.results.unwrap();
    assert_eq!((results.available, results.status, results.protest), (false, None, false));
    assert_eq!((results.placings.as_str(), results.dividends.as_str()), ("[]", "[]"));
    assert_eq!(results.fixed_odds, "{}");
    assert_eq!(first(&payload.to_string()).0.results, None, "and gets no row");
}

#[test]
fn an_actual_start_counts_once_the_race_is_no_longer_open() {
    let mut state = RaceState::default();
    let mut payload = base();
    let mut actual = |status: &str, start_s: i64, later_s: i64| {
        put(&mut payload, "/data/race/status", json!(status));
        put(&mut payload, "/data/race/actual_start", json!(start_s));
        apply(&mut state, &payload.to_string(), FETCHED_US + later_s * SECOND);
        state.race.as_ref().unwrap().actual_start_us
    };
    assert_eq!(actual("Open", START_S, 0), None, "the advertised start");
    assert_eq!(actual("Closed", START_S + 40, 1), Some((START_S + 40) * SECOND));
    assert_eq!(actual("Interim", 0, 2), Some((START_S + 40) * SECOND), "what a poll omits stays");
    assert_eq!(actual("Open", START_S, 3), None, "it has not started after all");
}

#[test]
fn after_the_close_rows_follow_the_pools() {
    let mut state = RaceState::default();
    let mut payload = base();
    let mut rows = |status: &str, win: serde_json::Value, place: serde_json::Value, later_s: i64| {
        put(&mut payload, "/data/race/status", json!(status));
        put(&mut payload, "/data/tote_pools/0/total", win);
        put(&mut payload, "/data/tote_pools/1/total", place);
        put(&mut payload, "/data/race/weather", json!(later_s.to_string())); // No payload repeats the one before it.
        apply(&mut state, &payload.to_string(), FETCHED_US + later_s * SECOND).history.entrant_id.len()
    };
    assert_eq!(rows("Open", json!(100), json!(50), 0), 3);
    assert_eq!(rows("Open", json!(100), json!(50), 1), 3, "every poll while it is open");
    assert_eq!(rows("Closed", json!(100), json!(50), 2), 0);
    assert_eq!(rows("Closed", json!(100.01), json!(50), 3), 3, "late money in the win pool");
    assert_eq!(rows("Closed", json!(100.01), json!(50), 4), 0);
    assert_eq!(rows("Interim", json!(100.01), json!(49), 5), 3, "in the place pool");
    assert_eq!(rows("Final", json!(null), json!(null), 6), 0, "a poll without pools reports no other ones");
    assert_eq!(rows("Final", json!(100.01), json!(49), 7), 0, "the pools of the last rows");
    assert_eq!(rows("Final", json!(100), json!(49), 8), 3);
    assert_eq!(rows("Open", json!(100), json!(49), 9), 3, "open again");
}

#[test]
fn a_race_first_seen_after_the_close_has_rows_of_that_poll() {
    let (state, rows) = first(&with("/data/race/status", "\"Final\""));
    assert_eq!(rows.history.entrant_id.len(), 3);
    let progress = state.progress.unwrap();
    assert_eq!((progress.rows_win_cents, progress.rows_place_cents), (Some(915_138), Some(392_351)));
}

#[test]
fn an_unknown_meeting_is_built_from_the_race() {
    let (state, _) = first(&with_all(&[
        ("/data/race/meeting_id", "\"meeting-2\""),
        ("/data/race/meeting_name", "null"),
        ("/data/race/race_date_nz", "null"),
        ("/data/race/type", "\"H\""),
    ]));
    let race = state.race.unwrap();
    assert_eq!((race.meeting_id.as_deref(), race.meeting.name, race.meeting.date), (Some("meeting-2"), None, None));
    assert_eq!(race.category, Category::Harness);
    let (state, rows) = first(&with("/data/race/meeting_id", "null"));
    assert_eq!(state.race.unwrap().meeting_id, None);
    assert_eq!(rows.history.entrant_id.len(), 3, "no meeting, but the race has rows");
}

#[test]
fn meeting_data_that_a_poll_omits_is_kept() {
    let mut state = RaceState::default();
    apply(&mut state, &base().to_string(), FETCHED_US);
    let known = state.race.clone().unwrap().meeting;
    assert!(known.name.is_some() && known.country.is_some() && known.date.is_some());
    let silent = ["meeting_name", "country", "state", "race_date_nz"].map(|key| format!("/data/race/{key}"));
    let silent: Vec<(&str, &str)> = silent.iter().map(|pointer| (pointer.as_str(), "null")).collect();
    apply(&mut state, &with_all(&silent), FETCHED_US + SECOND);
    assert_eq!(state.race.as_ref().unwrap().meeting, known);
    // Another meeting does not inherit the data of the previous one.
    apply(
        &mut state,
        &with_all(&[&silent[..], &[("/data/race/meeting_id", "\"meeting-2\"")]].concat()),
        FETCHED_US + 2 * SECOND,
    );
    let other = state.race.unwrap();
    assert_eq!((other.meeting_id.as_deref(), other.meeting), (Some("meeting-2"), Meeting::default()));
}

#[test]
fn a_listed_status_does_not_count_once_a_race_is_polled() {
    for status in ["null", "\"Paying\""] {
        let payload = with("/data/race/status", status);
        let (expected, expected_rows) = first(&payload);
        let listed = Race { status: "Abandoned".to_owned(), phase: Phase::Abandoned, ..Race::default() };
        let mut state = RaceState { race: Some(listed), ..RaceState::default() };
        let rows = apply(&mut state, &payload, FETCHED_US);
        assert_eq!((state, rows.history), (expected, expected_rows.history), "{status}");
    }
}
