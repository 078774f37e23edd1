//! A calibration from finished races.

use super::calibration::{Band, Calibration, Kind, PROVISIONAL, RARITIES, band};
use super::evidence::Receipt;
use super::poll::{Poll, RaceKind};
use super::reading::{Reading, cents, hundredths};
use crate::meeting::Category;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a calibration is derived from: a finished race.
#[derive(Debug, Default, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct RaceFlows {
    pub country: Option<String>,
    pub category: Category,
    /// The win pool at the close.
    pub closing_cents: i64,
    flows: Flows,
}

/// The flows of a race's watch.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Flows {
    /// Runners, in the order in which they were first seen.
    runners: Vec<String>,
    /// In the win pool: the pool, and what each runner received, by its place in `runners`.
    win: Vec<(i64, Vec<(usize, Receipt)>)>,
    /// In the place pool, what [`phi`] is derived from.
    place_lumps: Vec<f64>,
}

impl RaceFlows {
    /// A race without flows yet.
    pub fn new(kind: RaceKind) -> Self {
        Self { country: kind.country.map(str::to_owned), category: kind.category, ..Self::default() }
    }

    /// Adds a poll and what it gave.
    pub fn push(&mut self, poll: &Poll, reading: &Reading) {
        if let Some(cents) = poll.win_cents.filter(|_| poll.is_open) {
            self.closing_cents = cents;
        }
        if let Some(flow) = reading.win.as_ref().filter(|flow| flow.in_watch) {
            let receipts = flow.runners.iter().map(|of| (self.flows.place(&of.entrant_id), Receipt::of(flow, of)));
            let receipts = receipts.collect();
            self.flows.win.push((flow.pool_cents, receipts));
        }
        if let Some(flow) = reading.place.as_ref().filter(|flow| flow.in_watch) {
            self.flows.place_lumps.extend(flow.runners.iter().filter_map(|of| Receipt::of(flow, of).lump()));
        }
    }

    /// Whether the race was not followed to its start: it then says nothing of how rare evidence is.
    pub const fn is_empty(&self) -> bool {
        self.flows.win.is_empty()
    }

    /// Its flows as bytes, for `signal_flows.flows`.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_extend(&self.flows, vec![LAYOUT]).expect("a vector takes every byte")
    }

    /// A race of a kind with flows from bytes; `None` if they are of another layout.
    pub fn from_bytes(kind: RaceKind, closing_cents: i64, bytes: &[u8]) -> Option<Self> {
        let (&LAYOUT, bytes) = bytes.split_first()? else { return None };
        Some(Self { closing_cents, flows: postcard::from_bytes(bytes).ok()?, ..Self::new(kind) })
    }

    /// The largest evidence of any runner, in hundredths of a nat, compared with races of these countries and categories.
    fn best(&self, calibration: &Calibration, country: Option<&str>, category: Option<Category>) -> i64 {
        let mut evidence = vec![0.0_f64; self.flows.runners.len()];
        let mut best = 0.0_f64;
        for (pool_cents, receipts) in &self.flows.win {
            let phi = calibration.kind_of(country, category, band(*pool_cents)).phi;
            for (runner, receipt) in receipts {
                // Bytes may name a runner that they lack.
                let Some(known) = evidence.get_mut(*runner) else { continue };
                *known = receipt.evidence(*known, phi);
                best = best.max(*known);
            }
        }
        hundredths(best)
    }

    fn win_lumps(&self) -> impl Iterator<Item = f64> {
        self.flows.win.iter().flat_map(|(_, receipts)| receipts.iter().filter_map(|(_, receipt)| receipt.lump()))
    }
}

impl Flows {
    /// A runner's place in `runners`.
    fn place(&mut self, entrant_id: &str) -> usize {
        self.runners.iter().position(|known| known == entrant_id).unwrap_or_else(|| {
            self.runners.push(entrant_id.to_owned());
            self.runners.len() - 1
        })
    }
}

/// Version of the layout of [`Flows`], its first byte.
const LAYOUT: u8 = 1;

/// Whose races a kind has: country, category by its letter, and band.
type Key<'a> = (Option<&'a str>, Option<&'static str>, Band);

/// Median over expectation of the square of a standard normal.
const MEDIAN_OF_SQUARE: f64 = 0.455;
/// No bets are smaller lumps than these, in cents.
const LEAST_PHI: i64 = 1000;

/// The calibration that these races give: each kind with its races, and the wider kinds that kinds with few races borrow from.
pub fn calibrate(races: &[RaceFlows]) -> Calibration {
    let mut groups: BTreeMap<Key, Vec<&RaceFlows>> = BTreeMap::new();
    for race in races {
        let (letter, band) = (race.category.letter(), band(race.closing_cents));
        let own = race.country.as_deref().map(|country| (Some(country), Some(letter), band));
        for key in own.into_iter().chain([(None, Some(letter), band), (None, None, band)]) {
            groups.entry(key).or_default().push(race);
        }
    }
    let kinds = groups.iter().map(|((country, letter, band), races)| Kind {
        country: country.map(str::to_owned),
        category: letter.and_then(Category::from_letter),
        band: *band,
        phi: phi(races.iter().flat_map(|race| race.win_lumps()).collect()),
        place_phi: phi(races.iter().flat_map(|race| race.flows.place_lumps.iter().copied()).collect()),
        races: i64::try_from(races.len()).unwrap_or(i64::MAX),
        thresholds: [None; 6],
    });
    let mut calibration = Calibration { kinds: kinds.collect(), ..Calibration::default() };
    // Evidence depends on φ, so it is computed with the φ that the coming races get.
    let thresholds: Vec<[Option<i64>; 6]> = groups
        .iter()
        .map(|((country, letter, _), races)| {
            let category = letter.and_then(Category::from_letter);
            thresholds(races.iter().map(|race| race.best(&calibration, *country, category)).collect())
        })
        .collect();
    for (kind, thresholds) in calibration.kinds.iter_mut().zip(thresholds) {
        kind.thresholds = thresholds;
    }
    calibration
}

/// The size of the lumps that explains how far runners' parts of flows lie from what was expected.
fn phi(mut lumps: Vec<f64>) -> i64 {
    lumps.sort_unstable_by(f64::total_cmp);
    match lumps.len() {
        0 => PROVISIONAL.phi,
        n => cents(f64::midpoint(lumps[(n - 1) / 2], lumps[n / 2]) / MEDIAN_OF_SQUARE).max(LEAST_PHI),
    }
}

/// By [`RARITIES`]: the k-th largest of the races' evidence, where k = floor((n + 1) / rarity).
fn thresholds(mut best: Vec<i64>) -> [Option<i64>; 6] {
    best.sort_unstable_by(|a, b| b.cmp(a));
    RARITIES.map(|rarity| {
        let rank = (best.len() + 1) / usize::try_from(rarity).ok()?;
        best.get(rank.checked_sub(1)?).copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rarity_needs_as_many_races_as_it_counts_less_one() {
        let of = |n: i64| thresholds((1..=n).collect());
        assert_eq!(of(18), [None; 6]);
        assert_eq!(of(19), [Some(19), None, None, None, None, None]);
        assert_eq!(of(199), [Some(190), Some(196), Some(198), Some(199), None, None]);
        assert_eq!(of(1000), [Some(951), Some(981), Some(991), Some(996), Some(999), Some(1000)]);
    }

    #[test]
    fn without_flows_lumps_are_provisional() {
        assert_eq!(phi(Vec::new()), PROVISIONAL.phi);
    }
}
