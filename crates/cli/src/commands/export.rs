//! `mainspring export`: write what is here for another tool.

use crate::client::{ServerOption, encode};
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
    /// Write what is deployed as manifests for Argo Rollouts.
    ArgoRollouts {
        /// The image of the pods: it serves the model that `MODEL_URI` names on port 8080.
        #[arg(long)]
        image: String,
        #[command(flatten)]
        deployed: Deployed,
    },
    /// Write what is deployed as a KServe InferenceService.
    Kserve(Deployed),
    /// Write what is deployed as Models and an Experiment of Seldon Core 2.
    Seldon(Deployed),
}

#[derive(Args)]
struct Deployed {
    /// The model, or NAME@STAGE.
    model: String,
    #[command(flatten)]
    server: ServerOption,
}

impl Deployed {
    fn write(self, target: &str, image: Option<&str>) -> Result<ExitCode, CliError> {
        let image = image.map(|image| format!("&image={}", encode(image))).unwrap_or_default();
        let path = format!("/api/v1/deployments/{}/manifests?target={target}{image}", encode(&self.model));
        say(self.server.client()?.get_text(&path)?.trim_end());
        Ok(ExitCode::Ok)
    }
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
        let mlflow = match self.command {
            ExportCommand::Mlflow(mlflow) => mlflow,
            ExportCommand::ArgoRollouts { image, deployed } => {
                return deployed.write("argo-rollouts", Some(&image));
            }
            ExportCommand::Kserve(deployed) => return deployed.write("kserve", None),
            ExportCommand::Seldon(deployed) => return deployed.write("seldon", None),
        };
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
