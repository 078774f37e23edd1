//! Serves /metrics, /health and /ready.

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

use crate::availability::Availability;
use crate::live::LiveAge;
use crate::refusal::Refusal;

/// The longest that one turn of the loop may take, in milliseconds: more than the longest round trips to the database.
const SILENT_MAX_MS: u64 = 30_000;
/// How often the recorder compacts its histograms.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Why metrics and health are not served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ServeError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Whether the fetcher is alive and can work.
#[derive(Debug)]
pub struct Health {
    database: Arc<Availability>,
    refusal: Arc<Refusal>,
    began: Instant,
    beat_ms: AtomicU64,
}

impl Health {
    /// The health of a loop that has just begun.
    pub fn new(database: Arc<Availability>, refusal: Arc<Refusal>) -> Self {
        Self { database, refusal, began: Instant::now(), beat_ms: AtomicU64::new(0) }
    }

    /// Records a turn of the loop.
    pub fn beat(&self) {
        self.beat_ms.store(self.elapsed_ms(), Ordering::Relaxed);
    }

    fn is_alive(&self) -> bool {
        // A beat between the two readings would make the difference negative.
        self.elapsed_ms().saturating_sub(self.beat_ms.load(Ordering::Relaxed)) < SILENT_MAX_MS
    }

    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a process's life fit")]
    fn elapsed_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
}

/// Listens on `address` and serves in a separate task. Fails when the port is in use.
pub async fn serve(
    address: SocketAddr,
    metrics: PrometheusHandle,
    health: Arc<Health>,
    live_age: Arc<LiveAge>,
) -> Result<(), ServeError> {
    let listener = TcpListener::bind(address).await.map_err(|source| ServeError { address, source })?;
    let address = listener.local_addr().unwrap_or(address);
    tracing::info!(http.address = %address, "serving metrics and health");
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

async fn ready(State(health): State<Arc<Health>>) -> (StatusCode, String) {
    let reason = if !health.is_alive() {
        Some("the loop is stuck".to_owned())
    } else if !health.database.is_ready() {
        Some("the database is unavailable".to_owned())
    } else {
        health.refusal.reason()
    };
    match reason {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_later_than_the_reading_is_a_sign_of_life() {
        let health = Health::new(Arc::default(), Arc::default());
        health.beat_ms.store(health.elapsed_ms() + 1000, Ordering::Relaxed);
        assert!(health.is_alive());
    }
}
