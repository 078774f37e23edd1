//! Alerts in Appwrite's protocol: the only documents that clients write.

use raceday_tests::stack::Stack;
use serde_json::{Value, json};

use super::sdk::{Outcome, key, with_both_versions};

const COLLECTION: &str = "user-alert-configs";

/// A new alert, as the original client sends it.
fn alert(user: &str, place: usize) -> Value {
    let (min, max) =
        [(5, json!(10)), (10, json!(15)), (15, json!(20)), (20, json!(25)), (25, json!(50)), (50, Value::Null)]
            [place - 1]
            .clone();
    json!({"userId": user, "indicatorType": "percentage_range", "percentageRangeMin": min, "percentageRangeMax": max,
           "color": "#e5e7eb", "isDefault": true, "enabled": true, "displayOrder": place,
           "createdAt": "2026-11-30T01:02:03.004Z", "lastUpdated": "2026-11-30T01:02:03.004Z", "audibleAlertsEnabled": true})
}

/// An id as the client makes one: 20 hexadecimal digits.
fn id(version: &str, attempt: usize, place: usize) -> String {
    format!("{:020x}", version.len() * 1_000_000 + attempt * 1_000 + place)
}

fn code(outcome: &Outcome) -> i64 {
    outcome.as_ref().err().map_or(200, |error| error["code"].as_i64().unwrap())
}

#[test]
fn parallel_creates_fill_each_place_once() {
    let stack = Stack::shared();
    with_both_versions(&stack, "aa-create", |sdk, version| {
        let user = format!("aa-create-{version}");
        let list = json!(["listDocuments", COLLECTION, {"queries": [["equal", "userId", user],
            ["equal", "indicatorType", "percentage_range"], ["orderAsc", "displayOrder"]]}]);
        assert_eq!(sdk.call(list.clone()).unwrap(), json!({"total": 0, "documents": []}));
        // Three tabs create the same six at once, while the user's alerts are read.
        let mut calls = Vec::new();
        for attempt in 0..3 {
            calls.extend(
                (1..=6).map(|place| {
                    json!(["createDocument", COLLECTION, id(version, attempt, place), alert(&user, place)])
                }),
            );
            calls.push(list.clone());
        }
        let outcomes = sdk.at_once(&calls);
        for (call, outcome) in calls.iter().zip(&outcomes) {
            assert!([200, 409].contains(&code(outcome)), "{call}: {outcome:?}");
            if let Err(error) = outcome {
                assert_eq!(error["type"], "document_already_exists");
            }
        }
        assert_eq!(outcomes.iter().filter(|outcome| code(outcome) == 409).count(), 12);
        let stored = sdk.call(list.clone()).unwrap();
        assert_eq!(stored["total"], 6);
        for (place, document) in (1..).zip(stored["documents"].as_array().unwrap()) {
            for (name, sent) in alert(&user, place).as_object().unwrap() {
                let expected = match name.as_str() {
                    "color" => json!("#E5E7EB"),
                    "createdAt" | "lastUpdated" => json!("2026-11-30T01:02:03.004+00:00"),
                    _ => sent.clone(),
                };
                let is = &document[name];
                assert!(
                    *is == expected || is.as_f64().is_some() && is.as_f64() == expected.as_f64(),
                    "{name}: {is}, not {expected}"
                );
            }
            assert_ne!(document["$createdAt"], document["createdAt"], "the client's time is that of the document");
        }
        // The same id again, for another user.
        let taken = stored["documents"][0]["$id"].clone();
        let again = sdk.call(json!(["createDocument", COLLECTION, taken, alert("aa-create-other", 1)]));
        assert_eq!(code(&again), 409, "{again:?}");
    });
}

#[test]
fn parallel_updates_change_what_they_name() {
    let stack = Stack::shared();
    with_both_versions(&stack, "aa-update", |sdk, version| {
        let user = format!("aa-update-{version}");
        let calls: Vec<Value> =
            (1..=6).map(|place| json!(["createDocument", COLLECTION, "unique()", alert(&user, place)])).collect();
        let created: Vec<Value> = sdk.at_once(&calls).into_iter().map(Result::unwrap).collect();
        let updates: Vec<Value> = created
            .iter()
            .map(|document| {
                json!(["updateDocument", COLLECTION, document["$id"], {"enabled": false, "color": "#123abc", "isDefault": false,
                    "lastUpdated": "2026-12-01T00:00:00.000Z", "audibleAlertsEnabled": false}])
            })
            .collect();
        for (before, after) in created.iter().zip(sdk.at_once(&updates)) {
            let after = after.unwrap();
            assert_eq!(
                (&after["enabled"], &after["color"], &after["isDefault"]),
                (&json!(false), &json!("#123ABC"), &json!(false))
            );
            assert_eq!(
                (&after["audibleAlertsEnabled"], &after["lastUpdated"]),
                (&json!(false), &json!("2026-12-01T00:00:00.000+00:00"))
            );
            for unchanged in
                ["$id", "$createdAt", "userId", "percentageRangeMin", "percentageRangeMax", "displayOrder", "createdAt"]
            {
                assert_eq!(after[unchanged], before[unchanged], "{unchanged}");
            }
            assert!(after["$updatedAt"].as_str() >= before["$updatedAt"].as_str());
        }
        let offline = sdk.call(json!(["updateDocument", COLLECTION, "default-0", {"enabled": false}])).unwrap_err();
        assert_eq!((&offline["code"], &offline["type"]), (&json!(404), &json!("document_not_found")));
        // The REST client sees the same alerts.
        let rest = stack.json(&format!("/api/user-alert-configs?userId={user}"));
        assert_eq!((&rest["toggle_all"], &rest["indicators"][0]["color"]), (&json!(false), &json!("#123ABC")));
        assert_eq!(rest["indicators"][5]["indicator_id"], created[5]["$id"]);
    });
}

/// Attributes with values that are invalid in an alert from 5 to 33.34 percent.
fn invalid() -> Vec<(&'static str, Value)> {
    vec![
        ("none", json!(1)),
        ("$id", json!("x")),
        ("userId", json!("")),
        ("userId", json!("x".repeat(201))),
        ("userId", json!(7)),
        ("userId", Value::Null),
        ("indicatorType", json!("price")),
        ("percentageRangeMin", json!(-1)),
        ("percentageRangeMin", json!(100.5)),
        ("percentageRangeMin", json!("5")),
        ("percentageRangeMin", json!(40)),
        ("percentageRangeMax", json!(5)),
        ("percentageRangeMax", json!(5.001)),
        ("percentageRangeMax", json!(1e300)),
        ("color", json!("red")),
        ("color", json!("#12345")),
        ("color", Value::Null),
        ("isDefault", json!("true")),
        ("enabled", json!(1)),
        ("enabled", Value::Null),
        ("audibleAlertsEnabled", json!([])),
        ("displayOrder", json!(0)),
        ("displayOrder", json!(7)),
        ("displayOrder", json!(1.5)),
        ("createdAt", json!("yesterday")),
        ("lastUpdated", json!(7)),
    ]
}

#[test]
fn invalid_alerts_are_400_and_change_nothing() {
    let stack = Stack::shared();
    let stored = |stack: &Stack| {
        stack.value("select count(*) || ' ' || coalesce(max(updated_at)::text, '') from raceday.user_alert_configs where user_id like 'aa-invalid%'")
    };
    with_both_versions(&stack, "aa-invalid", |sdk, version| {
        let user = format!("aa-invalid-{version}");
        let mut valid = alert(&user, 1);
        valid["percentageRangeMax"] = json!(33.335);
        let document = sdk.call(json!(["createDocument", COLLECTION, "unique()", valid])).unwrap();
        assert_eq!(document["percentageRangeMax"], 33.34);
        let before = stored(&stack);
        for (name, value) in invalid() {
            let mut data = alert(&user, 2);
            (data["percentageRangeMin"], data["percentageRangeMax"]) = (json!(5), json!(33.34));
            data[name] = value.clone();
            let update = json!(["updateDocument", COLLECTION, document["$id"], {name: value}]);
            for call in [json!(["createDocument", COLLECTION, "unique()", data]), update] {
                let error = sdk.call(call.clone()).expect_err(&call.to_string());
                assert_eq!(
                    (&error["code"], &error["type"]),
                    (&json!(400), &json!("document_invalid_structure")),
                    "{call}: {error}"
                );
            }
        }
        for missing in ["userId", "percentageRangeMin", "color", "displayOrder"] {
            let mut data = alert(&user, 2);
            data.as_object_mut().unwrap().remove(missing);
            assert_eq!(
                code(&sdk.call(json!(["createDocument", COLLECTION, "unique()", data]))),
                400,
                "without {missing}"
            );
        }
        for id in ["", "-a", "a b", "ä", &"x".repeat(37)] {
            assert_eq!(code(&sdk.call(json!(["createDocument", COLLECTION, id, alert(&user, 2)]))), 400, "{id}");
        }
        assert_eq!(stored(&stack), before);
    });
}

#[test]
fn bodies_that_are_no_alerts_are_400_and_other_collections_read_only() {
    let stack = Stack::shared();
    let key = key(&stack, "aa-bodies", "alerts");
    let headers =
        [("x-appwrite-project", "raceday"), ("x-appwrite-key", key.as_str()), ("content-type", "application/json")];
    let path = format!("/v1/databases/raceday-db/collections/{COLLECTION}/documents");
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"\"x\"",
        b"\xff",
        b"{\"documentId\":\"\\u0000\"}",
        &b"[".repeat(60_000),
        &b"[".repeat(70_000),
    ] {
        let response = stack.send("POST", &path, &headers, body);
        assert_eq!(response.status, 400, "{}", response.text());
        assert_eq!(response.json()["type"], "document_invalid_structure", "{}", response.text());
    }
    for collection in ["races", "money-flow-history"] {
        let other =
            stack.send("POST", &path.replace(COLLECTION, collection), &headers, b"{\"documentId\":\"x\",\"data\":{}}");
        assert_eq!((other.status, &other.json()["type"]), (401, &json!("general_unauthorized_scope")), "{collection}");
    }
}
