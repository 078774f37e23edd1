//! The parts of statements that a table's columns produce.

use super::column::Column;
use crate::plan::{Rows, Statement};
use pgrx::pg_sys::{Datum, Oid};

/// A table whose rows are `R`.
pub struct Table<R: 'static> {
    /// Its name in the schema `raceday`.
    pub name: &'static str,
    /// What statements call it.
    pub alias: &'static str,
    /// Its primary key.
    pub key: &'static str,
    /// What of it is read and written, without the key.
    pub columns: &'static [Column<R>],
}

/// Where the values of an insert come from; each is given the number of a column's argument and its name.
#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// The argument itself: one row.
    Scalar,
    /// The `i`th element of the argument.
    Element,
    /// The column of the same name of `unnest(...) u`.
    Unnested,
}

impl Values {
    fn source(self, argument: usize, name: &str) -> String {
        match self {
            Self::Scalar => format!("${argument}"),
            Self::Element => format!("${argument}[i]"),
            Self::Unnested => format!("u.{name}"),
        }
    }
}

impl<R> Table<R> {
    /// `insert into ... on conflict ... do update` of one row. Argument 1 is the key, then come `extra` ones, then the columns.
    /// A row is updated only if all of `conditions` hold.
    pub fn upsert(&self, key_type: Oid, extra: &[Oid], conditions: &[String]) -> Statement {
        let Self { name, alias, key, columns } = self;
        let first = 2 + extra.len();
        let condition = if conditions.is_empty() { String::new() } else { where_all(conditions) };
        let sql = format!(
            "insert into raceday.{name} as {alias} ({names})\nvalues ({values})\n\
             on conflict ({key}) do update\nset {updates}{condition}",
            names = list(&[vec![(*key).to_owned()], names(columns)].concat()),
            values = list(&[vec!["$1".to_owned()], inserted(columns, first, Values::Scalar)].concat()),
            updates = list(&self.updates(first)),
        );
        let types = columns.iter().map(Column::arg_type);
        Statement { sql, arg_types: [key_type].into_iter().chain(extra.iter().copied()).chain(types).collect() }
    }

    /// Returns the columns of a row, which are its arguments, as a JSON object.
    pub fn json(&self) -> Statement {
        let pairs: Vec<String> = self
            .columns
            .iter()
            .zip(1..)
            .map(|(column, at)| format!("'{}', {}", column.name, Values::Scalar.source(at, column.name)))
            .collect();
        Statement {
            sql: format!("select json_build_object({})::text", list(&pairs)),
            arg_types: self.columns.iter().map(Column::arg_type).collect(),
        }
    }

    /// `name = value` for each column that changes on conflict, whose arguments are numbered from `first`.
    pub fn updates(&self, first: usize) -> Vec<String> {
        updates(self.columns, self.alias, first)
    }

    /// The condition that an update would change any column.
    pub fn is_changed(&self, first: usize) -> String {
        is_changed(self.columns, self.alias, first)
    }
}

/// The columns' names.
pub fn names<R>(columns: &[Column<R>]) -> Vec<String> {
    columns.iter().map(|column| column.name.to_owned()).collect()
}

/// The columns as they are read by [`Reader`].
pub fn selected<R>(columns: &[Column<R>], alias: &str) -> Vec<String> {
    columns.iter().map(|column| column.selected(alias)).collect()
}

/// The values inserted into the columns, whose arguments are numbered from `first`.
pub fn inserted<R>(columns: &[Column<R>], first: usize, values: Values) -> Vec<String> {
    columns.iter().zip(first..).map(|(column, at)| column.insert_sql(&values.source(at, column.name))).collect()
}

/// `name = value` for each column that changes on conflict.
pub fn updates<R>(columns: &[Column<R>], alias: &str, first: usize) -> Vec<String> {
    changing(columns, alias, first).map(|(name, new)| format!("{name} = {new}")).collect()
}

/// The condition that an update would change any of the columns.
pub fn is_changed<R>(columns: &[Column<R>], alias: &str, first: usize) -> String {
    let (old, new): (Vec<_>, Vec<_>) =
        changing(columns, alias, first).map(|(name, new)| (format!("{alias}.{name}"), new)).unzip();
    format!("({}) is distinct from\n    ({})", list(&old), list(&new))
}

fn changing<'a, R>(
    columns: &'a [Column<R>],
    alias: &'a str,
    first: usize,
) -> impl Iterator<Item = (&'static str, String)> + 'a {
    columns.iter().zip(first..).filter_map(move |(column, at)| {
        column.conflict_sql(alias, &Values::Scalar.source(at, column.name)).map(|sql| (column.name, sql))
    })
}

/// `$first, $first+1, ...`, one per column.
pub fn arguments<R>(columns: &[Column<R>], first: usize) -> Vec<String> {
    columns.iter().zip(first..).map(|(_, at)| format!("${at}")).collect()
}

/// The types of the columns' arrays.
pub fn array_types<R>(columns: &[Column<R>]) -> impl Iterator<Item = Oid> {
    columns.iter().map(Column::array_type)
}

/// The arguments that a row gives.
pub fn args<R>(columns: &[Column<R>], row: &R) -> impl Iterator<Item = Option<Datum>> {
    columns.iter().map(|column| column.arg(row))
}

/// The array arguments that rows give.
pub fn arrays<R>(columns: &[Column<R>], rows: &[&R]) -> impl Iterator<Item = Option<Datum>> {
    columns.iter().map(|column| column.array(rows))
}

/// A `where` clause that wants all of the conditions.
pub fn where_all(conditions: &[String]) -> String {
    format!("\nwhere {}", conditions.join("\n  and "))
}

/// A comma-separated list on lines of some hundred characters at most, the first behind other words.
pub fn list(items: &[String]) -> String {
    const WIDTH: usize = 100;
    let mut text = String::new();
    let mut width = 40;
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            let breaks = width + item.len() > WIDTH;
            text.push_str(if breaks { ",\n    " } else { ", " });
            width = if breaks { 0 } else { width };
        }
        text.push_str(item);
        width += item.len() + 2;
    }
    text
}

/// Reads the columns of a result's row in the order in which they were selected.
pub struct Reader<'a> {
    result: &'a Rows,
    row: usize,
    next: i32,
}

impl<'a> Reader<'a> {
    /// Begins with the first column.
    pub const fn new(result: &'a Rows, row: usize) -> Self {
        Self { result, row, next: 1 }
    }

    /// One value.
    pub fn value<T: pgrx::FromDatum>(&mut self) -> Option<T> {
        self.next += 1;
        self.result.get(self.row, self.next - 1)
    }

    /// The columns of a table's row.
    pub fn row<R: Default>(&mut self, columns: &[Column<R>]) -> R {
        let mut row = R::default();
        for column in columns {
            column.load(self.result, (self.row, self.next), &mut row);
            self.next += 1;
        }
        row
    }

    /// The columns of a joined row selected by [`optional`]; `None` when there is no row.
    pub fn optional<R: Default>(&mut self, columns: &[Column<R>]) -> Option<R> {
        let is_there = self.value().unwrap_or(false);
        let row = self.row(columns);
        is_there.then_some(row)
    }

    /// Array columns, in step with `rows`.
    pub fn arrays<R: 'static>(&mut self, columns: &[Column<R>], rows: &mut [&mut R]) {
        for column in columns {
            column.load_array(self.result, self.next, rows.iter_mut().map(|row| &mut **row));
            self.next += 1;
        }
    }
}

/// The columns of an outer-joined table, after whether it has a row: what [`Reader::optional`] reads.
pub fn optional<R>(table: &Table<R>) -> Vec<String> {
    let is_there = format!("{}.{} is not null", table.alias, table.key);
    [vec![is_there], selected(table.columns, table.alias)].concat()
}
