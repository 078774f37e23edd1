//! A node: Patroni and the PostgreSQL that it runs.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use raceday_stack::{Layout, Process, ProcessSpec, Signal, unprivileged};
use rustix::process::{Pid, kill_process, test_kill_process};

/// What the nodes of a cluster have in common.
#[derive(Debug, Clone)]
pub struct Common {
    /// The port of PostgreSQL on every node's address.
    pub db_port: u16,
    /// The port of Patroni's API on every node's address.
    pub api_port: u16,
    /// etcd's address.
    pub etcd: String,
    /// The superuser's password.
    pub password: String,
}

/// A node; its processes end with it.
#[derive(Debug)]
pub struct Node {
    /// As Patroni knows it.
    pub name: String,
    /// Its own loopback address.
    pub address: Ipv4Addr,
    folder: PathBuf,
    common: Common,
    layout: Layout,
    patroni: Option<Process>,
}

impl Node {
    /// Starts Patroni, which makes a cluster or joins it.
    pub fn start(layout: &Layout, folder: &Path, number: u8, common: &Common) -> Result<Self> {
        let name = format!("node{number}");
        let folder = folder.join(&name);
        std::fs::create_dir_all(&folder)?;
        let address = Ipv4Addr::new(127, 0, 0, 10 + number);
        let mut node = Self { name, address, folder, common: common.clone(), layout: layout.clone(), patroni: None };
        node.start_again()?;
        Ok(node)
    }

    /// Starts Patroni again after it was killed.
    pub fn start_again(&mut self) -> Result<()> {
        let prefix = self.layout.prefix()?;
        let mut command = unprivileged("python3");
        command.args(["-m", "patroni"]).arg(self.layout.root().join("deploy/ha/patroni.yml"));
        command.env("PYTHONPATH", self.layout.python_packages("deploy/ha/requirements.txt")?);
        if let Some(libraries) = prefix.ld_library_path() {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let bin = prefix.program("postgres").parent().context("postgres has no folder")?.to_owned();
        let Common { db_port, api_port, etcd, password } = &self.common;
        let (database, api) = (format!("{}:{db_port}", self.address), format!("{}:{api_port}", self.address));
        let texts = [
            ("NAME", self.name.as_str()),
            ("ETCD3_HOSTS", etcd),
            ("RESTAPI_LISTEN", &api),
            ("RESTAPI_CONNECT_ADDRESS", &api),
            ("POSTGRESQL_LISTEN", &database),
            ("POSTGRESQL_CONNECT_ADDRESS", &database),
            ("SUPERUSER_USERNAME", "postgres"),
            ("SUPERUSER_PASSWORD", password),
            ("REPLICATION_USERNAME", "replicator"),
            ("REPLICATION_PASSWORD", password),
        ];
        for (name, value) in texts {
            command.env(format!("PATRONI_{name}"), value);
        }
        command.env("PATRONI_POSTGRESQL_BIN_DIR", bin);
        command.env("PATRONI_POSTGRESQL_DATA_DIR", self.folder.join("data"));
        command.env("PATRONI_POSTGRESQL_PGPASS", self.folder.join("pgpass"));
        let mut spec = ProcessSpec::new(&self.name, command, self.folder.with_extension("log"));
        spec.grace = Duration::from_mins(1);
        self.patroni = Some(Process::start(spec)?);
        Ok(())
    }

    /// The base URL of Patroni's API.
    pub fn api(&self) -> String {
        format!("http://{}:{}", self.address, self.common.api_port)
    }

    /// Kills PostgreSQL (SIGKILL of the postmaster, which ends the others).
    pub fn kill_postgres(&self) -> Result<()> {
        signal(self.postmaster().context("PostgreSQL does not run")?, Signal::KILL)
    }

    /// Kills Patroni and PostgreSQL.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut patroni) = self.patroni.take() {
            patroni.kill()?;
        }
        self.kill_postgres()
    }

    /// Sends a signal to Patroni and to every process of PostgreSQL.
    pub fn signal_all(&mut self, to_all: Signal) -> Result<()> {
        let postmaster = self.postmaster().context("PostgreSQL does not run")?;
        if let Some(patroni) = &mut self.patroni {
            patroni.signal(to_all)?;
        }
        for pid in std::iter::once(postmaster).chain(children(postmaster)?) {
            // A backend may have ended meanwhile.
            let _ = signal(pid, to_all);
        }
        Ok(())
    }

    fn postmaster(&self) -> Option<Pid> {
        let text = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).ok()?;
        let pid = Pid::from_raw(text.lines().next()?.trim().parse().ok()?)?;
        test_kill_process(pid).ok().map(|()| pid)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // In case a test failed while the node was stopped.
        let _ = self.signal_all(Signal::CONT);
        if let Some(mut patroni) = self.patroni.take()
            && let Err(error) = patroni.stop()
        {
            eprintln!("{}: {error:#}", self.name);
        }
        // What a Patroni that was killed has left.
        if let Some(postmaster) = self.postmaster() {
            let _ = signal(postmaster, Signal::QUIT);
        }
    }
}

fn signal(pid: Pid, signal: Signal) -> Result<()> {
    kill_process(pid, signal).with_context(|| format!("cannot signal process {}", pid.as_raw_nonzero()))
}

/// The processes whose parent is this one.
fn children(parent: Pid) -> Result<Vec<Pid>> {
    let path = format!("/proc/{0}/task/{0}/children", parent.as_raw_nonzero());
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    Ok(text.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect())
}
