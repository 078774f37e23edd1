//! What reading a poll noticed without failing, and the reading of values that may be unusable.

use crate::json::{Leaf, Lenient, Object, Objects};
use crate::{decimal, text, time};
use std::borrow::Cow;
use std::fmt::{self, Display};
use std::ops::RangeInclusive;

/// Longest id.
const ID_BYTES: usize = 100;
/// Bad values named in a report; the rest are only counted.
const EXAMPLES: usize = 5;

/// Bad values of a payload, and other findings that are not failures.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Values that could not be used; each one costs its own field or row.
    pub bad_values: u32,
    /// Where the first of them are.
    pub examples: Vec<String>,
    /// Hold of money-tracker ids that belong to no runner, in hundredths of a per cent.
    pub unmatched_hold: i64,
    /// Hold of all money-tracker rows, in hundredths of a per cent; `None` without a money tracker.
    pub hold_sum: Option<i64>,
    /// Increments below zero.
    pub negative_increments: u32,
    /// Whether the tote odds to win contradict those of earlier polls.
    pub contradictory_odds: bool,
}

impl Report {
    /// Counts a value that cannot be used.
    pub fn bad(&mut self, place: impl Display) {
        self.bad_values += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(place.to_string());
        }
    }

    /// One line for the payload's row; `None` if there is nothing to report.
    pub fn line(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.bad_values > 0 {
            let more = if self.bad_values as usize > self.examples.len() { ", ..." } else { "" };
            parts.push(format!("{} bad values: {}{more}", self.bad_values, self.examples.join(", ")));
        }
        if self.unmatched_hold != 0 {
            parts.push(format!("hold of unknown runners: {} %", decimal::format_hundredths(self.unmatched_hold)));
        }
        if self.negative_increments > 0 {
            parts.push(format!("{} negative increments", self.negative_increments));
        }
        if self.contradictory_odds {
            parts.push("tote odds contradict earlier ones".to_owned());
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Reads a leaf with `parse`. Null and absent give `None`; a value that `parse` rejects gives `None` and counts as bad.
    pub fn read<'a, T>(
        &mut self,
        leaf: Leaf<'a>,
        place: impl Display,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        let json = leaf?.get();
        if json == "null" {
            return None;
        }
        let value = parse(json);
        if value.is_none() {
            self.bad(place);
        }
        value
    }

    /// Text that a column can hold; `None` if it is empty.
    pub fn text<'a>(&mut self, leaf: Leaf<'a>, place: impl Display) -> Option<Cow<'a, str>> {
        self.read(leaf, place, text::parse).filter(|text| !text.is_empty())
    }

    /// An id that can be a key.
    pub fn id<'a>(&mut self, leaf: Leaf<'a>, place: impl Display) -> Option<Cow<'a, str>> {
        self.read(leaf, place, |json| {
            text::parse(json).filter(|id| !id.is_empty() && id.len() <= ID_BYTES && !id.chars().any(char::is_control))
        })
    }

    /// The id of a row, without which the row is unusable: an absent one counts as bad too.
    pub fn row_id<'a>(&mut self, leaf: Leaf<'a>, place: impl Display) -> Option<Cow<'a, str>> {
        if leaf.is_none() {
            self.bad(place);
            return None;
        }
        self.id(leaf, place)
    }

    /// A number in hundredths, from 0 to `most`.
    pub fn hundredths(&mut self, leaf: Leaf, place: impl Display, most: i64) -> Option<i64> {
        self.read(leaf, place, |json| decimal::hundredths(json).filter(|value| (0..=most).contains(value)))
    }

    /// A whole number within a range.
    pub fn integer(&mut self, leaf: Leaf, place: impl Display, range: RangeInclusive<i64>) -> Option<i64> {
        self.read(leaf, place, |json| decimal::integer(json).filter(|value| range.contains(value)))
    }

    /// A count that fits a four-byte integer.
    pub fn count(&mut self, leaf: Leaf, place: impl Display) -> Option<i64> {
        self.integer(leaf, place, 0..=i64::from(i32::MAX))
    }

    /// A time in Unix seconds, as microseconds; one too early for any race (0 stands for none) gives `None`.
    pub fn moment_us(&mut self, leaf: Leaf, place: impl Display) -> Option<i64> {
        let seconds = self.integer(leaf, place, 0..=*time::RACE_SECONDS.end())?;
        time::RACE_SECONDS.contains(&seconds).then_some(seconds * 1_000_000)
    }

    /// `true` or `false`, also as text.
    pub fn boolean(&mut self, leaf: Leaf, place: impl Display) -> Option<bool> {
        self.read(leaf, place, |json| match json {
            "true" | "\"true\"" => Some(true),
            "false" | "\"false\"" => Some(false),
            _ => None,
        })
    }

    /// Microseconds since 1970 of an RFC 3339 time; `None` if it is empty.
    pub fn instant_us(&mut self, leaf: Leaf, place: impl Display) -> Option<i64> {
        let text = self.text(leaf, &place)?;
        let instant_us = time::parse_us(&text);
        if instant_us.is_none() {
            self.bad(place);
        }
        instant_us
    }

    /// An object; `None` if it is null or absent.
    pub fn object<'r, T>(&mut self, object: &'r Object<T>, place: impl Display) -> Option<&'r T> {
        if matches!(object.0, Lenient::Bad) {
            self.bad(place);
        }
        object.good()
    }

    /// The usable rows of an array; `None` if there is no array.
    pub fn rows<T>(&mut self, objects: Objects<T>, array: &str) -> Option<Vec<T>> {
        match objects.0 {
            Lenient::Null => None,
            Lenient::Bad => {
                self.bad(array);
                None
            }
            Lenient::Good(rows) => Some(
                rows.into_iter()
                    .enumerate()
                    .filter_map(|(at, row)| match row {
                        Lenient::Good(row) => Some(row),
                        Lenient::Bad | Lenient::Null => {
                            self.bad(format_args!("{array}[{at}]"));
                            None
                        }
                    })
                    .collect(),
            ),
        }
    }
}

/// Where a value is: `array[at].field`. Formatted only if the value is bad.
#[derive(Clone, Copy)]
pub struct Place {
    pub array: &'static str,
    pub at: usize,
    pub field: &'static str,
}

impl Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}[{}].{}", self.array, self.at, self.field)
    }
}
