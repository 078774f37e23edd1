//! The HTTP server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Path, Query, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use tokio::net::TcpListener;
use tower_http::compression::CompressionLayer;

use crate::clock::{self, Clock};
use crate::connection::{Connection, CuttableListener, Watched};
use crate::day::nz_date;
use crate::event_json::Header;
use crate::faults::{Fault, Faults, Misbehaviour};
use crate::ids::looks_like_uuid;
use crate::ledger::{self, Ledger, Sent};
use crate::misbehave;
use crate::query::{BadParameter, ListQuery, MeetingsQuery};
use crate::refresh::Refresh;
use crate::simulator::{EdgeRefreshes, Simulator};
use crate::switches::Switches;

/// The headers by which the vendor asks callers to identify themselves.
const IDENTIFICATION: [&str; 3] = ["from", "x-partner", "x-partner-id"];
const EVENTS: &str = "/affiliates/v1/racing/events/";

#[derive(Debug)]
struct Running {
    simulator: Arc<Simulator>,
    clock: Clock,
    ledger: Arc<Ledger>,
    misbehaviour: Misbehaviour,
    /// Requests for events, which an edge each responds to.
    events: AtomicU64,
}

type Shared = State<Arc<Running>>;
type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// Serves a simulator until the future is dropped; its clock starts now.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, simulator: Arc<Simulator>) -> std::io::Result<()> {
    serve_until(listener, simulator, std::future::pending()).await
}

/// Serves a simulator until `stop` is ready and the responses in progress are sent; its clock starts now.
///
/// # Errors
/// When the listener fails.
pub async fn serve_until(
    listener: TcpListener,
    simulator: Arc<Simulator>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let config = simulator.config();
    let ledger = Arc::new(Ledger::default());
    let clock = Clock::start(config.now, config.speed);
    let misbehaviour = Misbehaviour::new(config.seed, config.faults.clone());
    let listener = CuttableListener { listener, ledger: Arc::clone(&ledger), accepted: 0 };
    let router = router(Arc::new(Running { simulator, clock, ledger, misbehaviour, events: AtomicU64::new(0) }));
    let service = router.into_make_service_with_connect_info::<Connection>();
    axum::serve(listener, service).with_graceful_shutdown(stop).await
}

fn router(running: Arc<Running>) -> Router {
    let racing = Router::new()
        .route("/meetings", get(meetings))
        .route("/meetings/{id}", get(meeting))
        .route("/list", get(list))
        .route("/events/{id}", get(event))
        .fallback(unknown_path)
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(Arc::clone(&running), receive))
        .layer(middleware::from_fn_with_state(Arc::clone(&running), date));
    Router::new()
        .nest("/affiliates/v1/racing", racing)
        .route("/_sim/clock", get(clock_face))
        .route("/_sim/plan", get(plan))
        .route("/_sim/stats", get(stats))
        .route("/_sim/refresh", get(refresh).post(set_refresh))
        .route("/_sim/refreshes", get(refreshes))
        .route("/_sim/faults", get(faults).post(set_faults))
        .with_state(running)
}

/// Sets the header `Date` to the TAB's clock; the HTTP library would set it to this machine's.
async fn date(State(running): Shared, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let now = running.simulator.refresh().stamp(running.clock.now());
    if let Ok(date) = HeaderValue::from_str(&clock::http_date(now)) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// Handles every request to the API: counts it, checks its identification, applies faults and records the response.
async fn receive(
    State(running): Shared,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let path = request
        .extensions()
        .get::<axum::extract::OriginalUri>()
        .map_or_else(|| request.uri().path().to_owned(), |original| original.path().to_owned());
    let race_id = path.strip_prefix(EVENTS).map(str::to_owned);
    let requested_at = clock::nanoseconds(running.clock.now());
    let sender = sender_of(request.headers(), &connection, &running.ledger);
    let identified = IDENTIFICATION.iter().all(|name| request.headers().contains_key(*name));
    running.ledger.count_request(race_id.as_deref(), identified);
    if running.simulator.config().require_identification && !identified {
        running.ledger.count_status(403);
        return failure(&running, StatusCode::FORBIDDEN, "Forbidden", "unidentified caller", "PERMISSION_DENIED");
    }
    let verdict = running.misbehaviour.decide(&path);
    if let Some(latency_ms) = verdict.latency_ms {
        running.ledger.count_fault("latency");
        tokio::time::sleep(Duration::from_millis(latency_ms)).await;
    }
    if let Some(fault) = verdict.fault {
        running.ledger.count_fault(fault.name());
        tracing::debug!(sim.fault = fault.name(), http.path = path, "applying a fault");
    }
    let (response, sent) = match verdict.fault {
        Some(Fault::DroppedConnection) => {
            connection.cut();
            return StatusCode::OK.into_response();
        }
        Some(Fault::TooManyRequests(retry_after_s)) => (too_many_requests(&running, retry_after_s), None),
        Some(Fault::ServerError(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (failure(&running, status, "Error", "upstream unavailable", "INTERNAL"), None)
        }
        Some(Fault::GarbageBody) => misbehave::garbage(race_id.as_deref(), requested_at),
        Some(Fault::TruncatedBody) => (misbehave::truncated(next.run(request).await).await, None),
        Some(Fault::SlowBody(over_ms)) => {
            let (response, sent) = with_entry(next.run(request).await);
            (misbehave::slow(response, over_ms).await, sent)
        }
        None => with_entry(next.run(request).await),
    };
    running.ledger.count_status(response.status().as_u16());
    match sent {
        Some(sent) => Watched::watch(response, connection, Sent { request: sender, ..sent }),
        None => response,
    }
}

fn sender_of(headers: &HeaderMap, connection: &Connection, ledger: &Ledger) -> ledger::Request {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
    ledger::Request {
        partner_id: text("x-partner-id"),
        request_id: text("x-request-id"),
        connection: connection.number(),
        nth_of_connection: ledger.count_request_on(connection.number()),
    }
}

/// A response and its entry for the ledger.
fn with_entry(mut response: Response) -> (Response, Option<Sent>) {
    let sent = response.extensions_mut().remove::<Sent>();
    (response, sent)
}

async fn meetings(State(running): Shared, RawQuery(raw): RawQuery, pairs: Pairs) -> Response {
    let (pairs, echo) = question(pairs, raw);
    match MeetingsQuery::parse(&pairs, &echo) {
        Ok(query) => {
            let unlisted = running.misbehaviour.faults().unlisted_races;
            json(running.simulator.meetings_without(&unlisted, &query, running.clock.now()))
        }
        Err(error) => bad_request(&running, "Race Meetings", &error),
    }
}

async fn meeting(State(running): Shared, Path(id): Path<String>) -> Response {
    if !looks_like_uuid(&id) {
        return bad_request(&running, "Get meeting by id", &BadParameter { name: "id".to_owned(), value: id });
    }
    running
        .simulator
        .meeting(&id, running.clock.now())
        .map_or_else(|| not_found(&running, "Get meeting by id", "meeting not found"), json)
}

async fn list(State(running): Shared, RawQuery(raw): RawQuery, pairs: Pairs) -> Response {
    let (pairs, echo) = question(pairs, raw);
    match ListQuery::parse(&pairs, &echo) {
        Ok(query) => json(running.simulator.list(&query, running.clock.now())),
        Err(error) => bad_request(&running, "List Races", &error),
    }
}

async fn event(State(running): Shared, Path(id): Path<String>, RawQuery(raw): RawQuery, pairs: Pairs) -> Response {
    let (pairs, _) = question(pairs, raw);
    let switches = match Switches::parse(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))) {
        Ok(switches) => switches,
        Err((name, value)) => return bad_request(&running, "Event Details", &BadParameter { name, value }),
    };
    if !looks_like_uuid(&id) {
        return bad_request(&running, "Event Details", &BadParameter { name: "id".to_owned(), value: id });
    }
    let (simulator, now) = (&running.simulator, running.clock.now());
    let nth = running.events.fetch_add(1, Ordering::Relaxed);
    let edge = simulator.refresh().edge(simulator.config().seed, nth);
    let is_missing = running.misbehaviour.faults().missing_events.contains(&id);
    let tick = simulator.tick(&id, edge, now).filter(|_| !is_missing);
    let found = tick.and_then(|tick| Some((tick, simulator.event_of(&id, tick, &switches)?)));
    let Some((tick, body)) = found else {
        return not_found(&running, "Event Details", "event not found");
    };
    let sent = Sent {
        race_id: id,
        generated_time: Some(body.generated_time),
        state_at: Some(clock::nanoseconds(tick.refreshed_at)),
        edge,
        xxh3: body.xxh3,
        body_bytes: body.bytes.len(),
        requested_at: clock::nanoseconds(now),
        request: ledger::Request::default(),
        fault: None,
    };
    let mut response = json(body.bytes);
    response.extensions_mut().insert(sent);
    response
}

async fn unknown_path(State(running): Shared) -> Response {
    not_found(&running, "Not Found", "no such path")
}

async fn clock_face(State(running): Shared) -> Response {
    Json(running.clock.face()).into_response()
}

async fn plan(State(running): Shared, Query(pairs): Query<Vec<(String, String)>>) -> Response {
    let requested = pairs.iter().find(|(name, _)| name == "date").and_then(|(_, date)| date.parse().ok());
    let date = requested.unwrap_or_else(|| nz_date(running.clock.now().timestamp()));
    Json(running.simulator.plan(date)).into_response()
}

async fn stats(State(running): Shared, Query(pairs): Query<Vec<(String, String)>>) -> Response {
    let value = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let (race_id, responses) = (value("race_id"), value("responses") != Some("false"));
    Json(running.ledger.stats(|sent| responses && race_id.is_none_or(|race_id| race_id == sent.race_id)))
        .into_response()
}

async fn refresh(State(running): Shared) -> Response {
    Json(running.simulator.refresh()).into_response()
}

async fn set_refresh(State(running): Shared, body: String) -> Response {
    match Refresh::parse(&body) {
        Ok(refresh) => {
            tracing::info!(sim.refresh = ?refresh, "refreshes set");
            running.simulator.set_refresh(refresh.clone());
            Json(refresh).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

/// The truth about a race's refreshes.
#[derive(Serialize)]
struct RaceRefreshes<'a> {
    race_id: &'a str,
    edges: Vec<EdgeRefreshes>,
}

/// The refreshes of a race between two times, at most a day; without `from` and `to`, of the last ten minutes.
async fn refreshes(State(running): Shared, Query(pairs): Query<Vec<(String, String)>>) -> Response {
    let value = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let time = |name: &str| value(name).map(str::parse::<DateTime<Utc>>).transpose();
    let (Some(race_id), Ok(from), Ok(to)) = (value("race_id"), time("from"), time("to")) else {
        return (StatusCode::BAD_REQUEST, "race_id, and from and to as RFC 3339 or neither").into_response();
    };
    let to = to.unwrap_or_else(|| running.clock.now());
    let from = from.unwrap_or(to - TimeDelta::minutes(10)).max(to - TimeDelta::days(1));
    match running.simulator.refreshes(race_id, from, to) {
        Some(edges) => Json(RaceRefreshes { race_id, edges }).into_response(),
        None => (StatusCode::NOT_FOUND, "no such race").into_response(),
    }
}

async fn faults(State(running): Shared) -> Response {
    Json(running.misbehaviour.faults()).into_response()
}

async fn set_faults(State(running): Shared, body: Bytes) -> Response {
    match serde_json::from_slice::<Faults>(&body) {
        Ok(faults) => {
            tracing::info!(sim.faults = ?faults, "faults set");
            running.misbehaviour.set(faults);
            Json(running.misbehaviour.faults()).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

fn question(pairs: Pairs, raw: Option<String>) -> (Vec<(String, String)>, String) {
    (pairs.map(|Query(pairs)| pairs).unwrap_or_default(), raw.map_or_else(String::new, |raw| format!("?{raw}")))
}

fn json(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

/// The vendor's error body.
#[derive(Serialize)]
struct ErrorBody {
    header: ErrorHeader,
}

#[derive(Serialize)]
struct ErrorHeader {
    #[serde(flatten)]
    header: Header,
    error: String,
    error_code: &'static str,
}

fn bad_request(running: &Running, title: &str, error: &BadParameter) -> Response {
    failure(running, StatusCode::BAD_REQUEST, title, &error.to_string(), "INVALID_ARGUMENT")
}

fn not_found(running: &Running, title: &str, error: &str) -> Response {
    failure(running, StatusCode::NOT_FOUND, title, error, "NOT_FOUND")
}

fn too_many_requests(running: &Running, retry_after_s: Option<u64>) -> Response {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let mut response = failure(running, status, "Too Many Requests", "rate limit exceeded", "RESOURCE_EXHAUSTED");
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn failure(running: &Running, status: StatusCode, title: &str, error: &str, error_code: &'static str) -> Response {
    let header = Header {
        title: title.to_owned(),
        generated_time: clock::nanoseconds(running.clock.now()),
        url: "/affiliates/v1/racing".to_owned(),
    };
    let body = ErrorBody { header: ErrorHeader { header, error: error.to_owned(), error_code } };
    (status, Json(body)).into_response()
}
