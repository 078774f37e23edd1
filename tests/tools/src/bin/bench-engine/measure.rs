//! Processes blocks of polls and times them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future;

use crate::cpu::Cpu;
use crate::feed::Poll;
use crate::session::Session;

/// The raw measurements of one figure.
#[derive(Debug, Default)]
pub struct Measured {
    latencies: Vec<Duration>,
    wall: Duration,
    cpu: Cpu,
}

impl Measured {
    /// Adds another block to the same figure.
    pub fn add(&mut self, block: Self) {
        self.latencies.extend(block.latencies);
        self.wall += block.wall;
        self.cpu += block.cpu;
    }

    /// The number of races (or batches) processed.
    pub fn count(&self) -> usize {
        self.latencies.len()
    }

    /// The latency in ms that a share of the races (0 to 1) does not exceed.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
        let place = (share * (sorted.len().saturating_sub(1)) as f64).round() as usize;
        sorted.get(place).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }

    /// The median latency in ms.
    pub fn p50_ms(&self) -> f64 {
        self.percentile_ms(0.5)
    }

    /// CPU time per race of client and server together, in ms.
    pub fn cpu_ms_per_race(&self) -> f64 {
        (self.cpu.client + self.cpu.server).as_secs_f64() * 1e3 / self.count() as f64
    }

    /// The client's share of it, in ms.
    pub fn client_cpu_ms_per_race(&self) -> f64 {
        self.cpu.client.as_secs_f64() * 1e3 / self.count() as f64
    }

    /// Races processed per second.
    pub fn races_per_s(&self) -> f64 {
        self.count() as f64 / self.wall.as_secs_f64()
    }
}

/// The connections of one method to one database.
pub struct Connections {
    /// Each processes its share of the races.
    pub sessions: Vec<Arc<Session>>,
    /// The process id of the postmaster.
    pub postmaster: u32,
}

impl Connections {
    /// Processes every poll; the sessions run concurrently, each with its share of the polls in sequence.
    pub async fn block(&self, polls: &[Poll]) -> Result<Measured> {
        let shares: Vec<Vec<Poll>> = (0..self.sessions.len())
            .map(|nth| polls.iter().skip(nth).step_by(self.sessions.len()).cloned().collect())
            .collect();
        let cpu_before = Cpu::used(self.postmaster)?;
        let began = Instant::now();
        let mut tasks = Vec::new();
        for (session, share) in self.sessions.iter().cloned().zip(shares) {
            tasks.push(tokio::spawn(async move { in_sequence(&session, &share).await }));
        }
        let mut latencies = Vec::with_capacity(polls.len());
        for task in tasks {
            latencies.extend(task.await??);
        }
        let wall = began.elapsed();
        let cpu = Cpu::used(self.postmaster)?.since(cpu_before);
        Ok(Measured { latencies, wall, cpu })
    }

    /// Processes the polls in batches of one poll per session, one task per poll as in the fetcher. A latency is that of a
    /// whole batch.
    pub async fn batches(&self, polls: &[Poll]) -> Result<Measured> {
        let began = Instant::now();
        let cpu_before = Cpu::used(self.postmaster)?;
        let mut latencies = Vec::new();
        for batch in polls.chunks_exact(self.sessions.len()) {
            let batch_began = Instant::now();
            let handling = self.sessions.iter().cloned().zip(batch.iter().cloned());
            let tasks = handling.map(|(session, poll)| tokio::spawn(async move { session.handle(&poll).await }));
            for handled in future::try_join_all(tasks).await? {
                handled?;
            }
            latencies.push(batch_began.elapsed());
        }
        let cpu = Cpu::used(self.postmaster)?.since(cpu_before);
        Ok(Measured { latencies, wall: began.elapsed(), cpu })
    }
}

async fn in_sequence(session: &Session, polls: &[Poll]) -> Result<Vec<Duration>> {
    let mut latencies = Vec::with_capacity(polls.len());
    for poll in polls {
        let began = Instant::now();
        session.handle(poll).await?;
        latencies.push(began.elapsed());
    }
    Ok(latencies)
}
