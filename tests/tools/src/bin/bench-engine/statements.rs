//! Counts the statements of a poll, their time, and the partitions they touch.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use tokio_postgres::Client;

use crate::DATABASE;
use crate::database::Server;
use crate::feed::Feed;
use crate::report::Aim;
use crate::session::{Method, Session};

/// A statement with more calls per race than this is run once per row.
const MOST_CALLS: f64 = 2.0;
/// The number of partitions of one table that a poll may touch.
const MOST_PARTITIONS: usize = 2;

/// Runs a round with nested statements counted, prints the counts and returns the aims.
pub async fn measure(server: &Server, feed: &mut Feed) -> Result<Vec<Aim>> {
    let client = server.connect(DATABASE).await?;
    client.batch_execute("alter system set pg_stat_statements.track = 'all'").await?;
    client.batch_execute("select pg_reload_conf()").await?;
    let connections = server.connections(DATABASE, Method::Engine, 1).await?;
    connections.block(&feed.round()).await?;
    client.batch_execute("select public.pg_stat_statements_reset(); select pg_stat_reset()").await?;
    let races = connections.block(&feed.round()).await?.count();
    let most = print_statements(&client, races).await?;
    connections.sessions[0].flush_counts().await?;
    let scanned = most_partitions(&scanned_partitions(&client).await?);
    let locked = locked(&connections.sessions[0], feed).await?;
    client.batch_execute("alter system reset pg_stat_statements.track").await?;
    client.batch_execute("select pg_reload_conf()").await?;
    println!("partitions per table: {scanned} scanned by all {races} races, {locked} locked by one race");
    Ok(vec![
        Aim::at_most("calls of one statement per race", most, MOST_CALLS, ""),
        Aim::at_most("partitions of one table scanned", scanned as f64, MOST_PARTITIONS as f64, ""),
        Aim::at_most("partitions of one table locked by a race", locked as f64, MOST_PARTITIONS as f64, ""),
    ])
}

/// Prints the statements of a round. Returns the highest number of calls per race of any of them.
async fn print_statements(client: &Client, races: usize) -> Result<f64> {
    let sql = "select regexp_replace(left(query, 110), '\\s+', ' ', 'g'), calls, total_exec_time, total_plan_time, rows, toplevel
               from public.pg_stat_statements s join pg_database d on d.oid = s.dbid
               where d.datname = current_database() and query !~ 'pg_stat|pg_catalog' order by total_exec_time desc";
    println!("\n| calls/race | ms/race | rows/race | statement |");
    println!("|---|---|---|---|");
    let mut most = 0.0_f64;
    for row in client.query(sql, &[]).await? {
        let (query, calls, ms, rows): (String, i64, f64, i64) = (row.get(0), row.get(1), row.get(2), row.get(4));
        let per_race = |number: f64| number / races as f64;
        let top = if row.get(5) { "(client) " } else { "" };
        println!(
            "| {:.2} | {:.3} | {:.1} | {top}{query} |",
            per_race(calls as f64),
            per_race(ms),
            per_race(rows as f64)
        );
        most = most.max(per_race(calls as f64));
    }
    Ok(most)
}

/// The table and partition of each partition scanned since the statistics were reset.
async fn scanned_partitions(client: &Client) -> Result<Vec<(String, String)>> {
    let sql = "select p.relname::text, s.relname::text from pg_stat_user_tables s
               join pg_inherits i on i.inhrelid = s.relid join pg_class p on p.oid = i.inhparent
               where s.schemaname = 'raceday' and s.seq_scan + coalesce(s.idx_scan, 0) > 0";
    Ok(client.query(sql, &[]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

async fn locked(session: &Session, feed: &mut Feed) -> Result<usize> {
    let polls = feed.round();
    let names = session.locked_partitions(polls.first().context("no races")?).await?;
    let table_of = |name: &String| name.split("_p20").next().unwrap_or_default().to_owned();
    Ok(most_partitions(&names.into_iter().map(|name| (table_of(&name), name)).collect::<Vec<_>>()))
}

fn most_partitions(partitions: &[(String, String)]) -> usize {
    let mut of_table: BTreeMap<&str, usize> = BTreeMap::new();
    for (table, _) in partitions {
        *of_table.entry(table).or_default() += 1;
    }
    of_table.into_values().max().unwrap_or_default()
}
