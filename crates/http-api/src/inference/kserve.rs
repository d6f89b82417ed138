//! Version 1 of KServe's protocol: instances in, predictions out.

use super::InferenceState;
use super::forms::instances;
use super::serve::{Call, answer_headers, refusal, serve};
use super::v2::{Failure, Payload};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use mainspring_domain::access::{Role, Scope};
use mainspring_governance::access::Principal;
use mainspring_serving::{ServeError, ServedVersion};
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET /v1/models`: those that the caller may see.
pub(super) async fn models(
    State(state): State<InferenceState>,
    Extension(principal): Extension<Arc<Principal>>,
) -> Json<Value> {
    let names = state.gateway.views().into_iter().map(|view| view.model);
    let visible = names.filter(|name| principal.may(Role::Reader, &Scope::Model(name.clone())));
    Json(json!({ "models": visible.collect::<Vec<_>>() }))
}

/// `GET /v1/models/{model}`
pub(super) async fn model(
    State(state): State<InferenceState>,
    Path(model): Path<String>,
) -> Result<Json<Value>, Failure> {
    let found = found(&state, &model)?;
    Ok(Json(json!({ "name": model, "ready": found.server.is_ready() })))
}

fn found(state: &InferenceState, model: &str) -> Result<ServedVersion, Failure> {
    state.gateway.find(model, None).map_err(|error| match error {
        ServeError::NotDeployed(_) => {
            Failure::new(StatusCode::NOT_FOUND, format!("Model with name {model} does not exist."))
        }
        other => refusal(&other).into(),
    })
}

/// `POST /v1/models/{model}:predict`
pub(super) async fn predict(
    State(state): State<InferenceState>,
    Path(call): Path<String>,
    payload: Payload,
) -> Result<Response, Failure> {
    let (model, verb) = call.rsplit_once(':').unwrap_or((&call, ""));
    if verb != "predict" {
        return Err(Failure::new(
            StatusCode::NOT_FOUND,
            format!("there is no call `{call}`; send to /v1/models/NAME:predict"),
        ));
    }
    found(&state, model)?;
    let Value::Object(mut body) = payload.json()? else {
        return Err(Failure::bad("the body must be a JSON object with `instances`"));
    };
    // `inputs` is what TensorFlow Serving calls columns by name.
    let input = body.remove("instances").or_else(|| body.remove("inputs"));
    let input = input.ok_or_else(|| Failure::bad("the body has no `instances`"))?;
    let rows = instances(input)?;
    let params = body.remove("parameters").filter(Value::is_object).unwrap_or_else(|| json!({}));
    let call = Call { model, version: None, request_id: None, params: &params };
    let answer = serve(&state, call, &payload.headers, rows).await?;
    let headers = answer_headers(&answer.request_id, answer.version);
    Ok((headers, Json(json!({ "predictions": answer.predictions }))).into_response())
}
