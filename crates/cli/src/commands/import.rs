//! `mainspring import`: bring in what another tool has kept.

use super::import_wandb::Wandb;
use crate::error::{CliError, ExitCode};
use clap::{Args, Subcommand};

/// Bring in what another tool has kept.
#[derive(Args)]
pub(crate) struct Import {
    #[command(subcommand)]
    command: ImportCommand,
}

#[derive(Subcommand)]
enum ImportCommand {
    /// Runs of W&B clients, online or offline, from their `.wandb` files. What is there already
    /// counts nothing, so that an import can be repeated.
    Wandb(Wandb),
}

impl Import {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        match self.command {
            ImportCommand::Wandb(command) => command.run(),
        }
    }
}
