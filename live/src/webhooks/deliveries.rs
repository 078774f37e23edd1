//! The deliveries' rows: collecting, claiming, and recording results, also those of before the connection was lost.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use raceday_fetcher::db::{Address, describe};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::sender::Outcome;

/// How long a signal is tried: after a day it is of no use.
const MAX_AGE_S: f64 = 86_400.0;
/// The longest that the database may take to respond.
const PATIENCE: Duration = Duration::from_secs(10);

const COLLECT: &str = "select raceday.raceday_webhook_collect($1, $2, make_interval(secs => $3))";
const CLAIM: &str =
    "select delivery_id, attempt, body from raceday.raceday_webhook_claim($1, make_interval(secs => $2))";
const DONE: &str = "select raceday.raceday_webhook_done($1, $2, $3, $4, make_interval(secs => $5))";

/// Which signals are sent.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The lowest level.
    pub min_level: i32,
    /// The meetings' countries; empty for all.
    pub countries: Vec<String>,
}

/// A delivery that this process may attempt now.
#[derive(Debug)]
pub struct Delivery {
    /// The same with each attempt.
    pub id: String,
    /// From 1.
    pub attempt: i32,
    /// The signal as JSON.
    pub body: String,
}

/// How an attempt ended.
#[derive(Debug)]
pub struct Ended {
    pub delivery_id: String,
    pub attempt: i32,
    pub outcome: Outcome,
}

/// The rows, by one connection that is opened when needed.
#[derive(Debug)]
pub struct Deliveries {
    address: Address,
    filter: Filter,
    lease_s: f64,
    client: Option<Client>,
    /// Results that the database does not have yet.
    unrecorded: Vec<Ended>,
}

impl Deliveries {
    /// No connection yet; `lease` is how long a claim holds.
    pub fn new(address: Address, filter: Filter, lease: Duration) -> Self {
        Self { address, filter, lease_s: lease.as_secs_f64(), client: None, unrecorded: Vec::new() }
    }

    /// Whether the last query failed.
    pub fn is_disconnected(&self) -> bool {
        self.client.is_none()
    }

    /// Adds deliveries for new signals; returns how many.
    pub async fn collect(&mut self) -> Result<i64> {
        let Filter { min_level, countries } = self.filter.clone();
        let rows = self.query(COLLECT, &[&min_level, &countries, &MAX_AGE_S]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// Begins attempts at what is due.
    pub async fn claim(&mut self, limit: i32) -> Result<Vec<Delivery>> {
        let lease_s = self.lease_s;
        let rows = self.query(CLAIM, &[&limit, &lease_s]).await?;
        let delivery = |row: &Row| Delivery { id: row.get(0), attempt: row.get(1), body: row.get(2) };
        Ok(rows.iter().map(delivery).collect())
    }

    /// Records results, first those that could not be recorded before. On failure they are kept for the next call.
    pub async fn record(&mut self, ended: Vec<Ended>) -> Result<()> {
        self.unrecorded.extend(ended);
        while let Some(Ended { delivery_id, attempt, outcome }) = self.unrecorded.pop() {
            let (status, error, retry_in_s) = match &outcome {
                Outcome::Delivered => ("delivered", None, None),
                Outcome::Refused(error) => ("failed", Some(error.as_str()), None),
                Outcome::Retry { error, wait } => ("pending", Some(error.as_str()), Some(wait.as_secs_f64())),
            };
            let recorded = self.query(DONE, &[&delivery_id, &attempt, &status, &error, &retry_in_s]).await;
            if let Err(error) = recorded {
                self.unrecorded.push(Ended { delivery_id, attempt, outcome });
                return Err(error);
            }
        }
        Ok(())
    }

    async fn query(&mut self, sql: &str, arguments: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            _ => {
                let connecting = tokio::time::timeout(PATIENCE, self.address.connect());
                let connected = connecting.await.with_context(|| format!("{}: no response", self.address))?;
                connected.map_err(|error| anyhow!("{}: {}", self.address, describe(&error)))?
            }
        };
        let querying = tokio::time::timeout(PATIENCE, client.query(sql, arguments));
        let rows = querying.await.with_context(|| format!("{}: no response", self.address))?;
        let rows = rows.map_err(|error| anyhow!("{}: {}", self.address, describe(&error)))?;
        self.client = Some(client);
        Ok(rows)
    }
}
