//! UUIDs that carry, unreadably, what they name: any id the simulator ever gave out can be found again without a table.

use chrono::{Days, NaiveDate};

use crate::rng;

const BITS: u64 = (1 << 62) - 1;
const FIRST_FACTOR: u64 = 0x1e37_79b9_7f4a_7c15;
const SECOND_FACTOR: u64 = 0x2f58_476d_1ce4_e5b9;

/// Which programme of races a meeting belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProgramId {
    /// The ordinary programme of a New Zealand day.
    Day(NaiveDate),
    /// A programme laid around a moment, in whole minutes since 1970.
    Soon(u32),
    /// One of any number of races for benches, all alike in size.
    Bench(u32),
}

/// What a UUID names.
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

/// The place of a meeting, race, runner, ... in the simulator's world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The programme.
    pub program: ProgramId,
    /// Index of the meeting within the programme.
    pub meeting: u8,
    /// Race number, from 1; 0 for a meeting.
    pub race: u8,
    /// Runner number, or the index of a stranger or dividend; else 0.
    pub item: u8,
    /// What it is.
    pub kind: Kind,
}

impl Key {
    /// The key of a race.
    #[must_use]
    pub const fn race(program: ProgramId, meeting: u8, race: u8) -> Self {
        Self { program, meeting, race, item: 0, kind: Kind::Race }
    }

    /// The key of something that belongs to this race.
    #[must_use]
    pub const fn of_race(self, kind: Kind, item: u8) -> Self {
        Self { item, kind, ..self }
    }

    /// The key as one number, for seeding random streams.
    #[must_use]
    pub fn number(self) -> u64 {
        let (tag, number) = match self.program {
            ProgramId::Day(date) => {
                (0, u64::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).unwrap_or(0))
            }
            ProgramId::Soon(minute) => (1, u64::from(minute)),
            ProgramId::Bench(index) => (2, u64::from(index)),
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

    /// The key a UUID was made from; `None` when it is not one of this seed.
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

/// Whether a text has the form of a UUID.
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
    // A shift by half the width undoes itself.
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
        fn a_uuid_gives_its_key_back(seed: u64, index: u32, meeting: u8, race: u8, item: u8) {
            for program in [ProgramId::Soon(index), ProgramId::Bench(index)] {
                let key = Key { program, meeting, race, item, kind: Kind::Runner };
                let uuid = key.uuid(seed);
                prop_assert!(looks_like_uuid(&uuid), "{uuid}");
                prop_assert_eq!(Key::parse(&uuid, seed), Some(key));
                prop_assert_eq!(Key::parse(&uuid, seed.wrapping_add(1)), None);
            }
        }
    }

    #[test]
    fn a_days_race_is_found_again_and_other_texts_are_not() {
        let date = NaiveDate::from_ymd_opt(2025, 11, 23).unwrap();
        let key = Key::race(ProgramId::Day(date), 3, 7);
        assert_eq!(Key::parse(&key.uuid(42), 42), Some(key));
        for text in ["", "x", "00000000-0000-4000-8000-000000000000", "öööööööööööööööööö"] {
            assert_eq!(Key::parse(text, 42), None, "{text}");
        }
    }
}
