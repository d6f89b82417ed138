//! What goes over the wire: whole numbers as numbers, versions as text, empty lists left out.

use mainspring_domain::registry::{ModelVersion, RegisteredModel};
use mainspring_domain::tracking::{DatasetInput, Experiment, KeyValue, LoggedModel, Metric, Run, RunInfo};
use mainspring_domain::workspaces::local_model_name;
use mainspring_metadata_store::traits::ModelMetric;
use serde::{Serialize, Serializer};

/// The answer of a call that gives nothing.
#[derive(Debug, Serialize)]
pub(super) struct Void {}

fn double<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_nan() { serializer.serialize_str("NaN") } else { serializer.serialize_f64(*value) }
}

#[derive(Debug, Serialize)]
pub(super) struct ExperimentWire {
    experiment_id: String,
    name: String,
    artifact_location: String,
    lifecycle_stage: &'static str,
    last_update_time: i64,
    creation_time: i64,
    workspace: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue>,
}

impl From<Experiment> for ExperimentWire {
    fn from(experiment: Experiment) -> Self {
        Self {
            experiment_id: experiment.id.to_string(),
            name: experiment.name,
            artifact_location: experiment.artifact_location,
            lifecycle_stage: experiment.lifecycle.as_str(),
            last_update_time: experiment.updated.as_millis(),
            creation_time: experiment.created.as_millis(),
            workspace: experiment.workspace.to_string(),
            tags: experiment.tags,
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct RunInfoWire {
    run_uuid: String,
    run_id: String,
    run_name: String,
    experiment_id: String,
    user_id: String,
    status: &'static str,
    start_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    artifact_uri: String,
    lifecycle_stage: &'static str,
}

impl From<RunInfo> for RunInfoWire {
    fn from(info: RunInfo) -> Self {
        Self {
            run_uuid: info.id.clone(),
            run_id: info.id,
            run_name: info.name,
            experiment_id: info.experiment.to_string(),
            user_id: info.user,
            status: info.status.as_str(),
            start_time: info.start.as_millis(),
            end_time: info.end.map(mainspring_domain::Timestamp::as_millis),
            artifact_uri: info.artifact_uri,
            lifecycle_stage: info.lifecycle.as_str(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct MetricWire {
    key: String,
    #[serde(serialize_with = "double")]
    value: f64,
    timestamp: i64,
    step: i64,
}

impl From<Metric> for MetricWire {
    fn from(metric: Metric) -> Self {
        Self {
            key: metric.key,
            value: metric.value,
            timestamp: metric.timestamp.as_millis(),
            step: metric.step,
        }
    }
}

/// A point with the run or model it belongs to.
#[derive(Debug, Serialize)]
pub(super) struct OwnedMetricWire {
    #[serde(flatten)]
    metric: MetricWire,
    run_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_digest: Option<String>,
}

impl OwnedMetricWire {
    pub(super) fn of_run(run_id: String, metric: Metric) -> Self {
        Self { metric: metric.into(), run_id, model_id: None, dataset_name: None, dataset_digest: None }
    }
}

impl From<ModelMetric> for OwnedMetricWire {
    fn from(point: ModelMetric) -> Self {
        Self {
            metric: point.metric.into(),
            run_id: point.run_id,
            model_id: Some(point.model_id),
            dataset_name: point.dataset_name,
            dataset_digest: point.dataset_digest,
        }
    }
}

#[derive(Debug, Serialize)]
struct RunData {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<MetricWire>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<KeyValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue>,
}

#[derive(Debug, Serialize)]
struct DatasetWire {
    name: String,
    digest: String,
    source_type: String,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
}

#[derive(Debug, Serialize)]
struct DatasetInputWire {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue>,
    dataset: DatasetWire,
}

impl From<DatasetInput> for DatasetInputWire {
    fn from(input: DatasetInput) -> Self {
        let dataset = DatasetWire {
            name: input.name,
            digest: input.digest,
            source_type: input.source_type,
            source: input.source,
            schema: input.schema,
            profile: input.profile,
        };
        Self { tags: input.tags, dataset }
    }
}

#[derive(Debug, Serialize)]
struct ModelInputWire {
    model_id: String,
}

#[derive(Debug, Serialize)]
struct ModelOutputWire {
    model_id: String,
    step: i64,
}

#[derive(Debug, Serialize)]
struct RunInputs {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dataset_inputs: Vec<DatasetInputWire>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_inputs: Vec<ModelInputWire>,
}

#[derive(Debug, Serialize)]
struct RunOutputs {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_outputs: Vec<ModelOutputWire>,
}

#[derive(Debug, Serialize)]
pub(super) struct RunWire {
    info: RunInfoWire,
    data: RunData,
    inputs: RunInputs,
    outputs: RunOutputs,
}

impl From<Run> for RunWire {
    fn from(run: Run) -> Self {
        let outputs = run.outputs.into_iter();
        Self {
            info: run.info.into(),
            data: RunData {
                metrics: run.metrics.into_iter().map(Into::into).collect(),
                params: run.params,
                tags: run.tags,
            },
            inputs: RunInputs {
                dataset_inputs: run.inputs.into_iter().map(Into::into).collect(),
                model_inputs: Vec::new(),
            },
            outputs: RunOutputs {
                model_outputs: outputs
                    .map(|output| ModelOutputWire { model_id: output.model_id, step: output.step })
                    .collect(),
            },
        }
    }
}

impl RunWire {
    /// Adds the logged models that the run read.
    pub(super) fn with_model_inputs(mut self, models: Vec<String>) -> Self {
        self.inputs.model_inputs = models.into_iter().map(|model_id| ModelInputWire { model_id }).collect();
        self
    }
}

#[derive(Debug, Serialize)]
struct LoggedModelInfo {
    model_id: String,
    experiment_id: String,
    name: String,
    creation_timestamp_ms: i64,
    last_updated_timestamp_ms: i64,
    artifact_uri: String,
    status: &'static str,
    model_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_run_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue>,
}

#[derive(Debug, Serialize)]
struct LoggedModelData {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<KeyValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<OwnedMetricWire>,
}

#[derive(Debug, Serialize)]
pub(super) struct LoggedModelWire {
    info: LoggedModelInfo,
    data: LoggedModelData,
}

impl LoggedModelWire {
    pub(super) fn new(model: LoggedModel, metrics: Vec<ModelMetric>) -> Self {
        Self {
            info: LoggedModelInfo {
                model_id: model.id,
                experiment_id: model.experiment.to_string(),
                name: model.name,
                creation_timestamp_ms: model.created.as_millis(),
                last_updated_timestamp_ms: model.updated.as_millis(),
                artifact_uri: model.artifact_uri,
                status: model.status.as_str(),
                model_type: model.model_type,
                source_run_id: model.source_run,
                tags: model.tags,
            },
            data: LoggedModelData {
                params: model.params,
                metrics: metrics.into_iter().map(Into::into).collect(),
            },
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct ModelVersionWire {
    name: String,
    version: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    current_stage: &'static str,
    description: String,
    source: String,
    run_id: String,
    status: &'static str,
    run_link: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
}

impl From<ModelVersion> for ModelVersionWire {
    fn from(version: ModelVersion) -> Self {
        Self {
            name: local_model_name(&version.name).to_owned(),
            version: version.version.to_string(),
            creation_timestamp: version.created.as_millis(),
            last_updated_timestamp: version.updated.as_millis(),
            current_stage: version.stage.as_str(),
            description: version.description,
            source: version.source,
            run_id: version.run_id.unwrap_or_default(),
            status: "READY",
            run_link: version.run_link,
            model_id: version.model_id,
            tags: version.tags,
            aliases: version.aliases,
        }
    }
}

impl ModelVersionWire {
    /// The form in lists, which does not name aliases.
    pub(super) fn listed(mut version: ModelVersion) -> Self {
        version.aliases.clear();
        version.into()
    }
}

#[derive(Debug, Serialize)]
struct AliasWire {
    alias: String,
    version: String,
}

#[derive(Debug, Serialize)]
pub(super) struct RegisteredModelWire {
    name: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    latest_versions: Vec<ModelVersionWire>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<AliasWire>,
}

impl RegisteredModelWire {
    pub(super) fn new(model: RegisteredModel, latest: Vec<ModelVersion>) -> Self {
        let aliases = model.aliases.into_iter();
        Self {
            name: local_model_name(&model.name).to_owned(),
            creation_timestamp: model.created.as_millis(),
            last_updated_timestamp: model.updated.as_millis(),
            description: model.description,
            latest_versions: latest.into_iter().map(ModelVersionWire::listed).collect(),
            tags: model.tags,
            aliases: aliases
                .map(|(alias, version)| AliasWire { alias, version: version.to_string() })
                .collect(),
        }
    }
}
