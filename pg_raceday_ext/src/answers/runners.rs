//! The runners that an answer is about.

/// Entrant ids in their order.
#[derive(Clone)]
pub struct Runners<'a> {
    ids: Vec<&'a [u8]>,
    last: usize,
}

impl<'a> Runners<'a> {
    /// These ids.
    pub fn new(ids: impl Iterator<Item = &'a str>) -> Self {
        Self { ids: ids.map(str::as_bytes).collect(), last: 0 }
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.ids.len()
    }

    /// The place of a runner, looked for from the one after the last on: a poll's rows list the runners in one order.
    pub fn place(&mut self, entrant_id: &[u8]) -> Option<usize> {
        let count = self.ids.len();
        let mut places = (1..=count).map(|step| (self.last + step) % count);
        let place = places.find(|place| self.ids[*place] == entrant_id)?;
        self.last = place;
        Some(place)
    }
}
