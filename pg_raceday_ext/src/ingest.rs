//! A payload staged and processed in one step. The latest poll of a race takes the fast path: no queue, no partition lookup. See
//! docs/decisions/queue-and-ingest.md.

use crate::apply::{apply, is_older};
use crate::call::Call;
use crate::staging::{Incoming, Mark, Staged};
use crate::tables::race_progress::{self, Newest};
use crate::{guard, load, process, write};
use pgrx::prelude::*;
use std::time::Instant;

/// Stages a payload for a later call; whether it was not staged yet.
pub fn stage(incoming: &Incoming) -> bool {
    Spi::connect(|_| incoming.stage())
}

/// Stages a payload and processes all pending ones of its race. Errors while processing are caught; errors while staging are not.
pub fn ingest(incoming: &Incoming) -> Call {
    guard::lock(incoming.subject.id());
    if incoming.is_event()
        && let Ok(Some(call)) = guard::attempt(|| process_newest(incoming))
    {
        return call;
    }
    stage(incoming);
    process::process_locked(incoming.subject)
}

/// Processes a payload and stages it with its mark. Does nothing and returns `None` when it is not the newest of its race, or
/// others of the race are pending.
fn process_newest(incoming: &Incoming) -> Option<Call> {
    let race_id = incoming.subject.id();
    let mut call = Call::new(incoming.subject);
    let began = Instant::now();
    let payload = incoming.as_staged();
    let newest = race_progress::load_newest(race_id);
    if newest.has_pending {
        return None;
    }
    if is_repeated(&payload, &newest) {
        // Nothing to read, and nothing to write but its arrival.
        call.processed = 1;
        call.transform = began.elapsed();
        incoming.insert(&Mark::unchanged());
        race_progress::note_repeated(race_id, payload.key.fetched_us);
        return Some(call);
    }
    let before = load::load(race_id, payload.key.fetched_us);
    if is_older(&payload, &before) {
        return None;
    }
    let mut now = before.state.clone();
    let (mark, poll) = apply(&mut call, &mut now, &payload);
    call.transform = began.elapsed();
    let began = Instant::now();
    call.written = write::write(race_id, &before, &now, poll.as_slice());
    incoming.insert(&mark);
    call.write = began.elapsed();
    Some(call)
}

/// Whether a payload repeats the newest processed one, and was fetched no earlier.
fn is_repeated(payload: &Staged, newest: &Newest) -> bool {
    newest.progress.as_ref().is_some_and(|newest| {
        newest.is_repeated_by(payload.hash, payload.key.fetched_us)
            && payload.key.fetched_us >= newest.processed_through_us
    })
}
