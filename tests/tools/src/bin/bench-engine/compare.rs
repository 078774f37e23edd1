//! Checks that engine and reference wrote the same rows.

use anyhow::{Result, bail};
use tokio_postgres::Client;

/// All columns except those that record when, and in what order, rows were written.
const MONEY_FLOW: &str = "entrant_id, race_id, hold_percentage, bet_percentage, type, time_to_start, seconds_to_start, time_interval, \
     interval_type, event_timestamp, polling_timestamp, win_pool_amount, place_pool_amount, win_pool_percentage, \
     place_pool_percentage, incremental_amount, incremental_win_amount, incremental_place_amount, tote_win_percentage, \
     tote_win_amount, fixed_win_odds, fixed_place_odds, pool_win_odds, pool_place_odds, pool_type, is_consolidated";
const ODDS: &str = "entrant_id, race_id, odds, type, event_timestamp, polling_timestamp";
const ENTRANTS: &str = "entrant_id, race_id, name, runner_number, win_odds, place_odds, pool_win_odds, pool_place_odds, \
     hold_percentage, bet_percentage, is_scratched, is_late_scratched, scratched_at, barrier, jockey, trainer_name";
const POOLS: &str = "race_id, win_pool_total, place_pool_total, quinella_pool_total, trifecta_pool_total, exacta_pool_total, \
     first4_pool_total, total_race_pool, multi_leg_pool_total, data_quality_score, extracted_pools, last_updated";

/// Compares the tables row by row and prints the row counts. Fails on any difference.
pub async fn check(client: &Client) -> Result<()> {
    for (table, columns) in
        [("money_flow_history", MONEY_FLOW), ("odds_history", ODDS), ("entrants", ENTRANTS), ("race_pools", POOLS)]
    {
        let (engine, reference) =
            (format!("select {columns} from raceday.{table}"), format!("select {columns} from reference.{table}"));
        let sql = format!(
            "select row_to_json(d)::text from ((select 'engine' as only_in, e.* from ({engine} except all {reference}) e limit 3)
             union all (select 'reference', r.* from ({reference} except all {engine}) r limit 3)) d"
        );
        let differences = client.query(&sql, &[]).await?;
        if !differences.is_empty() {
            let rows: Vec<String> = differences.iter().map(|row| row.get(0)).collect();
            bail!("engine and reference differ in {table}:\n{}", rows.join("\n"));
        }
        let count: i64 = client.query_one(&format!("select count(*) from raceday.{table}"), &[]).await?.get(0);
        if count == 0 {
            bail!("no row was written to {table}");
        }
        println!("{table}: {count} rows, identical in engine and reference");
    }
    Ok(())
}
