//! Staged payloads: what is staged, what is pending, their text, and the mark each gets.

use crate::plan::{Plan, Rows};
use crate::subject::Subject;
use crate::value::{Moment, arg, text};
use pgrx::pg_sys::{BYTEAOID, Datum, INT8OID, TEXTOID, TIMESTAMPTZOID};

/// The key of a staged payload, beside its race's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// When it was fetched, microseconds since 1970.
    pub fetched_us: i64,
    /// Tells payloads of one moment apart.
    pub payload_id: i64,
}

/// A staged payload, read.
pub struct Staged<'a> {
    /// Its key.
    pub key: Key,
    /// Whether it was staged as a meetings list.
    pub is_list: bool,
    /// Its text; `None` when the body is not text.
    pub text: Option<&'a str>,
    /// [`raceday_core::payload_hash`] of the text.
    pub hash: i64,
}

/// A payload that is not staged yet.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// What it is about.
    pub subject: Subject<'a>,
    kind: &'a str,
    key: Key,
    hash: i64,
    text: Option<&'a str>,
    payload: Option<Datum>,
    payload_raw: Option<Datum>,
}

/// `staged_payloads.kind` of a poll of a race.
const EVENT: &str = "event";

impl<'a> Incoming<'a> {
    /// From a body as text, with the datum it is borrowed from, or as bytes.
    pub fn new(
        kind: &'a str,
        subject: Subject<'a>,
        fetched_us: i64,
        body: Option<(&'a str, Datum)>,
        raw: Option<(&'a [u8], Datum)>,
    ) -> Self {
        let bytes = body.map(|(text, _)| text.as_bytes()).or(raw.map(|(bytes, _)| bytes)).unwrap_or_default();
        let hash = raceday_core::body_hash(bytes);
        Self {
            subject,
            kind,
            key: Key { fetched_us, payload_id: payload_id(hash) },
            hash,
            text: body.map(|(text, _)| text),
            payload: body.map(|(_, datum)| datum),
            payload_raw: raw.map(|(_, datum)| datum),
        }
    }

    /// As if it were already staged.
    pub const fn as_staged(&self) -> Staged<'a> {
        Staged { key: self.key, is_list: false, text: self.text, hash: self.hash }
    }

    /// Whether it may be an event that continues its race.
    pub fn is_event(&self) -> bool {
        self.kind == EVENT && self.text.is_some()
    }

    /// Stages it with its mark; raises an error when it is already staged.
    pub fn insert(&self, mark: &Mark) {
        let [id, kind, race, fetched_at, payload, payload_raw] = self.columns();
        let (error, report) = (text(mark.error.as_ref()), text(mark.report.as_ref()));
        INSERT.run(&[id, kind, race, fetched_at, payload, payload_raw, arg(mark.status), error, report]);
    }

    /// Stages it as pending; whether it was not staged yet.
    pub fn stage(&self) -> bool {
        STAGE.run(&self.columns()).count() > 0
    }

    fn columns(&self) -> [Option<Datum>; 6] {
        let Key { fetched_us, payload_id } = self.key;
        let race_id = arg(self.subject.id());
        [arg(payload_id), arg(self.kind), race_id, arg(Moment(fetched_us)), self.payload, self.payload_raw]
    }
}

/// A payload's id is derived from its body, so that no payload of one moment is staged twice, even by concurrent callers.
/// Negative: those that a plain INSERT gets are positive. See docs/decisions/payload-identity.md.
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

// Marked processed right away, so that the usual payload costs one statement; `mark` corrects it.
static OPEN: Plan = Plan::new(
    "update raceday.staged_payloads
     set status = 'processed', error = null, report = null, processed_at = clock_timestamp()
     where race_id = $1 and fetched_at = $2 and payload_id = $3
     returning kind = 'meetings', payload",
    &[TEXTOID, TIMESTAMPTZOID, INT8OID],
)
.pruned();

static READ: Plan = Plan::new(
    "select kind = 'meetings', payload from raceday.staged_payloads where race_id = $1 and fetched_at = $2 and payload_id = $3",
    &[TEXTOID, TIMESTAMPTZOID, INT8OID],
)
.pruned();

/// Reads a payload and leaves it as it is; `None` when it no longer exists.
pub fn peek<'a>(race_id: &str, key: Key) -> Option<Staged<'a>> {
    read_with(&READ, race_id, key)
}

/// Reads a payload and marks it processed; `None` when it no longer exists.
pub fn open<'a>(race_id: &str, key: Key) -> Option<Staged<'a>> {
    read_with(&OPEN, race_id, key)
}

fn read_with<'a>(plan: &Plan, race_id: &str, key: Key) -> Option<Staged<'a>> {
    let rows = plan.run(&[arg(race_id), arg(Moment(key.fetched_us)), arg(key.payload_id)]);
    if rows.count() == 0 {
        return None;
    }
    // Borrowed from SPI's memory: a copy would live until the end of the transaction.
    let body = rows.get::<&'a str>(0, 2);
    let hash = body.map_or(0, raceday_core::payload_hash);
    Some(Staged { key, is_list: rows.get(0, 1).unwrap_or(false), text: body, hash })
}

/// Reads payloads by `read` in the order in which they are applied. Only those of one moment are in memory at a time.
pub fn each<'a>(keys: &[Key], read: impl Fn(Key) -> Option<Staged<'a>>, mut apply: impl FnMut(&Staged)) {
    for moment in keys.chunk_by(|a, b| a.fetched_us == b.fetched_us) {
        let mut payloads: Vec<Staged> = moment.iter().filter_map(|key| read(*key)).collect();
        sort(&mut payloads);
        payloads.iter().for_each(&mut apply);
    }
}

/// Sorts payloads into the order in which they are applied: those of one moment by their content, not by who staged first.
pub fn sort(payloads: &mut [Staged]) {
    payloads.sort_by_key(|payload| (payload.key.fetched_us, payload.hash, payload.key.payload_id));
}

/// The outcome of a payload, as its row holds it.
pub struct Mark {
    /// `processed`, `unchanged` or `failed`.
    pub status: &'static str,
    /// Why it failed.
    pub error: Option<String>,
    /// Which of its values could not be used.
    pub report: Option<String>,
}

impl Mark {
    /// It gave rows.
    pub const fn processed() -> Self {
        Self { status: "processed", error: None, report: None }
    }

    /// It repeats the payload before it.
    pub const fn unchanged() -> Self {
        Self { status: "unchanged", error: None, report: None }
    }

    /// It cannot be used.
    pub const fn failed(reason: String) -> Self {
        Self { status: "failed", error: Some(reason), report: None }
    }

    /// Whether it is what [`open`] already wrote.
    pub fn is_plain(&self) -> bool {
        self.status == "processed" && self.report.is_none()
    }
}

static MARK: Plan = Plan::new(
    "update raceday.staged_payloads set status = $4, error = $5, report = $6, processed_at = clock_timestamp()
     where race_id = $1 and fetched_at = $2 and payload_id = $3 and (status, error, report) is distinct from ($4, $5, $6)",
    &[TEXTOID, TIMESTAMPTZOID, INT8OID, TEXTOID, TEXTOID, TEXTOID],
)
.pruned();

/// Writes the mark of a staged payload.
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

static EVENTS: Plan = Plan::new(
    "select fetched_at, payload_id from raceday.staged_payloads where race_id = $1 and kind = 'event' order by fetched_at, payload_id",
    &[TEXTOID],
);

/// The keys of all of a race's staged events, oldest first. Searches every partition: for rebuilding only.
pub fn all_events(race_id: &str) -> Vec<Key> {
    keys(&EVENTS.run(&[arg(race_id)]))
}

static PENDING_RACES: Plan = Plan::new(
    "select race_id from raceday.pending_payloads group by race_id order by min(fetched_at), race_id limit $1",
    &[INT8OID],
);

/// Ids with pending payloads, the longest waiting first.
pub fn pending_races(most: i64) -> Vec<String> {
    PENDING_RACES.run(&[arg(most)]).texts()
}

static TAKE_PENDING: Plan =
    Plan::new("delete from raceday.pending_payloads where race_id = $1 returning fetched_at, payload_id", &[TEXTOID]);

/// Takes the keys of a race's pending payloads off the queue, oldest first.
pub fn take_pending(race_id: &str) -> Vec<Key> {
    let mut keys = keys(&TAKE_PENDING.run(&[arg(race_id)]));
    keys.sort_unstable();
    keys
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
