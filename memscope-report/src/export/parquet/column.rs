//! Rows into the columns of a Parquet file, a row group at a time.

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::Type;
use std::io::{self, Write};
use std::sync::Arc;

/// Rows of a row group: what DuckDB writes, and takes for one piece of work.
const GROUP_ROWS: usize = 122_880;

/// A cell.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Null,
    Int(i64),
    Real(f64),
    Text(&'a str),
    Flag(bool),
}

impl From<u64> for Value<'_> {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The values of a column since the last row group.
#[derive(Debug)]
enum Values {
    Int(Vec<i64>),
    Real(Vec<f64>),
    Text(Vec<ByteArray>),
    Flag(Vec<bool>),
}

#[derive(Debug)]
struct Column {
    values: Values,
    /// For each row 1, or 0 where it is null; `None` where the column has no nulls.
    levels: Option<Vec<i16>>,
}

impl Column {
    fn new(schema: &Type) -> Self {
        use parquet::basic::Type::{BOOLEAN, DOUBLE, INT64};
        let values = match schema.get_physical_type() {
            INT64 => Values::Int(Vec::new()),
            DOUBLE => Values::Real(Vec::new()),
            BOOLEAN => Values::Flag(Vec::new()),
            _ => Values::Text(Vec::new()),
        };
        Self { values, levels: schema.is_optional().then(Vec::new) }
    }

    fn push(&mut self, value: Value<'_>) {
        if let Some(levels) = &mut self.levels {
            levels.push(i16::from(!matches!(value, Value::Null)));
        }
        match (&mut self.values, value) {
            (Values::Int(column), Value::Int(value)) => column.push(value),
            (Values::Real(column), Value::Real(value)) => column.push(value),
            (Values::Text(column), Value::Text(value)) => column.push(value.into()),
            (Values::Flag(column), Value::Flag(value)) => column.push(value),
            (_, value) => debug_assert!(matches!(value, Value::Null) && self.levels.is_some(), "{value:?}"),
        }
    }
}

/// A table that is being written.
pub(super) struct Table<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<Column>,
    rows: usize,
}

impl<W: Write + Send> Table<W> {
    /// A table with the columns of `schema`, a Parquet message type, in `out`.
    pub(super) fn new(out: W, schema: &str) -> io::Result<Self> {
        let schema = Arc::new(parse_message_type(schema).map_err(refused)?);
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let columns = schema.get_fields().iter().map(|field| Column::new(field)).collect();
        let writer = SerializedFileWriter::new(out, schema, Arc::new(properties)).map_err(refused)?;
        Ok(Self { writer, columns, rows: 0 })
    }

    /// Adds a row: a value for each column, in their order.
    pub(super) fn push<const N: usize>(&mut self, row: [Value<'_>; N]) -> io::Result<()> {
        debug_assert_eq!(N, self.columns.len());
        self.columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        self.rows += 1;
        if self.rows == GROUP_ROWS { self.flush() } else { Ok(()) }
    }

    /// Ends the table.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.writer.close().map_err(refused)?;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.rows) > 0 {
            self.write_group().map_err(refused)?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column()? else { break };
            let levels = column.levels.as_deref();
            match &mut column.values {
                Values::Int(values) => {
                    writer.typed::<Int64Type>().write_batch(values, levels, None)?;
                    values.clear();
                }
                Values::Real(values) => {
                    writer.typed::<DoubleType>().write_batch(values, levels, None)?;
                    values.clear();
                }
                Values::Text(values) => {
                    writer.typed::<ByteArrayType>().write_batch(values, levels, None)?;
                    values.clear();
                }
                Values::Flag(values) => {
                    writer.typed::<BoolType>().write_batch(values, levels, None)?;
                    values.clear();
                }
            }
            column.levels.iter_mut().for_each(Vec::clear);
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }
}

fn refused(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        other => io::Error::other(other),
    }
}
