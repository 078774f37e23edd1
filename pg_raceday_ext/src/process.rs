//! The pending payloads of a race or list become rows, in one transaction, whatever they contain.

use crate::apply::{apply_staged, is_older};
use crate::call::{Call, Refusal};
use crate::staging::{self, Key, Mark, Staged};
use crate::subject::Subject;
use crate::{guard, lists, load, redo, write};
use raceday_core::PollRows;
use std::time::Instant;

/// Processes all pending payloads of a race, or of a day's meetings list.
pub fn process(subject: Subject) -> Call {
    guard::lock(subject.id());
    process_locked(subject)
}

/// [`process`], or `None` when another call holds the race's lock.
pub fn try_process(subject: Subject) -> Option<Call> {
    guard::try_lock(subject.id()).then(|| process_locked(subject))
}

/// [`process`] for a caller that holds the race's lock.
pub fn process_locked(subject: Subject) -> Call {
    guard::attempt(|| process_keys(subject, &staging::take_pending(subject.id())))
        .unwrap_or_else(|_| process_one_by_one(subject))
}

/// After an error: payload by payload, so that one that the database refuses does not hold up the others.
fn process_one_by_one(subject: Subject) -> Call {
    let mut call = Call::new(subject);
    loop {
        match guard::attempt(|| process_keys(subject, &staging::take_oldest_pending(subject.id()))) {
            Ok(step) if step.processed + step.failed == 0 => return call,
            Ok(step) => call.add(step),
            Err(caught) => {
                let reason = Refusal::Database(caught.message.clone()).to_string();
                let is_failed = caught.is_payloads_fault() && guard::attempt(|| fail_oldest(subject, &reason)).is_ok();
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

fn fail_oldest(subject: Subject, reason: &str) {
    for key in staging::take_oldest_pending(subject.id()) {
        staging::mark(subject.id(), key, &Mark::failed(reason.to_owned()));
    }
}

fn process_keys(subject: Subject, keys: &[Key]) -> Call {
    let mut call = Call::new(subject);
    let mut payloads: Vec<Staged> = keys.iter().filter_map(|key| staging::open(subject.id(), *key)).collect();
    staging::sort(&mut payloads);
    let (lists, events): (Vec<Staged>, Vec<Staged>) = payloads.into_iter().partition(|payload| payload.is_list);
    lists::process(&mut call, subject, &lists);
    if !events.is_empty() {
        process_events(&mut call, subject, events);
    }
    call
}

fn process_events(call: &mut Call, subject: Subject, events: Vec<Staged>) {
    let began = Instant::now();
    let oldest_us = events.iter().map(|payload| payload.key.fetched_us).min().unwrap_or_default();
    let before = load::load(subject.id(), oldest_us);
    let (late, events): (Vec<Staged>, Vec<Staged>) = events.into_iter().partition(|payload| is_older(payload, &before));
    if let Some(oldest) = late.first() {
        let Err(gone) = redo::redo_from(call, subject, &before, oldest.key.fetched_us) else { return };
        for payload in &late {
            call.fail(payload.key, &Refusal::TooLate(gone));
        }
    }
    let mut now = before.state.clone();
    let polls: Vec<PollRows> = events.iter().filter_map(|payload| apply_staged(call, &mut now, payload)).collect();
    call.transform += began.elapsed();
    let began = Instant::now();
    call.written.add(write::write(subject.id(), &before, &now, &polls));
    call.write += began.elapsed();
}
