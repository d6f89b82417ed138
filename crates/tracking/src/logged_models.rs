//! Logged models: models as entities of their own.

use crate::{Result, TrackingError, experiments, runs, validation};
use mainspring_domain::events::Record;
use mainspring_domain::tracking::{KeyValue, Lifecycle, LoggedModel, LoggedModelStatus};
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::{Value, json};
use uuid::Uuid;

/// What a client says of a model that it begins to log.
#[derive(Clone, Debug, Default)]
pub struct NewLoggedModel {
    /// The experiment.
    pub experiment: i64,
    /// Its name; one is made up when it is not given.
    pub name: Option<String>,
    /// The kind of model.
    pub model_type: String,
    /// The run that produced it.
    pub source_run: Option<String>,
    /// Its parameters.
    pub params: Vec<KeyValue>,
    /// Its tags.
    pub tags: Vec<KeyValue>,
}

/// Begins to log a model.
///
/// # Errors
/// When the name is not taken, the experiment is not in use, the run lies in another workspace, or a
/// parameter comes twice.
pub fn create(tx: &mut dyn WriteTx, new: NewLoggedModel) -> Result<LoggedModel> {
    if let Some(name) = &new.name {
        validation::logged_model_name(name)?;
    }
    validation::unique_keys(&new.params)?;
    let experiment = experiments::get_active(tx, new.experiment)?;
    // One that this server does not know may be kept elsewhere.
    if let Some(run) = &new.source_run
        && tx.has_run_out_of_sight(run)?
    {
        return Err(TrackingError::NoRun(run.clone()));
    }
    let id = format!("m-{}", Uuid::new_v4().simple());
    let now = tx.now();
    let model = LoggedModel {
        experiment: experiment.id,
        name: new.name.unwrap_or_else(runs::random_name),
        created: now,
        updated: now,
        artifact_uri: format!("{}/models/{id}/artifacts", experiment.artifact_location.trim_end_matches('/')),
        status: LoggedModelStatus::Pending,
        model_type: new.model_type,
        source_run: new.source_run,
        lifecycle: Lifecycle::Active,
        params: new.params,
        tags: new.tags,
        id,
    };
    tx.insert_logged_model(&model)?;
    let details = json!({ "name": model.name, "run_id": model.source_run });
    tx.record(Record::new("logged_model.created", subject(&model.id)).with(details))?;
    Ok(model)
}

fn subject(id: &str) -> String {
    format!("logged_model:{id}")
}

/// One logged model.
///
/// # Errors
/// When there is none, or it is deleted.
pub fn get(tx: &dyn ReadTx, id: &str) -> Result<LoggedModel> {
    tx.logged_model(id)?
        .filter(|model| model.lifecycle == Lifecycle::Active)
        .ok_or_else(|| TrackingError::NoLoggedModel(id.to_owned()))
}

fn updated(tx: &mut dyn WriteTx, id: &str, details: Value) -> Result<()> {
    tx.record(Record::new("logged_model.updated", subject(id)).with(details))?;
    Ok(())
}

/// Says whether the model is complete.
///
/// # Errors
/// When there is none.
pub fn finalize(tx: &mut dyn WriteTx, id: &str, status: LoggedModelStatus) -> Result<LoggedModel> {
    let mut model = get(tx, id)?;
    model.status = status;
    model.updated = tx.now();
    tx.update_logged_model(&model)?;
    updated(tx, id, json!({ "status": status.as_str() }))?;
    Ok(model)
}

/// Deletes a model.
///
/// # Errors
/// When there is none.
pub fn delete(tx: &mut dyn WriteTx, id: &str) -> Result<()> {
    let mut model = get(tx, id)?;
    model.lifecycle = Lifecycle::Deleted;
    model.updated = tx.now();
    tx.update_logged_model(&model)?;
    updated(tx, id, json!({ "deleted": true }))
}

/// Sets tags.
///
/// # Errors
/// When there is no such model.
pub fn set_tags(tx: &mut dyn WriteTx, id: &str, tags: &[KeyValue]) -> Result<LoggedModel> {
    get(tx, id)?;
    tx.set_logged_model_tags(id, tags)?;
    updated(tx, id, json!({ "tags": tags.len() }))?;
    get(tx, id)
}

/// Removes a tag.
///
/// # Errors
/// When there is no such model or tag.
pub fn delete_tag(tx: &mut dyn WriteTx, id: &str, key: &str) -> Result<()> {
    get(tx, id)?;
    if !tx.delete_logged_model_tag(id, key)? {
        return Err(TrackingError::NoModelTag { key: key.to_owned(), model: id.to_owned() });
    }
    updated(tx, id, json!({ "tag_removed": key }))
}

/// Adds parameters. As with runs, a parameter never changes.
///
/// # Errors
/// When there is no such model, or a parameter would change.
pub fn log_params(tx: &mut dyn WriteTx, id: &str, params: &[KeyValue]) -> Result<()> {
    let model = get(tx, id)?;
    validation::unique_keys(params)?;
    let mut added = 0;
    for param in params {
        match model.params.iter().find(|held| held.key == param.key) {
            None => {
                tx.insert_logged_model_param(id, param)?;
                added += 1;
            }
            Some(held) if held.value == param.value => {}
            Some(held) => {
                return validation::invalid(format!(
                    "Changing param values is not allowed. Param with key='{}' was already logged with \
                     value='{}' for model ID='{id}'. Attempted logging new value '{}'.",
                    param.key, held.value, param.value
                ));
            }
        }
    }
    if added > 0 {
        updated(tx, id, json!({ "params": added }))?;
    }
    Ok(())
}
