//! `mlflow runs`

use super::output::{date, description, json_text, table};
use super::tracking::{API, client, run, search, view};
use crate::error::{CliError, ExitCode};
use crate::terminal::say;
use clap::{Args, Subcommand};
use serde_json::json;

/// Runs: find, show, delete and restore them.
#[derive(Args)]
pub(crate) struct Runs {
    #[command(subcommand)]
    command: Command,
}

/// The run that a command is about.
#[derive(Args)]
struct Which {
    /// The run's id.
    #[arg(long)]
    run_id: String,
}

#[derive(Subcommand)]
enum Command {
    /// Show the runs of an experiment.
    List {
        /// The experiment's id.
        #[arg(long, env = "MLFLOW_EXPERIMENT_ID")]
        experiment_id: String,
        /// active_only, deleted_only or all.
        #[arg(long, short = 'v', default_value = "active_only", value_parser = view)]
        view: &'static str,
    },
    /// Show all of a run as JSON.
    Describe(Which),
    /// Delete a run; `restore` brings it back.
    Delete(Which),
    /// Restore a deleted run.
    Restore(Which),
}

impl Runs {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let client = client(None)?;
        match self.command {
            Command::List { experiment_id, view } => {
                let request =
                    json!({ "experiment_ids": [experiment_id], "run_view_type": view, "max_results": 1000 });
                let found = search(&client, "runs/search", request, "runs", usize::MAX)?;
                let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                let mut rows: Vec<Vec<String>> = found
                    .iter()
                    .map(|run| {
                        let info = &run["info"];
                        vec![date(&info["start_time"]), text(&info["run_name"]), text(&info["run_id"])]
                    })
                    .collect();
                rows.sort_by(|a, b| b.cmp(a));
                say(&table(&["Date", "Name", "ID"], &rows));
            }
            Command::Describe(which) => {
                say(&json_text(&description(&run(&client, &which.run_id)?), 4));
            }
            Command::Delete(which) => {
                client.post(&format!("{API}/runs/delete"), &json!({ "run_id": which.run_id }))?;
                say(&format!("Run with ID {} has been deleted.", which.run_id));
            }
            Command::Restore(which) => {
                client.post(&format!("{API}/runs/restore"), &json!({ "run_id": which.run_id }))?;
                say(&format!("Run with id {} has been restored.", which.run_id));
            }
        }
        Ok(ExitCode::Ok)
    }
}
