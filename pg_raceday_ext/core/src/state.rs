//! What is known of a race, and one poll applied to it: history rows out, current state forward.

use crate::entrant::{EntrantState, Runner};
use crate::event::Event;
use crate::history::{self, HistoryRows, OddsRows, Poll};
use crate::payload::PayloadError;
use crate::pools::{self, Pools};
use crate::race::{self, Phase, Race};
use crate::report::Report;
use crate::results::{self, Results};
use crate::signals::{self, PollRunner, RaceKind, RawFacts, Reached, Reading, Rules, RunnerReading, Watch};
use crate::time;
use crate::tracker::{self, Hold};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything known of one race: its rows in the current-state tables, and how far its history has come.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct RaceState {
    /// The race; `None` until its first poll.
    pub race: Option<Race>,
    /// Runners by `entrant_id`.
    pub entrants: BTreeMap<String, EntrantState>,
    /// Tote pools; `None` until a poll has any.
    pub pools: Option<Pools>,
    /// Results; `None` until there are any.
    pub results: Option<Results>,
    /// How far the history has come; `None` until the first poll.
    pub progress: Option<Progress>,
    /// What the signals are computed from.
    pub watch: Watch,
    /// What signals are judged by: no part of what is known, but of what computes it.
    pub rules: Arc<Rules>,
}

/// How far a race's history has come.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Progress {
    /// `fetched_at` of the latest processed payload.
    pub processed_through_us: i64,
    /// Its [`crate::payload_hash`].
    pub payload_hash: i64,
    /// Its `generated_time`.
    pub generated_us: Option<i64>,
    /// Its `event_timestamp`.
    pub event_us: i64,
    /// Earliest `event_timestamp` of all polls.
    pub first_event_us: i64,
    /// Latest `event_timestamp` of all polls.
    pub last_event_us: i64,
    /// `fetched_at` of the oldest processed payload.
    pub first_fetched_us: i64,
    /// Whether any history row was written.
    pub has_history: bool,
    /// The win pool, in cents, of the latest poll that gave rows of `money_flow_history`.
    pub rows_win_cents: Option<i64>,
    /// Its place pool.
    pub rows_place_cents: Option<i64>,
}

/// What became of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The payload is new: its rows.
    Processed(Box<PollRows>),
    /// The payload is identical to the one before and describes the same moment.
    Unchanged,
}

/// The history rows of one poll.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PollRows {
    /// `event_timestamp`: the moment the poll describes.
    pub event_us: i64,
    /// When the poll was fetched.
    pub polling_us: i64,
    /// Seconds to the start, negative after it.
    pub seconds_to_start: i64,
    /// The same in whole minutes.
    pub time_to_start: i64,
    /// The bucket, in minutes.
    pub time_interval: i64,
    /// `5m`, `2m`, `30s`, `live`.
    pub interval_type: &'static str,
    /// Rows of `money_flow_history`.
    pub history: HistoryRows,
    /// The win pool in cents.
    pub win_cents: Option<i64>,
    /// The place pool.
    pub place_cents: Option<i64>,
    /// Rows of `odds_history`.
    pub odds: OddsRows,
    /// Rows of `signals`.
    pub signals: Vec<Signal>,
    /// Findings that are not failures.
    pub report: Report,
}

/// A row of `signals`, but for what it shares with its poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// The level that the runner's evidence reached.
    pub reached: Reached,
    /// What accompanies it: a JSON object with a key per reason.
    pub reasons: String,
}

impl Progress {
    /// Whether a payload is identical to the latest processed one and describes the same moment.
    pub fn is_repeated_by(&self, payload_hash: i64, fetched_us: i64) -> bool {
        self.payload_hash == payload_hash && time::event_timestamp_us(self.generated_us, fetched_us) == self.event_us
    }
}

impl RaceState {
    /// Applies the race's next poll, in order of `fetched_at`. Fails like [`Event::parse`], and then leaves the state as it was.
    pub fn apply(&mut self, race_id: &str, payload: &str, hash: i64, fetched_us: i64) -> Result<Outcome, PayloadError> {
        if self.skip_repeated(hash, fetched_us) {
            return Ok(Outcome::Unchanged);
        }
        let event = Event::parse(payload, race_id)?;
        let hold_sum = event.tracker.as_deref().map(tracker::hold_of_all);
        let pools = event.pools.as_deref().map(|pools| pools::totals(pools, hold_sum)).transpose()?;
        Ok(Outcome::Processed(Box::new(self.advance(event, pools, hash, fetched_us))))
    }

    /// Whether a payload repeats the latest one; if so, notes that it was processed.
    fn skip_repeated(&mut self, hash: i64, fetched_us: i64) -> bool {
        let Some(progress) = self.progress.as_mut().filter(|progress| progress.is_repeated_by(hash, fetched_us)) else {
            return false;
        };
        progress.processed_through_us = fetched_us;
        true
    }

    fn advance(&mut self, event: Event, pools: Option<Pools>, hash: i64, fetched_us: i64) -> PollRows {
        let event_us = time::event_timestamp_us(event.generated_us, fetched_us);
        let raw_facts = event.raw_facts();
        let (mut report, runners) = (event.report, event.runners);
        let race = race::next_race(self.race.take(), &event.race, event_us, fetched_us);
        let seconds_to_start = time::seconds_to_start(race.start_us, event_us);
        let holds = event.tracker.map(|rows| tracker::sum_holds(rows, |id| runners.contains_key(id), &mut report));
        self.update_entrants(&runners, holds.as_ref());
        let poll = Poll {
            event_us,
            interval: time::time_interval(seconds_to_start),
            win_cents: pools.as_ref().and_then(|pools| pools.win),
            place_cents: pools.as_ref().and_then(|pools| pools.place),
        };
        let (readings, signals) = self.watch(&race, &runners, holds.as_ref(), &poll, &raw_facts, &mut report);
        // A race that is abandoned before its first history row gets none.
        let has_history = self.progress.as_ref().is_some_and(|progress| progress.has_history);
        let (history, odds) = if race.phase == Phase::Abandoned && !has_history {
            (HistoryRows::default(), OddsRows::default())
        } else {
            let odds = history::odds_rows(&mut self.entrants, &runners);
            let is_written = race.is_open() || self.is_late_money(&poll);
            let rows = holds.filter(|_| is_written).map(|holds| {
                history::history_rows(&mut self.entrants, &runners, &holds, &readings, &poll, &mut report)
            });
            (rows.unwrap_or_default(), odds)
        };
        let (placings, dividends) = (&event.placings, &event.dividends);
        self.results = results::next_results(self.results.take(), placings, dividends, &race, &self.entrants, event_us);
        self.pools = pools::next_pools(self.pools.take(), pools, event_us);
        self.race = Some(race);
        self.move_progress(&history, &odds, &poll, (hash, event.generated_us), fetched_us);
        PollRows {
            event_us,
            polling_us: fetched_us,
            seconds_to_start,
            time_to_start: time::time_to_start(seconds_to_start),
            time_interval: poll.interval,
            interval_type: time::interval_type(seconds_to_start),
            history,
            win_cents: poll.win_cents,
            place_cents: poll.place_cents,
            odds,
            signals,
            report,
        }
    }

    /// Notes how far the history has come.
    fn move_progress(
        &mut self,
        history: &HistoryRows,
        odds: &OddsRows,
        poll: &Poll,
        (payload_hash, generated_us): (i64, Option<i64>),
        fetched_us: i64,
    ) {
        let wrote_flow = !history.entrant_id.is_empty();
        let wrote_history = wrote_flow || !odds.entrant_id.is_empty();
        let mut progress = next_progress(self.progress.take(), wrote_history, poll.event_us, fetched_us);
        if wrote_flow {
            (progress.rows_win_cents, progress.rows_place_cents) = (poll.win_cents, poll.place_cents);
        }
        self.progress = Some(Progress { payload_hash, generated_us, ..progress });
    }

    /// What the poll tells the signals: the readings of its runners, and the rows of those that reached a level.
    fn watch(
        &mut self,
        race: &Race,
        runners: &BTreeMap<Cow<str>, Runner>,
        holds: Option<&BTreeMap<Cow<str>, Hold>>,
        poll: &Poll,
        raw_facts: &RawFacts,
        report: &mut Report,
    ) -> (Vec<RunnerReading>, Vec<Signal>) {
        let seen = signals::Poll {
            event_us: poll.event_us,
            start_us: race.start_us,
            is_open: race.is_open(),
            win_cents: poll.win_cents,
            place_cents: poll.place_cents,
            runners: runners.iter().map(|(id, runner)| self.watched(id, runner, holds)).collect(),
        };
        let kind = RaceKind { country: race.meeting.country.as_deref(), category: race.category };
        let Reading { runners: readings, reached, is_contradiction, .. } = self.watch.advance(&seen, kind, &self.rules);
        report.contradictory_odds |= is_contradiction;
        if reached.is_empty() {
            return (readings, Vec::new());
        }
        let numbers: Vec<i64> = seen.runners.iter().filter_map(|runner| runner.number).collect();
        let facts = raw_facts.read(race.race_number, &numbers, seen.watch_us(), report);
        let signals = reached.into_iter().map(|reached| {
            let number = self.entrants.get(&reached.entrant_id).and_then(|state| state.entrant.runner_number);
            let reasons = signals::reasons_json(&reached, number, &facts);
            Signal { reached, reasons }
        });
        (readings, signals.collect())
    }

    fn watched<'r>(
        &self,
        entrant_id: &'r str,
        runner: &Runner,
        holds: Option<&BTreeMap<Cow<str>, Hold>>,
    ) -> PollRunner<'r> {
        let known = self.entrants.get(entrant_id).map(|state| &state.entrant);
        let hold = holds.and_then(|holds| holds.get(entrant_id));
        PollRunner {
            entrant_id,
            number: known.and_then(|known| known.runner_number),
            is_scratched: known.is_some_and(|known| known.is_scratched),
            odds: runner.odds_at_the_moment(),
            hold: hold.and_then(|hold| hold.hold),
            bet: hold.and_then(|hold| hold.bet),
        }
    }

    /// Whether a poll after the close reports another win or place pool than the latest poll with rows.
    fn is_late_money(&self, poll: &Poll) -> bool {
        let (win, place) =
            self.progress.as_ref().map_or((None, None), |known| (known.rows_win_cents, known.rows_place_cents));
        let differs = |polled: Option<i64>, known: Option<i64>| polled.is_some() && polled != known;
        differs(poll.win_cents, win) || differs(poll.place_cents, place)
    }

    fn update_entrants(&mut self, runners: &BTreeMap<Cow<str>, Runner>, holds: Option<&BTreeMap<Cow<str>, Hold>>) {
        for (entrant_id, runner) in runners {
            let state = self.entrants.entry(entrant_id.to_string()).or_default();
            let hold = holds.map(|holds| holds.get(entrant_id).copied().unwrap_or(Hold::ZERO));
            state.entrant.update(runner, hold);
        }
    }
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
