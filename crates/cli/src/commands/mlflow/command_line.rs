//! The commands of `mlflow`, as far as they are served.

use super::{artifacts::Artifacts, experiments::Experiments, gc::Gc, runs::Runs, server::MlflowServer};
use crate::error::{CliError, ExitCode};
use clap::{Parser, Subcommand};

/// Experiments, runs and artifacts of the server at MLFLOW_TRACKING_URI; and the server itself.
#[derive(Parser)]
#[command(name = "mlflow", version, max_term_width = 100)]
pub(crate) struct Mlflow {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Artifacts(Artifacts),
    Experiments(Experiments),
    Gc(Gc),
    Runs(Runs),
    /// Run the server.
    #[command(alias = "ui")]
    Server(Box<MlflowServer>),
}

impl Mlflow {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        match self.command {
            Command::Artifacts(command) => command.run(),
            Command::Experiments(command) => command.run(),
            Command::Gc(command) => command.run(),
            Command::Runs(command) => command.run(),
            Command::Server(command) => (*command).run(),
        }
    }
}
