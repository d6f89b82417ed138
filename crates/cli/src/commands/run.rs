//! `mainspring run DAGFILE`: run the graph of a file on the server and follow it.

use crate::client::{Client, ServerOption, encode};
use crate::error::{CliError, ExitCode};
use crate::terminal::{Colour, cell, note, paint, say, say_json};
use clap::Args;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often a run is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How long the server may take to read a new file.
const IMPORT: Duration = Duration::from_secs(35);
/// Lines of a failed task's log that are shown.
const TAIL: usize = 20;

/// Run the graph of a DAG file on the server and follow it to its end.
#[derive(Args)]
pub(crate) struct Run {
    /// The file, in the project's DAG folder.
    dag_file: PathBuf,
    /// Which graph, when the file has several.
    #[arg(long)]
    dag_id: Option<String>,
    /// What the run is given, as a JSON object.
    #[arg(long, default_value = "{}")]
    conf: String,
    /// Why; it is shown with the run.
    #[arg(long)]
    reason: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerOption,
}

impl Run {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let client = self.server.client()?;
        let conf: Map<String, Value> = serde_json::from_str(&self.conf).map_err(|error| {
            CliError::usage(format!("--conf is not a JSON object: {error}"))
                .hint("for example --conf '{\"train\": true}'")
        })?;
        if !self.dag_file.is_file() {
            return Err(CliError::usage(format!("there is no file `{}`", self.dag_file.display())));
        }
        let dag_id = find(&client, &self.dag_file, self.dag_id.as_deref())?;
        let body = json!({ "conf": conf, "reason": self.reason });
        let created = client.post(&format!("/api/v1/dags/{}/runs", encode(&dag_id)), &body)?;
        let run_id = cell(&created["run_id"]);
        note(&format!("run {run_id}"));
        let run = follow(&client, &run_id)?;
        if self.json {
            say_json(&run);
        } else {
            say(&format!("{dag_id}: {}", cell(&run["state"])));
        }
        Ok(if run["state"] == "success" { ExitCode::Ok } else { ExitCode::No })
    }
}

/// The graph of a file, as soon as the server has read it.
fn find(client: &Client, file: &std::path::Path, wanted: Option<&str>) -> Result<String, CliError> {
    client.post("/api/v1/dags/import", &json!({}))?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_file = |value: &Value| {
        value["file"].as_str().is_some_and(|path| path.rsplit('/').next() == Some(name.as_str()))
    };
    let since = Instant::now();
    loop {
        let answer = client.get("/api/v1/dags")?;
        if let Some(error) =
            answer["import_errors"].as_array().into_iter().flatten().find(|error| is_file(error))
        {
            let line = error["line"].as_i64().map(|line| format!(":{line}")).unwrap_or_default();
            return Err(CliError::usage(format!("{}{line}: {}", file.display(), cell(&error["message"]))));
        }
        let ids: Vec<String> = answer["dags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|dag| is_file(dag))
            .map(|dag| cell(&dag["spec"]["dag_id"]))
            .collect();
        match (wanted, ids.as_slice()) {
            (Some(wanted), ids) if ids.iter().any(|id| id == wanted) => return Ok(wanted.to_owned()),
            (None, [only]) => return Ok(only.clone()),
            (None, [_, _, ..]) => {
                return Err(CliError::usage(format!("`{name}` has several graphs: {}", ids.join(", ")))
                    .hint("choose one with --dag-id"));
            }
            _ if since.elapsed() > IMPORT => {
                return Err(CliError::usage(format!("the server does not know `{name}`")).hint(
                    "the file must lie in the project's DAG folder (`project.dags` in mainspring.toml)",
                ));
            }
            _ => std::thread::sleep(LOOK),
        }
    }
}

fn follow(client: &Client, run_id: &str) -> Result<Value, CliError> {
    let mut shown: HashMap<String, String> = HashMap::new();
    loop {
        let run = client.get(&format!("/api/v1/runs/{}", encode(run_id)))?;
        for task in run["tasks"].as_array().into_iter().flatten() {
            let (id, state) = (cell(&task["task_id"]), cell(&task["state"]));
            if state == "none" || shown.get(&id) == Some(&state) {
                continue;
            }
            show(client, run_id, task, &state)?;
            shown.insert(id, state);
        }
        if matches!(run["state"].as_str(), Some("success" | "failed")) {
            return Ok(run);
        }
        std::thread::sleep(LOOK);
    }
}

fn show(client: &Client, run_id: &str, task: &Value, state: &str) -> Result<(), CliError> {
    let colour = match state {
        "success" => Colour::Green,
        "failed" | "upstream_failed" => Colour::Red,
        "running" => Colour::Cyan,
        _ => Colour::Yellow,
    };
    let seconds = match (task["started"].as_i64(), task["ended"].as_i64()) {
        (Some(started), Some(ended)) => format!("  {:.1} s", (ended - started) as f64 / 1000.0),
        _ => String::new(),
    };
    let reason = task["reason"].as_str().map(|reason| format!("  {reason}")).unwrap_or_default();
    let id = cell(&task["task_id"]);
    note(&format!("  {} {id}{seconds}{reason}", paint(&format!("{state:<15}"), colour)));
    if state == "failed" && task["try_number"].as_u64() > Some(0) {
        let log = client.get_text(&format!(
            "/api/v1/runs/{}/tasks/{}/{}/log",
            encode(run_id),
            encode(&id),
            task["try_number"]
        ))?;
        let lines: Vec<&str> = log.lines().collect();
        for line in &lines[lines.len().saturating_sub(TAIL)..] {
            note(&format!("    │ {line}"));
        }
    }
    Ok(())
}
