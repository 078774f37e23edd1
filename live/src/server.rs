//! Serves the streams, /metrics and /health.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::LiveArgs;

/// Serves until `stop` turns true.
pub async fn run(settings: &LiveArgs, metrics: PrometheusHandle, mut stop: watch::Receiver<bool>) -> Result<()> {
    let address = SocketAddr::new(settings.address, settings.port);
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let router = Router::new().route("/metrics", get(async move || metrics.render()));
    let stopping = async move {
        let _ = stop.wait_for(|is_stopping| *is_stopping).await;
    };
    axum::serve(listener, router).with_graceful_shutdown(stopping).await.context("serving")
}
