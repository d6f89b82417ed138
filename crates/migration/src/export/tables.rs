//! Tables of the store that is filled. It was made by MLflow, and its schema is of that version.

use crate::report::LeftOut;
use crate::{MigrationError, Result};
use mainspring_metadata_store::{Cell, ForeignDatabase};

/// Rows that are written at a time.
const BATCH: usize = 1000;

/// A table and the rows that wait for it.
pub(super) struct Table {
    name: &'static str,
    sql: String,
    /// The places of the columns that the table has.
    kept: Vec<usize>,
    waiting: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with the columns that are to be filled. Those that it does not have are reported.
    pub(super) fn of(
        db: &ForeignDatabase,
        name: &'static str,
        columns: &[&str],
        left_out: &mut Vec<LeftOut>,
    ) -> Result<Self> {
        let there = db.columns(name)?;
        let mut missing = |place: String| {
            left_out.push(LeftOut {
                place,
                why: "the schema of this MLflow version has no such place".to_owned(),
            });
        };
        if there.is_empty() {
            missing(name.to_owned());
            return Ok(Self { name, sql: String::new(), kept: Vec::new(), waiting: Vec::new() });
        }
        let mut kept = Vec::new();
        for (place, column) in columns.iter().enumerate() {
            if there.iter().any(|name| name == column) {
                kept.push(place);
            } else {
                missing(format!("{name}.{column}"));
            }
        }
        let names: Vec<String> = kept.iter().map(|place| format!("\"{}\"", columns[*place])).collect();
        let places: Vec<String> = (1..=kept.len()).map(|number| format!("?{number}")).collect();
        let sql = format!("INSERT INTO {name} ({}) VALUES ({})", names.join(", "), places.join(", "));
        Ok(Self { name, sql, kept, waiting: Vec::new() })
    }

    /// Adds a row, in the order of the columns.
    pub(super) fn add<const N: usize>(&mut self, db: &ForeignDatabase, row: [Cell; N]) -> Result<()> {
        if self.kept.is_empty() {
            return Ok(());
        }
        let row = row.into_iter().enumerate().filter(|(place, _)| self.kept.contains(place));
        self.waiting.push(row.map(|(_, cell)| cell).collect());
        if self.waiting.len() >= BATCH { self.flush(db) } else { Ok(()) }
    }

    /// Writes the rows that wait.
    pub(super) fn flush(&mut self, db: &ForeignDatabase) -> Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        db.execute_many(&self.sql, &rows).map_err(|error| MigrationError::source(self.name, &error))
    }
}
