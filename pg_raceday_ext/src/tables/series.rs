//! A column with a value per row, for rows that are kept column by column.

use crate::value::{Hundredths, arg};
use pgrx::pg_sys::{self, Datum, Oid};

/// A column of the rows in `R`.
pub struct Series<R: 'static> {
    /// Its name in the table.
    pub name: &'static str,
    values: Values<R>,
}

enum Values<R> {
    Texts(fn(&R) -> Vec<&str>),
    Bigints(fn(&R) -> &[Option<i64>]),
    Hundredths(fn(&R) -> &[Option<i64>]),
    /// Like `Hundredths`, never NULL.
    Odds(fn(&R) -> &[i64]),
}

impl<R> Series<R> {
    /// A `text`.
    pub const fn texts(name: &'static str, get: fn(&R) -> Vec<&str>) -> Self {
        Self { name, values: Values::Texts(get) }
    }

    /// A `bigint`.
    pub const fn bigints(name: &'static str, get: fn(&R) -> &[Option<i64>]) -> Self {
        Self { name, values: Values::Bigints(get) }
    }

    /// A `numeric` with two decimals, from hundredths.
    pub const fn hundredths(name: &'static str, get: fn(&R) -> &[Option<i64>]) -> Self {
        Self { name, values: Values::Hundredths(get) }
    }

    /// A `numeric` with two decimals that is never NULL, from hundredths.
    pub const fn odds(name: &'static str, get: fn(&R) -> &[i64]) -> Self {
        Self { name, values: Values::Odds(get) }
    }

    /// The type of [`Self::array`].
    pub const fn array_type(&self) -> Oid {
        match self.values {
            Values::Texts(_) => pg_sys::TEXTARRAYOID,
            Values::Bigints(_) => pg_sys::INT8ARRAYOID,
            Values::Hundredths(_) | Values::Odds(_) => pg_sys::NUMERICARRAYOID,
        }
    }

    /// The values as an array.
    pub fn array(&self, rows: &R) -> Option<Datum> {
        match self.values {
            Values::Texts(get) => arg(get(rows)),
            Values::Bigints(get) => arg(get(rows).to_vec()),
            Values::Hundredths(get) => arg(get(rows).iter().map(|value| value.map(Hundredths)).collect::<Vec<_>>()),
            Values::Odds(get) => arg(get(rows).iter().map(|value| Some(Hundredths(*value))).collect::<Vec<_>>()),
        }
    }
}
