//! A table's rows as a Parquet file: typed columns, zstd, row groups in the order of the rows.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use crate::ArchiveError;

/// Rows of a row group, which are in memory until it is complete.
const GROUP_ROWS: usize = 65_536;
/// Bytes of text after which a row group is complete before it has all its rows.
const GROUP_TEXT_BYTES: usize = 16 * 1024 * 1024;
/// Precisions of decimals that fit into 32 bits.
const INT32_DIGITS: i32 = 9;

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Boolean,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A decimal, as a whole number of its smallest unit.
    Decimal {
        /// Digits in total, at most 18.
        precision: i32,
        /// Digits after the point.
        scale: i32,
    },
    /// UTC, as microseconds since 1970.
    Timestamp,
    /// Days since 1970.
    Date,
    /// Text.
    Text,
    /// JSON text.
    Json,
}

/// A column. Any value may be null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its values' type.
    pub kind: Kind,
}

/// A value: a number of the column's kind, or text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Of a column of kind [`Kind::Boolean`].
    Boolean(bool),
    /// Of a column of any kind of number or time.
    Int(i64),
    /// Of a column of kind [`Kind::Text`] or [`Kind::Json`].
    Text(&'a str),
}

impl Column {
    fn parquet_type(&self) -> Result<TypePtr, ArchiveError> {
        let (physical, logical) = match self.kind {
            Kind::Boolean => (Physical::BOOLEAN, None),
            Kind::Int32 => (Physical::INT32, None),
            Kind::Int64 => (Physical::INT64, None),
            Kind::Decimal { precision, scale } => {
                let physical = if precision <= INT32_DIGITS { Physical::INT32 } else { Physical::INT64 };
                (physical, Some(LogicalType::decimal(scale, precision)))
            }
            Kind::Timestamp => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
            Kind::Date => (Physical::INT32, Some(LogicalType::Date)),
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
        };
        let mut builder = Type::primitive_type_builder(&self.name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical);
        if let Kind::Decimal { precision, scale } = self.kind {
            builder = builder.with_precision(precision).with_scale(scale);
        }
        Ok(Arc::new(builder.build()?))
    }

    fn values(&self) -> Values {
        match self.kind {
            Kind::Boolean => Values::Boolean(Vec::new()),
            Kind::Int32 | Kind::Date => Values::Int32(Vec::new()),
            Kind::Decimal { precision, .. } if precision <= INT32_DIGITS => Values::Int32(Vec::new()),
            Kind::Int64 | Kind::Decimal { .. } | Kind::Timestamp => Values::Int64(Vec::new()),
            Kind::Text | Kind::Json => Values::Text { values: Vec::new(), known: HashMap::new() },
        }
    }
}

/// The values of a column in a row group, without nulls.
#[derive(Debug)]
enum Values {
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Text {
        values: Vec<ByteArray>,
        /// Ids repeat in every poll: each is in memory once.
        known: HashMap<Box<str>, ByteArray>,
    },
}

/// A column of a row group.
#[derive(Debug)]
struct Chunk {
    values: Values,
    /// 1 for a value, 0 for null.
    levels: Vec<i16>,
}

impl Chunk {
    /// Adds a value; returns the bytes of text that it adds to memory. `None` if the value is not of the column's kind.
    fn push(&mut self, cell: Option<Cell>) -> Option<usize> {
        self.levels.push(i16::from(cell.is_some()));
        let Some(cell) = cell else { return Some(0) };
        match (&mut self.values, cell) {
            (Values::Boolean(values), Cell::Boolean(value)) => values.push(value),
            (Values::Int32(values), Cell::Int(value)) => values.push(i32::try_from(value).ok()?),
            (Values::Int64(values), Cell::Int(value)) => values.push(value),
            (Values::Text { values, known }, Cell::Text(text)) => {
                if let Some(value) = known.get(text) {
                    values.push(value.clone());
                } else {
                    let value = ByteArray::from(text.as_bytes().to_vec());
                    known.insert(text.into(), value.clone());
                    values.push(value);
                    return Some(text.len());
                }
            }
            _ => return None,
        }
        Some(0)
    }

    /// Writes the values and forgets them.
    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ArchiveError> {
        let levels = &self.levels;
        match &mut self.values {
            Values::Boolean(values) => write_as::<BoolType>(writer, values, levels)?,
            Values::Int32(values) => write_as::<Int32Type>(writer, values, levels)?,
            Values::Int64(values) => write_as::<Int64Type>(writer, values, levels)?,
            Values::Text { values, known } => {
                write_as::<ByteArrayType>(writer, values, levels)?;
                known.clear();
            }
        }
        self.levels.clear();
        Ok(())
    }
}

fn write_as<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &mut Vec<T::T>,
    levels: &[i16],
) -> Result<(), ArchiveError> {
    writer.typed::<T>().write_batch(values, Some(levels), None)?;
    values.clear();
    Ok(())
}

/// Writes a table's rows. Holds one row group in memory.
pub struct TableWriter<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<Column>,
    chunks: Vec<Chunk>,
    rows: usize,
    text_bytes: usize,
}

impl<W: Write + Send> TableWriter<W> {
    /// A file of these columns, whose rows come in ascending order of the columns `sorted_by`, by their index.
    pub fn new(target: W, table: &str, columns: Vec<Column>, sorted_by: &[usize]) -> Result<Self, ArchiveError> {
        let fields = columns.iter().map(Column::parquet_type).collect::<Result<_, _>>()?;
        let schema = Arc::new(Type::group_type_builder(table).with_fields(fields).build()?);
        let sorting = sorted_by.iter().filter_map(|index| i32::try_from(*index).ok());
        let sorting = sorting.map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: false });
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by("raceday".to_owned())
            .set_sorting_columns(Some(sorting.collect()))
            .build();
        let chunks = columns.iter().map(|column| Chunk { values: column.values(), levels: Vec::new() }).collect();
        let writer = SerializedFileWriter::new(target, schema, Arc::new(properties))?;
        Ok(Self { writer, columns, chunks, rows: 0, text_bytes: 0 })
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Adds a row, with a value or null for every column.
    pub fn push(&mut self, row: &[Option<Cell<'_>>]) -> Result<(), ArchiveError> {
        if row.len() != self.columns.len() {
            let reason = format!("a row of {} values for {} columns", row.len(), self.columns.len());
            return Err(parquet::errors::ParquetError::General(reason).into());
        }
        for ((chunk, column), cell) in self.chunks.iter_mut().zip(&self.columns).zip(row) {
            let Some(bytes) = chunk.push(*cell) else {
                let reason = format!("column {} is {:?}, but a value is {cell:?}", column.name, column.kind);
                return Err(parquet::errors::ParquetError::General(reason).into());
            };
            self.text_bytes += bytes;
        }
        self.rows += 1;
        if self.rows == GROUP_ROWS || self.text_bytes >= GROUP_TEXT_BYTES { self.end_group() } else { Ok(()) }
    }

    fn end_group(&mut self) -> Result<(), ArchiveError> {
        let mut group = self.writer.next_row_group()?;
        for chunk in &mut self.chunks {
            let Some(mut column) = group.next_column()? else { break };
            chunk.write(&mut column)?;
            column.close()?;
        }
        group.close()?;
        (self.rows, self.text_bytes) = (0, 0);
        Ok(())
    }

    /// Ends the file; returns what it was written to.
    pub fn finish(mut self) -> Result<W, ArchiveError> {
        if self.rows > 0 {
            self.end_group()?;
        }
        Ok(self.writer.into_inner()?)
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    fn columns() -> Vec<Column> {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        vec![column("race_id", Kind::Text), column("odds", Kind::Decimal { precision: 10, scale: 2 })]
    }

    fn written(rows: usize) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("t")).unwrap();
        let mut table = TableWriter::new(file, "odds", columns(), &[0]).unwrap();
        for row in 0..rows {
            let race = format!("race {}", row / 1000);
            let odds = (row % 7 > 0).then_some(Cell::Int(100 + i64::try_from(row % 40).unwrap()));
            table.push(&[Some(Cell::Text(&race)), odds]).unwrap();
        }
        table.finish().unwrap();
        std::fs::read(folder.path().join("t")).unwrap()
    }

    #[test]
    fn a_large_table_is_written_in_sorted_row_groups() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t"), written(100_000)).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(folder.path().join("t")).unwrap()).unwrap();
        let groups = reader.metadata().row_groups();
        assert_eq!(
            groups.iter().map(parquet::file::metadata::RowGroupMetaData::num_rows).collect::<Vec<_>>(),
            [65_536, 34_464]
        );
        assert_eq!(groups[1].sorting_columns().unwrap()[0].column_idx, 0);
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows[65_540].to_string(), "{race_id: \"race 65\", odds: 1.20}");
        assert_eq!(rows[7].to_string(), "{race_id: \"race 0\", odds: null}");
    }

    #[test]
    fn equal_rows_give_equal_bytes() {
        assert!(written(70_000) == written(70_000));
    }

    #[test]
    fn a_value_of_another_kind_is_an_error() {
        let mut table = TableWriter::new(Vec::new(), "odds", columns(), &[]).unwrap();
        let error = table.push(&[Some(Cell::Int(1)), None]).unwrap_err().to_string();
        assert!(error.contains("race_id"), "{error}");
        table.push(&[None]).unwrap_err();
    }
}
