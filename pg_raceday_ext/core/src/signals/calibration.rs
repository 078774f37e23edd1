//! How rare evidence is among races of a kind: what a version of `signal_calibrations` holds, and how it is looked up.

use super::poll::RaceKind;
use crate::meeting::Category;

/// What pool a race has: races of about the same size are compared.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Band {
    /// Less than $7,500.
    #[default]
    Small,
    /// Less than $30,000.
    Medium,
    /// More.
    Large,
}

impl Band {
    /// As stored in `signal_calibrations.band`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    /// From the stored word; an unknown one is the largest.
    pub fn from_stored(word: &str) -> Self {
        match word {
            "small" => Self::Small,
            "medium" => Self::Medium,
            _ => Self::Large,
        }
    }
}

/// The band of a win pool.
pub const fn band(pool_cents: i64) -> Band {
    if pool_cents < 750_000 {
        Band::Small
    } else if pool_cents < 3_000_000 {
        Band::Medium
    } else {
        Band::Large
    }
}

/// Rarities that a calibration knows the evidence of: 1 race in so many.
pub const RARITIES: [i64; 6] = [20, 50, 100, 200, 500, 1000];

/// Races that a kind needs; with fewer, it borrows from a wider one.
const ENOUGH_RACES: i64 = 199;

/// What a calibration knows of a kind of races.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// `None` for all countries.
    pub country: Option<String>,
    /// `None` for both.
    pub category: Option<Category>,
    /// The pool at the close; while a race runs, its pool at the moment.
    pub band: Band,
    /// φ: the size in cents of the lumps in which win bets come.
    pub phi: i64,
    /// The same of place bets.
    pub place_phi: i64,
    /// n: from how many races this was derived.
    pub races: i64,
    /// By [`RARITIES`]: the evidence that 1 race in so many reaches, in hundredths of a nat; `None` with too few races.
    pub thresholds: [Option<i64>; 6],
}

/// Until enough races of a kind are known.
pub(super) const PROVISIONAL: Kind = Kind {
    country: None,
    category: None,
    band: Band::Small,
    phi: 13_500,
    place_phi: 13_500,
    races: 0,
    thresholds: [Some(400), None, None, Some(550), None, None],
};

impl Kind {
    /// Whether too few races were known.
    pub const fn is_provisional(&self) -> bool {
        self.races < ENOUGH_RACES
    }

    /// Whether evidence, in hundredths of a nat, reaches a level.
    pub(super) fn reaches(&self, level: i64, evidence: i64) -> bool {
        self.rarities(evidence).any(|rarity| rarity >= level)
    }

    /// The largest rarity that evidence reaches; 0 if none.
    pub(super) fn rarity(&self, evidence: i64) -> i64 {
        self.rarities(evidence).max().unwrap_or(0)
    }

    fn rarities(&self, evidence: i64) -> impl Iterator<Item = i64> {
        // Where most races have no evidence at all, none is not rare.
        let is_reached = move |threshold: &Option<i64>| threshold.is_some_and(|of| evidence > 0 && evidence >= of);
        RARITIES.into_iter().zip(self.thresholds).filter(move |(_, of)| is_reached(of)).map(|(rarity, _)| rarity)
    }
}

/// A version of the calibration: every kind that it knows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Calibration {
    /// `None` before it is stored.
    pub version: Option<i64>,
    /// In force from then on.
    pub effective_us: i64,
    /// Single countries, all countries, and both categories.
    pub kinds: Vec<Kind>,
}

impl Calibration {
    /// The kind that a race with this pool is compared with: its own, or with too few races the same category and band of all
    /// countries, then the band; failing those, a provisional one.
    pub fn kind(&self, race: RaceKind, pool_cents: i64) -> &Kind {
        self.kind_of(race.country, Some(race.category), band(pool_cents))
    }

    /// Like [`Self::kind`], beginning with all countries or both categories where these are `None`.
    pub(super) fn kind_of(&self, country: Option<&str>, category: Option<Category>, band: Band) -> &Kind {
        let find = |country: Option<&str>, category: Option<Category>| {
            self.kinds.iter().find(|kind| {
                kind.band == band
                    && kind.category == category
                    && kind.country.as_deref() == country
                    && !kind.is_provisional()
            })
        };
        find(country, category)
            .or_else(|| find(None, category))
            .or_else(|| find(None, None))
            .unwrap_or(const { &PROVISIONAL })
    }
}

/// Versions of the calibration, in the order in which they came into force.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Calibrations(Vec<Calibration>);

impl Calibrations {
    /// In any order.
    pub fn new(mut versions: Vec<Calibration>) -> Self {
        versions.sort_by_key(|version| (version.effective_us, version.version));
        Self(versions)
    }

    /// The version in force at a moment.
    pub fn in_force(&self, moment_us: i64) -> &Calibration {
        static NONE: Calibration = Calibration { version: None, effective_us: i64::MIN, kinds: Vec::new() };
        self.0.iter().rfind(|version| version.effective_us <= moment_us).unwrap_or(&NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(country: Option<&str>, category: Option<Category>, races: i64) -> Kind {
        Kind { country: country.map(str::to_owned), category, band: Band::Medium, races, ..PROVISIONAL }
    }

    #[test]
    fn a_kind_with_few_races_borrows_from_a_wider_one() {
        use Category::{Harness, Thoroughbred};
        let kinds = vec![
            kind(Some("NZ"), Some(Thoroughbred), 199),
            kind(Some("AUS"), Some(Thoroughbred), 198),
            kind(None, Some(Thoroughbred), 397),
            kind(Some("NZ"), Some(Harness), 3),
            kind(None, Some(Harness), 3),
            kind(None, None, 400),
        ];
        let calibration = Calibration { kinds, ..Calibration::default() };
        let races = |country, category, cents| calibration.kind(RaceKind { country, category }, cents).races;
        assert_eq!(races(Some("NZ"), Thoroughbred, 1_000_000), 199);
        assert_eq!(races(Some("AUS"), Thoroughbred, 1_000_000), 397);
        assert_eq!(races(None, Thoroughbred, 1_000_000), 397);
        assert_eq!(races(Some("NZ"), Harness, 2_999_999), 400);
        assert_eq!(races(Some("NZ"), Thoroughbred, 749_999), 0);
        assert_eq!(races(Some("NZ"), Thoroughbred, 3_000_000), 0);
    }

    #[test]
    fn the_provisional_kind_knows_two_levels() {
        let kind = &PROVISIONAL;
        assert!(kind.is_provisional());
        assert_eq!([399, 400, 549, 550, 9_999].map(|evidence| kind.rarity(evidence)), [0, 20, 20, 200, 200]);
    }

    #[test]
    fn a_version_is_in_force_from_its_moment_on() {
        let version = |version, effective_us| Calibration { version: Some(version), effective_us, kinds: Vec::new() };
        let versions = Calibrations::new(vec![version(2, 20), version(1, 10)]);
        assert_eq!(
            [9, 10, 19, 20, 99].map(|at| versions.in_force(at).version),
            [None, Some(1), Some(1), Some(2), Some(2)]
        );
    }
}
