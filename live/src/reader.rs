//! The connection that reads races.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use metrics::counter;
use raceday_fetcher::db::{Address, describe};
use tokio::sync::Mutex;
use tokio_postgres::{Client, Error, Row, Statement};

/// A race as it was read, with its money flow after a cursor: a row of `raceday.live_delta`.
#[derive(Debug)]
#[allow(missing_docs, reason = "each field is the column it names")]
pub struct Reading {
    pub version: i64,
    pub is_stale: bool,
    pub cursor: i64,
    pub has_more: bool,
    pub race: String,
    pub pools: Option<String>,
    pub documents: String,
    pub signals: Vec<String>,
    pub signals_through: Option<DateTime<Utc>>,
    pub result: Option<String>,
    pub status: Option<String>,
    pub start_time: Option<String>,
    pub committed_at: Option<DateTime<Utc>>,
    /// Seconds from the commit until the database read it.
    pub committed_ago: f64,
    /// When the response was here.
    pub read_at: Instant,
}

impl Reading {
    fn of(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            version: row.try_get("version")?,
            is_stale: row.try_get("is_stale")?,
            cursor: row.try_get("cursor_id")?,
            has_more: row.try_get("has_more")?,
            race: row.try_get("race")?,
            pools: row.try_get("pools")?,
            documents: row.try_get("documents")?,
            signals: row.try_get("signals")?,
            signals_through: row.try_get("signals_through")?,
            result: row.try_get("result")?,
            status: row.try_get("status")?,
            start_time: row.try_get("start_time")?,
            committed_at: row.try_get("committed_at")?,
            committed_ago: row.try_get::<_, Option<f64>>("committed_ago")?.unwrap_or_default(),
            read_at: Instant::now(),
        })
    }
}

/// The connection that reads races, made when it is needed.
pub struct Reader {
    address: Address,
    session: Mutex<Option<Arc<Session>>>,
}

struct Session {
    client: Client,
    delta: Statement,
    overview: Statement,
}

impl Session {
    async fn open(address: &Address) -> Result<Self, Error> {
        let client = address.connect().await?;
        let delta = client.prepare("select * from raceday.live_delta($1, $2, $3)").await?;
        let overview = client.prepare("select movers, next from raceday.live_overview()").await?;
        Ok(Self { client, delta, overview })
    }
}

impl Reader {
    /// A reader that has not connected yet.
    pub fn new(address: Address) -> Self {
        Self { address, session: Mutex::default() }
    }

    /// Reads a race and what follows a cursor; `None` if there is no such race. `kind` is for the metrics.
    pub async fn race(
        &self,
        kind: &'static str,
        race_id: &str,
        after: Option<i64>,
        signals_after: Option<DateTime<Utc>>,
    ) -> Result<Option<Reading>, Error> {
        counter!("raceday_live_queries_total", "kind" => kind).increment(1);
        let session = self.session().await?;
        let read = async {
            let row = session.client.query_opt(&session.delta, &[&race_id, &after, &signals_after]).await?;
            row.as_ref().map(Reading::of).transpose()
        };
        self.unless_failed(read.await).await
    }

    /// Who is being backed over all races, and the next races to start.
    pub async fn overview(&self) -> Result<(String, String), Error> {
        counter!("raceday_live_queries_total", "kind" => "overview").increment(1);
        let session = self.session().await?;
        let read = async {
            let row = session.client.query_one(&session.overview, &[]).await?;
            Ok((row.try_get(0)?, row.try_get(1)?))
        };
        self.unless_failed(read.await).await
    }

    async fn session(&self) -> Result<Arc<Session>, Error> {
        let mut session = self.session.lock().await;
        if let Some(open) = session.as_ref().filter(|open| !open.client.is_closed()) {
            return Ok(open.clone());
        }
        let opened = Session::open(&self.address).await.inspect_err(|_| counter_failure());
        let opened = Arc::new(opened?);
        *session = Some(opened.clone());
        Ok(opened)
    }

    /// After an error the next query opens a connection: `migrate` may have replaced the function.
    async fn unless_failed<T>(&self, read: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &read {
            tracing::warn!(error = %describe(error), "reading a race failed");
            *self.session.lock().await = None;
        }
        read
    }
}

fn counter_failure() {
    counter!("raceday_live_db_failures_total").increment(1);
}
