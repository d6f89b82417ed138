//! A file's rows in typed columns.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use serde_json::Value;

use crate::column::Column;
use crate::infer::Kind;
use crate::lines::LineIndex;
use crate::read::{self, ReadOptions, TableError, Widening};

/// The rows of one CSV file, in memory.
#[derive(Debug, Clone)]
pub struct Table {
    file: PathBuf,
    columns: Vec<(String, Kind)>,
    batches: Vec<RecordBatch>,
    batch_rows: usize,
    rows: usize,
    lines: LineIndex,
    widenings: Vec<Widening>,
}

impl Table {
    /// Reads a CSV file with a header line.
    ///
    /// The kinds of the columns come from the first 10,000 rows; where a later row does not fit, its
    /// column becomes text and [`Table::widenings`] names the row.
    ///
    /// # Errors
    /// [`TableError`] for an unreadable or empty file, a ragged or non-UTF-8 row, a repeated column.
    pub fn read_csv(path: &Path) -> Result<Self, TableError> {
        Self::read_csv_with(path, &ReadOptions::default())
    }

    /// As [`Table::read_csv`], with other limits.
    ///
    /// # Errors
    /// As [`Table::read_csv`].
    pub fn read_csv_with(path: &Path, options: &ReadOptions) -> Result<Self, TableError> {
        let unreadable = |source| TableError::Io { file: path.to_path_buf(), source };
        let mut text = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(options.max_bytes + 1).read_to_end(&mut text).map_err(unreadable)?;
        if text.len() as u64 > options.max_bytes {
            return Err(TableError::TooLarge { file: path.to_path_buf(), max_bytes: options.max_bytes });
        }
        let contents = read::read(path, options, &text)?;
        Ok(Self::of(path, options, contents))
    }

    /// Reads CSV text; `name` stands for the file in messages.
    ///
    /// # Errors
    /// As [`Table::read_csv`].
    pub fn parse_csv(text: &str, name: &Path) -> Result<Self, TableError> {
        let options = ReadOptions::default();
        let contents = read::read(name, &options, text.as_bytes())?;
        Ok(Self::of(name, &options, contents))
    }

    fn of(file: &Path, options: &ReadOptions, contents: read::Contents) -> Self {
        Self {
            file: file.to_path_buf(),
            columns: contents.columns,
            batches: contents.batches,
            batch_rows: options.batch_rows,
            rows: contents.rows,
            lines: contents.lines,
            widenings: contents.widenings,
        }
    }

    /// The file, as the caller named it.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Number of rows, the header not counted.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The line of the file on which `row` (from 0) starts, from 1.
    #[must_use]
    pub fn line(&self, row: usize) -> u64 {
        self.lines.line(row)
    }

    /// Columns that turned out to be text after their first rows looked like something narrower.
    #[must_use]
    pub fn widenings(&self) -> &[Widening] {
        &self.widenings
    }

    /// The Arrow batches, in order.
    #[must_use]
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// Names and kinds of the columns, in the order of the file.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = Column<'_>> {
        (0..self.columns.len()).map(|index| Column::new(self, index))
    }

    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<Column<'_>> {
        let index = self.columns.iter().position(|(column, _)| column == name)?;
        Some(Column::new(self, index))
    }

    /// The column of that name.
    ///
    /// # Errors
    /// [`TableError::NoColumn`], which lists the columns there are.
    pub fn require(&self, name: &str) -> Result<Column<'_>, TableError> {
        self.column(name).ok_or_else(|| TableError::NoColumn {
            file: self.file.clone(),
            column: name.to_owned(),
            columns: self.columns.iter().map(|(name, _)| name.clone()).collect(),
        })
    }

    /// The numbers of a column, nulls as `None`; booleans count as 0 and 1.
    ///
    /// # Errors
    /// [`TableError::NoColumn`], or [`TableError::NotNumeric`] for a text column.
    pub fn f64_values(&self, name: &str) -> Result<Vec<Option<f64>>, TableError> {
        let column = self.require(name)?;
        if column.kind() == Kind::Text {
            return Err(TableError::NotNumeric {
                file: self.file.clone(),
                column: name.to_owned(),
                found: column.kind().name(),
            });
        }
        Ok(column.numbers().collect())
    }

    /// The values of a row, one for each column, as JSON scalars.
    #[must_use]
    pub fn row(&self, row: usize) -> Vec<Value> {
        self.columns().map(|column| column.value(row)).collect()
    }

    pub(crate) fn described(&self, index: usize) -> (&str, Kind) {
        let (name, kind) = &self.columns[index];
        (name, *kind)
    }

    /// The batch that holds `row`, and the row's place in it.
    pub(crate) fn locate(&self, row: usize) -> Option<(&RecordBatch, usize)> {
        let batch = self.batches.get(row / self.batch_rows)?;
        let place = row % self.batch_rows;
        (place < batch.num_rows()).then_some((batch, place))
    }
}
