//! `mlflow experiments`

use super::output::{csv, json_text, object, table};
use super::tracking::{API, client, search, view};
use crate::client::encode;
use crate::error::{CliError, ExitCode};
use crate::terminal::{cell, say};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Experiments: make, find, rename, delete and restore them.
#[derive(Args)]
pub(crate) struct Experiments {
    #[command(subcommand)]
    command: Command,
}

/// The experiment that a command is about.
#[derive(Args)]
struct Which {
    /// The experiment's id.
    #[arg(long, short = 'x')]
    experiment_id: String,
}

#[derive(Subcommand)]
enum Command {
    /// Make an experiment.
    Create {
        /// Its name.
        #[arg(long, short = 'n')]
        experiment_name: String,
        /// Where its artifacts go; with the server when left out.
        #[arg(long, short = 'l')]
        artifact_location: Option<String>,
    },
    /// Show experiments.
    #[command(alias = "list")]
    Search {
        /// active_only, deleted_only or all.
        #[arg(long, short = 'v', default_value = "active_only", value_parser = view)]
        view: &'static str,
        /// How many at most.
        #[arg(long)]
        max_results: Option<usize>,
    },
    /// Show one experiment, by id or name.
    Get {
        /// Its id.
        #[arg(
            long,
            short = 'x',
            conflicts_with = "experiment_name",
            required_unless_present = "experiment_name"
        )]
        experiment_id: Option<String>,
        /// Its name.
        #[arg(long, short = 'n')]
        experiment_name: Option<String>,
        /// table or json.
        #[arg(long, default_value = "table", value_parser = ["table", "json"])]
        output: String,
    },
    /// Write the runs of an experiment as CSV.
    Csv {
        #[command(flatten)]
        which: Which,
        /// The file; the terminal when left out.
        #[arg(long, short = 'o')]
        filename: Option<PathBuf>,
    },
    /// Give an experiment another name.
    Rename {
        #[command(flatten)]
        which: Which,
        /// The new name.
        #[arg(long)]
        new_name: String,
    },
    /// Delete an experiment and its runs; `restore` brings them back.
    Delete(Which),
    /// Restore an experiment and the runs that were deleted with it.
    Restore(Which),
}

impl Experiments {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let client = client(None)?;
        let post = |path: &str, body: Value| client.post(&format!("{API}/experiments/{path}"), &body);
        match self.command {
            Command::Create { experiment_name: name, artifact_location } => {
                let body = json!({ "name": name, "artifact_location": artifact_location });
                let id = post("create", body)?;
                say(&format!("Created experiment '{name}' with id {}", cell(&id["experiment_id"])));
            }
            Command::Search { view, max_results } => {
                let most = max_results.unwrap_or(usize::MAX);
                let request = json!({ "view_type": view, "max_results": 1000 });
                let found = search(&client, "experiments/search", request, "experiments", most)?;
                let mut rows: Vec<Vec<String>> = found
                    .iter()
                    .map(|one| {
                        ["experiment_id", "name", "artifact_location"].map(|key| cell(&one[key])).to_vec()
                    })
                    .collect();
                rows.sort();
                say(&table(&["Experiment Id", "Name", "Artifact Location"], &rows));
            }
            Command::Get { experiment_id, experiment_name, output } => {
                let path = match (experiment_id, experiment_name) {
                    (Some(id), _) => format!("get?experiment_id={}", encode(&id)),
                    (None, name) => {
                        format!("get-by-name?experiment_name={}", encode(&name.unwrap_or_default()))
                    }
                };
                let found = client.get(&format!("{API}/experiments/{path}"))?;
                show(&found["experiment"], output == "json");
            }
            Command::Csv { which, filename } => {
                let id = which.experiment_id;
                let request = json!({ "experiment_ids": [&id], "max_results": 50_000 });
                let runs = search(&client, "runs/search", request, "runs", 100_000)?;
                let text = csv(&runs);
                let Some(file) = filename else {
                    say(&text);
                    return Ok(ExitCode::Ok);
                };
                std::fs::write(&file, text)?;
                say(&format!(
                    "Experiment with ID {id} has been exported as a CSV to file: {}.",
                    file.display()
                ));
            }
            Command::Rename { which, new_name } => {
                let id = which.experiment_id;
                post("update", json!({ "experiment_id": id, "new_name": new_name }))?;
                say(&format!("Experiment with id {id} has been renamed to '{new_name}'."));
            }
            Command::Delete(which) => {
                post("delete", json!({ "experiment_id": which.experiment_id }))?;
                say(&format!("Experiment with ID {} has been deleted.", which.experiment_id));
            }
            Command::Restore(which) => {
                post("restore", json!({ "experiment_id": which.experiment_id }))?;
                say(&format!("Experiment with id {} has been restored.", which.experiment_id));
            }
        }
        Ok(ExitCode::Ok)
    }
}

fn show(experiment: &Value, as_json: bool) {
    let tags = object(&experiment["tags"]);
    if as_json {
        let mut shown = experiment.clone();
        shown["tags"] = json!(tags);
        if let Some(fields) = shown.as_object_mut() {
            fields.sort_keys();
        }
        return say(&json_text(&shown, 2));
    }
    let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={}", cell(value))).collect();
    for (name, value) in [
        ("Experiment ID", cell(&experiment["experiment_id"])),
        ("Name", cell(&experiment["name"])),
        ("Artifact Location", cell(&experiment["artifact_location"])),
        ("Lifecycle Stage", cell(&experiment["lifecycle_stage"])),
        ("Creation Time", cell(&experiment["creation_time"])),
        ("Last Update Time", cell(&experiment["last_update_time"])),
        ("Tags", tags.join(", ")),
    ] {
        say(&format!("{name:<19}: {value}"));
    }
}
