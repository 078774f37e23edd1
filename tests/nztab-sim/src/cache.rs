//! A bounded cache that drops the oldest entry first.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// A cache of the newest `capacity` entries.
#[derive(Debug)]
pub struct Cache<K, V> {
    capacity: usize,
    entries: Mutex<(HashMap<K, V>, VecDeque<K>)>,
}

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    /// An empty cache.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, entries: Mutex::new((HashMap::new(), VecDeque::new())) }
    }

    /// The entry of a key, made if it is missing; `None` if it cannot be made.
    pub fn get_or_make(&self, key: &K, make: impl FnOnce() -> Option<V>) -> Option<V> {
        if let Some(value) = self.entries.lock().unwrap_or_else(PoisonError::into_inner).0.get(key) {
            return Some(value.clone());
        }
        // Made outside the lock: two callers may both make it, with the same result.
        let value = make()?;
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (map, order) = &mut *entries;
        if map.insert(key.clone(), value.clone()).is_none() {
            order.push_back(key.clone());
        }
        while order.len() > self.capacity {
            if let Some(oldest) = order.pop_front() {
                map.remove(&oldest);
            }
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::Cache;

    #[test]
    fn the_oldest_entry_is_dropped_first() {
        let cache = Cache::new(2);
        for key in 0..3 {
            assert_eq!(cache.get_or_make(&key, || Some(key * 10)), Some(key * 10));
        }
        assert_eq!(cache.get_or_make(&2, || None), Some(20), "kept");
        assert_eq!(cache.get_or_make(&0, || None), None, "dropped");
    }
}
