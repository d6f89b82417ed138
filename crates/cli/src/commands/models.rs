//! `mainspring models`: registered models and what serves them.

use crate::client::ServerOption;
use crate::error::{CliError, ExitCode};
use crate::terminal::{ago, cell, say, say_json, table};
use clap::Args;

/// Show registered models, their versions and what serves them.
#[derive(Args)]
pub(crate) struct Models {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerOption,
}

impl Models {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let answer = self.server.client()?.get("/api/v1/models")?;
        if self.json {
            say_json(&answer);
            return Ok(ExitCode::Ok);
        }
        let mut rows = Vec::new();
        for model in answer["models"].as_array().into_iter().flatten() {
            for version in model["versions"].as_array().into_iter().flatten() {
                let number = &version["version"];
                let traffic = if model["serving"] == *number {
                    format!("{} %", 100 - model["weight"].as_i64().unwrap_or(0))
                } else if model["on_trial"] == *number {
                    format!("{} %", model["weight"])
                } else {
                    "–".to_owned()
                };
                let aliases: Vec<String> =
                    version["aliases"].as_array().into_iter().flatten().map(cell).collect();
                rows.push(vec![
                    cell(&model["name"]),
                    cell(number),
                    cell(&version["stage"]),
                    aliases.join(", "),
                    traffic,
                    cell(&version["metrics"]["auc"]),
                    ago(&version["created"]),
                    cell(&version["created_by"]),
                ]);
            }
        }
        if rows.is_empty() {
            say(
                "no model is registered yet; `mlflow.register_model(\"runs:/RUN/model\", NAME)` registers one",
            );
        } else {
            say(&table(&["MODEL", "VERSION", "STAGE", "ALIAS", "TRAFFIC", "AUC", "REGISTERED", "BY"], rows));
        }
        Ok(ExitCode::Ok)
    }
}
