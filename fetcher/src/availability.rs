//! Whether the database is available, as last seen by the schedule.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the database responded when last asked; shared with the workers, so that none of them waits for an outage to end.
#[derive(Debug, Default)]
pub struct Availability {
    unavailable: AtomicBool,
    seen: AtomicBool,
}

impl Availability {
    /// Whether the database is unavailable.
    pub fn is_unavailable(&self) -> bool {
        self.unavailable.load(Ordering::Relaxed)
    }

    /// Whether the database has responded at least once and is available.
    pub fn is_ready(&self) -> bool {
        self.seen.load(Ordering::Relaxed) && !self.is_unavailable()
    }

    /// Records a response; returns whether it ends an outage.
    pub fn responded(&self) -> bool {
        self.seen.store(true, Ordering::Relaxed);
        self.unavailable.swap(false, Ordering::Relaxed)
    }

    /// Records a failure; returns whether it begins an outage.
    pub fn failed(&self) -> bool {
        !self.unavailable.swap(true, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_begins_and_ends_once() {
        let database = Availability::default();
        assert!(!database.is_ready() && !database.is_unavailable(), "nothing is known yet");
        assert!(!database.responded() && database.is_ready());
        assert!(database.failed() && !database.failed() && database.is_unavailable());
        assert!(database.responded() && !database.responded() && database.is_ready());
    }
}
