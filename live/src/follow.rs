//! The connection that hears which races change.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use raceday_fetcher::db::{Address, describe};
use raceday_fetcher::log_once::LogOnce;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use crate::hub::{Hub, LOOK_EVERY};

/// How long after a failure the hub connects again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long the database may take to say what has changed.
const LOOK_WITHIN: Duration = Duration::from_secs(8);

/// Why the connection ended.
#[derive(Debug, thiserror::Error)]
enum Lost {
    /// An error of the database or the connection.
    #[error("{}", describe(.0))]
    Database(#[from] Error),
    /// The database takes too long.
    #[error("no response within {} s", LOOK_WITHIN.as_secs())]
    Silent,
}

/// Tells the hub which races change, for ever: as the database notifies, and once per second by comparing versions. That
/// covers a lost connection, and a standby, which cannot notify.
pub async fn follow(hub: Arc<Hub>, address: Address) {
    let mut problems = LogOnce::default();
    loop {
        let Err(lost) = follow_connected(&hub, &address, &mut problems).await;
        gauge!("raceday_live_listening").set(0.0);
        counter!("raceday_live_db_failures_total").increment(1);
        let reason = lost.to_string();
        if problems.is_news("database", &reason) {
            tracing::warn!(db = %address, error = %reason, "database unavailable: streams continue when it is back");
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

async fn follow_connected(
    hub: &Arc<Hub>,
    address: &Address,
    problems: &mut LogOnce,
) -> Result<std::convert::Infallible, Lost> {
    let hearing = hub.clone();
    let client = address.connect_and_hear(move |notification| hearing.changed(notification.payload())).await?;
    let is_listening = listen(&client, problems).await?;
    gauge!("raceday_live_listening").set(f64::from(u8::from(is_listening)));
    let statement = client.prepare("select race_id, version from raceday.live_progress($1)").await?;
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        counter!("raceday_live_queries_total", "kind" => "progress").increment(1);
        let followed = hub.followed();
        let rows = timeout(LOOK_WITHIN, client.query(&statement, &[&followed])).await.map_err(|_| Lost::Silent)??;
        let versions = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        hub.compare(&versions.collect::<Result<HashMap<String, i64>, Error>>()?);
        if problems.is_over("database") {
            tracing::info!(db = %address, "the database is available again");
        }
    }
}

/// Whether the database notifies; a standby does not.
async fn listen(client: &Client, problems: &mut LogOnce) -> Result<bool, Error> {
    match client.batch_execute("listen raceday").await {
        Ok(()) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => {
            if problems.is_news("listen", "standby") {
                tracing::info!("the database is a standby, which cannot notify: changes are noticed within a second");
            }
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
