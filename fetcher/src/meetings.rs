//! The day's meetings list: what is asked for, page by page.

use std::time::Duration;

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::poll::unhurried;
use crate::store::{Store, StoreError};
use crate::tab::{Answer, FetchError, Fetched, PAGE_LIMIT, Tab};

/// Pages of a day at most; the whole world's racing is one.
const PAGES_MAX: usize = 20;

const SCOPE: &str = "select countries, categories from raceday.raceday_poll_scope()";

/// Whose meetings are followed.
#[derive(Debug, Clone)]
pub struct Scope {
    /// `NZ`, `AUS`, ...
    pub countries: Vec<String>,
    /// `T`, `H`.
    pub categories: Vec<String>,
}

impl Scope {
    /// As the database is set.
    pub async fn read(store: &mut Store) -> Result<Self, StoreError> {
        let row = store.query_one(SCOPE, &[]).await?;
        Ok(Self { countries: row.try_get(0)?, categories: row.try_get(1)? })
    }
}

/// Under which name the list of a day is staged.
pub fn key(date: NaiveDate) -> String {
    format!("meetings:{date}")
}

/// All pages of a New Zealand day's list. `timeout` is that of one request.
pub async fn fetch(tab: &Tab, scope: &Scope, date: NaiveDate, timeout: Duration) -> Result<Vec<Answer>, FetchError> {
    let mut pages = Vec::new();
    while pages.len() < PAGES_MAX {
        let offset = pages.len() * PAGE_LIMIT;
        let slot = unhurried(timeout);
        let Fetched::Answer(page) = tab.meetings(date, &scope.countries, &scope.categories, offset, slot).await? else {
            break;
        };
        let meetings = meetings_on(&page.body);
        // A further page that is empty says nothing.
        if pages.is_empty() || meetings > 0 {
            pages.push(page);
        }
        if meetings < PAGE_LIMIT {
            break;
        }
    }
    Ok(pages)
}

/// How many meetings a page holds; none when it is not what it should be, which is for the database to say.
fn meetings_on(body: &[u8]) -> usize {
    #[derive(Deserialize)]
    struct Page {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        meetings: Vec<IgnoredAny>,
    }
    serde_json::from_slice::<Page>(body).map_or(0, |page| page.data.meetings.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meetings_are_counted_and_nothing_else_is_looked_at() {
        assert_eq!(meetings_on(br#"{"header": {}, "data": {"meetings": [{"x": [1, 2]}, 3, null]}}"#), 3);
        assert_eq!(meetings_on(br#"{"data": {"meetings": []}}"#), 0);
        assert_eq!(meetings_on(br#"{"header": {"error": "no"}}"#), 0);
        assert_eq!(meetings_on(b"\xff"), 0);
    }
}
