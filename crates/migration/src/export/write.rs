//! An export from beginning to end: one transaction of the store that is filled.

use super::{registry, tracking};
use crate::mlflow::sqlite_path;
use crate::report::{Counts, LeftOut};
use crate::{MigrationError, Result};
use mainspring_metadata_store::{Cell, ForeignDatabase, Onlooker, ReadTx};
use serde::Serialize;
use std::path::PathBuf;

/// What an export wrote.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ExportReport {
    /// The store that was filled.
    pub target: String,
    /// What was written.
    pub written: Counts,
    /// What has no place there.
    pub left_out: Vec<LeftOut>,
    /// Artifact locations that only a server on our artifact folder can follow.
    pub proxied_locations: u64,
}

impl ExportReport {
    /// Counts a location that is written as it is.
    pub(super) fn location<'l>(&mut self, location: &'l str) -> &'l str {
        self.proxied_locations += u64::from(location.starts_with("mlflow-artifacts:"));
        location
    }
}

/// Writes everything into a SQLite store that MLflow has made and that is still empty. Nothing is
/// written when it does not come to its end.
///
/// # Errors
/// When there is no such store, something is in it, or it refuses.
pub fn export_mlflow(
    uri: &str,
    source: &Onlooker,
    progress: &mut dyn FnMut(&Counts),
) -> Result<ExportReport> {
    let path = sqlite_path(uri).or_else(|| (!uri.contains("://")).then(|| PathBuf::from(uri)));
    let Some(path) = path else {
        return Err(MigrationError::usage(
            format!("`{uri}` is no SQLite store"),
            "exports go into a file: sqlite:///PATH",
        ));
    };
    if !path.is_file() {
        return Err(MigrationError::usage(
            format!("there is no `{}`", path.display()),
            format!("let MLflow make its tables first: mlflow db upgrade sqlite:///{}", path.display()),
        ));
    }
    let place = path.display().to_string();
    let db = ForeignDatabase::open_sqlite_for_changes(&path)
        .map_err(|error| MigrationError::source(&place, &error))?;
    check_empty(&db, &place)?;
    let mut report = ExportReport { target: place, ..ExportReport::default() };
    db.change(|db| {
        source.read(|tx: &dyn ReadTx| {
            // MLflow makes it when it starts; ours takes its place.
            db.execute_many("DELETE FROM experiments", &[Vec::new()])?;
            tracking::write(db, tx, &mut report, progress)?;
            registry::write(db, tx, &mut report)
        })
    })?;
    Ok(report)
}

fn check_empty(db: &ForeignDatabase, place: &str) -> Result<()> {
    let columns = db.columns("experiments").map_err(|error| MigrationError::source(place, &error))?;
    if columns.is_empty() {
        return Err(MigrationError::usage(
            format!("`{place}` has no tables of MLflow's"),
            format!("let MLflow make them first: mlflow db upgrade sqlite:///{place}"),
        ));
    }
    let mut count = 0;
    let sql = "SELECT (SELECT COUNT(*) FROM experiments WHERE experiment_id <> 0)
                    + (SELECT COUNT(*) FROM runs) + (SELECT COUNT(*) FROM registered_models)";
    db.rows(sql, &[], 1, |cells| {
        if let Some(Cell::Integer(found)) = cells.first() {
            count = *found;
        }
        Ok::<_, MigrationError>(())
    })?;
    if count == 0 {
        return Ok(());
    }
    Err(MigrationError::usage(
        format!("`{place}` is not empty"),
        "exports fill a store that MLflow has just made; choose another file",
    ))
}
