//! Runs under the ids that their clients chose.

use super::values::{flatten, name, text};
use crate::runs::{NewRun, RUN_NAME_TAG, subject};
use crate::validation::{self, invalid};
use crate::{Result, TrackingError, runs};
use mainspring_domain::events::Record;
use mainspring_domain::tracking::{KeyValue, Lifecycle, Run, RunInfo, RunStatus};
use mainspring_domain::wandb::{RunDetails, WandbRun};
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The tag with the id that the client chose.
pub const RUN_ID_TAG: &str = "wandb.run_id";
/// Characters that ids of clients do not have.
const FORBIDDEN: [char; 7] = ['/', '\\', '#', '?', '%', ':', '\0'];
/// Bytes of a configuration or summary as it is kept.
const DOCUMENT: usize = 4 << 20;
/// Parameters of a run.
const PARAMS: usize = 10_000;

/// What a client says of a run; what it does not say stays.
#[derive(Clone, Debug, Default)]
pub struct Upsert {
    /// The name for people.
    pub display_name: Option<String>,
    /// Notes for people.
    pub notes: Option<String>,
    /// The configuration.
    pub config: Option<Map<String, Value>>,
    /// The summary.
    pub summary: Option<Map<String, Value>>,
    /// The group.
    pub group: Option<String>,
    /// The kind of work.
    pub job_type: Option<String>,
    /// The tags.
    pub tags: Option<Vec<String>>,
    /// The machine.
    pub host: Option<String>,
    /// The program.
    pub program: Option<String>,
    /// The Git commit.
    pub commit: Option<String>,
    /// The Git repository.
    pub repo: Option<String>,
    /// Where the run stands, in the client's words.
    pub state: Option<String>,
}

/// The run of a client's id in an experiment. Runs of other clients go by their own ids.
///
/// # Errors
/// When the store fails.
pub fn find(tx: &dyn ReadTx, experiment: i64, name: &str) -> Result<Option<RunInfo>> {
    let id = tx.wandb_run(experiment, name)?.map_or_else(|| name.to_owned(), |known| known.run);
    let found = tx.run_info(&id)?;
    Ok(found.filter(|run| run.experiment == experiment && run.lifecycle == Lifecycle::Active))
}

/// What is known of a run; for runs of other clients it is made up from what they logged.
///
/// # Errors
/// When the store fails.
pub fn details(tx: &dyn ReadTx, run: &RunInfo) -> Result<WandbRun> {
    Ok(tx.wandb_run_of(&run.id)?.unwrap_or_else(|| WandbRun {
        run: run.id.clone(),
        experiment: run.experiment,
        name: run.id.clone(),
        details: RunDetails::default(),
    }))
}

/// Changes the run of a client's id, or begins it; says whether it is new.
///
/// # Errors
/// When a value is not taken, or the run is deleted.
pub fn upsert(
    tx: &mut dyn WriteTx,
    experiment: i64,
    name: Option<&str>,
    user: &str,
    said: Upsert,
) -> Result<(String, bool)> {
    let name = match name {
        Some(name) => name.to_owned(),
        None => Uuid::new_v4().simple().to_string()[..8].to_owned(),
    };
    check_id(&name)?;
    if let Some(known) = tx.wandb_run(experiment, &name)? {
        let run = runs::get_active(tx, &known.run)?;
        return Ok((change(tx, run, said)?, false));
    }
    if let Some(run) = find(tx, experiment, &name)? {
        return Ok((change(tx, run, said)?, false));
    }
    let tags = vec![KeyValue { key: RUN_ID_TAG.to_owned(), value: name.clone() }];
    let display_name = said.display_name.clone().unwrap_or_else(|| name.clone());
    let new = NewRun { experiment, name: display_name, user: user.to_owned(), tags, ..NewRun::default() };
    let run = runs::create(tx, new)?.info;
    tx.put_wandb_run(&WandbRun {
        run: run.id.clone(),
        experiment,
        name,
        details: RunDetails { heartbeat: tx.now(), ..RunDetails::default() },
    })?;
    Ok((change(tx, run, said)?, true))
}

/// Changes a run by its own id.
///
/// # Errors
/// When a value is not taken, or there is no such run in use.
pub fn update(tx: &mut dyn WriteTx, run: &str, said: Upsert) -> Result<String> {
    let run = runs::get_active(tx, run)?;
    change(tx, run, said)
}

fn check_id(name: &str) -> Result<()> {
    let bad = name.is_empty()
        || name.chars().nth(128).is_some()
        || name.trim() != name
        || name.contains(FORBIDDEN)
        || name.chars().any(char::is_control)
        || matches!(name, "." | "..");
    if bad {
        return invalid(format!(
            "Invalid run id '{name}': it has 1 to 128 characters, none of / \\ # ? % :, and no spaces around it."
        ));
    }
    Ok(())
}

fn change(tx: &mut dyn WriteTx, mut run: RunInfo, said: Upsert) -> Result<String> {
    let mut known = details(tx, &run)?;
    let details = &mut known.details;
    let started = said.host.is_some();
    let keep = |held: &mut Option<String>, said: Option<String>| {
        if said.is_some() {
            *held = said;
        }
    };
    keep(&mut details.notes, said.notes);
    keep(&mut details.group, said.group);
    keep(&mut details.job_type, said.job_type);
    keep(&mut details.host, said.host);
    keep(&mut details.program, said.program);
    keep(&mut details.commit, said.commit);
    keep(&mut details.repo, said.repo);
    if let Some(tags) = said.tags {
        details.tags = tags;
    }
    details.heartbeat = tx.now();
    let status = match said.state.as_deref() {
        None | Some("") => None,
        Some(state) => Some(status(state)?),
    };
    if let Some(config) = said.config {
        check_size("config", &config)?;
        tx.replace_params(&run.id, &params(&config))?;
        details.config = config;
    }
    let mut tags = mirrored(details);
    if let Some(name) = said.display_name.filter(|name| !name.is_empty()) {
        run.name = mainspring_domain::names::truncate(name, 250);
        tags.push(KeyValue { key: RUN_NAME_TAG.to_owned(), value: run.name.clone() });
    }
    match status {
        Some(RunStatus::Running) => run.end = None,
        Some(_) => run.end = run.end.or_else(|| Some(tx.now())),
        // A client that says where it runs has begun to work on the run, perhaps again.
        None if started => run.end = None,
        None => {}
    }
    run.status = status.unwrap_or(if started { RunStatus::Running } else { run.status });
    tx.update_run(&run)?;
    tx.set_run_tags(&run.id, &tags)?;
    tx.put_wandb_run(&known)?;
    let facts = json!({ "status": run.status.as_str(), "name": run.name });
    tx.record(Record::new("run.updated", subject(&run.id)).with(facts))?;
    if let Some(summary) = said.summary {
        super::streams::set_summary(tx, &run.id, summary)?;
    }
    Ok(run.id)
}

/// Refuses documents that nobody could show.
pub(super) fn check_size(what: &str, document: &Map<String, Value>) -> Result<()> {
    let size = serde_json::to_string(document).map_or(usize::MAX, |text| text.len());
    if size > DOCUMENT {
        return invalid(format!(
            "The {what} has {size} bytes; {DOCUMENT} are taken. Log large values as files."
        ));
    }
    Ok(())
}

/// A client's word for where a run stands.
fn status(state: &str) -> Result<RunStatus> {
    Ok(match state {
        "running" => RunStatus::Running,
        "pending" | "queued" => RunStatus::Scheduled,
        "finished" => RunStatus::Finished,
        "failed" | "crashed" => RunStatus::Failed,
        "killed" | "preempted" | "preempting" => RunStatus::Killed,
        other => return invalid(format!("'{other}' is no state of a run.")),
    })
}

/// The parameters of a configuration. Its values are wrapped, and the client's own part is left out.
fn params(config: &Map<String, Value>) -> Vec<KeyValue> {
    let plain: Map<String, Value> = config
        .iter()
        .map(|(key, wrapped)| (key.clone(), wrapped.get("value").unwrap_or(wrapped).clone()))
        .collect();
    let mut params = Vec::new();
    collect(&plain, "", &mut params);
    params.truncate(PARAMS);
    params
}

/// Parameters keep truth values and numbers as they are written, so they are not flattened as
/// metrics are.
fn collect(object: &Map<String, Value>, prefix: &str, params: &mut Vec<KeyValue>) {
    for (key, value) in object.iter().filter(|(key, _)| !(prefix.is_empty() && key.starts_with('_'))) {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(inner) if !inner.is_empty() => collect(inner, &key, params),
            value => {
                let param = name(&key).map(|key| KeyValue { key, value: text(value).replace('\0', "") });
                params
                    .extend(param.and_then(|param| validation::param(param, validation::Place::Alone).ok()));
            }
        }
    }
}

/// What a client said of its run as tags, under the names that searches know.
fn mirrored(details: &RunDetails) -> Vec<KeyValue> {
    let tags = (!details.tags.is_empty()).then(|| details.tags.join(","));
    let facts = [
        ("mlflow.note.content", details.notes.clone()),
        ("mlflow.source.name", details.program.clone()),
        ("mlflow.source.git.commit", details.commit.clone()),
        ("mlflow.source.git.repoURL", details.repo.clone()),
        ("wandb.group", details.group.clone()),
        ("wandb.job_type", details.job_type.clone()),
        ("wandb.host", details.host.clone()),
        ("wandb.tags", tags),
    ];
    let given =
        facts.into_iter().filter_map(|(key, value)| Some((key, value.filter(|text| !text.is_empty())?)));
    given
        .map(|(key, value)| KeyValue { key: key.to_owned(), value: value.replace('\0', "") })
        .filter_map(|tag| validation::tag(tag, validation::Place::Alone).ok())
        .collect()
}

/// The configuration as clients expect it: for runs of others, their parameters.
#[must_use]
pub fn config(run: &Run, details: &RunDetails) -> Map<String, Value> {
    if !details.config.is_empty() {
        return details.config.clone();
    }
    let params = run.params.iter();
    params.map(|param| (param.key.clone(), json!({ "value": param.value }))).collect()
}

/// The summary as clients expect it: for runs of others, the latest values of their metrics.
#[must_use]
pub fn summary(run: &Run, details: &RunDetails) -> Map<String, Value> {
    if !details.summary.is_empty() || !details.history_keys.is_empty() {
        return details.summary.clone();
    }
    let number = |value: f64| serde_json::Number::from_f64(value).map_or_else(|| json!("NaN"), Value::Number);
    run.metrics.iter().map(|metric| (metric.key.clone(), number(metric.value))).collect()
}

/// Deletes a run by its own id; it can be restored.
///
/// # Errors
/// When there is none.
pub fn delete(tx: &mut dyn WriteTx, run: &str) -> Result<()> {
    tx.run_info(run)?.ok_or_else(|| TrackingError::NoRun(run.to_owned()))?;
    runs::delete(tx, run)
}

/// The tags that texts of a summary become.
pub(super) fn summary_tags(summary: &Map<String, Value>) -> Vec<KeyValue> {
    let texts = flatten(summary).into_iter().filter_map(|(key, leaf)| match leaf {
        super::values::Leaf::Text(value) => {
            Some(KeyValue { key: name(&format!("wandb.summary.{key}"))?, value: value.replace('\0', "") })
        }
        super::values::Leaf::Number(_) => None,
    });
    texts.filter_map(|tag| validation::tag(tag, validation::Place::Alone).ok()).take(100).collect()
}
