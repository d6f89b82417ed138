//! The calls, one function each.

use super::messages as wire;
use super::{Caller, convert};
use crate::inference::v2::datatype::Datatype;
use crate::inference::v2::describe::{self, EXTENSIONS, Port};
use crate::inference::v2::failure::Failure;
use crate::inference::v2::incoming::Target;
use crate::inference::v2::infer::infer;
use crate::inference::v2::message::NO_SHARED_MEMORY;
use crate::inference::v2::repository::{entries, load_model, unload_model};
use crate::inference::v2::triton;
use mainspring_domain::access::Role;
use mainspring_serving::ServedVersion;
use serde_json::{Map, Value};
use tonic::Status;

pub(super) async fn server_live(_: Caller, _: wire::Empty) -> Result<wire::Yes, Status> {
    Ok(wire::Yes { yes: true })
}

pub(super) async fn server_ready(caller: Caller, _: wire::Empty) -> Result<wire::Yes, Status> {
    Ok(wire::Yes { yes: describe::all_ready(&caller.state) })
}

pub(super) async fn server_metadata(_: Caller, _: wire::Empty) -> Result<wire::ServerMetadata, Status> {
    Ok(wire::ServerMetadata {
        name: "mainspring".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        extensions: EXTENSIONS.map(str::to_owned).to_vec(),
    })
}

fn target(caller: &Caller, request: wire::ModelRequest) -> Result<Target, Status> {
    caller.needs(Role::Reader, &request.name)?;
    Ok(Target::new(request.name, Some(&request.version))?)
}

pub(super) async fn model_ready(caller: Caller, request: wire::ModelRequest) -> Result<wire::Yes, Status> {
    let target = target(&caller, request)?;
    // A model that is not there is not ready; the protocol has no other way to say it.
    Ok(wire::Yes { yes: describe::is_ready(&caller.state, &target).unwrap_or(false) })
}

pub(super) async fn model_metadata(
    caller: Caller,
    request: wire::ModelRequest,
) -> Result<wire::ModelMetadata, Status> {
    let target = target(&caller, request)?;
    let metadata = describe::metadata(&caller.state, &target)?;
    let ports = |ports: Vec<Port>| {
        let port = |port: Port| wire::TensorMetadata {
            name: port.name,
            datatype: port.datatype.as_str().to_owned(),
            shape: port.shape,
        };
        ports.into_iter().map(port).collect()
    };
    Ok(wire::ModelMetadata {
        name: target.model,
        versions: metadata.versions,
        platform: metadata.platform.to_owned(),
        inputs: ports(metadata.inputs),
        outputs: ports(metadata.outputs),
    })
}

pub(super) async fn model_infer(
    caller: Caller,
    request: wire::InferRequest,
) -> Result<wire::InferResponse, Status> {
    caller.needs(Role::Reader, &request.model_name)?;
    let target = Target::new(request.model_name.clone(), Some(&request.model_version))?;
    let (request, as_bytes) = convert::request(request)?;
    let response = infer(&caller.state, &target, &caller.headers, request, as_bytes).await?;
    Ok(convert::response(response, as_bytes))
}

/// A request that fails has a message in its answer; the stream goes on.
pub(super) async fn model_stream_infer(
    caller: Caller,
    request: wire::InferRequest,
) -> Result<wire::StreamInferResponse, Status> {
    let id = request.id.clone();
    let (error_message, mut response) = match model_infer(caller, request).await {
        Ok(response) => (String::new(), response),
        Err(status) => (status.message().to_owned(), wire::InferResponse { id, ..Default::default() }),
    };
    // Each request has one answer, which is its last.
    let last = wire::Parameter { choice: Some(wire::Choice::Bool(true)) };
    response.parameters.insert("triton_final_response".to_owned(), last);
    Ok(wire::StreamInferResponse { error_message, infer_response: Some(response) })
}

pub(super) async fn model_config(
    caller: Caller,
    request: wire::ModelRequest,
) -> Result<wire::ModelConfigResponse, Status> {
    let target = target(&caller, request)?;
    let metadata = describe::metadata(&caller.state, &target)?;
    let input = |port: &Port| wire::ConfigInput {
        name: port.name.clone(),
        data_type: config_type(port.datatype),
        dims: triton::dims(port).to_vec(),
    };
    let output = |port: &Port| wire::ConfigOutput {
        name: port.name.clone(),
        data_type: config_type(port.datatype),
        dims: triton::dims(port).to_vec(),
    };
    let config = wire::ModelConfig {
        name: target.model,
        platform: metadata.platform.to_owned(),
        inputs: metadata.inputs.iter().map(input).collect(),
        outputs: metadata.outputs.iter().map(output).collect(),
        backend: "mainspring".to_owned(),
    };
    Ok(wire::ModelConfigResponse { config: Some(config) })
}

/// The number of a type in Triton's `model_config.proto`.
fn config_type(datatype: Datatype) -> i32 {
    match datatype {
        Datatype::Bool => 1,
        Datatype::Uint8 => 2,
        Datatype::Uint16 => 3,
        Datatype::Uint32 => 4,
        Datatype::Uint64 => 5,
        Datatype::Int8 => 6,
        Datatype::Int16 => 7,
        Datatype::Int32 => 8,
        Datatype::Int64 => 9,
        Datatype::Fp16 => 10,
        Datatype::Fp32 => 11,
        Datatype::Fp64 => 12,
        Datatype::Bytes => 13,
        Datatype::Bf16 => 14,
    }
}

pub(super) async fn model_statistics(
    caller: Caller,
    request: wire::ModelRequest,
) -> Result<wire::ModelStatisticsResponse, Status> {
    let found = if request.name.is_empty() {
        triton::of_all(&caller.state, caller.principal()?)
    } else {
        let target = target(&caller, request)?;
        let versions = triton::of_target(&caller.state, &target)?;
        versions.into_iter().map(|found| (target.model.clone(), found)).collect()
    };
    let model_stats = found.into_iter().map(|(name, found)| statistics(name, &found)).collect();
    Ok(wire::ModelStatisticsResponse { model_stats })
}

fn statistics(name: String, found: &ServedVersion) -> wire::ModelStatistics {
    let shown = triton::Statistics::of(found);
    let duration = |(count, ns)| Some(wire::Duration { count, ns });
    wire::ModelStatistics {
        name,
        version: shown.version,
        last_inference: shown.last_ms,
        inference_count: shown.rows,
        execution_count: shown.requests,
        inference_stats: Some(wire::InferStatistics {
            success: duration(shown.success),
            fail: duration(shown.fail),
            queue: duration(shown.queue),
            compute_infer: duration(shown.infer),
        }),
    }
}

pub(super) async fn repository_index(
    caller: Caller,
    request: wire::RepositoryIndexRequest,
) -> Result<wire::RepositoryIndexResponse, Status> {
    let entries = entries(&caller.state, caller.principal()?, request.ready).await?;
    let models = entries.into_iter().map(|entry| wire::ModelIndex {
        name: entry.name,
        version: entry.version,
        state: entry.state.to_owned(),
        reason: entry.reason,
    });
    Ok(wire::RepositoryIndexResponse { models: models.collect() })
}

/// The names of parameters, which is all that decides about them.
fn names(request: &wire::RepositoryModelRequest) -> Map<String, Value> {
    request.parameters.keys().map(|name| (name.clone(), Value::Null)).collect()
}

pub(super) async fn repository_model_load(
    caller: Caller,
    request: wire::RepositoryModelRequest,
) -> Result<wire::Empty, Status> {
    caller.needs(Role::Manager, &request.model_name)?;
    load_model(&caller.state, &request.model_name, caller.actor.clone(), &names(&request)).await?;
    Ok(wire::Empty {})
}

pub(super) async fn repository_model_unload(
    caller: Caller,
    request: wire::RepositoryModelRequest,
) -> Result<wire::Empty, Status> {
    caller.needs(Role::Manager, &request.model_name)?;
    unload_model(&caller.state, &request.model_name, caller.actor.clone(), &names(&request)).await?;
    Ok(wire::Empty {})
}

/// There are no regions of shared memory, before and after they are unregistered.
pub(super) async fn nothing(_: Caller, _: wire::Empty) -> Result<wire::Empty, Status> {
    Ok(wire::Empty {})
}

pub(super) async fn no_shared_memory(_: Caller, _: wire::Empty) -> Result<wire::Empty, Status> {
    Err(Status::unimplemented(NO_SHARED_MEMORY))
}

pub(super) async fn trace_setting(
    _: Caller,
    request: wire::TraceSettings,
) -> Result<wire::TraceSettings, Status> {
    let wanted = request.settings.into_iter().map(|(name, wanted)| {
        // As over REST: a level is a list, the others are texts; nothing asks for the default.
        let value = match wanted.values.as_slice() {
            [] => Value::Null,
            [only] if name != triton::TRACE_LEVEL => only.as_str().into(),
            several => several.into(),
        };
        (name, value)
    });
    triton::unchanged(&Value::Object(wanted.collect()), &triton::trace()).map_err(Failure::bad)?;
    let shown = triton::TRACE
        .iter()
        .map(|(name, value)| ((*name).to_owned(), wire::TraceValue { values: vec![(*value).to_owned()] }));
    Ok(wire::TraceSettings { settings: shown.collect() })
}

pub(super) async fn log_settings(_: Caller, request: wire::LogSettings) -> Result<wire::LogSettings, Status> {
    let wanted: Map<String, Value> = request
        .settings
        .into_iter()
        .map(|(name, value)| {
            let value = match value.choice {
                None => Value::Null,
                Some(wire::LogChoice::Bool(yes)) => yes.into(),
                Some(wire::LogChoice::Uint32(number)) => number.into(),
                Some(wire::LogChoice::Text(text)) => text.into(),
            };
            (name, value)
        })
        .collect();
    let now = triton::unchanged(&Value::Object(wanted), &triton::log()).map_err(Failure::bad)?;
    let settings = now.as_object().into_iter().flatten().map(|(name, value)| {
        let choice = match value {
            Value::Bool(yes) => wire::LogChoice::Bool(*yes),
            Value::Number(number) => wire::LogChoice::Uint32(
                number.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or_default(),
            ),
            other => wire::LogChoice::Text(other.as_str().unwrap_or_default().to_owned()),
        };
        (name.clone(), wire::LogValue { choice: Some(choice) })
    });
    Ok(wire::LogSettings { settings: settings.collect() })
}
