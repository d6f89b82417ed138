//! Building the web UI and the binary.

use crate::shell::{quietly, root, run, target};
use anyhow::{Context as _, Result};
use std::path::PathBuf;
use std::process::Command;
use std::time::SystemTime;

/// Builds the web UI into `ui/dist`. Dependencies are installed when the lock file changed.
pub(crate) fn ui() -> Result<()> {
    let ui = root().join("ui");
    let modified = |path: PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let installed = modified(ui.join("node_modules/.package-lock.json"));
    let locked = modified(ui.join("package-lock.json")).unwrap_or(SystemTime::UNIX_EPOCH);
    if installed.is_none_or(|installed| installed < locked) {
        quietly(
            Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&ui),
        )
        .context("installing the packages of the web UI")?;
    }
    quietly(Command::new("npm").args(["run", "build"]).current_dir(&ui)).context("building the web UI")?;
    Ok(())
}

/// Builds the release binary and gives its path. The web UI must have been built before.
pub(crate) fn binary() -> Result<PathBuf> {
    run(Command::new(env!("CARGO"))
        .args(["build", "--release", "--package", "mainspring-cli"])
        .current_dir(root()))?;
    Ok(target().join("release/mainspring"))
}
