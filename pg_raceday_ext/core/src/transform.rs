//! One poll applied to what is known of its race: history rows out, current state forward.

use crate::decimal::div_round;
use crate::event::{Event, MOST_PERCENTAGE, PayloadError, Runner, TrackerRow};
use crate::flow::PoolFlow;
use crate::pools::{next_pools, read_pools};
use crate::report::Report;
use crate::results::{dividends_json, fixed_odds_json, placings_json};
use crate::state::{Odds, OddsKind, Phase, Pools, Progress, Race, RaceState, Results};
use crate::time;
use crate::update::{next_meeting, next_race, update_entrant};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What became of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It said something new: the rows it gives.
    Processed(Box<PollRows>),
    /// Word for word the payload before, about the same moment.
    Unchanged,
}

/// The history rows of one poll.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PollRows {
    /// Moment the poll speaks of.
    pub event_us: i64,
    /// When it was fetched.
    pub polling_us: i64,
    /// Seconds to the start, negative after it.
    pub seconds_to_start: i64,
    /// The same in whole minutes.
    pub time_to_start: i64,
    /// Bucket.
    pub time_interval: i64,
    /// `5m`, `2m`, `30s`, `live`.
    pub interval_type: &'static str,
    /// Rows of `money_flow_history`.
    pub history: HistoryRows,
    /// Rows of `odds_history`.
    pub odds: OddsRows,
    /// What the reading noticed.
    pub report: Report,
}

/// Rows of `money_flow_history`, a column each, in order of `entrant_id`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HistoryRows {
    pub entrant_id: Vec<String>,
    pub hold: Vec<Option<i64>>,
    pub bet: Vec<Option<i64>>,
    pub win_pool_amount: Vec<Option<i64>>,
    pub place_pool_amount: Vec<Option<i64>>,
    pub win_pool_percentage: Vec<Option<i64>>,
    pub place_pool_percentage: Vec<Option<i64>>,
    pub incremental_win_amount: Vec<Option<i64>>,
    pub incremental_place_amount: Vec<Option<i64>>,
    pub tote_win_percentage: Vec<Option<i64>>,
    pub tote_win_amount: Vec<Option<i64>>,
    pub fixed_win_odds: Vec<Option<i64>>,
    pub fixed_place_odds: Vec<Option<i64>>,
    pub pool_win_odds: Vec<Option<i64>>,
    pub pool_place_odds: Vec<Option<i64>>,
}

/// Rows of `odds_history`, a column each, in order of `entrant_id` and kind.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OddsRows {
    pub entrant_id: Vec<String>,
    pub kind: Vec<&'static str>,
    pub odds: Vec<i64>,
}

impl RaceState {
    /// Applies the race's next poll, in order of `fetched_at`. Fails like [`Event::parse`], and then leaves the state as it was.
    pub fn apply(&mut self, race_id: &str, payload: &str, hash: i64, fetched_us: i64) -> Result<Outcome, PayloadError> {
        if self.says_the_same(hash, fetched_us) {
            return Ok(Outcome::Unchanged);
        }
        let event = Event::parse(payload, race_id)?;
        let pools = event.pools.as_deref().map(|pools| read_pools(pools, event.tracker.as_deref())).transpose()?;
        Ok(Outcome::Processed(Box::new(self.advance(event, pools, hash, fetched_us))))
    }

    /// Whether a payload says what the one before said; it is then noted as seen.
    fn says_the_same(&mut self, hash: i64, fetched_us: i64) -> bool {
        let Some(progress) = self.progress.as_mut().filter(|progress| progress.is_repeated_by(hash, fetched_us)) else {
            return false;
        };
        progress.processed_through_us = fetched_us;
        true
    }

    fn advance(&mut self, event: Event, pools: Option<Pools>, hash: i64, fetched_us: i64) -> PollRows {
        let event_us = time::event_timestamp_us(event.generated_us, fetched_us);
        let mut report = event.report;
        let runners = distinct(event.runners);
        self.meeting = next_meeting(self.meeting.take(), &event.race);
        let race = next_race(self.race.take(), &event.race, event_us, fetched_us);
        let seconds_to_start = time::seconds_to_start(race.start_us, event_us);
        let holds = event.tracker.map(|rows| sum_holds(rows, &runners, &mut report));
        for (entrant_id, runner) in &runners {
            let state = self.entrants.entry(entrant_id.to_string()).or_default();
            update_entrant(
                &mut state.entrant,
                runner,
                holds.as_ref().map(|holds| holds.get(entrant_id).copied().unwrap_or(NO_HOLD)),
            );
        }
        let has_history = self.progress.as_ref().is_some_and(|progress| progress.has_history);
        let current_state_only = race.phase == Phase::Abandoned && !has_history;
        let poll = Poll {
            interval: time::time_interval(seconds_to_start),
            win_cents: pools.as_ref().and_then(|pools| pools.win),
            place_cents: pools.as_ref().and_then(|pools| pools.place),
        };
        let (history, odds) = if current_state_only {
            (HistoryRows::default(), OddsRows::default())
        } else {
            let odds = self.odds_rows(&runners);
            let history =
                holds.map(|holds| self.history_rows(&runners, &holds, &poll, &mut report)).unwrap_or_default();
            (history, odds)
        };
        self.results =
            next_results(self.results.take(), &event.placings, &event.dividends, &race, &self.entrants, event_us);
        self.pools = next_pools(self.pools.take(), pools, event_us);
        self.race = Some(race);
        let wrote_history = !history.entrant_id.is_empty() || !odds.entrant_id.is_empty();
        let progress = next_progress(self.progress.take(), wrote_history, event_us, fetched_us);
        self.progress = Some(Progress { payload_hash: hash, generated_us: event.generated_us, ..progress });
        PollRows {
            event_us,
            polling_us: fetched_us,
            seconds_to_start,
            time_to_start: time::time_to_start(seconds_to_start),
            time_interval: poll.interval,
            interval_type: time::interval_type(seconds_to_start),
            history,
            odds,
            report,
        }
    }

    /// One row for each of a runner's odds that differs from the last one recorded.
    fn odds_rows(&mut self, runners: &BTreeMap<Cow<str>, Runner>) -> OddsRows {
        let mut rows = OddsRows::default();
        for (entrant_id, runner) in runners {
            let (Some(state), odds) = (self.entrants.get_mut(entrant_id.as_ref()), moment_odds(runner)) else {
                continue;
            };
            for kind in OddsKind::ALL {
                let recorded = state.recorded.get_mut(kind);
                if let Some(value) = odds.get(kind)
                    && *recorded != Some(value)
                {
                    *recorded = Some(value);
                    rows.entrant_id.push(entrant_id.to_string());
                    rows.kind.push(kind.as_str());
                    rows.odds.push(value);
                }
            }
        }
        rows
    }

    fn history_rows(
        &mut self,
        runners: &BTreeMap<Cow<str>, Runner>,
        holds: &BTreeMap<Cow<str>, Hold>,
        poll: &Poll,
        report: &mut Report,
    ) -> HistoryRows {
        let shares = self.tote_shares(runners);
        let mut rows = HistoryRows::default();
        for (entrant_id, runner) in runners {
            let Some(state) = self.entrants.get_mut(entrant_id.as_ref()) else { continue };
            let hold = holds.get(entrant_id).copied().unwrap_or(NO_HOLD);
            let win = amount(poll.win_cents, hold.hold);
            let place = amount(poll.place_cents, hold.hold);
            let share = shares.as_ref().and_then(|(weights, sum)| Some((*weights.get(entrant_id.as_ref())?, *sum)));
            rows.entrant_id.push(entrant_id.to_string());
            rows.hold.push(hold.hold);
            rows.bet.push(hold.bet);
            rows.win_pool_amount.push(win);
            rows.place_pool_amount.push(place);
            rows.win_pool_percentage.push(percentage(win, poll.win_cents));
            rows.place_pool_percentage.push(percentage(place, poll.place_cents));
            rows.incremental_win_amount.push(increment(&mut state.win, poll.interval, win, report));
            rows.incremental_place_amount.push(increment(&mut state.place, poll.interval, place, report));
            rows.tote_win_percentage.push(share.and_then(|(weight, sum)| to_i64(div_round(10_000 * weight, sum))));
            rows.tote_win_amount.push(
                share
                    .zip(poll.win_cents)
                    .and_then(|((weight, sum), cents)| to_i64(div_round(i128::from(cents) * weight, sum))),
            );
            let odds = moment_odds(runner);
            rows.fixed_win_odds.push(odds.fixed_win);
            rows.fixed_place_odds.push(odds.fixed_place);
            rows.pool_win_odds.push(odds.pool_win);
            rows.pool_place_odds.push(odds.pool_place);
        }
        rows
    }

    /// Each running runner's weight by its tote odds, and their sum; `None` unless every one of them has tote odds.
    fn tote_shares<'a>(&self, runners: &'a BTreeMap<Cow<'a, str>, Runner>) -> Option<(BTreeMap<&'a str, i128>, i128)> {
        const ONE: i128 = 1_000_000_000_000_000_000;
        let mut weights = BTreeMap::new();
        for (entrant_id, runner) in runners {
            if self.entrants.get(entrant_id.as_ref())?.entrant.is_scratched {
                continue;
            }
            let odds = moment_odds(runner).pool_win?;
            weights.insert(entrant_id.as_ref(), ONE / i128::from(odds));
        }
        let sum = weights.values().sum();
        (sum > 0).then_some((weights, sum))
    }
}

/// What the history rows of a poll share.
struct Poll {
    interval: i64,
    win_cents: Option<i64>,
    place_cents: Option<i64>,
}

/// A runner's summed money-tracker rows; `None` where no row had a usable value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hold {
    pub hold: Option<i64>,
    pub bet: Option<i64>,
}

/// A runner that the tracker does not name holds nothing.
const NO_HOLD: Hold = Hold { hold: Some(0), bet: Some(0) };

/// Runners by id; of one named twice the last counts.
fn distinct(runners: Vec<Runner<'_>>) -> BTreeMap<Cow<'_, str>, Runner<'_>> {
    runners.into_iter().map(|runner| (runner.entrant_id.clone(), runner)).collect()
}

fn sum_holds<'a>(
    rows: Vec<TrackerRow<'a>>,
    runners: &BTreeMap<Cow<'a, str>, Runner<'a>>,
    report: &mut Report,
) -> BTreeMap<Cow<'a, str>, Hold> {
    let mut holds: BTreeMap<Cow<str>, Hold> = BTreeMap::new();
    let mut sum_of_all = 0;
    for row in rows {
        sum_of_all += row.hold.unwrap_or(0);
        if !runners.contains_key(&row.entrant_id) {
            report.unmatched_hold += row.hold.unwrap_or(0);
            continue;
        }
        let sum = holds.entry(row.entrant_id).or_insert(Hold { hold: None, bet: None });
        sum.hold = add(sum.hold, row.hold);
        sum.bet = add(sum.bet, row.bet);
    }
    for (entrant_id, sum) in &mut holds {
        for value in [&mut sum.hold, &mut sum.bet] {
            if value.is_some_and(|value| value > MOST_PERCENTAGE) {
                report.bad(format_args!("sum of money_tracker rows of {entrant_id}"));
                *value = None;
            }
        }
    }
    report.hold_sum = Some(sum_of_all);
    holds
}

fn add(sum: Option<i64>, value: Option<i64>) -> Option<i64> {
    match (sum, value) {
        (Some(sum), Some(value)) => Some(sum + value),
        (sum, value) => sum.or(value),
    }
}

/// Cents of a pool on a runner, by its hold.
fn amount(pool_cents: Option<i64>, hold: Option<i64>) -> Option<i64> {
    to_i64(div_round(i128::from(pool_cents?) * i128::from(hold?), 10_000))
}

/// Hundredths of a per cent of a pool; `None` when the pool is empty.
fn percentage(amount: Option<i64>, pool_cents: Option<i64>) -> Option<i64> {
    let pool = pool_cents.filter(|cents| *cents > 0)?;
    to_i64(div_round(10_000 * i128::from(amount?), i128::from(pool))).filter(|value| *value <= MOST_PERCENTAGE)
}

fn increment(flow: &mut PoolFlow, interval: i64, amount: Option<i64>, report: &mut Report) -> Option<i64> {
    let increment = flow.increment(interval, amount);
    report.negative_increments += u32::from(increment.is_some_and(|cents| cents < 0));
    increment
}

fn to_i64(value: i128) -> Option<i64> {
    i64::try_from(value).ok()
}

/// The odds a poll tells of a runner; 0 is none.
fn moment_odds(runner: &Runner) -> Odds {
    let [fixed_win, fixed_place, pool_win, pool_place] =
        runner.odds.unwrap_or_default().map(|odds| odds.filter(|value| *value > 0));
    Odds { fixed_win, fixed_place, pool_win, pool_place }
}

fn next_results(
    known: Option<Results>,
    placings: &[crate::results::Placing],
    dividends: &[crate::results::Dividend],
    race: &Race,
    entrants: &BTreeMap<String, crate::state::EntrantState>,
    event_us: i64,
) -> Option<Results> {
    let by_status = match race.status.as_str() {
        "Final" => Some("final"),
        _ if race.protest => Some("protest"),
        "Interim" => Some("interim"),
        _ => None,
    };
    if placings.is_empty() && !matches!(race.status.as_str(), "Interim" | "Final") {
        return known;
    }
    let known = known.unwrap_or_else(|| Results {
        placings: "[]".to_owned(),
        dividends: "[]".to_owned(),
        result_us: event_us,
        ..Results::default()
    });
    Some(Results {
        available: known.available || !placings.is_empty(),
        placings: if placings.is_empty() { known.placings } else { placings_json(placings) },
        dividends: if dividends.is_empty() { known.dividends } else { dividends_json(dividends) },
        fixed_odds: fixed_odds_json(entrants),
        status: by_status,
        protest: race.protest,
        result_us: known.result_us,
    })
}

fn next_progress(known: Option<Progress>, wrote_history: bool, event_us: i64, fetched_us: i64) -> Progress {
    let known = known.unwrap_or(Progress {
        first_event_us: event_us,
        last_event_us: event_us,
        first_fetched_us: fetched_us,
        ..Progress::default()
    });
    Progress {
        processed_through_us: fetched_us,
        event_us,
        first_event_us: known.first_event_us.min(event_us),
        last_event_us: known.last_event_us.max(event_us),
        first_fetched_us: known.first_fetched_us,
        has_history: known.has_history || wrote_history,
        ..known
    }
}
