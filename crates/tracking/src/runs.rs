//! Runs and their life.

use crate::{Result, TrackingError, experiments, validation};
use mainspring_domain::Timestamp;
use mainspring_domain::events::Record;
use mainspring_domain::names;
use mainspring_domain::tracking::{KeyValue, Lifecycle, Run, RunInfo, RunStatus};
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::json;
use uuid::Uuid;

/// The tag that always equals the run's name.
pub const RUN_NAME_TAG: &str = "mlflow.runName";

pub(crate) fn subject(id: &str) -> String {
    format!("run:{id}")
}

/// What a client says of a run that begins.
#[derive(Clone, Debug, Default)]
pub struct NewRun {
    /// The experiment.
    pub experiment: i64,
    /// A name for people; one is made up when it is empty.
    pub name: String,
    /// The user name that the client gave.
    pub user: String,
    /// When it began; now when not given.
    pub start: Option<Timestamp>,
    /// Its first tags.
    pub tags: Vec<KeyValue>,
}

/// Begins a run.
///
/// # Errors
/// When the experiment is not in use, or name and name tag differ.
pub fn create(tx: &mut dyn WriteTx, new: NewRun) -> Result<Run> {
    let experiment = experiments::get_active(tx, new.experiment)?;
    let mut tags = new.tags;
    for tag in &mut tags {
        validation::check_length("key", &tag.key, 250)?;
        tag.value = names::truncate(std::mem::take(&mut tag.value), 8000);
    }
    let tagged = tags.iter().find(|tag| tag.key == RUN_NAME_TAG).map(|tag| tag.value.clone());
    let name = match (new.name, tagged.clone()) {
        (name, Some(tag)) if !name.is_empty() && name != tag => {
            return validation::invalid(format!(
                "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different \
                 values (run_name='{name}', mlflow.runName='{tag}')."
            ));
        }
        (name, None) if name.is_empty() => random_name(),
        (name, None) => name,
        (_, Some(tag)) => tag,
    };
    if tagged.is_none() {
        tags.push(KeyValue { key: RUN_NAME_TAG.to_owned(), value: name.clone() });
    }
    let id = Uuid::now_v7().simple().to_string();
    let info = RunInfo {
        experiment: experiment.id,
        name,
        user: new.user,
        status: RunStatus::Running,
        start: new.start.unwrap_or_else(|| tx.now()),
        end: None,
        lifecycle: Lifecycle::Active,
        artifact_uri: format!("{}/{id}/artifacts", experiment.artifact_location.trim_end_matches('/')),
        created_by: tx.actor().clone(),
        id,
    };
    tx.insert_run(&info)?;
    tx.set_run_tags(&info.id, &tags)?;
    let details = json!({ "experiment": experiment.id.to_string(), "name": info.name });
    tx.record(Record::new("run.created", subject(&info.id)).with(details))?;
    tags.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(Run { info, tags, metrics: Vec::new(), params: Vec::new(), inputs: Vec::new(), outputs: Vec::new() })
}

/// A name for people, different enough to tell runs apart at a glance.
pub(crate) fn random_name() -> String {
    const HOW: [&str; 32] = [
        "able", "agile", "amused", "bold", "brave", "bright", "calm", "caring", "clean", "clever", "crisp",
        "eager", "fair", "fast", "gentle", "glad", "grand", "happy", "honest", "keen", "kind", "lively",
        "lucky", "merry", "neat", "nimble", "proud", "quick", "quiet", "sharp", "steady", "swift",
    ];
    const WHAT: [&str; 32] = [
        "ant", "badger", "bear", "bee", "bird", "boar", "calf", "carp", "colt", "crab", "crane", "crow",
        "deer", "dove", "duck", "eel", "elk", "finch", "fox", "frog", "goat", "hare", "hawk", "heron",
        "horse", "lark", "lynx", "mole", "moth", "otter", "owl", "seal",
    ];
    let random = Uuid::new_v4().as_u128();
    let pick = |words: [&'static str; 32], shift: u32| words[((random >> shift) & 31) as usize];
    format!("{}-{}-{}", pick(HOW, 0), pick(WHAT, 8), (random >> 16) & 0x3ff)
}

/// A whole run, deleted or not.
///
/// # Errors
/// When there is none.
pub fn get(tx: &dyn ReadTx, id: &str) -> Result<Run> {
    tx.run(id)?.ok_or_else(|| TrackingError::NoRun(id.to_owned()))
}

/// What a run is, without what was logged to it.
///
/// # Errors
/// When there is none.
pub fn info(tx: &dyn ReadTx, id: &str) -> Result<RunInfo> {
    tx.run_info(id)?.ok_or_else(|| TrackingError::NoRun(id.to_owned()))
}

pub(crate) fn get_active(tx: &dyn ReadTx, id: &str) -> Result<RunInfo> {
    let run = info(tx, id)?;
    match run.lifecycle {
        Lifecycle::Active => Ok(run),
        state => Err(TrackingError::NotActive { what: format!("run {id}"), state }),
    }
}

/// What changes of a run; what is not given stays.
#[derive(Clone, Debug, Default)]
pub struct RunChange {
    /// Where it stands.
    pub status: Option<RunStatus>,
    /// When it ended.
    pub end: Option<Timestamp>,
    /// Its name.
    pub name: Option<String>,
}

/// Changes a run.
///
/// # Errors
/// When it is not in use.
pub fn update(tx: &mut dyn WriteTx, id: &str, change: RunChange) -> Result<RunInfo> {
    let mut run = get_active(tx, id)?;
    if let Some(status) = change.status {
        run.status = status;
    }
    if change.end.is_some() {
        run.end = change.end;
    }
    if let Some(name) = change.name.filter(|name| !name.is_empty()) {
        tx.set_run_tags(id, &[KeyValue { key: RUN_NAME_TAG.to_owned(), value: name.clone() }])?;
        run.name = name;
    }
    tx.update_run(&run)?;
    let details = json!({ "status": run.status.as_str(), "name": run.name });
    tx.record(Record::new("run.updated", subject(id)).with(details))?;
    Ok(run)
}

/// Deletes a run; it can be restored.
///
/// # Errors
/// When there is none.
pub fn delete(tx: &mut dyn WriteTx, id: &str) -> Result<()> {
    set_lifecycle(tx, id, Lifecycle::Deleted, "run.deleted")
}

/// Restores a run with all it had.
///
/// # Errors
/// When there is none.
pub fn restore(tx: &mut dyn WriteTx, id: &str) -> Result<()> {
    set_lifecycle(tx, id, Lifecycle::Active, "run.restored")
}

fn set_lifecycle(tx: &mut dyn WriteTx, id: &str, to: Lifecycle, action: &'static str) -> Result<()> {
    let mut run = info(tx, id)?;
    if run.lifecycle == to {
        return Ok(());
    }
    run.lifecycle = to;
    tx.update_run(&run)?;
    tx.record(Record::new(action, subject(id)))?;
    Ok(())
}

/// Sets one tag. The name tag changes the run's name.
///
/// # Errors
/// When the tag is not taken or the run is not in use.
pub fn set_tag(tx: &mut dyn WriteTx, id: &str, tag: KeyValue) -> Result<()> {
    let tag = validation::tag(tag, validation::Place::Alone)?;
    let mut run = get_active(tx, id)?;
    write_tags(tx, &mut run, std::slice::from_ref(&tag))?;
    tx.record(Record::new("run.tagged", subject(id)).with(json!({ "key": tag.key })))?;
    Ok(())
}

pub(crate) fn write_tags(tx: &mut dyn WriteTx, run: &mut RunInfo, tags: &[KeyValue]) -> Result<()> {
    tx.set_run_tags(&run.id, tags)?;
    if let Some(name) = tags.iter().rfind(|tag| tag.key == RUN_NAME_TAG && !tag.value.is_empty()) {
        run.name.clone_from(&name.value);
        tx.update_run(run)?;
    }
    Ok(())
}

/// Removes a tag.
///
/// # Errors
/// When there is no such tag or the run is not in use.
pub fn delete_tag(tx: &mut dyn WriteTx, id: &str, key: &str) -> Result<()> {
    get_active(tx, id)?;
    if !tx.delete_run_tag(id, key)? {
        let owner = format!("run with id {id}");
        return Err(TrackingError::NoTag { key: key.to_owned(), owner });
    }
    tx.record(Record::new("run.tagged", subject(id)).with(json!({ "key": key, "removed": true })))?;
    Ok(())
}
