//! The whole file, up and running.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use raceday_stack::{http_get, wait_until};
use serde_json::Value;

use crate::project::Project;

#[test]
fn a_race_is_polled_and_served_and_every_target_is_up() {
    let project = Project::shared();
    project.wait_polled();
    project.wait_status("/api/meetings", 200);
    let upcoming = project.get("/api/races/upcoming").json();
    let race_id = upcoming["races"][0]["race_id"].as_str().expect("no race is upcoming").to_owned();
    let entrants = project.get(&format!("/api/entrants?raceId={race_id}")).json();
    assert!(entrants.as_array().is_some_and(|entrants| !entrants.is_empty()), "{entrants}");
    let health = project.get("/health").json();
    assert_eq!((&health["status"], &health["workers"]), (&"healthy".into(), &"operational".into()), "{health}");
    let page = project.get("/");
    assert!(page.status == 200 && page.text().contains("<html"), "{}", page.status);
    let module = project.get("/page.js");
    assert_eq!((module.status, module.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    wait_until("every target of Prometheus to be up", Duration::from_mins(2), || {
        let (_, body) = http_get("http://127.0.0.1:9090/api/v1/targets?state=active")?;
        let targets: Value = serde_json::from_str(&body)?;
        let mut targets = targets["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
        // The stand-in for PostgREST has no metrics.
        targets.retain(|target| target["labels"]["job"] != "postgrest");
        Ok(targets.len() >= 8 && targets.iter().all(|target| target["health"] == "up"))
    })
    .unwrap();
}

/// Git creates files with the modes that the umask leaves, so other users, such as those of containers, may read none.
#[test]
fn a_clone_made_under_umask_077_runs() {
    let project = Project::shared();
    for file in ["postgrest.conf", "deploy/nginx/html/index.html", "deploy/prometheus/rules.yml"] {
        let mode = std::fs::metadata(project.folder.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} is readable by others: the test would prove nothing");
    }
    assert_eq!(project.get("/").status, 200);
    assert_eq!(project.get("/page.css").status, 200);
    let (_, rules) = http_get("http://127.0.0.1:9090/api/v1/rules").unwrap();
    assert!(rules.contains("RacedayLiveRaceSilent"), "Prometheus has no rules: {rules}");
}

#[test]
fn statements_are_counted_and_a_check_of_all_races_prints_nothing() {
    let project = Project::shared();
    project.wait_polled();
    let counted = project.sql("select count(*) > 0 from public.pg_stat_statements");
    assert_eq!(counted, "t");
    let races = project.sql("select count(*) > 1 from raceday.races");
    assert_eq!(races, "t", "the check would prove nothing");
    let check = "select c.* from raceday.races r cross join lateral raceday.raceday_check(r.race_id) c";
    assert_eq!(project.sql(check), "");
}

#[test]
fn nginx_warns_of_nothing_at_its_start() {
    let project = Project::shared();
    let log = project.compose("logs --no-log-prefix nginx");
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("[warn]") || line.contains("[emerg]")).collect();
    assert!(warnings.is_empty(), "{warnings:?}");
}
