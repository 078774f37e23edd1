//! A watch as bytes, for `race_progress.watch`. A poll is applied to what the one before left, so nothing is read back.

use super::watch::{Race, Runner, Watch};
use serde::{Deserialize, Serialize};

/// Version of the layout, its first byte.
const LAYOUT: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Stored<R> {
    race: Race,
    /// In step with the race's entrant ids.
    runners: Vec<Option<R>>,
}

impl Watch {
    /// As bytes, given the race's entrant ids.
    pub fn to_bytes<'a>(&self, entrant_ids: impl Iterator<Item = &'a str>) -> Vec<u8> {
        let runners: Vec<Option<&Runner>> = entrant_ids.map(|id| self.runners.get(id)).collect();
        let stored = Stored { race: self.race.clone(), runners };
        postcard::to_extend(&stored, vec![LAYOUT]).expect("a vector takes every byte")
    }

    /// From bytes, given the same entrant ids; `None` if they are of another layout.
    pub fn from_bytes<'a>(bytes: &[u8], entrant_ids: impl Iterator<Item = &'a str>) -> Option<Self> {
        let (&LAYOUT, bytes) = bytes.split_first()? else { return None };
        let stored: Stored<Runner> = postcard::from_bytes(bytes).ok()?;
        let runners = entrant_ids.zip(stored.runners).filter_map(|(id, runner)| Some((id.to_owned(), runner?)));
        Some(Self { race: stored.race, runners: runners.collect() })
    }
}
