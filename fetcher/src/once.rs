//! `once` and `meetings`: fetch, stage and process once, and report on stdout.

use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Pacific::Auckland;

use crate::breaker::Breaker;
use crate::clock::Clock;
use crate::config::SourceArgs;
use crate::db::{Address, AddressError};
use crate::meetings::{self, Scope};
use crate::payload::{Payload, Subject};
use crate::response::{FetchError, Fetched, Response};
use crate::store::{Access, Store, StoreError, Stored};
use crate::tab::{Deadlines, SetupError, Tab};

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    /// DATABASE_URL is wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The TAB did not respond.
    #[error("the TAB: {0}")]
    Fetch(#[from] FetchError),
    /// The database did not store the response.
    #[error("the database: {0}")]
    Store(#[from] StoreError),
}

/// One command's access to the TAB and the database.
struct OneShot {
    tab: Tab,
    store: Store,
    clock: Arc<Clock>,
}

impl OneShot {
    fn new(source: &SourceArgs) -> Result<Self, OnceError> {
        let clock = Arc::new(Clock::default());
        let address = Address::new(&source.common, "once")?;
        let access = Arc::new(Access::new(address, clock.clone(), source.is_tab_local()));
        // A breaker that does not open before the command has ended.
        let tab = Tab::new(source, Breaker::new(u32::MAX, source.fetch_timeout))?;
        Ok(Self { tab, store: Store::new(access, format!("once-{}", std::process::id()).into()), clock })
    }

    async fn store(&mut self, subject: Subject, response: Response) -> Result<String, OnceError> {
        let payload = Payload { subject, fetched_at: self.clock.now(), body: Arc::new(response.body) };
        let stored = self.store.store(&payload, None).await?;
        Ok(format!("{} ({} bytes)", summarise(&payload.subject, &stored), payload.body.len()))
    }
}

/// Fetches, stages and processes a race, whether or not it is due; returns the lines to print.
pub async fn race(source: &SourceArgs, race_id: &str) -> Result<Vec<String>, OnceError> {
    let mut one_shot = OneShot::new(source)?;
    // Connects first: a response's time is the database's.
    one_shot.store.session().await?;
    match one_shot.tab.event(race_id, None, None, Deadlines::unscheduled(source.fetch_timeout)).await? {
        Fetched::Response(response) => Ok(vec![one_shot.store(Subject::event(race_id), response).await?]),
        Fetched::NotModified(_) => Ok(vec![format!("{race_id}: not modified")]),
    }
}

/// Fetches, stages and processes the meetings list of a New Zealand day (none: today's); returns the lines to print.
pub async fn meetings(source: &SourceArgs, date: Option<NaiveDate>) -> Result<Vec<String>, OnceError> {
    let mut one_shot = OneShot::new(source)?;
    let scope = Scope::read(&mut one_shot.store).await?;
    let today = one_shot.clock.now().with_timezone(&Auckland).date_naive();
    let date = date.unwrap_or(today);
    let mut done = Vec::new();
    for page in meetings::fetch(&one_shot.tab, &scope, date, source.fetch_timeout).await? {
        done.push(one_shot.store(Subject::Meetings { date }, page).await?);
    }
    Ok(done)
}

fn summarise(subject: &Subject, stored: &Stored) -> String {
    match stored {
        Stored::Staged => format!("{subject}: staged, processing failed"),
        Stored::Processed(processed) => format!(
            "{subject}: {} ({} payloads, {} money-flow rows, {} odds rows, {} failed, {:.1} ms){}",
            processed.status,
            processed.payloads,
            processed.money_flow_rows,
            processed.odds_rows,
            processed.failed,
            processed.transform_ms + processed.write_ms,
            processed.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    #[test]
    fn the_day_is_new_zealand_s() {
        let evening: chrono::DateTime<Utc> = "2025-11-23T12:00:00Z".parse().unwrap();
        assert_eq!(evening.with_timezone(&Auckland).date_naive().to_string(), "2025-11-24");
    }
}
