//! Serves the streams, /metrics and /health.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::body::Body;
use axum::extract::{Extension, FromRef, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt, once};
use ipnet::IpNet;
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use raceday_fetcher::db::Address;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::interval;

use crate::clients::{Clients, Seat};
use crate::config::LiveArgs;
use crate::connection::{self, Peer};
use crate::follow::follow;
use crate::hub::Hub;
use crate::reader::Reader;
use crate::request::{RACES_MAX, Request};
use crate::streams::{BoardClient, COMMENT, COMMENT_EVERY, RacesClient, count_resumed};
use crate::version;

/// How long the database may not have been asked what has changed before the hub is unhealthy.
const SILENT_MAX: Duration = Duration::from_secs(15);
/// How often the recorder compacts its histograms.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What requests share.
#[derive(Clone)]
struct Shared {
    hub: Arc<Hub>,
    clients: Arc<Clients>,
    proxies: Arc<[IpNet]>,
    stop: watch::Receiver<bool>,
}

/// Why a stream is refused.
enum Refusal {
    TooManyRaces,
    NoSuchRace,
    Busy,
    Unavailable,
}

/// Serves until `stop` turns true.
pub async fn run(settings: &LiveArgs, metrics: PrometheusHandle, stop: watch::Receiver<bool>) -> Result<()> {
    let reader = Reader::new(Address::named(&settings.common, "raceday-live reader")?);
    let following = Address::named(&settings.common, "raceday-live")?;
    let address = SocketAddr::new(settings.address, settings.port);
    let listener = connection::listen(address).with_context(|| format!("cannot listen on {address}"))?;
    tracing::info!(http.address = %address, db = %following, "hub started");
    let hub = Arc::new(Hub::new(reader));
    let tasks = [
        tokio::spawn(follow(hub.clone(), following)),
        tokio::spawn({
            let hub = hub.clone();
            async move { hub.work().await }
        }),
        tokio::spawn({
            let hub = hub.clone();
            async move { hub.show_overview().await }
        }),
    ];
    let clients = Clients::new(settings.clients_max, settings.clients_per_address);
    let shared = Shared { hub, clients, proxies: settings.proxies.clone().into(), stop: stop.clone() };
    connection::serve(listener, router(shared, metrics), stop).await;
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    tracing::info!("hub stopped");
    Ok(())
}

fn router(shared: Shared, metrics: PrometheusHandle) -> Router {
    let upkeep = metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            upkeep.run_upkeep();
        }
    });
    let process = metrics_process::Collector::default();
    process.describe();
    let (hub, began) = (shared.hub.clone(), Instant::now());
    let render = async move || {
        process.collect();
        // Until it first looked, since it began.
        let looked_ago = hub.looked_ago().unwrap_or_else(|| began.elapsed());
        gauge!("raceday_live_progress_age_seconds").set(looked_ago.as_secs_f64());
        metrics.render()
    };
    Router::new()
        .route("/api/stream", get(stream))
        .route("/version/{function}", get(version::respond))
        .route("/metrics", get(render))
        .route("/health", get(health))
        .with_state(shared)
}

impl FromRef<Shared> for Arc<Hub> {
    fn from_ref(shared: &Shared) -> Self {
        shared.hub.clone()
    }
}

async fn health(State(shared): State<Shared>) -> (StatusCode, &'static str) {
    if shared.hub.looked_ago().is_some_and(|ago| ago < SILENT_MAX) {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the database is unavailable\n")
    }
}

async fn stream(
    State(shared): State<Shared>,
    Extension(Peer(peer)): Extension<Peer>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let request = Request::parse(query.as_deref().unwrap_or_default(), &headers);
    let shows = if request.races.is_empty() { "all" } else { "races" };
    let Some(seat) = shared.clients.admit(client_address(&shared.proxies, peer.ip(), &headers), shows) else {
        return Refusal::Busy.into_response();
    };
    if request.position.is_some() {
        count_resumed();
    }
    let stop = shared.stop.clone();
    let opened = if request.races.is_empty() {
        all_races(shared.hub, &request, seat).await.map(|client| events(client.stream(), stop))
    } else {
        races(shared.hub, request, seat).await.map(|client| events(client.stream(), stop))
    };
    opened.unwrap_or_else(IntoResponse::into_response)
}

async fn races(hub: Arc<Hub>, request: Request, seat: Seat) -> Result<RacesClient, Refusal> {
    if request.races.len() > RACES_MAX {
        return Err(Refusal::TooManyRaces);
    }
    let mut races = Vec::with_capacity(request.races.len());
    for (race_id, cursor) in request.races {
        let race = hub.race(&race_id).await.map_err(|_| Refusal::Unavailable)?;
        races.push((race.ok_or(Refusal::NoSuchRace)?, cursor));
    }
    Ok(RacesClient::new(hub, races, seat))
}

async fn all_races(hub: Arc<Hub>, request: &Request, seat: Seat) -> Result<BoardClient, Refusal> {
    if !hub.board.is_shown() {
        hub.refresh_overview().await.map_err(|_| Refusal::Unavailable)?;
    }
    Ok(BoardClient::new(hub, request.position.as_deref(), seat))
}

/// The response: the client's events, comments while there are none, and how soon to come back when it ends.
fn events(events: impl Stream<Item = Bytes> + Send + 'static, mut stop: watch::Receiver<bool>) -> Response {
    let stopping = async move {
        // An error means that whoever would stop the program is gone.
        let _ = stop.wait_for(|is_stopping| *is_stopping).await;
    };
    let events = tokio_stream::StreamExt::timeout_repeating(events, interval(COMMENT_EVERY));
    let events = events.map(|event| event.unwrap_or(COMMENT)).take_until(Box::pin(stopping));
    let hint = once(std::future::ready(Bytes::from_static(b"retry: 2000\n\n")));
    let body = Body::from_stream(hint.chain(events).map(Ok::<_, std::convert::Infallible>));
    ([(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")], body).into_response()
}

/// The client's address: what a proxy of ours says, or the address of whoever connected.
fn client_address(proxies: &[IpNet], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let told = || headers.get("x-real-ip")?.to_str().ok()?.parse().ok();
    let peer = peer.to_canonical();
    proxies.iter().any(|network| network.contains(&peer)).then(told).flatten().unwrap_or(peer)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::TooManyRaces => {
                (StatusCode::BAD_REQUEST, "A stream has up to 50 races; without raceId, it is about all of them")
            }
            Self::NoSuchRace => (StatusCode::NOT_FOUND, "Race not found"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Too many streams; retry later"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Service unavailable"),
        };
        let body = Json(json!({ "error": error }));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return (status, [(RETRY_AFTER, "5")], body).into_response();
        }
        (status, body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_of_ours_says_whose_request_it_is() {
        let proxies = ["127.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        let [proxy, other]: [IpAddr; 2] = [[127, 0, 0, 1].into(), [10, 0, 0, 9].into()];
        assert_eq!(client_address(&proxies, proxy, &headers), proxy, "no header");
        headers.insert("x-real-ip", "192.0.2.7".parse().unwrap());
        assert_eq!(client_address(&proxies, proxy, &headers), IpAddr::from([192, 0, 2, 7]));
        assert_eq!(client_address(&proxies, other, &headers), other);
        headers.insert("x-real-ip", "nonsense".parse().unwrap());
        assert_eq!(client_address(&proxies, proxy, &headers), proxy);
    }
}
