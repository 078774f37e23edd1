//! A worker's connection: stages, processes and ends the lease in one round trip.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future;
use metrics::{counter, gauge};
use serde_json::Value;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use crate::clock::Clock;
use crate::db::{Address, ErrorKind, describe};
use crate::payload::Payload;

/// The longest that one round trip, or all of connecting, may take. After that the connection is abandoned.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

/// Settings of every connection: no statement waits forever, and a confirmed commit is durable.
const SESSION: &str = "set statement_timeout = '9s'; set lock_timeout = '5s'; set synchronous_commit = on";

/// Stages, processes and ends the worker's lease. A spooled payload has no lease: its worker is null.
const INGEST: &str = "select i.*, raceday.raceday_poll_done($2, $6, true, $7) \
                      from raceday.raceday_ingest($1, $2, $3, $4, $5) i";
const STAGE: &str = "select raceday.raceday_stage($1, $2, $3, $4, $5), raceday.raceday_poll_done($2, $6, true, $7)";
const DONE: &str = "select raceday.raceday_poll_done($1, $2, $3, $4)";

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The server reported an error, or the connection ended.
    #[error("{}", describe(.0))]
    Database(#[from] tokio_postgres::Error),
    /// No response in time.
    #[error("the database did not respond in time")]
    Slow,
    /// The database's clock is simulated, but the TAB is not a simulator on this machine.
    #[error("the database's clock is simulated: only a TAB simulator on this machine may be polled")]
    SimulatedClock,
}

impl StoreError {
    /// What it means for the connection and for the payload.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Database(error) => ErrorKind::of(error),
            Self::Slow | Self::SimulatedClock => ErrorKind::Unavailable,
        }
    }
}

/// What `raceday_ingest` reports for one race.
#[derive(Debug, Clone, Default)]
pub struct Processed {
    /// Payloads processed.
    pub payloads: i32,
    /// Payloads that could not be understood.
    pub failed: i32,
    /// Rows of money flow written.
    pub money_flow_rows: i32,
    /// Rows of odds written.
    pub odds_rows: i32,
    /// Milliseconds spent transforming.
    pub transform_ms: f64,
    /// Milliseconds spent writing.
    pub write_ms: f64,
    /// `ok`, `idle`, `failed` or `error`.
    pub status: String,
    /// The reason, unless `ok`.
    pub error: Option<String>,
}

impl Processed {
    /// Whether a payload could not be processed.
    pub fn is_failure(&self) -> bool {
        self.failed > 0 || self.status == "failed" || self.status == "error"
    }

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

/// The result of storing a payload.
#[derive(Debug, Clone)]
pub enum Stored {
    /// Staged and processed.
    Processed(Processed),
    /// Staged only: processing failed and will be retried.
    Staged,
}

/// What all connections of a fetcher share.
#[derive(Debug)]
pub struct Access {
    /// The database's address.
    pub address: Address,
    /// The database's clock.
    pub clock: Arc<Clock>,
    /// Whether the TAB is on this machine, as a simulated clock requires.
    pub tab_is_local: bool,
    open: AtomicI64,
    in_use: AtomicI64,
}

impl Access {
    /// Access without a connection yet.
    pub fn new(address: Address, clock: Arc<Clock>, tab_is_local: bool) -> Self {
        Self { address, clock, tab_is_local, open: AtomicI64::new(0), in_use: AtomicI64::new(0) }
    }

    /// Connects, applies the session's settings and reads the clock.
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

/// One open connection, counted until it is dropped.
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

/// Counts a connection as in use until it is dropped.
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

    /// Executes a statement that takes a payload, the worker whose lease it ends and what it shows of the race's refreshes;
    /// returns its row.
    async fn call(
        &self,
        statement: &Statement,
        payload: &Payload,
        worker: Option<&str>,
        refresh: Option<&Value>,
    ) -> Result<Row, StoreError> {
        let (text, raw) = columns(payload);
        let (kind, key) = (payload.subject.kind(), payload.subject.to_string());
        let parameters: [&(dyn ToSql + Sync); 7] = [&kind, &key, &payload.fetched_at, &text, &raw, &worker, &refresh];
        Ok(self.connection.client.query_one(statement, &parameters).await?)
    }
}

/// A worker's access to the database: connects when necessary, and reconnects when the connection is unusable.
pub struct Store {
    access: Arc<Access>,
    worker: Arc<str>,
    session: Option<Arc<Session>>,
    connected_before: bool,
    patience: Duration,
}

impl Store {
    /// A store that is not connected yet.
    pub fn new(access: Arc<Access>, worker: Arc<str>) -> Self {
        Self { access, worker, session: None, connected_before: false, patience: ROUND_TRIP_MAX }
    }

    /// The same store with another limit for a round trip.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// A copy that is not connected.
    #[must_use]
    pub fn renewed(&self) -> Self {
        let (access, worker, patience) = (self.access.clone(), self.worker.clone(), self.patience);
        Self { access, worker, session: None, connected_before: true, patience }
    }

    /// Stages and processes a payload and ends the worker's lease on the race, in one transaction.
    ///
    /// If only processing fails, stages the payload alone. `refresh` is what it shows of the race's refreshes.
    pub async fn store(&mut self, payload: &Payload, refresh: Option<&Value>) -> Result<Stored, StoreError> {
        let worker = self.worker.clone();
        self.put(payload, Some(&worker), refresh).await
    }

    /// The same for a payload from the spool, whose lease ended long ago. A payload that is already staged (the confirmation of
    /// its commit was lost) is not staged again.
    pub async fn store_spooled(&mut self, payload: &Payload) -> Result<Stored, StoreError> {
        self.put(payload, None, None).await
    }

    async fn put(
        &mut self,
        payload: &Payload,
        worker: Option<&str>,
        refresh: Option<&Value>,
    ) -> Result<Stored, StoreError> {
        let session = self.session().await?;
        match self.round_trip(session.call(&session.ingest, payload, worker, refresh)).await {
            Ok(row) => Ok(Stored::Processed(Processed::of(&row)?)),
            Err(error) if error.kind() == ErrorKind::Unavailable => Err(error),
            Err(error) => {
                self.round_trip(session.call(&session.stage, payload, worker, refresh)).await?;
                tracing::error!(race.id = %payload.subject, error = %error, "processing failed: payload staged only");
                Ok(Stored::Staged)
            }
        }
    }

    /// Ends the worker's lease on a race without staging anything. `is_found` is whether the TAB has the event; none if it
    /// did not say, and `refresh` what its response shows of the race's refreshes.
    pub async fn done(
        &mut self,
        race_id: &str,
        is_found: Option<bool>,
        refresh: Option<&Value>,
    ) -> Result<(), StoreError> {
        let (session, worker) = (self.session().await?, self.worker.clone());
        let ending = async {
            session.connection.client.execute(&session.done, &[&race_id, &&*worker, &is_found, &refresh]).await?;
            Ok(())
        };
        self.round_trip(ending).await
    }

    /// Executes any other statement; returns its rows.
    pub async fn query(&mut self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
        let session = self.session().await?;
        self.round_trip(async { Ok(session.connection.client.query(sql, parameters).await?) }).await
    }

    /// Executes any other statement; returns its only row.
    pub async fn query_one(&mut self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Row, StoreError> {
        let session = self.session().await?;
        self.round_trip(async { Ok(session.connection.client.query_one(sql, parameters).await?) }).await
    }

    /// Returns the open session, or opens one.
    pub async fn session(&mut self) -> Result<Arc<Session>, StoreError> {
        if let Some(session) = self.session.as_ref().filter(|session| !session.connection.client.is_closed()) {
            return Ok(session.clone());
        }
        self.session = None;
        let session = Arc::new(self.connect().await?);
        self.session = Some(session.clone());
        Ok(session)
    }

    /// Awaits `work` on the session, no longer than a round trip may take; drops the session if it has become unusable.
    pub async fn round_trip<T>(&mut self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let _in_use = InUse::count(&self.access);
        let done = tokio::time::timeout(self.patience, work).await.unwrap_or(Err(StoreError::Slow));
        if let Err(error) = &done
            && error.kind() == ErrorKind::Unavailable
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

/// The columns `payload` and `payload_raw`: the body as text if PostgreSQL can store it as text, else as bytes.
fn columns(payload: &Payload) -> (Option<&str>, Option<&[u8]>) {
    match std::str::from_utf8(&payload.body) {
        Ok(text) if !payload.body.contains(&0) => (Some(text), None),
        _ => (None, Some(&payload.body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Subject;
    use chrono::Utc;

    fn payload(body: &[u8]) -> Payload {
        Payload { subject: Subject::event("r"), fetched_at: Utc::now(), body: Arc::new(body.to_vec()) }
    }

    #[test]
    fn only_what_postgresql_can_store_as_text_is_staged_as_text() {
        assert_eq!(columns(&payload("{\"name\": \"Tūī\"}".as_bytes())), (Some("{\"name\": \"Tūī\"}"), None));
        assert_eq!(columns(&payload(b"a\0b")), (None, Some(&b"a\0b"[..])));
        assert_eq!(columns(&payload(b"\xff\xfe")), (None, Some(&b"\xff\xfe"[..])));
        assert_eq!(columns(&payload(b"")), (Some(""), None));
    }
}
