//! Puts faults into answers.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use futures_util::{StreamExt, stream};

use crate::ledger::{Answer, Request};

/// Time for half a body to leave.
const FLUSH: Duration = Duration::from_millis(50);

/// Pieces of a slow body.
const PIECES: u32 = 40;

/// What a garbage body says, over and over; it is not UTF-8.
const GARBAGE: &[u8] = b"\x00\xff<html>{\"header\": gateway went away \xc3\x28";

/// A body that ends after its first half, though its length says otherwise.
pub async fn truncated(response: Response<Body>) -> Response<Body> {
    let (mut parts, bytes) = whole(response).await;
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let half = bytes.slice(..bytes.len() / 2);
    let pieces = stream::once(async { Ok(half) }).chain(stream::once(async {
        // The half is to be on its way before the connection ends.
        tokio::time::sleep(FLUSH).await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted))
    }));
    Response::from_parts(parts, Body::from_stream(pieces))
}

/// A body that comes bit by bit.
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

/// A 200 with rubbish, and what is to be written down about it.
pub fn garbage(race_id: Option<&str>, asked_at: String) -> (Response<Body>, Option<Answer>) {
    let body = Bytes::from(GARBAGE.repeat(100));
    let answer = race_id.map(|race_id| Answer {
        race_id: race_id.to_owned(),
        generated_time: None,
        xxh3: hash_of(&body),
        body_bytes: body.len(),
        asked_at,
        request: Request::default(),
        fault: Some("garbage_body"),
    });
    ((StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response(), answer)
}

/// The hash by which an answer is known.
#[must_use]
pub fn hash_of(body: &[u8]) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(body))
}

async fn whole(response: Response<Body>) -> (axum::http::response::Parts, Bytes) {
    let (parts, body) = response.into_parts();
    // An answer of the simulator is in memory already and cannot fail.
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    (parts, bytes)
}
