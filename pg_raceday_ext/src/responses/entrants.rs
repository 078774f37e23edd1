//! GET /api/entrants: a race's runners with the history of their odds and money.

use super::fields::{Field, Value, columns, field};
use super::json::Json;
use super::rows::{Row, Scan};
use super::runners::Runners;
use crate::plan::Statement;
use crate::tables::list;
use crate::value::arg;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::{TEXTOID, TIMESTAMPTZOID};
use pgrx::prelude::*;

/// The fields of an entry of `odds_history`, before its `timestamp`.
const ODDS: [Field; 2] = [field!(Hundredths "odds"), field!(Price "type")];

/// The fields of an entry of `money_flow_history`, before its `timestamp`.
const MONEY: [Field; 2] = [field!(Hundredths "hold_percentage"), field!(Integer "win_pool_amount")];

static ODDS_ROWS: Scan = Scan::in_order(odds_statement);
static MONEY_ROWS: Scan = Scan::in_order(money_statement);

pub fn odds_statement() -> Statement {
    rows_statement("odds_history", &ODDS, "")
}

pub fn money_statement() -> Statement {
    rows_statement("money_flow_history", &MONEY, " and type = 'bucketed_aggregation'")
}

fn rows_statement(table: &str, fields: &[Field], condition: &str) -> Statement {
    let sql = format!(
        "select polling_timestamp, entrant_id, event_timestamp, {}\nfrom raceday.{table}\n\
         where race_id = $1 and event_timestamp between $2 and $3{condition}\norder by id",
        list(&columns(fields))
    );
    Statement { sql, arg_types: vec![TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID] }
}

/// A JSON array of a race's runners: the object given for each, with `odds_history` and `money_flow_history` added, newest first.
/// The bounds are those of the race's history; without them the lists are empty.
#[pg_extern(stable, parallel_safe)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::needless_pass_by_value)] // Arguments come by value.
fn raceday_entrants_json(
    race_id: &str,
    entrant_ids: pgrx::Array<'_, &str>,
    entrants: pgrx::Array<'_, &str>,
    first_event_timestamp: Option<TimestampWithTimeZone>,
    last_event_timestamp: Option<TimestampWithTimeZone>,
) -> String {
    let runners = Runners::new(entrant_ids.iter().map(Option::unwrap_or_default));
    let (mut odds, mut money) = (History::new(&ODDS, runners.clone()), History::new(&MONEY, runners));
    if let (Some(first), Some(last)) = (first_event_timestamp, last_event_timestamp) {
        let bounds = [arg(race_id), arg(first), arg(last)];
        Spi::connect(|_| {
            ODDS_ROWS.visit(&bounds, |row| odds.add(row));
            MONEY_ROWS.visit(&bounds, |row| money.add(row));
        });
        odds.sort();
        money.sort();
    }
    let mut json = Json::with_capacity(1024 * entrants.len() + 90 * (odds.len() + money.len()));
    json.raw("[");
    for (at, entrant) in entrants.iter().enumerate() {
        let entrant = entrant.and_then(|entrant| entrant.strip_suffix('}')).unwrap_or_default();
        json.raw(if at == 0 { "" } else { "," }).raw(entrant).raw(",\"odds_history\":[");
        odds.write(at, &mut json);
        json.raw("],\"money_flow_history\":[");
        money.write(at, &mut json);
        json.raw("]}");
    }
    json.raw("]");
    json.into_text()
}

/// One kind of history by runner, oldest entry first.
struct History<'a> {
    fields: &'static [Field; 2],
    runners: Runners<'a>,
    of_runner: Vec<Vec<Entry>>,
    /// The moments of the polls, each written once.
    moments: Vec<(Option<i64>, Json)>,
}

struct Entry {
    polled: Option<i64>,
    moment: usize,
    values: [Value; 2],
}

impl<'a> History<'a> {
    fn new(fields: &'static [Field; 2], runners: Runners<'a>) -> Self {
        let of_runner = (0..runners.count()).map(|_| Vec::new()).collect();
        Self { fields, runners, of_runner, moments: Vec::new() }
    }

    /// Adds a row selected by [`rows_statement`], if it is of one of the runners. Wants more.
    fn add(&mut self, row: &Row) -> bool {
        if let Some(runner) = self.runners.place(row.bytes(1).unwrap_or_default()) {
            let moment = row.timestamp(2);
            if self.moments.last().is_none_or(|(last, _)| *last != moment) {
                let mut text = Json::default();
                text.moment(moment);
                self.moments.push((moment, text));
            }
            let values = [self.fields[0].read(row, 3), self.fields[1].read(row, 4)];
            self.of_runner[runner].push(Entry { polled: row.timestamp(0), moment: self.moments.len() - 1, values });
        }
        true
    }

    /// Puts the entries in order of their polls. They are, unless a late payload changed some of them.
    fn sort(&mut self) {
        for entries in &mut self.of_runner {
            if !entries.is_sorted_by_key(|entry| entry.polled) {
                entries.sort_by_key(|entry| entry.polled);
            }
        }
    }

    fn len(&self) -> usize {
        self.of_runner.iter().map(Vec::len).sum()
    }

    /// Writes a runner's entries, newest first.
    fn write(&self, runner: usize, json: &mut Json) {
        for (at, entry) in self.of_runner[runner].iter().rev().enumerate() {
            json.raw(if at == 0 { "" } else { "," }).unended_object(self.fields, &entry.values);
            json.raw(",\"timestamp\":").raw(&self.moments[entry.moment].1).raw("}");
        }
    }
}
