//! Payloads staged and processed by SQL, without a fetcher.

use chrono::{DateTime, Utc};
use postgres::{Client, GenericClient};

/// Stages a payload of a race, in a session or a transaction.
pub fn stage(client: &mut impl GenericClient, race_id: &str, fetched_at: DateTime<Utc>, payload: &str) {
    stage_kind(client, "event", race_id, fetched_at, payload);
}

/// Stages a payload of this kind.
pub fn stage_kind(
    client: &mut impl GenericClient,
    kind: &str,
    race_id: &str,
    fetched_at: DateTime<Utc>,
    payload: &str,
) {
    let sql = "insert into raceday.staged_payloads (kind, race_id, fetched_at, payload) values ($1, $2, $3, $4)";
    client.execute(sql, &[&kind, &race_id, &fetched_at, &payload]).unwrap();
}

/// What a call of `raceday.raceday_process` returned.
#[derive(Debug)]
pub struct Processed {
    /// `ok`, `failed` or `idle`.
    pub status: String,
    /// Payloads processed.
    pub payloads: i32,
    /// Payloads that failed.
    pub failed: i32,
    /// The reason of the first failure.
    pub error: Option<String>,
}

/// Processes the pending payloads of a race.
pub fn process(client: &mut Client, race_id: &str) -> Processed {
    let sql = "select status, payloads_processed, payloads_failed, error from raceday.raceday_process($1)";
    let row = client.query_one(sql, &[&race_id]).unwrap();
    Processed { status: row.get(0), payloads: row.get(1), failed: row.get(2), error: row.get(3) }
}
