//! The day's meetings list, fetched page by page.

use std::time::Duration;

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::response::{FetchError, Fetched, Response};
use crate::store::{Store, StoreError};
use crate::tab::{Deadlines, PAGE_LIMIT, Tab};

/// The most pages per day; all of the world's racing is one.
const PAGES_MAX: usize = 20;

const SCOPE: &str = "select countries, categories from raceday.raceday_poll_scope()";

/// Which meetings are followed.
#[derive(Debug, Clone)]
pub struct Scope {
    /// `NZ`, `AUS`, ...
    pub countries: Vec<String>,
    /// `T`, `H`.
    pub categories: Vec<String>,
}

impl Scope {
    /// Reads the scope from the database.
    pub async fn read(store: &mut Store) -> Result<Self, StoreError> {
        let row = store.query_one(SCOPE, &[]).await?;
        Ok(Self { countries: row.try_get(0)?, categories: row.try_get(1)? })
    }
}

/// Fetches all pages of a New Zealand day's list. `timeout` is that of one request.
pub async fn fetch(tab: &Tab, scope: &Scope, date: NaiveDate, timeout: Duration) -> Result<Vec<Response>, FetchError> {
    let mut pages = Vec::new();
    while pages.len() < PAGES_MAX {
        let offset = pages.len() * PAGE_LIMIT;
        let deadlines = Deadlines::unscheduled(timeout);
        let fetched = tab.meetings(date, &scope.countries, &scope.categories, offset, deadlines).await?;
        let Fetched::Response(page) = fetched else { break };
        let meetings = meetings_on(&page.body);
        // An empty page after the first carries no information.
        if pages.is_empty() || meetings > 0 {
            pages.push(page);
        }
        if meetings < PAGE_LIMIT {
            break;
        }
    }
    Ok(pages)
}

/// The number of meetings on a page; 0 if the page is malformed, which the database will report.
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
    fn meetings_are_counted_whatever_they_contain() {
        assert_eq!(meetings_on(br#"{"header": {}, "data": {"meetings": [{"x": [1, 2]}, 3, null]}}"#), 3);
        assert_eq!(meetings_on(br#"{"data": {"meetings": []}}"#), 0);
        assert_eq!(meetings_on(br#"{"header": {"error": "no"}}"#), 0);
        assert_eq!(meetings_on(b"\xff"), 0);
    }
}
