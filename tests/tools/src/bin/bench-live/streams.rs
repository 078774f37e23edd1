//! From the commit to the clients, and the memory of clients.

use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use postgres::Client;
use raceday_tests::PATIENCE;
use raceday_tests::database::{database_with, scratch};
use raceday_tests::hub::{HubScene, PolledRace};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::clients::{self, Arrival};
use crate::quantile;

/// Between two commits, so that each finds the clients waiting.
const PAUSE: Duration = Duration::from_millis(200);

/// From commit to wire.
#[derive(Debug, Serialize)]
pub struct Figure {
    pub clients: usize,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    pub queries_per_commit: f64,
}

/// The hub's resident memory.
#[derive(Debug, Serialize)]
pub struct Memory {
    pub clients: usize,
    pub resident_mb: f64,
    pub without_mb: f64,
}

/// A hub that admits everyone.
fn scene() -> HubScene {
    let options = scratch().set("track_commit_timestamp", "on").set("synchronous_commit", "on");
    HubScene::start_on(database_with(options), &[("RACEDAY_LIVE_CLIENTS_MAX", "100000")])
}

/// Measures how soon this many clients of a race receive what is committed.
pub fn measure(runtime: &Runtime, clients: usize, commits: u32) -> Result<Figure> {
    let scene = scene();
    let mut session = scene.sql();
    let mut race = PolledRace::new(&mut session, "measured");
    let (sender, arrivals) = channel();
    clients::open(runtime, scene.live.port(), clients, &sender)?;
    for _ in 0..clients {
        arrivals.recv_timeout(PATIENCE)?;
    }
    let before = queries(&scene);
    let mut lags = Vec::new();
    for _ in 0..commits {
        sleep(PAUSE);
        let (id, committed) = commit(&mut session, &mut race)?;
        let mut received = 0;
        while received < clients {
            let (arrived_id, at) = arrivals.recv_timeout(PATIENCE)?;
            if arrived_id == id {
                received += 1;
                lags.push((at - committed) * 1000.0);
            }
        }
    }
    let queries_per_commit = (queries(&scene) - before) / f64::from(commits);
    lags.sort_by(f64::total_cmp);
    let (p50_ms, p99_ms, max_ms) = (quantile(&lags, 0.5), quantile(&lags, 0.99), quantile(&lags, 1.0));
    Ok(Figure { clients, p50_ms, p99_ms, max_ms, queries_per_commit })
}

/// Polls the race; returns its newest row's id and when PostgreSQL committed it.
fn commit(session: &mut Client, race: &mut PolledRace) -> Result<(i64, f64)> {
    race.poll(session);
    let sql = "select max(h.id), extract(epoch from pg_xact_commit_timestamp((array_agg(h.xmin order by h.id desc))[1]))::float8
               from raceday.money_flow_history h where h.race_id = 'measured'";
    let row = session.query_one(sql, &[])?;
    Ok((row.get(0), row.get(1)))
}

/// Queries that read races, other than for clients that come.
fn queries(scene: &HubScene) -> f64 {
    scene.metric("raceday_live_queries_total{kind=\"commit\"}")
        + scene.metric("raceday_live_queries_total{kind=\"catch_up\"}")
}

/// Measures the hub's memory with this many clients to whom nothing is sent.
pub fn memory(runtime: &Runtime, clients: usize) -> Result<Memory> {
    let scene = scene();
    let mut session = scene.sql();
    PolledRace::new(&mut session, "measured");
    let (sender, arrivals) = channel::<Arrival>();
    clients::open(runtime, scene.live.port(), 1, &sender)?;
    arrivals.recv_timeout(PATIENCE)?;
    let without_mb = resident_mb(&scene);
    clients::open(runtime, scene.live.port(), clients - 1, &sender)?;
    let deadline = Instant::now() + PATIENCE;
    while scene.metric("raceday_live_clients{shows=\"races\"}") < clients as f64 {
        ensure!(Instant::now() < deadline, "not all clients were admitted");
        sleep(Duration::from_millis(100));
    }
    // Including a comment.
    sleep(Duration::from_secs(17));
    let resident_mb = resident_mb(&scene);
    Ok(Memory { clients, resident_mb, without_mb })
}

fn resident_mb(scene: &HubScene) -> f64 {
    scene.metric("process_resident_memory_bytes") / 1e6
}
