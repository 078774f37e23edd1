//! GET /api/entrants: a race's runners with the history of their odds and money.

use super::json::Json;
use super::rows::{Row, Scan};
use super::runners::Runners;
use crate::plan::arg;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::{TEXTOID, TIMESTAMPTZOID};
use pgrx::prelude::*;

static ODDS: Scan = Scan::in_order(
    "select id, entrant_id, event_timestamp, odds, type from raceday.odds_history
     where race_id = $1 and event_timestamp between $2 and $3 order by id",
    &[TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID],
);

static MONEY: Scan = Scan::in_order(
    "select id, entrant_id, event_timestamp, hold_percentage, win_pool_amount from raceday.money_flow_history
     where race_id = $1 and event_timestamp between $2 and $3 and type = 'bucketed_aggregation' order by id",
    &[TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID],
);

/// A JSON array of a race's runners, each the object given for it with `odds_history` and `money_flow_history` added, newest
/// first. The bounds are those of the race's history; without them there is none.
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
    let (mut odds, mut money) = (History::of(runners.clone()), History::of(runners));
    if let (Some(first), Some(last)) = (first_event_timestamp, last_event_timestamp) {
        let bounds = [arg(race_id), arg(first), arg(last)];
        Spi::connect(|_| {
            ODDS.look(&bounds, |row| {
                odds.add(row, || Price { odds: row.hundredths(3), kind: price_kind(row.bytes(4)) })
            });
            MONEY.look(&bounds, |row| money.add(row, || Money { hold: row.hundredths(3), win_cents: row.int(4) }));
        });
    }
    let mut json = Json::with_capacity(1024 * entrants.len() + 90 * (odds.len() + money.len()));
    json.raw("[");
    for (at, entrant) in entrants.iter().enumerate() {
        let entrant = entrant.and_then(|entrant| entrant.strip_suffix('}')).unwrap_or_default();
        json.raw(if at == 0 { "" } else { "," }).raw(entrant).raw(",\"odds_history\":[");
        odds.write(at, &mut json, |json, price| {
            json.raw("{\"odds\":").hundredths(price.odds).raw(",\"type\":\"").raw(price.kind).raw("\"");
        });
        json.raw("],\"money_flow_history\":[");
        money.write(at, &mut json, |json, money| {
            json.raw("{\"hold_percentage\":").hundredths(money.hold).raw(",\"win_pool_amount\":").int(money.win_cents);
        });
        json.raw("]}");
    }
    json.raw("]");
    json.into_text()
}

struct Price {
    odds: Option<i64>,
    kind: &'static str,
}

struct Money {
    hold: Option<i64>,
    win_cents: Option<i64>,
}

fn price_kind(stored: Option<&[u8]>) -> &'static str {
    match stored {
        Some(b"fixed_win") => "fixed_win",
        Some(b"fixed_place") => "fixed_place",
        Some(b"pool_win") => "pool_win",
        _ => "pool_place",
    }
}

/// One kind of history, apart by runner, oldest first.
struct History<'a, T> {
    runners: Runners<'a>,
    of_runner: Vec<Vec<Entry<T>>>,
    /// The moments of the polls, each written once.
    moments: Vec<(Option<i64>, Json)>,
}

struct Entry<T> {
    moment: usize,
    value: T,
}

impl<'a, T> History<'a, T> {
    fn of(runners: Runners<'a>) -> Self {
        let of_runner = (0..runners.count()).map(|_| Vec::new()).collect();
        Self { runners, of_runner, moments: Vec::new() }
    }

    /// Adds the value of a row that begins with id, entrant_id and event_timestamp, if it is of one of the runners. Wants more.
    fn add(&mut self, row: &Row, value: impl FnOnce() -> T) -> bool {
        if let Some(runner) = self.runners.place(row.bytes(1).unwrap_or_default()) {
            let moment = row.timestamp(2);
            if self.moments.last().is_none_or(|(last, _)| *last != moment) {
                let mut text = Json::default();
                text.moment(moment);
                self.moments.push((moment, text));
            }
            self.of_runner[runner].push(Entry { moment: self.moments.len() - 1, value: value() });
        }
        true
    }

    fn len(&self) -> usize {
        self.of_runner.iter().map(Vec::len).sum()
    }

    /// Writes a runner's entries, newest first: `write` begins the object, the moment ends it.
    fn write(&self, runner: usize, json: &mut Json, write: impl Fn(&mut Json, &T)) {
        for (at, entry) in self.of_runner[runner].iter().rev().enumerate() {
            json.raw(if at == 0 { "" } else { "," });
            write(json, &entry.value);
            json.raw(",\"timestamp\":").raw(&self.moments[entry.moment].1).raw("}");
        }
    }
}
