//! Models, deployments, rollouts and monitors.

use super::{ApiError, Body, MaybeBody, NativeState};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use mainspring_automation::{AutomationError, Comparison, revisions};
use mainspring_domain::delivery::Rollout;
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::traits::search::Search;
use mainspring_metadata_store::{ReadTx, StoreError};
use mainspring_rollouts::{Completion, Event, RolloutSpec, RolloutState, Strategy, Target, export};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path as FilePath;

#[derive(Deserialize)]
pub(super) struct Deploy {
    version: u32,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Undo {
    #[serde(default)]
    to_revision: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct ManifestsQuery {
    target: String,
    image: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ShadowQuery {
    segment: Option<String>,
    limit: Option<usize>,
}

/// Mirrored requests that one answer compares: the newest.
const MAX_SHADOWS: u32 = 50_000;
/// Segments that one answer shows.
const MAX_SEGMENTS: usize = 100;

#[derive(Deserialize)]
pub(super) struct RolloutsQuery {
    model: Option<String>,
    limit: Option<u32>,
    /// Leaves out what a list of rollouts does not show.
    #[serde(default)]
    short: bool,
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
    Body(deploy): Body<Deploy>,
) -> Result<Json<Value>, ApiError> {
    let reason = deploy.reason.unwrap_or_else(|| format!("asked for by {actor}"));
    let requested_by = actor.to_string();
    let rollout = state
        .store
        .write(actor, move |tx| {
            let by = (requested_by.as_str(), reason.as_str());
            let asked = state.delivery.request(tx, (&model, deploy.version), by)?;
            tx.bookkeeping();
            Ok::<_, AutomationError>(asked)
        })
        .await?;
    Ok(Json(json!({ "rollout": rollout })))
}

/// `POST /api/v1/deployments/{model}/undo`: asks for the release before, or for that of a revision.
pub(super) async fn undo(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Path(model): Path<String>,
    MaybeBody(undo): MaybeBody<Undo>,
) -> Result<Json<Value>, ApiError> {
    let requested_by = actor.to_string();
    let revision = undo.and_then(|undo| undo.to_revision);
    let (version, rollout) = state
        .store
        .write(actor, move |tx| {
            let asked = state.delivery.undo(tx, &model, revision, &requested_by)?;
            tx.bookkeeping();
            Ok::<_, AutomationError>(asked)
        })
        .await?;
    Ok(Json(json!({ "version": version, "rollout": rollout })))
}

/// `GET /api/v1/deployments/{model}/manifests?target=&image=`: the deployment for a cluster, as YAML.
pub(super) async fn manifests(
    State(state): State<NativeState>,
    Path(model): Path<String>,
    Query(query): Query<ManifestsQuery>,
) -> Result<String, ApiError> {
    let target = match (query.target.as_str(), query.image) {
        ("argo-rollouts", Some(image)) => Target::ArgoRollouts { image },
        ("argo-rollouts", None) => {
            return Err(ApiError::bad("the pods of Argo Rollouts need an image".to_owned())
                .hint("name one with `image`: it serves the model that `MODEL_URI` names on port 8080"));
        }
        ("kserve", _) => Target::KServe,
        ("seldon", _) => Target::Seldon,
        (other, _) => {
            return Err(ApiError::bad(format!("there is no target `{other}`"))
                .hint("use argo-rollouts, kserve or seldon"));
        }
    };
    let delivery = state.delivery.clone();
    let exported = state.store.read(move |tx| delivery.exported(tx, &model)).await?;
    let manifests = export(&exported, &target).map_err(AutomationError::from)?;
    manifests.to_yaml().map_err(|reason| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, reason))
}

/// `GET /api/v1/rollouts/{id}/shadow?segment=COLUMN`: how both versions answered mirrored requests, in
/// all and by the values of a column.
pub(super) async fn shadow(
    State(state): State<NativeState>,
    Path(id): Path<String>,
    Query(query): Query<ShadowQuery>,
) -> Result<Json<Value>, ApiError> {
    let wanted = id.clone();
    let start = Timestamp::from_millis(0);
    let shadows = state
        .store
        .read(move |tx| {
            let Some(rollout) = tx.rollout(&wanted)? else { return Ok(None) };
            Ok::<_, StoreError>(Some(tx.shadows(&rollout.id, start, MAX_SHADOWS)?))
        })
        .await?;
    let shadows = shadows.ok_or_else(|| ApiError::not_found(format!("there is no rollout `{id}`")))?;
    let segments = query.segment.map(|column| {
        let segments = Comparison::by_segment(&shadows, &column, MAX_SEGMENTS);
        let segments: Vec<Value> = segments
            .iter()
            .map(|(value, comparison)| json!({ "value": value, "comparison": comparison_view(comparison) }))
            .collect();
        json!({ "column": column, "segments": segments })
    });
    let recent: Vec<_> = shadows.iter().take(query.limit.unwrap_or(20).min(200)).collect();
    Ok(Json(json!({
        "comparison": comparison_view(&Comparison::of(shadows.iter())),
        "by": segments,
        "recent": recent,
        // Of this server since its start, whatever the rollout.
        "queue": { "sent": state.gateway.mirrors().sent(), "dropped": state.gateway.mirrors().dropped() },
    })))
}

fn comparison_view(comparison: &Comparison) -> Value {
    json!({
        "requests": comparison.requests, "agreement": comparison.agreement, "distance": comparison.distance,
        "error_rate": comparison.error_rate, "live_latency_ms": comparison.live_latency_ms,
        "latency_ms": comparison.latency_ms, "latency_ratio": comparison.latency_ratio,
    })
}

/// `GET /api/v1/rollouts?model=&limit=`
pub(super) async fn rollouts(
    State(state): State<NativeState>,
    Query(query): Query<RolloutsQuery>,
) -> Result<Json<Value>, ApiError> {
    let limit = query.limit.unwrap_or(20).min(200);
    let rollouts = state.store.read(move |tx| {
        let mut shown = views(tx, &tx.rollouts(query.model.as_deref(), limit)?)?;
        match query.model {
            _ if query.short => shown.iter_mut().for_each(shorten),
            Some(model) => number(&mut shown, revisions(tx, &model)?.as_deref()),
            None => {}
        }
        Ok::<_, StoreError>(shown)
    });
    let rollouts = rollouts.await?;
    Ok(Json(json!({ "rollouts": rollouts })))
}

/// `GET /api/v1/rollouts/{id}`
pub(super) async fn rollout(
    State(state): State<NativeState>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let wanted = id.clone();
    let found = state.store.read(move |tx| views(tx, tx.rollout(&wanted)?.as_slice())).await?;
    let rollout = found.into_iter().next();
    Ok(Json(rollout.ok_or_else(|| ApiError::not_found(format!("there is no rollout `{id}`")))?))
}

/// `POST /api/v1/rollouts/{id}/{promote|promote-full|pause|abort|retry}`
pub(super) async fn command(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Path((id, verb)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let event = match verb.as_str() {
        "promote" => Event::Promote,
        "promote-full" => Event::PromoteFull,
        "pause" => Event::Pause,
        "retry" => Event::Retry,
        "abort" => Event::Abort(format!("aborted by {actor}")),
        other => {
            return Err(ApiError::not_found(format!("a rollout cannot be told to `{other}`"))
                .hint("use promote, promote-full, pause, abort or retry"));
        }
    };
    let phase = state.delivery.command(&id, actor, event).await?;
    let phase = phase.ok_or_else(|| {
        ApiError::new(StatusCode::CONFLICT, format!("no rollout `{id}` is under way that listens to `{verb}`"))
            .hint("`mainspring rollouts list` lists rollouts and how they stand or ended; the last one of a model can be retried when it was aborted")
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

/// Whether a rollout ended with its version in charge.
pub(super) fn was_put_in_charge(rollout: &Rollout) -> bool {
    RolloutState::stored(rollout.state.clone()).is_ok_and(|state| state.was_put_in_charge())
}

/// What of a route decides what a person may say to its rollouts.
struct Standing {
    newest: Option<String>,
    /// What put the version in charge there, as long as nothing else is under way.
    undoable: Option<String>,
}

/// Rollouts as the API shows them.
pub(super) fn views(tx: &dyn ReadTx, rollouts: &[Rollout]) -> Result<Vec<Value>, StoreError> {
    let mut standings: HashMap<&str, Standing> = HashMap::new();
    let mut views = Vec::new();
    for rollout in rollouts {
        let standing = match standings.entry(&rollout.model) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(Standing {
                newest: tx.rollouts(Some(&rollout.model), 1)?.pop().map(|newest| newest.id),
                undoable: tx
                    .deployment(&rollout.model)?
                    .filter(|deployment| deployment.active_rollout.is_none())
                    .and_then(|deployment| deployment.stable_rollout),
            }),
        };
        views.push(view(rollout, standing));
    }
    Ok(views)
}

/// Leaves out of an ended rollout what a list does not show.
fn shorten(view: &mut Value) {
    let ended = !view["ended"].is_null();
    if let Some(state) = view["state"].as_object_mut() {
        state.insert("history".to_owned(), json!([]));
        if ended {
            state.insert("analysis".to_owned(), Value::Null);
            state.insert("background".to_owned(), Value::Null);
        }
    }
    if ended {
        view["steps"] = json!([]);
        view["warnings"] = json!([]);
    }
}

/// Adds to the rollouts of one model the number of the revision that each made, null where it made none or
/// they cannot be counted.
fn number(views: &mut [Value], revisions: Option<&[Rollout]>) {
    let revisions = revisions.unwrap_or_default();
    for view in views {
        let place = revisions.iter().position(|revision| view["id"] == *revision.id);
        view["revision"] = place.map_or(Value::Null, |place| json!(place + 1));
    }
}

/// A rollout with its steps and where it stands among them.
fn view(rollout: &Rollout, standing: &Standing) -> Value {
    let spec = RolloutSpec::parse(&rollout.spec_text, FilePath::new("rollout")).ok();
    let state = RolloutState::stored(rollout.state.clone()).ok();
    let active = rollout.ended.is_none();
    // What was given up is back at its first step; its story says how far it came.
    let at = match &state {
        Some(state) if state.aborted.is_some() => state.history.last().map_or(0, |entry| entry.step),
        Some(state) => state.step,
        None => 0,
    };
    let steps: Vec<Value> = spec
        .iter()
        .flat_map(|spec| &spec.steps)
        .enumerate()
        .map(|(index, step)| {
            let state = match index.cmp(&at) {
                std::cmp::Ordering::Less => "done",
                std::cmp::Ordering::Equal if active => "active",
                _ => "pending",
            };
            json!({ "label": step.label(), "state": state })
        })
        .collect();
    let strategy = spec.as_ref().map(|spec| match spec.strategy {
        Strategy::Canary => "canary",
        Strategy::BlueGreen => "blueGreen",
    });
    let warnings: Vec<Value> = spec
        .iter()
        .flat_map(|spec| &spec.warnings)
        .map(|warning| json!({ "line": warning.line, "message": warning.message }))
        .collect();
    let routing =
        spec.as_ref().zip(state.as_ref()).map(|(spec, state)| state.routing(spec)).unwrap_or_default();
    let headers: Vec<&str> = routing.headers.iter().map(|route| route.name.as_str()).collect();
    let mirrors: Vec<Value> = routing
        .mirrors
        .iter()
        .map(|route| json!({ "name": route.name, "percentage": route.percentage }))
        .collect();
    let is = |id: &Option<String>| id.as_ref() == Some(&rollout.id);
    let was_aborted = state.as_ref().is_some_and(|state| state.completion == Some(Completion::Aborted));
    json!({
        "id": rollout.id, "model": rollout.model, "version": rollout.version, "previous": rollout.previous,
        "requested_by": rollout.requested_by, "reason": rollout.reason, "created": rollout.created,
        "ended": rollout.ended, "in_charge": was_put_in_charge(rollout),
        "can_undo": is(&standing.undoable) && rollout.previous.is_some(),
        "can_retry": is(&standing.newest) && was_aborted, "strategy": strategy, "steps": steps, "warnings": warnings,
        "header_routes": headers, "mirrors": mirrors, "state": rollout.state,
    })
}
