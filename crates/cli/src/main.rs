//! The `mainspring` binary. One file per command in [`commands`]; called `mlflow` by its link name,
//! it takes that tool's command line.

mod client;
mod commands;
mod error;
mod project;
mod terminal;

use clap::{Parser, Subcommand};
use error::{CliError, ExitCode};

/// The MLOps core in one process: data, experiments, pipelines, gates, registry, delivery,
/// monitoring, and the loop that joins them.
#[derive(Parser)]
#[command(name = "mainspring", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init(commands::init::Init),
    Import(commands::import::Import),
    Server(commands::server::Server),
    Run(commands::run::Run),
    Status(commands::status::Status),
    Models(commands::models::Models),
    Deploy(commands::deploy::Deploy),
    Rollouts(commands::rollouts::Rollouts),
    Ab(commands::ab::Ab),
    Why(commands::why::Why),
    Audit(commands::audit::Audit),
    Users(commands::users::Users),
    Export(commands::export::Export),
    Validate(commands::validate::Validate),
    Data(commands::data::Data),
    TestModel(commands::test_model::TestModel),
    #[command(hide = true)]
    Supervise(commands::supervise::Supervise),
}

fn main() -> std::process::ExitCode {
    let called_as = std::env::args_os().next().map(std::path::PathBuf::from);
    let as_mlflow =
        called_as.as_deref().and_then(std::path::Path::file_name).is_some_and(|name| name == "mlflow");
    let result = if as_mlflow { commands::mlflow::Mlflow::parse().run() } else { run(Cli::parse().command) };
    match result {
        Ok(code) => code.into(),
        Err(error) => {
            terminal::complain(&error);
            error.exit_code().into()
        }
    }
}

fn run(command: Command) -> Result<ExitCode, CliError> {
    match command {
        Command::Init(command) => command.run(),
        Command::Import(command) => command.run(),
        Command::Server(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Models(command) => command.run(),
        Command::Deploy(command) => command.run(),
        Command::Rollouts(command) => command.run(),
        Command::Ab(command) => command.run(),
        Command::Why(command) => command.run(),
        Command::Audit(command) => command.run(),
        Command::Users(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Validate(command) => command.run(),
        Command::Data(command) => command.run(),
        Command::TestModel(command) => command.run(),
        Command::Supervise(command) => command.run(),
    }
}
