//! Alert rules: promtool's tests of them, and what every alert must tell the person it wakes.

use std::collections::BTreeSet;
use std::process::Command;

use raceday_tests::repository::{self, program, read, yaml};
use serde_json::Value;

const RULES: &str = "deploy/prometheus/rules.yml";
const RULES_TEST: &str = "deploy/prometheus/rules_test.yml";

#[test]
fn promtool_accepts_the_rules_and_their_tests_pass() {
    promtool(&["check", "rules", RULES]);
    promtool(&["test", "rules", RULES_TEST]);
}

#[test]
fn the_configuration_of_prometheus_is_valid() {
    // The configuration names the rules by their path in the container.
    let text = read("deploy/prometheus/prometheus.yml");
    let folder = tempfile::tempdir().unwrap();
    let local = text.replace("/etc/prometheus", &repository::path("deploy/prometheus").display().to_string());
    let path = folder.path().join("prometheus.yml");
    std::fs::write(&path, local).unwrap();
    promtool(&["check", "config", path.to_str().unwrap()]);
}

#[test]
fn every_alert_has_a_severity_a_summary_a_description_and_a_runbook() {
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
        let page = read(runbook);
        for heading in ["## Meaning", "## Diagnose", "## Fix"] {
            assert!(page.contains(heading), "{runbook} lacks {heading:?}");
        }
    }
}

#[test]
fn every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() {
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
        assert!(fired.contains(name), "{name} fires in no test");
        let seen_quiet = quiet.iter().any(|expression| expression.contains(name) || covers(expression, name));
        assert!(seen_quiet, "{name} is quiet in no test");
    }
}

/// Runs promtool in the repository. Fails the test with promtool's output if it fails.
fn promtool(arguments: &[&str]) {
    let output = Command::new(program("promtool")).args(arguments).current_dir(repository::path("")).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {} failed:\n{text}", arguments.join(" "));
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

/// Whether `ALERTS{alertname=~"RacedayRest.*"}` matches an alert with this name.
fn covers(expression: &str, name: &str) -> bool {
    let prefix = expression.split_once("alertname=~\"").and_then(|(_, rest)| rest.split_once(".*"));
    prefix.is_some_and(|(prefix, _)| name.starts_with(prefix))
}
