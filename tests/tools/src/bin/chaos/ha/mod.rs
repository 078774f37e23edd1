//! `cargo xtask chaos --ha`: three nodes with Patroni, as deploy/ha has them, which fail in turn in six ways.
//!
//! With synchronous replication nothing may be lost, staged twice or different from a rebuild, as in the run on one
//! server, and no write that was acknowledged may be missing. With asynchronous replication the loss is shown.

mod cluster;
mod fault;
mod node;
mod probes;
mod report;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use raceday_stack::{
    Fetcher, Layout, Rest, RestOptions, RestServer, Simulator, SimulatorOptions, free_port, wait_until,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use self::cluster::Cluster;
use self::fault::Fault;
use self::probes::Probes;
use self::report::{Event, Report};
use crate::Arguments;
use crate::system::{self, Ended};
use crate::{evidence, tables};

/// What the cluster may take to recover from a fault.
const RECOVER_WITHIN: Duration = Duration::from_mins(3);

/// Whether a commit waits for a standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replication {
    /// A commit waits for one of two standbys.
    Synchronous,
    /// A commit waits for none.
    Asynchronous,
}

/// Runs all of it and prints a table per kind of replication; returns whether nothing is wrong.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let mut good = one(arguments, Replication::Synchronous, arguments.kills)?;
    if arguments.asynchronous_kills > 0 {
        good &= one(arguments, Replication::Asynchronous, arguments.asynchronous_kills)?;
    }
    println!("{}", if good { "nothing lost, duplicated or different" } else { "LOST, DUPLICATED OR DIFFERENT" });
    Ok(good)
}

fn one(arguments: &Arguments, replication: Replication, faults: u32) -> Result<bool> {
    let mut random = ChaCha8Rng::seed_from_u64(arguments.seed);
    println!("{replication:?} replication, seed {}, {faults} faults", arguments.seed);
    let mut system = HaSystem::start(arguments, replication)?;
    let probes = Probes::start(system.cluster.writers(), system.rest.url());
    let mut report = Report::default();
    for number in 0..faults {
        let fault = Fault::nth(number);
        std::thread::sleep(Duration::from_millis(random.random_range(100..=arguments.gap_ms)));
        let late_before = system.polls_missed();
        let begin = Instant::now();
        let undo = fault.inject(&mut system.cluster)?;
        system.recover(&probes, fault, undo).with_context(|| format!("{fault}, fault {}", number + 1))?;
        let event = Event {
            fault,
            without_writes: probes.writes.longest_gap(begin),
            without_reads: probes.reads.longest_gap(begin),
            polls_late: system.polls_missed().saturating_sub(late_before),
        };
        println!("{:>4}  {event}", number + 1);
        report.add(event);
    }
    let acknowledged = probes.stop();
    system.finish(&mut report, replication, &acknowledged)
}

/// The cluster with everything that uses it.
struct HaSystem {
    fetcher: Fetcher,
    rest: Rest,
    simulator: Simulator,
    cluster: Cluster,
    folder: TempDir,
}

impl HaSystem {
    fn start(arguments: &Arguments, replication: Replication) -> Result<Self> {
        let layout = Layout::of_workspace();
        let folder = tempfile::Builder::new().prefix("raceday-ha").tempdir()?;
        let cluster = Cluster::start(&layout, folder.path(), replication)?;
        let simulator = Simulator::start(&SimulatorOptions {
            program: layout.built("nztab-sim")?,
            port: free_port()?,
            seed: arguments.seed,
            speed: arguments.speed,
            arguments: vec!["--races-soon".into()],
            log: folder.path().join("simulator.log"),
        })?;
        cluster.migrate(&layout)?;
        let mut client = cluster.connect()?;
        client.batch_execute(&system::clock_sql(&layout, &simulator, arguments.speed)?)?;
        client.batch_execute("create schema chaos; create table chaos.writes (number bigint primary key)")?;
        let fetcher = system::start_fetcher(&layout, cluster.url("raceday_fetcher"), &simulator, &folder, 0)?;
        let rest = Rest::start(&RestOptions {
            server: RestServer::find(&layout)?,
            conf: layout.root().join("postgrest.conf"),
            database_url: cluster.readers("authenticator"),
            port: free_port()?,
            admin_port: free_port()?,
            public_url: "http://127.0.0.1".into(),
            log: folder.path().join("rest.log"),
        })?;
        wait_until("the first payloads", RECOVER_WITHIN, || {
            Ok(client.query_one("select count(*) from raceday.staged_payloads", &[])?.get::<_, i64>(0) > 20)
        })?;
        Ok(Self { fetcher, rest, simulator, cluster, folder })
    }

    /// Waits until writes and reads succeed again, ends what the fault left, and waits until all nodes are back.
    fn recover(&mut self, probes: &Probes, fault: Fault, undo: fault::Undo) -> Result<()> {
        let happened = Instant::now();
        fault.hold(happened);
        probes.wait_well(happened, RECOVER_WITHIN)?;
        undo.run(&mut self.cluster)?;
        self.cluster.wait_healthy(RECOVER_WITHIN)?;
        probes.wait_well(Instant::now(), RECOVER_WITHIN)
    }

    fn polls_missed(&self) -> u64 {
        let text = raceday_stack::http_get(&format!("{}/metrics", self.fetcher.url())).map(|(_, text)| text);
        let value = |line: &str| line.strip_prefix("raceday_polls_missed_total ")?.trim().parse().ok();
        text.unwrap_or_default().lines().find_map(value).unwrap_or(0)
    }

    /// Takes stock: what is lost, staged twice or different from a rebuild.
    fn finish(mut self, report: &mut Report, replication: Replication, acknowledged: &[i64]) -> Result<bool> {
        system::settle(&mut self.fetcher)?;
        system::stop(&mut self.fetcher, &self.folder)?;
        let log = self.fetcher.process().log().to_owned();
        let ended = [Ended { identity: system::identity(0), log, killed: false }];
        let mut client = self.cluster.connect()?;
        let account = evidence::account(&ended, &self.simulator.url(), &mut client)?;
        let difference = tables::compare_with_rebuild(&mut client)?;
        let sql = "select count(*) from unnest($1::bigint[]) u (number)
            where not exists (select from chaos.writes w where w.number = u.number)";
        let missing: i64 = client.query_one(sql, &[&acknowledged])?.get(0);
        println!("\n{report}\n\n{account}\n{difference}");
        println!("acknowledged    {:>7}  writes of the probe, {missing} of them missing\n", acknowledged.len());
        let is_whole = account.balances() && missing == 0;
        let good = difference.rows() == 0 && (is_whole || replication == Replication::Asynchronous);
        if !good {
            self.folder.disable_cleanup(true);
            println!("logs: {}", self.folder.path().display());
        }
        Ok(good)
    }
}
