//! `mlflow server`, when the binary is called by that name.

use crate::commands::artifact_options::ArtifactOptions;
use crate::commands::server::{Server, host};
use crate::error::{CliError, ExitCode};
use crate::terminal::note;
use clap::Args;
use std::net::IpAddr;
use std::path::PathBuf;

/// The options of `mlflow server`. Those that make no sense here are taken with a note.
// `-h` is the host there, so help has the long form only.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct MlflowServer {
    /// The address to listen on.
    #[arg(long, short = 'h', default_value = "127.0.0.1", env = "MLFLOW_HOST", value_parser = host)]
    host: IpAddr,
    /// The port to listen on.
    #[arg(long, short = 'p', default_value_t = 5000, env = "MLFLOW_PORT")]
    port: u16,
    /// Taken and not used: one process serves all.
    #[arg(long, short = 'w', env = "MLFLOW_WORKERS")]
    workers: Option<String>,
    /// A PostgreSQL database. Files of SQLite are not used: that store is in `.mainspring`.
    #[arg(long, env = "MLFLOW_BACKEND_STORE_URI", hide_env_values = true)]
    backend_store_uri: Option<String>,
    #[command(flatten)]
    artifacts: ArtifactOptions,
    /// Taken and not used: there is no other process whose options these could be.
    #[arg(long, alias = "uvicorn-opts", allow_hyphen_values = true)]
    gunicorn_opts: Option<String>,
    /// Taken: there are no workspaces.
    #[arg(long)]
    disable_workspaces: bool,
    /// Print help.
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

impl MlflowServer {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        // The store that `mlflow server` makes on one machine has its like in the data folder.
        let local =
            |uri: &String| uri.starts_with("sqlite:") || uri.starts_with("file:") || !uri.contains("://");
        let (files, database) = match self.backend_store_uri {
            Some(uri) if local(&uri) => (Some(uri), None),
            uri => (None, uri),
        };
        let unused = [
            ("--workers", self.workers),
            ("--backend-store-uri", files),
            ("--gunicorn-opts", self.gunicorn_opts),
        ];
        for (name, value) in unused {
            if let Some(value) = value {
                note(&format!("note: {name} {value} is not used; everything is kept in .mainspring"));
            }
        }
        Server {
            host: self.host,
            port: self.port,
            data_dir: PathBuf::from(".mainspring"),
            backend_store_uri: database,
            artifacts: self.artifacts,
        }
        .run()
    }
}
