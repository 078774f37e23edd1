//! The runners that a response is about.

use std::collections::HashMap;

/// Entrant ids in order. There may be thousands: a client names those it wants.
#[derive(Clone)]
pub struct Runners<'a> {
    ids: Vec<&'a [u8]>,
    places: HashMap<&'a [u8], usize>,
    next: usize,
}

impl<'a> Runners<'a> {
    /// These ids.
    pub fn new(ids: impl Iterator<Item = &'a str>) -> Self {
        let ids: Vec<&[u8]> = ids.map(str::as_bytes).collect();
        let places = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        Self { ids, places, next: 0 }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.ids.len()
    }

    /// The place of a runner. It is mostly the one after the runner looked up last: every poll's rows list the runners in one order.
    pub fn place(&mut self, entrant_id: &[u8]) -> Option<usize> {
        let guess = self.ids.get(self.next).filter(|id| **id == entrant_id).map(|_| self.next);
        let place = guess.or_else(|| self.places.get(entrant_id).copied())?;
        self.next = if place + 1 < self.ids.len() { place + 1 } else { 0 };
        Some(place)
    }
}
