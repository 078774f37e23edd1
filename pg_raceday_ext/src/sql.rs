//! The SQL surface.

use crate::guard;
use crate::ingest::{self, Incoming};
use crate::plan::Moment;
use crate::process::{self, Call};
use crate::redo;
use crate::staging;
use pgrx::prelude::*;
use raceday_core::{Outcome, PollRows, RaceState, payload_hash};
use std::time::Duration;

/// Declares functions that return calls, a row each, with the columns in one place.
macro_rules! call_functions {
    ($($(#[$attribute:meta])* fn $name:ident $parameters:tt $body:block)+) => {
        $(
            $(#[$attribute])*
            #[search_path(pg_catalog, pg_temp)]
            #[allow(clippy::type_complexity)]
            fn $name $parameters -> TableIterator<
                'static,
                (
                    name!(race_id, String),
                    name!(payloads_processed, i32),
                    name!(payloads_failed, i32),
                    name!(meetings_changed, i32),
                    name!(races_changed, i32),
                    name!(entrants_changed, i32),
                    name!(money_flow_rows, i32),
                    name!(odds_rows, i32),
                    name!(transform_ms, f64),
                    name!(write_ms, f64),
                    name!(status, &'static str),
                    name!(error, Option<String>),
                    name!(report, Option<String>),
                ),
            > {
                let calls: Vec<Call> = $body;
                TableIterator::new(calls.into_iter().map(|call| {
                    let count = |rows: usize| i32::try_from(rows).unwrap_or(i32::MAX);
                    let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
                    let text = |lines: &[String]| (!lines.is_empty()).then(|| lines.join("; "));
                    let written = call.written;
                    let (status, error, report) = (call.status(), text(&call.errors), text(&call.reports));
                    (
                        call.race_id, count(call.processed), count(call.failed), count(written.meetings), count(written.races),
                        count(written.entrants), count(written.history), count(written.odds), ms(call.transform),
                        ms(call.write), status, error, report,
                    )
                }))
            }
        )+
    };
}

call_functions! {
    /// Handles all pending payloads of a race (or of a day's list, `meetings:YYYY-MM-DD`) and says what it did.
    #[pg_extern(volatile, parallel_unsafe, strict, security_definer)]
    fn raceday_process(race_id: &str) {
        vec![process::process(race_id)]
    }

    /// Stages a payload, as text or as bytes, and handles all pending ones of its race: what a fetcher does with every answer. One that
    /// is staged already is not staged again.
    #[pg_extern(volatile, parallel_unsafe, security_definer)]
    fn raceday_ingest(
        kind: &str, race_id: &str, fetched_at: TimestampWithTimeZone, payload: Option<&str>, payload_raw: Option<&[u8]>,
        arguments: pg_sys::FunctionCallInfo
    ) {
        vec![ingest::ingest(race_id, &incoming(kind, fetched_at, payload, payload_raw, arguments))]
    }

    /// Handles the pending payloads of up to `max_races` races, the longest waiting first; races that another call is at are left out.
    #[pg_extern(volatile, parallel_unsafe, strict, security_definer)]
    fn raceday_process_pending(max_races: i32) {
        let mut race_ids = Spi::connect(|_| staging::pending_races(i64::from(max_races.max(0))));
        // One order for all callers: two calls then never wait for each other's races.
        race_ids.sort_unstable();
        race_ids.iter().filter_map(|race_id| process::try_process(race_id)).collect()
    }

    /// Recomputes a race's derived rows from its staged payloads; readers see the old rows until it commits.
    #[pg_extern(volatile, parallel_unsafe, strict, security_definer)]
    fn raceday_rebuild(race_id: &str) {
        vec![redo::rebuild(race_id)]
    }

    /// [`raceday_rebuild`] for every race of a New Zealand day, with a NOTICE a race.
    #[pg_extern(volatile, parallel_unsafe, strict, security_definer)]
    fn raceday_rebuild_day(day: pgrx::datum::Date) {
        let race_ids = Spi::connect(|_| redo::races_of_day(day));
        let count = race_ids.len();
        race_ids
            .iter()
            .enumerate()
            .map(|(at, race_id)| {
                let call = redo::rebuild(race_id);
                notice!("race {} of {count}: {race_id}, {} payloads, {} money flow rows", at + 1, call.processed, call.written.history);
                call
            })
            .collect()
    }
}

/// Stages a payload for a later `raceday_process`; whether it was not staged already.
#[pg_extern(volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn raceday_stage(
    kind: &str,
    race_id: &str,
    fetched_at: TimestampWithTimeZone,
    payload: Option<&str>,
    payload_raw: Option<&[u8]>,
    arguments: pg_sys::FunctionCallInfo,
) -> bool {
    ingest::stage(race_id, &incoming(kind, fetched_at, payload, payload_raw, arguments))
}

/// The payload with the data that the fourth and fifth argument are borrowed from: inserting those saves a copy.
fn incoming<'a>(
    kind: &'a str,
    fetched_at: TimestampWithTimeZone,
    payload: Option<&'a str>,
    payload_raw: Option<&'a [u8]>,
    arguments: pg_sys::FunctionCallInfo,
) -> Incoming<'a> {
    // SAFETY: both functions that call this have five arguments.
    let datum = |at| unsafe { pgrx::fcinfo::pg_getarg_datum(arguments, at) };
    Incoming::new(kind, Moment::of(fetched_at), payload.zip(datum(3)), payload_raw.zip(datum(4)))
}

/// The bucket of a moment in minutes: 60, 55, ..., 10, 5, 4, 3, 2, 1, 0, then -1, -2, ... after the start.
#[pg_extern(immutable, parallel_safe, strict)]
#[search_path(pg_catalog, pg_temp)]
fn raceday_time_interval(seconds_to_start: i32) -> i32 {
    i32::try_from(raceday_core::time_interval(i64::from(seconds_to_start))).unwrap_or(i32::MIN)
}

/// The money-flow rows that a race's first payload would give, writing nothing. Amounts in cents.
#[pg_extern(immutable, parallel_safe, strict)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn raceday_transform(
    payload: &str,
    fetched_at: TimestampWithTimeZone,
) -> TableIterator<
    'static,
    (
        name!(entrant_id, String),
        name!(hold_percentage, Option<AnyNumeric>),
        name!(bet_percentage, Option<AnyNumeric>),
        name!(time_to_start, i64),
        name!(time_interval, i64),
        name!(interval_type, &'static str),
        name!(event_timestamp, TimestampWithTimeZone),
        name!(polling_timestamp, TimestampWithTimeZone),
        name!(win_pool_amount, Option<i64>),
        name!(place_pool_amount, Option<i64>),
        name!(win_pool_percentage, Option<AnyNumeric>),
        name!(place_pool_percentage, Option<AnyNumeric>),
        name!(incremental_win_amount, Option<i64>),
        name!(incremental_place_amount, Option<i64>),
        name!(tote_win_percentage, Option<AnyNumeric>),
        name!(tote_win_amount, Option<i64>),
        name!(fixed_win_odds, Option<AnyNumeric>),
        name!(fixed_place_odds, Option<AnyNumeric>),
        name!(pool_win_odds, Option<AnyNumeric>),
        name!(pool_place_odds, Option<AnyNumeric>),
    ),
> {
    let poll = transform(payload, Moment::of(fetched_at));
    let event_timestamp = Moment(poll.event_us).to_timestamp();
    let rows = poll.history;
    TableIterator::new((0..rows.entrant_id.len()).map(move |at| {
        (
            rows.entrant_id[at].clone(),
            decimal(rows.hold[at]),
            decimal(rows.bet[at]),
            poll.time_to_start,
            poll.time_interval,
            poll.interval_type,
            event_timestamp,
            fetched_at,
            rows.win_pool_amount[at],
            rows.place_pool_amount[at],
            decimal(rows.win_pool_percentage[at]),
            decimal(rows.place_pool_percentage[at]),
            rows.incremental_win_amount[at],
            rows.incremental_place_amount[at],
            decimal(rows.tote_win_percentage[at]),
            rows.tote_win_amount[at],
            decimal(rows.fixed_win_odds[at]),
            decimal(rows.fixed_place_odds[at]),
            decimal(rows.pool_win_odds[at]),
            decimal(rows.pool_place_odds[at]),
        )
    }))
}

/// The money-flow rows that a race's staged payloads give, read anew and written nowhere: what the table should hold.
#[pg_extern(volatile, parallel_unsafe, strict, security_definer)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn raceday_replay(
    race_id: &str,
) -> TableIterator<
    'static,
    (
        name!(polling_timestamp, TimestampWithTimeZone),
        name!(event_timestamp, TimestampWithTimeZone),
        name!(entrant_id, String),
        name!(time_interval, i64),
        name!(hold_percentage, Option<AnyNumeric>),
        name!(win_pool_amount, Option<i64>),
        name!(place_pool_amount, Option<i64>),
        name!(incremental_win_amount, Option<i64>),
        name!(incremental_place_amount, Option<i64>),
        name!(tote_win_amount, Option<i64>),
        name!(hold_sum, Option<AnyNumeric>),
    ),
> {
    let polls = Spi::connect(|_| redo::polls(race_id));
    TableIterator::new(polls.into_iter().flat_map(|poll| {
        let (polling, event) = (Moment(poll.polling_us).to_timestamp(), Moment(poll.event_us).to_timestamp());
        let rows = poll.history;
        (0..rows.entrant_id.len()).map(move |at| {
            (
                polling,
                event,
                rows.entrant_id[at].clone(),
                poll.time_interval,
                decimal(rows.hold[at]),
                rows.win_pool_amount[at],
                rows.place_pool_amount[at],
                rows.incremental_win_amount[at],
                rows.incremental_place_amount[at],
                rows.tote_win_amount[at],
                decimal(poll.report.hold_sum),
            )
        })
    }))
}

/// The rows of a payload on its own; raises what would fail it.
fn transform(payload: &str, fetched_us: i64) -> PollRows {
    let race_id = raceday_core::Event::race_id(payload).unwrap_or_default();
    match RaceState::default().apply(&race_id, payload, payload_hash(payload), fetched_us) {
        Ok(Outcome::Processed(poll)) => *poll,
        Ok(Outcome::Unchanged) => PollRows::default(),
        Err(error) => guard::raise(
            PgSqlErrorCode::ERRCODE_INVALID_JSON_TEXT,
            format!("the payload cannot be used: {error}"),
            "raceday_process marks such a payload as failed and goes on.",
        ),
    }
}

fn decimal(hundredths: Option<i64>) -> Option<AnyNumeric> {
    hundredths.and_then(|value| raceday_core::format_hundredths(value).as_str().try_into().ok())
}
