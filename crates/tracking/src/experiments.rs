//! Experiments: groups of runs that answer one question.

use crate::locations::Locations;
use crate::validation;
use crate::{Result, TrackingError, workspaces};
use mainspring_domain::Timestamp;
use mainspring_domain::events::Record;
use mainspring_domain::tracking::{Experiment, KeyValue, Lifecycle};
use mainspring_domain::workspaces::Workspace;
use mainspring_metadata_store::traits::comparison::ExperimentActivity;
use mainspring_metadata_store::traits::search::{Search, View};
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::json;
use std::cmp::Reverse;
use std::collections::HashMap;

/// The experiment that every store has.
pub const EXPERIMENT_DEFAULT: i64 = 0;

/// Reads an experiment's id as clients write it; nothing means the default experiment.
///
/// # Errors
/// When it is no number.
pub fn parse_id(text: &str) -> Result<i64> {
    if text.is_empty() {
        return Ok(EXPERIMENT_DEFAULT);
    }
    text.parse().or_else(|_| {
        validation::invalid(format!("Invalid experiment ID '{text}'. Experiment ID must be a valid integer."))
    })
}

fn subject(id: i64) -> String {
    format!("experiment:{id}")
}

/// Makes an experiment; gives its id.
///
/// # Errors
/// When the name is not taken or already in use, or the location or a tag is not taken.
pub fn create(
    tx: &mut dyn WriteTx,
    locations: &Locations,
    name: &str,
    location: Option<&str>,
    tags: Vec<KeyValue>,
) -> Result<i64> {
    insert(tx, name, tags, |workspace, id| locations.within(workspace, id, location))
}

/// Creates an experiment whose clients send every file through the server, whatever root the artifacts
/// of others have.
///
/// # Errors
/// When the name is not taken or in use.
pub(crate) fn create_through_server(tx: &mut dyn WriteTx, name: &str) -> Result<i64> {
    insert(tx, name, Vec::new(), |_, id| Locations::default().of(id, None))
}

fn insert(
    tx: &mut dyn WriteTx,
    name: &str,
    tags: Vec<KeyValue>,
    location: impl FnOnce(&Workspace, i64) -> Result<String>,
) -> Result<i64> {
    validation::experiment_name(name)?;
    tags.iter().try_for_each(validation::experiment_tag)?;
    check_unused(tx, name)?;
    let id = tx.next_experiment_id()?;
    let workspace = workspaces::current(tx)?;
    let location = location(&workspace, id)?;
    let now = tx.now();
    let details = json!({ "name": name, "workspace": workspace.name.as_str() });
    tx.insert_experiment(&Experiment {
        id,
        workspace: workspace.name,
        name: name.to_owned(),
        artifact_location: location,
        lifecycle: Lifecycle::Active,
        created: now,
        updated: now,
        tags,
    })?;
    tx.record(Record::new("experiment.created", subject(id)).with(details))?;
    Ok(id)
}

fn check_unused(tx: &dyn ReadTx, name: &str) -> Result<()> {
    let Some(holder) = tx.experiment_by_name(name)? else { return Ok(()) };
    let hint = match holder.lifecycle {
        Lifecycle::Active => "",
        Lifecycle::Deleted => " It is deleted: restore it, or choose another name.",
    };
    Err(TrackingError::ExperimentExists { name: name.to_owned(), hint })
}

/// One experiment, deleted or not.
///
/// # Errors
/// When there is none.
pub fn get(tx: &dyn ReadTx, id: i64) -> Result<Experiment> {
    tx.experiment(id)?.ok_or(TrackingError::NoExperiment(id))
}

/// The experiment of a name, deleted or not.
///
/// # Errors
/// When there is none.
pub fn get_by_name(tx: &dyn ReadTx, name: &str) -> Result<Experiment> {
    tx.experiment_by_name(name)?.ok_or_else(|| TrackingError::NoExperimentNamed(name.to_owned()))
}

pub(crate) fn get_active(tx: &dyn ReadTx, id: i64) -> Result<Experiment> {
    let experiment = get(tx, id)?;
    match experiment.lifecycle {
        Lifecycle::Active => Ok(experiment),
        state => Err(TrackingError::NotActive { what: format!("experiment {id}"), state }),
    }
}

/// Gives an experiment another name.
///
/// # Errors
/// When it is not in use, or the name is not taken or already in use.
pub fn rename(tx: &mut dyn WriteTx, id: i64, name: &str) -> Result<()> {
    validation::experiment_name(name)?;
    let mut experiment = get(tx, id)?;
    if experiment.lifecycle != Lifecycle::Active {
        return validation::invalid("Cannot rename a non-active experiment.");
    }
    if experiment.name == name {
        return Ok(());
    }
    check_unused(tx, name)?;
    let old = std::mem::replace(&mut experiment.name, name.to_owned());
    experiment.updated = tx.now();
    tx.update_experiment(&experiment)?;
    tx.record(Record::new("experiment.updated", subject(id)).with(json!({ "from": old, "to": name })))?;
    Ok(())
}

/// Deletes an experiment and its runs; both can be restored.
///
/// # Errors
/// When there is none in use.
pub fn delete(tx: &mut dyn WriteTx, id: i64) -> Result<()> {
    set_lifecycle(tx, id, Lifecycle::Deleted, "experiment.deleted")
}

/// Restores an experiment and the runs that were deleted with it.
///
/// # Errors
/// When there is none deleted.
pub fn restore(tx: &mut dyn WriteTx, id: i64) -> Result<()> {
    set_lifecycle(tx, id, Lifecycle::Active, "experiment.restored")
}

fn set_lifecycle(tx: &mut dyn WriteTx, id: i64, to: Lifecycle, action: &'static str) -> Result<()> {
    let mut experiment = get(tx, id)?;
    if experiment.lifecycle == to {
        return Err(TrackingError::NoExperiment(id));
    }
    experiment.lifecycle = to;
    experiment.updated = tx.now();
    tx.update_experiment(&experiment)?;
    let runs = tx.set_lifecycle_with_experiment(id, to)?;
    tx.record(Record::new(action, subject(id)).with(json!({ "name": experiment.name, "runs": runs })))?;
    Ok(())
}

/// Sets a tag.
///
/// # Errors
/// When the tag is not taken or the experiment is not in use.
pub fn set_tag(tx: &mut dyn WriteTx, id: i64, tag: &KeyValue) -> Result<()> {
    validation::experiment_tag(tag)?;
    get_active(tx, id)?;
    tx.set_experiment_tag(id, tag)?;
    tx.record(Record::new("experiment.tagged", subject(id)).with(json!({ "key": tag.key })))?;
    Ok(())
}

/// Removes a tag.
///
/// # Errors
/// When there is no such tag or the experiment is not in use.
pub fn delete_tag(tx: &mut dyn WriteTx, id: i64, key: &str) -> Result<()> {
    get_active(tx, id)?;
    if !tx.delete_experiment_tag(id, key)? {
        let owner = format!("experiment with id {id}");
        return Err(TrackingError::NoTag { key: key.to_owned(), owner });
    }
    let details = json!({ "key": key, "removed": true });
    tx.record(Record::new("experiment.tagged", subject(id)).with(details))?;
    Ok(())
}

/// An experiment and how much is going on in it.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The experiment.
    pub experiment: Experiment,
    /// Its runs in use.
    pub runs: u64,
    /// Those of them that are at work.
    pub running: u64,
    /// When the latest of them began.
    pub last_start: Option<Timestamp>,
}

/// Experiments of a lifecycle with what is going on in them; the liveliest first.
///
/// # Errors
/// Of the store.
pub fn overview(tx: &dyn ReadTx, view: View, limit: usize) -> Result<Vec<Overview>> {
    let activity: HashMap<i64, ExperimentActivity> =
        tx.experiment_activity()?.into_iter().map(|activity| (activity.experiment, activity)).collect();
    let search = Search { limit, ..Search::default() };
    let mut list: Vec<Overview> = tx
        .search_experiments(view, &search)?
        .into_iter()
        .map(|experiment| {
            let activity = activity.get(&experiment.id);
            Overview {
                runs: activity.map_or(0, |activity| activity.runs),
                running: activity.map_or(0, |activity| activity.running),
                last_start: activity.map(|activity| activity.last_start),
                experiment,
            }
        })
        .collect();
    list.sort_by_key(|one| Reverse(one.last_start.unwrap_or(one.experiment.created)));
    Ok(list)
}
