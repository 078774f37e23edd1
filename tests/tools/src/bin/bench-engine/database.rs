//! The server and its databases.

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Parser;
use raceday_fetcher::config::{Cli, Command};
use raceday_stack::{Layout, Postgres, PostgresOptions};
use std::sync::Arc;
use tokio_postgres::{Client, NoTls};

use crate::measure::Crew;
use crate::session::{Session, Way};

/// The reference's schema.
const REFERENCE_SQL: &str = include_str!("reference.sql");

/// Days of partitions before the races' day, and after it.
pub const DAYS_BEFORE: i64 = 30;
const DAYS_AFTER: i64 = 2;

/// A scratch cluster. Everything in it goes with it.
pub struct Server {
    postgres: Postgres,
    /// The races' day.
    pub day: DateTime<Utc>,
}

impl Server {
    /// Starts one, set as the product's but for checkpoints, which would hit one way more than the others. `day` is the races'.
    pub fn start(day: DateTime<Utc>) -> Result<Self> {
        let options = PostgresOptions::scratch(&Layout::of_workspace())?
            .set("shared_buffers", "512MB")
            .set("max_wal_size", "32GB")
            .set("checkpoint_timeout", "1h");
        Ok(Self { postgres: Postgres::start(options)?, day })
    }

    /// The server's first process.
    pub fn postmaster(&self) -> Result<u32> {
        self.postgres.pid().context("the server is gone")
    }

    /// Makes a database as `raceday-fetcher migrate` does, with partitions around the races' day, and the reference beside it.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        self.postgres.create_database(name)?;
        let (url, password) = (self.postgres.url("postgres", name), self.postgres.password("raceday_fetcher"));
        let line =
            ["raceday-fetcher", "migrate", "--database-url", &url, "--fetcher-password", password].map(str::to_owned);
        let Command::Migrate(arguments) = Cli::try_parse_from(line)?.command else { unreachable!("said migrate") };
        raceday_fetcher::migrate::migrate(&arguments).await?;
        let client = self.connect(name).await?;
        // The races are of the past: maintenance would archive their history.
        client.batch_execute("update partman.part_config set retention = null").await?;
        for table in ["money_flow_history", "odds_history", "staged_payloads"] {
            let days: Vec<_> = (-DAYS_BEFORE..=DAYS_AFTER).map(|days| self.day + TimeDelta::days(days)).collect();
            let sql = "select partman.create_partition_time($1, $2)";
            client.query_one(sql, &[&format!("raceday.{table}"), &days]).await?;
        }
        client.batch_execute(REFERENCE_SQL).await.context("reference.sql")?;
        client.batch_execute("create extension if not exists pg_stat_statements schema public").await?;
        Ok(())
    }

    /// A superuser's session.
    pub async fn connect(&self, database: &str) -> Result<Client> {
        let url = self.postgres.url("postgres", database);
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.context("cannot connect")?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Opens the connections of one way.
    pub async fn crew(&self, database: &str, way: Way, connections: usize) -> Result<Crew> {
        let mut sessions = Vec::new();
        for _ in 0..connections {
            sessions.push(Arc::new(Session::open(&self.postgres.url(way.role(), database), way).await?));
        }
        Ok(Crew { sessions, postmaster: self.postmaster()? })
    }
}
