//! Payloads applied to a race's state.

use crate::call::{Call, Refusal};
use crate::load::Loaded;
use crate::staging::{self, Mark, Staged};
use raceday_core::{Outcome, PollRows, RaceState};

/// Whether a payload belongs before one that is already processed.
pub fn is_older(payload: &Staged, before: &Loaded) -> bool {
    before.state.progress.as_ref().is_some_and(|progress| {
        (payload.key.fetched_us, payload.hash) < (progress.processed_through_us, progress.payload_hash)
    })
}

/// Applies a staged payload to the state and marks it; `None` when it gives no rows.
pub fn apply_staged(call: &mut Call, state: &mut RaceState, payload: &Staged) -> Option<PollRows> {
    let (mark, poll) = apply(call, state, payload);
    if !mark.is_plain() {
        // Opening it already marked it processed.
        staging::mark(&call.race_id, payload.key, &mark);
    }
    poll
}

/// Applies a payload to the state; returns its mark, and its rows if it gives any.
pub fn apply(call: &mut Call, state: &mut RaceState, payload: &Staged) -> (Mark, Option<PollRows>) {
    let outcome = payload.text.ok_or(Refusal::NotText).and_then(|text| {
        state.apply(&call.race_id, text, payload.hash, payload.key.fetched_us).map_err(Refusal::Unusable)
    });
    match outcome {
        Ok(Outcome::Processed(poll)) => {
            call.processed += 1;
            let mut mark = Mark::processed();
            if let Some(report) = poll.report.line() {
                // Unknown runners and falling holds are everyday: reported to the caller, but not kept in the table.
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
        Err(refusal) => (call.refuse(&refusal), None),
    }
}
