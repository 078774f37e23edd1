//! The age of data by the simulator's own record, not by what the fetcher or the database believes.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

/// Half of the time between two slots: a request that follows the previous one sooner belongs to no slot.
const HALF_SLOT: TimeDelta = TimeDelta::milliseconds(7500);

/// A response, as the simulator recorded it.
#[derive(Debug, Deserialize)]
pub struct Served {
    /// Who asked.
    pub partner_id: String,
    /// The race.
    pub race_id: String,
    /// The header's `generated_time`, which identifies a race's response.
    pub generated_time: String,
    /// When the simulator had the request.
    pub requested_at: DateTime<Utc>,
    /// When the state that it carried was taken.
    pub state_at: DateTime<Utc>,
}

/// A response, as the database stored it; all times are simulated.
#[derive(Debug)]
#[allow(missing_docs, reason = "as they say")]
pub struct Commit {
    pub race_id: String,
    pub generated_time: String,
    pub committed_at: DateTime<Utc>,
}

/// What a window brought, in seconds; each list is sorted.
#[derive(Debug, Default)]
pub struct Measured {
    /// Requests within the window.
    pub requests: usize,
    /// Requests within it that followed the race's previous one sooner than any slot does.
    pub extra: usize,
    /// Requests within it that got a state that was known already.
    pub nothing_new: usize,
    /// Age of the state in each response, when it was sent.
    pub fetched: Vec<f64>,
    /// Age of each new state when it was committed.
    pub committed: Vec<f64>,
    /// From each refresh of the source until its state, or a newer one, was committed.
    pub visible: Vec<f64>,
}

type Window = (DateTime<Utc>, DateTime<Utc>);

/// Measures one system: what it was served and what it committed, of each race with its refreshes. A refresh that was never
/// seen counts until `end`.
pub fn measure<'a>(
    served: &[Served],
    commits: &[Commit],
    races: impl Iterator<Item = (&'a String, &'a Vec<DateTime<Utc>>)>,
    window: Window,
    end: DateTime<Utc>,
) -> Measured {
    let mut measured = Measured::default();
    let within = |at: DateTime<Utc>| window.0 <= at && at < window.1;
    for (race_id, refreshes) in races {
        let mut states = HashMap::new();
        let (mut newest, mut previous) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MIN_UTC);
        for one in served.iter().filter(|one| one.race_id == *race_id) {
            states.insert(one.generated_time.as_str(), one.state_at);
            if within(one.requested_at) {
                measured.requests += 1;
                measured.extra += usize::from(one.requested_at - previous < HALF_SLOT);
                measured.nothing_new += usize::from(one.state_at <= newest);
                measured.fetched.push((one.requested_at - one.state_at).as_seconds_f64());
            }
            (newest, previous) = (newest.max(one.state_at), one.requested_at);
        }
        let seen = seen(commits.iter().filter(|commit| commit.race_id == *race_id), &states);
        let new = seen.iter().filter(|(_, committed_at)| within(*committed_at));
        measured.committed.extend(new.map(|(state, committed_at)| (*committed_at - *state).as_seconds_f64()));
        for refresh in refreshes.iter().filter(|refresh| within(**refresh)) {
            let first = seen.iter().find(|(state, _)| state >= refresh).map_or(end, |(_, committed_at)| *committed_at);
            measured.visible.push((first - *refresh).as_seconds_f64());
        }
    }
    for list in [&mut measured.fetched, &mut measured.committed, &mut measured.visible] {
        list.sort_by(f64::total_cmp);
    }
    measured
}

/// The states that were newer than all before, and when each was committed.
fn seen<'a>(
    commits: impl Iterator<Item = &'a Commit>,
    states: &HashMap<&str, DateTime<Utc>>,
) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let mut seen: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
    for commit in commits {
        let Some(state) = states.get(commit.generated_time.as_str()) else { continue };
        if seen.last().is_none_or(|(newest, _)| newest < state) {
            seen.push((*state, commit.committed_at));
        }
    }
    seen
}
