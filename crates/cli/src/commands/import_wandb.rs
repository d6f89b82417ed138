//! `mainspring import wandb`: runs from the files that W&B clients write.

use crate::client::{Client, ServerOption, encode};
use crate::error::{CliError, ExitCode};
use crate::terminal::{note, say, say_json};
use clap::Args;
use mainspring_tracking::wandb_file::{self, WholeRun};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Wandb {
    /// A `.wandb` file, the folder of a run, or a folder with many of these.
    path: PathBuf,
    /// The project, in place of the one that a run names.
    #[arg(long)]
    project: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerOption,
}

/// Lines of one request, and bytes of them.
const LINES: usize = 5000;
const BYTES: usize = 4 << 20;
/// Folders within folders that are looked into.
const DEPTH: usize = 4;

const UPSERT: &str = "mutation Import($input: UpsertBucketInput!) {
    upsertBucket(input: $input) { bucket { id name } inserted }
}";
const FILES: &str = "mutation ImportFiles($input: CreateRunFilesInput!) {
    createRunFiles(input: $input) { files { name uploadUrl } }
}";

/// Where a run is put: entity, project, id.
type Key = (String, String, String);

impl Wandb {
    pub(super) fn run(self) -> Result<ExitCode, CliError> {
        let mut found = Vec::new();
        find(&self.path, DEPTH, &mut found)?;
        if found.is_empty() {
            return Err(CliError::usage(format!("there is no `.wandb` file at {}", self.path.display()))
                .hint("name a file, the folder of a run, or the folder `wandb` that holds them"));
        }
        // Names of folders begin with a time, so the files of a run that was resumed come in order.
        found.sort();
        let mut runs: BTreeMap<Key, (WholeRun, Vec<PathBuf>)> = BTreeMap::new();
        for path in &found {
            let name = path.display();
            let records = wandb_file::read(&std::fs::read(path)?)
                .map_err(|error| CliError::usage(format!("{name}: {error}")))?;
            let mut run = WholeRun::default();
            run.add(records.clone());
            if run.start.id.is_empty() {
                note(&format!("{name}: no run begins in it; left out"));
                continue;
            }
            let project = self.project.clone().unwrap_or(run.start.project);
            let project = if project.is_empty() { "uncategorized".to_owned() } else { project };
            let key = (run.start.entity, project, run.start.id);
            let (whole, folders) = runs.entry(key).or_default();
            whole.add(records);
            folders.extend(path.parent().map(|folder| folder.join("files")));
        }
        let client = self.server.client()?;
        let mut told = Vec::new();
        for (key, (run, folders)) in &runs {
            told.push(send(&client, key, run, folders)?);
        }
        if self.json {
            say_json(&Value::Array(told));
        } else {
            for run in &told {
                say(&format!(
                    "{} {}/{}: {} steps, {} files",
                    if run["inserted"] == true { "imported" } else { "brought up to date" },
                    run["project"].as_str().unwrap_or_default(),
                    run["id"].as_str().unwrap_or_default(),
                    run["steps"],
                    run["files"]
                ));
            }
        }
        Ok(ExitCode::Ok)
    }
}

/// The `.wandb` files at or below a path. Symbolic links below it are not followed.
fn find(path: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), CliError> {
    if path.is_file() {
        found.push(path.to_path_buf());
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    let entries = std::fs::read_dir(path)
        .map_err(|error| CliError::usage(format!("cannot read {}: {error}", path.display())))?;
    for entry in entries {
        let entry = entry?;
        let (kind, path) = (entry.file_type()?, entry.path());
        if kind.is_dir() {
            find(&path, depth - 1, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|end| end == "wandb") {
            found.push(path);
        }
    }
    Ok(())
}

/// Files below a folder, by their names relative to it.
fn files(folder: &Path, prefix: &str, found: &mut BTreeMap<String, PathBuf>) -> Result<(), CliError> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files(&entry.path(), &format!("{name}/"), found)?;
        } else if entry.path().is_file() {
            // Clients link to files that were saved from elsewhere.
            found.insert(name, entry.path());
        }
    }
    Ok(())
}

fn graphql(client: &Client, query: &str, input: &Value) -> Result<Value, CliError> {
    let answer = client.post("/graphql", &json!({ "query": query, "variables": { "input": input } }))?;
    match answer["errors"][0]["message"].as_str() {
        Some(message) => Err(CliError::no(message)),
        None => Ok(answer["data"].clone()),
    }
}

fn send(client: &Client, key: &Key, run: &WholeRun, folders: &[PathBuf]) -> Result<Value, CliError> {
    let (entity, project, id) = key;
    let given = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
    let start = &run.start;
    let input = json!({
        "name": id, "modelName": project, "entityName": given(entity),
        "displayName": given(&start.display_name), "notes": given(&start.notes),
        "groupName": given(&start.group), "jobType": given(&start.job_type), "host": given(&start.host),
        "commit": given(&start.commit), "jobRepo": given(&start.repo), "tags": start.tags,
        "config": Value::Object(run.config.clone()).to_string(),
    });
    let made = graphql(client, UPSERT, &input)?;
    let entity = if entity.is_empty() { "mainspring" } else { entity };
    let stream = format!("/files/{}/{}/{}/file_stream", encode(entity), encode(project), encode(id));
    for (name, lines) in [
        ("wandb-history.jsonl", &run.history),
        ("wandb-events.jsonl", &run.events),
        ("output.log", &run.console),
    ] {
        let mut offset = 0;
        while offset < lines.len() {
            let mut size = 0;
            let few = lines[offset..].iter().take(LINES).take_while(|line| {
                size += line.len();
                size <= BYTES
            });
            let end = offset + few.count().max(1);
            let body = json!({ "files": { name: { "offset": offset, "content": lines[offset..end] } } });
            client.post(&stream, &body)?;
            offset = end;
        }
    }
    let mut found = BTreeMap::new();
    for folder in folders {
        files(folder, "", &mut found)?;
    }
    let names: Vec<&String> = found.keys().collect();
    if !names.is_empty() {
        let input = json!({ "entityName": entity, "projectName": project, "runName": id, "files": names });
        let answer = graphql(client, FILES, &input)?;
        for file in answer["createRunFiles"]["files"].as_array().into_iter().flatten() {
            let (Some(name), Some(url)) = (file["name"].as_str(), file["uploadUrl"].as_str()) else {
                continue;
            };
            if let Some(path) = found.get(name) {
                client.put_file(url, path)?;
            }
        }
    }
    let summary = Value::Object(run.summary.clone()).to_string();
    let mut last = json!({ "files": { "wandb-summary.json": { "offset": 0, "content": [summary] } } });
    if let Some(code) = run.exit_code {
        last["complete"] = json!(true);
        last["exitcode"] = json!(code);
    }
    client.post(&stream, &last)?;
    if !run.artifacts.is_empty() {
        note(&format!("{project}/{id}: the artifacts {} were left out", run.artifacts.join(", ")));
        note("  `wandb sync` with WANDB_BASE_URL set to this server sends them");
    }
    Ok(json!({ "project": project, "id": id, "run": made["upsertBucket"]["bucket"]["id"],
               "inserted": made["upsertBucket"]["inserted"], "steps": run.history.len(),
               "files": found.len() }))
}
