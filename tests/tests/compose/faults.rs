//! Faults that were found when the file was first run.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use raceday_stack::{http_get, wait_until};
use raceday_tests::PATIENCE;
use serde_json::Value;

use crate::project::Project;

#[test]
fn nginx_finds_postgrest_at_another_address() {
    let project = Project::shared();
    let before = project.address("postgrest");
    project.compose("stop postgrest");
    // Something else gets the address, as happens when several containers restart at once.
    project.shell(&format!(
        "docker run --detach --rm --name occupant --network raceday_default --ip {before} \
         --entrypoint sleep raceday-db:0.3.0 600"
    ));
    project.compose("start postgrest");
    assert_ne!(project.address("postgrest"), before, "the address did not change: the test would prove nothing");
    project.wait_status("/api/meetings", 200);
    project.wait_status("/rest/meetings?limit=1", 200);
    project.shell("docker kill occupant");
}

#[test]
fn a_legacy_backend_whose_name_has_no_address_stops_nothing() {
    let project = Project::shared();
    for (percent, status) in [("0", 200), ("100", 503)] {
        project.set(&[("RACEDAY_LEGACY_UPSTREAM", "nowhere.raceday.example:80"), ("RACEDAY_LEGACY_PERCENT", percent)]);
        project.compose("up --detach --no-deps nginx");
        wait_until("nginx to respond", PATIENCE, || Ok(http_get("http://127.0.0.1:8080/").is_ok())).unwrap();
        project.wait_status("/api/meetings", status);
    }
    project.set(&[("RACEDAY_LEGACY_UPSTREAM", "127.0.0.1:9"), ("RACEDAY_LEGACY_PERCENT", "0")]);
    project.compose("up --detach --no-deps nginx");
    wait_until("nginx to respond", PATIENCE, || Ok(http_get("http://127.0.0.1:8080/").is_ok())).unwrap();
    project.wait_status("/api/meetings", 200);
}

/// The first request on a connection whose backend was killed is one that the REST server reports as the client's fault.
#[test]
fn while_the_database_crashes_clients_get_503_or_what_they_asked_for() {
    let project = Project::shared();
    project.set(&[("RACEDAY_RATE_LIMIT", "off"), ("RACEDAY_CACHE", "off")]);
    project.compose("up --detach --no-deps nginx");
    project.wait_healthy();
    let paths = [
        "/api/meetings",
        "/api/races/upcoming",
        "/api/entrants?raceId=none",
        "/rest/meetings?limit=1",
        "/rest/races?limit=1",
    ];
    let mut statuses = BTreeMap::<u16, u32>::new();
    for _ in 0..2 {
        project.wait_status("/rest/races?limit=1", 200);
        kill_a_session_of_the_rest_server();
        let crashed = Instant::now();
        while crashed.elapsed() < Duration::from_secs(4) {
            for path in paths {
                let response = project.get(path);
                assert!([200, 503].contains(&response.status), "{path}: {} {}", response.status, response.text());
                *statuses.entry(response.status).or_default() += 1;
            }
        }
    }
    assert!(statuses.contains_key(&503), "no request met the crash: the test would prove nothing");
    project.set(&[("RACEDAY_RATE_LIMIT", "on"), ("RACEDAY_CACHE", "on")]);
    project.compose("up --detach --no-deps nginx");
    project.wait_healthy();
}

#[test]
fn health_checks_and_probes_survive_the_request_limit() {
    let project = Project::shared();
    let refused = (0..400).filter(|_| project.get("/api/meetings").status == 429).count();
    assert!(refused > 100, "{refused} of 400 requests were refused: the limit does not apply");
    assert_eq!(project.get("/health").status, 200);
    // Until the next checks have run.
    let checked = project.inspect("nginx")["State"]["Health"]["Log"].as_array().unwrap().last().unwrap().clone();
    wait_until("another health check", PATIENCE, || {
        assert_eq!(project.get("/health").status, 200);
        let health = project.inspect("nginx")["State"]["Health"].clone();
        assert_eq!(health["FailingStreak"], 0, "{health}");
        Ok(health["Log"].as_array().and_then(|log| log.last()) != Some(&checked))
    })
    .unwrap();
    let (_, body) = http_get("http://127.0.0.1:9090/api/v1/query?query=min(probe_success)").unwrap();
    let probes: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(probes["data"]["result"][0]["value"][1], "1", "{probes}");
    project.wait_healthy();
}

/// SIGKILL to a backend: the server ends all others, and recovers.
fn kill_a_session_of_the_rest_server() {
    let mut processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let session = processes.find(|process| {
        let title = fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&title).starts_with("postgres: authenticator raceday")
    });
    let pid = session.expect("the REST server has no session").file_name();
    let killed = std::process::Command::new("kill").arg("-9").arg(pid).status().unwrap();
    assert!(killed.success());
}
