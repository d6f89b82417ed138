//! An import from beginning to end.

use super::{Api, Location, file, rest, sql};
use crate::artifacts::Files;
use crate::import::{Importer, Options};
use crate::report::Report;
use crate::target::Target;
use crate::{MigrationError, Result};
use mainspring_metadata_store::ForeignDatabase;
use std::path::{Path, PathBuf};

/// Brings a whole MLflow store. `progress` is called with the report so far after each step.
///
/// # Errors
/// When the store cannot be read at all, or ours refuses. What is damaged within the store is
/// reported, and the rest is brought.
pub fn import_mlflow(
    location: &Location,
    target: Target,
    options: &Options,
    progress: &mut dyn FnMut(&Report),
) -> Result<Report> {
    let mut roots = options.artifact_roots.clone();
    let mut behind_proxy = roots.clone();
    for root in &roots {
        if !root.is_dir() {
            let message = format!("there is no folder `{}`", root.display());
            return Err(MigrationError::usage(message, "--artifact-root names a folder of artifacts"));
        }
    }
    let (name, base, api) = match location {
        Location::Files(path) => {
            let path = real(path)?;
            roots.push(path.clone());
            (path.display().to_string(), parent(&path), None)
        }
        Location::Sqlite(path) => {
            let path = real(path)?;
            // Not the whole folder of the database: others keep their files there too.
            roots.extend(["mlruns", "mlartifacts"].map(|name| parent(&path).join(name)));
            behind_proxy.push(parent(&path).join("mlartifacts"));
            (path.display().to_string(), parent(&path), None)
        }
        Location::Postgres(address) => (address.to_string(), here()?, None),
        Location::Server(url) => {
            let api = Api::new(url, options.token.clone());
            (api.shown().to_owned(), PathBuf::from("/"), Some(api))
        }
    };
    let files = Files::new(options.copying, &roots, &behind_proxy, base, api.clone());
    let mut importer = Importer::new(target, name.clone(), options.actor.clone(), files, progress);
    match (location, api) {
        (Location::Files(_), _) => file::read(Path::new(&name), &mut importer)?,
        (Location::Sqlite(path), _) => {
            let db =
                ForeignDatabase::open_sqlite(path).map_err(|error| MigrationError::source(&name, &error))?;
            sql::read(db, &name, &mut importer)?;
        }
        (Location::Postgres(address), _) => {
            let db = ForeignDatabase::open_postgres(address)
                .map_err(|error| MigrationError::source(&name, &error))?;
            sql::read(db, &name, &mut importer)?;
        }
        (Location::Server(_), Some(api)) => rest::read(&api, &mut importer)?,
        (Location::Server(_), None) => {}
    }
    importer.flush()?;
    Ok(importer.report)
}

fn real(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| MigrationError::source(path.display().to_string(), &error))
}

fn here() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| MigrationError::source(".", &error))
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map_or_else(|| PathBuf::from("/"), Path::to_path_buf)
}
