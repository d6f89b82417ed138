//! The repository extension: which models there are, loading and unloading.

use super::describe::{may_see, visible_routes};
use super::failure::Failure;
use super::incoming::{Payload, Target};
use crate::inference::InferenceState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use mainspring_automation::AutomationError;
use mainspring_domain::Actor;
use mainspring_governance::access::Principal;
use mainspring_metadata_store::StoreError;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// One loaded or loadable version.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) state: &'static str,
    pub(crate) reason: String,
}

/// The models and stages that have a version in charge, on trial or in a test, as far as the caller may see
/// them.
pub(crate) async fn entries(
    state: &InferenceState,
    principal: &Principal,
    ready_only: bool,
) -> Result<Vec<Entry>, Failure> {
    let deployments = state.store.read(|tx| tx.deployments()).await;
    let deployments = deployments
        .map_err(|error: StoreError| Failure::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    let mut entries = Vec::new();
    let routes = visible_routes(state, principal);
    for route in &routes {
        for loaded in state.gateway.versions(route) {
            let (state, reason) = match loaded.server.is_ready() {
                true => ("READY", ""),
                false => ("UNAVAILABLE", "its workers are being restarted"),
            };
            let version = loaded.version.to_string();
            entries.push(Entry { name: route.clone(), version, state, reason: reason.to_owned() });
        }
    }
    for deployment in deployments.into_iter().filter(|known| may_see(principal, &known.model)) {
        let Some(version) = deployment.stable.map(|version| version.to_string()) else { continue };
        if entries.iter().any(|entry| entry.name == deployment.model && entry.version == version) {
            continue;
        }
        let known = routes.contains(&deployment.model);
        let (state, reason) = if known { ("LOADING", "") } else { ("UNAVAILABLE", "unloaded") };
        entries.push(Entry { name: deployment.model, version, state, reason: reason.to_owned() });
    }
    entries.retain(|entry| !ready_only || entry.state == "READY");
    entries.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(entries)
}

/// `POST /v2/repository/index`, with or without a body.
pub(crate) async fn index(
    State(state): State<InferenceState>,
    Extension(principal): Extension<Arc<Principal>>,
    payload: Payload,
) -> Result<Json<Value>, Failure> {
    let ready_only = match payload.json()? {
        Value::Null => false,
        Value::Object(body) => match body.get("ready") {
            None => false,
            Some(ready) => ready.as_bool().ok_or_else(|| Failure::bad("`ready` must be true or false"))?,
        },
        _ => return Err(Failure::bad("the body must be an object or empty")),
    };
    let entries = entries(&state, &principal, ready_only).await?;
    let shown = entries.iter().map(|entry| {
        json!({ "name": entry.name, "version": entry.version, "state": entry.state, "reason": entry.reason })
    });
    Ok(Json(shown.collect()))
}

/// `POST /v2/repository/models/{model}/load`: loads the version in charge, anew when it is loaded. The
/// old workers answer what they have.
pub(crate) async fn load(
    State(state): State<InferenceState>,
    Extension(actor): Extension<Actor>,
    target: Target,
    payload: Payload,
) -> Result<Response, Failure> {
    load_model(&state, &target.model, actor, &parameters(&payload)?).await?;
    Ok(StatusCode::OK.into_response())
}

/// `POST /v2/repository/models/{model}/unload`: ends the workers until the next load or start.
pub(crate) async fn unload(
    State(state): State<InferenceState>,
    Extension(actor): Extension<Actor>,
    target: Target,
    payload: Payload,
) -> Result<Response, Failure> {
    unload_model(&state, &target.model, actor, &parameters(&payload)?).await?;
    Ok(StatusCode::OK.into_response())
}

fn parameters(payload: &Payload) -> Result<Map<String, Value>, Failure> {
    match payload.json()? {
        Value::Null => Ok(Map::new()),
        Value::Object(mut body) => match body.remove("parameters") {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(parameters)) => Ok(parameters),
            Some(_) => Err(Failure::bad("`parameters` must be an object")),
        },
        _ => Err(Failure::bad("the body must be an object or empty")),
    }
}

/// Loads the version in charge.
pub(crate) async fn load_model(
    state: &InferenceState,
    model: &str,
    actor: Actor,
    parameters: &Map<String, Value>,
) -> Result<(), Failure> {
    if let Some(name) = parameters.keys().next() {
        return Err(Failure::bad(format!(
            "the parameter `{name}` of a load is not taken: files and settings of a model come from the registry and mainspring.toml"
        )));
    }
    state.repository.load(model, actor).await.map_err(failed)
}

/// Ends a model's workers.
pub(crate) async fn unload_model(
    state: &InferenceState,
    model: &str,
    actor: Actor,
    parameters: &Map<String, Value>,
) -> Result<(), Failure> {
    // No model is loaded because of another, so `unload_dependents` asks for nothing.
    if let Some(name) = parameters.keys().find(|name| *name != "unload_dependents") {
        return Err(Failure::bad(format!("the parameter `{name}` of an unload is not known")));
    }
    state.repository.unload(model, actor).await.map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error")]
fn failed(error: AutomationError) -> Failure {
    let status = match &error {
        AutomationError::NotDeployed(_) => StatusCode::NOT_FOUND,
        AutomationError::RolloutUnderWay(_)
        | AutomationError::Overtaken { .. }
        | AutomationError::NotLeading => StatusCode::CONFLICT,
        AutomationError::Unloadable { .. } => StatusCode::BAD_REQUEST,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    Failure::new(status, error.to_string())
}
