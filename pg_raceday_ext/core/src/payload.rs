//! A payload as a whole: its fingerprint, and why one can be unusable.

use thiserror::Error;

/// Why a whole payload cannot be used. The text points to what needs checking.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// Not JSON, or truncated.
    #[error("not JSON or truncated: {0}; check that the response is complete")]
    NotJson(String),
    /// No `data.race` object.
    #[error("no race (data.race is missing); check that this is a response from /events/{{id}}")]
    NoRace,
    /// The payload is about another race than the one it was staged for.
    #[error("the payload is about race {0:?}, not the race it was staged for")]
    OtherRace(String),
    /// No usable `advertised_start`.
    #[error("no advertised start (data.race.advertised_start must be in Unix seconds)")]
    NoStart,
    /// Neither thoroughbred nor harness.
    #[error("race type {0:?} is neither T nor H")]
    OtherType(String),
    /// A pool total too large for its column.
    #[error("the total of pool {0:?} does not fit its column (numeric(12,2))")]
    TotalTooLarge(String),
    /// No `data.meetings` array.
    #[error("no meetings (data.meetings is missing or not a list); check that this is a response from /meetings")]
    NoMeetings,
}

/// The 64-bit fingerprint that tells payloads apart.
pub fn payload_hash(payload: &str) -> i64 {
    body_hash(payload.as_bytes())
}

/// [`payload_hash`] of a body that may not be valid text.
pub fn body_hash(body: &[u8]) -> i64 {
    xxhash_rust::xxh3::xxh3_64(body).cast_signed()
}
