//! Blocks of polls, timed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future;

use crate::cpu::Cpu;
use crate::feed::Poll;
use crate::session::Session;

/// What a figure is made of.
#[derive(Debug, Default)]
pub struct Measured {
    latencies: Vec<Duration>,
    wall: Duration,
    cpu: Cpu,
}

impl Measured {
    /// Adds another block of the same figure.
    pub fn add(&mut self, block: Self) {
        self.latencies.extend(block.latencies);
        self.wall += block.wall;
        self.cpu += block.cpu;
    }

    /// Races handled, or batches.
    pub fn count(&self) -> usize {
        self.latencies.len()
    }

    /// The latency in ms that this share of the races (0 to 1) does not exceed.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
        let place = (share * (sorted.len().saturating_sub(1)) as f64).round() as usize;
        sorted.get(place).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }

    /// Half of the races take no longer, ms.
    pub fn p50_ms(&self) -> f64 {
        self.percentile_ms(0.5)
    }

    /// CPU time a race, client and server together, ms.
    pub fn cpu_ms_per_race(&self) -> f64 {
        (self.cpu.client + self.cpu.server).as_secs_f64() * 1e3 / self.count() as f64
    }

    /// The client's part of it, ms.
    pub fn client_cpu_ms_per_race(&self) -> f64 {
        self.cpu.client.as_secs_f64() * 1e3 / self.count() as f64
    }

    /// Races handled a second.
    pub fn races_per_s(&self) -> f64 {
        self.count() as f64 / self.wall.as_secs_f64()
    }
}

/// The connections of one way, to one server.
pub struct Crew {
    /// Each handles a part of the races.
    pub sessions: Vec<Arc<Session>>,
    /// The server's first process.
    pub postmaster: u32,
}

impl Crew {
    /// Handles every poll, the sessions side by side, each one after the other.
    pub async fn block(&self, polls: &[Poll]) -> Result<Measured> {
        let shares: Vec<Vec<Poll>> = (0..self.sessions.len())
            .map(|nth| polls.iter().skip(nth).step_by(self.sessions.len()).cloned().collect())
            .collect();
        let cpu_before = Cpu::used(self.postmaster)?;
        let began = Instant::now();
        let mut tasks = Vec::new();
        for (session, share) in self.sessions.iter().cloned().zip(shares) {
            tasks.push(tokio::spawn(async move { in_turn(&session, &share).await }));
        }
        let mut latencies = Vec::with_capacity(polls.len());
        for task in tasks {
            latencies.extend(task.await??);
        }
        let wall = began.elapsed();
        let cpu = Cpu::used(self.postmaster)?.since(cpu_before);
        Ok(Measured { latencies, wall, cpu })
    }

    /// Handles the polls in batches of one a session, all at once, in a task each as the fetcher's workers are; a latency is a
    /// batch's.
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

async fn in_turn(session: &Session, polls: &[Poll]) -> Result<Vec<Duration>> {
    let mut latencies = Vec::with_capacity(polls.len());
    for poll in polls {
        let began = Instant::now();
        session.handle(poll).await?;
        latencies.push(began.elapsed());
    }
    Ok(latencies)
}
