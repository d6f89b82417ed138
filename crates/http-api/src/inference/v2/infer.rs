//! One request, whatever carried it.

use super::describe::loaded;
use super::failure::Failure;
use super::incoming::Target;
use super::message::{InferRequest, InferResponse, select};
use super::tensor::{from_predictions, to_rows};
use crate::inference::InferenceState;
use crate::inference::serve::{Call, serve};
use axum::http::HeaderMap;
use serde_json::Value;

/// Serves a request. `headers` are those that came with it.
pub(crate) async fn infer(
    state: &InferenceState,
    target: &Target,
    headers: &HeaderMap,
    request: InferRequest,
    all_binary: bool,
) -> Result<InferResponse, Failure> {
    // Which version answers is decided later; the versions of a model take the same inputs, or one of
    // them refuses.
    let inputs = loaded(state, target).ok();
    let description = inputs.as_ref().map(|found| found.server.description());
    let rows = to_rows(request.inputs, description.and_then(|found| found.inputs.as_deref()))
        .map_err(Failure::bad)?;
    let call = Call {
        model: &target.model,
        version: target.version,
        request_id: request.id,
        params: &Value::Object(request.parameters),
    };
    let answer = serve(state, call, headers, rows).await?;
    let tensors = from_predictions(answer.predictions, answer.server.description().outputs.as_deref());
    let outputs = select(tensors, &request.outputs, all_binary).map_err(Failure::bad)?;
    Ok(InferResponse { model: target.model.clone(), version: answer.version, id: answer.request_id, outputs })
}
