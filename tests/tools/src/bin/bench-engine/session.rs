//! A connection that processes polls with one of the three methods.

use std::fmt;

use anyhow::{Context, Result, ensure};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Statement};

use crate::feed::Poll;

/// The fetcher's own session settings.
const SESSION: &str = "set statement_timeout = '9s'; set lock_timeout = '5s'; set synchronous_commit = on";

const FLOOR: &str = "insert into reference.floor (race_id, fetched_at, payload) values ($1, $2, $3)";
const INGEST: &str = "select * from raceday.raceday_ingest($1, $2, $3, $4, $5)";
const REFERENCE: &str = "select reference.process($1, $2, $3)";

/// How a poll is processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Inserts the text and commits: the least that storing a poll can cost.
    Floor,
    /// Stages, processes and commits in one call, as the fetcher does.
    Engine,
    /// Does the same in plain SQL.
    Reference,
}

impl Method {
    #[allow(missing_docs)]
    pub const ALL: [Self; 3] = [Self::Floor, Self::Engine, Self::Reference];

    /// The role that it runs as.
    pub const fn role(self) -> &'static str {
        match self {
            Self::Engine => "raceday_fetcher",
            Self::Floor | Self::Reference => "postgres",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.pad(match self {
            Self::Floor => "floor",
            Self::Engine => "engine",
            Self::Reference => "reference",
        })
    }
}

/// A connection with the prepared statement of one method.
pub struct Session {
    client: Client,
    method: Method,
    statement: Statement,
    /// The process id of the backend.
    pub backend_pid: u32,
}

impl Session {
    /// Connects and prepares the statement.
    pub async fn open(url: &str, method: Method) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("cannot connect")?;
        tokio::spawn(connection);
        client.batch_execute(SESSION).await?;
        let statement = client.prepare(match method {
            Method::Floor => FLOOR,
            Method::Engine => INGEST,
            Method::Reference => REFERENCE,
        });
        let statement = statement.await?;
        let pid: i32 = client.query_one("select pg_backend_pid()", &[]).await?.get(0);
        Ok(Self { client, method, statement, backend_pid: pid.try_into()? })
    }

    /// Processes a poll; returns once it is committed.
    pub async fn handle(&self, poll: &Poll) -> Result<()> {
        let (race_id, text): (&str, &str) = (&poll.race_id, &poll.text);
        let plain: [&(dyn ToSql + Sync); 3] = [&race_id, &poll.fetched_at, &text];
        match self.method {
            Method::Engine => self.ingest(poll).await?,
            Method::Floor => {
                self.client.execute(&self.statement, &plain).await?;
            }
            Method::Reference => {
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
        ensure!(status == "ok", "raceday_ingest reports {status}: {}", error.unwrap_or_default());
        Ok(())
    }

    /// Stages and processes in an open transaction and returns the names of the partitions it has locked.
    pub async fn locked_partitions(&self, poll: &Poll) -> Result<Vec<String>> {
        self.client.batch_execute("begin").await?;
        self.ingest(poll).await?;
        let sql = "select c.relname::text from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation \
                   where l.pid = pg_catalog.pg_backend_pid() and c.relispartition and c.relkind = 'r' group by 1 order by 1";
        let rows = self.client.query(sql, &[]).await?;
        self.client.batch_execute("commit").await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Makes the server publish this session's statistics now.
    pub async fn flush_counts(&self) -> Result<()> {
        self.client.batch_execute("select pg_catalog.pg_stat_force_next_flush()").await?;
        self.client.batch_execute("select 1").await?;
        Ok(())
    }
}
