//! One call a race: its pending payloads become rows, in one transaction, whatever they contain.

use crate::guard;
use crate::history;
use crate::ingest::Incoming;
use crate::load::{self, Loaded, Newest};
use crate::staging::{self, Key, Mark, Staged};
use crate::write::{self, Written};
use crate::{lists, redo};
use raceday_core::{Outcome, PayloadError, PollRows, RaceState};
use std::time::{Duration, Instant};

/// Why a payload fails that PostgreSQL cannot hold as text.
pub const NO_TEXT: &str = "the body is no text: not UTF-8 or with NUL bytes (see payload_raw)";

/// What a call did, as `raceday_process` returns it.
#[derive(Debug, Default)]
pub struct Call {
    /// The race, or `meetings:` and a date.
    pub race_id: String,
    /// Payloads that became rows or said nothing new.
    pub processed: usize,
    /// Payloads that could not be used.
    pub failed: usize,
    /// Rows written.
    pub written: Written,
    /// Reading payloads and computing rows.
    pub transform: Duration,
    /// Writing rows.
    pub write: Duration,
    /// Why payloads failed, or the call.
    pub errors: Vec<String>,
    /// What else was noticed.
    pub reports: Vec<String>,
    /// Whether the call itself failed: its payloads are still pending.
    pub is_error: bool,
}

impl Call {
    /// A call for a race, before anything is done.
    pub fn new(race_id: &str) -> Self {
        Self { race_id: race_id.to_owned(), ..Self::default() }
    }

    /// `ok`, `idle`, `failed` (no payload could be used) or `error` (payloads are still pending).
    pub const fn status(&self) -> &'static str {
        match (self.is_error, self.processed, self.failed) {
            (true, ..) => "error",
            (false, 0, 0) => "idle",
            (false, 0, _) => "failed",
            (false, ..) => "ok",
        }
    }

    /// Notes a payload that cannot be used, here and on its row.
    pub fn fail(&mut self, key: Key, reason: String) {
        let mark = self.failed(reason);
        staging::mark(&self.race_id, key, &mark);
    }

    fn failed(&mut self, reason: String) -> Mark {
        self.failed += 1;
        self.errors.push(reason.clone());
        Mark::failed(reason)
    }

    fn add(&mut self, step: Self) {
        self.processed += step.processed;
        self.failed += step.failed;
        self.written.add(step.written);
        self.transform += step.transform;
        self.write += step.write;
        self.errors.extend(step.errors);
        self.reports.extend(step.reports);
    }
}

/// Handles all pending payloads of a race, or of a day's meetings list.
pub fn process(race_id: &str) -> Call {
    guard::lock(race_id);
    process_locked(race_id)
}

/// [`process`], or `None` when another call is at the race.
pub fn try_process(race_id: &str) -> Option<Call> {
    guard::try_lock(race_id).then(|| process_locked(race_id))
}

/// [`process`] for a caller that has the race's lock.
pub fn process_locked(race_id: &str) -> Call {
    guard::attempt(|| process_keys(race_id, &staging::take_pending(race_id)))
        .unwrap_or_else(|_| process_one_by_one(race_id))
}

/// After an error: payload by payload, so that one that the database refuses does not hold up the others.
fn process_one_by_one(race_id: &str) -> Call {
    let mut call = Call::new(race_id);
    loop {
        match guard::attempt(|| process_keys(race_id, &staging::take_oldest_pending(race_id))) {
            Ok(step) if step.processed + step.failed == 0 => return call,
            Ok(step) => call.add(step),
            Err(caught) => {
                let reason = format!("refused by the database: {}", caught.message);
                let is_failed = caught.is_payloads_fault() && guard::attempt(|| fail_oldest(race_id, &reason)).is_ok();
                call.errors.push(if is_failed { reason } else { caught.message });
                if !is_failed {
                    call.is_error = true;
                    return call;
                }
                call.failed += 1;
            }
        }
    }
}

fn fail_oldest(race_id: &str, reason: &str) {
    for key in staging::take_oldest_pending(race_id) {
        staging::mark(race_id, key, &Mark::failed(reason.to_owned()));
    }
}

fn process_keys(race_id: &str, keys: &[Key]) -> Call {
    let mut call = Call::new(race_id);
    if keys.is_empty() {
        return call;
    }
    let mut payloads: Vec<Staged> = keys.iter().filter_map(|key| staging::open(race_id, *key)).collect();
    // Two payloads fetched at the same moment are told apart by what they say, not by who staged first.
    payloads.sort_by_key(|payload| (payload.key.fetched_us, payload.hash, payload.key.payload_id));
    let (lists, payloads): (Vec<Staged>, Vec<Staged>) = payloads.into_iter().partition(|payload| payload.is_list);
    if !lists.is_empty() {
        lists::process(&mut call, &lists);
    }
    if payloads.is_empty() {
        return call;
    }
    let began = Instant::now();
    let before = load::load(race_id);
    let (late, payloads): (Vec<Staged>, Vec<Staged>) =
        payloads.into_iter().partition(|payload| is_older(payload, &before));
    if let Some(oldest) = late.first() {
        let Err(lost) = redo::redo_from(&mut call, &before, oldest.key.fetched_us) else { return call };
        for payload in &late {
            call.fail(payload.key, format!("older than what is processed, and the race cannot be redone: {lost}"));
        }
    }
    let mut now = before.state.clone();
    let polls: Vec<PollRows> =
        payloads.iter().filter_map(|payload| apply_staged(&mut call, &mut now, payload)).collect();
    call.transform += began.elapsed();
    let began = Instant::now();
    call.written.add(write::write(race_id, &before, &now, &polls));
    call.write += began.elapsed();
    call
}

/// Processes a payload that is not staged yet, and stages it with what became of it: the way of nearly every poll. Does nothing
/// and returns `None` when it is not the newest of its race, or others of the race are pending.
pub fn process_newest(race_id: &str, incoming: &Incoming) -> Option<Call> {
    let mut call = Call::new(race_id);
    let began = Instant::now();
    let payload = incoming.as_staged();
    let newest = load::newest(race_id);
    if newest.has_pending {
        return None;
    }
    if is_repeated(&payload, &newest) {
        // Nothing to read, nothing to write but that it came.
        call.processed = 1;
        call.transform = began.elapsed();
        incoming.insert(race_id, &Mark::unchanged());
        history::note_repeated(race_id, payload.key.fetched_us);
        return Some(call);
    }
    let before = load::load(race_id);
    if is_older(&payload, &before) {
        return None;
    }
    let mut now = before.state.clone();
    let (mark, poll) = apply(&mut call, &mut now, &payload);
    call.transform = began.elapsed();
    let began = Instant::now();
    call.written = write::write(race_id, &before, &now, poll.as_slice());
    incoming.insert(race_id, &mark);
    call.write = began.elapsed();
    Some(call)
}

/// Whether a payload says what the newest processed one said, and was fetched no earlier.
fn is_repeated(payload: &Staged, newest: &Newest) -> bool {
    newest.progress.as_ref().is_some_and(|newest| {
        newest.is_repeated_by(payload.hash, payload.key.fetched_us)
            && payload.key.fetched_us >= newest.processed_through_us
    })
}

/// Whether a payload belongs before one that is already processed.
fn is_older(payload: &Staged, before: &Loaded) -> bool {
    before.state.progress.as_ref().is_some_and(|progress| {
        (payload.key.fetched_us, payload.hash) < (progress.processed_through_us, progress.payload_hash)
    })
}

/// Applies a staged payload to the state and marks it; `None` when it gives no rows.
pub fn apply_staged(call: &mut Call, state: &mut RaceState, payload: &Staged) -> Option<PollRows> {
    let (mark, poll) = apply(call, state, payload);
    if !mark.is_plain() {
        // Opening it marked it as processed already.
        staging::mark(&call.race_id, payload.key, &mark);
    }
    poll
}

/// Applies a payload to the state: what becomes of it, and its rows if it gives any.
fn apply(call: &mut Call, state: &mut RaceState, payload: &Staged) -> (Mark, Option<PollRows>) {
    match read(state, &call.race_id, payload) {
        Ok(Outcome::Processed(poll)) => {
            call.processed += 1;
            let mut mark = Mark::processed();
            if let Some(report) = poll.report.line() {
                // Unknown runners and falling holds are everyday: worth a word to the caller, not to the table.
                mark.report = (poll.report.bad_values > 0).then(|| report.clone());
                if call.reports.last() != Some(&report) {
                    call.reports.push(report);
                }
            }
            (mark, Some(*poll))
        }
        Ok(Outcome::Unchanged) => {
            call.processed += 1;
            (Mark::unchanged(), None)
        }
        Err(reason) => (call.failed(reason), None),
    }
}

fn read(state: &mut RaceState, race_id: &str, payload: &Staged) -> Result<Outcome, String> {
    let text = payload.text.ok_or_else(|| NO_TEXT.to_owned())?;
    state.apply(race_id, text, payload.hash, payload.key.fetched_us).map_err(|error: PayloadError| error.to_string())
}
