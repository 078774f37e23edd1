//! The scratch server and its databases.

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Parser;
use raceday_fetcher::config::{Cli, Command};
use raceday_stack::{Layout, Postgres, PostgresOptions};
use std::sync::Arc;
use tokio_postgres::{Client, NoTls};

use crate::measure::Connections;
use crate::session::{Method, Session};

/// Creates the reference's schema.
const REFERENCE_SQL: &str = include_str!("reference.sql");

/// Days with partitions before the day of the races.
pub const DAYS_BEFORE: i64 = 30;
/// Days with partitions after it.
const DAYS_AFTER: i64 = 2;

/// A scratch cluster, removed when dropped.
pub struct Server {
    postgres: Postgres,
    /// The day of the races.
    pub day: DateTime<Utc>,
}

impl Server {
    /// Starts a cluster with the product's settings, except that checkpoints, which would slow down one method more than the
    /// others, are postponed beyond the run.
    pub fn start(day: DateTime<Utc>) -> Result<Self> {
        let options = PostgresOptions::scratch(&Layout::of_workspace())?
            .set("shared_buffers", "512MB")
            .set("max_wal_size", "32GB")
            .set("checkpoint_timeout", "1h");
        Ok(Self { postgres: Postgres::start(options)?, day })
    }

    /// The process id of the postmaster.
    pub fn postmaster(&self) -> Result<u32> {
        self.postgres.pid().context("the server has ended")
    }

    /// Creates a database with `raceday-fetcher migrate`, partitions around the day of the races, and the reference's schema.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        self.postgres.create_database(name)?;
        let (url, password) = (self.postgres.url("postgres", name), self.postgres.password("raceday_fetcher"));
        let line =
            ["raceday-fetcher", "migrate", "--database-url", &url, "--fetcher-password", password].map(str::to_owned);
        let Command::Migrate(arguments) = Cli::try_parse_from(line)?.command else {
            unreachable!("the command is migrate")
        };
        raceday_fetcher::migrate::migrate(&arguments).await?;
        let client = self.connect(name).await?;
        // The races are in the past, so maintenance would archive their history.
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

    /// Opens a superuser session.
    pub async fn connect(&self, database: &str) -> Result<Client> {
        let url = self.postgres.url("postgres", database);
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.context("cannot connect")?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Opens the connections of one method.
    pub async fn connections(&self, database: &str, method: Method, count: usize) -> Result<Connections> {
        let mut sessions = Vec::new();
        for _ in 0..count {
            sessions.push(Arc::new(Session::open(&self.postgres.url(method.role(), database), method).await?));
        }
        Ok(Connections { sessions, postmaster: self.postmaster()? })
    }
}
