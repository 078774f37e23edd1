//! Every kind of bad input: what it loses, what is kept, what is counted, what fails.

use crate::checks;
use crate::payload::{FETCHED_US, apply, base, first, refused, with, with_all, without};
use raceday_core::{Entrant, PayloadError, PollRows, RaceState};

/// A value put into the base payload, and the expected outcome.
struct Case {
    at: &'static str,
    raw: &'static str,
    /// Places reported as bad.
    bad: &'static [&'static str],
    /// The outcome of a first poll like this.
    gives: fn(&RaceState, &PollRows) -> bool,
}

const fn case(
    at: &'static str,
    raw: &'static str,
    bad: &'static [&'static str],
    gives: fn(&RaceState, &PollRows) -> bool,
) -> Case {
    Case { at, raw, bad, gives }
}

fn a(state: &RaceState) -> &Entrant {
    &state.entrants["a"].entrant
}

const NAME: &str = "/data/runners/0/name";
const NAME_AT: &[&str] = &["runners[0].name"];
const BARRIER: &str = "/data/runners/0/barrier";
const BARRIER_AT: &[&str] = &["runners[0].barrier"];
const CHANGE: &str = "/data/runners/0/runner_change";
const CHANGE_AT: &[&str] = &["runners[0].runner_change"];
const FIXED_WIN: &str = "/data/runners/0/odds/fixed_win";
const FIXED_WIN_AT: &[&str] = &["runners[0].odds.fixed_win"];
const HOLD: &str = "/data/money_tracker/entrants/0/hold_percentage";
const HOLD_AT: &[&str] = &["money_tracker.entrants[0].hold_percentage"];
const WIN_TOTAL: &str = "/data/tote_pools/0/total";
const WIN_TOTAL_AT: &[&str] = &["tote_pools[0].total"];

const FLUCS: &str = "/data/runners/0/flucs_with_timestamp";
const FLUCS_AT: &[&str] = &["runners[0].flucs_with_timestamp"];
const OPEN_AT: &[&str] = &["runners[0].flucs_with_timestamp.open"];

/// Values that lose only their own field.
const FIELDS: &[Case] = &[
    case(NAME, "null", &[], |state, rows| a(state).name.is_none() && rows.history.entrant_id.len() == 3),
    case(NAME, "\"\"", &[], |state, _| a(state).name.is_none()),
    case(NAME, "\"  Al  \"", &[], |state, _| a(state).name.as_deref() == Some("Al")),
    case(NAME, "\"\\u00e9\\ud83d\\udc0e\"", &[], |state, _| a(state).name.as_deref() == Some("é🐎")),
    case(NAME, "\"a\\u0000b\"", NAME_AT, |state, _| a(state).name.is_none()),
    case(NAME, "\"\\ud800\"", NAME_AT, |state, _| a(state).name.is_none()),
    case(NAME, "\"\\udc00x\"", NAME_AT, |state, _| a(state).name.is_none()),
    case(NAME, "17", NAME_AT, |state, _| a(state).name.is_none()),
    case(NAME, "[\"x\"]", NAME_AT, |state, _| a(state).name.is_none()),
    case(FLUCS, "null", &[], |state, _| a(state).opening_odds.is_none()),
    case(FLUCS, "{\"open\":null}", &[], |state, _| a(state).opening_odds.is_none()),
    case(FLUCS, "[1]", FLUCS_AT, |state, _| a(state).opening_odds.is_none()),
    case(FLUCS, "{\"open\":8.5}", OPEN_AT, |state, _| a(state).opening_odds.is_none()),
    case(FLUCS, "{\"open\":{\"fluc\":0,\"timestamp\":\"no\"}}", &[], |state, _| a(state).opening_us.is_none()),
    case(FLUCS, "{\"open\":{\"fluc\":-1}}", OPEN_AT, |state, _| a(state).opening_odds.is_none()),
    case(FLUCS, "{\"low\":{\"fluc\":4.6},\"nine_am\":{},\"high\":{\"fluc\":9}}", &[], |state, _| {
        (a(state).nine_am_odds, a(state).highest_odds, a(state).lowest_odds) == (None, Some(900), Some(460))
    }),
    case(BARRIER, "0", &[], |state, _| a(state).barrier.is_none()),
    case(BARRIER, "null", &[], |state, _| a(state).barrier.is_none()),
    case(BARRIER, "\"\"", &[], |state, _| a(state).barrier.is_none()),
    case(BARRIER, "\"Fr12\"", &[], |state, _| a(state).barrier == Some(12)),
    case(BARRIER, "\"3\"", &[], |state, _| a(state).barrier == Some(3)),
    case(BARRIER, "12.0", &[], |state, _| a(state).barrier == Some(12)),
    case(BARRIER, "\"Fr\"", BARRIER_AT, |state, _| a(state).barrier.is_none()),
    case(BARRIER, "-3", BARRIER_AT, |state, _| a(state).barrier.is_none()),
    case(BARRIER, "\"-3\"", BARRIER_AT, |state, _| a(state).barrier.is_none()),
    case(BARRIER, "7.5", BARRIER_AT, |state, _| a(state).barrier.is_none()),
    case(BARRIER, "99999999999", BARRIER_AT, |state, _| a(state).barrier.is_none()),
    case(BARRIER, "[7]", BARRIER_AT, |state, _| a(state).barrier.is_none()),
    case(BARRIER, "true", BARRIER_AT, |state, _| a(state).barrier.is_none()),
    case(CHANGE, "\"New rider\"", &[], |state, _| a(state).runner_change.as_deref() == Some("New rider")),
    case(CHANGE, "{\"d\":\"A \\u0026 B\"}", &[], |state, _| {
        a(state).runner_change.as_deref() == Some("{\"d\":\"A \\u0026 B\"}")
    }),
    case(CHANGE, "{\"d\":\"\\u0000\"}", CHANGE_AT, |state, _| a(state).runner_change.is_none()),
    case(CHANGE, "{\"d\":\"\\ud800\"}", CHANGE_AT, |state, _| a(state).runner_change.is_none()),
    case(CHANGE, "[1]", CHANGE_AT, |state, _| a(state).runner_change.is_none()),
    case(FIXED_WIN, "1e11", FIXED_WIN_AT, |state, _| a(state).odds.fixed_win.is_none()),
    case(FIXED_WIN, "99999999.99", &[], |state, _| a(state).odds.fixed_win == Some(9_999_999_999)),
    case(FIXED_WIN, "99999999.995", FIXED_WIN_AT, |state, _| a(state).odds.fixed_win.is_none()),
    case(FIXED_WIN, "1e999", FIXED_WIN_AT, |state, _| a(state).odds.fixed_win.is_none()),
    case(FIXED_WIN, "-2", FIXED_WIN_AT, |state, _| a(state).odds.fixed_win.is_none()),
    case(FIXED_WIN, "\"5.5\"", &[], |state, _| a(state).odds.fixed_win == Some(550)),
    case(FIXED_WIN, "\"SP\"", FIXED_WIN_AT, |state, _| a(state).odds.fixed_win.is_none()),
    case(FIXED_WIN, "0", &[], |state, rows| a(state).odds.fixed_win.is_none() && rows.odds.odds.len() == 7),
    case("/data/runners/0/odds", "\"evens\"", &["runners[0].odds"], |state, rows| {
        a(state).odds.pool_win.is_none() && rows.history.pool_win_odds[0].is_none() && rows.odds.odds.len() == 4
    }),
    case("/data/runners/0/odds", "\"\\ud800\"", &["runners[0].odds"], |_, rows| rows.odds.odds.len() == 4),
    case("/data/runners/0/odds", "1e999", &["runners[0].odds"], |_, rows| rows.odds.odds.len() == 4),
    case("/data/runners/0/odds", "[]", &["runners[0].odds"], |_, rows| rows.odds.odds.len() == 4),
    case("/data/runners/0/is_scratched", "\"yes\"", &["runners[0].is_scratched"], |state, _| !a(state).is_scratched),
    case("/data/runners/0/is_scratched", "\"true\"", &[], |state, _| a(state).is_scratched),
    case("/data/runners/0/is_scratched", "1", &["runners[0].is_scratched"], |state, _| !a(state).is_scratched),
    case("/data/runners/0/runner_number", "1.5", &["runners[0].runner_number"], |state, _| {
        a(state).runner_number.is_none()
    }),
    case("/data/runners/0/runner_number", "2147483648", &["runners[0].runner_number"], |state, _| {
        a(state).runner_number.is_none()
    }),
    case("/data/runners/0/scratch_time", "4", &[], |state, _| a(state).scratched_us.is_none()),
    case("/data/runners/0/scratch_time", "1e15", &["runners[0].scratch_time"], |state, _| {
        a(state).scratched_us.is_none()
    }),
    // Numbers of the tracker. Row 2 still gives `a` 8 %.
    case(HOLD, "null", HOLD_AT, |_, rows| rows.history.hold[0] == Some(800)),
    case(HOLD, "\"10\"", &[], |_, rows| rows.history.hold[0] == Some(1_800)),
    case(HOLD, "\"ten\"", HOLD_AT, |_, rows| rows.history.hold[0] == Some(800)),
    case(HOLD, "-1", HOLD_AT, |_, rows| rows.history.hold[0] == Some(800)),
    case(HOLD, "1000", HOLD_AT, |_, rows| rows.history.hold[0] == Some(800)),
    case(HOLD, "999.99", &["sum of money_tracker rows of a"], |_, rows| {
        rows.history.hold[0].is_none()
            && rows.history.win_pool_amount[0].is_none()
            && rows.history.bet[0] == Some(2_100)
    }),
    case("/data/money_tracker", "\"none\"", &["money_tracker"], |_, rows| rows.history.entrant_id.is_empty()),
    case("/data/money_tracker/entrants", "{}", &["money_tracker.entrants"], |_, rows| {
        rows.history.entrant_id.is_empty()
    }),
    // Pools.
    case(WIN_TOTAL, "null", WIN_TOTAL_AT, |state, rows| {
        let pools = state.pools.as_ref().unwrap();
        pools.win.is_none()
            && (pools.quality, pools.extracted) == (70, 5)
            && rows.history.win_pool_amount[0].is_none()
            && rows.history.place_pool_amount[0] == Some(70_623)
    }),
    case(WIN_TOTAL, "\"closed\"", WIN_TOTAL_AT, |state, _| state.pools.as_ref().unwrap().win.is_none()),
    case(WIN_TOTAL, "-1", WIN_TOTAL_AT, |state, _| state.pools.as_ref().unwrap().win.is_none()),
    case(WIN_TOTAL, "-1e999", WIN_TOTAL_AT, |state, _| state.pools.as_ref().unwrap().win.is_none()),
    case(WIN_TOTAL, "\"9151.38\"", &[], |state, _| state.pools.as_ref().unwrap().win == Some(915_138)),
    case(WIN_TOTAL, "123000000", &[], |state, rows| {
        state.pools.as_ref().unwrap().win == Some(12_300_000_000)
            && rows.history.win_pool_amount[1] == Some(9_840_000_000)
    }),
    case("/data/tote_pools", "\"none\"", &["tote_pools"], |state, _| state.pools.is_none()),
    case("/data/tote_pools/1", "\"Place\"", &["tote_pools[1]"], |state, _| {
        let pools = state.pools.as_ref().unwrap();
        pools.place.is_none() && pools.quality == 70
    }),
    // The race.
    case("/data/race/status", "7", &["race.status"], |state, _| state.race.as_ref().unwrap().status == "Open"),
    case("/data/race/status", "\"REsulting\"", &[], |state, _| {
        state.race.as_ref().is_some_and(|race| race.status == "Resulting" && race.phase.as_str() == "upcoming")
    }),
    case("/data/race/race_number", "\"three\"", &["race.race_number"], |state, _| {
        state.race.as_ref().unwrap().race_number.is_none()
    }),
    case("/data/race/race_date_nz", "\"2025-02-30\"", &["race.race_date_nz"], |state, _| {
        state.race.as_ref().unwrap().meeting.date.is_none()
    }),
    case("/data/race/race_date_nz", "\"0000-01-01\"", &["race.race_date_nz"], |state, _| {
        state.race.as_ref().unwrap().meeting.date.is_none()
    }),
    case("/data/race/race_date_nz", "\"-2025-01-01\"", &["race.race_date_nz"], |state, _| {
        state.race.as_ref().unwrap().meeting.date.is_none()
    }),
    case("/data/race/actual_start", "null", &[], |state, _| state.race.as_ref().unwrap().actual_start_us.is_none()),
    case("/data/race/event_id", "null", &[], |state, _| state.race.is_some()),
    case("/data/race/meeting_id", "{}", &["race.meeting_id"], |state, _| {
        state.race.as_ref().unwrap().meeting_id.is_none()
    }),
    case("/data/race/advertised_start", "\"1752713400\"", &[], |_, rows| rows.seconds_to_start == 1_799),
    case("/data/race/protest", "\"maybe\"", &["race.protest"], |state, _| !state.race.as_ref().unwrap().protest),
    case("/header", "[]", &["header"], |_, rows| rows.event_us == FETCHED_US),
    case("/data/results", "{}", &["results"], |state, _| state.results.is_none()),
    case("/data/results", "[1]", &["results[0]"], |state, _| state.results.is_none()),
    case("/data/results", "[{\"position\":\"first\"}]", &["results[].position"], |state, _| {
        state
            .results
            .as_ref()
            .is_some_and(|results| results.available && results.placings.contains("\"position\":null"))
    }),
    case("/data/results", "[{\"margin_length\":1e99}]", &["results[].margin_length"], |state, _| {
        state.results.as_ref().unwrap().placings.contains("\"margin_length\":null")
    }),
    case("/data/dividends", "\"soon\"", &["dividends"], |state, _| state.results.is_none()),
    // Rows without a usable id.
    case("/data/runners/2/entrant_id", "null", &["runners[2].entrant_id"], |state, rows| {
        state.entrants.len() == 2 && rows.history.entrant_id == ["a", "b"]
    }),
    case("/data/runners/2/entrant_id", "\"\"", &["runners[2].entrant_id"], |state, _| state.entrants.len() == 2),
    case("/data/runners/2/entrant_id", "\"c\\u0000\"", &["runners[2].entrant_id"], |state, _| {
        state.entrants.len() == 2
    }),
    case("/data/runners/2", "\"c\"", &["runners[2]"], |state, _| state.entrants.len() == 2),
    case("/data/runners/2", "null", &["runners[2]"], |state, _| state.entrants.len() == 2),
    case("/data/money_tracker/entrants/0/entrant_id", "9", &["money_tracker.entrants[0].entrant_id"], |_, rows| {
        rows.history.hold[0] == Some(800)
    }),
    case("/data/money_tracker/entrants/0", "[]", &["money_tracker.entrants[0]"], |_, rows| {
        rows.history.hold[0] == Some(800) && rows.report.hold_sum == Some(9_000)
    }),
    case("/data/runners", "null", &[], |state, rows| {
        state.entrants.is_empty() && rows.history.entrant_id.is_empty() && rows.report.unmatched_hold == 10_000
    }),
    case("/data/runners", "{}", &["runners"], |state, _| state.entrants.is_empty()),
    case("/data/runners", "\"\\ud800\"", &["runners"], |state, _| state.entrants.is_empty() && state.pools.is_some()),
    // Keys that are not read may hold anything.
    case("/data/big_bets", "[{\"x\":1e999},\"\\ud800\"]", &[], |state, _| state.entrants.len() == 3),
];

#[test]
fn a_bad_value_is_lost_alone() {
    for Case { at, raw, bad, gives } in FIELDS {
        let (state, rows) = first(&with(at, raw));
        assert_eq!(rows.report.examples, *bad, "{at} = {raw}");
        assert_eq!(rows.report.bad_values as usize, bad.len(), "{at} = {raw}");
        assert!(gives(&state, &rows), "{at} = {raw}: {state:#?} {rows:#?}");
        checks::check_state(&state);
        checks::check_rows(&rows);
    }
}

#[test]
fn a_bad_value_leaves_known_data_alone() {
    let (known, _) = first(&base().to_string());
    for Case { at, raw, bad, .. } in FIELDS.iter().filter(|case| !case.bad.is_empty()) {
        let mut state = known.clone();
        let rows = apply(&mut state, &with(at, raw), FETCHED_US + 1_000_000);
        assert_eq!(rows.report.bad_values as usize, bad.len(), "{at} = {raw}");
        for (entrant_id, entrant) in &known.entrants {
            let mut now = state.entrants[entrant_id].entrant.clone();
            if at.contains("tracker") || *at == "/data/runners" {
                (now.hold, now.bet) = (entrant.entrant.hold, entrant.entrant.bet);
            }
            assert_eq!(now, entrant.entrant, "{at} = {raw}");
        }
        let (now, before) = (state.pools.unwrap(), known.pools.clone().unwrap());
        assert_eq!((now.win, now.place, now.first4), (before.win, before.place, before.first4), "{at} = {raw}");
        let (race, known_race) = (state.race.unwrap(), known.race.as_ref().unwrap());
        assert_eq!(race.meeting_id.as_deref(), Some("meeting-1"), "{at} = {raw}");
        assert_eq!((&race.status, race.race_number), (&known_race.status, known_race.race_number), "{at} = {raw}");
    }
}

#[test]
fn an_unusable_opening_time_leaves_the_opening_odds() {
    let opening = |open: &str| {
        let (state, rows) = first(&with(FLUCS, &format!("{{\"open\":{open}}}")));
        (a(&state).opening_odds, a(&state).opening_us, rows.report.examples)
    };
    let at = "runners[0].flucs_with_timestamp.open.timestamp".to_owned();
    assert_eq!(opening(r#"{"fluc":"8.5","timestamp":"soon"}"#), (Some(850), None, vec![at]));
    assert_eq!(opening(r#"{"fluc":8.5}"#), (Some(850), None, vec![]));
    let timestamp = "2025-07-15T04:30:44.920959249Z";
    let expected = (Some(850), Some(1_752_553_844_920_959), vec![]);
    assert_eq!(opening(&format!(r#"{{"fluc":8.5,"timestamp":"{timestamp}"}}"#)), expected);
}

#[test]
fn only_these_fail_the_whole_payload() {
    let type_of = |found: &str| PayloadError::OtherType(found.to_owned());
    let too_large = |pool: &str| PayloadError::TotalTooLarge(pool.to_owned());
    for (payload, error) in [
        ("null".to_owned(), PayloadError::NoRace),
        ("[]".to_owned(), PayloadError::NoRace),
        ("{}".to_owned(), PayloadError::NoRace),
        ("\"\\ud800\"".to_owned(), PayloadError::NoRace),
        ("1e999".to_owned(), PayloadError::NoRace),
        (r#"{"data":null}"#.to_owned(), PayloadError::NoRace),
        (with("/data/race", "null"), PayloadError::NoRace),
        (with("/data/race", "\"race-1\""), PayloadError::NoRace),
        (without("/data/race"), PayloadError::NoRace),
        (with("/data/race/event_id", "\"race-2\""), PayloadError::OtherRace("race-2".to_owned())),
        (with("/data/race/type", "\"G\""), type_of("G")),
        (with("/data/race/type", "null"), type_of("")),
        (with("/data/race/type", "1"), type_of("")),
        (without("/data/race/type"), type_of("")),
        (with("/data/race/advertised_start", "null"), PayloadError::NoStart),
        (with("/data/race/advertised_start", "0"), PayloadError::NoStart),
        (with("/data/race/advertised_start", "\"soon\""), PayloadError::NoStart),
        (with("/data/race/advertised_start", "1752713400000"), PayloadError::NoStart),
        (without("/data/race/advertised_start"), PayloadError::NoStart),
        (with(WIN_TOTAL, "1e10"), too_large("Win")),
        (with(WIN_TOTAL, "9999999999.995"), too_large("Win")),
        (with(WIN_TOTAL, "1e30"), too_large("Win")),
        (with(WIN_TOTAL, "1e999"), too_large("Win")),
        (with(WIN_TOTAL, "\"1e99\""), too_large("Win")),
        (
            with_all(&[(WIN_TOTAL, "9999999999.99"), ("/data/tote_pools/1/total", "0.01")]),
            too_large("all pools together"),
        ),
    ] {
        assert_eq!(refused(&payload), error, "{payload}");
    }
}

#[test]
fn a_payload_that_is_not_json_fails_with_a_reason() {
    let whole = base().to_string();
    for text in ["", " ", "nul", "<html>502 Bad Gateway</html>", "{\"data\":", "\"", "{\"data\":{\"race\":1,}}", "{}{}"]
    {
        assert!(matches!(refused(text), PayloadError::NotJson(_)), "{text}");
    }
    for cut in [1, 10, whole.len() / 2, whole.len() - 1] {
        assert!(matches!(refused(&whole[..cut]), PayloadError::NotJson(_)), "cut at {cut}");
    }
    let reason = refused(&whole[..100]).to_string();
    assert!(reason.starts_with("not JSON or truncated: EOF while parsing"), "{reason}");
    assert!(matches!(refused(&with(NAME, "\"a\u{0}b\"")), PayloadError::NotJson(_)), "a raw NUL is not JSON");
}

#[test]
fn a_rejected_payload_leaves_the_race_as_it_was() {
    let (known, _) = first(&base().to_string());
    for bad in [with("/data/race/type", "\"G\""), with(WIN_TOTAL, "1e30"), "{".to_owned()] {
        let mut state = known.clone();
        let hash = raceday_core::payload_hash(&bad);
        assert!(state.apply(crate::payload::RACE, &bad, hash, FETCHED_US + 1).is_err());
        assert_eq!(state, known);
        apply(&mut state, &with(WIN_TOTAL, "9200"), FETCHED_US + 2);
        assert_eq!(state.pools.unwrap().win, Some(920_000), "the next good payload is processed");
    }
}

#[test]
fn runners_have_two_names() {
    let runners = base()["data"]["runners"].to_string();
    for other in ["null", "\"absent\""] {
        let (state, rows) = first(&with_all(&[("/data/runners", other), ("/data/entrants", &runners)]));
        assert_eq!(state.entrants.len(), 3, "runners {other}");
        assert_eq!(rows.history.entrant_id, ["a", "b", "c"], "runners {other}");
    }
    // The unused `entrants` comes before `runners`, twice, and then after it.
    let (state, _) = first(&with("/data/entrants", "null"));
    assert_eq!(state.entrants.len(), 3);
    let (state, _) = first(&base().to_string().replacen("\"data\":{", "\"data\":{\"entrants\":null,", 1));
    assert_eq!(state.entrants.len(), 3);
    let after = base().to_string().replacen("\"tote_pools\"", "\"entrants\":null,\"tote_pools\"", 1);
    assert_eq!(first(&after).0.entrants.len(), 3);
}

#[test]
fn of_a_repeated_runner_the_last_one_counts() {
    let (state, rows) = first(&with("/data/runners/1/entrant_id", "\"a\""));
    assert_eq!(rows.history.entrant_id, ["a", "c"]);
    assert_eq!(a(&state).name.as_deref(), Some("Beta"));
    assert_eq!(rows.history.fixed_win_odds[0], Some(150));
    assert_eq!(rows.report.unmatched_hold, 8_200, "the holds of b and x");
}

#[test]
fn long_texts_and_ids_are_lost_alone() {
    let text = |letters: usize| format!("\"{}\"", "ä".repeat(letters));
    let (state, rows) = first(&with(NAME, &text(1_000)));
    assert_eq!((a(&state).name.as_ref().unwrap().chars().count(), rows.report.bad_values), (1_000, 0));
    let (state, rows) = first(&with(NAME, &text(1_001)));
    assert_eq!((a(&state).name.as_ref(), rows.report.bad_values), (None, 1));
    let id = |bytes: usize| format!("\"{}\"", "i".repeat(bytes));
    assert_eq!(first(&with("/data/runners/2/entrant_id", &id(100))).0.entrants.len(), 3);
    let (state, rows) = first(&with("/data/runners/2/entrant_id", &id(101)));
    assert_eq!((state.entrants.len(), rows.report.bad_values), (2, 1));
    let change = format!("{{\"d\":\"{}\"}}", "x".repeat(4_000));
    assert_eq!(first(&with(CHANGE, &change)).1.report.examples, CHANGE_AT);
}

#[test]
fn many_bad_values_are_reported_on_one_line() {
    let (_, rows) = first(&with_all(&[
        (NAME, "1"),
        (BARRIER, "\"?\""),
        (FIXED_WIN, "-1"),
        ("/data/runners/1/name", "1"),
        ("/data/runners/1/barrier", "\"?\""),
        ("/data/race/race_number", "-1"),
        (HOLD, "null"),
    ]));
    assert_eq!((rows.report.bad_values, rows.report.examples.len()), (7, 5));
    let line = rows.report.line().unwrap();
    assert!(
        line.starts_with("7 bad values: race.race_number, runners[0].") && line.contains(", ...; hold of"),
        "{line}"
    );
}
