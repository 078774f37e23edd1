//! A column with a value per row, for rows that are kept column by column.

use crate::plan::Rows;
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

    /// How the column is selected, so that [`Self::holds`] can read it.
    pub fn selected(&self, alias: &str) -> String {
        match self.values {
            Values::Texts(_) | Values::Bigints(_) => format!("{alias}.{}", self.name),
            Values::Hundredths(_) | Values::Odds(_) => format!("({alias}.{} * 100)::int8", self.name),
        }
    }

    /// Whether a result's column, counted from 1, holds the value at a place of the rows.
    pub fn holds(&self, result: &Rows, at: (usize, i32), rows: &R, place: usize) -> bool {
        let (from, column) = at;
        match self.values {
            Values::Texts(get) => result.get::<String>(from, column).as_deref() == get(rows).get(place).copied(),
            Values::Bigints(get) | Values::Hundredths(get) => result.get(from, column) == get(rows)[place],
            Values::Odds(get) => result.get(from, column) == Some(get(rows)[place]),
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
