//! `mainspring test-model`: the model gate.

use crate::client::{Client, ServerOption, encode};
use crate::error::{CliError, ExitCode};
use crate::terminal::{note, say, say_json};
use clap::Args;
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_executors::install_python_package;
use mainspring_model_testing::{
    Battery, BatteryReport, PredictError, Predictor, Verdict, render_text, run, to_junit, to_markdown,
};
use mainspring_serving::{ModelServer, Rows, ServerSettings};
use mainspring_tables::{Profile, Table};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Rows that are sent to a worker at once.
const CHUNK: usize = 2000;
/// Where in the run's artifacts the training profile goes: the monitor looks for it there.
const PROFILE: &str = "mainspring/profile.json";

/// Test a model with a battery of checks. Exit code 1 when it does not pass.
#[derive(Args)]
pub(crate) struct TestModel {
    /// The model: runs:/RUN/PATH, models:/NAME/VERSION or models:/NAME@ALIAS; a model of a workspace
    /// also as models:/WORKSPACE:NAME/VERSION.
    #[arg(long)]
    model: String,
    /// Held-out rows with their label, CSV.
    #[arg(long)]
    data: PathBuf,
    /// The label's column.
    #[arg(long)]
    label: Option<String>,
    /// The battery: which checks, with which limits.
    #[arg(long)]
    battery: PathBuf,
    /// A model to compare with; when it does not exist, checks that need it say so.
    #[arg(long)]
    against: Option<String>,
    /// Rows the model was trained on, with their `score`: their profile is kept with the run, and the
    /// monitor compares live traffic with it.
    #[arg(long)]
    reference: Option<PathBuf>,
    /// The workspace of models whose URI names none, and of runs. Default: the default workspace.
    #[arg(long, env = "MLFLOW_WORKSPACE", default_value = "", hide_default_value = true)]
    workspace: String,
    /// The interpreter that runs the models.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Write JUnit XML.
    #[arg(long)]
    junit: Option<PathBuf>,
    /// Write Markdown.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerOption,
}

/// A model found on the server.
struct Found {
    /// The connection within its workspace.
    client: Client,
    artifact_path: String,
    run_id: Option<String>,
}

impl TestModel {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let text = std::fs::read_to_string(&self.battery).map_err(|error| {
            CliError::usage(format!("cannot read the battery `{}`: {error}", self.battery.display()))
        })?;
        let mut battery = Battery::parse(&text, &self.battery)
            .map_err(|error| CliError::usage(error.to_string()).hint(error.hint()))?;
        if let Some(label) = &self.label {
            battery.label.clone_from(label);
        }
        let table = read_table(&self.data)?;
        let server = self.server.client()?;
        let scratch = tempfile::tempdir()?;
        let runtime = Runtime::new()?;
        let candidate = find(&server, &self.workspace, &self.model)?
            .ok_or_else(|| CliError::usage(format!("there is no model `{}`", self.model)))?;
        let champion = match &self.against {
            Some(uri) => find(&server, &self.workspace, uri)?,
            None => None,
        };
        if let (Some(uri), None) = (&self.against, &champion) {
            refuse_if_something_serves(&server, &self.workspace, uri)?;
            note(&format!("there is no `{uri}` yet: nothing to compare with"));
        }
        let start = |found: &Found, name: &str| {
            let folder = scratch.path().join(name);
            found.client.download_artifacts(&found.artifact_path, &folder)?;
            self.start(&runtime, scratch.path(), name, folder)
        };
        let mut first = start(&candidate, "candidate")?;
        let mut second = champion.as_ref().map(|found| start(found, "champion")).transpose()?;
        let against = second.as_mut().map(|worker| worker as &mut dyn Predictor);
        let report = run(&battery, &table, &mut first, against);
        if let (Some(reference), Some(run_id)) = (&self.reference, &candidate.run_id) {
            store_profile(&candidate.client, reference, run_id)?;
        }
        let summary = summary(&report);
        if let Some(run_id) = &candidate.run_id {
            tell_server(&server, run_id, &report, &summary)?;
        }
        self.print(&report, &summary)?;
        Ok(if report.verdict == Verdict::Pass { ExitCode::Ok } else { ExitCode::No })
    }

    fn start<'a>(
        &self,
        runtime: &'a Runtime,
        scratch: &Path,
        name: &str,
        folder: PathBuf,
    ) -> Result<Worker<'a>, CliError> {
        let python_path =
            install_python_package(&scratch.join("python")).map_err(|e| CliError::outside(e.to_string()))?;
        let settings = ServerSettings {
            request_timeout: Duration::from_secs(120),
            role: "testing",
            ..ServerSettings::new(self.python.clone(), python_path, scratch.join("logs"))
        };
        let server = runtime
            .block_on(ModelServer::start(name, folder, settings))
            .map_err(|error| CliError::no(format!("the {name} cannot be served: {error}")))?;
        let inputs = server.inputs().unwrap_or_default();
        let columns = inputs.iter().map(|input| input.name.clone()).collect();
        Ok(Worker { runtime, server, columns })
    }

    /// The summary comes last: it is what a pipeline shows of a failed task.
    fn print(&self, report: &BatteryReport, summary: &str) -> Result<(), CliError> {
        if let Some(path) = &self.junit {
            std::fs::write(path, to_junit(report))?;
        }
        if let Some(path) = &self.markdown {
            std::fs::write(path, to_markdown(report))?;
        }
        if self.json {
            say_json(&json!(report));
        } else {
            say(&render_text(report));
            say(summary);
        }
        Ok(())
    }
}

fn read_table(path: &Path) -> Result<Table, CliError> {
    Table::read_csv(path).map_err(|error| CliError::usage(error.to_string()))
}

/// The workspace of a registered model and its name there, by a name that may say both.
fn placed<'n>(workspace: &'n str, name: &'n str) -> (&'n str, &'n str) {
    name.split_once(':').unwrap_or((workspace, name))
}

/// Finds the files of a model by its MLflow URI. `None` when there is no such model.
fn find(server: &Client, workspace: &str, uri: &str) -> Result<Option<Found>, CliError> {
    if let Some(rest) = uri.strip_prefix("runs:/") {
        let client = server.clone().within(workspace.to_owned());
        let (run_id, path) = rest.split_once('/').ok_or_else(|| odd(uri))?;
        let run = client.get(&format!("/api/2.0/mlflow/runs/get?run_id={}", encode(run_id)))?;
        for output in run["run"]["outputs"]["model_outputs"].as_array().into_iter().flatten() {
            let id = output["model_id"].as_str().unwrap_or_default();
            let model = client.get(&format!("/api/2.0/mlflow/logged-models/{}", encode(id)))?;
            let info = &model["model"]["info"];
            if info["name"] == path {
                let artifact_path = artifact_path(&info["artifact_uri"], uri)?;
                return Ok(Some(Found { client, artifact_path, run_id: Some(run_id.to_owned()) }));
            }
        }
        let artifact_path = format!("{}/{path}", artifact_path(&run["run"]["info"]["artifact_uri"], uri)?);
        return Ok(Some(Found { client, artifact_path, run_id: Some(run_id.to_owned()) }));
    }
    let Some(rest) = uri.strip_prefix("models:/") else { return Err(odd(uri)) };
    let (workspace, rest) = placed(workspace, rest);
    let client = server.clone().within(workspace.to_owned());
    let found = match (rest.rsplit_once('@'), rest.rsplit_once('/')) {
        (Some((name, alias)), _) => client.get(&format!(
            "/api/2.0/mlflow/registered-models/alias?name={}&alias={}",
            encode(name),
            encode(alias)
        )),
        (None, Some((name, version))) => client.get(&format!(
            "/api/2.0/mlflow/model-versions/get?name={}&version={}",
            encode(name),
            encode(version)
        )),
        (None, None) => return Err(odd(uri)),
    };
    let version = match found {
        Ok(found) => found["model_version"].clone(),
        Err(error) if error.exit_code() == ExitCode::No => return Ok(None),
        Err(error) => return Err(error),
    };
    let (name, number) = (text(&version["name"]), text(&version["version"]));
    let download = client.get(&format!(
        "/api/2.0/mlflow/model-versions/get-download-uri?name={}&version={}",
        encode(&name),
        encode(&number)
    ))?;
    let run_id = version["run_id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned);
    let artifact_path = artifact_path(&download["artifact_uri"], uri)?;
    Ok(Some(Found { client, artifact_path, run_id }))
}

/// A comparison may only be left out while there is nothing to compare with: a misspelt name must not
/// let a candidate through.
fn refuse_if_something_serves(server: &Client, workspace: &str, uri: &str) -> Result<(), CliError> {
    let name = uri.strip_prefix("models:/").unwrap_or(uri);
    let (workspace, name) = placed(workspace, name.split(['@', '/']).next().unwrap_or(name));
    let workspace = match workspace {
        "" => WorkspaceName::default(),
        named => WorkspaceName::parse(named).map_err(|error| CliError::usage(error.to_string()))?,
    };
    let name = workspace.qualify(name);
    let models = server.get("/api/v1/models")?;
    let known = models["models"].as_array().into_iter().flatten().find(|model| model["name"] == name);
    match known {
        Some(model) if !model["serving"].is_null() => Err(CliError::no(format!(
            "there is no model `{uri}`, but version {} of `{name}` is in charge",
            model["serving"]
        ))
        .hint("name the version in charge, for example models:/NAME@champion")),
        _ => Ok(()),
    }
}

fn odd(uri: &str) -> CliError {
    CliError::usage(format!("`{uri}` is no model URI"))
        .hint("write runs:/RUN/PATH, models:/NAME/VERSION or models:/NAME@ALIAS")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn artifact_path(uri: &Value, model: &str) -> Result<String, CliError> {
    uri.as_str()
        .and_then(|uri| uri.strip_prefix("mlflow-artifacts:/"))
        .map(|path| path.trim_start_matches('/').to_owned())
        .ok_or_else(|| CliError::outside(format!("the files of `{model}` are not on this server ({uri})")))
}

fn store_profile(client: &Client, reference: &Path, run_id: &str) -> Result<(), CliError> {
    let profile = Profile::of(&read_table(reference)?);
    let run = client.get(&format!("/api/2.0/mlflow/runs/get?run_id={}", encode(run_id)))?;
    let root = artifact_path(&run["run"]["info"]["artifact_uri"], run_id)?;
    let bytes = serde_json::to_vec(&profile).map_err(|error| CliError::outside(error.to_string()))?;
    client.put_artifact(&format!("{root}/{PROFILE}"), &bytes)?;
    note(&format!("the profile of {} training rows is kept with the run", profile.rows));
    Ok(())
}

fn summary(report: &BatteryReport) -> String {
    let failed: Vec<String> = report
        .checks
        .iter()
        .filter(|check| check.verdict == Verdict::Fail)
        .take(3)
        .map(|check| format!("{}: {}", check.name, check.message))
        .collect();
    if failed.is_empty() {
        format!("{} checks on {} rows passed", report.count(Verdict::Pass), report.rows)
    } else {
        failed.join("; ")
    }
}

fn tell_server(client: &Client, run_id: &str, report: &BatteryReport, summary: &str) -> Result<(), CliError> {
    let verdict = if report.verdict == Verdict::Pass { "pass" } else { "fail" };
    let body = json!({
        "gate": "battery", "subject": format!("run:{run_id}"), "verdict": verdict,
        "summary": summary, "report": report,
    });
    client.post("/api/v1/gates", &body)?;
    Ok(())
}

/// A model behind a worker process: what answers in production answers here.
struct Worker<'a> {
    runtime: &'a Runtime,
    server: ModelServer,
    columns: Vec<String>,
}

impl Predictor for Worker<'_> {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn predict(&mut self, columns: &[String], rows: &[Vec<Value>]) -> Result<Vec<f64>, PredictError> {
        let mut scores = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(CHUNK) {
            let rows = Rows { columns: Some(columns.to_vec()), data: chunk.to_vec() };
            let answer = self
                .server
                .fit(rows)
                .and_then(|rows| self.runtime.block_on(self.server.predict(&rows, &json!({}))));
            let predictions = answer.map_err(|error| PredictError::new(error.to_string()))?;
            for prediction in &predictions {
                let score = mainspring_serving::score(prediction)
                    .ok_or_else(|| PredictError::new(format!("`{prediction}` is not a score")))?;
                scores.push(score);
            }
        }
        Ok(scores)
    }
}
