//! The project under test: a clone made under umask 077, started as docs/runbooks/deploy.md says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use raceday_stack::{Layout, wait_until};
use raceday_tests::http::{Response, request};
use raceday_tests::{PATIENCE, repository};
use serde_json::Value;

/// Builds the images, creates the database and waits for it: longer than for anything else.
const START: Duration = Duration::from_mins(5);
const URL: &str = "http://127.0.0.1:8080";

/// A clone of the repository, and its containers.
pub struct Project {
    pub folder: PathBuf,
}

impl Project {
    /// The project, all of whose services are healthy.
    pub fn shared() -> &'static Self {
        static PROJECT: OnceLock<Project> = OnceLock::new();
        let project = PROJECT.get_or_init(Self::start);
        project.wait_healthy();
        project
    }

    fn start() -> Self {
        let base = std::env::var_os("RACEDAY_COMPOSE_BASE");
        let base = base.expect("no Docker engine: run `cargo xtask test --only compose`");
        let work = Layout::of_workspace().local("compose");
        std::fs::remove_dir_all(&work).ok();
        let project = Self { folder: work.join("raceday") };
        let mut make = Command::new(repository::path("tests/compose/project.sh"));
        make.arg(&work).arg(base).arg(std::env::var_os("RACEDAY_COMPOSE_POSTRUST").unwrap());
        make.arg(repository::built("raceday-fetcher").parent().unwrap());
        make.arg(Layout::of_workspace().prefix().unwrap().root());
        run(&mut make);
        // What an earlier run left: its containers have no processes any more.
        project.shell("docker container prune --force && docker volume prune --force && docker network prune --force");
        let deploy = blocks("deploy.md");
        project.shell(&deploy[0]);
        project.set(&[
            ("NZTAB_FROM", "tests@raceday.example"),
            ("NZTAB_PARTNER", "tests"),
            ("NZTAB_API_URL", "http://simulator:9400"),
            ("RACEDAY_ARCHIVE_DIR", "archive"),
            ("COMPOSE_PROFILES", "demo"),
        ]);
        project.shell(&deploy[1]);
        project
    }

    /// Changes settings in .env.
    pub fn set(&self, settings: &[(&str, &str)]) {
        let path = self.folder.join(".env");
        let mut lines: Vec<String> = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        for (name, value) in settings {
            lines.retain(|line| line.split('=').next() != Some(name));
            lines.push(format!("{name}={value}"));
        }
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    }

    /// Runs commands as pasted into a shell in the project's folder. Fails when one of them fails; returns what they print.
    pub fn shell(&self, commands: &str) -> String {
        let mut bash = Command::new("bash");
        bash.args(["-eu", "-c", commands]).current_dir(&self.folder).env("HOME", self.folder.parent().unwrap());
        let output = run(&mut bash);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// `docker compose ARGUMENTS`.
    pub fn compose(&self, arguments: &str) -> String {
        self.shell(&format!("docker compose {arguments}"))
    }

    /// Runs SQL as the superuser, as the runbooks do; returns rows without a frame, and messages.
    pub fn sql(&self, sql: &str) -> String {
        self.compose(&format!("exec -T db psql -U postgres -X -A -t raceday -c \"{sql}\"")).trim().to_owned()
    }

    /// `docker inspect` of a service's container.
    pub fn inspect(&self, service: &str) -> Value {
        let (_, container) = self.containers(service).pop().unwrap();
        container
    }

    /// The names of services and `docker inspect` of their containers: of all, or of those that are named.
    pub fn containers(&self, services: &str) -> Vec<(String, Value)> {
        let text = self.shell(&format!("docker inspect $(docker compose ps --all --quiet {services})"));
        let containers: Vec<Value> = serde_json::from_str(&text).unwrap();
        let name =
            |container: &Value| container["Config"]["Labels"]["com.docker.compose.service"].as_str().map(str::to_owned);
        containers.into_iter().map(|container| (name(&container).expect("a service"), container)).collect()
    }

    /// The address of a service in the containers' network.
    pub fn address(&self, service: &str) -> String {
        let networks = &self.inspect(service)["NetworkSettings"]["Networks"];
        networks["raceday_default"]["IPAddress"].as_str().unwrap().to_owned()
    }

    /// Waits until every service is healthy, and those that end have ended well.
    pub fn wait_healthy(&self) {
        let mut last = Vec::new();
        let waited = wait_until("every service to be healthy", START, || {
            last = self.unhealthy();
            Ok(last.is_empty())
        });
        assert!(waited.is_ok(), "{last:?}\n{}", self.compose("logs --tail 15"));
    }

    fn unhealthy(&self) -> Vec<String> {
        let mut unhealthy = Vec::new();
        for (service, container) in self.containers("") {
            let state = &container["State"];
            let is_well = match state["Health"]["Status"].as_str() {
                Some(health) => health == "healthy" && state["Status"] == "running",
                None => state["Status"] == "exited" && state["ExitCode"] == 0,
            };
            if !is_well {
                unhealthy.push(format!("{service}: {} {}", state["Status"], state["Health"]["Status"]));
            }
        }
        unhealthy
    }

    /// A GET request to nginx.
    pub fn get(&self, path: &str) -> Response {
        request("GET", &format!("{URL}{path}"), &[], None)
    }

    /// Waits until nginx returns this status for a path.
    pub fn wait_status(&self, path: &str, status: u16) {
        wait_until(&format!("{status} from {path}"), PATIENCE, || Ok(self.get(path).status == status)).unwrap();
    }

    /// Waits until the fetcher has staged more payloads than there are now.
    pub fn wait_polled(&self) {
        let count = || self.sql("select count(*) from raceday.staged_payloads").parse::<u64>().unwrap();
        let before = count();
        wait_until("a poll", PATIENCE, || Ok(count() > before)).unwrap();
    }
}

/// The shell blocks of a runbook.
pub fn blocks(runbook: &str) -> Vec<String> {
    let page = repository::read(&format!("docs/runbooks/{runbook}"));
    page.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0.to_owned()).collect()
}

/// Every runbook with a shell block.
pub fn runbooks() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(repository::path("docs/runbooks"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "md"))
        .collect();
    names.sort();
    names
}

fn run(command: &mut Command) -> Output {
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
