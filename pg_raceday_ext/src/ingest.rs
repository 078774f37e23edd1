//! A payload handed over: staged and processed in one step, without the queue.

use crate::guard;
use crate::plan::{Moment, Plan, arg, text};
use crate::process::{self, Call};
use crate::staging::{Key, Mark, Staged};
use pgrx::pg_sys::{BYTEAOID, Datum, INT8OID, TEXTOID, TIMESTAMPTZOID};
use pgrx::prelude::*;

/// A payload that is not staged yet.
#[derive(Debug)]
pub struct Incoming<'a> {
    kind: &'a str,
    key: Key,
    hash: i64,
    text: Option<&'a str>,
    payload: Option<Datum>,
    payload_raw: Option<Datum>,
}

impl<'a> Incoming<'a> {
    /// Of a body as text, with the datum it is borrowed from, or as bytes.
    pub fn new(kind: &'a str, fetched_us: i64, body: Option<(&'a str, Datum)>, raw: Option<(&'a [u8], Datum)>) -> Self {
        let bytes = body.map(|(text, _)| text.as_bytes()).or(raw.map(|(bytes, _)| bytes)).unwrap_or_default();
        let hash = raceday_core::body_hash(bytes);
        Self {
            kind,
            key: Key { fetched_us, payload_id: payload_id(hash) },
            hash,
            text: body.map(|(text, _)| text),
            payload: body.map(|(_, datum)| datum),
            payload_raw: raw.map(|(_, datum)| datum),
        }
    }

    /// As if it were staged already.
    pub fn as_staged(&self) -> Staged<'a> {
        Staged { key: self.key, is_list: false, text: self.text, hash: self.hash }
    }

    /// Whether it may be an event that continues its race.
    fn is_event(&self) -> bool {
        self.kind == "event" && self.text.is_some()
    }

    /// Stages it with what became of it; an error when it is staged already.
    pub fn insert(&self, race_id: &str, mark: &Mark) {
        let [id, kind, race, fetched_at, payload, payload_raw] = self.columns(race_id);
        let (error, report) = (text(mark.error.as_ref()), text(mark.report.as_ref()));
        INSERT.run(&[id, kind, race, fetched_at, payload, payload_raw, arg(mark.status), error, report]);
    }

    fn columns(&self, race_id: &str) -> [Option<Datum>; 6] {
        let Key { fetched_us, payload_id } = self.key;
        [arg(payload_id), arg(self.kind), arg(race_id), arg(Moment(fetched_us)), self.payload, self.payload_raw]
    }
}

/// The number of a payload is made of its body, so that no payload of one moment is staged twice, whoever stages it at the same
/// time. Negative: those that a plain INSERT gets are positive.
const fn payload_id(hash: i64) -> i64 {
    hash | i64::MIN
}

static INSERT: Plan = Plan::new(
    "insert into raceday.staged_payloads
         (payload_id, kind, race_id, fetched_at, payload, payload_raw, status, error, report, processed_at)
     overriding system value values ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp())",
    &[INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, BYTEAOID, TEXTOID, TEXTOID, TEXTOID],
);

static STAGE: Plan = Plan::new(
    "insert into raceday.staged_payloads (payload_id, kind, race_id, fetched_at, payload, payload_raw)
     overriding system value values ($1, $2, $3, $4, $5, $6)
     on conflict (race_id, fetched_at, payload_id) do nothing",
    &[INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, BYTEAOID],
);

/// Stages a payload for a later call; whether it was not staged yet.
pub fn stage(race_id: &str, incoming: &Incoming) -> bool {
    Spi::connect(|_| STAGE.run(&incoming.columns(race_id)).count() > 0)
}

/// Stages a payload and handles all that is pending of its race. What processing it raises is caught; what staging it raises is not.
pub fn ingest(race_id: &str, incoming: &Incoming) -> Call {
    guard::lock(race_id);
    if incoming.is_event()
        && let Ok(Some(call)) = guard::attempt(|| process::process_newest(race_id, incoming))
    {
        return call;
    }
    stage(race_id, incoming);
    process::process_locked(race_id)
}
