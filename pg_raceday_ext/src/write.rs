//! Rows into tables: one multi-row statement a table, only what changed.

use crate::load::Loaded;
use crate::plan::{Hundredths, Moment, Plan, arg, hundredths};
use pgrx::pg_sys::{
    BOOLARRAYOID, BOOLOID, INT4OID, INT8ARRAYOID, INT8OID, NUMERICARRAYOID, NUMERICOID, TEXTARRAYOID, TEXTOID,
    TIMESTAMPTZARRAYOID, TIMESTAMPTZOID,
};
use raceday_core::{Entrant, EntrantState, Meeting, Odds, PollRows, PoolFlow, Pools, Race, RaceState, Results};
use std::collections::BTreeMap;

/// How many rows a call wrote.
#[derive(Debug, Default, Clone, Copy)]
pub struct Written {
    /// Meetings that changed.
    pub meetings: usize,
    /// Races that changed.
    pub races: usize,
    /// Entrants that changed.
    pub entrants: usize,
    /// Rows of `money_flow_history`.
    pub history: usize,
    /// Rows of `odds_history`.
    pub odds: usize,
}

impl Written {
    /// Adds another call's rows.
    pub const fn add(&mut self, other: Self) {
        self.meetings += other.meetings;
        self.races += other.races;
        self.entrants += other.entrants;
        self.history += other.history;
        self.odds += other.odds;
    }
}

/// Writes what differs between the state loaded and the state now, and the polls' history.
pub fn write(race_id: &str, before: &Loaded, now: &RaceState, polls: &[PollRows]) -> Written {
    let mut written = Written::default();
    let known = &before.state;
    if let Some(race) = &now.race {
        let moved =
            known.race.as_ref().is_none_or(|known| (known.phase, &known.meeting_id) != (race.phase, &race.meeting_id));
        written.meetings = write_meeting(before, now, race);
        if moved {
            // Before the race's own row, in the order in which a meetings list locks them.
            lock_meeting(race);
        }
        if known.race.as_ref() != Some(race) {
            written.races = write_race(race_id, race);
        }
        if moved {
            written.meetings += settle_meeting(race);
        }
    }
    let changed: Vec<(&String, &Entrant)> = now
        .entrants
        .iter()
        .filter(|(id, state)| known.entrants.get(*id).is_none_or(|known| known.entrant != state.entrant))
        .map(|(id, state)| (id, &state.entrant))
        .collect();
    if !changed.is_empty() {
        written.entrants = write_entrants(race_id, &changed);
    }
    if let Some(pools) = now.pools.as_ref().filter(|pools| known.pools.as_ref() != Some(pools)) {
        write_pools(race_id, pools);
    }
    if let Some(results) = now.results.as_ref().filter(|results| known.results.as_ref() != Some(results)) {
        write_results(race_id, results);
    }
    let mut created_us = before.rows_created_us;
    for poll in polls {
        created_us = next_created_us(created_us);
        written.history += write_history(race_id, poll, created_us);
        written.odds += write_odds(race_id, poll, created_us);
    }
    if known.progress != now.progress || counted_from(known).ne(counted_from(now)) {
        write_progress(race_id, now, created_us);
    }
    written
}

/// What the next increments and odds rows are counted from.
fn counted_from(state: &RaceState) -> impl Iterator<Item = (&String, PoolFlow, PoolFlow, Odds)> {
    state.entrants.iter().map(|(id, entrant)| (id, entrant.win, entrant.place, entrant.recorded))
}

/// Later than the poll before by a millisecond at least: clients page by it, at that precision.
fn next_created_us(last_us: i64) -> i64 {
    (Moment::now().0.div_euclid(1000) * 1000).max(last_us.div_euclid(1000) * 1000 + 1000)
}

static WRITE_MEETING: Plan = Plan::new(
    "insert into raceday.meetings as m (meeting_id, meeting_name, country, state, race_type, date)
     values ($1, $2, $3, $4, $5, coalesce($6::date, ($7 at time zone 'Pacific/Auckland')::date))
     on conflict (meeting_id) do update
     set meeting_name = coalesce(excluded.meeting_name, m.meeting_name), country = coalesce(excluded.country, m.country),
         state = coalesce(excluded.state, m.state), race_type = excluded.race_type, date = coalesce($6::date, m.date)
     where m.listed_at is null
       and (m.meeting_name, m.country, m.state, m.race_type, m.date) is distinct from
           (coalesce(excluded.meeting_name, m.meeting_name), coalesce(excluded.country, m.country),
            coalesce(excluded.state, m.state), excluded.race_type, coalesce($6::date, m.date))",
    &[TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID],
);

/// A meeting that no list told of is known from its races.
fn write_meeting(before: &Loaded, now: &RaceState, race: &Race) -> usize {
    let Some(meeting) = &now.meeting else { return 0 };
    let known = before.state.meeting.as_ref().filter(|known| known.meeting_id == meeting.meeting_id);
    if known.is_some_and(|known| before.meeting_is_listed || same_meeting(known, meeting)) {
        return 0;
    }
    WRITE_MEETING
        .run(&[
            arg(meeting.meeting_id.as_str()),
            text(meeting.name.as_ref()),
            text(meeting.country.as_ref()),
            text(meeting.state.as_ref()),
            arg(meeting.race_type.as_str()),
            text(meeting.date.as_ref()),
            arg(Moment(race.start_us)),
        ])
        .count()
}

/// Whether a poll says nothing of a meeting that is not known; what it leaves out is no change.
fn same_meeting(known: &Meeting, said: &Meeting) -> bool {
    let same = |known: &Option<String>, said: &Option<String>| said.is_none() || known == said;
    same(&known.name, &said.name)
        && same(&known.country, &said.country)
        && same(&known.state, &said.state)
        && same(&known.date, &said.date)
        && known.race_type == said.race_type
}

static LOCK_MEETING: Plan =
    Plan::new("select 1 from raceday.meetings where meeting_id = $1 for no key update", &[TEXTOID]);

fn lock_meeting(race: &Race) {
    if let Some(meeting_id) = &race.meeting_id {
        LOCK_MEETING.run(&[arg(meeting_id.as_str())]);
    }
}

// A statement of its own after the lock: its snapshot then sees what the lock's holder before committed.
static SETTLE_MEETINGS: Plan = Plan::new(
    "update raceday.meetings m
     set status = s.status
     from (
         select r.meeting_id,
             case when bool_and(r.phase = 'abandoned') then 'cancelled'
                  when bool_and(r.phase in ('finished', 'abandoned')) then 'completed'
                  else 'active' end as status
         from raceday.races r where r.meeting_id = any ($1) group by r.meeting_id
     ) s
     where m.meeting_id = s.meeting_id and m.status <> s.status",
    &[TEXTARRAYOID],
);

fn settle_meeting(race: &Race) -> usize {
    race.meeting_id.as_ref().map_or(0, |meeting_id| settle_meetings(vec![meeting_id.clone()]))
}

/// Sets each meeting's status by its races.
pub fn settle_meetings(meeting_ids: Vec<String>) -> usize {
    SETTLE_MEETINGS.run(&[arg(meeting_ids)]).count()
}

static WRITE_RACE: Plan = Plan::new(
    "insert into raceday.races as r (race_id, meeting_id, name, race_number, start_time, status, phase, actual_start, distance,
         track_condition, weather, type, protest, last_status_change, finalized_at, abandoned_at, polled_at)
     values ($1, $2, $3, $4::int8::int4, $5, $6, $7, $8, $9::int8::int4, $10, $11, $12, $13, $14, $15, $16, $17)
     on conflict (race_id) do update
     set meeting_id = coalesce(excluded.meeting_id, r.meeting_id), name = coalesce(excluded.name, r.name),
         race_number = coalesce(excluded.race_number, r.race_number), start_time = excluded.start_time, status = excluded.status,
         phase = excluded.phase, actual_start = excluded.actual_start, distance = coalesce(excluded.distance, r.distance),
         track_condition = coalesce(excluded.track_condition, r.track_condition), weather = coalesce(excluded.weather, r.weather),
         type = excluded.type, protest = excluded.protest, last_status_change = excluded.last_status_change,
         finalized_at = excluded.finalized_at, abandoned_at = excluded.abandoned_at, polled_at = excluded.polled_at
     where (r.meeting_id, r.name, r.race_number, r.start_time, r.status, r.phase, r.actual_start, r.distance, r.track_condition,
            r.weather, r.type, r.protest, r.last_status_change, r.finalized_at, r.abandoned_at, r.polled_at) is distinct from
           (coalesce(excluded.meeting_id, r.meeting_id), coalesce(excluded.name, r.name),
            coalesce(excluded.race_number, r.race_number), excluded.start_time, excluded.status, excluded.phase,
            excluded.actual_start, coalesce(excluded.distance, r.distance),
            coalesce(excluded.track_condition, r.track_condition), coalesce(excluded.weather, r.weather), excluded.type,
            excluded.protest, excluded.last_status_change, excluded.finalized_at, excluded.abandoned_at, excluded.polled_at)",
    &[
        TEXTOID, TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, TEXTOID, TEXTOID, TEXTOID,
        BOOLOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
    ],
);

fn write_race(race_id: &str, race: &Race) -> usize {
    WRITE_RACE
        .run(&[
            arg(race_id),
            text(race.meeting_id.as_ref()),
            text(race.name.as_ref()),
            race.race_number.and_then(arg),
            arg(Moment(race.start_us)),
            arg(race.status.as_str()),
            arg(race.phase.as_str()),
            moment(race.actual_start_us),
            race.distance.and_then(arg),
            text(race.track_condition.as_ref()),
            text(race.weather.as_ref()),
            arg(race.kind.as_str()),
            arg(race.protest),
            moment(race.last_status_change_us),
            moment(race.finalized_us),
            moment(race.abandoned_us),
            arg(Moment(race.polled_us)),
        ])
        .count()
}

// An entrant of another race is never taken over: the payload that names it is wrong about it.
static WRITE_ENTRANTS: Plan = Plan::new(
    "insert into raceday.entrants as e (race_id, entrant_id, name, runner_number, win_odds, place_odds, pool_win_odds,
         pool_place_odds, hold_percentage, bet_percentage, is_scratched, is_late_scratched, scratched_at, barrier, jockey,
         trainer_name, silk_colours, silk_url_64, silk_url_128, runner_change, favourite, mover)
     select $1, u.*
     from unnest($2, $3, $4::int4[], $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::int4[], $15, $16, $17, $18, $19, $20, $21, $22) u
     on conflict (entrant_id) do update
     set name = excluded.name, runner_number = excluded.runner_number, win_odds = excluded.win_odds,
         place_odds = excluded.place_odds, pool_win_odds = excluded.pool_win_odds, pool_place_odds = excluded.pool_place_odds,
         hold_percentage = excluded.hold_percentage, bet_percentage = excluded.bet_percentage,
         is_scratched = excluded.is_scratched, is_late_scratched = excluded.is_late_scratched,
         scratched_at = excluded.scratched_at, barrier = excluded.barrier, jockey = excluded.jockey,
         trainer_name = excluded.trainer_name, silk_colours = excluded.silk_colours, silk_url_64 = excluded.silk_url_64,
         silk_url_128 = excluded.silk_url_128, runner_change = excluded.runner_change, favourite = excluded.favourite,
         mover = excluded.mover
     where e.race_id = excluded.race_id",
    &[
        TEXTOID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID,
        NUMERICARRAYOID, NUMERICARRAYOID, BOOLARRAYOID, BOOLARRAYOID, TIMESTAMPTZARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
        TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BOOLARRAYOID, BOOLARRAYOID,
    ],
);

fn write_entrants(race_id: &str, entrants: &[(&String, &Entrant)]) -> usize {
    let texts =
        |of: fn(&Entrant) -> &Option<String>| arg(entrants.iter().map(|(_, e)| of(e).as_deref()).collect::<Vec<_>>());
    let numbers = |of: fn(&Entrant) -> Option<i64>| arg(entrants.iter().map(|(_, e)| of(e)).collect::<Vec<_>>());
    let decimals =
        |of: fn(&Entrant) -> Option<i64>| hundredths(&entrants.iter().map(|(_, e)| of(e)).collect::<Vec<_>>());
    let flags = |of: fn(&Entrant) -> bool| arg(entrants.iter().map(|(_, e)| of(e)).collect::<Vec<_>>());
    WRITE_ENTRANTS
        .run(&[
            arg(race_id),
            arg(entrants.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>()),
            texts(|e| &e.name),
            numbers(|e| e.runner_number),
            decimals(|e| e.odds.fixed_win),
            decimals(|e| e.odds.fixed_place),
            decimals(|e| e.odds.pool_win),
            decimals(|e| e.odds.pool_place),
            decimals(|e| e.hold),
            decimals(|e| e.bet),
            flags(|e| e.is_scratched),
            flags(|e| e.is_late_scratched),
            arg(entrants.iter().map(|(_, e)| e.scratched_us.map(Moment)).collect::<Vec<_>>()),
            numbers(|e| e.barrier),
            texts(|e| &e.jockey),
            texts(|e| &e.trainer_name),
            texts(|e| &e.silk_colours),
            texts(|e| &e.silk_url_64),
            texts(|e| &e.silk_url_128),
            texts(|e| &e.runner_change),
            flags(|e| e.favourite),
            flags(|e| e.mover),
        ])
        .count()
}

static WRITE_POOLS: Plan = Plan::new(
    "insert into raceday.race_pools (race_id, win_pool_total, place_pool_total, quinella_pool_total, trifecta_pool_total,
         exacta_pool_total, first4_pool_total, total_race_pool, data_quality_score, extracted_pools, last_updated)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9::int8::int4, $10::int8::int4, $11)
     on conflict (race_id) do update
     set win_pool_total = excluded.win_pool_total, place_pool_total = excluded.place_pool_total,
         quinella_pool_total = excluded.quinella_pool_total, trifecta_pool_total = excluded.trifecta_pool_total,
         exacta_pool_total = excluded.exacta_pool_total, first4_pool_total = excluded.first4_pool_total,
         total_race_pool = excluded.total_race_pool, data_quality_score = excluded.data_quality_score,
         extracted_pools = excluded.extracted_pools, last_updated = excluded.last_updated",
    &[
        TEXTOID, NUMERICOID, NUMERICOID, NUMERICOID, NUMERICOID, NUMERICOID, NUMERICOID, NUMERICOID, INT8OID, INT8OID,
        TIMESTAMPTZOID,
    ],
);

fn write_pools(race_id: &str, pools: &Pools) {
    let dollars = |cents: Option<i64>| cents.map(Hundredths).and_then(arg);
    WRITE_POOLS.run(&[
        arg(race_id),
        dollars(pools.win),
        dollars(pools.place),
        dollars(pools.quinella),
        dollars(pools.trifecta),
        dollars(pools.exacta),
        dollars(pools.first4),
        dollars(Some(pools.total)),
        arg(pools.quality),
        arg(pools.extracted),
        arg(Moment(pools.last_updated_us)),
    ]);
}

static WRITE_RESULTS: Plan = Plan::new(
    "insert into raceday.race_results as r (race_id, results_available, results_data, dividends_data, fixed_odds_data,
         result_status, protest_lodged, result_time)
     values ($1, $2, $3::jsonb, $4::jsonb, $5::jsonb, $6, $7, $8)
     on conflict (race_id) do update
     set results_available = excluded.results_available, results_data = excluded.results_data,
         dividends_data = excluded.dividends_data, fixed_odds_data = excluded.fixed_odds_data,
         result_status = excluded.result_status, protest_lodged = excluded.protest_lodged, result_time = excluded.result_time
     where (r.results_available, r.results_data, r.dividends_data, r.fixed_odds_data, r.result_status, r.protest_lodged,
            r.result_time) is distinct from
           (excluded.results_available, excluded.results_data, excluded.dividends_data, excluded.fixed_odds_data,
            excluded.result_status, excluded.protest_lodged, excluded.result_time)",
    &[TEXTOID, BOOLOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, TIMESTAMPTZOID],
);

fn write_results(race_id: &str, results: &Results) {
    WRITE_RESULTS.run(&[
        arg(race_id),
        arg(results.available),
        arg(results.placings.as_str()),
        arg(results.dividends.as_str()),
        arg(results.fixed_odds.as_str()),
        results.status.and_then(arg),
        arg(results.protest),
        arg(Moment(results.result_us)),
    ]);
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

fn write_history(race_id: &str, poll: &PollRows, created_us: i64) -> usize {
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

fn write_odds(race_id: &str, poll: &PollRows, created_us: i64) -> usize {
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

fn write_progress(race_id: &str, state: &RaceState, created_us: i64) {
    let Some(progress) = &state.progress else { return };
    let column = |of: fn(&EntrantState) -> Option<i64>| arg(numbers(&state.entrants, of));
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

fn numbers(entrants: &BTreeMap<String, EntrantState>, of: fn(&EntrantState) -> Option<i64>) -> Vec<Option<i64>> {
    entrants.values().map(of).collect()
}

fn text(value: Option<&String>) -> Option<pgrx::pg_sys::Datum> {
    value.map(String::as_str).and_then(arg)
}

fn moment(value: Option<i64>) -> Option<pgrx::pg_sys::Datum> {
    value.map(Moment).and_then(arg)
}

/// Seconds and minutes between two moments of the years 2000 to 2100 fit, but for hostile `fetched_at`s: those are cut.
fn int4(value: i64) -> Option<pgrx::pg_sys::Datum> {
    arg(i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX }))
}
