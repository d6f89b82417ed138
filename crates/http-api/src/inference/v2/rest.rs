//! The Open Inference Protocol, version 2, over REST, with JSON and binary tensors.

use super::describe::{self, EXTENSIONS};
use super::failure::Failure;
use super::incoming::{Payload, Target};
use super::infer::infer;
use super::message::read;
use crate::inference::InferenceState;
use crate::inference::serve::answer_headers;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

/// Bytes of the JSON in front of binary tensors. Its presence, and nothing else, says that there are
/// some.
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// `GET /v2`
pub(crate) async fn server() -> Json<Value> {
    Json(json!({ "name": "mainspring", "version": env!("CARGO_PKG_VERSION"), "extensions": EXTENSIONS }))
}

/// `GET /v2/health/live`
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// `GET /v2/health/ready`: ready when every deployed model is.
pub(crate) async fn ready(State(state): State<InferenceState>) -> Response {
    let ready = describe::all_ready(&state);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready }))).into_response()
}

/// `GET /v2/models/{model}[/versions/{version}]/ready`
pub(crate) async fn model_ready(
    State(state): State<InferenceState>,
    target: Target,
) -> Result<Json<Value>, Failure> {
    if describe::is_ready(&state, &target)? {
        return Ok(Json(json!({ "name": target.model, "ready": true })));
    }
    Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, format!("model `{}` is not ready", target.model)))
}

/// `GET /v2/models/{model}[/versions/{version}]`
pub(crate) async fn metadata(
    State(state): State<InferenceState>,
    target: Target,
) -> Result<Json<Value>, Failure> {
    Ok(Json(describe::metadata(&state, &target)?.json(&target.model)))
}

/// `POST /v2/models/{model}[/versions/{version}]/infer`
pub(crate) async fn infer_rest(
    State(state): State<InferenceState>,
    target: Target,
    payload: Payload,
) -> Result<Response, Failure> {
    let (json, binary) = match payload.headers.get(JSON_LENGTH) {
        None => (&payload.body[..], None),
        Some(length) => {
            let length = length.to_str().ok().and_then(|length| length.trim().parse().ok());
            let parts = length.and_then(|length| payload.body.split_at_checked(length));
            let (json, binary) = parts.ok_or_else(|| {
                Failure::bad(format!(
                    "Inference-Header-Content-Length is not a number of bytes within the body, which has {}",
                    payload.body.len()
                ))
            })?;
            (json, Some(binary))
        }
    };
    let (request, all_binary) = read(json, binary)?;
    let response = infer(&state, &target, &payload.headers, request, all_binary).await?;
    let mut headers = answer_headers(&response.id, response.version);
    let (json, bytes) = response.write();
    let mut body = serde_json::to_vec(&json)
        .map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let kind = if response.outputs.iter().any(|(_, binary)| *binary) {
        headers.insert(JSON_LENGTH, HeaderValue::from(body.len()));
        body.extend(bytes);
        "application/octet-stream"
    } else {
        "application/json"
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok((headers, body).into_response())
}
