//! Reading graph files: each in a child process with limits, because the file is a program.

use crate::PipelineError;
use crate::trigger_rule::RULES;
use mainspring_domain::Actor;
use mainspring_domain::Timestamp;
use mainspring_domain::events::Record;
use mainspring_domain::pipelines::{Dag, DagSpec, ImportError, Schedule};
use mainspring_domain::secrets::VARIABLES;
use mainspring_expressions::cron;
use mainspring_metadata_store::{Store, StoreError};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

/// A file that takes longer to read is refused.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Bytes of a reader's complaints that are shown.
const MESSAGE_LIMIT: u64 = 4096;
/// Bytes of a graph's description that are accepted.
const OUTPUT_LIMIT: u64 = 16 << 20;

/// How graph files are read.
#[derive(Clone, Debug)]
pub struct ImportSettings {
    /// The project's folder.
    pub project: PathBuf,
    /// The folder of graph files, relative to the project.
    pub dags: PathBuf,
    /// The Python interpreter.
    pub python: PathBuf,
    /// The folder that holds the `mainspring` Python package.
    pub python_path: PathBuf,
    /// A folder for results.
    pub scratch: PathBuf,
}

#[derive(Deserialize)]
struct Parsed {
    dags: Vec<DagSpec>,
    error: Option<ParseError>,
}

#[derive(Deserialize)]
struct ParseError {
    #[serde(rename = "type")]
    kind: String,
    message: String,
    line: Option<u32>,
}

/// Reads those files of the folder that are new or changed since `seen`, and forgets graphs whose
/// file is gone. Gives whether anything changed.
///
/// # Errors
/// When the store refuses. What is wrong with a file is stored as its import error.
pub async fn import_folder(
    store: &Store,
    settings: &ImportSettings,
    seen: &mut HashMap<PathBuf, (u64, std::time::SystemTime)>,
) -> Result<bool, PipelineError> {
    let files = graph_files(settings)?;
    let mut changed = false;
    for (path, stamp) in &files {
        if seen.get(path) == Some(stamp) {
            continue;
        }
        let relative = path.strip_prefix(&settings.project).unwrap_or(path).display().to_string();
        let outcome = parse(settings, path).await;
        save(store, relative, outcome).await?;
        seen.insert(path.clone(), *stamp);
        changed = true;
    }
    let present: Vec<String> = files
        .keys()
        .map(|path| path.strip_prefix(&settings.project).unwrap_or(path).display().to_string())
        .collect();
    changed |= forget_missing(store, present).await?;
    seen.retain(|path, _| files.contains_key(path));
    Ok(changed)
}

fn graph_files(
    settings: &ImportSettings,
) -> Result<BTreeMap<PathBuf, (u64, std::time::SystemTime)>, PipelineError> {
    let folder = settings.project.join(&settings.dags);
    let error = |error: std::io::Error| PipelineError::File {
        path: folder.display().to_string(),
        reason: error.to_string(),
    };
    let mut files = BTreeMap::new();
    if !folder.exists() {
        return Ok(files);
    }
    for entry in std::fs::read_dir(&folder).map_err(error)? {
        let path = entry.map_err(error)?.path();
        let Ok(metadata) = path.metadata() else { continue };
        if path.extension().is_some_and(|extension| extension == "py") && metadata.is_file() {
            let modified = metadata.modified().map_err(error)?;
            files.insert(path, (metadata.len(), modified));
        }
    }
    Ok(files)
}

async fn parse(settings: &ImportSettings, file: &Path) -> Result<Vec<DagSpec>, (Option<u32>, String)> {
    let plain = |error: std::io::Error| (None, error.to_string());
    std::fs::create_dir_all(&settings.scratch).map_err(plain)?;
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let out = settings.scratch.join(format!("{name}.dag.json"));
    let _ = std::fs::remove_file(&out);
    let mut command = Command::new(&settings.python);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    let mut child = command
        .args(["-m", "mainspring.parse_dag"])
        .arg(file)
        .arg("--out")
        .arg(&out)
        .env("PYTHONPATH", &settings.python_path)
        .current_dir(&settings.project)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            let python = settings.python.display();
            (None, format!("cannot start the Python interpreter `{python}`: {error}; set `project.python` in mainspring.toml"))
        })?;
    let mut complaints = Vec::new();
    let stderr = child.stderr.take();
    let work = async {
        if let Some(stderr) = stderr {
            let mut stderr = stderr.take(MESSAGE_LIMIT);
            let _ = stderr.read_to_end(&mut complaints).await;
            // Go on reading so that a file that prints without end is ended by its time limit and
            // not by a full pipe; nothing more is kept.
            let _ = tokio::io::copy(&mut stderr.into_inner(), &mut tokio::io::sink()).await;
        }
        child.wait().await
    };
    if tokio::time::timeout(TIME_LIMIT, work).await.is_err() {
        if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok()) {
            // A group that is gone already is what we want.
            let _ =
                nix::sys::signal::killpg(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGKILL);
        }
        let limit = TIME_LIMIT.as_secs();
        return Err((
            None,
            format!(
                "reading the file took longer than {limit} s; move slow work from the top level into tasks"
            ),
        ));
    }
    let said = || String::from_utf8_lossy(&complaints).trim().to_owned();
    let size = std::fs::metadata(&out)
        .map_err(|_| (None, format!("the file ended the interpreter: {}", said())))?
        .len();
    if size > OUTPUT_LIMIT {
        return Err((None, format!("the file describes {size} bytes of graphs, more than {OUTPUT_LIMIT}")));
    }
    let text = std::fs::read(&out).map_err(plain)?;
    let parsed: Parsed = serde_json::from_slice(&text).map_err(|error| (None, error.to_string()))?;
    match parsed.error {
        Some(error) => Err((error.line, format!("{}: {}", error.kind, error.message))),
        None => check(parsed.dags),
    }
}

/// Refuses what the planner would not understand.
fn check(dags: Vec<DagSpec>) -> Result<Vec<DagSpec>, (Option<u32>, String)> {
    for dag in &dags {
        for task in &dag.tasks {
            if !RULES.contains(&task.trigger_rule.as_str()) {
                let known = RULES.join(", ");
                let (id, rule) = (&task.task_id, &task.trigger_rule);
                return Err((
                    task.line,
                    format!("task `{id}`: unknown trigger rule `{rule}`; known are {known}"),
                ));
            }
        }
        if let Some(Schedule::Cron { expression }) = &dag.schedule {
            cron::Schedule::parse(expression).map_err(|error| (None, error.to_string()))?;
        }
    }
    Ok(dags)
}

async fn save(
    store: &Store,
    file: String,
    outcome: Result<Vec<DagSpec>, (Option<u32>, String)>,
) -> Result<(), PipelineError> {
    store
        .write(Actor::system("importer"), move |tx| {
            let now: Timestamp = tx.now();
            match outcome {
                Err((line, message)) => {
                    tx.put_import_error(&ImportError {
                        file: file.clone(),
                        line,
                        message: message.clone(),
                        time: now,
                    })?;
                    tx.record(
                        Record::new("dag.refused", format!("file:{file}"))
                            .because(message)
                            .with(json!({ "line": line })),
                    )?;
                }
                Ok(specs) => {
                    tx.delete_import_error(&file)?;
                    let described = |id: &str| specs.iter().any(|spec| spec.dag_id == id);
                    let gone: Vec<String> = tx
                        .dags()?
                        .into_iter()
                        .filter(|dag| dag.file == file && !described(&dag.spec.dag_id))
                        .map(|dag| dag.spec.dag_id)
                        .collect();
                    for dag_id in gone {
                        tx.delete_dag(&dag_id)?;
                        tx.record(
                            Record::new("dag.removed", format!("dag:{dag_id}"))
                                .because(format!("`{file}` no longer describes it")),
                        )?;
                    }
                    for spec in specs {
                        let before = tx.dag(&spec.dag_id)?;
                        let changed =
                            before.as_ref().is_none_or(|before| before.spec != spec || before.file != file);
                        let paused = before.is_some_and(|before| before.paused);
                        let dag_id = spec.dag_id.clone();
                        tx.put_dag(&Dag { spec, file: file.clone(), paused, updated: now })?;
                        if changed {
                            tx.record(
                                Record::new("dag.imported", format!("dag:{dag_id}"))
                                    .with(json!({ "file": file })),
                            )?;
                        }
                    }
                    tx.bookkeeping();
                }
            }
            Ok(())
        })
        .await
}

async fn forget_missing(store: &Store, present: Vec<String>) -> Result<bool, PipelineError> {
    let known = store.read(|tx| Ok::<_, StoreError>((tx.dags()?, tx.import_errors()?))).await?;
    let gone: Vec<(String, String)> = known
        .0
        .into_iter()
        .filter(|dag| !present.contains(&dag.file))
        .map(|dag| (dag.spec.dag_id, dag.file))
        .collect();
    let fixed: Vec<String> =
        known.1.into_iter().map(|error| error.file).filter(|file| !present.contains(file)).collect();
    if gone.is_empty() && fixed.is_empty() {
        return Ok(false);
    }
    store
        .write(Actor::system("importer"), move |tx| {
            for (dag_id, file) in gone {
                tx.delete_dag(&dag_id)?;
                tx.record(
                    Record::new("dag.removed", format!("dag:{dag_id}")).because(format!("`{file}` is gone")),
                )?;
            }
            for file in fixed {
                tx.delete_import_error(&file)?;
            }
            tx.bookkeeping();
            Ok::<_, StoreError>(true)
        })
        .await
        .map_err(PipelineError::from)
}
