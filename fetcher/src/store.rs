//! A worker's connection: staging, processing and ending the lease in one round trip.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future;
use metrics::{counter, gauge};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use crate::clock::Clock;
use crate::db::{Address, Trouble, describe};
use crate::spool::Payload;

/// Longest that the database may take for one round trip, or for all of connecting. Beyond it the connection is given up.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

/// On every new connection: nothing of ours waits for ever, and a commit answered is a commit kept.
const SESSION: &str = "set statement_timeout = '9s'; set lock_timeout = '5s'; set synchronous_commit = on";

/// Stages, processes and ends the worker's lease; a spooled payload has no lease (its worker is null).
const INGEST: &str = "select i.*, raceday.raceday_poll_done($2, $6) \
                      from raceday.raceday_ingest($1, $2, $3, $4, $5) i";
const STAGE: &str = "select raceday.raceday_stage($1, $2, $3, $4, $5), raceday.raceday_poll_done($2, $6)";
const DONE: &str = "select raceday.raceday_poll_done($1, $2)";

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The server's answer, or the connection's end.
    #[error("{}", describe(.0))]
    Database(#[from] tokio_postgres::Error),
    /// No answer in time.
    #[error("the database did not answer in time")]
    Slow,
    /// The database runs on a simulated clock, and the TAB is not on this machine.
    #[error("the database's clock is simulated: only a TAB simulator on this machine may be polled")]
    SimulatedClock,
}

impl StoreError {
    /// What it means for the connection and for the payload.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Database(error) => Trouble::of(error),
            Self::Slow | Self::SimulatedClock => Trouble::Away,
        }
    }
}

/// What `raceday_ingest` reports of one race.
#[derive(Debug, Clone, Default)]
pub struct Processed {
    /// Payloads handled.
    pub payloads: i32,
    /// Payloads that it could not make sense of.
    pub failed: i32,
    /// Money-flow rows written.
    pub money_flow_rows: i32,
    /// Odds rows written.
    pub odds_rows: i32,
    /// Milliseconds of transformation.
    pub transform_ms: f64,
    /// Milliseconds of writing.
    pub write_ms: f64,
    /// `ok`, `idle`, `failed` or `error`.
    pub status: String,
    /// Why, unless `ok`.
    pub error: Option<String>,
}

impl Processed {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            payloads: row.try_get("payloads_processed")?,
            failed: row.try_get("payloads_failed")?,
            money_flow_rows: row.try_get("money_flow_rows")?,
            odds_rows: row.try_get("odds_rows")?,
            transform_ms: row.try_get("transform_ms")?,
            write_ms: row.try_get("write_ms")?,
            status: row.try_get("status")?,
            error: row.try_get("error")?,
        })
    }
}

/// What became of a payload that the database took.
#[derive(Debug, Clone)]
pub enum Stored {
    /// Staged and processed.
    Processed(Processed),
    /// Staged; the call that should process it failed, and will be made again.
    Staged,
}

/// What all connections of a fetcher have in common.
#[derive(Debug)]
pub struct Access {
    /// Where the database is.
    pub address: Address,
    /// Database time.
    pub clock: Arc<Clock>,
    /// Whether the TAB is on this machine, so that a simulated clock will do.
    pub tab_is_local: bool,
    open: AtomicI64,
    in_use: AtomicI64,
}

impl Access {
    /// No connection yet.
    pub fn new(address: Address, clock: Arc<Clock>, tab_is_local: bool) -> Self {
        Self { address, clock, tab_is_local, open: AtomicI64::new(0), in_use: AtomicI64::new(0) }
    }

    /// Connects, sets the session, and reads the clock.
    async fn connect(self: &Arc<Self>) -> Result<Connection, StoreError> {
        let client = self.address.connect().await?;
        client.batch_execute(SESSION).await?;
        self.read_clock(&client).await?;
        self.count(&self.open, 1);
        Ok(Connection { client, access: self.clone() })
    }

    async fn read_clock(&self, client: &Client) -> Result<(), StoreError> {
        let asked = Instant::now();
        let sql = "select raceday.now(), raceday.clock_rate(), raceday.clock_is_simulated()";
        let row = client.query_one(sql, &[]).await?;
        if row.try_get(2)? && !self.tab_is_local {
            return Err(StoreError::SimulatedClock);
        }
        self.clock.read(row.try_get(0)?, asked, row.try_get(1)?);
        Ok(())
    }

    fn count(&self, number: &AtomicI64, change: i64) {
        number.fetch_add(change, Ordering::Relaxed);
        let (open, in_use) = (self.open.load(Ordering::Relaxed), self.in_use.load(Ordering::Relaxed));
        gauge!("db_pool_connections", "state" => "in_use").set(in_use as f64);
        gauge!("db_pool_connections", "state" => "idle").set((open - in_use).max(0) as f64);
    }
}

/// One open connection, counted as long as it lives.
#[derive(Debug)]
struct Connection {
    client: Client,
    access: Arc<Access>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.access.count(&self.access.open, -1);
    }
}

/// Counts a connection as in use as long as it lives.
struct InUse(Arc<Access>);

impl InUse {
    fn count(access: &Arc<Access>) -> Self {
        access.count(&access.in_use, 1);
        Self(access.clone())
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.count(&self.0.in_use, -1);
    }
}

/// A connection with its prepared statements.
#[derive(Debug)]
pub struct Session {
    connection: Connection,
    ingest: Statement,
    stage: Statement,
    done: Statement,
}

impl Session {
    async fn open(access: &Arc<Access>) -> Result<Self, StoreError> {
        let connection = access.connect().await?;
        let client = &connection.client;
        let (ingest, stage, done) =
            future::try_join3(client.prepare(INGEST), client.prepare(STAGE), client.prepare(DONE)).await?;
        Ok(Self { connection, ingest, stage, done })
    }

    /// The connection's client.
    pub fn client(&self) -> &Client {
        &self.connection.client
    }

    /// The row of a statement that takes a payload and the worker whose lease it ends.
    async fn call(&self, statement: &Statement, payload: &Payload, worker: Option<&str>) -> Result<Row, StoreError> {
        let (text, raw) = columns(payload);
        let kind = payload.kind.as_str();
        let parameters: [&(dyn ToSql + Sync); 6] = [&kind, &payload.race_id, &payload.fetched_at, &text, &raw, &worker];
        Ok(self.connection.client.query_one(statement, &parameters).await?)
    }
}

/// A worker's way to the database: connects when it must, and again when the connection is of no more use.
pub struct Store {
    access: Arc<Access>,
    worker: Arc<str>,
    session: Option<Arc<Session>>,
    connected_before: bool,
    patience: Duration,
}

impl Store {
    /// Not connected yet.
    pub fn new(access: Arc<Access>, worker: Arc<str>) -> Self {
        Self { access, worker, session: None, connected_before: false, patience: ROUND_TRIP_MAX }
    }

    /// The same with another limit for a round trip.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Another of the same, not connected.
    #[must_use]
    pub fn renewed(&self) -> Self {
        let (access, worker, patience) = (self.access.clone(), self.worker.clone(), self.patience);
        Self { access, worker, session: None, connected_before: true, patience }
    }

    /// Stages and processes a payload and ends the worker's lease on the race: all of it, or none.
    ///
    /// When only the processing fails, it stages alone.
    pub async fn store(&mut self, payload: &Payload) -> Result<Stored, StoreError> {
        let worker = self.worker.clone();
        self.put(payload, Some(&worker)).await
    }

    /// The same with a payload from the spool, whose lease ended long ago. One that is staged already is not staged again: its
    /// commit's answer may have been lost.
    pub async fn store_spooled(&mut self, payload: &Payload) -> Result<Stored, StoreError> {
        self.put(payload, None).await
    }

    async fn put(&mut self, payload: &Payload, worker: Option<&str>) -> Result<Stored, StoreError> {
        let session = self.session().await?;
        match self.round_trip(session.call(&session.ingest, payload, worker)).await {
            Ok(row) => Ok(Stored::Processed(Processed::of(&row)?)),
            Err(error) if error.trouble() == Trouble::Away => Err(error),
            Err(error) => {
                self.round_trip(session.call(&session.stage, payload, worker)).await?;
                tracing::error!(race.id = %payload.race_id, error = %error, "process.failed");
                Ok(Stored::Staged)
            }
        }
    }

    /// Ends the worker's lease on a race of which there is nothing to stage.
    pub async fn done(&mut self, race_id: &str) -> Result<(), StoreError> {
        let (session, worker) = (self.session().await?, self.worker.clone());
        let ending = async {
            session.connection.client.execute(&session.done, &[&race_id, &&*worker]).await?;
            Ok(())
        };
        self.round_trip(ending).await
    }

    /// The rows of another statement.
    pub async fn query(&mut self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
        let session = self.session().await?;
        self.round_trip(async { Ok(session.connection.client.query(sql, parameters).await?) }).await
    }

    /// The one row of another statement.
    pub async fn query_one(&mut self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Row, StoreError> {
        let session = self.session().await?;
        self.round_trip(async { Ok(session.connection.client.query_one(sql, parameters).await?) }).await
    }

    /// An open session: the one there is, else a new one.
    pub async fn session(&mut self) -> Result<Arc<Session>, StoreError> {
        if let Some(session) = self.session.as_ref().filter(|session| !session.connection.client.is_closed()) {
            return Ok(session.clone());
        }
        self.session = None;
        let session = Arc::new(self.connect().await?);
        self.session = Some(session.clone());
        Ok(session)
    }

    /// Awaits `work` on the session, no longer than a round trip may take; drops the session if it is of no more use.
    pub async fn round_trip<T>(&mut self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let _in_use = InUse::count(&self.access);
        let done = tokio::time::timeout(self.patience, work).await.unwrap_or(Err(StoreError::Slow));
        if let Err(error) = &done
            && error.trouble() == Trouble::Away
        {
            self.session = None;
        }
        done
    }

    async fn connect(&mut self) -> Result<Session, StoreError> {
        if self.connected_before {
            counter!("raceday_db_reconnects_total").increment(1);
        }
        let opening = Session::open(&self.access);
        let session = tokio::time::timeout(ROUND_TRIP_MAX, opening).await.unwrap_or(Err(StoreError::Slow))?;
        self.connected_before = true;
        Ok(session)
    }
}

/// `payload` when PostgreSQL can hold the body as text, else `payload_raw`.
fn columns(payload: &Payload) -> (Option<&str>, Option<&[u8]>) {
    match std::str::from_utf8(&payload.body) {
        Ok(text) if !payload.body.contains(&0) => (Some(text), None),
        _ => (None, Some(&payload.body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::Kind;
    use chrono::Utc;

    fn payload(body: &[u8]) -> Payload {
        Payload { kind: Kind::Event, race_id: "r".into(), fetched_at: Utc::now(), body: Arc::new(body.to_vec()) }
    }

    #[test]
    fn only_what_postgresql_can_hold_is_staged_as_text() {
        assert_eq!(columns(&payload("{\"name\": \"Tūī\"}".as_bytes())), (Some("{\"name\": \"Tūī\"}"), None));
        assert_eq!(columns(&payload(b"a\0b")), (None, Some(&b"a\0b"[..])));
        assert_eq!(columns(&payload(b"\xff\xfe")), (None, Some(&b"\xff\xfe"[..])));
        assert_eq!(columns(&payload(b"")), (Some(""), None));
    }
}
