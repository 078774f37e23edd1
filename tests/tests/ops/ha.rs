//! The files of deploy/ha: what can be checked of them without three machines. `cargo xtask chaos --ha` runs them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use raceday_tests::repository::{path, program, read, yaml};
use serde_json::Value;

/// The example's settings filled in, as a person would.
fn filled_in(folder: &Path) -> std::path::PathBuf {
    let addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].iter().cycle();
    let example = read("deploy/ha/node.env.example");
    let lines = example.lines().zip(addresses).map(|(line, address)| match line.strip_suffix('=') {
        Some(name) => format!("{name}={address}"),
        None => line.to_owned(),
    });
    let file = folder.join("node.env");
    std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    file
}

fn compose(env_file: &str, arguments: &[&str]) -> (bool, String, String) {
    let mut compose = Command::new(program("docker-compose"));
    compose.current_dir(path("")).args(["--env-file", env_file, "--file", "deploy/ha/compose.yml", "config"]);
    let output = compose.args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn docker_compose_accepts_a_node_that_is_filled_in_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (good, node, error) = compose(filled_in(folder.path()).to_str().unwrap(), &["--format", "json"]);
    assert!(good, "{error}");
    let node: Value = serde_json::from_str(&node).unwrap();
    assert_eq!(node["name"], "raceday-node1");
    let (good, _, error) = compose("deploy/ha/node.env.example", &["--quiet"]);
    assert!(!good && error.contains("set it in node.env"), "{error}");
}

#[test]
fn haproxy_accepts_its_configuration_with_the_variables_that_compose_sets() {
    let services = yaml("deploy/ha/compose.yml")["services"].clone();
    let set = services["haproxy"]["environment"].as_object().unwrap();
    let configuration = read("deploy/ha/haproxy.cfg");
    let read: BTreeSet<&str> = configuration.split("${").skip(1).map(|rest| rest.split_once('}').unwrap().0).collect();
    assert_eq!(read, set.keys().map(String::as_str).collect(), "variables of haproxy.cfg and compose.yml");
    let mut check = Command::new(program("haproxy"));
    check.args(["-c", "-f"]).arg(path("deploy/ha/haproxy.cfg"));
    for name in read {
        check.env(name, if name.ends_with("_PORT") { "5000" } else { "127.0.0.1" });
    }
    let output = check.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn patronis_times_leave_room_for_retries_before_the_lock_expires() {
    let patroni = yaml("deploy/ha/patroni.yml");
    let dcs = &patroni["bootstrap"]["dcs"];
    let seconds = |name: &str| dcs[name].as_i64().unwrap();
    let (ttl, wait, retry) = (seconds("ttl"), seconds("loop_wait"), seconds("retry_timeout"));
    assert!(ttl >= 20 && wait >= 1 && retry >= 3 && wait + 2 * retry <= ttl, "{ttl}, {wait}, {retry}");
    assert_eq!((&dcs["synchronous_mode"], &dcs["failsafe_mode"]), (&"quorum".into(), &true.into()));
}
