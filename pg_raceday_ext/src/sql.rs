//! The SQL surface.

use crate::call::Call;
use crate::staging::{self, Incoming};
use crate::subject::Subject;
use crate::tables::{entrants, race_pools, races};
use crate::value::Moment;
use crate::{calibrate, guard, ingest, process, redo, standings};
use pgrx::prelude::*;
use raceday_core::{Outcome, PollRows, RaceState, payload_hash};
use std::time::Duration;

/// Declares functions that return calls, one row per call, with the columns in one place.
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
    /// Processes all pending payloads of a race (or of a day's list, `meetings:YYYY-MM-DD`).
    #[pg_extern(volatile, parallel_unsafe, strict, security_definer)]
    fn raceday_process(race_id: &str) {
        vec![process::process(Subject::parse(race_id))]
    }

    /// Stages a payload, as text or as bytes, and processes all pending ones of its race: what a fetcher does with every response.
    /// One that is already staged is not staged again.
    #[pg_extern(volatile, parallel_unsafe, security_definer)]
    fn raceday_ingest(
        kind: &str, race_id: &str, fetched_at: TimestampWithTimeZone, payload: Option<&str>, payload_raw: Option<&[u8]>,
        arguments: pg_sys::FunctionCallInfo
    ) {
        vec![ingest::ingest(&incoming(kind, race_id, fetched_at, payload, payload_raw, arguments))]
    }

    /// Processes the pending payloads of up to `max_races` races, the longest waiting first; skips races that another call is
    /// processing.
    #[pg_extern(volatile, parallel_unsafe, strict, security_definer)]
    fn raceday_process_pending(max_races: i32) {
        let mut race_ids = Spi::connect(|_| staging::pending_races(i64::from(max_races.max(0))));
        // The same order for all callers: two calls then never wait for each other's races.
        race_ids.sort_unstable();
        race_ids.iter().filter_map(|race_id| process::try_process(Subject::parse(race_id))).collect()
    }

    /// Recomputes a race's derived rows from its staged payloads; readers see the old rows until it commits.
    #[pg_extern(volatile, parallel_unsafe, strict, security_definer)]
    fn raceday_rebuild(race_id: &str) {
        vec![redo::rebuild(Subject::parse(race_id))]
    }

    /// [`raceday_rebuild`] for every race of a New Zealand day, with one NOTICE per race.
    #[pg_extern(volatile, parallel_unsafe, strict, security_definer)]
    fn raceday_rebuild_day(day: pgrx::datum::Date) {
        let race_ids = Spi::connect(|_| races::of_day(day));
        let count = race_ids.len();
        race_ids
            .iter()
            .enumerate()
            .map(|(at, race_id)| {
                let call = redo::rebuild(Subject::parse(race_id));
                notice!("race {} of {count}: {race_id}, {} payloads, {} money flow rows", at + 1, call.processed, call.written.history);
                call
            })
            .collect()
    }
}

/// Stages a payload for a later `raceday_process`; true unless it was already staged.
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
    ingest::stage(&incoming(kind, race_id, fetched_at, payload, payload_raw, arguments))
}

/// The payload with the data from which the fourth and fifth argument are borrowed: inserting those saves a copy.
fn incoming<'a>(
    kind: &'a str,
    race_id: &'a str,
    fetched_at: TimestampWithTimeZone,
    payload: Option<&'a str>,
    payload_raw: Option<&'a [u8]>,
    arguments: pg_sys::FunctionCallInfo,
) -> Incoming<'a> {
    // SAFETY: both functions that call this one have five arguments.
    let datum = |at| unsafe { pgrx::fcinfo::pg_getarg_datum(arguments, at) };
    let subject = Subject::parse(race_id);
    Incoming::new(kind, subject, Moment::of(fetched_at), payload.zip(datum(3)), payload_raw.zip(datum(4)))
}

/// The bucket of a moment in minutes: 60, 55, ..., 10, 5, 4, 3, 2, 1, 0, then -1, -2, ... after the start.
#[pg_extern(immutable, parallel_safe, strict)]
#[search_path(pg_catalog, pg_temp)]
fn raceday_time_interval(seconds_to_start: i32) -> i32 {
    i32::try_from(raceday_core::time_interval(i64::from(seconds_to_start))).unwrap_or(i32::MIN)
}

/// The money-flow rows that a payload would give as a race's first, without writing them. Amounts in cents.
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
        name!(win_low, Option<i64>),
        name!(win_high, Option<i64>),
        name!(win_mid, Option<i64>),
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
            rows.win_low[at],
            rows.win_high[at],
            rows.win_mid[at],
        )
    }))
}

/// The money-flow rows that a race's staged payloads give, without writing them: what the table should hold.
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
        name!(win_low, Option<i64>),
        name!(win_high, Option<i64>),
        name!(win_mid, Option<i64>),
        name!(flow_multiple, Option<AnyNumeric>),
        name!(evidence, Option<AnyNumeric>),
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
                rows.win_low[at],
                rows.win_high[at],
                rows.win_mid[at],
                decimal(rows.flow_multiple[at]),
                decimal(rows.evidence[at]),
                decimal(poll.report.hold_sum),
            )
        })
    }))
}

/// The signals that a race's staged payloads give, without writing them: what the table should hold.
#[pg_extern(volatile, parallel_unsafe, strict, security_definer)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn raceday_replay_signals(
    race_id: &str,
) -> TableIterator<
    'static,
    (
        name!(polling_timestamp, TimestampWithTimeZone),
        name!(event_timestamp, TimestampWithTimeZone),
        name!(entrant_id, String),
        name!(level, i64),
        name!(evidence, Option<AnyNumeric>),
        name!(rarity, i64),
        name!(money, i64),
        name!(excess, i64),
        name!(reasons, String),
    ),
> {
    let polls = Spi::connect(|_| redo::polls(race_id));
    TableIterator::new(polls.into_iter().flat_map(|poll| {
        let (polling, event) = (Moment(poll.polling_us).to_timestamp(), Moment(poll.event_us).to_timestamp());
        poll.signals.into_iter().map(move |signal| {
            let of = signal.reached;
            (
                polling,
                event,
                of.entrant_id,
                of.level,
                decimal(Some(of.evidence)),
                of.rarity,
                of.money_cents,
                of.excess_cents,
                signal.reasons,
            )
        })
    }))
}

/// A race as it stood at a moment, by its staged payloads, without writing: a row per row of `races`, `race_pools` and `entrants`, as
/// JSON. No rows if it was not polled by then, or if its first payloads are no longer staged.
#[pg_extern(stable, parallel_unsafe, strict, security_definer)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn raceday_replay_state(
    race_id: &str,
    at: TimestampWithTimeZone,
) -> TableIterator<'static, (name!(of_table, &'static str), name!(id, String), name!(columns, Option<String>))> {
    let at_us = Moment::of(at);
    let rows = Spi::connect(|_| {
        let state = redo::state_at(race_id, at_us)?;
        let of_race = |table, columns| (table, race_id.to_owned(), columns);
        let race = state.race.iter().map(|race| of_race("races", races::json(race)));
        let pools = state.pools.iter().map(|pools| of_race("race_pools", race_pools::json(pools)));
        let entrants = state.entrants.iter().map(|(id, of)| ("entrants", id.clone(), entrants::json(&of.entrant)));
        Some(race.chain(pools).chain(entrants).collect::<Vec<_>>())
    });
    TableIterator::new(rows.unwrap_or_default())
}

/// Where every runner of a race stands now: its evidence, how rare that is, and the evidence that 1 race in 20 and in 200 reach.
#[pg_extern(stable, parallel_safe, strict)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn raceday_watch(
    race_id: &str,
) -> TableIterator<
    'static,
    (
        name!(entrant_id, String),
        name!(evidence, Option<AnyNumeric>),
        name!(rarity, i64),
        name!(provisional, bool),
        name!(evidence_20, Option<AnyNumeric>),
        name!(evidence_200, Option<AnyNumeric>),
        name!(money, i64),
        name!(excess, i64),
        name!(multiple, Option<AnyNumeric>),
        name!(share_before, Option<AnyNumeric>),
        name!(share_after, Option<AnyNumeric>),
    ),
> {
    let standings = Spi::connect(|_| standings::load(race_id));
    TableIterator::new(standings.into_iter().flat_map(|standings| {
        let [level_20, .., level_200, _, _] = standings.kind.thresholds;
        standings.runners.into_iter().map(move |of| {
            (
                of.entrant_id,
                decimal(Some(of.evidence)),
                of.rarity,
                of.is_provisional,
                decimal(level_20),
                decimal(level_200),
                of.money_cents,
                of.excess_cents,
                decimal(of.multiple),
                decimal(of.share_before),
                decimal(of.share_after),
            )
        })
    }))
}

/// Derives a calibration from the races that are Final and started within a span, and puts it in force. One that says the same as
/// the version in force is not written.
#[pg_extern(volatile, parallel_unsafe, strict, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn raceday_calibrate(
    p_from: TimestampWithTimeZone,
    p_to: TimestampWithTimeZone,
) -> TableIterator<'static, (name!(version, Option<i64>), name!(is_new, bool), name!(races, i64), name!(kinds, i64))> {
    let done = calibrate::calibrate((Moment::of(p_from), Moment::of(p_to)));
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    TableIterator::once((done.version, done.is_new, count(done.races), count(done.kinds)))
}

/// Collects the flows of up to `p_max` races for a calibration, and returns of how many: a step of [`raceday_calibrate`] that is as
/// short as wanted.
#[pg_extern(volatile, parallel_unsafe, strict, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn raceday_collect_flows(p_from: TimestampWithTimeZone, p_to: TimestampWithTimeZone, p_max: i32) -> i32 {
    let collected = calibrate::collect((Moment::of(p_from), Moment::of(p_to)), i64::from(p_max.max(0)));
    i32::try_from(collected).unwrap_or(i32::MAX)
}

/// The rows of a payload on its own; raises an error for one that would fail.
fn transform(payload: &str, fetched_us: i64) -> PollRows {
    let race_id = raceday_core::Event::race_id(payload).unwrap_or_default();
    match RaceState::default().apply(&race_id, payload, payload_hash(payload), fetched_us) {
        Ok(Outcome::Processed(poll)) => *poll,
        Ok(Outcome::Unchanged) => PollRows::default(),
        Err(error) => guard::raise(
            PgSqlErrorCode::ERRCODE_INVALID_JSON_TEXT,
            format!("the payload cannot be used: {error}"),
            "raceday_process marks such a payload as failed and continues.",
        ),
    }
}

fn decimal(hundredths: Option<i64>) -> Option<AnyNumeric> {
    hundredths.and_then(|value| raceday_core::format_hundredths(value).as_str().try_into().ok())
}
