//! A column as data: its name, its type, how a row gives its value and how it is set when loaded.

use crate::plan::Rows;
use crate::value::{Hundredths, Moment, arg};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::{self, Datum, Oid};

/// A column of a table whose rows are `R`.
pub struct Column<R: 'static> {
    /// Its name in the table.
    pub name: &'static str,
    kind: Kind,
    value: Value<R>,
    inserted: &'static str,
    on_conflict: Option<&'static str>,
}

/// A column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// `date`, as text in both directions.
    Date,
    /// `jsonb`, as text in both directions.
    Json,
    /// `int4`, as `int8` in both directions.
    Integer,
    Bigint,
    /// `numeric` with two decimals; hundredths in the row.
    Hundredths,
    /// `timestamptz`; microseconds since 1970 in the row.
    Moment,
    Flag,
}

/// Getter and setter.
enum Value<R> {
    Text(fn(&R) -> Option<&str>, fn(&mut R, Option<String>)),
    Number(fn(&R) -> Option<i64>, fn(&mut R, Option<i64>)),
    Flag(fn(&R) -> bool, fn(&mut R, bool)),
}

/// On conflict, the new value.
pub const REPLACE: &str = "{new}";
/// On conflict, the new value if there is one: what a poll omits stays known.
pub const KEEP: &str = "coalesce({new}, {old})";

/// The setter of a column that is only written.
pub fn not_loaded<R, T>(_: &mut R, _: T) {}

impl<R> Column<R> {
    /// A `text`.
    pub const fn text(name: &'static str, get: fn(&R) -> Option<&str>, set: fn(&mut R, Option<String>)) -> Self {
        Self::of(name, Kind::Text, Value::Text(get, set))
    }

    /// A `date`, as text.
    pub const fn date(name: &'static str, get: fn(&R) -> Option<&str>, set: fn(&mut R, Option<String>)) -> Self {
        Self::of(name, Kind::Date, Value::Text(get, set))
    }

    /// A `jsonb`, as text.
    pub const fn json(name: &'static str, get: fn(&R) -> Option<&str>, set: fn(&mut R, Option<String>)) -> Self {
        Self::of(name, Kind::Json, Value::Text(get, set))
    }

    /// An `integer`.
    pub const fn integer(name: &'static str, get: fn(&R) -> Option<i64>, set: fn(&mut R, Option<i64>)) -> Self {
        Self::of(name, Kind::Integer, Value::Number(get, set))
    }

    /// A `bigint`.
    pub const fn bigint(name: &'static str, get: fn(&R) -> Option<i64>, set: fn(&mut R, Option<i64>)) -> Self {
        Self::of(name, Kind::Bigint, Value::Number(get, set))
    }

    /// A `numeric` with two decimals, from and to hundredths.
    pub const fn hundredths(name: &'static str, get: fn(&R) -> Option<i64>, set: fn(&mut R, Option<i64>)) -> Self {
        Self::of(name, Kind::Hundredths, Value::Number(get, set))
    }

    /// A `timestamptz`, from and to microseconds since 1970.
    pub const fn moment(name: &'static str, get: fn(&R) -> Option<i64>, set: fn(&mut R, Option<i64>)) -> Self {
        Self::of(name, Kind::Moment, Value::Number(get, set))
    }

    /// A `boolean` that is never NULL.
    pub const fn flag(name: &'static str, get: fn(&R) -> bool, set: fn(&mut R, bool)) -> Self {
        Self::of(name, Kind::Flag, Value::Flag(get, set))
    }

    const fn of(name: &'static str, kind: Kind, value: Value<R>) -> Self {
        Self { name, kind, value, inserted: "{value}", on_conflict: Some(REPLACE) }
    }

    /// With this SQL on conflict: `{new}` is the row's value, `{old}` the table's, `{value}` the argument.
    pub const fn on_conflict(self, sql: &'static str) -> Self {
        Self { on_conflict: Some(sql), ..self }
    }

    /// Left as it is on conflict.
    pub const fn insert_only(self) -> Self {
        Self { on_conflict: None, ..self }
    }

    /// With this SQL as the value inserted: `{value}` is the argument.
    pub const fn inserted(self, sql: &'static str) -> Self {
        Self { inserted: sql, ..self }
    }

    /// How the column is selected, so that [`Self::load`] can read it.
    pub fn selected(&self, alias: &str) -> String {
        let name = format!("{alias}.{}", self.name);
        match self.kind {
            Kind::Integer => format!("{name}::int8"),
            Kind::Hundredths => format!("({name} * 100)::int8"),
            Kind::Date | Kind::Json => format!("{name}::text"),
            Kind::Text | Kind::Bigint | Kind::Moment | Kind::Flag => name,
        }
    }

    /// What is inserted, where `source` is the argument or an element of it.
    pub fn insert_sql(&self, source: &str) -> String {
        self.inserted.replace("{value}", &self.cast(source))
    }

    /// What it becomes on conflict in the table known as `alias`; `None` if it is left alone.
    pub fn conflict_sql(&self, alias: &str, source: &str) -> Option<String> {
        let (new, old) = (format!("excluded.{}", self.name), format!("{alias}.{}", self.name));
        let sql = self.on_conflict?.replace("{new}", &new).replace("{old}", &old);
        Some(sql.replace("{value}", &self.cast(source)))
    }

    fn cast(&self, source: &str) -> String {
        let cast = match self.kind {
            Kind::Date => "::date",
            Kind::Json => "::jsonb",
            Kind::Integer => "::int4",
            Kind::Text | Kind::Bigint | Kind::Hundredths | Kind::Moment | Kind::Flag => "",
        };
        format!("{source}{cast}")
    }

    /// The type of [`Self::arg`].
    pub const fn arg_type(&self) -> Oid {
        match self.kind {
            Kind::Text | Kind::Date | Kind::Json => pg_sys::TEXTOID,
            Kind::Integer | Kind::Bigint => pg_sys::INT8OID,
            Kind::Hundredths => pg_sys::NUMERICOID,
            Kind::Moment => pg_sys::TIMESTAMPTZOID,
            Kind::Flag => pg_sys::BOOLOID,
        }
    }

    /// The type of [`Self::array`].
    pub const fn array_type(&self) -> Oid {
        match self.kind {
            Kind::Text | Kind::Date | Kind::Json => pg_sys::TEXTARRAYOID,
            Kind::Integer | Kind::Bigint => pg_sys::INT8ARRAYOID,
            Kind::Hundredths => pg_sys::NUMERICARRAYOID,
            Kind::Moment => pg_sys::TIMESTAMPTZARRAYOID,
            Kind::Flag => pg_sys::BOOLARRAYOID,
        }
    }

    /// The argument that a row gives.
    pub fn arg(&self, row: &R) -> Option<Datum> {
        match (&self.value, self.kind) {
            (Value::Text(get, _), _) => get(row).and_then(arg),
            (Value::Flag(get, _), _) => arg(get(row)),
            (Value::Number(get, _), Kind::Hundredths) => get(row).map(Hundredths).and_then(arg),
            (Value::Number(get, _), Kind::Moment) => get(row).map(Moment).and_then(arg),
            (Value::Number(get, _), _) => get(row).and_then(arg),
        }
    }

    /// The argument that rows give together: an array with an element per row.
    pub fn array(&self, rows: &[&R]) -> Option<Datum> {
        match &self.value {
            Value::Text(get, _) => collected(rows, |row| get(row)),
            Value::Flag(get, _) => collected(rows, get),
            Value::Number(get, _) => match self.kind {
                Kind::Hundredths => collected(rows, |row| get(row).map(Hundredths)),
                Kind::Moment => collected(rows, |row| get(row).map(Moment)),
                _ => collected(rows, get),
            },
        }
    }

    /// Sets a row's field from a result's column, counted from 1.
    pub fn load(&self, result: &Rows, at: (usize, i32), row: &mut R) {
        let (from, column) = at;
        match (&self.value, self.kind) {
            (Value::Text(_, set), _) => set(row, result.get(from, column)),
            (Value::Flag(_, set), _) => set(row, result.get(from, column).unwrap_or_default()),
            (Value::Number(_, set), Kind::Moment) => set(row, result.get(from, column).map(|Moment(us)| us)),
            (Value::Number(_, set), _) => set(row, result.get(from, column)),
        }
    }

    /// Whether a result's column, counted from 1, holds what a row gives.
    pub fn holds(&self, result: &Rows, at: (usize, i32), row: &R) -> bool {
        let (from, column) = at;
        match (&self.value, self.kind) {
            (Value::Text(get, _), _) => result.get::<String>(from, column).as_deref() == get(row),
            (Value::Flag(get, _), _) => result.get(from, column) == Some(get(row)),
            (Value::Number(get, _), Kind::Moment) => result.get(from, column).map(|Moment(us)| us) == get(row),
            (Value::Number(get, _), _) => result.get(from, column) == get(row),
        }
    }

    /// Sets the field of each row from a result's array column; rows beyond the array's end get `None`.
    pub fn load_array<'a>(&self, result: &Rows, column: i32, rows: impl Iterator<Item = &'a mut R>) {
        let Value::Number(_, set) = &self.value else { unreachable!("arrays are loaded of numbers") };
        let values: Vec<Option<i64>> = result.get(0, column).unwrap_or_default();
        for (at, row) in rows.enumerate() {
            set(row, values.get(at).copied().flatten());
        }
    }
}

/// An array datum of a value per row.
fn collected<'a, R, T>(rows: &[&'a R], get: impl Fn(&'a R) -> T) -> Option<Datum>
where
    Vec<T>: IntoDatum,
{
    arg(rows.iter().copied().map(get).collect::<Vec<T>>())
}
