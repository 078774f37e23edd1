//! The fields of a JSON object that is written from a row: they produce the columns of the SELECT and the writing.

use super::json::Json;
use super::rows::Row;
use raceday_core::OddsKind;

/// A field, named like the column from which it is written.
pub struct Field {
    /// The column.
    pub column: &'static str,
    /// What is written before the value: a comma and the key.
    prefix: &'static str,
    kind: Kind,
}

/// How a column is read and written.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `integer` or `bigint`.
    Integer,
    /// `numeric` with two decimals.
    Hundredths,
    /// `text`.
    Text,
    /// `timestamptz`.
    Moment,
    /// `text` that holds an [`OddsKind`].
    Price,
}

impl Field {
    /// Used by [`field!`].
    pub const fn new(kind: Kind, column: &'static str, prefix: &'static str) -> Self {
        Self { column, prefix, kind }
    }
}

/// A field of a kind and a column.
macro_rules! field {
    ($kind:ident $column:literal) => {
        $crate::responses::fields::Field::new(
            $crate::responses::fields::Kind::$kind,
            $column,
            concat!(",\"", $column, "\":"),
        )
    };
}
pub(super) use field;

/// The columns of the fields, for a SELECT.
pub fn columns(fields: &[Field]) -> Vec<String> {
    fields.iter().map(|field| field.column.to_owned()).collect()
}

/// Where a column is among the fields. For constants: an unknown column does not compile.
pub const fn position(fields: &[Field], column: &str) -> usize {
    let mut at = 0;
    while !is_same(fields[at].column.as_bytes(), column.as_bytes()) {
        at += 1;
    }
    at
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// A value read from a row, to be written later.
#[derive(Debug, Clone, Copy)]
pub enum Value {
    Integer(Option<i64>),
    Hundredths(Option<i64>),
    Word(&'static str),
}

impl Field {
    /// Reads the row's column `at` to be written later. Texts and moments are not kept.
    pub fn read(&self, row: &Row, at: usize) -> Value {
        match self.kind {
            Kind::Hundredths => Value::Hundredths(row.hundredths(at)),
            Kind::Price => Value::Word(odds_kind(row.bytes(at))),
            Kind::Integer => Value::Integer(row.int(at)),
            Kind::Text | Kind::Moment => unreachable!("{} is not kept", self.column),
        }
    }
}

/// The kind of odds that a column holds; it has a check constraint.
fn odds_kind(stored: Option<&[u8]>) -> &'static str {
    let known = OddsKind::ALL.iter().find(|kind| stored == Some(kind.as_str().as_bytes()));
    known.unwrap_or(&OddsKind::PoolPlace).as_str()
}

impl Json {
    /// Appends the object of a row whose columns are those of the fields.
    pub fn object(&mut self, fields: &[Field], row: &Row) {
        let start = self.len();
        for (at, field) in fields.iter().enumerate() {
            self.raw(field.prefix);
            match field.kind {
                Kind::Integer => self.int(row.int(at)),
                Kind::Hundredths => self.hundredths(row.hundredths(at)),
                Kind::Text | Kind::Price => self.string(row.text(at)),
                Kind::Moment => self.moment(row.timestamp(at)),
            };
        }
        self.open_object(start).raw("}");
    }

    /// Appends an object of values read before, without its end.
    pub fn unended_object(&mut self, fields: &[Field], values: &[Value]) -> &mut Self {
        let start = self.len();
        for (field, value) in fields.iter().zip(values) {
            self.raw(field.prefix);
            match value {
                Value::Integer(value) => self.int(*value),
                Value::Hundredths(value) => self.hundredths(*value),
                Value::Word(word) => self.raw("\"").raw(word).raw("\""),
            };
        }
        self.open_object(start)
    }
}
