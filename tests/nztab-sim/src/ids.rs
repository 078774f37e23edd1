//! UUIDs that encode what they identify, so that every id ever sent is recognised without a table.

use chrono::{Days, NaiveDate};

use crate::rng;

const BITS: u64 = (1 << 62) - 1;
const FIRST_FACTOR: u64 = 0x1e37_79b9_7f4a_7c15;
const SECOND_FACTOR: u64 = 0x2f58_476d_1ce4_e5b9;

/// The programme that a meeting belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProgramId {
    /// The ordinary programme of a New Zealand day.
    Day(NaiveDate),
    /// A programme scheduled around a time, in minutes since 1970.
    Soon(u32),
    /// A programme of one benchmark race; all have the same size.
    Bench(u32),
    /// A programme whose races all start at one time, in minutes since 1970.
    Together(u32),
}

/// What a UUID identifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A meeting.
    Meeting,
    /// A race.
    Race,
    /// A runner of a race.
    Runner,
    /// A money-tracker id that belongs to no runner.
    Stranger,
    /// A dividend.
    Dividend,
}

/// What a UUID encodes: the programme and the place within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The programme.
    pub program: ProgramId,
    /// The meeting's index within the programme.
    pub meeting: u8,
    /// The race number, from 1; 0 for a meeting.
    pub race: u8,
    /// The runner's number, or the index of a stranger or dividend; otherwise 0.
    pub item: u8,
    /// What the UUID identifies.
    pub kind: Kind,
}

impl Key {
    /// The key of a race.
    #[must_use]
    pub const fn race(program: ProgramId, meeting: u8, race: u8) -> Self {
        Self { program, meeting, race, item: 0, kind: Kind::Race }
    }

    /// The key of an item of this race.
    #[must_use]
    pub const fn of_race(self, kind: Kind, item: u8) -> Self {
        Self { item, kind, ..self }
    }

    /// The key as one number, which seeds random streams.
    #[must_use]
    pub fn number(self) -> u64 {
        let (tag, number) = match self.program {
            ProgramId::Day(date) => {
                (0, u64::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).unwrap_or(0))
            }
            ProgramId::Soon(minute) => (1, u64::from(minute)),
            ProgramId::Bench(index) => (2, u64::from(index)),
            ProgramId::Together(minute) => (3, u64::from(minute)),
        };
        let kind = self.kind as u64;
        let small = u64::from(self.meeting) << 20 | u64::from(self.race) << 12 | u64::from(self.item) << 4 | kind;
        tag << 60 | (number & 0xffff_ffff) << 28 | small
    }

    fn from_number(number: u64) -> Option<Self> {
        let date_or_index = u32::try_from(number >> 28 & 0xffff_ffff).ok()?;
        let program = match number >> 60 {
            0 => ProgramId::Day(NaiveDate::default().checked_add_days(Days::new(date_or_index.into()))?),
            1 => ProgramId::Soon(date_or_index),
            2 => ProgramId::Bench(date_or_index),
            3 => ProgramId::Together(date_or_index),
            _ => return None,
        };
        let kind = match number & 0xf {
            0 => Kind::Meeting,
            1 => Kind::Race,
            2 => Kind::Runner,
            3 => Kind::Stranger,
            4 => Kind::Dividend,
            _ => return None,
        };
        let byte = |shift: u32| u8::try_from(number >> shift & 0xff).ok();
        Some(Self { program, meeting: byte(20)?, race: byte(12)?, item: byte(4)?, kind })
    }

    /// The UUID of this key under a seed.
    #[must_use]
    pub fn uuid(self, seed: u64) -> String {
        let number = self.number();
        let high = rng::hash(seed, &[number]) & 0xffff_ffff_ffff_0fff | 0x4000;
        let low = scramble(number, seed) | 1 << 63;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }

    /// The key that a UUID encodes; `None` if the UUID is not of this seed.
    #[must_use]
    pub fn parse(uuid: &str, seed: u64) -> Option<Self> {
        if uuid.len() != 36 || !uuid.is_ascii() {
            return None;
        }
        let low = u64::from_str_radix(&uuid[19..].replace('-', ""), 16).ok()?;
        let key = Self::from_number(unscramble(low & BITS, seed))?;
        (key.uuid(seed) == uuid.to_ascii_lowercase()).then_some(key)
    }
}

/// Whether text has the form of a UUID.
#[must_use]
pub fn looks_like_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn scramble(number: u64, seed: u64) -> u64 {
    let mixed = (number ^ rng::hash(seed, &[7])) & BITS;
    let mixed = mixed.wrapping_mul(FIRST_FACTOR) & BITS;
    let mixed = mixed ^ mixed >> 31;
    mixed.wrapping_mul(SECOND_FACTOR) & BITS
}

fn unscramble(scrambled: u64, seed: u64) -> u64 {
    let mixed = scrambled.wrapping_mul(inverse(SECOND_FACTOR)) & BITS;
    // A shift by half the width is its own inverse.
    let mixed = mixed ^ mixed >> 31;
    let mixed = mixed.wrapping_mul(inverse(FIRST_FACTOR)) & BITS;
    (mixed ^ rng::hash(seed, &[7])) & BITS
}

/// The inverse of an odd number modulo 2^64, by Newton's iteration: each step doubles the correct bits.
const fn inverse(odd: u64) -> u64 {
    let mut result = odd;
    let mut step = 0;
    while step < 6 {
        result = result.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(result)));
        step += 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_uuid_decodes_to_its_key(seed: u64, index: u32, meeting: u8, race: u8, item: u8) {
            for program in [ProgramId::Soon(index), ProgramId::Bench(index), ProgramId::Together(index)] {
                let key = Key { program, meeting, race, item, kind: Kind::Runner };
                let uuid = key.uuid(seed);
                prop_assert!(looks_like_uuid(&uuid), "{uuid}");
                prop_assert_eq!(Key::parse(&uuid, seed), Some(key));
                prop_assert_eq!(Key::parse(&uuid, seed.wrapping_add(1)), None);
            }
        }
    }

    #[test]
    fn a_race_id_decodes_and_other_text_does_not() {
        let date = NaiveDate::from_ymd_opt(2025, 11, 23).unwrap();
        let key = Key::race(ProgramId::Day(date), 3, 7);
        assert_eq!(Key::parse(&key.uuid(42), 42), Some(key));
        for text in ["", "x", "00000000-0000-4000-8000-000000000000", "öööööööööööööööööö"] {
            assert_eq!(Key::parse(text, 42), None, "{text}");
        }
    }
}
