//! Settings of a simulator.

use chrono::{DateTime, Utc};

use crate::faults::Faults;
use crate::ids::ProgramId;
use crate::refresh::Refresh;

/// Settings of a simulator.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The seed of all random values.
    pub seed: u64,
    /// The simulated time at the start.
    pub now: DateTime<Utc>,
    /// Simulated seconds per real second.
    pub speed: f64,
    /// Schedule the day's races around `now`, so that races are about to start at any hour.
    pub races_soon: bool,
    /// Serve only races that all start at this time, instead of the day's.
    pub races_at: Option<DateTime<Utc>>,
    /// Indent responses as the vendor does, which doubles their size.
    pub indent: bool,
    /// Reject requests without `From`, `X-Partner` and `X-Partner-ID` with 403.
    pub require_identification: bool,
    /// Draw single bets, and give some races the features that only some real responses have, such as dead heats; see
    /// [`crate::quirks`].
    pub quirks: bool,
    /// Faults from the start.
    pub faults: Faults,
    /// How the source refreshes at the start.
    pub refresh: Refresh,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            now: Utc::now(),
            speed: 1.0,
            races_soon: false,
            races_at: None,
            indent: false,
            require_identification: false,
            quirks: false,
            faults: Faults::default(),
            refresh: Refresh::default(),
        }
    }
}

impl Config {
    /// The programme that replaces the day's; `None` unless `races_at` or `races_soon` is set.
    #[must_use]
    pub fn special_program(&self) -> Option<ProgramId> {
        let minute = |at: DateTime<Utc>| u32::try_from(at.timestamp().div_euclid(60)).ok();
        match self.races_at {
            Some(start) => minute(start).map(ProgramId::Together),
            None => minute(self.now).filter(|_| self.races_soon).map(ProgramId::Soon),
        }
    }
}
