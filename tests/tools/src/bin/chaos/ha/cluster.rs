//! The cluster: etcd, three nodes, and HAProxy in front of them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use postgres::{Client, NoTls};
use raceday_stack::{Fetcher, Layout, Process, ProcessSpec, Signal, free_port, http_get, http_ok, wait_until};
use raceday_tests::repository::program;
use serde_json::{Value, json};

use super::Replication;
use super::node::{Common, Node};

const START_WITHIN: Duration = Duration::from_mins(3);

/// The running cluster.
#[derive(Debug)]
pub struct Cluster {
    // Dropped in this order: Patroni stops PostgreSQL while etcd is there.
    _haproxy: Process,
    /// The nodes, by number.
    pub nodes: Vec<Node>,
    etcd: Process,
    common: Common,
    writers_port: u16,
    readers_port: u16,
}

impl Cluster {
    /// Starts everything and waits until two standbys follow the primary.
    pub fn start(layout: &Layout, folder: &Path, replication: Replication) -> Result<Self> {
        let etcd_port = free_port()?;
        let common = Common {
            db_port: free_port()?,
            api_port: free_port()?,
            etcd: format!("127.0.0.1:{etcd_port}"),
            password: "chaos".into(),
        };
        let etcd = start_etcd(folder, etcd_port)?;
        let nodes: Vec<Node> =
            (1..=3).map(|number| Node::start(layout, folder, number, &common)).collect::<Result<_>>()?;
        let (writers_port, readers_port) = (free_port()?, free_port()?);
        let haproxy = start_haproxy(layout, folder, &common, &nodes, writers_port, readers_port)?;
        let cluster = Self { _haproxy: haproxy, nodes, etcd, common, writers_port, readers_port };
        cluster.wait_healthy(START_WITHIN)?;
        if replication == Replication::Asynchronous {
            cluster.leader()?.patch("config", &json!({"synchronous_mode": false}))?;
            wait_until("replication to be asynchronous", START_WITHIN, || {
                let (_, cluster) = http_get(&format!("{}/cluster", cluster.nodes[0].api()))?;
                Ok(!cluster.contains("quorum_standby"))
            })?;
        }
        Ok(cluster)
    }

    /// Creates the database and its schema, and sets the roles' passwords.
    pub fn migrate(&self, layout: &Layout) -> Result<()> {
        let mut client = Client::connect(&self.address(self.writers_port, "postgres", "postgres"), NoTls)?;
        client.batch_execute("create database raceday")?;
        let mut variables = vec![("DATABASE_URL".to_owned(), self.url("postgres"))];
        for role in ["FETCHER", "AUTHENTICATOR"] {
            variables.push((format!("RACEDAY_{role}_PASSWORD"), self.common.password.clone()));
        }
        Fetcher::command(&layout.built("raceday-fetcher")?, &["migrate"], &variables)?;
        Ok(())
    }

    /// The address for writers, as fetchers use it.
    pub fn url(&self, role: &str) -> String {
        format!("{}?target_session_attrs=read-write", self.address(self.writers_port, role, "raceday"))
    }

    /// The address for readers.
    pub fn readers(&self, role: &str) -> String {
        self.address(self.readers_port, role, "raceday")
    }

    /// The superuser's address for writers.
    pub fn writers(&self) -> String {
        self.url("postgres")
    }

    /// A session of the superuser on the primary.
    pub fn connect(&self) -> Result<Client> {
        Client::connect(&self.address(self.writers_port, "postgres", "raceday"), NoTls).context("no primary")
    }

    fn address(&self, port: u16, role: &str, database: &str) -> String {
        format!("postgres://{role}:{}@127.0.0.1:{port}/{database}", self.common.password)
    }

    /// The number of the node that is the primary.
    pub fn leader_number(&self) -> Result<usize> {
        let members = self.members().context("no node responds")?;
        let name = |member: &Value| member["name"].as_str().map(str::to_owned);
        let leader = members.iter().find(|member| member["role"] == "leader").and_then(name);
        let leader = leader.context("there is no primary")?;
        self.nodes.iter().position(|node| node.name == leader).context("an unknown primary")
    }

    /// The node that is the primary.
    pub fn leader(&self) -> Result<&Node> {
        Ok(&self.nodes[self.leader_number()?])
    }

    /// Stops etcd's process without ending it, or lets it go on.
    pub fn signal_etcd(&mut self, signal: Signal) -> Result<()> {
        self.etcd.signal(signal)
    }

    /// Waits until there is a primary and two standbys follow it.
    pub fn wait_healthy(&self, limit: Duration) -> Result<()> {
        let mut last = None;
        let waited = wait_until("a primary and two standbys that follow it", limit, || {
            last = self.members();
            let members = last.as_deref().unwrap_or_default();
            let count = |key: &str, value: &str| members.iter().filter(|member| member[key] == value).count();
            let known =
                count("role", "leader") == 1 && count("state", "running") == 1 && count("state", "streaming") == 2;
            // What Patroni knows may be some seconds old.
            Ok(known && self.standbys().is_some_and(|standbys| standbys == 2))
        });
        waited.with_context(|| format!("{last:?}"))
    }

    /// How many standbys follow, as the primary knows.
    fn standbys(&self) -> Option<i64> {
        let address = self.address(self.writers_port, "postgres", "postgres");
        let mut client = Client::connect(&format!("{address}?connect_timeout=2"), NoTls).ok()?;
        let sql = "select count(*) from pg_stat_replication where state = 'streaming'";
        client.query_one(sql, &[]).ok().map(|row| row.get(0))
    }

    /// The members as the first node that responds knows them.
    fn members(&self) -> Option<Vec<Value>> {
        let of = |node: &Node| {
            let (_, body) = http_get(&format!("{}/cluster", node.api())).ok()?;
            serde_json::from_str::<Value>(&body).ok()?["members"].as_array().cloned()
        };
        self.nodes.iter().find_map(of)
    }
}

impl Node {
    /// A request with a body to Patroni's API. Fails with its response unless that is a success.
    pub fn post(&self, path: &str, body: &Value) -> Result<()> {
        request(ureq::http::Method::POST, &format!("{}/{path}", self.api()), body)
    }

    /// The same with PATCH.
    pub fn patch(&self, path: &str, body: &Value) -> Result<()> {
        request(ureq::http::Method::PATCH, &format!("{}/{path}", self.api()), body)
    }
}

fn request(method: ureq::http::Method, url: &str, body: &Value) -> Result<()> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = ureq::http::Request::builder().method(method).uri(url).body(body.to_string())?;
    let mut response = agent.run(request).with_context(|| url.to_owned())?;
    if !response.status().is_success() {
        bail!("{url}: {} {}", response.status(), response.body_mut().read_to_string()?);
    }
    Ok(())
}

fn start_etcd(folder: &Path, port: u16) -> Result<Process> {
    let (client, peer) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{}", free_port()?));
    let mut command = Command::new(program("etcd"));
    command.arg("--data-dir").arg(folder.join("etcd"));
    command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client, "--listen-peer-urls", &peer]);
    let mut etcd = Process::start(ProcessSpec::new("etcd", command, folder.join("etcd.log")))?;
    etcd.wait_ready(Duration::from_secs(30), || http_ok(&format!("{client}/health")))?;
    Ok(etcd)
}

fn start_haproxy(
    layout: &Layout,
    folder: &Path,
    common: &Common,
    nodes: &[Node],
    writers_port: u16,
    readers_port: u16,
) -> Result<Process> {
    let mut command = Command::new(program("haproxy"));
    command.arg("-db").arg("-f").arg(layout.root().join("deploy/ha/haproxy.cfg"));
    command.env("RACEDAY_HA_ADDRESS", "127.0.0.1");
    let ports =
        [("WRITERS", writers_port), ("READERS", readers_port), ("DB", common.db_port), ("API", common.api_port)];
    for (name, port) in ports {
        command.env(format!("RACEDAY_HA_{name}_PORT"), port.to_string());
    }
    for (node, number) in nodes.iter().zip(1..) {
        command.env(format!("RACEDAY_HA_NODE{number}"), node.address.to_string());
    }
    Process::start(ProcessSpec::new("haproxy", command, folder.join("haproxy.log")))
}
