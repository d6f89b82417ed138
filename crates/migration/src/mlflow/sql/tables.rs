//! Tables whose columns depend on their age.

use crate::{MigrationError, Result};
use mainspring_domain::tracking::KeyValue;
use mainspring_metadata_store::{Cell, ForeignDatabase, StoreError};
use std::collections::HashMap;

/// A database with what its tables have.
pub(super) struct Tables {
    db: ForeignDatabase,
    place: String,
    columns: HashMap<&'static str, Vec<String>>,
}

/// The tables that are read.
const NAMES: [&str; 25] = [
    "alembic_version",
    "experiments",
    "experiment_tags",
    "runs",
    "params",
    "tags",
    "metrics",
    "datasets",
    "inputs",
    "input_tags",
    "logged_models",
    "logged_model_params",
    "logged_model_tags",
    "logged_model_metrics",
    "registered_models",
    "registered_model_tags",
    "registered_model_aliases",
    "model_versions",
    "model_version_tags",
    "trace_info",
    "trace_tags",
    "trace_request_metadata",
    "spans",
    "assessments",
    "entity_associations",
];

impl Tables {
    pub(super) fn of(db: ForeignDatabase, place: String) -> Result<Self> {
        let mut columns = HashMap::new();
        for name in NAMES {
            let found = db.columns(name).map_err(|error| MigrationError::source(&place, &error))?;
            columns.insert(name, found);
        }
        if columns["experiments"].is_empty() || columns["runs"].is_empty() {
            return Err(MigrationError::usage(
                format!("`{place}` is no store of MLflow: it has no experiments"),
                "name the database that `mlflow server --backend-store-uri` uses",
            ));
        }
        Ok(Self { db, place, columns })
    }

    pub(super) fn has(&self, table: &str, column: &str) -> bool {
        self.columns.get(table).is_some_and(|columns| columns.iter().any(|name| name == column))
    }

    pub(super) fn has_table(&self, table: &str) -> bool {
        self.columns.get(table).is_some_and(|columns| !columns.is_empty())
    }

    /// Hands the columns of a table's rows to `each`; those that it does not have are absent. `rest`
    /// follows the name of the table.
    pub(super) fn rows(
        &self,
        table: &str,
        columns: &[&str],
        rest: &str,
        values: &[Cell],
        mut each: impl FnMut(Cells<'_>) -> Result<()>,
    ) -> Result<()> {
        if !self.has_table(table) {
            return Ok(());
        }
        let list: Vec<String> = columns
            .iter()
            .map(|column| match self.has(table, column) {
                true => format!("\"{column}\""),
                false => "NULL".to_owned(),
            })
            .collect();
        let sql = format!("SELECT {} FROM {table} {rest}", list.join(", "));
        let read: std::result::Result<(), Ended> =
            self.db.rows(&sql, values, columns.len(), |cells| each(Cells(cells)).map_err(Ended::Stop));
        read.map_err(|ended| match ended {
            Ended::Unreadable(error) => MigrationError::source(format!("{}: {table}", self.place), &error),
            Ended::Stop(error) => error,
        })
    }

    /// Keys with values that belong to the owners in `ids`.
    pub(super) fn pairs(
        &self,
        table: &str,
        [owner, key, value]: [&str; 3],
        ids: &[Cell],
    ) -> Result<HashMap<String, Vec<KeyValue>>> {
        let mut pairs: HashMap<String, Vec<KeyValue>> = HashMap::new();
        let rest = format!("WHERE {owner} IN ({})", places(ids));
        self.rows(table, &[owner, key, value], &rest, ids, |cells| {
            if let (Some(owner), Some(key)) = (cells.text(0), cells.text(1)) {
                let pair = KeyValue { key: key.to_owned(), value: cells.text_or_empty(2) };
                pairs.entry(owner.to_owned()).or_default().push(pair);
            }
            Ok(())
        })?;
        Ok(pairs)
    }

    /// How many rows there are.
    pub(super) fn count(&self, table: &str, rest: &str) -> Result<u64> {
        if !self.has_table(table) {
            return Ok(0);
        }
        let mut count = 0;
        let sql = format!("SELECT COUNT(*) FROM {table} {rest}");
        let read: std::result::Result<(), StoreError> = self.db.rows(&sql, &[], 1, |cells| {
            count = Cells(cells).int(0).unwrap_or_default();
            Ok(())
        });
        read.map_err(|error| MigrationError::source(format!("{}: {table}", self.place), &error))?;
        Ok(count.try_into().unwrap_or_default())
    }
}

enum Ended {
    Unreadable(StoreError),
    Stop(MigrationError),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Unreadable(error)
    }
}

/// `?1, ?2, ...` for a list.
pub(super) fn places(values: &[Cell]) -> String {
    let places: Vec<String> = (1..=values.len()).map(|number| format!("?{number}")).collect();
    places.join(", ")
}

/// One row.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a>(pub(super) &'a [Cell]);

impl<'a> Cells<'a> {
    pub(super) fn text(&self, index: usize) -> Option<&'a str> {
        match self.0.get(index) {
            Some(Cell::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn owned(&self, index: usize) -> Option<String> {
        self.text(index).map(str::to_owned)
    }

    pub(super) fn text_or_empty(&self, index: usize) -> String {
        self.owned(index).unwrap_or_default()
    }

    pub(super) fn int(&self, index: usize) -> Option<i64> {
        match self.0.get(index) {
            Some(Cell::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// A number; SQLite has whole ones as integers.
    #[expect(clippy::cast_precision_loss, reason = "the column holds floating-point numbers")]
    pub(super) fn real(&self, index: usize) -> Option<f64> {
        match self.0.get(index) {
            Some(Cell::Real(number)) => Some(*number),
            Some(Cell::Integer(number)) => Some(*number as f64),
            _ => None,
        }
    }

    /// The columns that hold neither text nor a number.
    pub(super) fn unreadable(&self) -> bool {
        self.0.contains(&Cell::Unreadable)
    }
}
