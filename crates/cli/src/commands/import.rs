//! `mainspring import`: bring in what another tool has kept.

use super::import_wandb::Wandb;
use crate::commands::server::{BACKEND_STORE, backend};
use crate::error::{CliError, ExitCode};
use crate::project;
use crate::terminal::{Progress, say, say_json, table};
use clap::{Args, Subcommand, ValueEnum};
use mainspring_artifact_store::{ArtifactSettings, ArtifactStore, Artifacts};
use mainspring_domain::{Actor, SystemClock};
use mainspring_metadata_store::{Onlooker, Store};
use mainspring_migration::{
    Copying, Counts, Location, MigrationError, Opened, Options, Report, Target, import_mlflow,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Things of one kind that the text report shows.
const SHOWN: usize = 20;

/// Bring in what another tool has kept.
#[derive(Args)]
pub(crate) struct Import {
    #[command(subcommand)]
    command: ImportCommand,
}

#[derive(Subcommand)]
enum ImportCommand {
    /// Bring in a whole MLflow store: experiments, runs, models, versions and their artifacts. What is
    /// there already stays as it is, so an import that was interrupted is started again.
    Mlflow(Mlflow),
    /// Runs of W&B clients, online or offline, from their `.wandb` files. What is there already
    /// counts nothing, so that an import can be repeated.
    Wandb(Wandb),
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// Files in folders and behind MLflow's artifact proxy are copied; other locations, such as s3://,
    /// stay.
    Copy,
    /// All locations stay as they are.
    Reference,
}

#[derive(Args)]
struct Mlflow {
    /// A folder such as ./mlruns, sqlite:///PATH, postgresql://USER:PASSWORD@HOST/DATABASE, or
    /// http://HOST:PORT (with MLFLOW_TRACKING_TOKEN).
    uri: String,
    /// What happens to artifacts.
    #[arg(long, value_enum, default_value = "copy")]
    artifacts: Mode,
    /// A folder that artifact files may be taken from: the one that `mlflow server` serves, or one that
    /// experiments name. May be given several times.
    #[arg(long, value_name = "FOLDER")]
    artifact_root: Vec<PathBuf>,
    /// Where the server keeps artifacts, when it was started with this option.
    #[arg(long, value_name = "URI", env = "MLFLOW_ARTIFACTS_DESTINATION")]
    artifacts_destination: Option<String>,
    /// Only say what would be brought and what is in the way.
    #[arg(long)]
    dry_run: bool,
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

pub(crate) fn failed(error: &MigrationError) -> CliError {
    let message = error.to_string();
    let failed = match error {
        MigrationError::Usage { .. } => CliError::usage(message),
        _ => CliError::outside(message),
    };
    match error.hint() {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}

impl Import {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        match self.command {
            ImportCommand::Mlflow(mlflow) => mlflow.run(),
            ImportCommand::Wandb(wandb) => wandb.run(),
        }
    }
}

impl Mlflow {
    fn run(self) -> Result<ExitCode, CliError> {
        let location = Location::parse(&self.uri).map_err(|error| failed(&error))?;
        let data_dir = project::absolute(&project::root()?, &self.data_dir);
        let backend = backend(self.backend_store_uri.as_deref())?;
        let store = |error| failed(&MigrationError::from(error));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build()?;
        let target = if self.dry_run {
            Target::Look(Onlooker::open(&backend, &data_dir).map_err(store)?)
        } else {
            let opened = Store::open_on(backend, &data_dir, Arc::new(SystemClock)).map_err(store)?;
            let artifacts = own_artifacts(self.artifacts_destination, &data_dir)?;
            Target::Store(Opened { store: opened, artifacts, runtime: runtime.handle().clone() })
        };
        let options = Options {
            copying: match self.artifacts {
                Mode::Copy => Copying::Copy,
                Mode::Reference => Copying::Reference,
            },
            artifact_roots: self.artifact_root,
            token: std::env::var("MLFLOW_TRACKING_TOKEN").ok().filter(|token| !token.is_empty()),
            actor: user(),
        };
        let progress = Progress::start();
        let report = import_mlflow(&location, target, &options, &mut |report| {
            progress.show(&counted(&report.brought));
        });
        progress.end();
        let report = report.map_err(|error| failed(&error))?;
        if self.json {
            say_json(&serde_json::to_value(&report).unwrap_or_default());
        } else {
            say(&shown(&report));
        }
        Ok(ExitCode::Ok)
    }
}

/// The store that the server of this data folder keeps artifacts in.
fn own_artifacts(destination: Option<String>, data_dir: &Path) -> Result<ArtifactStore, CliError> {
    let settings = ArtifactSettings {
        destination,
        default_root: None,
        serve: true,
        base: std::env::current_dir()?,
        data_dir: data_dir.to_path_buf(),
    };
    let opened = Artifacts::open(&settings).and_then(|artifacts| artifacts.own().cloned());
    opened.map_err(|error| CliError::outside(error.to_string()).hint("look at --artifacts-destination"))
}

/// Who runs this command.
pub(crate) fn user() -> Actor {
    let name = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    Actor::user(name.filter(|name| !name.is_empty()).as_deref().unwrap_or("anonymous"))
}

/// What has come so far, on one line.
pub(crate) fn counted(counts: &Counts) -> String {
    let parts: Vec<String> = counts
        .named()
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .take(5)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    parts.join(", ")
}

fn shown(report: &Report) -> String {
    let mut text = match report.dry_run {
        true => format!("{}: nothing was written; this would be brought:\n", report.source),
        false => format!("{}: brought\n", report.source),
    };
    let rows = report.brought.named().into_iter().zip(report.already_there.named());
    let rows = rows
        .filter(|((_, brought), (_, there))| brought + there > 0)
        .map(|((name, brought), (_, there))| vec![name.to_owned(), brought.to_string(), there.to_string()]);
    text.push_str(&table(&["WHAT", "BROUGHT", "ALREADY THERE"], rows));
    for mapped in report.mapped.iter().take(SHOWN) {
        text.push_str(&format!("\n{} is {} here", mapped.what, mapped.to));
    }
    if report.mapped.len() > SHOWN {
        text.push_str(&format!("\n... and {} others; --json has them", report.mapped.len() - SHOWN));
    }
    for (scheme, count) in &report.kept_locations {
        text.push_str(&format!("\n{count} artifact locations stay where they are ({scheme})"));
    }
    if report.absent_folders > 0 {
        text.push_str(&format!(
            "\n{} artifact folders were not found: runs that logged no file have none",
            report.absent_folders
        ));
    }
    if report.infinities > 0 {
        text.push_str(&format!(
            "\n{} infinite values are the largest finite number here, as in MLflow's databases",
            report.infinities
        ));
    }
    if report.left_out_count > 0 {
        text.push_str(&format!("\n\n{} things were left out:", report.left_out_count));
    }
    for one in report.left_out.iter().take(SHOWN) {
        text.push_str(&format!("\n  {}: {}", one.place, one.why));
    }
    if report.left_out_count > SHOWN as u64 {
        text.push_str(&format!(
            "\n  ... and {} others; --json has them",
            report.left_out_count - SHOWN as u64
        ));
    }
    text
}
