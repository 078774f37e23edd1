//! The HTTP server.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;
use tower_http::compression::CompressionLayer;

use crate::clock::{self, Clock};
use crate::day::nz_date;
use crate::event_json::Header;
use crate::ids::looks_like_uuid;
use crate::query::{BadParameter, ListQuery, MeetingsQuery};
use crate::simulator::Simulator;
use crate::switches::Switches;

/// A running simulator.
#[derive(Debug)]
pub struct Running {
    simulator: Arc<Simulator>,
    clock: Clock,
}

type Shared = State<Arc<Running>>;
type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// Serves a simulator until the task is dropped; its clock starts now.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, simulator: Arc<Simulator>) -> std::io::Result<()> {
    axum::serve(listener, router(simulator)).await
}

fn router(simulator: Arc<Simulator>) -> Router {
    let clock = Clock::start(simulator.config().now, simulator.config().speed);
    let racing = Router::new()
        .route("/meetings", get(meetings))
        .route("/meetings/{id}", get(meeting))
        .route("/list", get(list))
        .route("/events/{id}", get(event))
        .fallback(unknown_path)
        .layer(CompressionLayer::new());
    Router::new()
        .nest("/affiliates/v1/racing", racing)
        .route("/_sim/clock", get(clock_face))
        .route("/_sim/plan", get(plan))
        .with_state(Arc::new(Running { simulator, clock }))
}

async fn meetings(State(running): Shared, RawQuery(raw): RawQuery, pairs: Pairs) -> Response {
    let (pairs, echo) = question(pairs, raw);
    match MeetingsQuery::parse(&pairs, &echo) {
        Ok(query) => json(running.simulator.meetings(&query, running.clock.now())),
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
    running
        .simulator
        .event_with(&id, running.clock.now(), &switches)
        .map_or_else(|| not_found(&running, "Event Details", "event not found"), |body| json(body.text.to_string()))
}

async fn unknown_path(State(running): Shared) -> Response {
    not_found(&running, "Not Found", "no such path")
}

async fn clock_face(State(running): Shared) -> Response {
    Json(running.clock.face()).into_response()
}

async fn plan(State(running): Shared, Query(pairs): Query<Vec<(String, String)>>) -> Response {
    let asked = pairs.iter().find(|(name, _)| name == "date").and_then(|(_, date)| date.parse().ok());
    let date = asked.unwrap_or_else(|| nz_date(running.clock.now().timestamp()));
    Json(running.simulator.plan(date)).into_response()
}

fn question(pairs: Pairs, raw: Option<String>) -> (Vec<(String, String)>, String) {
    (pairs.map(|Query(pairs)| pairs).unwrap_or_default(), raw.map_or_else(String::new, |raw| format!("?{raw}")))
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
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

fn failure(running: &Running, status: StatusCode, title: &str, error: &str, error_code: &'static str) -> Response {
    let header = Header {
        title: title.to_owned(),
        generated_time: clock::nanoseconds(running.clock.now()),
        url: "/affiliates/v1/racing".to_owned(),
    };
    let body = ErrorBody { header: ErrorHeader { header, error: error.to_owned(), error_code } };
    (status, Json(body)).into_response()
}
