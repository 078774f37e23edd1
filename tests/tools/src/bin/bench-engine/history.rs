//! Measures whether a full history makes a poll slower.

use anyhow::Result;
use futures_util::future;
use tokio_postgres::Client;

use crate::DATABASE;
use crate::database::{DAYS_BEFORE, Server};
use crate::feed::Feed;
use crate::measure::Measured;
use crate::report::Aim;
use crate::session::Method;

/// The database with the history, otherwise identical.
const FULL: &str = "raceday_full";
const RACES_PER_DAY: i64 = 100;
const RUNNERS: i64 = 14;

/// Inserts one day of history in the order in which polls write it.
const FILL_DAY: &str = "
    insert into raceday.money_flow_history (entrant_id, race_id, hold_percentage, bet_percentage, type, time_to_start, seconds_to_start,
        time_interval, interval_type, event_timestamp, polling_timestamp, win_pool_amount, place_pool_amount, win_pool_percentage,
        place_pool_percentage, incremental_amount, incremental_win_amount, incremental_place_amount, tote_win_percentage,
        tote_win_amount, fixed_win_odds, fixed_place_odds, pool_win_odds, pool_place_odds, pool_type, is_consolidated)
    select md5(format('%s/%s/%s', $1::timestamptz, race, runner))::uuid::text, md5(format('%s/%s', $1::timestamptz, race))::uuid::text,
        7, 7, 'bucketed_aggregation', 5, 300, 5, '30s', at, at, 100000 + poll, 50000 + poll, 7, 7, 100, 100, 50, 7.14, 98765, 12.5, 3.4,
        11.9, 3.1, 'combined', true
    from generate_series(1, $2::bigint) as poll
    cross join generate_series(1, $3::bigint) as race
    cross join lateral (select $1::timestamptz + poll * (interval '23 hours' / $2::bigint) as at) t
    cross join generate_series(1, $4::bigint) as runner";

/// Measures with an empty and a full database, alternately.
pub async fn measure(server: &Server, feed: &mut Feed, rows: i64, rounds: u32) -> Result<Aim> {
    println!();
    server.create_database(FULL).await?;
    fill(server, rows).await?;
    let empty = server.connections(DATABASE, Method::Engine, 1).await?;
    let full = server.connections(FULL, Method::Engine, 1).await?;
    let (mut in_empty, mut in_full) = (Measured::default(), Measured::default());
    for _ in 0..2 {
        let polls = feed.round();
        empty.block(&polls).await?;
        full.block(&polls).await?;
    }
    for round in 0..rounds {
        let polls = feed.round();
        if round % 2 == 0 {
            in_empty.add(empty.block(&polls).await?);
            in_full.add(full.block(&polls).await?);
        } else {
            in_full.add(full.block(&polls).await?);
            in_empty.add(empty.block(&polls).await?);
        }
    }
    println!("empty history: p50 {:.2} ms; {rows} rows of history: p50 {:.2} ms", in_empty.p50_ms(), in_full.p50_ms());
    Ok(Aim::at_most(
        &format!("p50 with {rows} history rows : p50 with none"),
        in_full.p50_ms() / in_empty.p50_ms(),
        1.15,
        "",
    ))
}

/// Fills the days before the day of the races, two at a time.
async fn fill(server: &Server, rows: i64) -> Result<()> {
    let polls = rows / (DAYS_BEFORE * RACES_PER_DAY * RUNNERS) + 1;
    let clients = (server.connect(FULL).await?, server.connect(FULL).await?);
    for day in (1..=DAYS_BEFORE).step_by(2) {
        future::try_join(fill_day(server, &clients.0, day, polls), fill_day(server, &clients.1, day + 1, polls))
            .await?;
        println!("history: {} of {DAYS_BEFORE} days", day + 1);
    }
    clients.0.batch_execute("vacuum analyze raceday.money_flow_history").await?;
    Ok(())
}

async fn fill_day(server: &Server, client: &Client, days_before: i64, polls: i64) -> Result<()> {
    let day = server.day - chrono::TimeDelta::days(days_before);
    client.execute(FILL_DAY, &[&day, &polls, &RACES_PER_DAY, &RUNNERS]).await?;
    Ok(())
}
