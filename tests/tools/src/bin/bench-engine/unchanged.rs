//! Measures the cost of a repeated poll and the rows it leaves behind.

use anyhow::Result;
use chrono::TimeDelta;

use crate::DATABASE;
use crate::database::Server;
use crate::feed::Feed;
use crate::measure::Measured;
use crate::report::Aim;
use crate::session::Method;

/// The tables that a repeated poll must not touch.
const DERIVED: [&str; 7] =
    ["meetings", "races", "entrants", "race_pools", "race_results", "money_flow_history", "odds_history"];

/// The measurements.
pub struct Unchanged {
    changed: Measured,
    unchanged: Measured,
    /// Table, rows updated or deleted, dead tuples.
    tables: Vec<(String, i64, i64)>,
}

impl Unchanged {
    /// Alternates polls that changed and their repetitions, then repeats one more round for the row counts.
    pub async fn measure(server: &Server, feed: &mut Feed, rounds: u32) -> Result<Self> {
        let connections = server.connections(DATABASE, Method::Engine, 1).await?;
        let (mut changed, mut unchanged) = (Measured::default(), Measured::default());
        let mut polls = feed.round();
        connections.block(&polls).await?;
        for _ in 0..rounds {
            polls = feed.round();
            changed.add(connections.block(&polls).await?);
            polls = polls.iter().map(|poll| poll.fetched_later(TimeDelta::seconds(1))).collect();
            unchanged.add(connections.block(&polls).await?);
        }
        let client = server.connect(DATABASE).await?;
        connections.sessions[0].flush_counts().await?;
        client.batch_execute("select pg_stat_reset()").await?;
        polls = polls.iter().map(|poll| poll.fetched_later(TimeDelta::seconds(1))).collect();
        connections.block(&polls).await?;
        connections.sessions[0].flush_counts().await?;
        let sql = "select coalesce(p.relname, s.relname)::text, sum(s.n_tup_upd + s.n_tup_del)::bigint, sum(s.n_dead_tup)::bigint
                   from pg_stat_user_tables s
                   left join pg_inherits i on i.inhrelid = s.relid left join pg_class p on p.oid = i.inhparent
                   where s.schemaname = 'raceday' group by 1";
        let rows = client.query(sql, &[]).await?;
        let tables = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
        Ok(Self { changed, unchanged, tables })
    }

    /// Prints the latencies, and the rows left behind by one round of repeated polls.
    pub fn print(&self, races: u32) {
        println!(
            "\nrepeated: p50 {:.2} ms, changed: p50 {:.2} ms; {races} repeated polls leave behind",
            self.unchanged.p50_ms(),
            self.changed.p50_ms()
        );
        println!("| table | rows updated or deleted | dead tuples |");
        println!("|---|---|---|");
        for (table, written, dead) in &self.tables {
            if *written > 0 || *dead > 0 || DERIVED.contains(&table.as_str()) {
                println!("| {table} | {written} | {dead} |");
            }
        }
    }

    /// The aims that these measurements decide.
    pub fn aims(&self) -> Vec<Aim> {
        let derived = self.tables.iter().filter(|(table, ..)| DERIVED.contains(&table.as_str()));
        let left: i64 = derived.map(|(_, written, dead)| written + dead).sum();
        vec![
            Aim::at_most("repeated p50 : changed p50", self.unchanged.p50_ms() / self.changed.p50_ms(), 0.5, ""),
            Aim::at_most("rows changed or dead in derived tables, repeated polls", left as f64, 0.0, ""),
        ]
    }
}
