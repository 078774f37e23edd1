//! What one call does and returns.

use crate::staging::{self, Key, Mark};
use crate::subject::Subject;
use crate::write::Written;
use raceday_core::PayloadError;
use std::fmt;
use std::time::Duration;

/// What a call did, as `raceday_process` returns it.
#[derive(Debug, Default)]
pub struct Call {
    /// The id of its subject.
    pub race_id: String,
    /// Payloads that became rows or repeated what is known.
    pub processed: usize,
    /// Payloads that could not be used.
    pub failed: usize,
    /// Rows written.
    pub written: Written,
    /// Time spent reading payloads and computing rows.
    pub transform: Duration,
    /// Time spent writing rows.
    pub write: Duration,
    /// Why payloads failed, or the call.
    pub errors: Vec<String>,
    /// What else was noticed.
    pub reports: Vec<String>,
    /// Whether the call itself failed: its payloads are still pending.
    pub is_error: bool,
}

/// Why a payload fails.
#[derive(Debug)]
pub enum Refusal {
    /// PostgreSQL cannot hold the body as text.
    NotText,
    /// A meetings list was staged under another id than a list's.
    NotAListId,
    /// The core cannot use it.
    Unusable(PayloadError),
    /// It is older than what is processed, and its race cannot be redone.
    TooLate(PayloadsGone),
    /// The database raised an error, with this message.
    Database(String),
}

/// Staging no longer holds a race's first payloads: a replay would lose the rows that came from them.
#[derive(Debug, Clone, Copy)]
pub struct PayloadsGone;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("the body is not text: not UTF-8, or with NUL bytes (see payload_raw)"),
            Self::NotAListId => f.write_str("a meetings list must be staged under race_id 'meetings:YYYY-MM-DD'"),
            Self::Unusable(error) => error.fmt(f),
            Self::TooLate(gone) => {
                write!(f, "older than what is processed, and the race cannot be redone: {gone}")
            }
            Self::Database(message) => write!(f, "refused by the database: {message}"),
        }
    }
}

impl fmt::Display for PayloadsGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("staging no longer holds the race's first payloads")
    }
}

impl Call {
    /// A call before anything is done.
    pub fn new(subject: Subject) -> Self {
        Self { race_id: subject.id().to_owned(), ..Self::default() }
    }

    /// `ok`, `idle`, `failed` (no payload could be used) or `error` (payloads are still pending).
    pub const fn status(&self) -> &'static str {
        match (self.is_error, self.processed, self.failed) {
            (true, ..) => "error",
            (false, 0, 0) => "idle",
            (false, 0, _) => "failed",
            (false, ..) => "ok",
        }
    }

    /// Counts a staged payload that cannot be used, and marks it.
    pub fn fail(&mut self, key: Key, refusal: &Refusal) {
        let mark = self.refuse(refusal);
        staging::mark(&self.race_id, key, &mark);
    }

    /// Counts a payload that cannot be used; returns the mark for it.
    pub fn refuse(&mut self, refusal: &Refusal) -> Mark {
        let reason = refusal.to_string();
        self.failed += 1;
        self.errors.push(reason.clone());
        Mark::failed(reason)
    }

    /// Adds what a later step of the call did.
    pub fn add(&mut self, step: Self) {
        self.processed += step.processed;
        self.failed += step.failed;
        self.written.add(step.written);
        self.transform += step.transform;
        self.write += step.write;
        self.errors.extend(step.errors);
        self.reports.extend(step.reports);
    }
}
