//! Python environments and system packages that tests and the demonstration need.

use crate::shell::{exists, quietly};
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes (or reuses) a virtual environment with exactly the pinned packages; gives its interpreter.
pub(crate) fn venv(folder: &Path, requirements: &str) -> Result<PathBuf> {
    venv_with(folder, requirements, &[])
}

/// As [`venv`], with nothing but the packages that are named.
pub(crate) fn exact_venv(folder: &Path, requirements: &str) -> Result<PathBuf> {
    venv_with(folder, requirements, &["--no-deps"])
}

fn venv_with(folder: &Path, requirements: &str, options: &[&str]) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    let stamp = folder.join("requirements.stamp");
    if python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) {
        return Ok(python);
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    quietly(Command::new("python3").args(["-m", "venv"]).arg(folder))
        .context("making a virtual environment")?;
    let list = folder.join("requirements.txt");
    std::fs::write(&list, requirements)?;
    quietly(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(options)
            .arg("--requirement")
            .arg(&list),
    )
    .context("installing Python packages")?;
    std::fs::write(stamp, requirements)?;
    Ok(python)
}

/// The browser for UI tests; installed with the system's package manager when it is missing.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Ok(path.into());
    }
    if !exists("chromium") {
        quietly(Command::new("apt-get").arg("update")).context("looking for Chromium")?;
        quietly(
            Command::new("apt-get")
                .args(["install", "--yes", "--no-install-recommends", "chromium"])
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
        .context("installing Chromium; set CHROMIUM to an installed one to do without")?;
    }
    let found = quietly(Command::new("sh").args(["-c", "command -v chromium"]))?;
    let path = PathBuf::from(found.trim());
    if !path.exists() {
        bail!("Chromium is not to be found; set CHROMIUM to its path");
    }
    Ok(path)
}
