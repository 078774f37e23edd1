//! Compares the derived tables with a rebuild of every race from staging.

use std::fmt;

use anyhow::Result;
use postgres::Client;

/// The tables that `raceday_process` derives from payloads.
const TABLES: [&str; 7] =
    ["races", "entrants", "race_pools", "race_results", "money_flow_history", "odds_history", "race_progress"];
/// Columns that depend on when a row was written, not on its content.
const NOT_COMPARED: &str = "'id', 'created_at', 'updated_at', 'rows_created_at'";

/// The number of differing rows by table.
#[derive(Debug)]
pub struct Difference {
    races: usize,
    tables: Vec<(&'static str, i64, i64)>,
}

impl Difference {
    /// The total number of differing rows.
    pub fn rows(&self) -> i64 {
        self.tables.iter().map(|(_, _, differing)| differing).sum()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "rebuilt         {:>7}  races", self.races)?;
        for (table, rows, differing) in &self.tables {
            writeln!(formatter, "    {table:<20} {rows:>7} rows, {differing} differing")?;
        }
        write!(formatter, "differing rows  {:>7}", self.rows())
    }
}

/// Rebuilds every race that has payloads and compares the rows before and after.
pub fn compare_with_rebuild(client: &mut Client) -> Result<Difference> {
    while pending(client)? > 0 {
        client.execute("select from raceday.raceday_process_pending(1000)", &[])?;
    }
    for table in TABLES {
        let columns = columns(client, table)?;
        client.batch_execute(&format!("create temp table before_{table} as select {columns} from raceday.{table}"))?;
    }
    let sql = "select distinct race_id from raceday.staged_payloads where kind = 'event' order by 1";
    let races: Vec<String> = client.query(sql, &[])?.iter().map(|row| row.get(0)).collect();
    for race_id in &races {
        client.execute("select from raceday.raceday_rebuild($1)", &[race_id])?;
    }
    let mut tables = Vec::new();
    for table in TABLES {
        let columns = columns(client, table)?;
        let now = format!("select {columns} from raceday.{table}");
        let before = format!("select * from pg_temp.before_{table}");
        let sql = format!(
            "select (select count(*) from raceday.{table}),
                    (select count(*) from ({before} except all {now}) lost) + (select count(*) from ({now} except all {before}) new)"
        );
        let row = client.query_one(&sql, &[])?;
        tables.push((table, row.get(0), row.get(1)));
    }
    Ok(Difference { races: races.len(), tables })
}

fn pending(client: &mut Client) -> Result<i64> {
    Ok(client.query_one("select count(*) from raceday.pending_payloads", &[])?.get(0))
}

fn columns(client: &mut Client, table: &str) -> Result<String> {
    let sql = format!(
        "select string_agg(format('%I', attname), ', ' order by attnum) from pg_attribute
         where attrelid = ('raceday.' || $1)::regclass and attnum > 0 and not attisdropped
           and attname not in ({NOT_COMPARED})"
    );
    Ok(client.query_one(&sql, &[&table])?.get(0))
}
