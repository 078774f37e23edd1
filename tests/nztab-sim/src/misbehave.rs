//! Applies faults to responses.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use futures_util::{StreamExt, stream};

use crate::ledger::{Request, Sent};

/// Time for half a body to be sent.
const FLUSH: Duration = Duration::from_millis(50);

/// The number of pieces of a slow body.
const PIECES: u32 = 40;

/// A garbage body repeats this; it is not UTF-8.
const GARBAGE: &[u8] = b"\x00\xff<html>{\"header\": gateway went away \xc3\x28";

/// A body that ends after its first half, contrary to its Content-Length.
pub async fn truncated(response: Response<Body>) -> Response<Body> {
    let (mut parts, bytes) = whole(response).await;
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let half = bytes.slice(..bytes.len() / 2);
    let pieces = stream::once(async { Ok(half) }).chain(stream::once(async {
        // The first half must be sent before the connection ends.
        tokio::time::sleep(FLUSH).await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted))
    }));
    Response::from_parts(parts, Body::from_stream(pieces))
}

/// A body that is sent in pieces over this time.
pub async fn slow(response: Response<Body>, over_ms: u64) -> Response<Body> {
    let (mut parts, bytes) = whole(response).await;
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let size = bytes.len().div_ceil(PIECES as usize).max(1);
    let pause = Duration::from_millis(over_ms) / PIECES;
    let starts: Vec<usize> = (0..bytes.len()).step_by(size).collect();
    let pieces = stream::iter(starts).then(move |start| {
        let piece = bytes.slice(start..(start + size).min(bytes.len()));
        async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::convert::Infallible>(piece)
        }
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

/// A 200 with a garbage body, and its entry for the ledger.
pub fn garbage(race_id: Option<&str>, requested_at: String) -> (Response<Body>, Option<Sent>) {
    let body = Bytes::from(GARBAGE.repeat(100));
    let sent = race_id.map(|race_id| Sent {
        race_id: race_id.to_owned(),
        generated_time: None,
        state_at: None,
        edge: 0,
        xxh3: hash_of(&body),
        body_bytes: body.len(),
        requested_at,
        request: Request::default(),
        fault: Some("garbage_body"),
    });
    ((StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response(), sent)
}

/// The hash that identifies a response.
#[must_use]
pub fn hash_of(body: &[u8]) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(body))
}

async fn whole(response: Response<Body>) -> (axum::http::response::Parts, Bytes) {
    let (parts, body) = response.into_parts();
    // The simulator's bodies are in memory and cannot fail.
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    (parts, bytes)
}
