//! Queries in Appwrite's protocol: filters, order, cursors, totals and errors.

use raceday_tests::stack::Stack;
use serde_json::{Value, json};

use super::sdk::with_both_versions;

/// A meeting `ID` with 30 races; the first three start at the same time.
fn races(stack: &Stack, id: &str) {
    stack.sql(&format!(
        "select seed.meeting('{id}', 'Queries', 'harness', '2072-01-01');
         select seed.race('{id}-' || lpad(n::text, 2, '0'), '{id}', n, '2072-01-01 10:00Z'::timestamptz + make_interval(mins => greatest(n, 3)))
         from generate_series(1, 30) n;
         update raceday.races set actual_start = start_time + interval '123456 microseconds', status = 'Final'
         where meeting_id = '{id}' and race_number = 30"
    ));
}

/// `ID-01`, ...
fn numbered(id: &str, numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(|n| format!("{id}-{n:02}")).collect()
}

#[test]
fn filters_are_combined_and_compare_as_their_type() {
    let stack = Stack::shared();
    races(&stack, "aq-filter");
    with_both_versions(&stack, "aq-filter", |sdk, _| {
        let mut found = |filter: Value| {
            let list = sdk.list("races", &json!([["equal", "meeting", "aq-filter"], filter, ["limit", 100]]));
            assert_eq!(list["total"], list["documents"].as_array().unwrap().len());
            list["total"].as_u64().unwrap()
        };
        for (filter, expected) in [
            (json!(["equal", "raceNumber", [1, 2, 2.5, 99]]), 2),
            (json!(["notEqual", "raceNumber", 1]), 29),
            (json!(["lessThan", "raceNumber", 2.5]), 2),
            (json!(["lessThanEqual", "raceNumber", 3]), 3),
            (json!(["greaterThan", "raceNumber", 28]), 2),
            (json!(["greaterThanEqual", "raceNumber", 28.5]), 2),
            (json!(["equal", "status", ["final", "FINAL"]]), 0),
            (json!(["notEqual", "status", "Final"]), 29),
            (json!(["notEqual", "status", "final"]), 30),
            (json!(["isNotNull", "actualStart"]), 1),
            (json!(["equal", "$id", "aq-filter-07"]), 1),
            (json!(["equal", "type", "T"]), 0),
            // Stored to the microsecond, compared to the millisecond.
            (json!(["equal", "actualStart", "2072-01-01T10:30:00.123Z"]), 1),
            (json!(["notEqual", "actualStart", "2072-01-01T10:30:00.123+00:00"]), 0),
            (json!(["greaterThan", "actualStart", "2072-01-01T10:30:00.123Z"]), 0),
            (json!(["greaterThanEqual", "actualStart", "2072-01-01T10:30:00.123Z"]), 1),
            (json!(["lessThanEqual", "actualStart", "2072-01-01T23:30:00.123+13:00"]), 1),
            (json!(["lessThan", "actualStart", "2072-01-01T10:30:00.123Z"]), 0),
            (json!(["equal", "startTime", ["2072-01-01T10:03:00.000Z", "2072-01-01T10:04:00Z"]]), 4),
        ] {
            assert_eq!(found(filter.clone()), expected, "{filter}");
        }
        for (method, date, expected) in [
            ("greaterThan", "2071-12-31T23:59:59.999Z", 1),
            ("greaterThan", "2072-01-01", 0),
            ("greaterThanEqual", "2072-01-01", 1),
            ("lessThan", "2072-01-01T00:00:00.001Z", 1),
            ("equal", "2072-01-01T12:00:00.000Z", 0),
        ] {
            let list = sdk.list("meetings", &json!([["equal", "meetingId", "aq-filter"], [method, "date", date]]));
            assert_eq!(list["total"], expected, "{method} {date}");
        }
    });
}

#[test]
fn order_limit_offset_and_cursor_select_a_page() {
    let stack = Stack::shared();
    races(&stack, "aq-page");
    with_both_versions(&stack, "aq-page", |sdk, _| {
        let mut page = |more: Value| {
            let mut queries = vec![json!(["equal", "meeting", "aq-page"])];
            queries.extend(more.as_array().unwrap().iter().cloned());
            let list = sdk.list("races", &json!(queries));
            assert_eq!(list["total"], 30, "the total depends on the page: {more}");
            super::sdk::ids(&list)
        };
        let by_start = json!(["orderAsc", "startTime"]);
        for (more, expected) in [
            // 25 in order of insertion, unless the queries say otherwise.
            (json!([]), numbered("aq-page", 1..=25)),
            (json!([["orderAsc", "$createdAt"], ["limit", 2]]), numbered("aq-page", [1, 2])),
            (json!([["orderDesc", "$createdAt"], ["limit", 2]]), numbered("aq-page", [30, 29])),
            (json!([["offset", 28]]), numbered("aq-page", [29, 30])),
            (json!([["offset", 30]]), vec![]),
            (json!([["cursorAfter", "aq-page-27"], ["limit", 2]]), numbered("aq-page", [28, 29])),
            (json!([["cursorAfter", "aq-page-30"]]), vec![]),
            // Equal start times are in order of insertion, whatever the direction.
            (json!([by_start, ["limit", 4]]), numbered("aq-page", 1..=4)),
            (json!([["orderDesc", "startTime"], ["offset", 27]]), numbered("aq-page", 1..=3)),
            (json!([by_start, ["cursorAfter", "aq-page-02"], ["limit", 2]]), numbered("aq-page", [3, 4])),
            (json!([["orderDesc", "startTime"], ["cursorAfter", "aq-page-01"]]), numbered("aq-page", [2, 3])),
            (
                json!([["orderDesc", "status"], ["orderDesc", "raceNumber"], ["limit", 2]]),
                numbered("aq-page", [29, 28]),
            ),
            // Null is last in ascending order and first in descending order.
            (json!([["orderAsc", "actualStart"], ["limit", 2]]), numbered("aq-page", [30, 1])),
            (
                json!([["orderAsc", "actualStart"], ["cursorAfter", "aq-page-30"], ["limit", 1]]),
                numbered("aq-page", [1]),
            ),
            (json!([["orderAsc", "actualStart"], ["cursorAfter", "aq-page-28"]]), numbered("aq-page", [29])),
            (json!([["orderDesc", "actualStart"], ["cursorAfter", "aq-page-29"]]), numbered("aq-page", [30])),
        ] {
            assert_eq!(page(more.clone()), expected, "{more}");
        }
        // The cursor's document need not match the filters.
        let finals =
            json!([["equal", "meeting", "aq-page"], ["equal", "status", "Final"], ["cursorAfter", "aq-page-11"]]);
        assert_eq!(sdk.ids("races", &finals), ["aq-page-30"]);
    });
}

#[test]
fn errors_have_appwrites_codes_and_types() {
    let stack = Stack::shared();
    races(&stack, "aq-error");
    with_both_versions(&stack, "aq-error", |sdk, version| {
        for (call, code, kind) in [
            (json!(["getDocument", "races", "none"]), 404, "document_not_found"),
            (json!(["getDocument", "money-flow-history", "none"]), 404, "document_not_found"),
            (json!(["getDocument", "none", "none"]), 404, "collection_not_found"),
            (json!(["listDocuments", "none"]), 404, "collection_not_found"),
            (json!(["listDocuments", "races", {"queries": [["equal", "none", "x"]]}]), 400, "general_query_invalid"),
            (json!(["listDocuments", "races", {"queries": [["orderAsc", "none"]]}]), 400, "general_query_invalid"),
            (json!(["listDocuments", "races", {"queries": [["select", ["none"]]]}]), 400, "general_query_invalid"),
            (
                json!(["listDocuments", "races", {"queries": [["select", ["meeting.none"]]]}]),
                400,
                "general_query_invalid",
            ),
            (json!(["listDocuments", "races", {"queries": [["search", "name", "x"]]}]), 400, "general_query_invalid"),
            (json!(["listDocuments", "races", {"queries": [["limit", 0]]}]), 400, "general_query_invalid"),
            (json!(["listDocuments", "races", {"queries": [["offset", -1]]}]), 400, "general_query_invalid"),
            (
                json!(["listDocuments", "races", {"queries": [["cursorAfter", "none"]]}]),
                400,
                "general_cursor_not_found",
            ),
            (
                json!(["listDocuments", "races", {"queries": [["cursorAfter", "aq-error"]]}]),
                400,
                "general_cursor_not_found",
            ),
            (
                json!(["listDocuments", "money-flow-history", {"queries": [["equal", "raceId", "x"], ["cursorAfter", "aq-error-01"]]}]),
                400,
                "general_cursor_not_found",
            ),
            (
                json!(["listDocuments", "money-flow-history", {"queries": [["equal", "raceId", "x"], ["cursorAfter", "999999999999"]]}]),
                400,
                "general_cursor_not_found",
            ),
            (json!(["listDocuments", "money-flow-history"]), 400, "general_query_invalid"),
        ] {
            let error = sdk.call(call.clone()).expect_err(version);
            assert_eq!((error["code"].as_i64(), error["type"].as_str()), (Some(code), Some(kind)), "{call}: {error}");
            let response: Value = serde_json::from_str(error["response"].as_str().unwrap()).unwrap();
            assert_eq!((&response["version"], &response["message"]), (&json!("1.7.4"), &error["message"]), "{call}");
        }
    });
}

/// What the client lists, and lists without a filter, as collection and queries: `[METHOD, VALUES, ATTRIBUTE]`.
fn lists() -> Vec<(&'static str, Value)> {
    vec![
        ("meetings", json!([["limit", [1]]])),
        (
            "meetings",
            json!([["equal", ["2073-01-03"], "date"], ["equal", ["NZ"], "country"], ["orderAsc", null, "$createdAt"]]),
        ),
        ("races", json!([["limit", [100]]])),
        ("races", json!([["equal", ["aq-part-7"], "meeting"], ["orderAsc", null, "raceNumber"]])),
        (
            "races",
            json!([["greaterThan", ["2030-01-01"], "startTime"], ["orderAsc", null, "startTime"], ["limit", [1]]]),
        ),
        ("races", json!([["equal", ["aq-part-7-1"], "raceId"], ["limit", [1]]])),
        ("race-pools", json!([["equal", ["aq-part-7-1"], "raceId"]])),
        ("race-results", json!([["equal", ["aq-part-7-1"], "race"]])),
        ("race-results", json!([["limit", [10]]])),
        ("entrants", json!([["equal", ["aq-part-7-1"], "raceId"], ["orderAsc", null, "runnerNumber"]])),
        ("entrants", json!([["limit", [10]]])),
        ("user-alert-configs", json!([["equal", ["aq-part-7"], "userId"], ["orderAsc", null, "displayOrder"]])),
        (
            "money-flow-history",
            json!([["equal", ["aq-part-1-1"], "raceId"], ["orderDesc", null, "$createdAt"], ["limit", [200]]]),
        ),
        (
            "money-flow-history",
            json!([["equal", ["aq-part-1-1"], "raceId"], ["orderAsc", null, "$createdAt"], ["limit", [200]]]),
        ),
    ]
}

#[test]
fn a_list_of_money_flow_reads_two_partitions_at_most_and_every_list_an_index() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('aq-part-' || m, 'M', 'harness', '2073-01-01'::date + m) from generate_series(1, 20) m;
         select seed.race('aq-part-' || m || '-' || r, 'aq-part-' || m, r, '2073-01-01'::timestamptz + make_interval(days => m, hours => r))
         from generate_series(1, 20) m, generate_series(1, 4) r;
         select seed.runners(race_id, 8), seed.results(race_id) from raceday.races where meeting_id like 'aq-part-%';
         insert into raceday.user_alert_configs (user_id, percentage_range_min, color, display_order)
             select 'aq-part-' || u, 5, '#FFFFFF', d from generate_series(1, 20) u, generate_series(1, 6) d;
         update raceday.races set start_time = date_trunc('day', now()) where race_id = 'aq-part-1-1';
         select seed.polls('aq-part-1-1', 1, 120, 60)",
    );
    for (collection, queries) in lists() {
        let queries: Vec<Value> = queries
            .as_array()
            .unwrap()
            .iter()
            .map(|query| json!({"method": query[0], "values": query[1], "attribute": query[2]}))
            .collect();
        let mut client = stack.connect();
        let mut transaction = client.transaction().unwrap();
        // A table is then read from end to end only if it has no index for the list, however small it is.
        transaction.batch_execute("set local enable_seqscan = off").unwrap();
        let list = "select (raceday.appwrite_list($1, $2::text::jsonb)::json ->> 'total')::bigint";
        let total: i64 = transaction.query_one(list, &[&collection, &json!(queries).to_string()]).unwrap().get(0);
        let read = transaction
            .query(
                "select relname::text, seq_scan > 0 from pg_stat_xact_user_tables
                 where schemaname = 'raceday' and seq_scan + coalesce(idx_scan, 0) > 0",
                &[],
            )
            .unwrap();
        let what = format!("{collection} {queries:?}");
        assert!(total > 0, "{what}: nothing is found");
        let scanned: Vec<String> = read.iter().filter(|row| row.get(1)).map(|row| row.get(0)).collect();
        assert_eq!(scanned, Vec::<String>::new(), "{what}: read from end to end");
        let partitions = read.iter().filter(|row| row.get::<_, &str>(0).starts_with("money_flow_history_p")).count();
        assert!(partitions <= 2, "{what}: {partitions} partitions");
        assert!(partitions == 2 || collection != "money-flow-history", "{what}: {partitions} partitions");
    }
}
