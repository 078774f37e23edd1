//! Serves archived days as the TAB did at the time: for each request the latest response that was archived by then.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use raceday_archive::ArchiveError;
use raceday_archive::manifest::Manifest;
use raceday_archive::payloads::{Frame, Payload, PayloadReader, frames};
use serde_json::json;
use tokio::net::TcpListener;
use tower_http::compression::CompressionLayer;

use crate::clock::Clock;

/// Subjects whose archive is open at a time; each takes the memory of a window of compression, 8 MB.
const OPEN_MAX: usize = 16;

/// The archived responses of one or more days.
#[derive(Debug)]
pub struct Tape {
    /// Each subject's frames, by race id or the list's key, oldest first.
    frames: HashMap<String, Vec<(Arc<Path>, Frame)>>,
    /// The subjects that were asked for last, the latest one last.
    open: Mutex<Vec<Cursor>>,
    first_at: DateTime<Utc>,
}

/// A place in a subject's responses.
#[derive(Debug)]
struct Cursor {
    key: String,
    frame: usize,
    reader: PayloadReader,
    current: Payload,
    next: Option<Payload>,
}

impl Cursor {
    /// The first response of a frame.
    fn open(key: &str, frame: usize, (path, place): &(Arc<Path>, Frame)) -> Result<Option<Self>, ArchiveError> {
        let mut reader = PayloadReader::open_frame(path, place)?;
        let Some(current) = reader.next().transpose()? else { return Ok(None) };
        let next = reader.next().transpose()?;
        Ok(Some(Self { key: key.to_owned(), frame, reader, current, next }))
    }

    /// Goes on to the latest response by a time.
    fn advance(&mut self, at: DateTime<Utc>) -> Result<(), ArchiveError> {
        while let Some(next) = self.next.take_if(|next| next.fetched_at <= at) {
            self.current = next;
            self.next = self.reader.next().transpose()?;
        }
        Ok(())
    }
}

impl Tape {
    /// Opens the archive in a folder: every day of payloads that its manifest names.
    ///
    /// # Errors
    /// When there is none, or one cannot be read.
    pub fn open(folder: &Path) -> Result<Self, ArchiveError> {
        let mut all: HashMap<String, Vec<(Arc<Path>, Frame)>> = HashMap::new();
        for (name, entry) in &Manifest::read(folder)?.files {
            if entry.table != "staged_payloads" {
                continue;
            }
            let path: Arc<Path> = folder.join(name).into();
            for frame in frames(&path)? {
                all.entry(frame.race_id.clone()).or_default().push((Arc::clone(&path), frame));
            }
        }
        for frames in all.values_mut() {
            frames.sort_by_key(|(_, frame)| frame.first_at);
        }
        match all.values().flatten().map(|(_, frame)| frame.first_at).min() {
            Some(first_at) => Ok(Self { frames: all, open: Mutex::default(), first_at }),
            None => Err(ArchiveError::content(folder, "has no payloads: it needs a manifest.json that names them")),
        }
    }

    /// When the first response was fetched.
    #[must_use]
    pub const fn first_at(&self) -> DateTime<Utc> {
        self.first_at
    }

    /// The latest response about a subject (a race's id or a list's key) at a time; none if there is none yet.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn response(&self, key: &str, at: DateTime<Utc>) -> Result<Option<Vec<u8>>, ArchiveError> {
        let Some(frames) = self.frames.get(key) else { return Ok(None) };
        let Some(frame) = frames.iter().rposition(|(_, frame)| frame.first_at <= at) else { return Ok(None) };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let found = open.iter().position(|cursor| cursor.key == key).map(|place| open.remove(place));
        // A frame is read forwards only.
        let usable = found.filter(|cursor| cursor.frame == frame && cursor.current.fetched_at <= at);
        let cursor = match usable {
            Some(cursor) => Some(cursor),
            None => Cursor::open(key, frame, &frames[frame])?,
        };
        let Some(mut cursor) = cursor else { return Ok(None) };
        cursor.advance(at)?;
        let body = cursor.current.body.clone();
        if open.len() >= OPEN_MAX {
            open.remove(0);
        }
        open.push(cursor);
        Ok(Some(body))
    }
}

/// Settings of a replay.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The archive's folder.
    pub folder: PathBuf,
    /// The time at the start; when the first response was fetched, if none.
    pub now: Option<DateTime<Utc>>,
    /// Archived seconds per real second.
    pub speed: f64,
}

#[derive(Debug)]
struct Running {
    tape: Tape,
    clock: Mutex<Clock>,
    speed: f64,
}

impl Running {
    fn now(&self) -> DateTime<Utc> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner).now()
    }
}

/// Serves an archive until the future is dropped; its clock starts now.
///
/// # Errors
/// When the archive cannot be read, or the listener fails.
pub async fn serve(listener: TcpListener, settings: &Replay) -> std::io::Result<()> {
    let tape = Tape::open(&settings.folder).map_err(std::io::Error::other)?;
    let now = settings.now.unwrap_or(tape.first_at());
    tracing::info!(sim.replay = %settings.folder.display(), sim.now = %now, sim.speed = settings.speed, "replaying");
    let clock = Mutex::new(Clock::start(now, settings.speed));
    let running = Arc::new(Running { tape, clock, speed: settings.speed });
    axum::serve(listener, router(running)).await
}

fn router(running: Arc<Running>) -> Router {
    let racing = Router::new()
        .route("/meetings", get(meetings))
        .route("/events/{id}", get(event))
        .layer(CompressionLayer::new());
    Router::new()
        .nest("/affiliates/v1/racing", racing)
        .route("/_sim/clock", get(clock_face).post(set_clock))
        .with_state(running)
}

async fn event(State(running): State<Arc<Running>>, UrlPath(id): UrlPath<String>) -> Response {
    respond(running, id).await
}

async fn meetings(State(running): State<Arc<Running>>, Query(pairs): Query<HashMap<String, String>>) -> Response {
    let value = |name: &str| pairs.get(name).map_or("", String::as_str);
    // All of a day's meetings fit on one page.
    if !["", "0"].contains(&value("offset")) {
        return Json(json!({"data": {"meetings": []}})).into_response();
    }
    let key = format!("meetings:{}", value("date_from"));
    respond(running, key).await
}

async fn respond(running: Arc<Running>, key: String) -> Response {
    let at = running.now();
    let read = tokio::task::spawn_blocking(move || running.tape.response(&key, at)).await;
    match read {
        Ok(Ok(Some(body))) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Ok(Ok(None)) => failure(StatusCode::NOT_FOUND, "not archived by this time", "NOT_FOUND"),
        Ok(Err(error)) => {
            tracing::error!(error = %error, "archive not readable");
            failure(StatusCode::INTERNAL_SERVER_ERROR, "archive not readable", "INTERNAL")
        }
        Err(error) => {
            tracing::error!(error = %error, "reading the archive panicked");
            failure(StatusCode::INTERNAL_SERVER_ERROR, "archive not readable", "INTERNAL")
        }
    }
}

fn failure(status: StatusCode, error: &str, error_code: &str) -> Response {
    (status, Json(json!({"header": {"error": error, "error_code": error_code}}))).into_response()
}

async fn clock_face(State(running): State<Arc<Running>>) -> Response {
    Json(running.clock.lock().unwrap_or_else(PoisonError::into_inner).face()).into_response()
}

/// Sets the time to the one posted, RFC 3339: the way to any moment of a past day.
async fn set_clock(State(running): State<Arc<Running>>, body: Bytes) -> Response {
    let text = String::from_utf8_lossy(&body);
    match text.trim().parse() {
        Ok(now) => {
            *running.clock.lock().unwrap_or_else(PoisonError::into_inner) = Clock::start(now, running.speed);
            clock_face(State(running)).await
        }
        Err(error) => failure(StatusCode::BAD_REQUEST, &format!("not a time in RFC 3339: {error}"), "INVALID_ARGUMENT"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use chrono::TimeDelta;
    use raceday_archive::folder::Folder;
    use raceday_archive::payloads::PayloadWriter;

    use super::*;

    fn time(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_764_000_000 + second, 0).unwrap()
    }

    /// An archive of 20 races, each with responses at 0, 60 and 120 seconds, and with one a day later.
    fn archive() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(place.path()).unwrap();
        for (day, seconds) in [(0, &[0, 60, 120][..]), (86_400, &[0])] {
            let day = time(day);
            let name = format!("staged_payloads/{}.zst", day.date_naive());
            let mut writer = PayloadWriter::new(folder.create(&name).unwrap());
            for race in 0..20 {
                for second in seconds {
                    let fetched_at = day + TimeDelta::seconds(*second);
                    let body = format!("race {race} at {fetched_at}").into_bytes();
                    let payload =
                        Payload { kind: "event".into(), race_id: format!("r{race}"), fetched_at, is_raw: false, body };
                    writer.push(&payload).unwrap();
                }
            }
            let (file, contents) = writer.finish().unwrap();
            folder.keep(file, &name, ("staged_payloads", day.date_naive()), contents).unwrap();
        }
        place
    }

    #[test]
    fn a_response_is_the_latest_by_its_time_in_whatever_order_it_is_asked_for() {
        let place = archive();
        let tape = Tape::open(place.path()).unwrap();
        assert_eq!(tape.first_at(), time(0));
        assert_eq!(tape.response("r3", time(-1)).unwrap(), None);
        assert_eq!(tape.response("unknown", time(60)).unwrap(), None);
        for (at, expected) in [(119, 60), (120, 120), (59, 0), (86_399, 120), (86_401, 86_400), (60, 60), (0, 0)] {
            // More races than are open at a time.
            for race in 0..20 {
                let body = tape.response(&format!("r{race}"), time(at)).unwrap().unwrap();
                assert_eq!(String::from_utf8(body).unwrap(), format!("race {race} at {}", time(expected)));
            }
        }
    }

    #[test]
    fn a_folder_without_payloads_or_with_a_damaged_file_is_an_error() {
        let empty = tempfile::tempdir().unwrap();
        assert!(Tape::open(empty.path()).unwrap_err().to_string().contains("has no payloads"));
        let place = archive();
        let path = place.path().join("staged_payloads").join(format!("{}.zst", time(0).date_naive()));
        fs::write(path, "damaged").unwrap();
        Tape::open(place.path()).unwrap_err();
    }
}
