//! A connection, and the three ways of handling a poll on it.

use std::fmt;

use anyhow::{Context, Result, ensure};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Statement};

use crate::feed::Poll;

/// As the fetcher sets its connections.
const SESSION: &str = "set statement_timeout = '9s'; set lock_timeout = '5s'; set synchronous_commit = on";

const FLOOR: &str = "insert into reference.floor (race_id, fetched_at, payload) values ($1, $2, $3)";
const INGEST: &str = "select * from raceday.raceday_ingest($1, $2, $3, $4, $5)";
const REFERENCE: &str = "select reference.process($1, $2, $3)";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// The text inserted and committed.
    Floor,
    /// Staged, processed and committed in one call, as the fetcher does it.
    Engine,
    /// The same job in plain SQL.
    Reference,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Floor, Self::Engine, Self::Reference];

    /// The role that does it.
    pub const fn role(self) -> &'static str {
        match self {
            Self::Engine => "raceday_fetcher",
            Self::Floor | Self::Reference => "postgres",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.pad(match self {
            Self::Floor => "floor",
            Self::Engine => "engine",
            Self::Reference => "reference",
        })
    }
}

/// A connection with the prepared statement of one way.
pub struct Session {
    client: Client,
    way: Way,
    statement: Statement,
    /// The backend's process.
    pub backend_pid: u32,
}

impl Session {
    /// Connects and prepares.
    pub async fn open(url: &str, way: Way) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("cannot connect")?;
        tokio::spawn(connection);
        client.batch_execute(SESSION).await?;
        let statement = client.prepare(match way {
            Way::Floor => FLOOR,
            Way::Engine => INGEST,
            Way::Reference => REFERENCE,
        });
        let statement = statement.await?;
        let pid: i32 = client.query_one("select pg_backend_pid()", &[]).await?.get(0);
        Ok(Self { client, way, statement, backend_pid: pid.try_into()? })
    }

    /// Handles a poll; returns when it is committed.
    pub async fn handle(&self, poll: &Poll) -> Result<()> {
        let (race_id, text): (&str, &str) = (&poll.race_id, &poll.text);
        let plain: [&(dyn ToSql + Sync); 3] = [&race_id, &poll.fetched_at, &text];
        match self.way {
            Way::Engine => self.ingest(poll).await?,
            Way::Floor => {
                self.client.execute(&self.statement, &plain).await?;
            }
            Way::Reference => {
                let rows: i64 = self.client.query_one(&self.statement, &plain).await?.get(0);
                ensure!(rows > 0, "the reference wrote no row of race {race_id}");
            }
        }
        Ok(())
    }

    async fn ingest(&self, poll: &Poll) -> Result<()> {
        let (kind, race_id, text, raw) = ("event", &*poll.race_id, Some(&*poll.text), None::<&[u8]>);
        let parameters: [&(dyn ToSql + Sync); 5] = [&kind, &race_id, &poll.fetched_at, &text, &raw];
        let row = self.client.query_one(&self.statement, &parameters).await?;
        let (status, error): (&str, Option<&str>) = (row.try_get("status")?, row.try_get("error")?);
        ensure!(status == "ok", "raceday_ingest says {status}: {}", error.unwrap_or_default());
        Ok(())
    }

    /// Stages and processes within a transaction left open, and returns the names of the partitions it holds locks on.
    pub async fn locked_partitions(&self, poll: &Poll) -> Result<Vec<String>> {
        self.client.batch_execute("begin").await?;
        self.ingest(poll).await?;
        let sql = "select c.relname::text from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation \
                   where l.pid = pg_catalog.pg_backend_pid() and c.relispartition and c.relkind = 'r' group by 1 order by 1";
        let rows = self.client.query(sql, &[]).await?;
        self.client.batch_execute("commit").await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Makes the server count what this session did so far.
    pub async fn flush_counts(&self) -> Result<()> {
        self.client.batch_execute("select pg_catalog.pg_stat_force_next_flush()").await?;
        self.client.batch_execute("select 1").await?;
        Ok(())
    }
}
