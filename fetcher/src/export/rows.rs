//! A row of PostgreSQL as the cells of a file.

use chrono::{DateTime, NaiveDate, Utc};
use raceday_archive::table::{Cell, Column, Kind};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

/// How a column is selected so that [`cells`] can read it.
pub fn expression(column: &Column) -> String {
    let Column { name, kind } = column;
    match kind {
        Kind::Decimal { scale, .. } => {
            let units = 10_i64.pow(scale.unsigned_abs());
            format!("(t.{name} * {units})::int8")
        }
        Kind::Json => format!("t.{name}::text"),
        _ => format!("t.{name}"),
    }
}

/// The cells of a row that was selected by the columns' expressions.
pub fn cells<'a>(row: &'a Row, columns: &[Column]) -> Result<Vec<Option<Cell<'a>>>, tokio_postgres::Error> {
    columns.iter().enumerate().map(|(index, column)| cell(row, index, column.kind)).collect()
}

fn cell(row: &Row, index: usize, kind: Kind) -> Result<Option<Cell<'_>>, tokio_postgres::Error> {
    match kind {
        Kind::Boolean => read(row, index, Cell::Boolean),
        Kind::Int32 => read(row, index, |value: i32| Cell::Int(value.into())),
        Kind::Int64 | Kind::Decimal { .. } => read(row, index, Cell::Int),
        Kind::Timestamp => read(row, index, |time: DateTime<Utc>| Cell::Int(time.timestamp_micros())),
        Kind::Date => read(row, index, |date: NaiveDate| Cell::Int(date.to_epoch_days().into())),
        Kind::Text | Kind::Json => read(row, index, Cell::Text),
    }
}

fn read<'a, T: FromSql<'a>>(
    row: &'a Row,
    index: usize,
    cell: impl Fn(T) -> Cell<'a>,
) -> Result<Option<Cell<'a>>, tokio_postgres::Error> {
    Ok(row.try_get::<_, Option<T>>(index)?.map(cell))
}
