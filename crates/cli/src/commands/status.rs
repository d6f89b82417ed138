//! `mainspring status`: the loop in a few lines.

use crate::client::ServerOption;
use crate::error::{CliError, ExitCode};
use crate::terminal::{Colour, ago, cell, paint, say, say_json, table};
use clap::Args;

/// Show where the loop stands: its stages, the runs, mistakes in DAG files.
#[derive(Args)]
pub(crate) struct Status {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerOption,
}

impl Status {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let client = self.server.client()?;
        let snapshot = client.get("/api/v1/loop")?;
        let dags = client.get("/api/v1/dags")?;
        if self.json {
            let mut snapshot = snapshot;
            snapshot["import_errors"] = dags["import_errors"].clone();
            say_json(&snapshot);
            return Ok(ExitCode::Ok);
        }
        say(&format!("project {} at {}\n", cell(&snapshot["project"]["name"]), client.url()));
        let stages = snapshot["stages"].as_array().into_iter().flatten().map(|stage| {
            vec![
                cell(&stage["title"]),
                cell(&stage["state"]),
                cell(&stage["headline"]),
                ago(&stage["time"]),
                cell(&stage["detail"]),
            ]
        });
        say(&table(&["STAGE", "STATE", "RESULT", "WHEN", "DETAIL"], stages));
        let runs: Vec<Vec<String>> = snapshot["runs"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|run| {
                vec![cell(&run["run_id"]), cell(&run["state"]), ago(&run["created"]), cell(&run["reason"])]
            })
            .collect();
        if !runs.is_empty() {
            say("");
            say(&table(&["RUN", "STATE", "STARTED", "REASON"], runs));
        }
        for error in dags["import_errors"].as_array().into_iter().flatten() {
            let line = error["line"].as_i64().map(|line| format!(":{line}")).unwrap_or_default();
            say(&format!(
                "\n{} {}{line}: {}",
                paint("mistake in", Colour::Red),
                cell(&error["file"]),
                cell(&error["message"])
            ));
        }
        Ok(ExitCode::Ok)
    }
}
