//! GET /api/money-flow-timeline: a page of a race's money flow.

use super::json::Json;
use super::rows::{Row, Scan};
use super::runners::Runners;
use crate::plan::arg;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::{INT8OID, TEXTOID, TIMESTAMPTZOID};
use pgrx::prelude::*;
use std::ops::Range;

// A race's ids are in its insertion order: one call at a time writes it, so what a page left behind is never written later.
static ROWS: Scan = Scan::in_order(
    "select id, entrant_id, time_interval, created_at, race_id, type, time_to_start, interval_type, hold_percentage, bet_percentage,
         incremental_win_amount, incremental_place_amount, win_pool_amount, place_pool_amount, win_pool_percentage,
         place_pool_percentage, fixed_win_odds, fixed_place_odds, pool_win_odds, pool_place_odds, event_timestamp, polling_timestamp
     from raceday.money_flow_history
     where race_id = $1 and event_timestamp between $2 and $3 and id > $4 and created_at >= $5
         and type = 'bucketed_aggregation' and time_interval > -65 and time_interval < 66
     order by id",
    &[TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID],
);

/// A page of a race's money flow, taken in insertion order: its documents, sorted for the client, as a JSON array, and what is
/// told about them. No row when it is empty. The bounds are those of the race's history.
#[pg_extern(stable, parallel_safe, strict)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity, clippy::needless_pass_by_value)] // Arguments come by value.
fn raceday_timeline_page(
    race_id: &str,
    entrant_ids: pgrx::Array<'_, &str>,
    first_event_timestamp: TimestampWithTimeZone,
    last_event_timestamp: TimestampWithTimeZone,
    after_id: i64,
    created_from: TimestampWithTimeZone,
    max_documents: i32,
) -> TableIterator<
    'static,
    (
        name!(documents, String),
        name!(covered_ids, Vec<String>),
        name!(intervals, Vec<i32>),
        name!(next_cursor, i64),
        name!(next_created_at, TimestampWithTimeZone),
    ),
> {
    let mut runners = Runners::new(entrant_ids.iter().map(Option::unwrap_or_default));
    let max_documents = usize::try_from(max_documents).unwrap_or_default();
    let mut page = Page::default();
    let bounds =
        [arg(race_id), arg(first_event_timestamp), arg(last_event_timestamp), arg(after_id), arg(created_from)];
    Spi::connect(|_| {
        ROWS.look(&bounds, |row| {
            if runners.place(row.bytes(1).unwrap_or_default()).is_some() {
                page.add(row);
            }
            page.documents.len() < max_documents
        });
    });
    TableIterator::new(page.finish())
}

type PageRow = (String, Vec<String>, Vec<i32>, i64, TimestampWithTimeZone);

/// The documents of a page, each written as it comes.
#[derive(Default)]
struct Page {
    json: Json,
    documents: Vec<Document>,
    covered_ids: Vec<String>,
}

struct Document {
    interval: i64,
    created_at: i64,
    id: i64,
    text: Range<usize>,
}

impl Page {
    fn add(&mut self, row: &Row) {
        let start = self.json.len();
        self.json.document(row);
        let [id, interval, created_at] = [0, 2, 3].map(|column| row.int(column).unwrap_or_default());
        self.documents.push(Document { interval, created_at, id, text: start..self.json.len() });
        self.covered_ids.push(row.text(1).unwrap_or_default().to_owned());
    }

    fn finish(mut self) -> Option<PageRow> {
        let (next_cursor, next_created_at) = self.documents.last().map(|last| (last.id, last.created_at))?;
        let next_created_at = TimestampWithTimeZone::try_from(next_created_at).ok()?;
        let interval = |document: &Document| i32::try_from(document.interval).unwrap_or_default();
        let intervals = self.documents.iter().map(interval).collect();
        self.documents.sort_unstable_by_key(|document| (document.interval, document.created_at, document.id));
        let mut sorted = Json::with_capacity(self.json.len() + self.documents.len() + 2);
        for (at, document) in self.documents.iter().enumerate() {
            sorted.raw(if at == 0 { "[" } else { "," }).raw(&self.json.as_ref()[document.text.clone()]);
        }
        sorted.raw("]");
        Some((sorted.into_text(), self.covered_ids, intervals, next_cursor, next_created_at))
    }
}

impl Json {
    /// Appends a row of the page as the document that clients read.
    fn document(&mut self, row: &Row) {
        self.raw("{\"id\":").int(row.int(0));
        self.raw(",\"race_id\":").string(row.text(4));
        self.raw(",\"entrant_id\":").string(row.text(1));
        self.raw(",\"type\":").string(row.text(5));
        self.raw(",\"time_interval\":").int(row.int(2));
        self.raw(",\"time_to_start\":").int(row.int(6));
        self.raw(",\"interval_type\":").string(row.text(7));
        self.raw(",\"hold_percentage\":").hundredths(row.hundredths(8));
        self.raw(",\"bet_percentage\":").hundredths(row.hundredths(9));
        self.raw(",\"incremental_win_amount\":").int(row.int(10));
        self.raw(",\"incremental_place_amount\":").int(row.int(11));
        self.raw(",\"win_pool_amount\":").int(row.int(12));
        self.raw(",\"place_pool_amount\":").int(row.int(13));
        self.raw(",\"win_pool_percentage\":").hundredths(row.hundredths(14));
        self.raw(",\"place_pool_percentage\":").hundredths(row.hundredths(15));
        self.raw(",\"fixed_win_odds\":").hundredths(row.hundredths(16));
        self.raw(",\"fixed_place_odds\":").hundredths(row.hundredths(17));
        self.raw(",\"pool_win_odds\":").hundredths(row.hundredths(18));
        self.raw(",\"pool_place_odds\":").hundredths(row.hundredths(19));
        self.raw(",\"event_timestamp\":").moment(row.timestamp(20));
        self.raw(",\"polling_timestamp\":").moment(row.timestamp(21));
        self.raw(",\"created_at\":").moment(row.timestamp(3)).raw("}");
    }
}
