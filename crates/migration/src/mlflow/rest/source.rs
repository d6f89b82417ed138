//! The way through a server. Deleted logged models cannot be seen from outside.

use super::api::Api;
use super::traces;
use super::wire::{self, DownloadUri, Experiments, History, LoggedModels, ModelVersions};
use super::wire::{RegisteredModels, Runs};
use crate::import::{Importer, SourceRun};
use crate::mlflow::values::{VersionParts, lifecycle, version};
use crate::{MigrationError, Result};
use mainspring_domain::registry::{ModelVersion, RegisteredModel};
use mainspring_domain::tracking::{
    DatasetInput, Experiment, KeyValue, LoggedModel, LoggedModelStatus, Metric, ModelOutput, RunInfo,
    RunStatus,
};
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::traits::ModelMetric;
use serde_json::json;

const EXPERIMENTS: &str = "/api/2.0/mlflow/experiments/search";
const RUNS: &str = "/api/2.0/mlflow/runs/search";
const RUN: &str = "/api/2.0/mlflow/runs/get";
const HISTORY: &str = "/api/2.0/mlflow/metrics/get-history";
const LOGGED_MODELS: &str = "/api/2.0/mlflow/logged-models/search";
const MODELS: &str = "/api/2.0/mlflow/registered-models/search";
const VERSIONS: &str = "/api/2.0/mlflow/model-versions/search";

/// Points of one answer.
const POINTS: &str = "25000";

/// Reads a whole server.
pub(in crate::mlflow) fn read(api: &Api, importer: &mut Importer<'_>) -> Result<()> {
    let mut ids = Vec::new();
    api.pages(EXPERIMENTS, json!({ "max_results": 1000, "view_type": "ALL" }), |page: Experiments| {
        for found in page.experiments {
            match experiment(found) {
                Ok(experiment) => {
                    ids.push(experiment.id);
                    importer.experiment(experiment)?;
                }
                Err(why) => importer.report.left_out("experiments", why),
            }
        }
        Ok(())
    })?;
    for id in ids {
        logged_models(api, id, importer)?;
        runs(api, id, importer)?;
        traces::read(api, id, importer)?;
    }
    registry(api, importer)
}

/// Older servers do not have every call: what they do not know, they do not have.
pub(super) fn where_known(result: Result<()>) -> Result<()> {
    match result {
        Err(MigrationError::Refused { status: 404 | 405 | 501, .. }) => Ok(()),
        other => other,
    }
}

fn experiment(found: wire::Experiment) -> std::result::Result<Experiment, String> {
    let created = Timestamp::from_millis(found.creation_time.unwrap_or_default());
    Ok(Experiment {
        workspace: WorkspaceName::default(),
        id: found.experiment_id.parse().map_err(|_| format!("`{}` is no id", found.experiment_id))?,
        name: found.name,
        artifact_location: found.artifact_location.unwrap_or_default(),
        lifecycle: lifecycle(found.lifecycle_stage.as_deref()),
        created,
        updated: found.last_update_time.map_or(created, Timestamp::from_millis),
        tags: found.tags,
    })
}

fn runs(api: &Api, experiment: i64, importer: &mut Importer<'_>) -> Result<()> {
    let body = json!({
        "experiment_ids": [experiment.to_string()], "run_view_type": "ALL", "max_results": 200,
    });
    api.pages(RUNS, body, |page: Runs| {
        let mut found = Vec::new();
        for run in page.runs {
            let id = run.info.run_id.clone().or_else(|| run.info.run_uuid.clone()).unwrap_or_default();
            match info(experiment, &id, &run.info) {
                Ok(info) => found.push(info),
                Err(why) => importer.report.left_out(format!("run {id}"), why),
            }
        }
        let offered = found.iter().map(|run| (run.id.clone(), run.artifact_uri.clone())).collect();
        let wanted = importer.wanted_runs(offered)?;
        for info in found.into_iter().filter(|info| wanted.contains(&info.id)) {
            // A search does not show the models that a run read.
            let whole: wire::OneRun = api.get(RUN, &[("run_id", &info.id)])?;
            bring(api, info, whole.run, importer)?;
        }
        Ok(())
    })
}

fn info(experiment: i64, id: &str, run: &wire::RunInfo) -> std::result::Result<RunInfo, String> {
    let status = run.status.as_deref().unwrap_or("RUNNING");
    Ok(RunInfo {
        id: id.to_owned(),
        experiment,
        name: run.run_name.clone().unwrap_or_default(),
        user: run.user_id.clone().unwrap_or_default(),
        status: RunStatus::parse(status).ok_or(format!("`{status}` is no status"))?,
        start: Timestamp::from_millis(run.start_time.unwrap_or_default()),
        end: run.end_time.filter(|end| *end > 0).map(Timestamp::from_millis),
        lifecycle: lifecycle(run.lifecycle_stage.as_deref()),
        artifact_uri: run.artifact_uri.clone().unwrap_or_default(),
        created_by: Actor::system("import"),
    })
}

fn pairs(pairs: Vec<wire::Pair>) -> Vec<KeyValue> {
    pairs.into_iter().map(KeyValue::from).collect()
}

fn bring(api: &Api, info: RunInfo, run: wire::Run, importer: &mut Importer<'_>) -> Result<()> {
    let id = info.id.clone();
    let data = |input: wire::DatasetInput| DatasetInput {
        name: input.dataset.name,
        digest: input.dataset.digest,
        source_type: input.dataset.source_type,
        source: input.dataset.source,
        schema: input.dataset.schema,
        profile: input.dataset.profile,
        tags: pairs(input.tags),
    };
    let produced =
        |link: wire::ModelLink| ModelOutput { model_id: link.model_id, step: link.step.unwrap_or_default() };
    let keys: Vec<String> = run.data.metrics.into_iter().map(|metric| metric.key).collect();
    let run = SourceRun {
        info,
        params: pairs(run.data.params),
        tags: pairs(run.data.tags),
        inputs: run.inputs.dataset_inputs.into_iter().map(data).collect(),
        model_inputs: run.inputs.model_inputs.into_iter().map(|link| link.model_id).collect(),
        outputs: run.outputs.model_outputs.into_iter().map(produced).collect(),
    };
    if !importer.run(run, None)? {
        return Ok(());
    }
    for key in keys {
        history(api, &id, &key, importer)?;
    }
    importer.done(&id)
}

fn history(api: &Api, run: &str, key: &str, importer: &mut Importer<'_>) -> Result<()> {
    let query = [("run_id", run), ("metric_key", key), ("max_results", POINTS)];
    api.get_pages(HISTORY, &query, |page: History| {
        let mut points = Vec::with_capacity(page.metrics.len());
        for metric in page.metrics {
            match point(metric) {
                Some((point, _)) => points.push(point),
                None => importer.report.left_out(format!("run {run}: {key}"), "a point has no value or time"),
            }
        }
        importer.points(run, points)
    })
}

/// What a point was measured by and on.
struct Measured {
    run: Option<String>,
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
}

fn point(metric: wire::Metric) -> Option<(Metric, Measured)> {
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let measured = Measured {
        run: some(metric.run_id),
        dataset_name: some(metric.dataset_name),
        dataset_digest: some(metric.dataset_digest),
    };
    let point = Metric {
        key: metric.key,
        value: metric.value?,
        timestamp: Timestamp::from_millis(metric.timestamp?),
        step: metric.step.unwrap_or_default(),
    };
    Some((point, measured))
}

fn logged_models(api: &Api, experiment: i64, importer: &mut Importer<'_>) -> Result<()> {
    let body = json!({ "experiment_ids": [experiment.to_string()], "max_results": 50 });
    where_known(api.pages(LOGGED_MODELS, body, |page: LoggedModels| {
        let mut found = Vec::new();
        for model in page.models {
            match logged_model(experiment, model.info) {
                Ok(info) => found.push((info, model.data)),
                Err(why) => importer.report.left_out(format!("experiment {experiment}: logged models"), why),
            }
        }
        let offered = found.iter().map(|(model, _)| (model.id.clone(), model.artifact_uri.clone())).collect();
        let wanted = importer.wanted_logged_models(offered)?;
        for (mut model, data) in found.into_iter().filter(|(model, _)| wanted.contains(&model.id)) {
            let id = model.id.clone();
            model.params = pairs(data.params);
            if importer.logged_model(model, None)? {
                let points = data.metrics.into_iter().filter_map(|metric| model_point(&id, metric)).collect();
                importer.model_points(&id, points)?;
                importer.done(&id)?;
            }
        }
        Ok(())
    }))
}

fn logged_model(experiment: i64, info: wire::LoggedModelInfo) -> std::result::Result<LoggedModel, String> {
    let status = info.status.as_deref().unwrap_or("LOGGED_MODEL_PENDING");
    let created = Timestamp::from_millis(info.creation_timestamp_ms.unwrap_or_default());
    Ok(LoggedModel {
        experiment,
        name: info.name,
        created,
        updated: info.last_updated_timestamp_ms.map_or(created, Timestamp::from_millis),
        artifact_uri: info.artifact_uri.unwrap_or_default(),
        status: LoggedModelStatus::parse(status).ok_or(format!("`{status}` is no status"))?,
        model_type: info.model_type.unwrap_or_default(),
        source_run: info.source_run_id.filter(|run| !run.is_empty()),
        lifecycle: lifecycle(None),
        params: Vec::new(),
        tags: pairs(info.tags),
        id: info.model_id,
    })
}

fn model_point(model: &str, metric: wire::Metric) -> Option<ModelMetric> {
    let (metric, measured) = point(metric)?;
    Some(ModelMetric {
        model_id: model.to_owned(),
        run_id: measured.run?,
        metric,
        dataset_name: measured.dataset_name,
        dataset_digest: measured.dataset_digest,
    })
}

/// What finds prompts, which a search leaves out unless it asks for them.
const PROMPTS: &str = "tags.`mlflow.prompt.is_prompt` = 'true'";

fn registry(api: &Api, importer: &mut Importer<'_>) -> Result<()> {
    for filter in ["", PROMPTS] {
        let mut query = vec![("max_results", "100")];
        if !filter.is_empty() {
            query.push(("filter", filter));
        }
        api.get_pages(MODELS, &query, |page: RegisteredModels| {
            page.registered_models.into_iter().try_for_each(|model| {
                let versions = versions(api, &model.name, filter, importer)?;
                importer.registered_model(registered_model(model), versions)
            })
        })?;
    }
    Ok(())
}

fn registered_model(model: wire::RegisteredModel) -> RegisteredModel {
    let created = Timestamp::from_millis(model.creation_timestamp.unwrap_or_default());
    let alias = |alias: wire::Alias| Some((alias.alias, alias.version.parse().ok()?));
    RegisteredModel {
        name: model.name,
        description: model.description,
        created,
        updated: model.last_updated_timestamp.map_or(created, Timestamp::from_millis),
        tags: pairs(model.tags),
        aliases: model.aliases.into_iter().filter_map(alias).collect(),
    }
}

fn versions(api: &Api, model: &str, filter: &str, importer: &mut Importer<'_>) -> Result<Vec<ModelVersion>> {
    let mut versions = Vec::new();
    // The grammar of searches has no way to write both kinds of quotes in a name.
    let quote = if model.contains('\'') { '"' } else { '\'' };
    let and = if filter.is_empty() { "" } else { " AND " };
    let filter = format!("name={quote}{model}{quote}{and}{filter}");
    api.get_pages(VERSIONS, &[("filter", &filter), ("max_results", "1000")], |page: ModelVersions| {
        for found in page.model_versions {
            let place = format!("model {model}/{}", found.version);
            match model_version(api, model, found)? {
                Ok(Some(version)) => versions.push(version),
                Ok(None) => {}
                Err(why) => importer.report.left_out(place, why),
            }
        }
        Ok(())
    })?;
    versions.sort_by_key(|version: &ModelVersion| version.version);
    Ok(versions)
}

/// A version, with the place where its files really are.
fn model_version(
    api: &Api,
    model: &str,
    found: wire::ModelVersion,
) -> Result<std::result::Result<Option<ModelVersion>, String>> {
    let uri: DownloadUri = api.get(
        "/api/2.0/mlflow/model-versions/get-download-uri",
        &[("name", model), ("version", &found.version)],
    )?;
    let made = version(VersionParts {
        model: model.to_owned(),
        version: found.version.parse().unwrap_or_default(),
        created: found.creation_timestamp,
        updated: found.last_updated_timestamp,
        stage: found.current_stage,
        description: found.description,
        source: found.source,
        storage_location: uri.artifact_uri,
        run_id: found.run_id,
        run_link: found.run_link,
        model_id: found.model_id,
        user: found.user_id,
    });
    Ok(made.map(|made| made.map(|version| ModelVersion { tags: pairs(found.tags), ..version })))
}
