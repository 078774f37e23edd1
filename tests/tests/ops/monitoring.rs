//! The dashboard, the rules and the exporter's queries against real servers: PostgreSQL, postgres_exporter, a fetcher that
//! polls a misbehaving TAB, and a Prometheus that scrapes them.

use std::collections::BTreeSet;

use raceday_stack::{Live, free_port, wait_until};
use raceday_tests::PATIENCE;
use raceday_tests::database::database;
use raceday_tests::http::port_of;
use raceday_tests::hub::start_hub;
use raceday_tests::repository::{read, yaml};
use raceday_tests::scene::Scene;
use raceday_tests::sse::Events;
use serde_json::{Value, json};

use crate::monitored::Monitored;

/// Series of the blackbox exporter, which does not run here.
const OF_THE_PROBE: [&str; 2] = ["probe_success", "probe_duration_seconds"];

/// One test, so that the servers are started once.
#[test]
fn dashboard_rules_and_queries_fit_what_the_running_servers_export() {
    let scene = Scene::start_on_real_time(1.0, 5, database());
    scene.faults(&json!({
        "path": "/events/", "server_error": {"probability": 0.2}, "garbage_body": {"probability": 0.2},
    }));
    let fetcher = scene.fetcher_with("one", &[("RACEDAY_BREAKER_FAILURES", "1000".into())]);
    let live = start_hub(&scene.postgres, &scene.folder, free_port().unwrap(), &[]);
    let jobs = [("fetcher", port_of(&fetcher.url())), ("live", live.port())];
    let prometheus = Monitored::start_with(&scene.postgres, &jobs);
    let _streams = streams_of_polled_races(&scene, &live);
    every_panel_of_the_dashboard_shows_something(&prometheus);
    every_rule_reads_metrics_that_exist(&prometheus);
    only_the_alert_for_failed_payloads_fires(&prometheus);
    the_buckets_reach_beyond_the_alerts_thresholds(&prometheus);
}

/// Clients of the races that are polled most often, so that there is something to measure.
fn streams_of_polled_races(scene: &Scene, live: &Live) -> Vec<Events> {
    scene.wait_for("races to be polled", 5, "select count(*) from raceday.race_progress");
    let sql = "select p.race_id from raceday.race_progress p join raceday.races r on r.race_id = p.race_id order by r.start_time limit 20";
    let races: Vec<String> = scene.sql().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    let open = |race: &String| Events::open(live.port(), &format!("/api/stream?raceId={race}"), &[]).unwrap();
    races.iter().map(open).chain([Events::open(live.port(), "/api/stream", &[]).unwrap()]).collect()
}

fn every_panel_of_the_dashboard_shows_something(prometheus: &Monitored) {
    let expressions = panel_expressions();
    assert!(expressions.len() > 20, "{expressions:?}");
    for (title, expression) in expressions {
        if OF_THE_PROBE.iter().any(|metric| expression.contains(metric)) {
            // Prometheus must still accept the expression.
            prometheus.query(&expression).unwrap_or_else(|error| panic!("panel {title:?}: {error}"));
            continue;
        }
        let what = format!("panel {title:?} to show a series: {expression}");
        wait_until(&what, PATIENCE, || Ok(!prometheus.query(&expression)?.is_empty())).unwrap();
    }
}

fn every_rule_reads_metrics_that_exist(prometheus: &Monitored) {
    let known = prometheus.metric_names();
    for rule in rules() {
        let expression = rule["expr"].as_str().unwrap().to_owned();
        let named = metrics_in(&expression);
        assert!(!named.is_empty() || rule["record"].is_string(), "{expression} names no metric");
        for metric in named {
            let recorded = metric.starts_with("raceday:");
            assert!(
                recorded || known.contains(&metric) || OF_THE_PROBE.contains(&metric.as_str()),
                "{metric}, read by {}, is not exported",
                rule["alert"]
            );
        }
    }
}

fn only_the_alert_for_failed_payloads_fires(prometheus: &Monitored) {
    wait_until("RacedayPayloadsFailed to fire", PATIENCE, || prometheus.is_firing("RacedayPayloadsFailed")).unwrap();
    for quiet in [
        "RacedayFetcherDown",
        "RacedayLiveDown",
        "RacedayDatabaseDown",
        "RacedayPartitionMissing",
        "RacedayMemoryHigh",
        "RacedayPoolExhausted",
    ] {
        assert!(!prometheus.is_firing(quiet).unwrap(), "{quiet} fires");
    }
}

fn the_buckets_reach_beyond_the_alerts_thresholds(prometheus: &Monitored) {
    for (metric, bounds) in
        [("race_processing_seconds_bucket", ["10", "15", "30"]), ("db_write_seconds_bucket", ["2", "5", "10"])]
    {
        for bound in bounds {
            let series = format!("{metric}{{le=\"{bound}\"}}");
            wait_until(&series, PATIENCE, || Ok(!prometheus.query(&series)?.is_empty())).unwrap();
        }
    }
}

/// Every expression of the dashboard with its panel's title, with Grafana's own variables filled in.
fn panel_expressions() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/dashboards/raceday.json")).unwrap();
    let mut expressions = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "prometheus", "{}", panel["title"]);
            let expression = target["expr"].as_str().unwrap().replace("$__rate_interval", "1m");
            assert!(!expression.contains('$'), "{expression} has an unknown variable");
            expressions.push((panel["title"].as_str().unwrap().to_owned(), expression));
        }
    }
    expressions
}

fn rules() -> Vec<Value> {
    let rules = yaml("deploy/prometheus/rules.yml");
    let groups = rules["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

/// The metrics that an expression reads: the words outside braces and brackets that are neither functions nor keywords.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    const WORDS: [&str; 11] = ["sum", "by", "max", "min", "avg", "or", "and", "on", "group_left", "unless", "le"];
    let mut outside = String::new();
    let mut depth = 0;
    for character in expression.chars() {
        depth += i32::from("{[".contains(character)) - i32::from("}]".contains(character));
        outside.push(if depth > 0 { ' ' } else { character });
    }
    let labels = labels_in_by(&outside);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut metrics = BTreeSet::new();
    let mut rest = outside.as_str();
    while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic()) {
        let end = rest[at..].find(|c| !is_word(c)).map_or(rest.len(), |length| at + length);
        let (word, after) = (&rest[at..end], rest[end..].trim_start());
        if !after.starts_with('(') && !WORDS.contains(&word) && !labels.contains(word) {
            metrics.insert(word.to_owned());
        }
        rest = &rest[end..];
    }
    metrics
}

/// The labels in `by (a, b)`.
fn labels_in_by(expression: &str) -> BTreeSet<&str> {
    let lists = expression.split("by (").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    lists.flat_map(|list| list.split(',').map(str::trim)).collect()
}

#[test]
fn metrics_are_found_in_an_expression() {
    let found = metrics_in("max by (parent, x) (a_b{c=\"d\"}) > 0.9 or rate(e_f[5m]) / on () group_left () raceday:g");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a_b", "e_f", "raceday:g"]);
}
