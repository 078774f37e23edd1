//! Fetchers on a simulated race day: planted events are found, and several fetchers share the work.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use raceday_stack::{Signal, http_get, wait_until};
use raceday_tests::PATIENCE;
use raceday_tests::database::database;
use raceday_tests::scene::{PROCESSED, Scene, assert_nothing_lost, logged, metric, run_fetcher, wait_metric};
use serde_json::Value;

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

fn now(scene: &Scene) -> DateTime<Utc> {
    scene.sql().query_one("select raceday.now()", &[]).unwrap().get(0)
}

/// The first planted event of this kind between two and twelve minutes from now that fulfils a condition.
fn soon(scene: &Scene, kind: &str, field: &str, fits: impl Fn(&Value) -> bool) -> Option<Value> {
    let (from, to) = (now(scene) + TimeDelta::minutes(2), now(scene) + TimeDelta::minutes(12));
    let plan = scene.plan();
    let mut planted: Vec<Value> = plan[kind].as_array().unwrap().clone();
    planted.retain(|thing| (from..to).contains(&time(&thing[field])) && fits(thing));
    planted.sort_by_key(|thing| time(&thing[field]));
    planted.into_iter().next()
}

fn wait_for_time(scene: &Scene, at: DateTime<Utc>) {
    wait_until("the simulated time", PATIENCE, || Ok(now(scene) > at)).unwrap();
}

#[test]
fn a_run_finds_the_planted_events() {
    let large = |insider: &Value| insider["kind"] == "late" && insider["share"].as_f64().unwrap() >= 0.15;
    // What is about to happen depends on the time of day, so not every day will do.
    let (scene, insider) = (31..51)
        .find_map(|seed| {
            let scene = Scene::start(20.0, seed);
            let insider = soon(&scene, "insiders", "from", large)?;
            Some((scene, insider))
        })
        .expect("no day has a large plunge on one runner soon");
    let fetcher = scene.fetcher("one");
    let delay = soon(&scene, "delays", "announced_at", |_| true);
    let abandoned = soon(&scene, "abandoned", "at", |_| true);
    wait_for_time(&scene, time(&insider["to"]) + TimeDelta::seconds(40));

    // The insider's runner gained most while the insider bet.
    let sql = "select entrant_id from (
                   select entrant_id,
                          max(tote_win_amount) filter (where polling_timestamp <= $3::timestamptz + interval '30 seconds')
                          - max(tote_win_amount) filter (where polling_timestamp <= $2::timestamptz) as gained
                   from raceday.money_flow_history where race_id = $1 group by entrant_id
               ) g order by gained desc nulls last limit 1";
    let (race, from, to) = (insider["race_id"].as_str().unwrap(), time(&insider["from"]), time(&insider["to"]));
    let mover: String = scene.sql().query_one(sql, &[&race, &from, &to]).unwrap().get(0);
    assert_eq!(mover, insider["entrant_id"].as_str().unwrap());

    if let Some(delay) = delay {
        wait_for_time(&scene, time(&delay["announced_at"]) + TimeDelta::seconds(70));
        let sql = "select start_time from raceday.races where race_id = $1";
        let start: DateTime<Utc> = scene.sql().query_one(sql, &[&delay["race_id"].as_str().unwrap()]).unwrap().get(0);
        assert_eq!(start, time(&delay["start"]));
    }
    if let Some(abandoned) = abandoned {
        let race = abandoned["race_id"].as_str().unwrap();
        wait_for_time(&scene, time(&abandoned["at"]) + TimeDelta::seconds(70));
        let sql = "select phase from raceday.races where race_id = $1";
        assert_eq!(scene.sql().query_one(sql, &[&race]).unwrap().get::<_, String>(0), "abandoned");
    }
    for scratching in scene.plan()["scratchings"].as_array().unwrap() {
        // Only if its race was polled since: a race whose start is far away is polled every half hour.
        let (entrant, at) = (scratching["entrant_id"].as_str().unwrap(), time(&scratching["at"]));
        let sql = "select is_scratched from raceday.entrants join raceday.race_progress g using (race_id)
                   where entrant_id = $1 and g.event_timestamp > $2::timestamptz + interval '20 seconds'";
        if let Some(row) = scene.sql().query_opt(sql, &[&entrant, &at]).unwrap() {
            assert!(row.get::<_, bool>(0), "{scratching}");
        }
    }
    assert_eq!(scene.stats()["unidentified_requests"], 0);
    assert_nothing_lost(&scene, fetcher);
}

#[test]
fn a_fetcher_that_is_stopped_finishes_its_polls_and_logs_a_summary() {
    let scene = Scene::start(5.0, 32);
    let (tab_password, tab_key) = ("the-tab-s-password", "the-tab-s-key");
    let address = scene.simulator.url().replace("http://", &format!("http://user:{tab_password}@"));
    let mut fetcher = scene.fetcher_with("one", &[("NZTAB_API_URL", address), ("NZTAB_API_KEY", tab_key.into())]);
    wait_metric(&fetcher, PROCESSED, |polls| polls > 30.0);
    fetcher.process().signal(Signal::TERM).unwrap();
    wait_until("the fetcher to end", Duration::from_mins(1), || Ok(!fetcher.process().is_running())).unwrap();
    assert!(fetcher.process().ended().unwrap().success());
    assert_eq!(scene.count("select count(*) from raceday.race_polls where lease_until > raceday.now()"), 0);
    let summary = logged(&mut fetcher, "fetcher summary").remove(0);
    let polls = scene.count("select count(*) from raceday.staged_payloads where kind = 'event'");
    assert_eq!(summary["polls"].as_i64().unwrap(), polls);
    for field in ["fetch_ms_p50", "store_ms_p95", "visible_ms_max"] {
        assert!(summary[field].as_f64().unwrap() > 0.0, "{field} of {summary}");
    }
    let log = fetcher.process().log_tail(usize::MAX);
    for secret in [scene.postgres.password("raceday_fetcher"), tab_password, tab_key] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

/// When each race was requested since `from`, in simulated time.
fn requests(scene: &Scene, from: DateTime<Utc>) -> BTreeMap<String, Vec<DateTime<Utc>>> {
    let mut races: BTreeMap<String, Vec<DateTime<Utc>>> = BTreeMap::new();
    for response in scene.stats()["responses"].as_array().unwrap() {
        let at = time(&response["requested_at"]);
        if at >= from {
            races.entry(response["race_id"].as_str().unwrap().to_owned()).or_default().push(at);
        }
    }
    races
}

#[test]
fn two_fetchers_never_poll_a_race_twice_in_a_cadence_and_the_survivor_takes_over() {
    let speed = 2.0;
    let scene = Scene::start(speed, 33);
    let (mut first, second) = (scene.fetcher("first"), scene.fetcher("second"));
    wait_metric(&first, PROCESSED, |polls| polls > 5.0);
    wait_metric(&second, PROCESSED, |polls| polls > 5.0);
    // Once the day's races are known.
    let from = now(&scene) + TimeDelta::seconds(15);
    wait_for_time(&scene, from + TimeDelta::seconds(45));
    let killed_at = now(&scene);
    first.process().kill().unwrap();
    for (race, times) in requests(&scene, from) {
        for pair in times.windows(2) {
            // Two slots of 15 s, each polled up to a few seconds late.
            assert!(pair[1] - pair[0] > TimeDelta::seconds(8), "{race} was requested twice in a cadence: {pair:?}");
        }
    }
    // A lease lasts 8 s of real time; after that its race is due at once.
    let lease = TimeDelta::seconds(8) * 2;
    wait_for_time(&scene, killed_at + lease + TimeDelta::seconds(40));
    let late = "select count(*) from raceday.due_races
                where seconds_to_start between -60 and 270 and due_at < raceday.now() - interval '15 seconds'";
    assert_eq!(scene.count(late), 0, "races of the killed fetcher are overdue");
    assert_eq!(scene.count("select count(*) from raceday.race_polls where lease_until < raceday.now()"), 0);
    assert!(metric(&second, "raceday_polls_missed_total") < 1.0);
}

#[test]
fn an_unchanged_response_is_counted_and_not_staged_again() {
    // A TAB whose clock stands still sends the same response for ever.
    let scene = Scene::start_on_real_time(1e-12, 35, database());
    scene.postgres.execute("raceday", "update raceday.poll_cadence set every_s = 3 where within_s = 300").unwrap();
    let fetcher = scene.fetcher("one");
    wait_metric(&fetcher, "raceday_polls_total{result=\"unchanged\"}", |polls| polls > 20.0);
    let twice = "select count(*) from (select from raceday.staged_payloads where kind = 'event' group by race_id having count(*) > 1) s";
    assert_eq!(scene.count(twice), 0);
    // It still counts as polled: no slot is missed and no lease is left.
    assert!(metric(&fetcher, "raceday_polls_missed_total") < 1.0);
    assert_nothing_lost(&scene, fetcher);
    assert_eq!(scene.count("select count(*) from raceday.race_polls where lease_until is not null"), 0);
}

#[test]
fn every_specified_metric_is_exported() {
    let scene = Scene::start(5.0, 36);
    let fetcher = scene.fetcher("one");
    wait_metric(&fetcher, PROCESSED, |polls| polls > 5.0);
    let (_, text) = http_get(&format!("{}/metrics", fetcher.url())).unwrap();
    for name in [
        "race_processing_seconds_bucket{le=\"15\"}",
        "nztab_fetch_seconds_bucket{le=\"5\"}",
        "transform_seconds_count",
        "db_write_seconds_count",
        "active_races_total",
        "db_pool_connections{state=\"idle\"}",
        "db_pool_connections{state=\"in_use\"}",
        "raceday_poll_lateness_seconds_count",
        "nztab_data_age_seconds_bucket{kind=\"generated\",le=\"2.5\"}",
        "raceday_polls_total{result=\"processed\"}",
        "raceday_polls_missed_total",
        "raceday_payload_bytes_count",
        "raceday_breaker_state",
        "raceday_spool_depth",
        "raceday_spool_bytes",
        "raceday_staging_visible_seconds_count",
        "raceday_oldest_live_payload_age_seconds",
        "raceday_worker_crashes_total",
        // Exported before anything failed: Prometheus sees no increase from a series that did not exist.
        "raceday_payloads_failed_total{reason=\"bad_payload\"}",
        "raceday_payloads_failed_total{reason=\"process_error\"}",
        "raceday_payloads_failed_total{reason=\"refused\"}",
        "raceday_payloads_failed_total{reason=\"torn\"}",
        "raceday_payloads_failed_total{reason=\"lost\"}",
        "raceday_spool_refusals_total{reason=\"spool_full\"}",
        "raceday_spool_refusals_total{reason=\"spool_error\"}",
    ] {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name} "))), "no {name} in:\n{text}");
    }
}

#[test]
fn once_and_meetings_fetch_stage_and_process_immediately() {
    let scene = Scene::start(1.0, 34);
    let variables = scene.variables("one");
    let printed = run_fetcher(&["meetings"], &variables).unwrap();
    assert!(printed.contains("meetings:") && printed.contains(": ok"), "{printed}");
    let race: String =
        scene.sql().query_one("select race_id from raceday.races order by start_time limit 1", &[]).unwrap().get(0);
    let printed = run_fetcher(&["once", &race], &variables).unwrap();
    assert!(printed.starts_with(&format!("{race}: ok (1 payloads")), "{printed}");
    assert_eq!(scene.count("select count(*) from raceday.staged_payloads where status = 'processed'"), 2);
    let error = run_fetcher(&["once", "no-such-race"], &variables).unwrap_err();
    assert!(error.contains("40"), "{error}");
    let status = run_fetcher(&["status"], &variables).unwrap();
    assert!(status.contains("races polled") && !status.contains("MISSING"), "{status}");
}
