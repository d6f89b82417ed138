//! The Python package that runs tasks and models, carried inside the binary.

use crate::{ExecutorError, write_atomically};
use rust_embed::RustEmbed;
use std::path::{Path, PathBuf};

#[derive(RustEmbed)]
#[folder = "../../python/mainspring"]
#[include = "*.py"]
#[allow_missing = true]
struct Package;

/// Writes the package below `directory` and gives the folder to put on `PYTHONPATH`.
///
/// # Errors
/// When a file cannot be written.
pub fn install_python_package(directory: &Path) -> Result<PathBuf, ExecutorError> {
    for name in Package::iter() {
        let Some(file) = Package::get(&name) else { continue };
        let path = directory.join("mainspring").join(name.as_ref());
        if std::fs::read(&path).is_ok_and(|present| present == *file.data) {
            continue;
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| ExecutorError::file(folder, &error))?;
        }
        write_atomically(&path, &file.data)?;
    }
    Ok(directory.to_path_buf())
}
