//! GET /api/money-flow-timeline: a page of a race's money flow.

use super::fields::{Field, columns, field, position};
use super::json::Json;
use super::rows::{Row, Scan};
use super::runners::Runners;
use crate::plan::Statement;
use crate::tables::list;
use crate::value::arg;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::{INT8OID, TEXTOID, TIMESTAMPTZOID};
use pgrx::prelude::*;
use std::ops::Range;

/// The fields of a document, in the order in which clients receive them.
const FIELDS: [Field; 22] = [
    field!(Integer "id"),
    field!(Text "race_id"),
    field!(Text "entrant_id"),
    field!(Text "type"),
    field!(Integer "time_interval"),
    field!(Integer "time_to_start"),
    field!(Text "interval_type"),
    field!(Hundredths "hold_percentage"),
    field!(Hundredths "bet_percentage"),
    field!(Integer "incremental_win_amount"),
    field!(Integer "incremental_place_amount"),
    field!(Integer "win_pool_amount"),
    field!(Integer "place_pool_amount"),
    field!(Hundredths "win_pool_percentage"),
    field!(Hundredths "place_pool_percentage"),
    field!(Hundredths "fixed_win_odds"),
    field!(Hundredths "fixed_place_odds"),
    field!(Hundredths "pool_win_odds"),
    field!(Hundredths "pool_place_odds"),
    field!(Moment "event_timestamp"),
    field!(Moment "polling_timestamp"),
    field!(Moment "created_at"),
];

const ID: usize = position(&FIELDS, "id");
const ENTRANT_ID: usize = position(&FIELDS, "entrant_id");
const TIME_INTERVAL: usize = position(&FIELDS, "time_interval");
const CREATED_AT: usize = position(&FIELDS, "created_at");

static ROWS: Scan = Scan::in_order(rows_statement);

/// In order of id, which is a race's insertion order: one call at a time writes it, so nothing is ever written later among the rows
/// that a page has passed. See docs/decisions/timeline-paging.md.
pub fn rows_statement() -> Statement {
    let sql = format!(
        "select {}\nfrom raceday.money_flow_history\n\
         where race_id = $1 and event_timestamp between $2 and $3 and id > $4 and created_at >= $5\n  \
         and type = 'bucketed_aggregation' and time_interval > -65 and time_interval < 66\n\
         order by id",
        list(&columns(&FIELDS))
    );
    Statement { sql, arg_types: vec![TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID] }
}

/// A page of a race's money flow, in insertion order: its documents as a JSON array, sorted for the client, and what a response
/// reports about them. No row when it is empty. The bounds are those of the race's history.
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
        ROWS.visit(&bounds, |row| {
            if runners.place(row.bytes(ENTRANT_ID).unwrap_or_default()).is_some() {
                page.add(row);
            }
            page.documents.len() < max_documents
        });
    });
    TableIterator::new(page.finish())
}

type PageRow = (String, Vec<String>, Vec<i32>, i64, TimestampWithTimeZone);

/// The documents of a page, each written as its row is visited.
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
        self.json.object(&FIELDS, row);
        let [id, interval, created_at] =
            [ID, TIME_INTERVAL, CREATED_AT].map(|column| row.int(column).unwrap_or_default());
        self.documents.push(Document { interval, created_at, id, text: start..self.json.len() });
        self.covered_ids.push(row.text(ENTRANT_ID).unwrap_or_default().to_owned());
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
