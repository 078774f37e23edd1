//! Documents in Appwrite's protocol, as the original client reads them: every call of its screens, with its own SDK.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use raceday_tests::json::assert_keys;
use raceday_tests::stack::Stack;
use serde_json::{Value, json};

use super::sdk::{Sdk, ids, key, with_both_versions};

const SYSTEM: &str = "$id $createdAt $updatedAt $permissions $databaseId $collectionId";

/// The attributes of each collection.
const ATTRIBUTES: [(&str, &str); 7] = [
    ("meetings", "meetingId meetingName country raceType category date weather trackCondition"),
    ("races", "raceId name status raceNumber distance startTime actualStart trackCondition weather type meeting"),
    (
        "entrants",
        "entrantId raceId name jockey trainerName silkColours silkUrl64 silkUrl128 runnerNumber isScratched fixedWinOdds \
         poolWinOdds fixedPlaceOdds poolPlaceOdds",
    ),
    (
        "money-flow-history",
        "raceId entrantId type intervalType timeInterval timeToStart holdPercentage incrementalWinAmount \
         incrementalPlaceAmount winPoolAmount placePoolAmount winPoolPercentage placePoolPercentage fixedWinOdds \
         fixedPlaceOdds poolWinOdds poolPlaceOdds eventTimestamp pollingTimestamp",
    ),
    (
        "race-pools",
        "raceId winPoolTotal placePoolTotal quinellaPoolTotal trifectaPoolTotal exactaPoolTotal first4PoolTotal \
         totalRacePool currency",
    ),
    (
        "race-results",
        "raceId race resultsAvailable photoFinish stewardsInquiry protestLodged resultsData dividendsData fixedOddsData \
         resultStatus resultTime",
    ),
    (
        "user-alert-configs",
        "userId indicatorType color percentageRangeMin percentageRangeMax isDefault enabled audibleAlertsEnabled \
         displayOrder lastUpdated createdAt",
    ),
];

/// A day of two meetings, with the whole of a race: `ID-1-1` with 14 runners and 30 polls, pools and results.
fn day(stack: &Stack, id: &str, date: &str) {
    stack.sql(&format!(
        "select seed.meeting('{id}-1', 'Ellerslie', 'thoroughbred', '{date}');
         select seed.meeting('{id}-2', 'Albion Park', 'harness', '{date}', 'AUS');
         select seed.race('{id}-' || m || '-' || n, '{id}-' || m, n, '{date}Z'::timestamptz + make_interval(hours => n, mins => 5 * m),
             case n when 1 then 'Final' when 3 then 'Abandoned' else 'Open' end)
         from generate_series(1, 2) m, generate_series(1, 4) n;
         select seed.runners('{id}-1-1', 14);
         update raceday.races set start_time = now() where race_id = '{id}-1-1';
         select seed.polls('{id}-1-1', 1, 30, 30);
         update raceday.races set start_time = '{date} 01:05Z' where race_id = '{id}-1-1';
         select seed.pools('{id}-1-1'); select seed.results('{id}-1-1');
         insert into raceday.user_alert_configs (indicator_id, user_id, percentage_range_min, color, display_order)
             values ('{id}-alert', '{id}', 50, '#F3E8FF', 6)"
    ));
}

fn entrant_ids(stack: &Stack, race_id: &str) -> Value {
    let sql = format!(
        "select json_agg(entrant_id order by runner_number)::text from raceday.entrants where race_id = '{race_id}'"
    );
    serde_json::from_str(&stack.value(&sql)).unwrap()
}

#[test]
fn documents_have_the_attributes_of_their_collection() {
    let stack = Stack::shared();
    day(&stack, "aw-doc", "2071-01-05");
    with_both_versions(&stack, "aw-doc", |sdk, _| {
        for (collection, attributes) in ATTRIBUTES {
            let filter = match collection {
                "meetings" => json!(["equal", "$id", "aw-doc-1"]),
                "user-alert-configs" => json!(["equal", "userId", "aw-doc"]),
                _ => json!(["equal", "raceId", "aw-doc-1-1"]),
            };
            let list = sdk.list(collection, &json!([filter, ["limit", 1]]));
            let document = &list["documents"][0];
            assert_keys(document, &format!("{SYSTEM} {attributes}"));
            assert_eq!((&document["$permissions"], &document["$databaseId"]), (&json!([]), &json!("raceday-db")));
            assert_eq!(document["$collectionId"], collection);
            let one = sdk.call(json!(["getDocument", collection, document["$id"]])).unwrap();
            assert_eq!(&one, document, "{collection}");
        }
        let race = sdk.call(json!(["getDocument", "races", "aw-doc-1-1"])).unwrap();
        assert_eq!((&race["startTime"], &race["actualStart"]), (&json!("2071-01-05T01:05:00.000+00:00"), &Value::Null));
        assert_eq!(
            (&race["raceNumber"], &race["distance"], &race["status"]),
            (&json!(1), &json!(1500), &json!("Final"))
        );
        let meeting = sdk.call(json!(["getDocument", "meetings", "aw-doc-1"])).unwrap();
        assert_eq!(race["meeting"], meeting, "the related meeting is not nested whole");
        assert_eq!(meeting["date"], "2071-01-05T00:00:00.000+00:00");
        assert_eq!((&meeting["raceType"], &meeting["category"]), (&json!("Thoroughbred Horse Racing"), &json!("T")));
        assert_eq!(meeting["weather"], "FINE", "a meeting without weather does not take its race's");

        let pools = sdk.call(json!(["getDocument", "race-pools", "aw-doc-1-1"])).unwrap();
        assert_eq!((&pools["winPoolTotal"], &pools["totalRacePool"]), (&json!(915_138), &json!(1_438_601)));
        let unknown = sdk.call(json!(["getDocument", "race-pools", "aw-doc-2-4"])).unwrap();
        assert_eq!((&unknown["winPoolTotal"], &unknown["currency"]), (&json!(0), &json!("$")));

        let results = sdk.call(json!(["getDocument", "race-results", "aw-doc-1-1"])).unwrap();
        let parsed = |key: &str| serde_json::from_str::<Value>(results[key].as_str().unwrap()).unwrap();
        assert_eq!(parsed("resultsData")[0]["position"], 1);
        assert_eq!(parsed("dividendsData")[0]["product_name"], "Win");
        assert_eq!(parsed("fixedOddsData")["2"]["runner_name"], "Runner 2");
        assert_eq!((&results["resultStatus"], &results["race"]), (&json!("final"), &json!("aw-doc-1-1")));
    });
}

#[test]
fn the_dashboards_calls() {
    let stack = Stack::shared();
    day(&stack, "aw-dash", "2071-02-05");
    with_both_versions(&stack, "aw-dash", |sdk, _| {
        for date in ["2071-02-05", "2071-02-05T00:00:00.000+00:00"] {
            let queries = json!([
                ["equal", "date", date],
                ["equal", "country", ["AUS", "NZ"]],
                ["equal", "category", ["T", "H"]],
                ["orderAsc", "$createdAt"]
            ]);
            assert_eq!(sdk.ids("meetings", &queries), ["aw-dash-1", "aw-dash-2"], "{date}");
        }
        assert_eq!(
            sdk.ids("meetings", &json!([["equal", "date", "2071-02-05"], ["equal", "country", "AUS"]])),
            ["aw-dash-2"]
        );

        let first =
            sdk.list("races", &json!([["equal", "meeting", "aw-dash-2"], ["orderAsc", "startTime"], ["limit", 1]]));
        assert_eq!((first["total"].as_i64(), ids(&first)), (Some(4), vec!["aw-dash-2-1".to_owned()]));
        let all =
            sdk.ids("races", &json!([["equal", "meeting", "aw-dash-2"], ["orderAsc", "raceNumber"], ["limit", 20]]));
        assert_eq!(all, ["aw-dash-2-1", "aw-dash-2-2", "aw-dash-2-3", "aw-dash-2-4"]);
        let statuses =
            sdk.list("races", &json!([["equal", "meeting", "aw-dash-1"], ["select", ["status"]], ["limit", 50]]));
        assert_keys(&statuses["documents"][0], &format!("{SYSTEM} status meeting"));
        assert_eq!(statuses["documents"][0]["meeting"]["meetingName"], "Ellerslie");

        let next = json!([
            ["greaterThan", "startTime", "2071-02-05T02:30:00.000Z"],
            ["notEqual", "status", "Abandoned"],
            ["orderAsc", "startTime"],
            ["limit", 1]
        ]);
        assert_eq!(sdk.ids("races", &next), ["aw-dash-1-4"]);
        let upcoming = json!([
            ["greaterThanEqual", "startTime", "2071-02-05T01:05:00.000Z"],
            ["lessThanEqual", "startTime", "2071-02-05T03:10:00.000Z"],
            ["notEqual", "status", "Abandoned"],
            ["notEqual", "status", "Final"],
            ["notEqual", "status", "Finalized"],
            ["orderAsc", "startTime"],
            ["limit", 50]
        ]);
        assert_eq!(sdk.ids("races", &upcoming), ["aw-dash-1-2", "aw-dash-2-2"]);
        assert_eq!(sdk.list("meetings", &json!([["limit", 1]]))["documents"].as_array().unwrap().len(), 1);
    });
}

/// What the client selects of a race.
const RACE_FIELDS: &str = "$id $createdAt $updatedAt raceId name status raceNumber distance startTime actualStart trackCondition \
     weather type meeting.$id meeting.meetingId meeting.meetingName meeting.country meeting.raceType meeting.category meeting.date \
     meeting.weather meeting.trackCondition meeting.$createdAt meeting.$updatedAt";

#[test]
fn the_race_pages_calls() {
    let stack = Stack::shared();
    day(&stack, "aw-page", "2071-03-05");
    let entrants = entrant_ids(&stack, "aw-page-1-1");
    with_both_versions(&stack, "aw-page", |sdk, _| {
        let selected = json!([
            ["equal", "raceId", "aw-page-1-1"],
            ["select", RACE_FIELDS.split_whitespace().collect::<Vec<_>>()],
            ["limit", 1]
        ]);
        assert_eq!(sdk.list("races", &selected)["documents"][0]["meeting"]["$id"], "aw-page-1");

        for attribute in ["raceId", "race"] {
            let results = json!([
                ["equal", attribute, "aw-page-1-1"],
                ["limit", 1],
                ["select", ["resultsAvailable", "resultsData", "resultStatus"]]
            ]);
            assert_eq!(sdk.list("race-results", &results)["documents"][0]["resultsAvailable"], true, "{attribute}");
        }
        assert_eq!(
            sdk.list("race-results", &json!([["equal", "raceId", "aw-page-1-2"]])),
            json!({"total": 0, "documents": []})
        );

        let runners = sdk.list("entrants", &json!([["equal", "raceId", "aw-page-1-1"], ["orderAsc", "runnerNumber"]]));
        assert_eq!(json!(ids(&runners)), entrants);
        assert_eq!(runners["documents"][2]["isScratched"], true);
        assert_eq!(runners["documents"][0]["fixedWinOdds"], 2.5);
        let scratched =
            sdk.list("entrants", &json!([["equal", "raceId", "aw-page-1-1"], ["equal", "isScratched", true]]));
        assert_eq!(scratched["total"], 1);

        let flow = sdk.list(
            "money-flow-history",
            &json!([
                ["equal", "raceId", "aw-page-1-1"],
                ["equal", "entrantId", entrants],
                ["select", ["entrantId", "holdPercentage"]],
                ["orderDesc", "$createdAt"],
                ["limit", 200]
            ]),
        );
        assert_eq!((&flow["total"], flow["documents"].as_array().unwrap().len()), (&json!(30 * 14), 200));
        assert_keys(&flow["documents"][0], &format!("{SYSTEM} entrantId holdPercentage"));
        // The newest poll first, and within a poll in the order of insertion.
        let of_first_poll: Vec<_> =
            flow["documents"].as_array().unwrap()[..14].iter().map(|d| d["entrantId"].clone()).collect();
        assert_eq!(json!(of_first_poll), entrants);
    });
}

/// The queries of a page of the timeline.
fn timeline(race_id: &str, entrants: &Value, limit: u32, more: &[Value]) -> Value {
    let mut queries = vec![
        json!(["equal", "raceId", race_id]),
        json!(["equal", "entrantId", entrants]),
        json!(["select", ["entrantId", "timeInterval", "winPoolAmount", "$createdAt"]]),
        json!(["orderAsc", "$createdAt"]),
        json!(["limit", limit]),
    ];
    queries.extend_from_slice(more);
    queries.extend([
        json!(["equal", "type", "bucketed_aggregation"]),
        json!(["isNotNull", "timeInterval"]),
        json!(["greaterThan", "timeInterval", -65]),
        json!(["lessThan", "timeInterval", 66]),
    ]);
    json!(queries)
}

#[test]
fn the_timelines_calls() {
    let stack = Stack::shared();
    day(&stack, "aw-time", "2071-04-05");
    let entrants = entrant_ids(&stack, "aw-time-1-1");
    let two = json!([entrants[0], entrants[13]]);
    with_both_versions(&stack, "aw-time", |sdk, _| {
        let first = sdk.list("money-flow-history", &timeline("aw-time-1-1", &entrants, 200, &[]));
        assert_eq!((&first["total"], first["documents"].as_array().unwrap().len()), (&json!(420), 200));
        let last = &first["documents"][199];
        let after = json!(["cursorAfter", last["$id"]]);
        let second =
            sdk.list("money-flow-history", &timeline("aw-time-1-1", &entrants, 2000, std::slice::from_ref(&after)));
        assert_eq!((&second["total"], second["documents"].as_array().unwrap().len()), (&json!(420), 220));
        assert!(ids(&first).iter().all(|id| !ids(&second).contains(id)), "a document is on both pages");

        let end = json!(["cursorAfter", second["documents"][219]["$id"]]);
        assert_eq!(
            sdk.list("money-flow-history", &timeline("aw-time-1-1", &entrants, 200, &[end]))["documents"],
            json!([])
        );
        let since = json!(["greaterThan", "$createdAt", last["$createdAt"]]);
        let newer = sdk.list("money-flow-history", &timeline("aw-time-1-1", &two, 200, &[since]));
        assert!(
            newer["documents"]
                .as_array()
                .unwrap()
                .iter()
                .all(|d| d["$createdAt"].as_str() > last["$createdAt"].as_str())
        );
        // The first 14 polls and four of the fifteenth's runners are on the first page.
        assert_eq!(newer["total"], 2 * 15);

        let newest = json!([["equal", "raceId", "aw-time-1-1"], ["equal", "entrantId", two], ["limit", 10]]);
        assert_eq!(sdk.list("money-flow-history", &newest)["documents"].as_array().unwrap().len(), 10);
        let by_time = json!([
            ["equal", "raceId", "aw-time-1-1"],
            ["equal", "entrantId", two],
            ["orderAsc", "$createdAt"],
            ["limit", 200],
            ["isNotNull", "timeToStart"],
            ["greaterThan", "timeToStart", -65],
            ["lessThan", "timeToStart", 66]
        ]);
        assert_eq!(sdk.list("money-flow-history", &by_time)["total"], 60);
    });
}

#[test]
fn paging_through_a_growing_race_returns_every_document_once() {
    let stack = Stack::shared();
    with_both_versions(&stack, "aw-grow", |sdk, version| {
        let race_id = format!("aw-grow-{version}");
        stack.sql(&format!(
            "select seed.meeting('{race_id}-m', 'Grow', 'harness', current_date); select seed.race('{race_id}', '{race_id}-m', 1, now());
             select seed.runners('{race_id}', 5); select seed.polls('{race_id}', 1, 5, 120)"
        ));
        let entrants = entrant_ids(&stack, &race_id);
        let written = AtomicBool::new(false);
        let (mut seen, mut repeated) = (HashSet::new(), 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for poll in 6..=20 {
                    stack.sql(&format!("select seed.polls('{race_id}', {poll}, {poll}, 120)"));
                }
                written.store(true, Ordering::Release);
            });
            let mut after = Vec::new();
            for pages in 0.. {
                assert!(pages < 5_000, "{version}: the cursor does not advance");
                let done = written.load(Ordering::Acquire);
                let page = ids(&sdk.list("money-flow-history", &timeline(&race_id, &entrants, 7, &after)));
                match page.last() {
                    Some(last) => after = vec![json!(["cursorAfter", last])],
                    None if done => break,
                    None => {}
                }
                repeated += page.into_iter().filter(|id| !seen.insert(id.clone())).count();
            }
        });
        assert_eq!((repeated, seen.len()), (0, 20 * 5), "{version}");
    });
}

#[test]
fn a_key_is_required_and_reading_alone_does_not_permit_writing() {
    let stack = Stack::shared();
    let (reader, revoked) = (key(&stack, "aw-reader", "read"), key(&stack, "aw-revoked", "alerts"));
    stack.sql("select raceday.raceday_key_revoke('aw-revoked')");
    let create = json!(["createDocument", "user-alert-configs", "unique()", {"userId": "aw-reader", "percentageRangeMin": 1,
        "color": "#000000", "displayOrder": 1}]);
    for wrong in ["", "wrong", &revoked, &reader.to_uppercase()] {
        let mut sdk = Sdk::start(&stack, "appwrite-17", wrong);
        for call in [json!(["listDocuments", "races"]), json!(["getDocument", "races", "x"]), create.clone()] {
            let error = sdk.call(call).unwrap_err();
            assert_eq!(
                (&error["code"], &error["type"]),
                (&json!(401), &json!("general_unauthorized_scope")),
                "{wrong}"
            );
        }
    }
    let mut sdk = Sdk::start(&stack, "appwrite-17", &reader);
    sdk.list("races", &json!([["limit", 1]]));
    let error = sdk.call(create).unwrap_err();
    assert_eq!((&error["code"], &error["type"]), (&json!(401), &json!("general_unauthorized_scope")));
    let other_project = stack.get_with(
        "/v1/databases/raceday-db/collections/races/documents",
        &[("x-appwrite-project", "other"), ("x-appwrite-key", &reader)],
    );
    assert_eq!(other_project.status, 401);
}
