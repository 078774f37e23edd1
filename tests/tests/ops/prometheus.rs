//! Alert rules: promtool's own tests of them, and what every alert must tell whom it wakes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::helpers::{promtool, repository, yaml};

const RULES: &str = "deploy/prometheus/rules.yml";
const RULES_TEST: &str = "deploy/prometheus/rules_test.yml";

#[test]
fn promtool_accepts_the_rules_and_their_tests_pass() {
    promtool(&["check", "rules", RULES]);
    promtool(&["test", "rules", RULES_TEST]);
}

#[test]
fn prometheus_s_configuration_is_valid() {
    // It names the rules where the container has them.
    let text = std::fs::read_to_string(repository().join("deploy/prometheus/prometheus.yml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let local = text.replace("/etc/prometheus", &repository().join("deploy/prometheus").display().to_string());
    let path = folder.path().join("prometheus.yml");
    std::fs::write(&path, local).unwrap();
    promtool(&["check", "config", path.to_str().unwrap()]);
}

#[test]
fn every_alert_says_what_happened_what_to_do_and_where_to_read_more() {
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        let severity = alert["labels"]["severity"].as_str().unwrap_or_default();
        assert!(["critical", "warning"].contains(&severity), "{name}: severity {severity:?}");
        for annotation in ["summary", "description"] {
            let text = alert["annotations"][annotation].as_str().unwrap_or_default();
            assert!(text.len() > 10, "{name} has no {annotation}");
        }
        let runbook = alert["annotations"]["runbook_url"].as_str().unwrap_or_default();
        assert_eq!(runbook, format!("docs/runbooks/{name}.md"));
        let page = std::fs::read_to_string(repository().join(runbook));
        let page = page.unwrap_or_else(|error| panic!("{name} has no runbook {runbook}: {error}"));
        for heading in ["## What it means", "## Look", "## Mend"] {
            assert!(page.contains(heading), "{runbook} lacks {heading:?}");
        }
    }
}

#[test]
fn every_alert_is_seen_firing_and_seen_quiet_by_a_test() {
    let tests = yaml(RULES_TEST);
    let mut fired = BTreeSet::new();
    let mut quiet = BTreeSet::new();
    for test in tests["tests"].as_array().unwrap() {
        for check in test["promql_expr_test"].as_array().into_iter().flatten() {
            let samples = check["exp_samples"].as_array().unwrap();
            let labels = samples.iter().filter_map(|sample| sample["labels"].as_str());
            fired.extend(labels.filter_map(alert_name));
            if samples.is_empty() {
                quiet.insert(check["expr"].as_str().unwrap().to_owned());
            }
        }
        for check in test["alert_rule_test"].as_array().into_iter().flatten() {
            if !check["exp_alerts"].as_array().unwrap().is_empty() {
                fired.insert(check["alertname"].as_str().unwrap().to_owned());
            }
        }
    }
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        assert!(fired.contains(name), "no test sees {name} firing");
        let seen_quiet = quiet.iter().any(|expression| expression.contains(name) || covers(expression, name));
        assert!(seen_quiet, "no test sees {name} quiet");
    }
}

fn alerts() -> Vec<Value> {
    let rules = yaml(RULES);
    let groups = rules["groups"].as_array().unwrap();
    let all = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    let alerts: Vec<Value> = all.filter(|rule| rule["alert"].is_string()).cloned().collect();
    assert!(!alerts.is_empty());
    alerts
}

/// The alert named in `ALERTS{alertname="X",...}`.
fn alert_name(labels: &str) -> Option<String> {
    Some(labels.split_once("alertname=\"")?.1.split_once('"')?.0.to_owned())
}

/// Whether `ALERTS{alertname=~"RacedayRest.*"}` is about an alert of this name.
fn covers(expression: &str, name: &str) -> bool {
    let prefix = expression.split_once("alertname=~\"").and_then(|(_, rest)| rest.split_once(".*"));
    prefix.is_some_and(|(prefix, _)| name.starts_with(prefix))
}
