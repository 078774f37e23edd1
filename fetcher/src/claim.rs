//! A race to poll now.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_postgres::Row;

/// What the database knows of a race's refreshes.
#[derive(Debug, Clone, PartialEq)]
pub struct Refresh {
    /// The race's start.
    pub start_time: DateTime<Utc>,
    /// What the polls before have shown, as `phase` stored it.
    pub state: Option<Value>,
    /// Seconds between two refreshes.
    pub period_s: f64,
    /// Seconds from a refresh to its poll.
    pub margin_s: f64,
    /// Whether the race's slots are aligned with its refreshes.
    pub is_aligned: bool,
    /// Whether this is an extra poll between two slots.
    pub is_again: bool,
}

/// A race to poll now, claimed from the database or taken from the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The race's id.
    pub race_id: String,
    /// When it was due, in database time.
    pub due_at: DateTime<Utc>,
    /// Its last known status.
    pub status: Option<String>,
    /// Seconds between its polls.
    pub cadence_s: i32,
    /// Slots before this one that passed without a poll.
    pub missed: i32,
    /// When another worker may take over the race, in database time.
    pub lease_until: DateTime<Utc>,
    /// Whether this worker also made the previous poll, so that what it remembers of the last response is current.
    pub ours_before: bool,
    /// Whether the race is live: from minutes before its start until well after it.
    pub is_live: bool,
    /// What is known of its refreshes; none during an outage of the database.
    pub refresh: Option<Refresh>,
}

impl Claim {
    /// The claim in a row of `raceday_claim_races`.
    ///
    /// None for a race without a cadence: it is not to be polled, and its running lease keeps it from being claimed again
    /// at once.
    pub fn of(row: &Row, worker: &str) -> Result<Option<Self>, tokio_postgres::Error> {
        let race_id: String = row.try_get("race_id")?;
        let (Some(cadence_s), Some(missed)) = (row.try_get("cadence_s")?, row.try_get("missed")?) else {
            tracing::warn!(race.id = %race_id, "claimed race has no cadence: not polled");
            return Ok(None);
        };
        Ok(Some(Self {
            race_id,
            due_at: row.try_get("due_at")?,
            status: row.try_get("status")?,
            cadence_s,
            missed,
            lease_until: row.try_get("lease_until")?,
            ours_before: row.try_get::<_, Option<&str>>("polled_by")? == Some(worker),
            is_live: row.try_get("is_live")?,
            refresh: Some(Refresh {
                start_time: row.try_get("start_time")?,
                state: row.try_get("refresh_state")?,
                period_s: row.try_get("period_s")?,
                margin_s: row.try_get("margin_s")?,
                is_aligned: row.try_get("is_aligned")?,
                is_again: row.try_get("is_again")?,
            }),
        }))
    }
}
