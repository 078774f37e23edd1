//! Settings of a simulator.

use chrono::{DateTime, Utc};

use crate::faults::Faults;
use crate::ids::ProgramId;

/// Settings of a simulator.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Everything random comes from it.
    pub seed: u64,
    /// Simulated time at the start.
    pub now: DateTime<Utc>,
    /// Simulated seconds in a real one.
    pub speed: f64,
    /// Lay the day's programme around `now`, so that races are about to start whatever the hour.
    pub races_soon: bool,
    /// Indent answers as the vendor does, which doubles their size.
    pub indent: bool,
    /// Reject requests without `From`, `X-Partner` and `X-Partner-ID` with 403.
    pub require_identification: bool,
    /// Misbehaviour from the start.
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
            faults: Faults::default(),
        }
    }
}

impl Config {
    /// The programme laid around `now`, when races are wanted soon.
    #[must_use]
    pub fn soon_program(&self) -> Option<ProgramId> {
        let minute = u32::try_from(self.now.timestamp().div_euclid(60)).ok()?;
        self.races_soon.then_some(ProgramId::Soon(minute))
    }
}
