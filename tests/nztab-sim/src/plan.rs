//! What was planted, for tests to find.

use serde::Serialize;

use crate::clock::rfc3339;
use crate::race::Race;

/// Everything planted in a programme.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Plan {
    /// Late bets by insiders.
    pub insiders: Vec<PlannedInsider>,
    /// Scratchings.
    pub scratchings: Vec<PlannedScratching>,
    /// Delayed starts.
    pub delays: Vec<PlannedDelay>,
    /// Abandoned races.
    pub abandoned: Vec<PlannedAbandonment>,
}

/// A planted late bet on one runner.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedInsider {
    /// The race.
    pub race_id: String,
    /// The runner.
    pub entrant_id: String,
    /// The runner's number.
    pub runner_number: usize,
    /// Seconds from its beginning to the advertised start.
    pub from_seconds_to_start: i64,
    /// Seconds from its end to the advertised start.
    pub to_seconds_to_start: i64,
    /// When it begins, RFC 3339.
    pub from: String,
    /// When it ends, RFC 3339.
    pub to: String,
    /// Its share of the final win pool.
    pub share: f64,
    /// Its amount in the win pool, in cents.
    pub win_cents: i64,
}

/// A scratching.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "as they say")]
pub struct PlannedScratching {
    pub race_id: String,
    pub entrant_id: String,
    pub runner_number: usize,
    pub at: String,
    pub late: bool,
}

/// A delayed start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "as they say")]
pub struct PlannedDelay {
    pub race_id: String,
    pub announced_at: String,
    pub first_start: String,
    pub start: String,
}

/// An abandoned race.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "as they say")]
pub struct PlannedAbandonment {
    pub race_id: String,
    pub at: String,
}

impl Plan {
    /// Adds what was planted in a race.
    #[expect(clippy::cast_possible_truncation, reason = "cents of one race")]
    pub fn add(&mut self, race: &Race) {
        let (fate, race_id) = (&race.card.fate, race.card.id.as_str());
        if let (Some(insider), Some(plunge)) = (fate.insider, race.market.plunge()) {
            self.insiders.push(PlannedInsider {
                race_id: race_id.to_owned(),
                entrant_id: race.runners[plunge.runner].identity.entrant_id.clone(),
                runner_number: plunge.runner + 1,
                from_seconds_to_start: insider.from_s,
                to_seconds_to_start: insider.to_s,
                from: rfc3339(plunge.from),
                to: rfc3339(plunge.to),
                share: insider.share,
                win_cents: plunge.cents as i64,
            });
        }
        for (index, runner) in race.runners.iter().enumerate() {
            if let Some(at) = race.market.scratched_at(index) {
                self.scratchings.push(PlannedScratching {
                    race_id: race_id.to_owned(),
                    entrant_id: runner.identity.entrant_id.clone(),
                    runner_number: index + 1,
                    at: rfc3339(at),
                    late: at > fate.first_start - 3600,
                });
            }
        }
        if let Some(delay) = fate.delay {
            self.delays.push(PlannedDelay {
                race_id: race_id.to_owned(),
                announced_at: rfc3339(delay.announced_at),
                first_start: rfc3339(fate.first_start),
                start: rfc3339(delay.start),
            });
        }
        if let Some(at) = fate.abandoned_at {
            self.abandoned.push(PlannedAbandonment { race_id: race_id.to_owned(), at: rfc3339(at) });
        }
    }
}
