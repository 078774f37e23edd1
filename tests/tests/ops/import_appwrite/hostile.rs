//! A backend with documents that fit nowhere.

use serde_json::{Value, json};

use super::{Scene, counts};
use crate::compare::Stub;

/// A document of the hostile backend: these attributes, and what every document has.
fn document(id: &str, attributes: Value) -> Value {
    let mut document = attributes;
    document["$id"] = json!(id);
    document["$createdAt"] = json!("2026-01-05T00:00:00.000+00:00");
    document["$updatedAt"] = json!("2026-01-05T00:00:00.000+00:00");
    document
}

/// Lists these documents by collection, all on one page.
fn backend_with(collections: Value) -> Stub {
    Stub::serving(move |path| {
        let collection = path.split("/collections/").nth(1).unwrap().split('/').next().unwrap();
        let is_first = !path.contains("cursorAfter");
        let documents = collections[collection].as_array().filter(|_| is_first).cloned().unwrap_or_default();
        (200, json!({"total": documents.len(), "documents": documents}).to_string())
    })
}

fn hostile_alerts() -> Value {
    let alert = |id: &str, change: Value| {
        let mut alert = document(
            id,
            json!({"userId": "u", "indicatorType": "percentage_range", "color": "#FF0000", "percentageRangeMin": 5,
                   "percentageRangeMax": null, "displayOrder": 1, "lastUpdated": "2026-01-05T00:00:00.000+00:00"}),
        );
        alert.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        alert
    };
    json!([
        alert("good", json!({})),
        alert("nul", json!({"userId": "u\u{0}"})),
        alert("sql", json!({"displayOrder": 2, "color": "'); drop table raceday.races; --"})),
        alert("text", json!({"displayOrder": "2; delete"})),
        alert("order", json!({"displayOrder": 9})),
        alert("range", json!({"displayOrder": 2, "percentageRangeMin": 500})),
        alert("huge", json!({"displayOrder": 2, "percentageRangeMin": 1e300})),
        alert("nobody", json!({"userId": null})),
    ])
}

fn hostile_races() -> Value {
    let race = |id: &str, change: Value| {
        let mut race = document(
            id,
            json!({"raceId": id, "name": "R", "status": "Final", "raceNumber": 1, "type": "T",
                   "startTime": "2026-01-05T00:00:00.000+00:00", "meeting": {"$id": "m", "meetingName": "M"}}),
        );
        race.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        race
    };
    json!([
        race("good", json!({})),
        race("open", json!({"status": "Open"})),
        race("stray", json!({"meeting": "unknown"})),
        race("greyhounds", json!({"type": "G"})),
        race("when", json!({"startTime": "yesterday"})),
        race("number", json!({"raceNumber": 1.5})),
        race("large", json!({"raceNumber": 1e15})),
        race("deep", json!({"name": [[[[[[]]]]]]})),
    ])
}

#[test]
fn documents_that_fit_nowhere_are_refused_with_the_reason() {
    let scene = Scene::start(44, 1);
    let flow = |id: &str, race: &str, at: &str| {
        document(
            id,
            json!({"raceId": race, "entrantId": "e", "type": "bucketed_aggregation", "timeToStart": 5, "timeInterval": 5,
                   "intervalType": "30s", "eventTimestamp": at, "pollingTimestamp": at}),
        )
    };
    let stub = backend_with(json!({
        "user-alert-configs": hostile_alerts(),
        "meetings": [document("m", json!({"meetingId": "m", "raceType": "Harness Horse Racing", "date": "2026-01-05T00:00:00.000+00:00"})),
                     document("dogs", json!({"meetingId": "dogs", "raceType": "Greyhound Racing", "date": "2026-01-05"}))],
        "races": hostile_races(),
        "entrants": [document("e", json!({"raceId": "good", "entrantId": "e"})),
                     document("f", json!({"raceId": "good", "entrantId": "f", "fixedWinOdds": 1e12})),
                     document("g", json!({"raceId": "unknown", "entrantId": "g"}))],
        "race-pools": [document("good", json!({"raceId": "good", "winPoolTotal": -1e17}))],
        "race-results": [document("good", json!({"raceId": "good", "resultsAvailable": true, "resultsData": "[{"}))],
        "money-flow-history": [flow("1", "good", "2020-01-05T00:00:00.000+00:00"), flow("2", "good", "2099-01-05T00:00:00.000+00:00")],
    }));
    let endpoint = format!("{}/v1", stub.url);
    let mut imported = scene.imported();
    let promised = scene.import(&endpoint, &["--dry-run"]).unwrap();
    let report = scene.import(&endpoint, &[]).unwrap();
    for expected in [
        "user-alert-configs: 1 refused: it has a NUL character, which PostgreSQL does not store (the first is nul)",
        "user-alert-configs: 1 refused: displayOrder is not of type integer (the first is text)",
        "user-alert-configs: 1 refused: it has no userId (the first is nobody)",
        "user-alert-configs: 1 refused: percentageRangeMin is not of type number (the first is huge)",
        "meetings: 1 refused: its raceType has no place here (the first is dogs)",
        "races: 1 refused: it is not over: Raceday polls it itself (the first is open)",
        "races: 1 refused: its meeting was not imported (the first is stray)",
        "races: 1 refused: its type has no place here (the first is greyhounds)",
        "races: 1 refused: startTime is not of type instant (the first is when)",
        "races: 1 refused: raceNumber is not of type integer (the first is number)",
        "races: 1 refused: name is not of type text (the first is deep)",
        "entrants: 1 refused: its race was not imported (the first is g)",
        "race-results: 1 refused: resultsData is not JSON (the first is good)",
        "money-flow-history: 1 refused: its time is to come (the first is 2)",
        "raise the retention of raceday.money_flow_history first (the first is 1)",
    ] {
        assert!(report.iter().any(|line| line.contains(expected)), "{expected}: {report:#?}");
        assert!(promised.iter().any(|line| line.contains(expected)), "{expected}: {promised:#?}");
    }
    for (collection, new, refused) in [
        ("user-alert-configs", 1, 7),
        ("meetings", 1, 1),
        ("races", 1, 7),
        ("entrants", 1, 2),
        ("race-pools", 0, 1),
        ("race-results", 0, 1),
        ("money-flow-history", 0, 2),
    ] {
        assert_eq!(counts(&report, collection), [new + refused, new, 0, 0, 0, refused], "{collection}: {report:#?}");
    }
    let name: String = imported.query_one("select indicator_id from raceday.user_alert_configs", &[]).unwrap().get(0);
    assert_eq!(name, "good");
}
