//! What the containers may do.

use raceday_tests::repository::yaml;
use serde_json::Value;

use crate::project::Project;

#[test]
fn no_process_is_root_or_has_a_capability_or_a_writable_system() {
    let project = Project::shared();
    let containers = project.containers("");
    assert!(containers.len() >= 12, "{} containers", containers.len());
    for (service, container) in containers {
        let host = &container["HostConfig"];
        assert_eq!(host["ReadonlyRootfs"], true, "{service}");
        assert_eq!(host["CapDrop"], Value::from(vec!["ALL"]), "{service}");
        assert_eq!(host["CapAdd"], Value::Null, "{service}");
        let pid = container["State"]["Pid"].as_u64().unwrap();
        // migrate and key have ended.
        if pid == 0 {
            assert!(
                !["", "root", "0"].contains(&container["Config"]["User"].as_str().unwrap()),
                "{service} ran as root"
            );
            continue;
        }
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{service} has no {name}")).trim().to_owned()
        };
        assert!(!field("Uid:").split_whitespace().any(|id| id == "0"), "{service} runs as root");
        assert_eq!(field("NoNewPrivs:"), "1", "{service}");
        for set in ["CapEff:", "CapPrm:", "CapBnd:"] {
            assert_eq!(field(set), "0000000000000000", "{service} {set}");
        }
    }
}

/// An image's VOLUME that no service mounts leaves one without a name at each `up`.
#[test]
fn every_volume_is_named_by_the_file() {
    let project = Project::shared();
    let named = yaml("docker-compose.yml")["volumes"].as_object().unwrap().clone();
    project.compose("up --detach --force-recreate --no-deps node-exporter");
    let volumes = project.shell("docker volume ls --quiet");
    assert_eq!(volumes.lines().count(), named.len(), "{volumes}");
    for volume in volumes.lines() {
        let name = volume.strip_prefix("raceday_").unwrap_or_else(|| panic!("{volume} has no name"));
        assert!(named.contains_key(name), "{volume}");
    }
}
