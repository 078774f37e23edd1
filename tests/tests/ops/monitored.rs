//! A Prometheus with the repository's rules that scrapes postgres_exporter, node_exporter and, if there is one, a fetcher.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use raceday_stack::{Fetcher, Postgres, Process, ProcessSpec, free_port, http_get, http_ok};
use raceday_tests::PATIENCE;
use raceday_tests::http::port_of;
use raceday_tests::repository::{self, program, yaml};
use serde_json::Value;
use tempfile::TempDir;

/// The running Prometheus and exporters; what they scrape must outlive them.
pub struct Monitored {
    url: String,
    // Dropped in this order: each before what it reads.
    _prometheus: Process,
    _exporters: [Process; 2],
    _folder: TempDir,
}

impl Monitored {
    /// Starts all, scraping and evaluating once per second.
    pub fn start(postgres: &Postgres, fetcher: Option<&Fetcher>) -> Self {
        let fetcher = fetcher.map(|fetcher| ("fetcher", port_of(&fetcher.url())));
        Self::start_with(postgres, fetcher.as_slice())
    }

    /// Starts all, scraping these jobs' ports as well.
    pub fn start_with(postgres: &Postgres, jobs: &[(&str, u16)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (exporter, exporter_port) = exporter(folder.path(), postgres);
        let (node, node_port) = node_exporter(folder.path());
        let jobs = [&[("postgres", exporter_port), ("node", node_port)], jobs].concat();
        let (prometheus, port) = prometheus(folder.path(), &jobs);
        let url = format!("http://127.0.0.1:{port}");
        Self { url, _prometheus: prometheus, _exporters: [exporter, node], _folder: folder }
    }

    /// The series that an expression currently yields. Fails with Prometheus' error if the expression is invalid.
    pub fn query(&self, expression: &str) -> anyhow::Result<Vec<Value>> {
        let response: Value = ureq::get(format!("{}/api/v1/query", self.url))
            .query("query", expression)
            .config()
            .http_status_as_error(false)
            .build()
            .call()?
            .body_mut()
            .read_to_string()
            .map(|text| serde_json::from_str(&text))??;
        match response["data"]["result"].as_array() {
            // NaN, from a histogram without observations, is not a value.
            Some(series) => Ok(series.iter().filter(|one| one["value"][1] != "NaN").cloned().collect()),
            None => anyhow::bail!("{expression}: {}", response["error"]),
        }
    }

    /// Whether an alert is firing.
    pub fn is_firing(&self, alert: &str) -> anyhow::Result<bool> {
        Ok(!self.query(&format!("ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}"))?.is_empty())
    }

    /// The names of all metrics that were scraped.
    pub fn metric_names(&self) -> BTreeSet<String> {
        let (_, body) = http_get(&format!("{}/api/v1/label/__name__/values", self.url)).unwrap();
        let response: Value = serde_json::from_str(&body).unwrap();
        response["data"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }
}

fn exporter(folder: &Path, postgres: &Postgres) -> (Process, u16) {
    let port = free_port().unwrap();
    let mut command = Command::new(program("prometheus-postgres-exporter"));
    command
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .env("DATA_SOURCE_URI", format!("127.0.0.1:{}/raceday?sslmode=disable", postgres.port()))
        .env("DATA_SOURCE_USER", "raceday_monitor")
        .env("DATA_SOURCE_PASS", postgres.password("raceday_monitor"))
        .env("PG_EXPORTER_EXTEND_QUERY_PATH", repository::path("deploy/prometheus/postgres-exporter-queries.yaml"));
    (started("postgres_exporter", command, folder, &format!("http://127.0.0.1:{port}/metrics")), port)
}

/// With the options of docker-compose.yml, except for the place of the machine's files.
fn node_exporter(folder: &Path) -> (Process, u16) {
    let port = free_port().unwrap();
    let compose = yaml("docker-compose.yml");
    let options = compose["services"]["node-exporter"]["command"].as_array().unwrap().iter();
    let options = options.map(|option| option.as_str().unwrap().replace("$$", "$"));
    let mut command = Command::new(program("prometheus-node-exporter"));
    command.args(options.filter(|option| !option.starts_with("--path.rootfs")));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    (started("node_exporter", command, folder, &format!("http://127.0.0.1:{port}/metrics")), port)
}

fn prometheus(folder: &Path, jobs: &[(&str, u16)]) -> (Process, u16) {
    let port = free_port().unwrap();
    let job = |(name, port): &(&str, u16)| {
        format!("- {{job_name: {name}, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n")
    };
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\nscrape_configs:\n{}",
        repository::path("deploy/prometheus/rules.yml").display(),
        jobs.iter().map(job).collect::<String>(),
    );
    let path = folder.join("prometheus.yml");
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new(program("prometheus"));
    command.arg(format!("--config.file={}", path.display()));
    command.arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    (started("Prometheus", command, folder, &format!("http://127.0.0.1:{port}/-/ready")), port)
}

fn started(name: &str, command: Command, folder: &Path, ready: &str) -> Process {
    let mut process = Process::start(ProcessSpec::new(name, command, folder.join(format!("{name}.log")))).unwrap();
    process.wait_ready(PATIENCE, || http_ok(ready)).unwrap();
    process
}
