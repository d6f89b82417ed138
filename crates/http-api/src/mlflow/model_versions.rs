//! `model-versions/*`

use super::registered_models::query;
use super::request::{Call, Params, Within};
use super::wire::{ModelVersionWire, Void};
use super::{AllWorkspaces, ApiError, MlflowState, page_token};
use axum::routing::{delete, get, patch, post};
use axum::{Json, Router};
use mainspring_domain::access::Scope;
use mainspring_registry::search;
use mainspring_registry::versions::{self, NewVersion, parse_stage, parse_version};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

type Answer<T> = Result<Json<T>, ApiError>;

pub(super) fn routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/model-versions/create", post(create))
        .route("/model-versions/get", get(by_version))
        .route("/model-versions/search", get(find))
        .route("/model-versions/get-download-uri", get(download_uri))
        .route("/model-versions/update", patch(update))
        .route("/model-versions/delete", delete(remove))
        .route("/model-versions/transition-stage", post(transition_stage))
        .route("/model-versions/set-tag", post(set_tag))
        .route("/model-versions/delete-tag", delete(delete_tag))
}

#[derive(Serialize)]
struct One {
    model_version: ModelVersionWire,
}

#[derive(Serialize)]
struct Many {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_versions: Vec<ModelVersionWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// The version that a request is about. Clients send its number as text, some as a number.
pub(super) fn version_of(state: &MlflowState, params: &Params) -> Result<(String, u32), ApiError> {
    let name = state.model(&params.required("name")?);
    let version = params.number_text("version")?.ok_or_else(|| params.missing("version"))?;
    Ok((name, parse_version(&version)?))
}

async fn create(Within(state): Within, call: Call) -> Answer<One> {
    let params = &call.params;
    let source = params.required("source")?;
    let new = NewVersion {
        name: state.model(&params.required("name")?),
        kept_here: state.artifacts.locate(&source).is_ok(),
        source,
        run_id: params.text("run_id")?,
        model_id: params.text("model_id")?,
        run_link: params.text("run_link")?.unwrap_or_default(),
        description: params.text("description")?.unwrap_or_default(),
        tags: params.pairs("tags")?,
    };
    let version = state.write(call.actor, move |tx| versions::create(tx, new)).await?;
    Ok(Json(One { model_version: version.into() }))
}

async fn by_version(Within(state): Within, call: Call) -> Answer<One> {
    let (name, version) = version_of(&state, &call.params)?;
    let version = state.read(move |tx| versions::get(tx, &name, version)).await?;
    Ok(Json(One { model_version: version.into() }))
}

async fn download_uri(Within(state): Within, call: Call) -> Answer<Value> {
    let (name, version) = version_of(&state, &call.params)?;
    let uri = state.read(move |tx| versions::download_uri(tx, &name, version)).await?;
    Ok(Json(json!({ "artifact_uri": uri })))
}

async fn update(Within(state): Within, call: Call) -> Answer<One> {
    let (name, version) = version_of(&state, &call.params)?;
    let description = call.params.text("description")?.unwrap_or_default();
    let version =
        state.write(call.actor, move |tx| versions::update(tx, &name, version, &description)).await?;
    Ok(Json(One { model_version: version.into() }))
}

async fn remove(Within(state): Within, call: Call) -> Answer<Void> {
    let (name, version) = version_of(&state, &call.params)?;
    state.write(call.actor, move |tx| versions::delete(tx, &name, version)).await?;
    Ok(Json(Void {}))
}

async fn transition_stage(Within(state): Within, call: Call) -> Answer<One> {
    let (name, version) = version_of(&state, &call.params)?;
    let stage = parse_stage(&call.params.required("stage")?)?;
    let archive_existing = call.params.flag("archive_existing_versions")?.unwrap_or(false);
    // Beyond MLflow's protocol: the stage that the version must have now.
    let expected = call.params.text("expected_stage")?.map(|stage| parse_stage(&stage)).transpose()?;
    let check = Arc::clone(&state.stage_check);
    let version = state
        .write(call.actor, move |tx| {
            if let Some(expected) = expected {
                versions::expect_stage(tx, &name, version, expected)?;
            }
            versions::transition_stage(tx, &*check, &name, version, stage, archive_existing)
        })
        .await?;
    Ok(Json(One { model_version: version.into() }))
}

async fn set_tag(Within(state): Within, call: Call) -> Answer<Void> {
    let ((name, version), tag) = (version_of(&state, &call.params)?, call.params.pair()?);
    state.write(call.actor, move |tx| versions::set_tag(tx, &name, version, &tag)).await?;
    Ok(Json(Void {}))
}

async fn delete_tag(Within(state): Within, call: Call) -> Answer<Void> {
    let ((name, version), key) = (version_of(&state, &call.params)?, call.params.required("key")?);
    state.write(call.actor, move |tx| versions::delete_tag(tx, &name, version, &key)).await?;
    Ok(Json(Void {}))
}

async fn find(Within(state): Within, call: Call) -> Answer<Many> {
    let query = query(&call.params, 10_000, 200_000)?;
    let mut page = state.read(move |tx| search::versions(tx, &query)).await?;
    page.items.retain(|version| call.sees(&Scope::Model(version.name.clone())));
    Ok(Json(Many {
        model_versions: page.items.into_iter().map(ModelVersionWire::listed).collect(),
        next_page_token: page.next.map(page_token::encode),
    }))
}
