//! Sends signals to a webhook: each is a row of `raceday.webhook_deliveries` until the receiver accepts or refuses it.
//!
//! An attempt is committed before the request is sent, so that no other process sends the same meanwhile; its result is
//! committed afterwards. If the process is killed in between, nobody knows whether the receiver has it, and it is sent
//! again with the same `webhook-id`. See docs/webhooks.md.

mod deliveries;
mod format;
mod sender;
mod settings;

use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use tokio::sync::watch;

pub use settings::{Secret, WebhookArgs, WebhookError, Webhooks};

use deliveries::{Deliveries, Ended};

/// How often the database is asked for new signals and for what is due.
const EVERY: Duration = Duration::from_secs(1);
/// Requests at a time.
const CONCURRENT: i32 = 4;

/// Sends signals until `shutdown` is true; then finishes the requests under way.
///
/// An unavailable database or receiver is logged and retried.
pub async fn run(webhooks: Webhooks, mut shutdown: watch::Receiver<bool>) -> Result<()> {
    tracing::info!(webhook.receiver = webhooks.sender.receiver(), "sending signals to the webhook");
    let mut deliveries = Deliveries::new(webhooks.address.clone(), webhooks.filter.clone(), webhooks.lease());
    let mut is_failing = false;
    while !*shutdown.borrow() {
        match pass(&webhooks, &mut deliveries, &shutdown).await {
            Ok(()) if is_failing => tracing::info!("the database can be used again for webhooks"),
            Ok(()) => {}
            Err(error) if is_failing => {
                tracing::debug!(error = %format!("{error:#}"), "still no database for webhooks");
            }
            Err(error) => {
                tracing::error!(error = %format!("{error:#}"), "no database for webhooks; retrying every second");
            }
        }
        is_failing = deliveries.is_disconnected();
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = shutdown.changed() => if changed.is_err() { break },
        }
    }
    // A result that is not recorded is sent again after the restart.
    deliveries.record(Vec::new()).await
}

/// Collects new signals and sends everything that is due.
async fn pass(webhooks: &Webhooks, deliveries: &mut Deliveries, shutdown: &watch::Receiver<bool>) -> Result<()> {
    deliveries.record(Vec::new()).await?;
    let collected = deliveries.collect().await?;
    if collected > 0 {
        tracing::info!(signals = collected, "signals to be sent to the webhook");
    }
    while !*shutdown.borrow() {
        let claimed = deliveries.claim(CONCURRENT).await?;
        if claimed.is_empty() {
            break;
        }
        let sending = claimed.iter().map(async |delivery| Ended {
            delivery_id: delivery.id.clone(),
            attempt: delivery.attempt,
            outcome: webhooks.sender.send(delivery).await,
        });
        deliveries.record(join_all(sending).await).await?;
    }
    Ok(())
}
