//! Fixtures that tests of one suite share.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A fixture that exists while any test holds it: the first test starts it, the last one to finish drops it.
///
/// It must not keep anything alive in a static: statics are never dropped, and the servers would outlive the suite.
#[derive(Debug)]
pub struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    /// A fixture that is not started yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The running fixture, started if no test holds it; other tests wait while it starts.
    pub fn get(&self, start: impl FnOnce() -> T) -> Arc<T> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let started = Arc::new(start());
        *shared = Arc::downgrade(&started);
        started
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixture_is_shared_while_held_and_started_again_afterwards() {
        let shared = Shared::new();
        let first = shared.get(|| 1);
        assert_eq!(*shared.get(|| 2), 1);
        drop(first);
        assert_eq!(*shared.get(|| 3), 3);
    }
}
