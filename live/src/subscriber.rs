//! Whom a change wakes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// A client: which of its races have more for it. Whatever happens while it cannot be written to, this does not grow.
#[derive(Debug, Default)]
pub struct Subscriber {
    pending: Mutex<BTreeSet<usize>>,
    woken: Notify,
}

impl Subscriber {
    /// A client of this many races, all of which have something for it.
    pub fn of(races: usize) -> Arc<Self> {
        Arc::new(Self { pending: Mutex::new((0..races).collect()), woken: Notify::new() })
    }

    /// Records that one of its races has more for it.
    pub fn wake(&self, race: usize) {
        if self.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(race) {
            self.woken.notify_one();
        }
    }

    /// Waits until one of its races has more for it, and returns which.
    pub async fn next(&self) -> usize {
        loop {
            let next = self.pending.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
            if let Some(race) = next {
                return race;
            }
            self.woken.notified().await;
        }
    }
}

/// The subscribers of a race.
#[derive(Debug, Default)]
pub struct Subscribers(Mutex<Registered>);

#[derive(Debug, Default)]
struct Registered {
    next: u64,
    all: HashMap<u64, (Arc<Subscriber>, usize)>,
}

impl Subscribers {
    /// Adds a subscriber, which knows the race by this number; returns what [`remove`](Self::remove) takes.
    pub fn add(&self, subscriber: &Arc<Subscriber>, race: usize) -> u64 {
        let mut registered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        registered.next += 1;
        let key = registered.next;
        registered.all.insert(key, (subscriber.clone(), race));
        key
    }

    /// Removes a subscriber.
    pub fn remove(&self, key: u64) {
        let mut registered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        registered.all.remove(&key);
        // The memory of a crowd that has left.
        if registered.all.len() < registered.all.capacity() / 4 {
            registered.all.shrink_to_fit();
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all.is_empty()
    }

    /// Wakes all of them.
    pub fn wake(&self) {
        let registered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (subscriber, race) in registered.all.values() {
            subscriber.wake(*race);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_race_that_changes_often_is_pending_once() {
        let (subscribers, one) = (Subscribers::default(), Subscriber::of(2));
        let key = subscribers.add(&one, 1);
        assert_eq!((one.next().await, one.next().await), (0, 1), "at first, everything is pending");
        for _ in 0..1000 {
            subscribers.wake();
        }
        assert_eq!(one.next().await, 1);
        assert!(one.pending.lock().unwrap().is_empty());
        subscribers.remove(key);
        assert!(subscribers.is_empty());
    }
}
