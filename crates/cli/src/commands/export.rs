//! `mainspring export`: write what is here for another tool.

use crate::commands::import::{counted, failed};
use crate::commands::server::{BACKEND_STORE, backend};
use crate::error::{CliError, ExitCode};
use crate::project;
use crate::terminal::{Progress, say, say_json, table};
use clap::{Args, Subcommand};
use mainspring_metadata_store::Onlooker;
use mainspring_migration::{ExportReport, MigrationError, export_mlflow};
use std::path::{Path, PathBuf};

/// Write what is here for another tool.
#[derive(Args)]
pub(crate) struct Export {
    #[command(subcommand)]
    command: ExportCommand,
}

#[derive(Subcommand)]
enum ExportCommand {
    /// Fill an empty SQLite store of MLflow's, as `mlflow db upgrade sqlite:///PATH` makes it. The server
    /// may run meanwhile.
    Mlflow(Mlflow),
}

#[derive(Args)]
struct Mlflow {
    /// The store to fill: sqlite:///PATH.
    uri: String,
    /// The server's folder; relative to the project.
    #[arg(long, default_value = ".mainspring")]
    data_dir: PathBuf,
    /// The server's PostgreSQL database, when it has one.
    #[arg(long, value_name = "URI", env = BACKEND_STORE, hide_env_values = true)]
    backend_store_uri: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Export {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let ExportCommand::Mlflow(mlflow) = self.command;
        let data_dir = project::absolute(&project::root()?, &mlflow.data_dir);
        let backend = backend(mlflow.backend_store_uri.as_deref())?;
        let source = Onlooker::open(&backend, &data_dir)
            .map_err(|error| failed(&MigrationError::from(error)))?
            .ok_or_else(|| {
                CliError::usage(format!("there is nothing to export in `{}`", data_dir.display()))
                    .hint("name the server's folder with --data-dir")
            })?;
        let progress = Progress::start();
        let report = export_mlflow(&mlflow.uri, &source, &mut |counts| progress.show(&counted(counts)));
        progress.end();
        let report = report.map_err(|error| failed(&error))?;
        if mlflow.json {
            say_json(&serde_json::to_value(&report).unwrap_or_default());
        } else {
            say(&shown(&report, &data_dir));
        }
        Ok(ExitCode::Ok)
    }
}

fn shown(report: &ExportReport, data_dir: &Path) -> String {
    let rows = report.written.named().into_iter().filter(|(_, count)| *count > 0);
    let mut text = format!("{}: written\n", report.target);
    text.push_str(&table(
        &["WHAT", "WRITTEN"],
        rows.map(|(name, count)| vec![name.to_owned(), count.to_string()]),
    ));
    for one in &report.left_out {
        text.push_str(&format!("\nleft out: {}: {}", one.place, one.why));
    }
    if report.proxied_locations > 0 {
        text.push_str(&format!(
            "\n\n{} artifact locations are served by a server; to serve the files from here:\n  \
             mlflow server --backend-store-uri sqlite:///{} --serve-artifacts --artifacts-destination {}",
            report.proxied_locations,
            report.target,
            data_dir.join("artifacts").display()
        ));
    }
    text
}
