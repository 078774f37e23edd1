//! `once` and `meetings`: one fetch, staged and processed now, told on stdout.

use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Pacific::Auckland;

use crate::breaker::Breaker;
use crate::clock::Clock;
use crate::config::SourceArgs;
use crate::db::{Address, AddressError};
use crate::housekeeping::summarise;
use crate::meetings::{self, Scope};
use crate::poll::unhurried;
use crate::run::is_local;
use crate::spool::{Kind, Payload};
use crate::store::{Access, Store, StoreError};
use crate::tab::{Answer, FetchError, Fetched, SetupError, Tab};

/// Why a fetch by hand failed.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    /// DATABASE_URL is wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The TAB gave no answer.
    #[error("the TAB: {0}")]
    Fetch(#[from] FetchError),
    /// The database did not take it.
    #[error("the database: {0}")]
    Store(#[from] StoreError),
}

struct Hand {
    tab: Tab,
    store: Store,
    clock: Arc<Clock>,
}

impl Hand {
    fn new(source: &SourceArgs) -> Result<Self, OnceError> {
        let clock = Arc::new(Clock::default());
        let address = Address::new(&source.common, "once")?;
        let access = Arc::new(Access::new(address, clock.clone(), is_local(source)));
        // A breaker that never opens before the command has ended.
        let tab = Tab::new(source, Breaker::new(u32::MAX, source.fetch_timeout))?;
        Ok(Self { tab, store: Store::new(access, format!("once-{}", std::process::id()).into()), clock })
    }

    async fn store(&mut self, kind: Kind, race_id: &str, answer: Answer) -> Result<String, OnceError> {
        let body = Arc::new(answer.body);
        let payload = Payload { kind, race_id: race_id.to_owned(), fetched_at: self.clock.now(), body };
        let stored = self.store.store(&payload).await?;
        Ok(format!("{} ({} bytes)", summarise(race_id, &stored), payload.body.len()))
    }
}

/// Fetches, stages and processes a race, whether it is due or not; returns what became of it.
pub async fn race(source: &SourceArgs, race_id: &str) -> Result<Vec<String>, OnceError> {
    let mut hand = Hand::new(source)?;
    // Connects first: an answer's time is the database's.
    hand.store.session().await?;
    match hand.tab.event(race_id, None, None, unhurried(source.fetch_timeout)).await? {
        Fetched::Answer(answer) => Ok(vec![hand.store(Kind::Event, race_id, answer).await?]),
        Fetched::NotModified => Ok(vec![format!("{race_id}: not modified")]),
    }
}

/// Fetches, stages and processes the meetings list of a New Zealand day (none: today's); returns what became of it.
pub async fn meetings(source: &SourceArgs, date: Option<NaiveDate>) -> Result<Vec<String>, OnceError> {
    let mut hand = Hand::new(source)?;
    let scope = Scope::read(&mut hand.store).await?;
    let today = hand.clock.now().with_timezone(&Auckland).date_naive();
    let date = date.unwrap_or(today);
    let mut done = Vec::new();
    for page in meetings::fetch(&hand.tab, &scope, date, source.fetch_timeout).await? {
        done.push(hand.store(Kind::Meetings, &meetings::key(date), page).await?);
    }
    Ok(done)
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
