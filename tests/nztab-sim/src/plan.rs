//! What was planted, for tests to find.

use serde::Serialize;

use crate::betting::{Backed, Kind, Plunge, Tape};
use crate::clock::rfc3339;
use crate::race::Race;

/// Everything planted in a programme.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Plan {
    /// Late bets by insiders, one entry per runner that they back.
    pub insiders: Vec<PlannedInsider>,
    /// Races on which computer teams bet late.
    pub teams: Vec<String>,
    /// Scratchings.
    pub scratchings: Vec<PlannedScratching>,
    /// Delayed starts.
    pub delays: Vec<PlannedDelay>,
    /// Abandoned races.
    pub abandoned: Vec<PlannedAbandonment>,
}

/// Planted late bets on one runner.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedInsider {
    /// The race.
    pub race_id: String,
    /// The runner.
    pub entrant_id: String,
    /// The runner's number.
    pub runner_number: usize,
    /// How the bets are placed.
    pub kind: Kind,
    /// Seconds from their beginning to the advertised start.
    pub from_seconds_to_start: i64,
    /// Seconds from their end to the advertised start.
    pub to_seconds_to_start: i64,
    /// When they begin, RFC 3339.
    pub from: String,
    /// When they end, RFC 3339.
    pub to: String,
    /// Their share of the final win pool or, in exotics only, what their amount would be of it.
    pub share: f64,
    /// Their amount in the win pool, in cents.
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

impl PlannedInsider {
    #[expect(clippy::cast_possible_truncation, reason = "cents of one race")]
    fn new(race: &Race, plunge: &Plunge, backed: &Backed) -> Self {
        let start = race.card.fate.last_advertised_start();
        Self {
            race_id: race.card.id.clone(),
            entrant_id: race.runners[backed.runner].identity.entrant_id.clone(),
            runner_number: backed.runner + 1,
            kind: plunge.kind,
            from_seconds_to_start: start - plunge.from,
            to_seconds_to_start: start - plunge.to,
            from: rfc3339(plunge.from),
            to: rfc3339(plunge.to),
            share: backed.share,
            win_cents: plunge.win_cents().map_or(0, |_| backed.cents as i64),
        }
    }
}

impl Plan {
    /// Adds what was planted in a race.
    pub fn add(&mut self, race: &Race) {
        let (fate, race_id) = (&race.card.fate, race.card.id.as_str());
        if let Some(plunge) = race.market.plunge() {
            self.insiders.extend(plunge.backed.iter().map(|backed| PlannedInsider::new(race, plunge, backed)));
        }
        if race.market.tape().is_some_and(Tape::with_teams) {
            self.teams.push(race_id.to_owned());
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
