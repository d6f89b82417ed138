//! Answers of the REST API, as far as they are read.

use mainspring_domain::tracking::KeyValue;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A page of a search.
pub(super) trait Page {
    /// What asks for the next page.
    fn token(&self) -> Option<&str>;
}

macro_rules! page {
    ($name:ident, $field:ident: $item:ty) => {
        #[derive(Debug, Deserialize)]
        pub(super) struct $name {
            #[serde(default)]
            pub(super) $field: Vec<$item>,
            next_page_token: Option<String>,
        }

        impl Page for $name {
            fn token(&self) -> Option<&str> {
                self.next_page_token.as_deref().filter(|token| !token.is_empty())
            }
        }
    };
}
page!(Experiments, experiments: Experiment);
page!(Runs, runs: Run);
page!(History, metrics: Metric);
page!(LoggedModels, models: LoggedModel);
page!(RegisteredModels, registered_models: RegisteredModel);
page!(ModelVersions, model_versions: ModelVersion);
page!(Traces, traces: Value);

/// A whole number that may be written as a text.
fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let value = Option::<Value>::deserialize(from)?;
    Ok(match value {
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    })
}

/// A number that may be written as a text, as `NaN` is.
fn float<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    let value = Option::<Value>::deserialize(from)?;
    Ok(match value {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    })
}

/// A number that may be written as a text; given as a text.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text,
        other => other.to_string(),
    })
}

/// A trace with its spans.
#[derive(Debug, Deserialize)]
pub(super) struct OneTrace {
    pub(super) trace: TraceSpans,
}

#[derive(Debug, Deserialize)]
pub(super) struct TraceSpans {
    #[serde(default)]
    pub(super) spans: Vec<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Experiment {
    #[serde(deserialize_with = "text")]
    pub(super) experiment_id: String,
    pub(super) name: String,
    pub(super) artifact_location: Option<String>,
    pub(super) lifecycle_stage: Option<String>,
    #[serde(default, deserialize_with = "integer")]
    pub(super) creation_time: Option<i64>,
    #[serde(default, deserialize_with = "integer")]
    pub(super) last_update_time: Option<i64>,
    #[serde(default)]
    pub(super) tags: Vec<KeyValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Run {
    pub(super) info: RunInfo,
    #[serde(default)]
    pub(super) data: RunData,
    #[serde(default)]
    pub(super) inputs: RunInputs,
    #[serde(default)]
    pub(super) outputs: RunOutputs,
}

#[derive(Debug, Deserialize)]
pub(super) struct OneRun {
    pub(super) run: Run,
}

#[derive(Debug, Deserialize)]
pub(super) struct RunInfo {
    pub(super) run_id: Option<String>,
    pub(super) run_uuid: Option<String>,
    pub(super) run_name: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) status: Option<String>,
    #[serde(default, deserialize_with = "integer")]
    pub(super) start_time: Option<i64>,
    #[serde(default, deserialize_with = "integer")]
    pub(super) end_time: Option<i64>,
    pub(super) lifecycle_stage: Option<String>,
    pub(super) artifact_uri: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RunData {
    #[serde(default)]
    pub(super) metrics: Vec<Metric>,
    #[serde(default)]
    pub(super) params: Vec<Pair>,
    #[serde(default)]
    pub(super) tags: Vec<Pair>,
}

/// A pair whose value may be absent when it is empty.
#[derive(Debug, Deserialize)]
pub(super) struct Pair {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
}

impl From<Pair> for KeyValue {
    fn from(pair: Pair) -> Self {
        Self { key: pair.key, value: pair.value }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Metric {
    pub(super) key: String,
    #[serde(default, deserialize_with = "float")]
    pub(super) value: Option<f64>,
    #[serde(default, deserialize_with = "integer")]
    pub(super) timestamp: Option<i64>,
    #[serde(default, deserialize_with = "integer")]
    pub(super) step: Option<i64>,
    pub(super) run_id: Option<String>,
    pub(super) dataset_name: Option<String>,
    pub(super) dataset_digest: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RunInputs {
    #[serde(default)]
    pub(super) dataset_inputs: Vec<DatasetInput>,
    #[serde(default)]
    pub(super) model_inputs: Vec<ModelLink>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DatasetInput {
    pub(super) dataset: Dataset,
    #[serde(default)]
    pub(super) tags: Vec<Pair>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dataset {
    pub(super) name: String,
    pub(super) digest: String,
    #[serde(default)]
    pub(super) source_type: String,
    #[serde(default)]
    pub(super) source: String,
    pub(super) schema: Option<String>,
    pub(super) profile: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RunOutputs {
    #[serde(default)]
    pub(super) model_outputs: Vec<ModelLink>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ModelLink {
    pub(super) model_id: String,
    #[serde(default, deserialize_with = "integer")]
    pub(super) step: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LoggedModel {
    pub(super) info: LoggedModelInfo,
    #[serde(default)]
    pub(super) data: LoggedModelData,
}

#[derive(Debug, Deserialize)]
pub(super) struct LoggedModelInfo {
    pub(super) model_id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default, deserialize_with = "integer")]
    pub(super) creation_timestamp_ms: Option<i64>,
    #[serde(default, deserialize_with = "integer")]
    pub(super) last_updated_timestamp_ms: Option<i64>,
    pub(super) artifact_uri: Option<String>,
    pub(super) status: Option<String>,
    pub(super) model_type: Option<String>,
    pub(super) source_run_id: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Pair>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct LoggedModelData {
    #[serde(default)]
    pub(super) params: Vec<Pair>,
    #[serde(default)]
    pub(super) metrics: Vec<Metric>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RegisteredModel {
    pub(super) name: String,
    #[serde(default, deserialize_with = "integer")]
    pub(super) creation_timestamp: Option<i64>,
    #[serde(default, deserialize_with = "integer")]
    pub(super) last_updated_timestamp: Option<i64>,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) tags: Vec<Pair>,
    #[serde(default)]
    pub(super) aliases: Vec<Alias>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Alias {
    pub(super) alias: String,
    #[serde(deserialize_with = "text")]
    pub(super) version: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ModelVersion {
    #[serde(deserialize_with = "text")]
    pub(super) version: String,
    #[serde(default, deserialize_with = "integer")]
    pub(super) creation_timestamp: Option<i64>,
    #[serde(default, deserialize_with = "integer")]
    pub(super) last_updated_timestamp: Option<i64>,
    pub(super) current_stage: Option<String>,
    pub(super) description: Option<String>,
    pub(super) source: Option<String>,
    pub(super) run_id: Option<String>,
    pub(super) run_link: Option<String>,
    pub(super) model_id: Option<String>,
    pub(super) user_id: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Pair>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DownloadUri {
    pub(super) artifact_uri: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ArtifactList {
    #[serde(default)]
    pub(super) files: Vec<ArtifactFile>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ArtifactFile {
    pub(super) path: String,
    #[serde(default)]
    pub(super) is_dir: bool,
    pub(super) file_size: Option<u64>,
}
