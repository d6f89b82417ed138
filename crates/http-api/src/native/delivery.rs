//! Models, deployments, rollouts and monitors.

use super::{ApiError, NativeState};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use mainspring_automation::{AutomationError, request_rollout};
use mainspring_domain::Actor;
use mainspring_domain::delivery::Rollout;
use mainspring_metadata_store::StoreError;
use mainspring_metadata_store::traits::search::Search;
use mainspring_rollouts::{Event, RolloutSpec};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path as FilePath;

#[derive(Deserialize)]
pub(super) struct Deploy {
    version: u32,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RolloutsQuery {
    model: Option<String>,
    limit: Option<u32>,
}

/// `GET /api/v1/models`: registered models with their versions and what serves them.
pub(super) async fn models(State(state): State<NativeState>) -> Result<Json<Value>, ApiError> {
    let routes = state.gateway.views();
    let models = state
        .store
        .read(move |tx| {
            let mut models = Vec::new();
            for model in tx.search_registered_models(&all_models())? {
                let route = routes.iter().find(|route| route.model == model.name);
                let mut versions = Vec::new();
                for version in tx.model_versions(&model.name)?.into_iter().rev().take(50) {
                    let metrics = match &version.run_id {
                        Some(run) => tx.run(run)?.map(|run| run.metrics).unwrap_or_default(),
                        None => Vec::new(),
                    };
                    let metrics: serde_json::Map<String, Value> =
                        metrics.into_iter().map(|metric| (metric.key, json!(metric.value))).collect();
                    versions.push(json!({
                        "version": version.version, "stage": version.stage, "aliases": version.aliases,
                        "run_id": version.run_id, "created": version.created,
                        "created_by": version.created_by, "metrics": metrics,
                    }));
                }
                models.push(json!({
                    "name": model.name,
                    "serving": route.and_then(|route| route.stable),
                    "on_trial": route.and_then(|route| route.canary),
                    "weight": route.map_or(0, |route| route.weight),
                    "ready": route.is_some_and(|route| route.ready),
                    "versions": versions,
                }));
            }
            Ok::<_, StoreError>(models)
        })
        .await?;
    Ok(Json(json!({ "models": models })))
}

/// The registered models that one answer shows.
fn all_models() -> Search {
    Search { limit: 1000, ..Search::default() }
}

/// `POST /api/v1/deployments/{model}`: asks for a version to go to production.
pub(super) async fn deploy(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Path(model): Path<String>,
    Json(deploy): Json<Deploy>,
) -> Result<Json<Value>, ApiError> {
    let reason = deploy.reason.unwrap_or_else(|| format!("asked for by {actor}"));
    let requested_by = actor.to_string();
    let rollout = state
        .store
        .write(actor, move |tx| {
            let asked = request_rollout(
                tx,
                &state.config,
                &state.project,
                &state.policy,
                (&model, deploy.version),
                (&requested_by, &reason),
            )?;
            tx.bookkeeping();
            Ok::<_, AutomationError>(asked)
        })
        .await?;
    Ok(Json(json!({ "rollout": rollout })))
}

/// `GET /api/v1/rollouts?model=&limit=`
pub(super) async fn rollouts(
    State(state): State<NativeState>,
    Query(query): Query<RolloutsQuery>,
) -> Result<Json<Value>, ApiError> {
    let limit = query.limit.unwrap_or(20).min(200);
    let rollouts = state.store.read(move |tx| tx.rollouts(query.model.as_deref(), limit)).await?;
    let rollouts: Vec<Value> = rollouts.iter().map(view).collect();
    Ok(Json(json!({ "rollouts": rollouts })))
}

/// `GET /api/v1/rollouts/{id}`
pub(super) async fn rollout(
    State(state): State<NativeState>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let wanted = id.clone();
    let found = state.store.read(move |tx| tx.rollout(&wanted)).await?;
    let rollout = found.ok_or_else(|| ApiError::not_found(format!("there is no rollout `{id}`")))?;
    Ok(Json(view(&rollout)))
}

/// `POST /api/v1/rollouts/{id}/{promote|promote-full|abort}`
pub(super) async fn command(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Path((id, verb)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let event = match verb.as_str() {
        "promote" => Event::Promote,
        "promote-full" => Event::PromoteFull,
        "abort" => Event::Abort(format!("aborted by {actor}")),
        other => {
            return Err(ApiError::not_found(format!("a rollout cannot be told to `{other}`"))
                .hint("use promote, promote-full or abort"));
        }
    };
    let phase = state.delivery.command(&id, actor, event).await?;
    let phase = phase.ok_or_else(|| {
        ApiError::new(StatusCode::CONFLICT, format!("no rollout `{id}` is under way"))
            .hint("`mainspring rollouts` lists rollouts and how they ended")
    })?;
    Ok(Json(json!({ "phase": phase })))
}

/// `GET /api/v1/monitors/{model}`
pub(super) async fn monitor(
    State(state): State<NativeState>,
    Path(model): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let view = state
        .store
        .read(move |tx| {
            let (answered, labelled) = tx.prediction_counts(&model)?;
            Ok::<_, StoreError>(json!({
                "model": model,
                "windows": tx.monitor_windows(&model, 200)?,
                "alerts": tx.alerts(Some(&model), 50)?,
                "predictions": answered,
                "labelled": labelled,
                "feedback_without_request": tx.orphan_count()?,
            }))
        })
        .await?;
    Ok(Json(view))
}

/// A rollout as the API shows it: with its steps and where it stands among them.
pub(super) fn view(rollout: &Rollout) -> Value {
    let spec = RolloutSpec::parse(&rollout.spec_text, FilePath::new("rollout"));
    let at = rollout.state["step"].as_u64().unwrap_or(0);
    let active = rollout.ended.is_none();
    let steps: Vec<Value> = spec
        .map(|spec| spec.steps)
        .unwrap_or_default()
        .iter()
        .zip(0_u64..)
        .map(|(step, index)| {
            let state = match index.cmp(&at) {
                std::cmp::Ordering::Less => "done",
                std::cmp::Ordering::Equal if active => "active",
                _ => "pending",
            };
            json!({ "label": step.label(), "state": state })
        })
        .collect();
    json!({
        "id": rollout.id, "model": rollout.model, "version": rollout.version, "previous": rollout.previous,
        "requested_by": rollout.requested_by, "reason": rollout.reason, "created": rollout.created,
        "ended": rollout.ended, "steps": steps, "state": rollout.state,
    })
}
