//! The project a command works in.

use crate::error::CliError;
use std::path::{Path, PathBuf};

/// The nearest folder upwards that has a `mainspring.toml`, a `.dvc` folder or a `.git` folder;
/// the present folder when none has.
pub(crate) fn root() -> Result<PathBuf, CliError> {
    let here = std::env::current_dir()?;
    let found = here
        .ancestors()
        .find(|folder| ["mainspring.toml", ".dvc", ".git"].iter().any(|name| folder.join(name).exists()));
    Ok(found.map_or_else(|| here.clone(), Path::to_path_buf))
}

/// Whether this command runs within a pipeline's task, which tells the server what it found.
pub(crate) fn is_task() -> bool {
    std::env::var_os("MAINSPRING_ATTEMPT_ID").is_some()
}

/// An interpreter's path as it can be started: relative ones with a folder are taken from `root`.
pub(crate) fn absolute(root: &Path, path: &Path) -> PathBuf {
    if path.is_absolute() { path.to_path_buf() } else { root.join(path) }
}
