//! Deleting for good what was deleted before. What is in use is never touched.

use crate::{Result, TrackingError, experiments, runs};
use mainspring_domain::events::Record;
use mainspring_domain::tracking::{Lifecycle, LoggedModel, RunInfo};
use mainspring_metadata_store::WriteTx;
use serde_json::json;

/// Removes a deleted run with all that was logged to it. Its artifacts are the caller's to collect.
///
/// # Errors
/// When there is none, or it is in use.
pub fn run(tx: &mut dyn WriteTx, id: &str) -> Result<RunInfo> {
    let run = runs::info(tx, id)?;
    if run.lifecycle == Lifecycle::Active {
        return Err(TrackingError::Invalid(format!(
            "Run {id} is not in `deleted` lifecycle stage. Only runs in `deleted` lifecycle stage can be \
             deleted."
        )));
    }
    tx.purge_run(id)?;
    let details = json!({ "experiment": run.experiment.to_string(), "name": run.name });
    tx.record(Record::new("run.purged", runs::subject(id)).with(details))?;
    Ok(run)
}

/// Removes a deleted logged model with all that belongs to it.
///
/// # Errors
/// When there is none, or it is in use.
pub fn logged_model(tx: &mut dyn WriteTx, id: &str) -> Result<LoggedModel> {
    let model = tx.logged_model(id)?.ok_or_else(|| TrackingError::NoLoggedModel(id.to_owned()))?;
    if model.lifecycle == Lifecycle::Active
        && experiments::get(tx, model.experiment)?.lifecycle == Lifecycle::Active
    {
        return Err(TrackingError::Invalid(format!(
            "Logged model {id} is not in `deleted` lifecycle stage. Only logged models in `deleted` \
             lifecycle stage can be deleted."
        )));
    }
    tx.purge_logged_model(id)?;
    let details = json!({ "experiment": model.experiment.to_string(), "name": model.name });
    tx.record(Record::new("logged_model.purged", format!("logged_model:{id}")).with(details))?;
    Ok(model)
}

/// Removes a deleted experiment that has neither runs nor logged models any more.
///
/// # Errors
/// When there is none, it is in use, or something is left in it.
pub fn experiment(tx: &mut dyn WriteTx, id: i64) -> Result<String> {
    let experiment = experiments::get(tx, id)?;
    if experiment.lifecycle == Lifecycle::Active {
        return Err(TrackingError::Invalid(format!(
            "Experiments ['{id}'] are not in the deleted lifecycle stage. Only experiments in the deleted \
             lifecycle stage can be hard-deleted."
        )));
    }
    if id == 0 {
        return Err(TrackingError::Invalid(
            "The default experiment can be deleted, but not for good.".into(),
        ));
    }
    let left = tx.runs_of_experiment(id)?.len() + tx.logged_models_of_experiment(id)?.len();
    if left > 0 {
        return Err(TrackingError::Invalid(format!("Experiment {id} still has {left} runs or models.")));
    }
    tx.purge_experiment(id)?;
    let details = json!({ "name": experiment.name });
    tx.record(Record::new("experiment.purged", format!("experiment:{id}")).with(details))?;
    Ok(experiment.artifact_location)
}
