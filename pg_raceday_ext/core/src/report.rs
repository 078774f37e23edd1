//! What a poll's reading noticed without failing, and the reading of leaves that may notice something.

use crate::decimal;
use crate::json::Leaf;
use std::borrow::Cow;
use std::fmt::Display;

/// Longest text a column gets; ids are shorter still.
const TEXT_CHARS: usize = 1000;
const ID_BYTES: usize = 100;
/// Bad values named in a report; the rest are counted.
const EXAMPLES: usize = 5;

/// Bad values of a payload, and other things worth knowing that are no failure.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Values that could not be used; each cost its own field or row.
    pub bad_values: u32,
    /// Where the first of them stand.
    pub examples: Vec<String>,
    /// Hold of money-tracker ids that belong to no runner, in hundredths of a per cent.
    pub unmatched_hold: i64,
    /// Hold of all money-tracker rows, in hundredths of a per cent; `None` without a money tracker.
    pub hold_sum: Option<i64>,
    /// Increments below zero.
    pub negative_increments: u32,
}

impl Report {
    /// Counts a value that cannot be used.
    pub fn bad(&mut self, place: impl Display) {
        self.bad_values += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(place.to_string());
        }
    }

    /// One line for the payload's row; `None` when there is nothing to say.
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
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Reads a leaf by `parse`; null and absent give `None`, what `parse` refuses is counted as bad.
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

    /// Text that a column can hold; empty text is none.
    pub fn text<'a>(&mut self, leaf: Leaf<'a>, place: impl Display) -> Option<Cow<'a, str>> {
        self.read(leaf, place, text).filter(|text| !text.is_empty())
    }

    /// An id that can be a key.
    pub fn id<'a>(&mut self, leaf: Leaf<'a>, place: impl Display) -> Option<Cow<'a, str>> {
        self.read(leaf, place, |json| {
            text(json).filter(|id| !id.is_empty() && id.len() <= ID_BYTES && !id.chars().any(char::is_control))
        })
    }

    /// A number in hundredths, from 0 to `most`.
    pub fn hundredths(&mut self, leaf: Leaf, place: impl Display, most: i64) -> Option<i64> {
        self.read(leaf, place, |json| decimal::hundredths(json).filter(|value| (0..=most).contains(value)))
    }

    /// A whole number within a range.
    pub fn integer(&mut self, leaf: Leaf, place: impl Display, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        self.read(leaf, place, |json| decimal::integer(json).filter(|value| range.contains(value)))
    }

    /// A truth value.
    pub fn boolean(&mut self, leaf: Leaf, place: impl Display) -> Option<bool> {
        self.read(leaf, place, |json| match json {
            "true" | "\"true\"" => Some(true),
            "false" | "\"false\"" => Some(false),
            _ => None,
        })
    }
}

/// A JSON string that PostgreSQL can hold as text, trimmed.
pub fn text(json: &str) -> Option<Cow<'_, str>> {
    #[derive(serde::Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let Text(text) = serde_json::from_str(json).ok()?;
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    (!text.contains('\0') && (text.len() <= TEXT_CHARS || text.chars().count() <= TEXT_CHARS)).then_some(text)
}
