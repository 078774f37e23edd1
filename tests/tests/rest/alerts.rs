//! GET and POST /api/user-alert-configs.

use raceday_tests::http::Response;
use raceday_tests::json::{assert_keys, assert_timestamp};
use raceday_tests::stack::Stack;
use serde_json::{Value, json};

const ALERTS: &str = "user_id indicators toggle_all audible_alerts_enabled";
const INDICATOR: &str = "indicator_id user_id indicator_type percentage_range_min percentage_range_max color is_default enabled \
                         display_order audible_alerts_enabled created_at updated_at";

fn post(stack: &Stack, body: &Value) -> Response {
    stack.send("POST", "/api/user-alert-configs", &[("content-type", "application/json")], body.to_string().as_bytes())
}

fn indicator(order: i64) -> Value {
    json!({"indicator_type": "percentage_range", "percentage_range_min": 1, "percentage_range_max": 2.5, "color": "#aabbcc",
           "display_order": order})
}

fn stored(stack: &Stack, user: &str) -> String {
    stack.value(&format!("select coalesce(jsonb_agg(to_jsonb(c) order by indicator_id), '[]')::text from raceday.user_alert_configs c where user_id = '{user}'"))
}

#[test]
fn a_first_visit_creates_six_defaults() {
    let stack = Stack::shared();
    let alerts = stack.json("/api/user-alert-configs");
    assert_keys(&alerts, ALERTS);
    assert_eq!(alerts["user_id"], "Default User");
    assert_eq!((&alerts["toggle_all"], &alerts["audible_alerts_enabled"]), (&json!(true), &json!(true)));
    let expected = [
        (5, json!(10), "#E5E7EB"),
        (10, json!(15), "#BFDBFE"),
        (15, json!(20), "#FEF3C7"),
        (20, json!(25), "#BBF7D0"),
        (25, json!(50), "#FECACA"),
        (50, Value::Null, "#F3E8FF"),
    ];
    let list = alerts["indicators"].as_array().unwrap();
    assert_eq!(list.len(), 6);
    for (i, (min, max, color)) in expected.iter().enumerate() {
        assert_keys(&list[i], INDICATOR);
        assert_eq!(list[i]["percentage_range_min"].as_f64(), Some(f64::from(*min)));
        assert_eq!(list[i]["percentage_range_max"].as_f64(), max.as_f64());
        assert_eq!(list[i]["color"], *color);
        assert_eq!(list[i]["display_order"], i + 1);
        assert_eq!((&list[i]["is_default"], &list[i]["enabled"]), (&json!(true), &json!(true)));
        assert!(list[i]["indicator_id"].is_string());
        assert_timestamp(&list[i]["created_at"]);
    }
    assert_eq!(stack.json("/user-alert-configs?userId="), alerts, "a second visit finds other indicators");
    stack.sql("delete from raceday.user_alert_configs where user_id = 'Default User' and display_order = 3");
    assert_eq!(
        stack.json("/api/api/user-alert-configs")["indicators"].as_array().unwrap().len(),
        6,
        "the missing indicator was not created again"
    );
    stack.get(&format!("/api/user-alert-configs?userId={}", "x".repeat(201))).assert_error(400, "long user id");
}

#[test]
fn concurrent_first_visits_all_succeed() {
    let stack = Stack::shared();
    for round in 0..5 {
        let path = format!("/api/user-alert-configs?user_id=crowd-{round}");
        let responses: Vec<Response> = std::thread::scope(|scope| {
            let visits: Vec<_> = (0..8).map(|_| scope.spawn(|| stack.get(&path))).collect();
            visits.into_iter().map(|visit| visit.join().unwrap()).collect()
        });
        for response in &responses {
            assert_eq!(response.status, 200, "{}", response.text());
            assert_eq!(response.json(), responses[0].json());
        }
    }
}

#[test]
fn a_post_changes_what_it_names_in_either_spelling() {
    let stack = Stack::shared();
    let before = stack.json("/api/user-alert-configs?userId=ann");
    let id = before["indicators"][4]["indicator_id"].clone();
    let response = post(
        &stack,
        &json!({"userId": "ann", "audibleAlertsEnabled": false, "indicators": [
        {"$id": id, "userId": "ann", "indicatorType": "percentage_range", "percentageRangeMin": 33.335, "percentageRangeMax": null,
         "color": "#abCDef", "displayOrder": 5, "enabled": false, "isDefault": false},
        indicator(2)]}),
    );
    assert_eq!(response.status, 200, "{}", response.text());
    let body = response.json();
    assert_keys(&body, &format!("success {ALERTS}"));
    assert_eq!(
        (&body["success"], &body["toggle_all"], &body["audible_alerts_enabled"]),
        (&json!(true), &json!(false), &json!(false))
    );
    let list = body["indicators"].as_array().unwrap();
    assert_eq!(list[4]["indicator_id"], id);
    assert_eq!((&list[4]["color"], &list[4]["enabled"]), (&json!("#ABCDEF"), &json!(false)));
    assert_eq!(list[4]["percentage_range_min"], 33.34);
    assert_eq!(list[4]["percentage_range_max"], Value::Null);
    assert_eq!(list[1]["percentage_range_max"], 2.5);
    assert_eq!(
        list[1]["indicator_id"], before["indicators"][1]["indicator_id"],
        "without an id, the indicator is not found by its place"
    );
    assert_eq!(list[0]["color"], "#E5E7EB", "an indicator that was not named has changed");
    assert!(list.iter().all(|i| i["audible_alerts_enabled"] == false), "the flag is not set on all six");
    let again = stack.json("/api/user-alert-configs?userId=ann");
    assert_eq!(again["indicators"], body["indicators"]);
}

#[test]
fn indicators_can_swap_places_and_take_each_others() {
    let stack = Stack::shared();
    let before = stack.json("/api/user-alert-configs?userId=swap");
    let id = |place: usize| before["indicators"][place - 1]["indicator_id"].clone();
    let moved = |from: usize, to: i64| {
        let mut indicator = indicator(to);
        indicator["indicator_id"] = id(from);
        indicator
    };
    let swapped = post(&stack, &json!({"user_id": "swap", "indicators": [moved(1, 2), moved(2, 1)]})).json();
    assert_eq!(
        (&swapped["indicators"][0]["indicator_id"], &swapped["indicators"][1]["indicator_id"]),
        (&id(2), &id(1))
    );
    // The indicator that had this place gets the free one.
    let taken = post(&stack, &json!({"user_id": "swap", "indicators": [moved(6, 3)]})).json();
    assert_eq!((&taken["indicators"][2]["indicator_id"], &taken["indicators"][5]["indicator_id"]), (&id(6), &id(3)));
    assert_eq!(taken["indicators"].as_array().unwrap().len(), 6);
}

#[test]
fn another_users_indicator_is_not_touched() {
    let stack = Stack::shared();
    let victim = stack.json("/api/user-alert-configs?userId=victim");
    let before = stored(&stack, "victim");
    let mut foreign = indicator(4);
    foreign["indicator_id"] = victim["indicators"][3]["indicator_id"].clone();
    let response = post(&stack, &json!({"user_id": "thief", "indicators": [foreign]}));
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(stored(&stack, "victim"), before);
    assert_eq!(response.json()["indicators"][3]["color"], "#AABBCC", "the thief's own place 4 has not changed");
    assert_ne!(response.json()["indicators"][3]["indicator_id"], victim["indicators"][3]["indicator_id"]);
}

#[test]
fn an_invalid_post_stores_nothing() {
    let stack = Stack::shared();
    stack.json("/api/user-alert-configs?userId=strict");
    let before = stored(&stack, "strict");
    let with = |key: &str, value: Value| {
        let mut wrong = indicator(2);
        wrong[key] = value;
        json!({"user_id": "strict", "indicators": [indicator(1), wrong]})
    };
    let mut bodies = vec![
        json!([]),
        json!("x"),
        json!({}),
        json!({"indicators": []}),
        json!({"indicators": {}}),
        json!({"indicators": [1]}),
        json!({"user_id": 5, "indicators": [indicator(1)]}),
        json!({"user_id": "", "indicators": [indicator(1)]}),
        json!({"user_id": "strict", "audible_alerts_enabled": "yes", "indicators": [indicator(1)]}),
        json!({"user_id": "strict", "indicators": [indicator(1), indicator(1)]}),
    ];
    for (key, values) in [
        ("indicator_type", vec![json!("fixed"), Value::Null, json!(1)]),
        (
            "percentage_range_min",
            vec![json!(-0.001), json!(100.001), json!("5"), Value::Null, json!(2.5), json!(2.499)],
        ),
        ("percentage_range_max", vec![json!(1), json!(0.5), json!(100.001), json!("9"), json!([])]),
        (
            "color",
            vec![
                json!("red"),
                json!("#12345"),
                json!("#1234567"),
                json!("#12345G"),
                json!("\n#123456"),
                json!(123),
                Value::Null,
            ],
        ),
        ("display_order", vec![json!(0), json!(7), json!(0.999), json!(6.001), json!(1.5), json!("2"), Value::Null]),
        ("user_id", vec![json!("somebody else"), json!(1)]),
        ("enabled", vec![json!("true"), json!(1)]),
        ("indicator_id", vec![json!(1)]),
    ] {
        bodies.extend(values.into_iter().map(|value| with(key, value)));
    }
    for body in &bodies {
        // 2.499 is rounded to 2.50, which is not below 2.5.
        post(&stack, body).assert_error(400, &body.to_string());
    }
    let deep = vec![b'['; 60_000];
    for raw in [&b""[..], b"{", b"\xff\xfe", b"{\"user_id\":\"a\0b\"}", b"{\"user_id\":\"\\u0000\"}", &deep] {
        stack
            .send("POST", "/api/user-alert-configs", &[("content-type", "application/json")], raw)
            .assert_error(400, "raw body");
    }
    assert_eq!(stored(&stack, "strict"), before);
    let details = post(&stack, &bodies[10]).json()["details"].clone();
    assert!(details[0].as_str().unwrap().starts_with("indicators[1]: indicator_type"), "{details}");
    // More details than fit into a header are left out.
    let many = json!({"user_id": "strict", "indicators": vec![json!({"indicator_type": "x"}); 600]});
    let refused = post(&stack, &many);
    refused.assert_error(400, "600 wrong indicators");
    assert_eq!(refused.json(), json!({"error": "Invalid alert configuration"}));
}

#[test]
fn concurrent_posts_leave_six_places() {
    let stack = Stack::shared();
    std::thread::scope(|scope| {
        for n in 0..8_i64 {
            let stack = &stack;
            scope.spawn(move || {
                let indicators: Vec<Value> = (1..=6).map(|order| indicator((order + n) % 6 + 1)).collect();
                let response = post(stack, &json!({"user_id": "busy", "indicators": indicators}));
                assert_eq!(response.status, 200, "{}", response.text());
            });
        }
    });
    let orders = stack.value("select string_agg(display_order::text, '' order by display_order) from raceday.user_alert_configs where user_id = 'busy'");
    assert_eq!(orders, "123456");
}
