//! `mainspring supervise FOLDER`: the process that looks after one task attempt.

use crate::error::{CliError, ExitCode};
use clap::Args;
use std::path::PathBuf;

/// Supervise one task attempt (started by the server).
#[derive(Args)]
pub(crate) struct Supervise {
    /// The attempt's folder.
    folder: PathBuf,
}

impl Supervise {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        mainspring_executors::supervise(&self.folder)
            .map_err(|error| CliError::outside(error.to_string()))?;
        Ok(ExitCode::Ok)
    }
}
