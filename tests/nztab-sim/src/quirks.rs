//! Features of real responses that only some races have.

use rand::RngExt;

use crate::fate::Fate;
use crate::ids::Key;
use crate::rng;

/// The smallest and largest New Zealand events, in bytes.
const NZ_EVENT_BYTES: (f64, f64) = (150_000.0, 660_000.0);
/// The positions that two runners may share.
const DEAD_HEATS: [usize; 3] = [3, 4, 6];

/// The reason of a race's `protest` flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protest {
    /// A protest that changes nothing.
    Dismissed,
    /// A protest that makes the second the winner once the result is official.
    Upheld,
    /// Not a protest: two runners share this position.
    DeadHeat(usize),
}

impl Protest {
    /// The vendor's text.
    #[must_use]
    pub fn reason(self) -> String {
        match self {
            Self::Dismissed => {
                "Protest DISMISSED - 2nd v 1st, interference over the final 100 metres alleged".to_owned()
            }
            Self::Upheld => "Protest UPHELD - 2nd v 1st, interference over the final 100 metres alleged".to_owned(),
            Self::DeadHeat(3) => "Dead heat for 3rd".to_owned(),
            Self::DeadHeat(position) => format!("Dead heat for {position}th"),
        }
    }
}

/// A race's quirks, in addition to those that every such race has: a start time while it is open, multi-leg pools, an interim
/// result of four placings, bets that are placed one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent features")]
pub struct Quirks {
    /// Not in New Zealand: runners have few fields, no `is_late_scratched`, and keep their odds when scratched.
    pub abroad: bool,
    /// The pools are so small that some runners have no money on them, and therefore no odds.
    pub thin: bool,
    /// The place pool is abandoned once there is a result.
    pub place_pool_abandoned: bool,
    /// The position that two runners share.
    pub dead_heat: Option<usize>,
    /// The reason of the `protest` flag.
    pub protest: Option<Protest>,
    /// No one wins the quadrellas that end with this race.
    pub no_winner: bool,
    /// The first-four pool has a jackpot.
    pub jackpot: bool,
    /// Some names begin or end with spaces.
    pub padded: bool,
    /// The weather is empty.
    pub no_weather: bool,
    /// `derivatives` names runners of other races.
    pub derivatives: bool,
    /// The size of an event before its results, in bytes; 0 for the smallest.
    pub event_bytes: usize,
}

impl Quirks {
    /// Draws the quirks of a race.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between the bounds of NZ_EVENT_BYTES")]
    pub fn draw(seed: u64, key: Key, country: &str, field: u8, fate: &Fate) -> Self {
        let mut rng = rng::stream(seed, "quirks", key.number());
        let abroad = country != "NZ";
        let mut chance = |probability: f64| rng.random_bool(probability);
        let (thin, place_pool_abandoned) = (chance(0.12), chance(0.04));
        let (shared, flagged, upheld) = (chance(0.08), chance(0.5), chance(0.04));
        let (no_winner, jackpot) = (chance(0.4), chance(0.2));
        let (padded, no_weather, derivatives) = (chance(0.1), chance(0.08), chance(0.1));
        let position = DEAD_HEATS[rng.random_range(0..DEAD_HEATS.len())];
        // Up to two runners are scratched.
        let dead_heat = Some(position).filter(|position| shared && usize::from(field) > position + 2);
        let protest = match dead_heat {
            Some(position) if flagged => Some(Protest::DeadHeat(position)),
            None if upheld => Some(Protest::Upheld),
            _ => fate.protest,
        };
        let size: f64 = rng.random_range(0.0..1.0);
        let event_bytes = NZ_EVENT_BYTES.0 * (NZ_EVENT_BYTES.1 / NZ_EVENT_BYTES.0).powf(size);
        Self {
            abroad,
            thin: thin && abroad && fate.insider.is_none(),
            place_pool_abandoned,
            dead_heat,
            protest,
            no_winner,
            jackpot,
            padded,
            no_weather,
            derivatives,
            event_bytes: if abroad { 0 } else { event_bytes as usize },
        }
    }
}
