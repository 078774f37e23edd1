//! Pools on the winners of several races: each of them shows the same pool.

use crate::fate::Fate;
use crate::ids::{Key, Kind};
use crate::race::Race;
use crate::rng;

/// Seconds before the first leg from which its pool has money.
const OPENS_BEFORE_S: i64 = 48 * 3600;
/// The time constant of a pool's growth, in seconds.
const GROWTH_S: f64 = 3600.0;

/// A pool that spans races of a meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiLeg {
    /// The vendor's name of the product.
    pub product: &'static str,
    /// The race numbers.
    pub legs: Vec<u8>,
}

/// The multi-leg pools of a race, ordered by product and first leg. In Australia, running doubles overlap, so a race can be in
/// two of them.
#[must_use]
pub fn of_race(race: &Race) -> Vec<MultiLeg> {
    let numbers: Vec<u8> = race.meeting.races.iter().map(|card| card.number).collect();
    let of = |product: &'static str, legs: &[u8]| MultiLeg { product, legs: legs.to_vec() };
    let mut pools = Vec::new();
    if numbers.len() >= 4 {
        pools.push(of("EarlyQuadrella", &numbers[..4]));
        pools.push(of("Quadrella", &numbers[numbers.len() - 4..]));
    }
    pools.extend(numbers.get(1..).unwrap_or_default().chunks_exact(3).map(|legs| of("Treble", legs)));
    if race.meeting.country == "AUS" {
        pools.extend(numbers.windows(2).map(|legs| of("RunningDouble", legs)));
    } else {
        pools.extend(numbers.chunks_exact(2).map(|legs| of("RunningDouble", legs)));
    }
    pools.retain(|pool| pool.legs.contains(&race.card.number));
    pools
}

impl MultiLeg {
    /// The pool at a time, in cents; it is the same in every leg.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "at most about 2 million")]
    pub fn cents(&self, race: &Race, at: i64) -> i64 {
        let meeting = Key { race: 0, kind: Kind::Meeting, ..race.card.key }.number();
        let product = self.product.bytes().map(u64::from).sum();
        let Some(first) = self.fates(race).next() else { return 0 };
        let to_start = first.last_advertised_start() - at.min(first.betting_ends_at());
        if to_start > OPENS_BEFORE_S {
            return 0;
        }
        let unit = rng::unit(race.seed, &[meeting, product, u64::from(self.legs[0]), 61]);
        let dollars = (3.0 + 7.0 * unit).exp();
        (dollars * 100.0 * (-(to_start.max(0) as f64) / GROWTH_S).exp()).floor() as i64
    }

    /// Whether bets are taken at a time, that is, until the first leg starts.
    #[must_use]
    pub fn is_open(&self, race: &Race, at: i64) -> bool {
        self.fates(race).next().is_some_and(|first| at < first.betting_ends_at())
    }

    /// The number of legs with a result at a time.
    #[must_use]
    pub fn legs_run(&self, race: &Race, at: i64) -> usize {
        self.fates(race).filter(|fate| fate.abandoned_at.unwrap_or(fate.interim_at) <= at).count()
    }

    /// The numbers of the legs' winners; `None` if a leg is abandoned.
    #[must_use]
    pub fn winners(&self, race: &Race) -> Option<Vec<usize>> {
        let winner = |number: &u8| {
            let leg = Race::new(race.seed, &race.meeting, *number)?;
            leg.card.fate.abandoned_at.is_none().then(|| leg.finish.first().map(|runner| runner + 1)).flatten()
        };
        self.legs.iter().map(winner).collect()
    }

    fn fates<'a>(&'a self, race: &'a Race) -> impl Iterator<Item = &'a Fate> {
        let card = |number: &u8| race.meeting.races.iter().find(|card| card.number == *number);
        self.legs.iter().filter_map(card).map(|card| &card.fate)
    }
}
