//! /metrics, /health and /ready.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::config::RunArgs;
use crate::live::LiveAge;
use crate::run::RunError;
use crate::schedule::Presence;

/// Longest that the loop may be silent, in milliseconds: the longest round trip to the database and some.
const SILENT_MAX_MS: u64 = 30_000;
/// How often the recorder tidies up its histograms.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Whether the fetcher lives and can work.
#[derive(Debug)]
pub struct Health {
    presence: Arc<Presence>,
    began: Instant,
    beat_ms: AtomicU64,
}

impl Health {
    /// Alive, for a start.
    pub fn new(presence: Arc<Presence>) -> Self {
        Self { presence, began: Instant::now(), beat_ms: AtomicU64::new(0) }
    }

    /// The loop has come round.
    pub fn beat(&self) {
        self.beat_ms.store(self.elapsed_ms(), Ordering::Relaxed);
    }

    fn is_alive(&self) -> bool {
        // A beat between the two looks makes the difference less than nothing.
        self.elapsed_ms().saturating_sub(self.beat_ms.load(Ordering::Relaxed)) < SILENT_MAX_MS
    }

    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a process's life fit")]
    fn elapsed_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
}

/// Listens and serves in a task of its own. Fails when the port is taken.
pub async fn serve(
    settings: &RunArgs,
    metrics: PrometheusHandle,
    health: Arc<Health>,
    live_age: Arc<LiveAge>,
) -> Result<(), RunError> {
    let address = SocketAddr::new(settings.metrics_address, settings.port);
    let listener =
        TcpListener::bind(address).await.map_err(|source| RunError::Listen { address: address.to_string(), source })?;
    let address = listener.local_addr().map_or_else(|_| address.to_string(), |address| address.to_string());
    tracing::info!(http.address = %address, "http.listening");
    let upkeep = metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            upkeep.run_upkeep();
        }
    });
    let process = metrics_process::Collector::default();
    process.describe();
    let render = async move || {
        process.collect();
        live_age.show();
        metrics.render()
    };
    let router = Router::new()
        .route("/metrics", get(render))
        .route("/health", get(live))
        .route("/ready", get(ready))
        .with_state(health);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

async fn live(State(health): State<Arc<Health>>) -> (StatusCode, &'static str) {
    if health.is_alive() {
        (StatusCode::OK, "alive\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the loop is stuck\n")
    }
}

async fn ready(State(health): State<Arc<Health>>) -> (StatusCode, &'static str) {
    match (health.is_alive(), health.presence.is_ready()) {
        (true, true) => (StatusCode::OK, "ready\n"),
        (true, false) => (StatusCode::SERVICE_UNAVAILABLE, "the database is away\n"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "the loop is stuck\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_that_is_newer_than_the_look_is_a_sign_of_life() {
        let health = Health::new(Arc::default());
        health.beat_ms.store(health.elapsed_ms() + 1000, Ordering::Relaxed);
        assert!(health.is_alive());
    }
}
