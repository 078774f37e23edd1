//! Signals from payloads: the reasons that only they have, and bad values in these.

use raceday_core::{Outcome, PollRows, RaceState, payload_hash};
use serde_json::{Value, json};

const START_S: i64 = 1_764_504_000;

/// A race of Alder, Birch and Cedar, all with hold and bet percentages.
fn event(seconds: i64, pool: f64, tote: [f64; 3], fixed: [f64; 3]) -> Value {
    let runner = |at: usize| {
        let id = ["alder", "birch", "cedar"][at];
        json!({"entrant_id": id, "runner_number": at + 1, "is_scratched": false,
            "odds": {"pool_win": tote[at], "fixed_win": fixed[at], "pool_place": tote[at] / 3.0 + 1.0, "fixed_place": 2.0}})
    };
    json!({"data": {
        "race": {"event_id": "race", "type": "T", "country": "NZ", "status": "Open", "advertised_start": START_S, "race_number": 4},
        "runners": [runner(0), runner(1), runner(2)],
        "tote_pools": [
            {"product_type": "Win", "total": pool}, {"product_type": "Place", "total": pool / 2.0},
            {"product_type": "Trifecta", "total": 5000, "tote_trends": {"pool_total": 5000, "tote_trends_data": xml(&["1", "2", "3"])}},
            {"product_type": "FirstFour", "total": 1000, "tote_trends": {"tote_trends_data": xml(&["1", "2", "3"])}},
        ],
        "money_tracker": {"entrants": [
            {"entrant_id": "alder", "hold_percentage": 60, "bet_percentage": 45},
            {"entrant_id": "birch", "hold_percentage": 30, "bet_percentage": 20},
            {"entrant_id": "cedar", "hold_percentage": 10, "bet_percentage": 35},
        ]},
        "seconds": seconds,
    }})
}

/// 100, 300 and 100 dollars on the first places of three runners.
fn xml(numbers: &[&str; 3]) -> String {
    let runner = |(number, dollars): (&&str, &str)| {
        format!(
            "<runner runner_number=\"{number}\"><runner_name>X &amp; Y</runner_name><runner_investment1>{dollars}</runner_investment1></runner>\r\n"
        )
    };
    let runners: String = numbers.iter().zip(["100.00", "300", "100.0"]).map(runner).collect();
    format!("<meetings>\r\n<race><bet_type type=\"TFA\"><runners>{runners}</runners></bet_type></race></meetings>")
}

fn apply(state: &mut RaceState, event: &Value) -> PollRows {
    let seconds = event["data"]["seconds"].as_i64().unwrap();
    let payload = event.to_string();
    match state.apply("race", &payload, payload_hash(&payload), (START_S - seconds) * 1_000_000) {
        Ok(Outcome::Processed(rows)) => *rows,
        other => panic!("{other:?}"),
    }
}

/// Birch is backed in the second of two polls, which `change` changes first.
fn backed(change: impl FnOnce(&mut Value)) -> PollRows {
    let mut state = RaceState::default();
    let quiet = apply(&mut state, &event(100, 20_000.0, [1.5, 9.0, 5.0], [1.6, 8.0, 5.0]));
    assert!(quiet.signals.is_empty());
    let mut event = event(70, 26_000.0, [1.7, 3.6, 5.8], [1.7, 5.0, 5.5]);
    change(&mut event);
    apply(&mut state, &event)
}

fn reasons(rows: &PollRows) -> Value {
    assert_eq!(rows.signals.len(), 2, "{rows:?}");
    assert!(rows.signals.iter().all(|signal| signal.reached.entrant_id == "birch"));
    serde_json::from_str(&rows.signals[0].reasons).unwrap()
}

fn bet(entrant: i64, race: i64, stake: f64, seconds: i64) -> Value {
    let at = chrono::DateTime::from_timestamp(START_S - seconds, 0).unwrap().to_rfc3339();
    json!({"stake": stake, "place_time": at, "legs": [{"race": {"entrant_number": entrant, "race_number": race}}]})
}

#[test]
fn a_signal_comes_with_the_facts_of_its_poll() {
    let rows = backed(|event| {
        event["data"]["big_bets"] = json!([
            bet(2, 4, 1500.0, 90),
            bet(2, 4, 500.5, 80),
            bet(2, 4, 9000.0, 400),
            bet(1, 4, 50.0, 80),
            bet(2, 5, 70.0, 80)
        ]);
        event["data"]["live_bets"] = json!([bet(2, 4, 20.0, 75)]);
    });
    let reasons = reasons(&rows);
    assert_eq!(reasons["fixed_shortened"], json!({"from": 8.0, "to": 5.0, "seconds": 30}));
    let share = rows.signals[0].reached.share_after.unwrap();
    let win_share = format!("{}.{:02}", share / 100, share % 100).parse::<f64>().unwrap();
    assert_eq!(
        reasons["exotics"],
        json!({"trifecta_cents": 30_000, "first4_cents": 30_000, "share": 60.0, "win_share": win_share})
    );
    assert_eq!(reasons["big_bets"], json!({"count": 2, "stake_cents": 200_050, "largest_cents": 150_000}));
    assert_eq!(reasons["live_bets"], json!({"count": 1, "stake_cents": 2_000, "largest_cents": 2_000}));
    assert_eq!(reasons["ticket_size"], json!({"hold": 30.0, "bet": 20.0, "ratio": 1.5}));
    // ln of 25.7 % over 23.4 % or so.
    assert!(reasons["fixed_lags"]["log_ratio"].as_f64().unwrap() > 0.0);
    assert!(reasons["place_follows"]["evidence"].as_f64().unwrap() > 0.0);
    assert_eq!(rows.report.bad_values, 0, "{:?}", rows.report);
}

#[test]
fn a_reason_without_data_is_left_out() {
    let rows = backed(|event| {
        for pool in event["data"]["tote_pools"].as_array_mut().unwrap() {
            pool.as_object_mut().unwrap().remove("tote_trends");
        }
        for runner in event["data"]["runners"].as_array_mut().unwrap() {
            runner["odds"].as_object_mut().unwrap().remove("fixed_win");
        }
        event["data"]["big_bets"] = Value::Null;
        event["data"]["money_tracker"]["entrants"][1]["bet_percentage"] = json!(4.99);
        event["data"]["tote_pools"][1]["total"] = json!(10_000);
    });
    let reasons = reasons(&rows);
    assert_eq!(reasons, json!({}));
    assert_eq!(rows.report.bad_values, 0);
}

#[test]
fn hostile_trends_and_bets_cost_their_reason_and_nothing_else() {
    let expected = backed(|_| {});
    let entities = format!("<!DOCTYPE x [<!ENTITY a \"1\">]>{}", xml(&["1", "2", "3"]));
    let hostile = [
        json!(entities),
        json!("<a>".repeat(350_000)),
        json!(xml(&["1", "2", "9"])),
        json!(xml(&["1", "2", "2"])),
        json!(xml(&["1", "2", "-3"])),
        json!(xml(&["1", "2", "3"]).replace("300", "NaN")),
        json!("{}"),
        json!(["<runners/>"]),
        json!(17),
    ];
    for trends in hostile {
        let rows = backed(|event| event["data"]["tote_pools"][2]["tote_trends"]["tote_trends_data"] = trends.clone());
        let exotics = &reasons(&rows)["exotics"];
        assert_eq!((&exotics["trifecta_cents"], &exotics["first4_cents"]), (&Value::Null, &json!(30_000)));
        assert_eq!(rows.report.bad_values, 1);
        assert_eq!(rows.history, expected.history);
    }
    for bets in [
        json!("many"),
        json!({"stake": 1}),
        json!([bet(2, 4, -1.0, 80)]),
        json!([{"legs": [{"race": {"entrant_number": 2}}], "place_time": "soon"}]),
    ] {
        let rows = backed(|event| event["data"]["big_bets"] = bets.clone());
        assert_eq!(reasons(&rows)["big_bets"], Value::Null);
        assert_eq!(rows.report.bad_values, 1, "{bets}");
        assert_eq!(rows.history, expected.history);
    }
}

#[test]
fn polls_without_a_money_tracker_are_evidence_too() {
    let rows = backed(|event| event["data"]["money_tracker"] = Value::Null);
    assert!(rows.history.entrant_id.is_empty());
    assert_eq!(rows.signals.len(), 2);
    assert_eq!(reasons(&rows)["ticket_size"], Value::Null);
}

#[test]
fn odds_that_contradict_earlier_ones_are_reported() {
    let mut state = RaceState::default();
    apply(&mut state, &event(100, 20_000.0, [1.5, 9.0, 5.0], [1.6, 8.0, 5.0]));
    let rows = apply(&mut state, &event(70, 21_000.0, [5.5, 9.0, 5.0], [1.6, 8.0, 5.0]));
    assert!(rows.report.contradictory_odds);
    assert!(rows.report.line().unwrap().contains("contradict earlier ones"));
}
