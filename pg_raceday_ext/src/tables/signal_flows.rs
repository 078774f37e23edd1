//! `signal_flows`: what finished races' flows were, so that a calibration does not read their history again.

use crate::plan::{Plan, Rows};
use crate::value::{Moment, arg};
use pgrx::pg_sys::{BYTEAOID, INT8OID, TEXTOID, TIMESTAMPTZOID};
use raceday_core::signals::{Poll, PollRunner, RaceFlows, RaceKind, Rules, Watch};
use raceday_core::{Category, Odds};

/// A finished race.
pub struct Race {
    pub race_id: String,
    country: Option<String>,
    category: Category,
    first_event: Option<Moment>,
    last_event: Option<Moment>,
    rows_created: Option<Moment>,
}

impl Race {
    fn kind(&self) -> RaceKind<'_> {
        RaceKind { country: self.country.as_deref(), category: self.category }
    }
}

static UNCOLLECTED: Plan = Plan::new(
    "select r.race_id, r.meeting_country, r.type, g.first_event_timestamp, g.last_event_timestamp, g.rows_created_at
     from raceday.races r
     join raceday.race_progress g on g.race_id = r.race_id
     where r.start_time >= $1 and r.start_time < $2 and r.status = 'Final'
       and not exists (select from raceday.signal_flows f where f.race_id = r.race_id and f.rows_created_at = g.rows_created_at)
     order by r.start_time, r.race_id
     limit $3",
    &[TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID],
);

/// Up to `most` finished races that started within a span and whose flows are not collected, or not those of their present rows.
pub fn uncollected(span_us: (i64, i64), most: i64) -> Vec<Race> {
    let rows = UNCOLLECTED.run(&[arg(Moment(span_us.0)), arg(Moment(span_us.1)), arg(most)]);
    let race = |row: usize| {
        Some(Race {
            race_id: rows.get(row, 1)?,
            country: rows.get(row, 2),
            category: category(&rows, row, 3)?,
            first_event: rows.get(row, 4),
            last_event: rows.get(row, 5),
            rows_created: rows.get(row, 6),
        })
    };
    (0..rows.count()).filter_map(race).collect()
}

fn category(rows: &Rows, row: usize, column: i32) -> Option<Category> {
    rows.get::<String>(row, column).as_deref().and_then(Category::from_letter)
}

static HISTORY: Plan = Plan::new(
    "select h.polling_timestamp, h.event_timestamp, h.seconds_to_start::int8, h.entrant_id, e.runner_number::int8,
         h.win_pool_cents, h.place_pool_cents, (h.fixed_win_odds * 100)::int8, (h.fixed_place_odds * 100)::int8,
         (h.pool_win_odds * 100)::int8, (h.pool_place_odds * 100)::int8, h.evidence is not null, h.win_mid is null
     from raceday.money_flow_history h
     left join raceday.entrants e on e.race_id = h.race_id and e.entrant_id = h.entrant_id
     where h.race_id = $1 and h.event_timestamp between $2 and $3
     order by h.polling_timestamp, h.event_timestamp, h.id",
    &[TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID],
)
.pruned();

static WRITE: Plan = Plan::new(
    "insert into raceday.signal_flows as f (race_id, rows_created_at, closing_cents, flows) values ($1, $2, $3, $4)
     on conflict (race_id) do update
     set rows_created_at = excluded.rows_created_at, closing_cents = excluded.closing_cents, flows = excluded.flows",
    &[TEXTOID, TIMESTAMPTZOID, INT8OID, BYTEAOID],
);

/// Collects a race's flows from its history.
pub fn collect(race: &Race, rules: &Rules) {
    let moments = [race.first_event, race.last_event].map(|moment| moment.and_then(arg));
    let rows = HISTORY.run(&[vec![arg(race.race_id.as_str())], moments.to_vec()].concat());
    let ids: Vec<String> = (0..rows.count()).map(|row| rows.get(row, 4).unwrap_or_default()).collect();
    let (mut watch, mut flows) = (Watch::default(), RaceFlows::new(race.kind()));
    let mut first = 0;
    while first < ids.len() {
        let moment = |row: usize| (rows.get::<Moment>(row, 1), rows.get::<Moment>(row, 2));
        // Polls of one moment differ in nothing but the order of their rows, where a runner comes again.
        let is_next = |row: &usize| moment(*row) != moment(first) || ids[first..*row].contains(&ids[*row]);
        let end = (first + 1..ids.len()).find(is_next).unwrap_or(ids.len());
        let poll = poll(&rows, &ids, first..end);
        let reading = watch.advance(&poll, race.kind(), rules);
        flows.push(&poll, &reading);
        first = end;
    }
    let bytes = if flows.is_empty() { None } else { arg(flows.to_bytes()) };
    let closing = arg(flows.closing_cents);
    WRITE.run(&[arg(race.race_id.as_str()), race.rows_created.and_then(arg), closing, bytes]);
}

/// A poll as its rows show it. A poll that is not whole has no bounds, so that it changes nothing here either.
fn poll<'a>(rows: &Rows, ids: &'a [String], places: std::ops::Range<usize>) -> Poll<'a> {
    let number = |row: usize, column: i32| rows.get::<i64>(row, column);
    let is_whole = places.clone().any(|row| rows.get(row, 13) == Some(false));
    let is_open = places.clone().any(|row| rows.get(row, 12) == Some(true));
    let event_us = rows.get::<Moment>(places.start, 2).map_or(0, |Moment(us)| us);
    let runner = |row: usize| PollRunner {
        entrant_id: &ids[row],
        number: number(row, 5),
        is_scratched: is_whole && rows.get(row, 13) == Some(true),
        odds: Odds {
            fixed_win: number(row, 8),
            fixed_place: number(row, 9),
            pool_win: number(row, 10),
            pool_place: number(row, 11),
        },
        hold: None,
        bet: None,
    };
    Poll {
        event_us,
        start_us: event_us + 1_000_000 * number(places.start, 3).unwrap_or_default(),
        is_open,
        win_cents: number(places.start, 6).filter(|_| is_whole),
        place_cents: number(places.start, 7).filter(|_| is_whole),
        runners: places.map(runner).collect(),
    }
}

static LOAD: Plan = Plan::new(
    "select r.meeting_country, r.type, f.closing_cents, f.flows
     from raceday.races r
     join raceday.signal_flows f on f.race_id = r.race_id
     where r.start_time >= $1 and r.start_time < $2 and r.status = 'Final' and f.flows is not null
     order by r.start_time, r.race_id",
    &[TIMESTAMPTZOID, TIMESTAMPTZOID],
);

/// The flows collected of the finished races that started within a span.
pub fn load(span_us: (i64, i64)) -> Vec<RaceFlows> {
    let rows = LOAD.run(&[arg(Moment(span_us.0)), arg(Moment(span_us.1))]);
    let race = |row: usize| {
        let country: Option<String> = rows.get(row, 1);
        let kind = RaceKind { country: country.as_deref(), category: category(&rows, row, 2)? };
        RaceFlows::from_bytes(kind, rows.get(row, 3)?, &rows.get::<Vec<u8>>(row, 4)?)
    };
    (0..rows.count()).filter_map(race).collect()
}
