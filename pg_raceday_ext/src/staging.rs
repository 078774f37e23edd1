//! Staged payloads: what is pending, their text, and the mark each gets.

use crate::plan::{Moment, Plan, Rows, arg, text};
use pgrx::pg_sys::{INT8OID, TEXTOID, TIMESTAMPTZOID};

/// The key of a staged payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// When it was fetched, microseconds since 1970.
    pub fetched_us: i64,
    /// Its number.
    pub payload_id: i64,
}

/// A staged payload, read.
pub struct Staged<'a> {
    /// Its key.
    pub key: Key,
    /// Whether it is a meetings list.
    pub is_list: bool,
    /// Its text; `None` when the body is none.
    pub text: Option<&'a str>,
    /// [`raceday_core::payload_hash`] of the text.
    pub hash: i64,
}

static TAKE_PENDING: Plan =
    Plan::new("delete from raceday.pending_payloads where race_id = $1 returning fetched_at, payload_id", &[TEXTOID]);

/// Takes the keys of a race's pending payloads off the queue, oldest first.
pub fn take_pending(race_id: &str) -> Vec<Key> {
    let mut keys = keys(&TAKE_PENDING.run(&[arg(race_id)]));
    keys.sort_unstable();
    keys
}

// Marked as processed at once, so that the usual payload costs one statement; mark_* corrects it.
static OPEN: Plan = Plan::pruned(
    "update raceday.staged_payloads
     set status = 'processed', error = null, report = null, processed_at = clock_timestamp()
     where race_id = $1 and fetched_at = $2 and payload_id = $3
     returning kind = 'meetings', payload",
    &[TEXTOID, TIMESTAMPTZOID, INT8OID],
);

static READ: Plan = Plan::pruned(
    "select kind = 'meetings', payload from raceday.staged_payloads where race_id = $1 and fetched_at = $2 and payload_id = $3",
    &[TEXTOID, TIMESTAMPTZOID, INT8OID],
);

/// Reads a payload and leaves it as it is; `None` when it is no longer there.
pub fn peek<'a>(race_id: &str, key: Key) -> Option<Staged<'a>> {
    read_with(&READ, race_id, key)
}

/// Reads a payload and marks it processed; `None` when it is no longer there.
pub fn open<'a>(race_id: &str, key: Key) -> Option<Staged<'a>> {
    read_with(&OPEN, race_id, key)
}

fn read_with<'a>(plan: &Plan, race_id: &str, key: Key) -> Option<Staged<'a>> {
    let rows = plan.run(&[arg(race_id), arg(Moment(key.fetched_us)), arg(key.payload_id)]);
    if rows.count() == 0 {
        return None;
    }
    // Borrowed from SPI's memory: a copy would live to the end of the transaction.
    let body = rows.get::<&'a str>(0, 2);
    let hash = body.map_or(0, raceday_core::payload_hash);
    Some(Staged { key, is_list: rows.get(0, 1).unwrap_or(false), text: body, hash })
}

/// What became of a payload, as its row says.
pub struct Mark {
    /// `processed`, `unchanged` or `failed`.
    pub status: &'static str,
    /// Why it failed.
    pub error: Option<String>,
    /// What could not be used of it.
    pub report: Option<String>,
}

impl Mark {
    /// It gave rows.
    pub const fn processed() -> Self {
        Self { status: "processed", error: None, report: None }
    }

    /// It says what the payload before it said.
    pub const fn unchanged() -> Self {
        Self { status: "unchanged", error: None, report: None }
    }

    /// It cannot be used.
    pub const fn failed(reason: String) -> Self {
        Self { status: "failed", error: Some(reason), report: None }
    }

    /// Whether it gave rows and nothing is to be said about it.
    pub fn is_plain(&self) -> bool {
        self.status == "processed" && self.report.is_none()
    }
}

static MARK: Plan = Plan::pruned(
    "update raceday.staged_payloads set status = $4, error = $5, report = $6, processed_at = clock_timestamp()
     where race_id = $1 and fetched_at = $2 and payload_id = $3 and (status, error, report) is distinct from ($4, $5, $6)",
    &[TEXTOID, TIMESTAMPTZOID, INT8OID, TEXTOID, TEXTOID, TEXTOID],
);

/// Says what became of a staged payload.
pub fn mark(race_id: &str, key: Key, mark: &Mark) {
    MARK.run(&[
        arg(race_id),
        arg(Moment(key.fetched_us)),
        arg(key.payload_id),
        arg(mark.status),
        text(mark.error.as_ref()),
        text(mark.report.as_ref()),
    ]);
}

static KEYS: Plan = Plan::new(
    "select fetched_at, payload_id from raceday.staged_payloads where race_id = $1 and kind = 'event' order by fetched_at, payload_id",
    &[TEXTOID],
);

/// The keys of all of a race's staged payloads, oldest first. Looks into every partition: for rebuilding only.
pub fn all_keys(race_id: &str) -> Vec<Key> {
    keys(&KEYS.run(&[arg(race_id)]))
}

static PENDING_RACES: Plan = Plan::new(
    "select race_id from raceday.pending_payloads group by race_id order by min(fetched_at), race_id limit $1",
    &[INT8OID],
);

/// Races with pending payloads, the longest waiting first.
pub fn pending_races(most: i64) -> Vec<String> {
    let rows = PENDING_RACES.run(&[arg(most)]);
    (0..rows.count()).filter_map(|row| rows.get(row, 1)).collect()
}

static TAKE_OLDEST_PENDING: Plan = Plan::new(
    "delete from raceday.pending_payloads where (race_id, fetched_at, payload_id) = (
         select p.race_id, p.fetched_at, p.payload_id from raceday.pending_payloads p where p.race_id = $1
         order by p.fetched_at, p.payload_id limit 1)
     returning fetched_at, payload_id",
    &[TEXTOID],
);

/// Takes the key of a race's oldest pending payload off the queue; empty when there is none.
pub fn take_oldest_pending(race_id: &str) -> Vec<Key> {
    keys(&TAKE_OLDEST_PENDING.run(&[arg(race_id)]))
}

fn keys(rows: &Rows) -> Vec<Key> {
    let key = |row| Some(Key { fetched_us: rows.get::<Moment>(row, 1)?.0, payload_id: rows.get(row, 2)? });
    (0..rows.count()).filter_map(key).collect()
}
