//! The demo next to the product.

use std::time::Duration;

use raceday_stack::{http_get, wait_until};
use serde_json::Value;

use crate::project::Project;

const DEMO: &str = "docker compose --env-file deploy/demo.env";
/// What belongs to the product.
const PRODUCT: &str = "docker ps --all --no-trunc --quiet --filter label=com.docker.compose.project=raceday | sort; \
                       docker volume ls --quiet --filter label=com.docker.compose.project=raceday | sort; \
                       docker network ls --quiet --filter label=com.docker.compose.project=raceday; \
                       docker images --no-trunc --quiet --filter reference='raceday-*:0.3.0' | sort";

#[test]
fn the_demo_shows_simulated_races_and_touches_nothing_of_the_product() {
    let project = Project::shared();
    let before = project.shell(PRODUCT);
    assert!(before.lines().count() > 20, "{before}");
    project.shell(&format!("{DEMO} up --build --detach"));
    wait_until("a race of the demo", Duration::from_mins(4), || {
        let Ok((200, body)) = http_get("http://127.0.0.1:8090/api/races/upcoming") else { return Ok(false) };
        Ok(serde_json::from_str::<Value>(&body)?["total"].as_u64() > Some(0))
    })
    .unwrap();
    let (status, page) = http_get("http://127.0.0.1:8090/").unwrap();
    assert!(status == 200 && page.contains("<html"), "{status}");
    project.shell(&format!("{DEMO} down --volumes"));
    assert_eq!(project.shell(PRODUCT), before);
    assert_eq!(project.get("/api/meetings").status, 200);
}
