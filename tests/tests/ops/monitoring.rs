//! The dashboard, the rules and the exporter's queries against the real things: PostgreSQL, postgres_exporter, a
//! fetcher that polls a misbehaving TAB, and a Prometheus that scrapes them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use raceday_stack::{
    Fetcher, Layout, Postgres, Process, ProcessSpec, Simulator, SimulatorOptions, free_port, http_get, http_ok,
    wait_until,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::helpers::{program, repository, yaml};

const LIMIT: Duration = Duration::from_mins(1);

/// Series that need REST behind nginx and the blackbox exporter, which do not run here.
const OF_THE_PROBE: [&str; 2] = ["probe_success", "probe_duration_seconds"];

/// One test, since the servers are started once for it and end with it.
#[test]
fn dashboard_rules_and_queries_fit_what_the_running_servers_export() {
    let prometheus = Monitored::start();
    every_panel_of_the_dashboard_shows_something(&prometheus);
    every_rule_reads_metrics_that_exist(&prometheus);
    an_alert_fires_for_a_payload_that_failed_and_none_for_what_is_well(&prometheus);
    the_buckets_reach_beyond_the_alerts_thresholds(&prometheus);
}

fn every_panel_of_the_dashboard_shows_something(prometheus: &Monitored) {
    let expressions = panel_expressions();
    assert!(expressions.len() > 20, "{expressions:?}");
    for (title, expression) in expressions {
        if OF_THE_PROBE.iter().any(|metric| expression.contains(metric)) {
            // Prometheus must understand it all the same.
            prometheus.query(&expression).unwrap_or_else(|error| panic!("panel {title:?}: {error}"));
            continue;
        }
        let what = format!("panel {title:?} to show a series: {expression}");
        wait_until(&what, LIMIT, || Ok(!prometheus.query(&expression)?.is_empty())).unwrap();
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
                "{metric}, read by {}, is exported by nothing",
                rule["alert"]
            );
        }
    }
}

fn an_alert_fires_for_a_payload_that_failed_and_none_for_what_is_well(prometheus: &Monitored) {
    let firing = |name: &str| {
        Ok(!prometheus.query(&format!("ALERTS{{alertname=\"{name}\",alertstate=\"firing\"}}"))?.is_empty())
    };
    wait_until("RacedayPayloadsFailed to fire", LIMIT, || firing("RacedayPayloadsFailed")).unwrap();
    for quiet in [
        "RacedayFetcherDown",
        "RacedayDatabaseDown",
        "RacedayPartitionMissing",
        "RacedayMemoryHigh",
        "RacedayPoolExhausted",
    ] {
        assert!(!firing(quiet).unwrap(), "{quiet} fires");
    }
}

fn the_buckets_reach_beyond_the_alerts_thresholds(prometheus: &Monitored) {
    for (metric, bounds) in
        [("race_processing_seconds_bucket", ["10", "15", "30"]), ("db_write_seconds_bucket", ["2", "5", "10"])]
    {
        for bound in bounds {
            let series = format!("{metric}{{le=\"{bound}\"}}");
            wait_until(&series, LIMIT, || Ok(!prometheus.query(&series)?.is_empty())).unwrap();
        }
    }
}

/// The servers, all of which end when it is dropped.
struct Monitored {
    url: String,
    // Dropped in this order: who reads before what is read.
    _servers: (Process, Process, Fetcher, Simulator, Postgres),
    _folder: TempDir,
}

impl Monitored {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let postgres = crate::helpers::database();
        let simulator = simulator(folder.path());
        let fetcher = fetcher(folder.path(), &postgres, &simulator);
        let (exporter, exporter_port) = exporter(folder.path(), &postgres);
        let fetcher_port: u16 = fetcher.url().rsplit_once(':').unwrap().1.parse().unwrap();
        let (prometheus, port) = prometheus(folder.path(), fetcher_port, exporter_port);
        let url = format!("http://127.0.0.1:{port}");
        Self { url, _servers: (prometheus, exporter, fetcher, simulator, postgres), _folder: folder }
    }

    /// The series that an expression gives now. Fails with Prometheus' own words when it is none.
    fn query(&self, expression: &str) -> anyhow::Result<Vec<Value>> {
        let answer: Value = ureq::get(format!("{}/api/v1/query", self.url))
            .query("query", expression)
            .config()
            .http_status_as_error(false)
            .build()
            .call()?
            .body_mut()
            .read_to_string()
            .map(|text| serde_json::from_str(&text))??;
        match answer["data"]["result"].as_array() {
            // Neither NaN (a histogram without observations) is something to see.
            Some(series) => Ok(series.iter().filter(|one| one["value"][1] != "NaN").cloned().collect()),
            None => anyhow::bail!("{expression}: {}", answer["error"]),
        }
    }

    fn metric_names(&self) -> BTreeSet<String> {
        let (_, body) = http_get(&format!("{}/api/v1/label/__name__/values", self.url)).unwrap();
        let answer: Value = serde_json::from_str(&body).unwrap();
        answer["data"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }
}

fn simulator(folder: &Path) -> Simulator {
    let layout = Layout::of_workspace();
    let faults = r#"{"path": "/events/", "server_error": {"probability": 0.2}, "garbage_body": {"probability": 0.2}}"#;
    let arguments = ["--races-soon", "--faults", faults].map(str::to_owned).to_vec();
    let (program, port) = (layout.built("nztab-sim").unwrap(), free_port().unwrap());
    let options = SimulatorOptions { program, port, seed: 5, speed: 1.0, arguments, log: folder.join("simulator.log") };
    Simulator::start(&options).unwrap()
}

fn fetcher(folder: &Path, postgres: &Postgres, simulator: &Simulator) -> Fetcher {
    let settings = [
        ("DATABASE_URL", postgres.url("raceday_fetcher", "raceday")),
        ("NZTAB_API_URL", simulator.url()),
        ("NZTAB_FROM", "tests@example.org".to_owned()),
        ("NZTAB_PARTNER", "Raceday tests".to_owned()),
        ("NZTAB_PARTNER_ID", "tests".to_owned()),
        ("RACEDAY_SPOOL_DIR", folder.join("spool").display().to_string()),
        ("RACEDAY_BREAKER_FAILURES", "1000".to_owned()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value));
    let program = Layout::of_workspace().built("raceday-fetcher").unwrap();
    Fetcher::start(&program, &settings, free_port().unwrap(), folder.join("fetcher.log")).unwrap()
}

fn exporter(folder: &Path, postgres: &Postgres) -> (Process, u16) {
    let port = free_port().unwrap();
    let mut command = Command::new(program("prometheus-postgres-exporter"));
    command
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .env("DATA_SOURCE_URI", format!("127.0.0.1:{}/raceday?sslmode=disable", postgres.port()))
        .env("DATA_SOURCE_USER", "raceday_monitor")
        .env("DATA_SOURCE_PASS", postgres.password("raceday_monitor"))
        .env("PG_EXPORTER_EXTEND_QUERY_PATH", repository().join("deploy/prometheus/postgres-exporter-queries.yaml"));
    (started("postgres_exporter", command, folder, &format!("http://127.0.0.1:{port}/metrics")), port)
}

fn prometheus(folder: &Path, fetcher: u16, exporter: u16) -> (Process, u16) {
    let port = free_port().unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: ['{}']\n\
         scrape_configs:\n\
         - {{job_name: fetcher, static_configs: [{{targets: ['127.0.0.1:{fetcher}']}}]}}\n\
         - {{job_name: postgres, static_configs: [{{targets: ['127.0.0.1:{exporter}']}}]}}\n",
        repository().join("deploy/prometheus/rules.yml").display()
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
    process.wait_ready(Duration::from_mins(1), || http_ok(ready)).unwrap();
    process
}

/// Every expression of the dashboard with its panel's title; Grafana's own variables as Grafana would fill them.
fn panel_expressions() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(repository().join("deploy/grafana/dashboards/raceday.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut expressions = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "prometheus", "{}", panel["title"]);
            let expression = target["expr"].as_str().unwrap().replace("$__rate_interval", "1m");
            assert!(!expression.contains('$'), "{expression} has a variable that nothing fills");
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

/// The metrics that an expression reads: words outside of braces and brackets that are neither functions nor keywords.
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
