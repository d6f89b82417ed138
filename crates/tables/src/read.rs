//! Reading CSV: infer the kinds of the columns, then build typed batches.
//!
//! The `csv` crate is used rather than `arrow-csv` because a gate must name the line of a bad row, and
//! only the former reports where each record starts.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use csv::StringRecord;

use crate::infer::{self, Kind};
use crate::lines::LineIndex;

/// How a file is read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Rows looked at to infer the kinds of the columns.
    pub infer_rows: usize,
    /// Rows per Arrow batch.
    pub batch_rows: usize,
    /// More rows than this are an error, so that a wrong file cannot fill the memory.
    pub max_rows: usize,
    /// A larger file is an error; a file is held in memory while it is read, so that every pass sees
    /// the same bytes.
    pub max_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { infer_rows: 10_000, batch_rows: 8_192, max_rows: 50_000_000, max_bytes: 4 << 30 }
    }
}

/// Why a file is not a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be opened or read.
    #[error("{}: cannot read: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No header line.
    #[error("{}: the file is empty; expected a header line with column names", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// A header that names a column twice.
    #[error("{}:1: column `{column}` appears twice in the header", file.display())]
    DuplicateColumn {
        /// The file.
        file: PathBuf,
        /// The name.
        column: String,
    },
    /// A row with more or fewer fields than the header.
    #[error("{}:{line}: expected {expected} fields as in the header, found {found}", file.display())]
    Ragged {
        /// The file.
        file: PathBuf,
        /// Line of the row, from 1.
        line: u64,
        /// Fields in the header.
        expected: u64,
        /// Fields in the row.
        found: u64,
    },
    /// A row that is not UTF-8.
    #[error("{}:{line}: the row is not valid UTF-8", file.display())]
    NotUtf8 {
        /// The file.
        file: PathBuf,
        /// Line of the row, from 1.
        line: u64,
    },
    /// More rows than [`ReadOptions::max_rows`].
    #[error("{}: more than {max_rows} rows", file.display())]
    TooManyRows {
        /// The file.
        file: PathBuf,
        /// The limit.
        max_rows: usize,
    },
    /// A file larger than [`ReadOptions::max_bytes`].
    #[error("{}: larger than {max_bytes} bytes", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The limit.
        max_bytes: u64,
    },
    /// A column that was asked for and is not there.
    #[error("{}: no column `{column}`; the columns are {}", file.display(), columns.join(", "))]
    NoColumn {
        /// The file.
        file: PathBuf,
        /// The name asked for.
        column: String,
        /// The names there are.
        columns: Vec<String>,
    },
    /// A column of text where numbers are needed.
    #[error("{}: column `{column}` holds {found}, not numbers", file.display())]
    NotNumeric {
        /// The file.
        file: PathBuf,
        /// The column.
        column: String,
        /// Its kind.
        found: &'static str,
    },
    /// Columns that do not fit into one batch.
    #[error("{}: the columns do not form a table: {reason}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What Arrow said.
        reason: String,
    },
}

/// A column whose first rows suggested a kind that a later row did not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widening {
    /// The column.
    pub column: String,
    /// Line of the first row that did not fit, from 1.
    pub line: u64,
    /// The kind that the rows before it had.
    pub expected: Kind,
    /// The field as it stands in the file.
    pub found: String,
}

/// What a file holds once it is read.
pub(crate) struct Contents {
    pub(crate) columns: Vec<(String, Kind)>,
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) rows: usize,
    pub(crate) lines: LineIndex,
    pub(crate) widenings: Vec<Widening>,
}

/// Reads CSV `text`: one pass to infer the kinds, one to build the columns, and one more for each
/// column that has to be widened.
pub(crate) fn read(file: &Path, options: &ReadOptions, text: &[u8]) -> Result<Contents, TableError> {
    let mut columns = infer_columns(file, options, text)?;
    let mut widenings: Vec<Widening> = Vec::new();
    loop {
        match read_typed(file, options, text, &columns)? {
            Pass::Complete { batches, rows, lines } => {
                return Ok(Contents { columns, batches, rows, lines, widenings });
            }
            Pass::Misfit { index, line, found } => {
                let (column, kind) = &mut columns[index];
                let wider = kind.join(Kind::of(&found).unwrap_or(Kind::Text));
                // Whole numbers first and fractions later is one kind of number, not a surprise.
                if wider == Kind::Text {
                    widenings.push(Widening { column: column.clone(), line, expected: *kind, found });
                }
                *kind = wider;
            }
        }
    }
}

fn infer_columns(file: &Path, options: &ReadOptions, text: &[u8]) -> Result<Vec<(String, Kind)>, TableError> {
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().map_err(|error| explain(file, error))?.clone();
    if header.is_empty() {
        return Err(TableError::Empty { file: file.to_path_buf() });
    }
    let mut seen = HashSet::new();
    if let Some(twice) = header.iter().find(|name| !seen.insert(*name)) {
        return Err(TableError::DuplicateColumn { file: file.to_path_buf(), column: twice.to_owned() });
    }
    let mut kinds: Vec<Option<Kind>> = vec![None; header.len()];
    for record in reader.records().take(options.infer_rows) {
        let record = record.map_err(|error| explain(file, error))?;
        for (kind, field) in kinds.iter_mut().zip(record.iter()) {
            if let Some(of_field) = Kind::of(field) {
                *kind = Some(kind.map_or(of_field, |kind| kind.join(of_field)));
            }
        }
    }
    Ok(header.iter().zip(kinds).map(|(name, kind)| (name.to_owned(), kind.unwrap_or(Kind::Text))).collect())
}

/// How a pass over the file ended.
enum Pass {
    Complete { batches: Vec<RecordBatch>, rows: usize, lines: LineIndex },
    Misfit { index: usize, line: u64, found: String },
}

fn read_typed(
    file: &Path,
    options: &ReadOptions,
    text: &[u8],
    columns: &[(String, Kind)],
) -> Result<Pass, TableError> {
    let fields: Vec<Field> =
        columns.iter().map(|(name, kind)| Field::new(name, kind.data_type(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut builders: Vec<Builder> = columns.iter().map(|(_, kind)| Builder::new(*kind)).collect();
    let finish = |builders: &mut [Builder]| {
        let arrays = builders.iter_mut().map(Builder::finish).collect();
        RecordBatch::try_new(Arc::clone(&schema), arrays)
            .map_err(|error| TableError::Malformed { file: file.to_path_buf(), reason: error.to_string() })
    };
    let mut reader = csv::Reader::from_reader(text);
    let mut record = StringRecord::new();
    let mut place = Place::default();
    let (mut batches, mut rows, mut lines) = (Vec::new(), 0, LineIndex::default());
    while reader.read_record(&mut record).map_err(|error| explain(file, error))? {
        if rows == options.max_rows {
            return Err(TableError::TooManyRows { file: file.to_path_buf(), max_rows: options.max_rows });
        }
        let line = place.advance(text, record.position().map_or(0, csv::Position::byte));
        for (index, (builder, field)) in builders.iter_mut().zip(record.iter()).enumerate() {
            if !builder.push(field) {
                return Ok(Pass::Misfit { index, line, found: field.to_owned() });
            }
        }
        lines.push(rows, line);
        rows += 1;
        if rows % options.batch_rows == 0 {
            batches.push(finish(&mut builders)?);
        }
    }
    if rows % options.batch_rows != 0 {
        batches.push(finish(&mut builders)?);
    }
    Ok(Pass::Complete { batches, rows, lines })
}

/// Counts lines up to the start of each record. `csv` reports the byte after the previous record, which
/// may be the rest of a line break or a blank line.
#[derive(Default)]
struct Place {
    byte: usize,
    breaks: u64,
}

impl Place {
    /// The line of the record found from `byte` on.
    fn advance(&mut self, text: &[u8], byte: u64) -> u64 {
        let mut start = usize::try_from(byte).unwrap_or(usize::MAX).min(text.len());
        while matches!(text.get(start), Some(b'\n' | b'\r')) {
            start += 1;
        }
        let passed = text.get(self.byte..start).unwrap_or_default();
        self.breaks += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.byte = start;
        self.breaks + 1
    }
}

fn explain(file: &Path, error: csv::Error) -> TableError {
    let file = file.to_path_buf();
    match error.into_kind() {
        csv::ErrorKind::Io(source) => TableError::Io { file, source },
        csv::ErrorKind::Utf8 { pos, .. } => {
            TableError::NotUtf8 { file, line: pos.map_or(0, |pos| pos.line()) }
        }
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => TableError::Ragged {
            file,
            line: pos.map_or(0, |pos| pos.line()),
            expected: expected_len,
            found: len,
        },
        other => TableError::Malformed { file, reason: format!("{other:?}") },
    }
}

/// One column under construction.
enum Builder {
    Integer(Int64Builder),
    Number(Float64Builder),
    Boolean(BooleanBuilder),
    Text(StringBuilder),
}

impl Builder {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Integer => Self::Integer(Int64Builder::new()),
            Kind::Number => Self::Number(Float64Builder::new()),
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Text => Self::Text(StringBuilder::new()),
        }
    }

    /// Appends `field`, or answers false if it is not of this column's kind.
    fn push(&mut self, field: &str) -> bool {
        match self {
            Self::Text(builder) => {
                builder.append_option((!field.is_empty()).then_some(field));
                true
            }
            Self::Integer(builder) if infer::is_null(field) => {
                builder.append_null();
                true
            }
            Self::Number(builder) if infer::is_null(field) => {
                builder.append_null();
                true
            }
            Self::Boolean(builder) if infer::is_null(field) => {
                builder.append_null();
                true
            }
            Self::Integer(builder) => {
                let value = field.parse().ok();
                builder.append_option(value);
                value.is_some()
            }
            Self::Number(builder) => {
                let value = field.parse().ok();
                builder.append_option(value);
                value.is_some()
            }
            Self::Boolean(builder) => {
                let value = infer::boolean(field);
                builder.append_option(value);
                value.is_some()
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Number(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
        }
    }
}
