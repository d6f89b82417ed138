//! Deleting for good.

use super::{ApiError, Body, NativeState};
use axum::extract::State;
use axum::{Extension, Json};
use mainspring_automation::collect::Wanted;
use mainspring_domain::Actor;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Artifacts that could not be removed, in one answer.
const FAILED: usize = 100;

/// What is to go; without names all that was deleted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    /// Seconds since it was deleted.
    #[serde(default)]
    older_than_seconds: u32,
    #[serde(default)]
    workspace: Option<String>,
    #[serde(default)]
    run_ids: Option<Vec<String>>,
    #[serde(default)]
    experiment_ids: Option<Vec<String>>,
    #[serde(default)]
    logged_model_ids: Option<Vec<String>>,
    /// Without it nothing goes: the answer says what would.
    #[serde(default)]
    permanent: bool,
}

/// `POST /api/v1/gc`
pub(super) async fn collect(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Body(request): Body<Request>,
) -> Result<Json<Value>, ApiError> {
    let experiments: Option<Result<Vec<i64>, _>> = request
        .experiment_ids
        .map(|ids| ids.iter().map(|id| mainspring_tracking::experiments::parse_id(id)).collect());
    let workspace = request.workspace.as_deref().map(mainspring_tracking::workspaces::parse_name);
    let wanted = Wanted {
        workspace: workspace.transpose().map_err(|error| ApiError::bad(error.to_string()))?,
        older_than: Duration::from_secs(u64::from(request.older_than_seconds)),
        runs: request.run_ids,
        logged_models: request.logged_model_ids,
        experiments: experiments.transpose().map_err(|error| ApiError::bad(error.to_string()))?,
    };
    let collected = if request.permanent {
        state.collector.collect(&actor, wanted).await?
    } else {
        state.collector.preview(wanted).await?
    };
    Ok(Json(json!({ "permanent": request.permanent, "collected": collected })))
}

/// `GET /api/v1/gc`: the artifacts that wait to be removed.
pub(super) async fn waiting(State(state): State<NativeState>) -> Result<Json<Value>, ApiError> {
    let query = |tx: &dyn mainspring_metadata_store::ReadTx| {
        Ok::<_, mainspring_metadata_store::StoreError>((
            tx.count_artifact_garbage()?,
            tx.artifact_garbage(FAILED)?,
        ))
    };
    let (count, some) = state.store.read(query).await?;
    let failed: Vec<_> = some.into_iter().filter(|garbage| garbage.error.is_some()).collect();
    Ok(Json(json!({ "waiting": count, "failed": failed })))
}
