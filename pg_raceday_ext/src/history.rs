//! What happened: a poll's history rows, and where the next poll continues.

use crate::plan::{Moment, Plan, arg, hundredths, moment};
use pgrx::pg_sys::{
    BOOLOID, Datum, INT4OID, INT8ARRAYOID, INT8OID, NUMERICARRAYOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID,
};
use raceday_core::{EntrantState, Odds, PollRows, PoolFlow, RaceState};

/// Later than the poll before by a millisecond at least: clients page by it, at that precision.
pub fn next_created_us(last_us: i64) -> i64 {
    (Moment::now().0.div_euclid(1000) * 1000).max(last_us.div_euclid(1000) * 1000 + 1000)
}

/// What the next increments and odds rows are counted from.
pub fn counted_from(state: &RaceState) -> impl Iterator<Item = (&String, PoolFlow, PoolFlow, Odds)> {
    state.entrants.iter().map(|(id, entrant)| (id, entrant.win, entrant.place, entrant.recorded))
}

static WRITE_HISTORY: Plan = Plan::new(
    "insert into raceday.money_flow_history (race_id, type, pool_type, is_consolidated, event_timestamp, polling_timestamp,
         created_at, seconds_to_start, time_to_start, time_interval, interval_type, entrant_id, hold_percentage, bet_percentage,
         win_pool_amount, place_pool_amount, win_pool_percentage, place_pool_percentage, incremental_amount,
         incremental_win_amount, incremental_place_amount, tote_win_percentage, tote_win_amount, fixed_win_odds,
         fixed_place_odds, pool_win_odds, pool_place_odds)
     select $1, 'bucketed_aggregation', 'combined', true, $2, $3, $4, $5, $6, $7, $8, u.entrant_id, u.hold, u.bet, u.win, u.place,
         u.win_share, u.place_share, u.win_increment, u.win_increment, u.place_increment, u.tote_share, u.tote_amount,
         u.fixed_win, u.fixed_place, u.pool_win, u.pool_place
     from unnest($9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
         u (entrant_id, hold, bet, win, place, win_share, place_share, win_increment, place_increment, tote_share, tote_amount,
            fixed_win, fixed_place, pool_win, pool_place)",
    &[
        TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, INT4OID, INT4OID, TEXTOID, TEXTARRAYOID, NUMERICARRAYOID,
        NUMERICARRAYOID, INT8ARRAYOID, INT8ARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID, INT8ARRAYOID, INT8ARRAYOID, NUMERICARRAYOID,
        INT8ARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID,
    ],
);

/// Appends a poll's money flow; returns how many rows.
pub fn write_history(race_id: &str, poll: &PollRows, created_us: i64) -> usize {
    let rows = &poll.history;
    if rows.entrant_id.is_empty() {
        return 0;
    }
    WRITE_HISTORY
        .run(&[
            arg(race_id),
            arg(Moment(poll.event_us)),
            arg(Moment(poll.polling_us)),
            arg(Moment(created_us)),
            int4(poll.seconds_to_start),
            int4(poll.time_to_start),
            int4(poll.time_interval),
            arg(poll.interval_type),
            arg(rows.entrant_id.iter().map(String::as_str).collect::<Vec<_>>()),
            hundredths(&rows.hold),
            hundredths(&rows.bet),
            arg(rows.win_pool_amount.clone()),
            arg(rows.place_pool_amount.clone()),
            hundredths(&rows.win_pool_percentage),
            hundredths(&rows.place_pool_percentage),
            arg(rows.incremental_win_amount.clone()),
            arg(rows.incremental_place_amount.clone()),
            hundredths(&rows.tote_win_percentage),
            arg(rows.tote_win_amount.clone()),
            hundredths(&rows.fixed_win_odds),
            hundredths(&rows.fixed_place_odds),
            hundredths(&rows.pool_win_odds),
            hundredths(&rows.pool_place_odds),
        ])
        .count()
}

static WRITE_ODDS: Plan = Plan::new(
    "insert into raceday.odds_history (race_id, event_timestamp, polling_timestamp, created_at, entrant_id, type, odds)
     select $1, $2, $3, $4, u.entrant_id, u.kind, u.odds from unnest($5, $6, $7) u (entrant_id, kind, odds)",
    &[TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTARRAYOID, TEXTARRAYOID, NUMERICARRAYOID],
);

/// Appends a poll's changed odds; returns how many rows.
pub fn write_odds(race_id: &str, poll: &PollRows, created_us: i64) -> usize {
    let rows = &poll.odds;
    if rows.entrant_id.is_empty() {
        return 0;
    }
    WRITE_ODDS
        .run(&[
            arg(race_id),
            arg(Moment(poll.event_us)),
            arg(Moment(poll.polling_us)),
            arg(Moment(created_us)),
            arg(rows.entrant_id.iter().map(String::as_str).collect::<Vec<_>>()),
            arg(rows.kind.clone()),
            hundredths(&rows.odds.iter().copied().map(Some).collect::<Vec<_>>()),
        ])
        .count()
}

static FIRST_POLLING: Plan = Plan::new(
    "select least((select min(h.polling_timestamp) from raceday.money_flow_history h where h.race_id = $1),
                  (select min(o.polling_timestamp) from raceday.odds_history o where o.race_id = $1))",
    &[TEXTOID],
);

/// When the oldest poll was fetched that a race has rows of. Looks into every partition: for rebuilding only.
pub fn first_polling(race_id: &str) -> Option<i64> {
    FIRST_POLLING.run(&[arg(race_id)]).get::<Moment>(0, 1).map(|moment| moment.0)
}

static WRITE_PROGRESS: Plan = Plan::new(
    "insert into raceday.race_progress (race_id, processed_through, payload_hash, generated_at, event_timestamp,
         first_event_timestamp, last_event_timestamp, first_fetched_at, has_history, rows_created_at, entrant_ids, win_intervals,
         win_amounts, win_bases, place_intervals, place_amounts, place_bases, fixed_win_odds, fixed_place_odds, pool_win_odds,
         pool_place_odds)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
     on conflict (race_id) do update
     set processed_through = excluded.processed_through, payload_hash = excluded.payload_hash,
         generated_at = excluded.generated_at, event_timestamp = excluded.event_timestamp,
         first_event_timestamp = excluded.first_event_timestamp, last_event_timestamp = excluded.last_event_timestamp,
         first_fetched_at = excluded.first_fetched_at, has_history = excluded.has_history,
         rows_created_at = excluded.rows_created_at, entrant_ids = excluded.entrant_ids, win_intervals = excluded.win_intervals,
         win_amounts = excluded.win_amounts, win_bases = excluded.win_bases, place_intervals = excluded.place_intervals,
         place_amounts = excluded.place_amounts, place_bases = excluded.place_bases, fixed_win_odds = excluded.fixed_win_odds,
         fixed_place_odds = excluded.fixed_place_odds, pool_win_odds = excluded.pool_win_odds,
         pool_place_odds = excluded.pool_place_odds",
    &[
        TEXTOID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID,
        TIMESTAMPTZOID, TEXTARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
        INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID,
    ],
);

static NOTE_REPEATED: Plan =
    Plan::new("update raceday.race_progress set processed_through = $2 where race_id = $1", &[TEXTOID, TIMESTAMPTZOID]);

/// Notes that a race was polled and had nothing new.
pub fn note_repeated(race_id: &str, fetched_us: i64) {
    NOTE_REPEATED.run(&[arg(race_id), arg(Moment(fetched_us))]);
}

/// Notes where the race's history stands.
pub fn write_progress(race_id: &str, state: &RaceState, created_us: i64) {
    let Some(progress) = &state.progress else { return };
    let column = |of: fn(&EntrantState) -> Option<i64>| arg(state.entrants.values().map(of).collect::<Vec<_>>());
    WRITE_PROGRESS.run(&[
        arg(race_id),
        arg(Moment(progress.processed_through_us)),
        arg(progress.payload_hash),
        moment(progress.generated_us),
        arg(Moment(progress.event_us)),
        arg(Moment(progress.first_event_us)),
        arg(Moment(progress.last_event_us)),
        arg(Moment(progress.first_fetched_us)),
        arg(progress.has_history),
        arg(Moment(created_us)),
        arg(state.entrants.keys().map(String::as_str).collect::<Vec<_>>()),
        column(|e| e.win.last.map(|(interval, _)| interval)),
        column(|e| e.win.last.map(|(_, cents)| cents)),
        column(|e| e.win.base),
        column(|e| e.place.last.map(|(interval, _)| interval)),
        column(|e| e.place.last.map(|(_, cents)| cents)),
        column(|e| e.place.base),
        column(|e| e.recorded.fixed_win),
        column(|e| e.recorded.fixed_place),
        column(|e| e.recorded.pool_win),
        column(|e| e.recorded.pool_place),
    ]);
}

/// Seconds to the start, which the core cuts to what fits, and the minutes made of them.
fn int4(value: i64) -> Option<Datum> {
    i32::try_from(value).ok().and_then(arg)
}
