//! The client's contract, endpoint by endpoint: fields, types, order, bounds, spellings, errors.

use raceday_tests::json::{assert_keys, assert_timestamp, column};
use raceday_tests::stack::Stack;
use serde_json::{Value, json};

const RACE: &str = "race_id name race_number start_time status meeting_id phase actual_start distance track_condition weather type created_at updated_at";
const MEETING: &str =
    "meeting_id meeting_name country race_type date status category track_condition weather created_at updated_at";
const ENTRANT: &str = "entrant_id name runner_number win_odds place_odds hold_percentage is_scratched odds_history money_flow_history \
                       pool_win_odds pool_place_odds barrier jockey trainer_name silk_colours silk_url silk_url_64 silk_url_128 favourite mover \
                       opening_odds nine_am_odds highest_odds lowest_odds";
const POOLS: &str = "race_id win_pool_total place_pool_total quinella_pool_total trifecta_pool_total exacta_pool_total first4_pool_total \
                     total_race_pool currency data_quality_score extracted_pools last_updated";
const RESULTS: &str = "race_id results_available results_data dividends_data fixed_odds_data result_status photo_finish stewards_inquiry \
                       protest_lodged result_time created_at updated_at";

#[test]
fn meetings_are_listed_by_date_and_name_and_filtered() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('ml-b', 'Bravo', 'harness', '2031-02-02'), seed.meeting('ml-a', 'Alpha', 'thoroughbred', '2031-02-02', 'AUS'),
                seed.meeting('ml-c', 'Aardvark', 'harness', '2031-02-03'), seed.race('ml-r', 'ml-b', 2, '2031-02-02 01:00Z')",
    );
    let all = stack.json("/api/meetings");
    let mine: Vec<&str> = column(&all, "meeting_id").into_iter().filter(|id| id.starts_with("ml-")).collect();
    assert_eq!(mine, ["ml-a", "ml-b", "ml-c"]);

    let day = stack.json("/api/meetings?date=2031-02-02&raceType=");
    assert_eq!(column(&day, "meeting_id"), ["ml-a", "ml-b"]);
    for spelling in ["raceType=harness", "race_type=HARNESS", "raceType=&race_type=Harness&unknown=1"] {
        let list = stack.json(&format!("/api/meetings?date=2031-02-02&{spelling}"));
        assert_eq!(column(&list, "meeting_id"), ["ml-b"], "{spelling}");
    }
    assert_keys(&day[0], MEETING);
    assert_eq!(day[0]["date"], "2031-02-02");
    assert_eq!(day[0]["category"], "T");
    assert_eq!(day[0]["country"], "AUS");
    assert_eq!(day[0]["track_condition"], Value::Null);
    assert_eq!(
        day[1]["track_condition"], "Good4",
        "a meeting without its own track condition does not show that of its races"
    );
    assert_timestamp(&day[0]["created_at"]);
    assert_eq!(stack.json("/meetings?date=1999-01-01"), json!([]));

    assert_eq!(stack.json("/api/meetings/ml-a"), day[0]);
    for path in ["/api/meetings?date=2031-02-30", "/api/meetings?date=yesterday", "/api/meetings?raceType=greyhound"] {
        stack.get(path).assert_error(400, path);
    }
    stack.get("/api/meetings/ml-z").assert_error(404, "unknown meeting");
}

#[test]
fn the_races_of_a_meeting_are_listed_and_each_can_be_read() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('rm', 'Races', 'harness', '2031-03-01');
         select seed.race('rm-2', 'rm', 2, '2031-03-01 01:00:00.1239Z', 'Interim'), seed.race('rm-1', 'rm', 1, '2031-03-01 00:30Z', 'Abandoned')",
    );
    let races = stack.json("/api/races?meetingId=rm");
    assert_eq!(column(&races, "race_id"), ["rm-1", "rm-2"]);
    assert_keys(&races[1], RACE);
    assert_eq!(races[1]["start_time"], "2031-03-01T01:00:00.123Z");
    assert_eq!((&races[1]["status"], &races[1]["phase"]), (&json!("Interim"), &json!("in_progress")));
    assert_eq!((&races[0]["status"], &races[0]["phase"]), (&json!("Abandoned"), &json!("abandoned")));
    assert_eq!(races[0]["race_number"], 1);
    assert_eq!(races[0]["distance"], 1500);
    assert_eq!(races[0]["type"], "H");
    assert_eq!(races[0]["actual_start"], Value::Null);
    // Clients send the prefix once, twice or not at all.
    for path in
        ["/api/races?meeting_id=rm", "/api/api/races?meetingId=rm", "/races?meetingId=rm", "/api/races/?meetingId=rm"]
    {
        assert_eq!(stack.json(path), races, "{path}");
    }
    for path in ["/api/races/rm-2", "/races/rm-2", "/api/api/races/rm%2D2"] {
        assert_eq!(stack.json(path), races[1], "{path}");
    }
    assert_eq!(stack.json("/api/races?meetingId=none"), json!([]));
    stack.get("/api/races").assert_error(400, "no meetingId");
    stack.get("/api/races?meetingId=").assert_error(400, "empty meetingId");
    stack.get("/api/races/none").assert_error(404, "unknown race");
}

#[test]
fn navigation_follows_the_start_and_then_the_id() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('nv', 'Navigation', 'harness', '2001-03-01');
         select seed.race('nv-b', 'nv', 1, '2001-03-01 01:00Z', 'Final'), seed.race('nv-a', 'nv', 2, '2001-03-01 01:00Z', 'Abandoned'),
                seed.race('nv-c', 'nv', 3, '2001-03-01 00:00Z', 'Final')",
    );
    let middle = stack.json("/api/races/navigation?raceId=nv-a");
    assert_keys(&middle, "previousRace nextRace nextScheduledRace");
    assert_keys(&middle["previousRace"], "race_id name start_time meeting_name");
    assert_eq!(middle["previousRace"]["race_id"], "nv-c");
    assert_eq!(middle["nextRace"]["race_id"], "nv-b");
    assert_eq!(middle["nextRace"]["meeting_name"], "Navigation");
    assert_eq!(stack.json("/races/navigation?race_id=nv-c")["previousRace"], Value::Null, "there is no earlier race");
    stack.get("/api/races/navigation").assert_error(400, "no raceId");
    stack.get("/api/races/navigation?raceId=none").assert_error(404, "unknown race");
}

#[test]
fn upcoming_and_next_scheduled_leave_out_what_is_over() {
    let stack = Stack::start(&[("RACEDAY_RATE_LIMIT", "off"), ("RACEDAY_CACHE", "off")]);
    assert_eq!(stack.json("/api/races/next-scheduled"), Value::Null);
    stack.sql(
        "select seed.meeting('up', 'Upcoming', 'harness', current_date);
         select seed.race('up-' || n, 'up', n, now() + make_interval(mins => n)) from generate_series(-10, 130) n where n <> 1;
         select seed.race('up-over', 'up', 1, now() + interval '30 seconds', 'Final'), seed.race('up-off', 'up', 1, now() + interval '40 seconds', 'Abandoned'),
                seed.race('up-closed', 'up', 1, now() + interval '50 seconds', 'Closed')",
    );
    let body = stack.json("/api/races/upcoming");
    assert_keys(&body, "races total timestamp window");
    assert_keys(&body["window"], "lower_bound upper_bound window_minutes lookback_minutes");
    assert_eq!((&body["window"]["window_minutes"], &body["window"]["lookback_minutes"]), (&json!(120), &json!(5)));
    assert_eq!(body["races"].as_array().unwrap().len(), 50);
    assert_eq!(body["total"], 50);
    let starts = column(&body["races"], "start_time");
    assert!(starts.is_sorted());
    let bounds = (body["window"]["lower_bound"].as_str().unwrap(), body["window"]["upper_bound"].as_str().unwrap());
    assert!(starts.iter().all(|start| *start > bounds.0 && *start <= bounds.1));
    let ids = column(&body["races"], "race_id");
    assert!(ids.contains(&"up-closed") && !ids.contains(&"up-over") && !ids.contains(&"up-off"));
    assert!(ids.contains(&"up--4") && !ids.contains(&"up--6"));

    for (query, window, lookback, count) in [
        ("windowMinutes=10.9&lookbackMinutes=0&limit=3", 10, 0, 3),
        ("window_minutes=-7&lookback_minutes=1e9&limit=0", 0, 120, 1),
        ("windowMinutes=9999&lookbackMinutes=-1&limit=100000", 480, 0, 100),
        ("windowMinutes=soon&lookbackMinutes=NaN&limit=%00", 120, 5, 50),
        ("windowMinutes=&limit=Infinity", 120, 5, 50),
    ] {
        let body = stack.json(&format!("/api/races/upcoming?{query}"));
        assert_eq!(body["window"]["window_minutes"], window, "{query}");
        assert_eq!(body["window"]["lookback_minutes"], lookback, "{query}");
        assert_eq!(body["races"].as_array().unwrap().len(), count, "{query}");
    }
    let next = stack.json("/races/next-scheduled");
    assert_keys(&next, &format!("{RACE} meeting_name"));
    assert_eq!(next["race_id"], "up-closed");
    assert_eq!(next["meeting_name"], "Upcoming");
    let nav = stack.json("/api/races/navigation?raceId=up-5");
    assert_eq!(nav["nextScheduledRace"]["race_id"], "up-closed");
    // The meeting of a race known only from a poll, or its name, may be unknown.
    for sql in ["update raceday.meetings set meeting_name = null", "update raceday.races set meeting_id = null"] {
        stack.sql(sql);
        let next = stack.json("/api/races/next-scheduled");
        assert_keys(&next, &format!("{RACE} meeting_name"));
        assert_eq!((&next["race_id"], &next["meeting_name"]), (&json!("up-closed"), &Value::Null), "{sql}");
        let nav = stack.json("/api/races/navigation?raceId=up-5");
        assert_keys(&nav["nextScheduledRace"], "race_id name start_time meeting_name");
        assert_eq!(nav["nextScheduledRace"]["meeting_name"], Value::Null, "{sql}");
    }
}

#[test]
fn entrants_carry_their_history_newest_first() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('en', 'Entrants', 'thoroughbred', current_date); select seed.race('en-1', 'en', 1, now());
         select seed.runners('en-1', 24); select seed.polls('en-1', 1, 500, 500, 15);",
    );
    let entrants = stack.json("/api/entrants?raceId=en-1");
    let list = entrants.as_array().unwrap();
    assert_eq!(list.len(), 24);
    let numbers: Vec<i64> = list.iter().map(|e| e["runner_number"].as_i64().unwrap()).collect();
    assert!(numbers.is_sorted());
    for entrant in list {
        assert_keys(entrant, ENTRANT);
        let flow = entrant["money_flow_history"].as_array().unwrap();
        assert_eq!(flow.len(), 500);
        assert_keys(&flow[0], "hold_percentage win_pool_amount timestamp");
        let times = column(&entrant["money_flow_history"], "timestamp");
        assert!(times.is_sorted_by(|newer, older| newer > older));
        let amounts: Vec<i64> = flow.iter().map(|f| f["win_pool_amount"].as_i64().expect("integer cents")).collect();
        assert!(amounts.is_sorted_by(|newer, older| newer > older));
        let odds = column(&entrant["odds_history"], "timestamp");
        assert!(odds.len() > 600 && odds.is_sorted_by(|newer, older| newer >= older));
        for kind in ["fixed_win", "fixed_place", "pool_win", "pool_place"] {
            assert!(entrant["odds_history"].as_array().unwrap().iter().any(|o| o["type"] == kind));
        }
    }
    assert_keys(&list[0]["odds_history"][0], "odds timestamp type");
    assert!(list[0]["odds_history"][0]["odds"].is_f64());
    assert_timestamp(&list[0]["odds_history"][0]["timestamp"]);
    assert_eq!(list[0]["win_odds"], 2.5);
    assert_eq!(list[0]["silk_url"], "https://silks.example/128/1");
    assert_eq!(
        list[1]["silk_url"], "https://silks.example/64/2",
        "the small image does not replace the missing large one"
    );
    assert_eq!(list[1]["silk_url_128"], Value::Null);
    assert_eq!(list[2]["is_scratched"], true);
}

#[test]
fn entrants_without_history_and_races_without_runners_have_empty_lists() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('ee', 'Empty', 'harness', current_date); select seed.race('ee-1', 'ee', 1, now()), seed.race('ee-2', 'ee', 2, now());
         select seed.runners('ee-2', 1)",
    );
    assert_eq!(stack.json("/api/entrants?raceId=ee-1"), json!([]));
    assert_eq!(stack.json("/entrants?race_id=none"), json!([]));
    let one = stack.json("/api/api/entrants?raceId=ee-2");
    assert_eq!((&one[0]["odds_history"], &one[0]["money_flow_history"]), (&json!([]), &json!([])));
    stack.get("/api/entrants").assert_error(400, "no raceId");
    stack.sql("update raceday.entrants set name = '\"}{\\', jockey = 'Māori 🏇' where race_id = 'ee-2'");
    let one = stack.json("/api/entrants?raceId=ee-2&again");
    assert_eq!((&one[0]["name"], &one[0]["jockey"]), (&json!("\"}{\\"), &json!("Māori 🏇")));
}

#[test]
fn pools_are_integer_cents() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('po', 'Pools', 'harness', current_date); select seed.race('po-1', 'po', 1, now()), seed.race('po-2', 'po', 2, now());
         select seed.pools('po-1')",
    );
    let pools = stack.json("/api/race-pools?raceId=po-1");
    assert_keys(&pools, POOLS);
    for (key, cents) in [
        ("win_pool_total", json!(915_138)),
        ("place_pool_total", json!(400_000)),
        ("trifecta_pool_total", json!(7)),
        ("exacta_pool_total", Value::Null),
        ("total_race_pool", json!(1_438_601)),
        ("currency", json!("$")),
        ("data_quality_score", json!(95)),
        ("extracted_pools", json!(4)),
    ] {
        assert_eq!(pools[key], cents, "{key}");
    }
    assert_timestamp(&pools["last_updated"]);
    assert_eq!(stack.json("/race-pools?race_id=po-1"), pools);
    let native = &stack.json("/rest/race_pools?race_id=eq.po-1")[0];
    for key in POOLS.split(' ').filter(|key| key.ends_with("_pool_total") || *key == "total_race_pool") {
        assert_eq!(native[key], pools[key], "{key} of the native interface");
    }
    stack.get("/api/race-pools").assert_error(400, "no raceId");
    stack.get("/api/race-pools?raceId=po-2").assert_error(404, "no pools yet");
}

#[test]
fn results_are_404_until_there_are_any() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('re', 'Results', 'harness', current_date);
         select seed.race('re-1', 're', 1, now(), 'Final'), seed.race('re-2', 're', 2, now(), 'Closed'),
                seed.race('re-3', 're', 3, now(), 'Interim'), seed.race('re-4', 're', 4, now(), 'Abandoned');
         select seed.runners('re-1', 5); select seed.results('re-1');
         insert into raceday.race_results (race_id, results_available, results_data, dividends_data, fixed_odds_data, result_status, result_time)
         values ('re-3', false, '[]', '[]', '{}', 'interim', now()), ('re-4', false, '[]', '[]', '{}', null, now())",
    );
    let results = stack.json("/api/race-results?raceId=re-1");
    assert_keys(&results, RESULTS);
    assert_eq!(results["results_available"], true);
    assert_eq!(results["result_status"], "final");
    assert_keys(&results["results_data"][0], "position runner_number name entrant_id margin_length");
    assert_keys(&results["dividends_data"][0], "product_name dividend status positions");
    assert_keys(
        &results["fixed_odds_data"]["1"],
        "fixed_win fixed_place fixed_win_odds fixed_place_odds runner_name entrant_id",
    );
    assert_timestamp(&results["result_time"]);
    stack.get("/api/race-results").assert_error(400, "no raceId");
    stack.get("/api/race-results?race_id=re-2").assert_error(404, "no results yet");
    stack.get("/api/race-results?raceId=re-3").assert_error(404, "no placings yet");
    stack.get("/api/race-results?raceId=re-4").assert_error(404, "an abandoned race");
}

#[test]
fn a_race_without_weather_shows_its_meetings() {
    let stack = Stack::shared();
    stack.sql(
        "select seed.meeting('we', 'Weather', 'harness', current_date);
         select seed.race('we-1', 'we', 1, now()), seed.race('we-2', 'we', 2, now());
         update raceday.meetings set weather = 'Fine', track_condition = 'Good3' where meeting_id = 'we';
         update raceday.races set weather = null, track_condition = null where race_id = 'we-1';
         update raceday.races set weather = 'Showers', track_condition = 'Soft5' where race_id = 'we-2'",
    );
    let of = |race: &Value| (race["weather"].clone(), race["track_condition"].clone());
    let races = stack.json("/api/races?meetingId=we");
    assert_eq!(of(&races[0]), (json!("Fine"), json!("Good3")));
    assert_eq!(of(&races[1]), (json!("Showers"), json!("Soft5")), "its own come first");
    assert_eq!(of(&stack.json("/api/races/we-1")), (json!("Fine"), json!("Good3")));
    let native = stack.json("/rest/races?meeting_id=eq.we&order=race_number&select=weather,track_condition");
    assert_eq!((of(&native[0]), of(&native[1])), (of(&races[0]), of(&races[1])));
}

#[test]
fn health_reports_whether_live_races_are_polled() {
    let stack = Stack::without_rate_limit();
    for path in ["/health", "/api/health", "/api/api/health"] {
        let health = stack.json(path);
        assert_keys(&health, "status timestamp database workers");
        assert_eq!(health["status"], "healthy");
        assert_eq!(health["database"], "connected");
        assert_eq!(health["workers"], "operational");
        assert_timestamp(&health["timestamp"]);
    }
    stack.sql(
        "select seed.meeting('he', 'Health', 'harness', current_date); select seed.race('he-1', 'he', 1, now() + interval '4 minutes'),
            seed.race('he-2', 'he', 2, now() + interval '6 minutes'); select seed.runners('he-1', 2)",
    );
    assert_eq!(stack.json("/health")["workers"], "operational", "degraded by a race that has just become known");
    stack.sql("update raceday.race_polls set first_due_at = now() - interval '61 seconds'");
    assert_eq!(stack.json("/health")["workers"], "degraded", "operational despite a live race that was never polled");
    stack.sql("select seed.polls('he-1', 1, 1, 9, 30); update raceday.race_progress set processed_through = now() - interval '50 seconds'");
    assert_eq!(stack.json("/health")["workers"], "operational");
    stack.sql("update raceday.race_progress set processed_through = now() - interval '61 seconds'");
    assert_eq!(stack.json("/health")["workers"], "degraded");
    stack.sql("update raceday.races set start_time = now() - interval '20 minutes' where race_id = 'he-1'");
    assert_eq!(stack.json("/health")["workers"], "degraded", "a race that started long ago and is not finished");
    stack.sql("update raceday.races set status = 'Final', phase = 'finished' where race_id = 'he-1'");
    assert_eq!(stack.json("/health")["workers"], "operational", "degraded by a finished race");
}

#[test]
fn the_new_zealand_day_is_right_after_midnight_and_when_clocks_change() {
    let stack = Stack::shared();
    // A race at half past midnight in New Zealand belongs to the day that has begun there, whatever the day in UTC.
    stack.sql(
        "select seed.meeting('nz-1', 'Midnight', 'harness', '2032-07-02'), seed.meeting('nz-2', 'Spring', 'harness', '2032-09-26'),
                seed.meeting('nz-3', 'Autumn', 'harness', '2033-04-03');
         select seed.race('nz-1a', 'nz-1', 1, '2032-07-02 00:30:00 Pacific/Auckland'),
                seed.race('nz-2a', 'nz-2', 1, '2032-09-26 01:59:59.999 Pacific/Auckland'),
                seed.race('nz-2b', 'nz-2', 2, '2032-09-26 03:00:00 Pacific/Auckland'),
                seed.race('nz-3a', 'nz-3', 1, '2033-04-02T13:30:00Z'), seed.race('nz-3b', 'nz-3', 2, '2033-04-02T14:30:00Z')",
    );
    assert_eq!(column(&stack.json("/api/meetings?date=2032-07-02"), "meeting_id"), ["nz-1"]);
    assert_eq!(stack.json("/api/races/nz-1a")["start_time"], "2032-07-01T12:30:00.000Z");
    let spring = stack.json("/api/races?meetingId=nz-2");
    assert_eq!(
        column(&spring, "start_time"),
        ["2032-09-25T13:59:59.999Z", "2032-09-25T14:00:00.000Z"],
        "the hour from 02:00 does not exist"
    );
    let autumn = stack.json("/api/races?meetingId=nz-3");
    assert_eq!(
        column(&autumn, "start_time"),
        ["2033-04-02T13:30:00.000Z", "2033-04-02T14:30:00.000Z"],
        "02:30 exists twice"
    );
}

#[test]
fn a_races_history_is_read_from_at_most_two_partitions() {
    let stack = Stack::shared();
    // One table per transaction: with both, a reader that locks them in the other order could deadlock.
    for table in ["money_flow_history", "odds_history"] {
        stack.sql(&format!("select seed.past_days('{table}', 30)"));
    }
    // A race polled across midnight, among 30 days of history.
    stack.sql(
        "select seed.meeting('pt', 'Partitions', 'harness', current_date);
         select seed.race('pt-1', 'pt', 1, date_trunc('day', now()) + interval '20 minutes');
         select seed.runners('pt-1', 3); select seed.polls('pt-1', 1, 120, 120)",
    );
    let entrant = stack.value("select min(entrant_id) from raceday.entrants where race_id = 'pt-1'");
    let mut client = stack.connect();
    for (function, query) in [
        ("client_entrants", "raceId=pt-1".to_owned()),
        ("client_money_flow_timeline", format!("raceId=pt-1&entrants={entrant}")),
        ("client_signal_chart", format!("raceId=pt-1&entrantId={entrant}")),
    ] {
        // Often enough for PostgreSQL to switch to a generic plan, if it would.
        for _ in 0..8 {
            client.query(&format!("select api.{function}($1)::text"), &[&query]).unwrap();
        }
        let mut transaction = client.transaction().unwrap();
        let body: String =
            transaction.query_one(&format!("select api.{function}($1)::text"), &[&query]).unwrap().get(0);
        assert!(body.len() > 10_000, "{function} has too small a body");
        if function == "client_entrants" {
            let entrants: Value = serde_json::from_str(&body).unwrap();
            let times = column(&entrants[0]["money_flow_history"], "timestamp");
            assert!(
                times.len() == 120 && times.is_sorted_by(|newer, older| newer > older),
                "not newest first across midnight"
            );
        }
        // Reading a partition, or just planning to, locks it until the transaction ends.
        let locked = transaction.query(
            "select distinct i.inhparent::regclass::text, c.relname from pg_locks l
             join pg_class c on c.oid = l.relation join pg_inherits i on i.inhrelid = c.oid
             where l.pid = pg_backend_pid() and c.relkind = 'r'",
            &[],
        );
        let locked: Vec<(String, String)> = locked.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect();
        for table in ["money_flow_history", "odds_history"] {
            let partitions = locked.iter().filter(|(parent, _)| parent.ends_with(table)).count();
            assert!(partitions <= 2, "{function}: {locked:?}");
        }
        assert!(
            locked.iter().filter(|(parent, _)| parent.ends_with("money_flow_history")).count() == 2,
            "{function}: {locked:?}"
        );
    }
}
