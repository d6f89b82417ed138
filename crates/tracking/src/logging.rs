//! What runs log: metrics, parameters, tags, data sets and models.

use crate::validation::{self, Place};
use crate::{Result, TrackingError, runs};
use mainspring_domain::events::Record;
use mainspring_domain::tracking::{DatasetInput, KeyValue, Metric, ModelOutput, RunInfo, latest_points};
use mainspring_metadata_store::traits::ModelMetric;
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::{Value, json};

/// The tag in which older clients note the models of a run.
const MODELS_TAG: &str = "mlflow.log-model.history";

/// A point as a client logs it: perhaps measured on a logged model and a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedMetric {
    /// The point.
    pub metric: Metric,
    /// The logged model it was measured on.
    pub model_id: Option<String>,
    /// Name of the data set it was measured on.
    pub dataset_name: Option<String>,
    /// Digest of that data set.
    pub dataset_digest: Option<String>,
}

/// What one request logs.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Points.
    pub metrics: Vec<LoggedMetric>,
    /// Parameters.
    pub params: Vec<KeyValue>,
    /// Tags.
    pub tags: Vec<KeyValue>,
}

/// Logs one point.
///
/// # Errors
/// When it is not taken or the run is not in use.
pub fn log_metric(tx: &mut dyn WriteTx, run: &str, mut logged: LoggedMetric) -> Result<()> {
    logged.metric = validation::metric(logged.metric, Place::Alone)?;
    let run = runs::get_active(tx, run)?;
    let added = write_metrics(tx, &run, vec![logged])?;
    record(tx, &run, added, 0, 0)
}

/// Logs one parameter. The same value again is no error; another value is.
///
/// # Errors
/// When it is not taken, would change, or the run is not in use.
pub fn log_param(tx: &mut dyn WriteTx, run: &str, param: KeyValue) -> Result<()> {
    let param = validation::param(param, Place::Alone)?;
    let run = runs::get_active(tx, run)?;
    let added = write_params(tx, &run, &[param])?;
    record(tx, &run, 0, added, 0)
}

/// Logs many things at once: all or nothing.
///
/// # Errors
/// When anything is not taken or too much, or the run is not in use.
pub fn log_batch(tx: &mut dyn WriteTx, run: &str, batch: Batch) -> Result<()> {
    validation::batch(batch.metrics.len(), batch.params.len(), batch.tags.len())?;
    let metric = |(index, logged): (usize, LoggedMetric)| {
        let metric = validation::metric(logged.metric, Place::Item("metrics", index))?;
        Ok(LoggedMetric { metric, ..logged })
    };
    let metrics = batch.metrics.into_iter().enumerate().map(metric).collect::<Result<_>>()?;
    let checked = |items: Vec<KeyValue>, name, check: fn(KeyValue, Place) -> Result<KeyValue>| {
        let items = items.into_iter().enumerate();
        items.map(|(index, item)| check(item, Place::Item(name, index))).collect::<Result<Vec<_>>>()
    };
    let params = checked(batch.params, "params", validation::param)?;
    let tags = checked(batch.tags, "tags", validation::tag)?;
    validation::unique_keys(&params)?;
    let mut run = runs::get_active(tx, run)?;
    let params = write_params(tx, &run, &params)?;
    let metrics = write_metrics(tx, &run, metrics)?;
    if !tags.is_empty() {
        runs::write_tags(tx, &mut run, &tags)?;
    }
    record(tx, &run, metrics, params, tags.len())
}

/// Says how much was logged; nothing when all of it was known.
fn record(tx: &mut dyn WriteTx, run: &RunInfo, metrics: usize, params: usize, tags: usize) -> Result<()> {
    if metrics + params + tags > 0 {
        let details = json!({ "metrics": metrics, "params": params, "tags": tags });
        tx.record(Record::new("run.logged", runs::subject(&run.id)).with(details))?;
    }
    Ok(())
}

/// Adds points; gives the number of new ones.
fn write_metrics(tx: &mut dyn WriteTx, run: &RunInfo, logged: Vec<LoggedMetric>) -> Result<usize> {
    let mut points = Vec::with_capacity(logged.len());
    let mut of_models = Vec::new();
    for one in logged {
        if let Some(model_id) = one.model_id {
            if tx.logged_model(&model_id)?.is_none() {
                return Err(TrackingError::NoLoggedModel(model_id));
            }
            of_models.push(ModelMetric {
                model_id,
                run_id: run.id.clone(),
                metric: one.metric.clone(),
                dataset_name: one.dataset_name,
                dataset_digest: one.dataset_digest,
            });
        }
        points.push(one.metric);
    }
    let added = write_points(tx, &run.id, &points)?;
    if added > 0 || !of_models.is_empty() {
        tx.insert_model_metrics(&of_models)?;
    }
    Ok(added.max(of_models.len()))
}

/// Adds checked points of a run and raises the latest ones; gives the number of new ones.
pub(crate) fn write_points(tx: &mut dyn WriteTx, run: &str, points: &[Metric]) -> Result<usize> {
    let added = tx.insert_metric_points(run, points)?;
    if added > 0 {
        tx.raise_latest_metrics(run, &latest_points(points))?;
    }
    Ok(added)
}

/// Adds parameters that are new; gives their number.
fn write_params(tx: &mut dyn WriteTx, run: &RunInfo, params: &[KeyValue]) -> Result<usize> {
    let mut added = 0;
    for param in params {
        match tx.param(&run.id, &param.key)? {
            None => {
                tx.insert_param(&run.id, param)?;
                added += 1;
            }
            Some(old) if old == param.value => {}
            Some(old) => {
                return Err(TrackingError::ParamChanged {
                    key: param.key.clone(),
                    old,
                    new: param.value.clone(),
                    run: run.id.clone(),
                });
            }
        }
    }
    Ok(added)
}

/// Logs the data sets and models that a run reads.
///
/// # Errors
/// When a data set is not taken or the run is not in use.
pub fn log_inputs(
    tx: &mut dyn WriteTx,
    run: &str,
    datasets: &[DatasetInput],
    models: &[String],
) -> Result<()> {
    datasets.iter().try_for_each(validation::dataset)?;
    let run = runs::get_active(tx, run)?;
    tx.insert_inputs(&run, datasets)?;
    tx.insert_model_inputs(&run.id, models)?;
    let details = json!({ "datasets": datasets.len(), "models": models.len() });
    tx.record(Record::new("run.logged", runs::subject(&run.id)).with(details))?;
    Ok(())
}

/// Logs the models that a run produces.
///
/// # Errors
/// When the run is not in use.
pub fn log_outputs(tx: &mut dyn WriteTx, run: &str, outputs: &[ModelOutput]) -> Result<()> {
    let run = runs::get_active(tx, run)?;
    tx.insert_outputs(&run.id, outputs)?;
    let details = json!({ "outputs": outputs.len() });
    tx.record(Record::new("run.logged", runs::subject(&run.id)).with(details))?;
    Ok(())
}

/// Notes a model in the run's tag, as clients before logged models do.
///
/// # Errors
/// When the text is no description of a model or the run is not in use.
pub fn log_model(tx: &mut dyn WriteTx, run: &str, model_json: &str) -> Result<()> {
    let Ok(Value::Object(mut model)) = serde_json::from_str(model_json) else {
        return validation::invalid(format!("Malformed model info. \n {model_json} \n is not a valid JSON."));
    };
    let missing: Vec<_> = ["artifact_path", "flavors", "utc_time_created", "run_id"]
        .into_iter()
        .filter(|field| !model.contains_key(*field))
        .collect();
    if !missing.is_empty() {
        return validation::invalid(format!(
            "Model json is missing mandatory fields: {{'{}'}}",
            missing.join("', '")
        ));
    }
    // Large parts that have their place in the model's own files.
    model.remove("signature");
    let mut run = runs::get_active(tx, run)?;
    let mut models: Vec<Value> = match tx.run_tag(&run.id, MODELS_TAG)? {
        Some(text) => serde_json::from_str(&text).unwrap_or_default(),
        None => Vec::new(),
    };
    models.push(Value::Object(model));
    // A list cut in the middle would be no list: the oldest go first.
    let mut text = Value::from(models.clone()).to_string();
    while text.chars().nth(8000).is_some() && models.len() > 1 {
        models.remove(0);
        text = Value::from(models.clone()).to_string();
    }
    let tag = validation::tag(KeyValue { key: MODELS_TAG.to_owned(), value: text }, Place::Alone)?;
    runs::write_tags(tx, &mut run, &[tag])?;
    tx.record(Record::new("run.logged", runs::subject(&run.id)).with(json!({ "models": 1 })))?;
    Ok(())
}

/// Points of one metric by step, time and value: up to `limit` after the first `offset`, and
/// whether there are more.
///
/// # Errors
/// When there is no such run.
pub fn metric_history(
    tx: &dyn ReadTx,
    run: &str,
    key: &str,
    limit: usize,
    offset: usize,
) -> Result<(Vec<Metric>, bool)> {
    runs::info(tx, run)?;
    let mut points = tx.metric_history(run, key, limit.saturating_add(1), offset)?;
    let more = points.len() > limit;
    points.truncate(limit);
    Ok((points, more))
}

/// A sample of one metric's points in each of the runs, for a chart.
///
/// # Errors
/// When there is no such run, or the range of steps runs backwards.
pub fn sample_histories(
    tx: &dyn ReadTx,
    runs: &[String],
    key: &str,
    steps: Option<(i64, i64)>,
    points: usize,
) -> Result<Vec<(String, Vec<Metric>)>> {
    if let Some((start, end)) = steps
        && start > end
    {
        return validation::invalid(format!(
            "end_step must be greater than start_step. Found start_step={start} and end_step={end}."
        ));
    }
    runs.iter().try_for_each(|run| runs::info(tx, run).map(drop))?;
    runs.iter().map(|run| Ok((run.clone(), tx.sample_metric_history(run, key, steps, points)?))).collect()
}
