//! Settings of a simulator.

use chrono::{DateTime, Utc};

use crate::faults::Faults;
use crate::ids::ProgramId;

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
    /// Indent responses as the vendor does, which doubles their size.
    pub indent: bool,
    /// Reject requests without `From`, `X-Partner` and `X-Partner-ID` with 403.
    pub require_identification: bool,
    /// Give some races the features that only some real responses have, such as dead heats; see [`crate::quirks`].
    pub quirks: bool,
    /// Faults from the start.
    pub faults: Faults,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            now: Utc::now(),
            speed: 1.0,
            races_soon: false,
            indent: false,
            require_identification: false,
            quirks: false,
            faults: Faults::default(),
        }
    }
}

impl Config {
    /// The programme scheduled around `now`; `None` unless `races_soon` is set.
    #[must_use]
    pub fn soon_program(&self) -> Option<ProgramId> {
        let minute = u32::try_from(self.now.timestamp().div_euclid(60)).ok()?;
        self.races_soon.then_some(ProgramId::Soon(minute))
    }
}
