//! Flat tables of named columns in Parquet files: the only module that knows the Parquet crate.
//!
//! Numbers are written as they are (`f32` and `f64` byte-stream split, integers delta packed), text
//! with a dictionary, all of it compressed by zstd. Columns written by other programs are read too:
//! any flat column of booleans, integers, floating-point numbers or text, with or without nulls.
//! A null number is NaN, a null text is empty.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type};

use crate::error::{Error, Result};

/// Effort of the compression: files are written once and kept.
const ZSTD_LEVEL: i32 = 19;

/// The values of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// Integers.
    I64(Vec<i64>),
    /// Text.
    Text(Vec<String>),
}

impl Column {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::Text(v) => v.len(),
        }
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values as numbers; none for text.
    #[must_use]
    pub fn numbers(&self) -> Option<Vec<f64>> {
        match self {
            Self::F32(v) => Some(v.iter().map(|&x| f64::from(x)).collect()),
            Self::F64(v) => Some(v.clone()),
            Self::I64(v) => Some(v.iter().map(|&x| x as f64).collect()),
            Self::Text(_) => None,
        }
    }

    /// The values as text; numbers as they print.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::F32(v) => v.iter().map(ToString::to_string).collect(),
            Self::F64(v) => v.iter().map(ToString::to_string).collect(),
            Self::I64(v) => v.iter().map(ToString::to_string).collect(),
            Self::Text(v) => v.clone(),
        }
    }
}

/// Columns of equal length, in order, and free text about them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    columns: Vec<(String, Column)>,
    /// Key-value metadata of the file.
    pub metadata: BTreeMap<String, String>,
}

impl Columns {
    /// Adds a column.
    ///
    /// # Panics
    /// When its length is not that of the columns before it, or its name is taken: both are errors
    /// of the calling code.
    pub fn push(&mut self, name: impl Into<String>, column: Column) {
        let name = name.into();
        if let Some((_, first)) = self.columns.first() {
            assert_eq!(first.len(), column.len(), "length of column {name}");
        }
        assert!(self.get(&name).is_none(), "column {name} twice");
        self.columns.push((name, column));
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// A column by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(n, _)| n == name).map(|(_, column)| column)
    }

    /// Names and columns, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Column)> {
        self.columns.iter().map(|(name, column)| (name.as_str(), column))
    }

    /// Writes the table beside `path` and renames it, so that an interrupted write leaves no half file
    /// that looks whole.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let partial = path.with_extension("part");
        self.write_parquet(&partial).map_err(|message| Error::file(path, message))?;
        std::fs::rename(&partial, path).map_err(|error| Error::file(path, error))
    }

    fn write_parquet(&self, path: &Path) -> std::result::Result<(), Box<dyn std::error::Error>> {
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .set_created_by("foreshock".to_owned())
            .set_key_value_metadata(Some(
                self.metadata.iter().map(|(k, v)| KeyValue::new(k.clone(), v.clone())).collect(),
            ));
        let mut fields = Vec::with_capacity(self.columns.len());
        for (name, column) in &self.columns {
            let physical = match column {
                Column::F32(_) => Physical::FLOAT,
                Column::F64(_) => Physical::DOUBLE,
                Column::I64(_) => Physical::INT64,
                Column::Text(_) => Physical::BYTE_ARRAY,
            };
            let encoding = match column {
                Column::F32(_) | Column::F64(_) => Some(Encoding::BYTE_STREAM_SPLIT),
                Column::I64(_) => Some(Encoding::DELTA_BINARY_PACKED),
                Column::Text(_) => None,
            };
            let path = ColumnPath::new(vec![name.clone()]);
            properties = properties.set_column_dictionary_enabled(path.clone(), encoding.is_none());
            if let Some(encoding) = encoding {
                properties = properties.set_column_encoding(path, encoding);
            }
            let logical = matches!(column, Column::Text(_)).then_some(LogicalType::String);
            fields.push(Arc::new(
                Type::primitive_type_builder(name, physical)
                    .with_repetition(Repetition::REQUIRED)
                    .with_logical_type(logical)
                    .build()?,
            ));
        }
        let schema = Arc::new(Type::group_type_builder("foreshock").with_fields(fields).build()?);
        let mut writer =
            SerializedFileWriter::new(File::create(path)?, schema, Arc::new(properties.build()))?;
        let mut group = writer.next_row_group()?;
        for (_, column) in &self.columns {
            let mut out = group.next_column()?.ok_or("a column is missing from the schema")?;
            match column {
                Column::F32(v) => out.typed::<FloatType>().write_batch(v, None, None)?,
                Column::F64(v) => out.typed::<DoubleType>().write_batch(v, None, None)?,
                Column::I64(v) => out.typed::<Int64Type>().write_batch(v, None, None)?,
                Column::Text(v) => {
                    let bytes: Vec<ByteArray> = v.iter().map(|s| ByteArray::from(s.as_str())).collect();
                    out.typed::<ByteArrayType>().write_batch(&bytes, None, None)?
                }
            };
            out.close()?;
        }
        group.close()?;
        writer.close()?;
        Ok(())
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read, is not Parquet, or a column is neither number nor text.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::file(path, error))?;
        let reader = SerializedFileReader::new(file).map_err(|error| Error::file(path, error))?;
        let refuse = |message: String| Error::file(path, message);
        let metadata = reader.metadata().file_metadata();
        let mut table = Self::default();
        for pair in metadata.key_value_metadata().into_iter().flatten() {
            table.metadata.insert(pair.key.clone(), pair.value.clone().unwrap_or_default());
        }
        for (index, descriptor) in metadata.schema_descr().columns().iter().enumerate() {
            let name = descriptor.path().parts().join(".");
            if descriptor.max_rep_level() > 0 || descriptor.path().parts().len() > 1 {
                return Err(refuse(format!("column '{name}': expected a flat column of numbers or text")));
            }
            let nullable = descriptor.max_def_level() > 0;
            let mut whole: Option<Column> = None;
            for group in 0..reader.num_row_groups() {
                let group = reader.get_row_group(group).map_err(|error| refuse(error.to_string()))?;
                let rows = usize::try_from(group.metadata().num_rows())
                    .map_err(|_| refuse("a negative number of rows".to_owned()))?;
                let column = group
                    .get_column_reader(index)
                    .map_err(|error| refuse(format!("column '{name}': {error}")))?;
                let part = read_column(column, rows, nullable)
                    .map_err(|error| refuse(format!("column '{name}': {error}")))?;
                match (&mut whole, part) {
                    (None, part) => whole = Some(part),
                    (Some(Column::F32(a)), Column::F32(b)) => a.extend(b),
                    (Some(Column::F64(a)), Column::F64(b)) => a.extend(b),
                    (Some(Column::I64(a)), Column::I64(b)) => a.extend(b),
                    (Some(Column::Text(a)), Column::Text(b)) => a.extend(b),
                    (Some(a), b) => {
                        // Integers become floating-point numbers in the row group that has nulls.
                        let both = a.numbers().zip(b.numbers());
                        let (mut all, more) =
                            both.ok_or_else(|| refuse(format!("column '{name}' changes its type")))?;
                        all.extend(more);
                        *a = Column::F64(all);
                    }
                }
            }
            if table.get(&name).is_some() {
                return Err(refuse(format!("column '{name}' stands there twice")));
            }
            table.push(name, whole.unwrap_or(Column::F64(Vec::new())));
        }
        Ok(table)
    }
}

/// Spreads the values that are there over all rows.
fn spread<T: Clone>(values: Vec<T>, levels: &[i16], null: &T) -> Vec<T> {
    let mut values = values.into_iter();
    levels
        .iter()
        .map(|&level| if level > 0 { values.next() } else { None }.unwrap_or_else(|| null.clone()))
        .collect()
}

fn read_column(
    reader: ColumnReader,
    rows: usize,
    nullable: bool,
) -> std::result::Result<Column, Box<dyn std::error::Error>> {
    let mut levels: Vec<i16> = Vec::new();
    // Reads all of it; where the column may hold nulls, `levels` says which rows are there.
    macro_rules! all {
        ($reader:expr) => {{
            let mut reader = $reader;
            let mut values = Vec::new();
            let mut read = 0;
            while read < rows {
                let (records, _, _) =
                    reader.read_records(rows - read, nullable.then_some(&mut levels), None, &mut values)?;
                if records == 0 {
                    return Err(format!("{read} rows, expected {rows}").into());
                }
                read += records;
            }
            values
        }};
    }
    let complete = |levels: &[i16]| levels.iter().all(|&level| level > 0);
    let integers = |values: Vec<i64>, levels: &[i16]| {
        if complete(levels) {
            Column::I64(values)
        } else {
            Column::F64(spread(values.iter().map(|&v| v as f64).collect(), levels, &f64::NAN))
        }
    };
    Ok(match reader {
        ColumnReader::FloatColumnReader(r) => {
            let values = all!(r);
            Column::F32(if nullable { spread(values, &levels, &f32::NAN) } else { values })
        }
        ColumnReader::DoubleColumnReader(r) => {
            let values = all!(r);
            Column::F64(if nullable { spread(values, &levels, &f64::NAN) } else { values })
        }
        ColumnReader::Int64ColumnReader(r) => integers(all!(r), &levels),
        ColumnReader::Int32ColumnReader(r) => {
            let values: Vec<i32> = all!(r);
            integers(values.into_iter().map(i64::from).collect(), &levels)
        }
        ColumnReader::BoolColumnReader(r) => {
            let values: Vec<bool> = all!(r);
            integers(values.into_iter().map(i64::from).collect(), &levels)
        }
        ColumnReader::ByteArrayColumnReader(r) => {
            let values: Vec<ByteArray> = all!(r);
            let texts = values
                .iter()
                .map(|bytes| bytes.as_utf8().map(str::to_owned))
                .collect::<std::result::Result<Vec<_>, _>>()?;
            Column::Text(if nullable { spread(texts, &levels, &String::new()) } else { texts })
        }
        ColumnReader::Int96ColumnReader(_) | ColumnReader::FixedLenByteArrayColumnReader(_) => {
            return Err("expected numbers or text".into());
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_back_to_the_same_bits() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("t.parquet");
        let mut table = Columns::default();
        table.push("run", Column::Text(vec!["a".into(), "a".into(), "ü".into()]));
        table.push("time_ps", Column::F64(vec![0.0, 0.1, 0.30000000000000004]));
        table.push("x", Column::F32(vec![1.5, f32::NAN, -0.0]));
        table.push("n", Column::I64(vec![3, -7, i64::MAX]));
        table.metadata.insert("key".into(), "value".into());
        table.write(&path).expect("writes");
        let back = Columns::read(&path).expect("reads");
        assert_eq!(back.metadata.get("key").map(String::as_str), Some("value"));
        assert_eq!(back.get("run"), table.get("run"));
        assert_eq!(back.get("time_ps"), table.get("time_ps"));
        assert_eq!(back.get("n"), table.get("n"));
        let Some(Column::F32(x)) = back.get("x") else { panic!("x is f32") };
        assert_eq!(
            x.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
            [1.5_f32, f32::NAN, -0.0].map(f32::to_bits)
        );
        assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 1, "no partial file left");
    }

    #[test]
    fn a_file_that_is_no_table_is_named() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("t.parquet");
        std::fs::write(&path, "run,time\n").expect("writes");
        let message = Columns::read(&path).expect_err("no Parquet").to_string();
        assert!(message.starts_with(&path.display().to_string()), "{message}");
    }
}
