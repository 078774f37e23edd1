//! GET /api/money-flow-timeline: selection, order, paging and coverage.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use raceday_tests::json::{assert_keys, assert_timestamp, column};
use raceday_tests::stack::Stack;
use serde_json::{Value, json};

const BODY: &str = "success documents total race_id entrant_ids pool_type bucketed_data interval_coverage next_cursor next_created_at limit \
                    created_after query_optimizations";
const DOCUMENT: &str = "id race_id entrant_id type time_interval time_to_start interval_type hold_percentage bet_percentage \
     incremental_win_amount incremental_place_amount win_pool_amount place_pool_amount win_pool_percentage place_pool_percentage \
     fixed_win_odds fixed_place_odds pool_win_odds pool_place_odds event_timestamp polling_timestamp created_at";

/// Seeds a race with this many runners and polls. Returns its entrants' ids by runner number.
fn race(stack: &Stack, id: &str, runners: u32, polls: u32, of: u32) -> Vec<String> {
    stack.sql(&format!(
        "select seed.meeting('{id}-m', '{id}', 'harness', current_date); select seed.race('{id}', '{id}-m', 1, now());
         select seed.runners('{id}', {runners}); select seed.polls('{id}', 1, {polls}, {of})"
    ));
    entrant_ids(stack, id)
}

fn entrant_ids(stack: &Stack, race_id: &str) -> Vec<String> {
    let rows = stack
        .connect()
        .query("select entrant_id from raceday.entrants where race_id = $1 order by runner_number", &[&race_id]);
    rows.unwrap().iter().map(|row| row.get(0)).collect()
}

fn ids(page: &Value) -> Vec<i64> {
    page["documents"].as_array().unwrap().iter().map(|d| d["id"].as_i64().unwrap()).collect()
}

#[test]
fn a_page_has_the_contracts_fields() {
    let stack = Stack::shared();
    let entrants = race(&stack, "tl-fields", 3, 4, 4);
    let page = stack.json(&format!("/api/money-flow-timeline?raceId=tl-fields&entrants={}", entrants.join(",")));
    assert_keys(&page, BODY);
    assert_eq!((&page["success"], &page["total"], &page["limit"]), (&json!(true), &json!(12), &json!(2000)));
    assert_eq!((&page["pool_type"], &page["race_id"]), (&json!("win"), &json!("tl-fields")));
    assert_eq!(page["entrant_ids"], json!(entrants));
    assert_eq!((&page["query_optimizations"], &page["created_after"]), (&json!([]), &Value::Null));
    let document = &page["documents"][0];
    assert_keys(document, DOCUMENT);
    for key in ["event_timestamp", "polling_timestamp", "created_at"] {
        assert_timestamp(&document[key]);
    }
    assert_eq!(document["type"], "bucketed_aggregation");
    assert!(document["win_pool_amount"].is_i64() && document["id"].is_i64() && document["hold_percentage"].is_number());
    for spelling in
        ["race_id=tl-fields&entrants={}&pool_type=PLACE", "raceId=tl-fields&entrants=&entrants={}&poolType=place&x=y"]
    {
        let page = stack.json(&format!("/money-flow-timeline?{}", spelling.replace("{}", &entrants[0])));
        assert_eq!((&page["pool_type"], &page["total"]), (&json!("place"), &json!(4)), "{spelling}");
    }
    // A comma-separated list, repeated parameters, and both, encoded.
    for list in [
        format!("entrants={},{}", entrants[0], entrants[1]),
        format!("entrants={}&entrants={}", entrants[0], entrants[1]),
        format!("entrants={}%2C,{}", entrants[0], entrants[1]),
    ] {
        let page = stack.json(&format!("/api/money-flow-timeline?raceId=tl-fields&{list}"));
        assert_eq!(page["total"], 8, "{list}");
        assert_eq!(page["entrant_ids"], json!(entrants[..2]), "{list}");
    }
}

#[test]
fn missing_and_invalid_parameters_are_reported() {
    let stack = Stack::shared();
    for query in [
        "",
        "raceId=r",
        "entrants=e",
        "raceId=&entrants=e",
        "raceId=r&entrants=",
        "raceId=r&entrants=,,",
        "raceId=r&entrants=%20,%20",
        "raceId=r&entrants=+&entrants=%09,%0A",
    ] {
        stack.get(&format!("/api/money-flow-timeline?{query}")).assert_error(400, query);
    }
    let refused = stack.get("/api/money-flow-timeline?raceId=r&entrants=e&poolType=Quinella");
    refused.assert_error(400, "bad poolType");
    assert_keys(&refused.json(), "error message received");
    assert_eq!(refused.json()["received"], "Quinella");
    // The reason passes nginx in a header, which is ASCII.
    let unusual = "raceId=r&entrants=e&poolType=M%C4%81ori%F0%9F%8F%87%7F%22%0A";
    let refused = stack.get(&format!("/api/money-flow-timeline?{unusual}"));
    refused.assert_error(400, unusual);
    assert_eq!(refused.json()["received"], "Māori🏇\u{7f}\"\n");

    let empty = stack.json("/api/money-flow-timeline?raceId=nowhere&entrants=nobody");
    assert_keys(&empty, &format!("{BODY} message"));
    assert_eq!((&empty["total"], &empty["documents"], &empty["next_cursor"]), (&json!(0), &json!([]), &Value::Null));
    assert_eq!(empty["next_created_at"], Value::Null);
    assert_eq!(empty["interval_coverage"]["entrants"], json!([]));
}

#[test]
fn limits_are_clamped_and_invalid_cursors_ignored() {
    let stack = Stack::shared();
    let entrants = race(&stack, "tl-limit", 2, 150, 150).join(",");
    let page = |more: &str| stack.json(&format!("/api/money-flow-timeline?raceId=tl-limit&entrants={entrants}{more}"));
    for (limit, echoed, total) in
        [("0", 1, 1), ("-5", 1, 1), ("2.9", 2, 2), ("2001", 2000, 300), ("all", 2000, 300), ("", 2000, 300)]
    {
        let page = page(&format!("&limit={limit}"));
        assert_eq!((&page["limit"], &page["total"]), (&json!(echoed), &json!(total)), "{limit}");
    }
    for garbage in [
        "cursorAfter=abc",
        "cursorAfter=-1",
        "cursor_after=9e9",
        "cursorAfter=99999999999999999999",
        "createdAfter=yesterday",
        "created_after=2025-13-01",
    ] {
        assert_eq!(page(&format!("&{garbage}"))["total"], 300, "{garbage}");
    }
    assert_eq!(page("&cursorAfter=9000000000000000000")["total"], 0);
}

#[test]
fn only_buckets_around_the_start_are_selected_and_sorted() {
    let stack = Stack::shared();
    let entrants = race(&stack, "tl-select", 2, 140, 6).join(",");
    stack.sql("update raceday.money_flow_history set type = 'raw' where race_id = 'tl-select' and time_interval = 1");
    let page = stack.json(&format!("/api/money-flow-timeline?raceId=tl-select&limit=2000&entrants={entrants}"));
    let intervals: Vec<i64> =
        page["documents"].as_array().unwrap().iter().map(|d| d["time_interval"].as_i64().unwrap()).collect();
    assert!(intervals.is_sorted());
    assert_eq!((intervals[0], *intervals.last().unwrap()), (-64, 2), "-65 and below are not the client's");
    assert!(!intervals.contains(&1), "rows of another type are not for the client either");
    let documents = page["documents"].as_array().unwrap();
    assert!(documents.windows(2).all(|pair| pair[0]["time_interval"] != pair[1]["time_interval"]
        || pair[0]["created_at"].as_str() <= pair[1]["created_at"].as_str()));
    // The cursor is the last row in insertion order, which is not the last of the sorted page.
    assert_eq!(page["next_cursor"].as_i64(), ids(&page).into_iter().max());
}

#[test]
fn following_the_cursor_returns_every_row_once_while_rows_are_written() {
    let stack = Stack::shared();
    let entrants = race(&stack, "tl-page", 5, 10, 120).join(",");
    let written = AtomicBool::new(false);
    let (mut seen, mut repeated) = (HashSet::new(), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for poll in 11..=60 {
                stack.sql(&format!("select seed.polls('tl-page', {poll}, {poll}, 120)"));
            }
            written.store(true, Ordering::Release);
        });
        let (mut cursor, mut pages) = (String::new(), 0);
        loop {
            let done = written.load(Ordering::Acquire);
            pages += 1;
            assert!(pages < 5_000, "the cursor does not advance");
            // nginx may serve a response from the cache, but not to a query that it has not seen.
            let page = stack.json(&format!(
                "/api/money-flow-timeline?raceId=tl-page&limit=7&entrants={entrants}&cursorAfter={cursor}&n={pages}"
            ));
            for id in ids(&page) {
                repeated += u32::from(!seen.insert(id));
            }
            if let Some(next) = page["next_cursor"].as_i64() {
                cursor = next.to_string();
            } else if done {
                break;
            }
        }
    });
    assert_eq!(repeated, 0, "rows were returned twice");
    assert_eq!(seen.len(), 60 * 5, "rows were lost");
}

#[test]
fn created_after_compares_whole_milliseconds() {
    let stack = Stack::shared();
    let entrants = race(&stack, "tl-created", 2, 5, 5).join(",");
    let page =
        |more: &str| stack.json(&format!("/api/money-flow-timeline?raceId=tl-created&entrants={entrants}&{more}"));
    // Rows are created at microseconds; clients know milliseconds.
    let all = page("");
    let created: Vec<&str> = column(&all["documents"], "created_at");
    let mut distinct: Vec<&str> = created.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 5);
    for (position, at) in distinct.iter().enumerate() {
        let rest = page(&format!("createdAfter={at}"));
        assert_eq!(rest["total"], 2 * (4 - position), "{at}: not exactly the later rows");
        assert_eq!(rest["created_after"], json!(at));
    }
    assert_eq!(all["next_created_at"], json!(distinct[4]));
    let plus = distinct[1].replace('Z', "%2B00:00");
    assert_eq!(page(&format!("created_after={plus}"))["total"], 6);
    assert_eq!(
        page(&format!("created_after={}", distinct[1].replace('Z', "+00:00")))["total"],
        6,
        "a plus sign that was decoded as a space"
    );
}

#[test]
fn coverage_reports_the_gaps_of_the_last_minutes() {
    let stack = Stack::shared();
    let entrants = race(&stack, "tl-cover", 2, 120, 120);
    stack.sql(&format!(
        "delete from raceday.money_flow_history where race_id = 'tl-cover' and entrant_id = '{}' and time_interval in (3, 55)",
        entrants[1]
    ));
    let page = stack
        .json(&format!("/api/money-flow-timeline?raceId=tl-cover&limit=2000&entrants={},stranger", entrants.join(",")));
    let coverage = &page["interval_coverage"];
    assert_keys(coverage, "summary entrants");
    assert_keys(
        &coverage["summary"],
        "total_documents entrants_covered intervals_covered critical_period_gaps coverage_report",
    );
    assert_eq!(coverage["summary"]["total_documents"], page["total"]);
    assert_eq!(coverage["summary"]["entrants_covered"], 2);
    assert_eq!(
        coverage["summary"]["intervals_covered"],
        json!([55, 50, 45, 40, 35, 30, 25, 20, 15, 10, 5, 4, 3, 2, 1, 0])
    );
    assert_eq!(
        coverage["summary"]["critical_period_gaps"],
        json!([{"entrant_id": &entrants[1][28..], "missing_intervals": [3]}, {"entrant_id": "stranger", "missing_intervals": [5, 4, 3, 2, 1, 0]}])
    );
    assert!(coverage["summary"]["coverage_report"].is_string());
    let second = &coverage["entrants"][1];
    assert_keys(
        second,
        "entrant_id document_count intervals_covered critical_period_coverage missing_critical_intervals",
    );
    assert_eq!(second["entrant_id"], json!(entrants[1]));
    assert_eq!(second["missing_critical_intervals"], json!([60, 55, 3]));
    assert_eq!(second["critical_period_coverage"], json!([50, 45, 40, 35, 30, 25, 20, 15, 10, 5, 4, 2, 1, 0]));
    assert_eq!(coverage["entrants"][2]["document_count"], 0);
}
