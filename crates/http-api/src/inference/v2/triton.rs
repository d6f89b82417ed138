//! What Triton's clients ask beyond the protocol: a model's configuration and statistics, settings of
//! traces and logs, shared memory. Settings can be read; what cannot be changed says so.

use super::datatype::Datatype;
use super::describe::{Port, loaded, metadata, visible_routes};
use super::failure::Failure;
use super::incoming::{Payload, Target};
use super::message::NO_SHARED_MEMORY;
use crate::inference::InferenceState;
use axum::extract::State;
use axum::{Extension, Json};
use mainspring_governance::access::Principal;
use mainspring_serving::{Counts, ServedVersion};
use serde_json::{Value, json};
use std::sync::Arc;

/// A type in the words of Triton's configuration.
pub(crate) fn config_type(datatype: Datatype) -> String {
    if datatype == Datatype::Bytes { "TYPE_STRING".to_owned() } else { format!("TYPE_{}", datatype.as_str()) }
}

/// The sides of a port without that of the rows.
pub(crate) fn dims(port: &Port) -> &[i64] {
    match port.shape.as_slice() {
        [_, rest @ ..] if !rest.is_empty() => rest,
        _ => &[1],
    }
}

/// `GET /v2/models/{model}[/versions/{version}]/config`
pub(crate) async fn config(
    State(state): State<InferenceState>,
    target: Target,
) -> Result<Json<Value>, Failure> {
    let metadata = metadata(&state, &target)?;
    let ports = |ports: &[Port]| -> Vec<Value> {
        let shown = ports.iter().map(
            |port| json!({ "name": port.name, "data_type": config_type(port.datatype), "dims": dims(port) }),
        );
        shown.collect()
    };
    Ok(Json(json!({
        "name": target.model, "platform": metadata.platform, "backend": "mainspring",
        "version_policy": { "latest": { "num_versions": 1 } },
        "max_batch_size": 0, "input": ports(&metadata.inputs), "output": ports(&metadata.outputs),
    })))
}

/// `GET /v2/models/{model}[/versions/{version}]/stats`: of the version, or of all that are loaded.
pub(crate) async fn statistics(
    State(state): State<InferenceState>,
    target: Target,
) -> Result<Json<Value>, Failure> {
    let chosen = of_target(&state, &target)?;
    let shown = chosen.iter().map(|found| shown(&target.model, found));
    Ok(Json(json!({ "model_stats": shown.collect::<Value>() })))
}

/// The loaded versions that a path means: all of the model when it names none.
pub(crate) fn of_target(state: &InferenceState, target: &Target) -> Result<Vec<ServedVersion>, Failure> {
    let named = loaded(state, target)?;
    Ok(if target.version.is_some() { vec![named] } else { state.gateway.versions(&target.model) })
}

/// Every loaded version that the caller may see.
pub(crate) fn of_all(state: &InferenceState, principal: &Principal) -> Vec<(String, ServedVersion)> {
    visible_routes(state, principal)
        .into_iter()
        .flat_map(|model| state.gateway.versions(&model).into_iter().map(move |found| (model.clone(), found)))
        .collect()
}

/// `GET /v2/models/stats`
pub(crate) async fn all_statistics(
    State(state): State<InferenceState>,
    Extension(principal): Extension<Arc<Principal>>,
) -> Json<Value> {
    let shown =
        of_all(&state, &principal).iter().map(|(model, found)| shown(model, found)).collect::<Value>();
    Json(json!({ "model_stats": shown }))
}

/// What a version has done, in Triton's terms: durations are numbers of requests and nanoseconds.
pub(crate) struct Statistics {
    pub(crate) version: String,
    pub(crate) last_ms: u64,
    pub(crate) rows: u64,
    pub(crate) requests: u64,
    pub(crate) success: (u64, u64),
    pub(crate) fail: (u64, u64),
    pub(crate) queue: (u64, u64),
    pub(crate) infer: (u64, u64),
}

impl Statistics {
    pub(crate) fn of(found: &ServedVersion) -> Self {
        let Counts { success, success_ns, failure, failure_ns, queue_ns, rows, last_ms, .. } =
            found.server.counts();
        Self {
            version: found.version.to_string(),
            last_ms,
            rows,
            requests: success,
            success: (success, success_ns),
            fail: (failure, failure_ns),
            queue: (success, queue_ns),
            infer: (success, success_ns.saturating_sub(queue_ns)),
        }
    }
}

fn shown(model: &str, found: &ServedVersion) -> Value {
    let Statistics { version, last_ms, rows, requests, success, fail, queue, infer } = Statistics::of(found);
    let duration = |(count, ns): (u64, u64)| json!({ "count": count, "ns": ns });
    json!({
        "name": model, "version": version, "last_inference": last_ms,
        "inference_count": rows, "execution_count": requests,
        "inference_stats": {
            "success": duration(success), "fail": duration(fail), "queue": duration(queue),
            "compute_input": duration((requests, 0)), "compute_infer": duration(infer),
            "compute_output": duration((requests, 0)),
            "cache_hit": duration((0, 0)), "cache_miss": duration((0, 0)),
        },
        "batch_stats": [], "memory_usage": [], "response_stats": {},
    })
}

/// The one setting of traces that is a list.
pub(crate) const TRACE_LEVEL: &str = "trace_level";

/// The settings of traces, in Triton's words: none are taken.
pub(crate) const TRACE: [(&str, &str); 6] = [
    (TRACE_LEVEL, "OFF"),
    ("trace_rate", "0"),
    ("trace_count", "0"),
    ("log_frequency", "0"),
    ("trace_file", ""),
    ("trace_mode", "triton"),
];

pub(crate) fn trace() -> Value {
    let settings = TRACE.iter().map(|(name, value)| {
        // A level is a list; the others are texts.
        let value = if *name == TRACE_LEVEL { json!([value]) } else { json!(value) };
        ((*name).to_owned(), value)
    });
    Value::Object(settings.collect())
}

/// `GET /v2[/models/{model}]/trace/setting`
pub(crate) async fn trace_settings() -> Json<Value> {
    Json(trace())
}

/// `POST /v2[/models/{model}]/trace/setting`
pub(crate) async fn set_trace(payload: Payload) -> Result<Json<Value>, Failure> {
    unchanged(&payload.json()?, &trace()).map(Json).map_err(Failure::bad)
}

/// The settings of logs, in Triton's words.
pub(crate) fn log() -> Value {
    json!({
        "log_file": "", "log_info": tracing::enabled!(tracing::Level::INFO),
        "log_warning": tracing::enabled!(tracing::Level::WARN), "log_error": true,
        "log_verbose_level": 0, "log_format": "default",
    })
}

/// `GET /v2/logging`
pub(crate) async fn log_settings() -> Json<Value> {
    Json(log())
}

/// `POST /v2/logging`
pub(crate) async fn set_log(payload: Payload) -> Result<Json<Value>, Failure> {
    unchanged(&payload.json()?, &log()).map(Json).map_err(Failure::bad)
}

/// Takes an update that changes nothing; null asks for the default, which is what there is.
///
/// # Errors
/// Names the setting that would change.
pub(crate) fn unchanged(wanted: &Value, settings: &Value) -> Result<Value, String> {
    let none = serde_json::Map::new();
    for (name, value) in wanted.as_object().unwrap_or(&none) {
        let now = settings.get(name).ok_or_else(|| format!("there is no setting `{name}`"))?;
        if !value.is_null() && value != now {
            return Err(format!(
                "the setting `{name}` cannot be changed while the server runs (it is {now}); the variable MAINSPRING_LOG of its environment says what is logged"
            ));
        }
    }
    Ok(settings.clone())
}

/// `GET /v2/{system,cuda}sharedmemory/status`
pub(crate) async fn no_regions() -> Json<Value> {
    Json(json!([]))
}

/// `GET /v2/{system,cuda}sharedmemory/region/{region}/status`
pub(crate) async fn no_region() -> Failure {
    Failure::bad("there is no such region of shared memory")
}

/// `POST /v2/{system,cuda}sharedmemory/region/{region}/register`
pub(crate) async fn register() -> Failure {
    Failure::bad(NO_SHARED_MEMORY)
}

/// `POST /v2/{system,cuda}sharedmemory[/region/{region}]/unregister`: afterwards there is no such
/// region, as before.
pub(crate) async fn unregister() {}
