//! `logged-models`

use super::request::{Call, Params, Within};
use super::wire::{LoggedModelWire, Void};
use super::{AllWorkspaces, ApiError, MlflowState, artifacts, downloads, experiments, page_token};
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{delete, get, patch, post};
use axum::{Json, Router};
use mainspring_domain::tracking::{LoggedModel, LoggedModelStatus};
use mainspring_metadata_store::ReadTx;
use mainspring_metadata_store::traits::ModelMetric;
use mainspring_tracking::experiments::parse_id;
use mainspring_tracking::logged_models::{self, NewLoggedModel};
use mainspring_tracking::{TrackingError, search};
use serde::Serialize;
use serde_json::Value;

type Answer<T> = Result<Json<T>, ApiError>;

pub(super) fn routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/logged-models", post(create))
        .route("/logged-models/search", post(find))
        .route("/logged-models/{id}", get(by_id).patch(finalize).delete(remove))
        .route("/logged-models/{id}/tags", patch(set_tags))
        .route("/logged-models/{id}/tags/{key}", delete(delete_tag))
        .route("/logged-models/{id}/params", post(log_params))
        .route("/logged-models/{id}/artifacts/directories", get(list_artifacts))
        .route("/logged-models/{id}/artifacts/files", get(artifact))
}

#[derive(Serialize)]
struct One {
    model: LoggedModelWire,
}

#[derive(Serialize)]
struct Many {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    models: Vec<LoggedModelWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

async fn create(Within(state): Within, call: Call) -> Answer<One> {
    let params = &call.params;
    let new = NewLoggedModel {
        experiment: parse_id(&params.required("experiment_id")?)?,
        name: params.text("name")?,
        model_type: params.text("model_type")?.unwrap_or_default(),
        source_run: params.text("source_run_id")?,
        params: params.pairs("params")?,
        tags: params.pairs("tags")?,
    };
    let model = state.write(call.actor, move |tx| logged_models::create(tx, new)).await?;
    Ok(Json(One { model: LoggedModelWire::new(model, Vec::new()) }))
}

/// Adds the metrics of models, read in the same state as the models.
fn with_metrics(
    tx: &dyn ReadTx,
    models: Vec<LoggedModel>,
) -> Result<Vec<(LoggedModel, Vec<ModelMetric>)>, TrackingError> {
    let ids: Vec<String> = models.iter().map(|model| model.id.clone()).collect();
    let mut metrics = tx.model_metrics(&ids)?;
    let with = models.into_iter().map(|model| {
        let own = metrics.extract_if(.., |metric| metric.model_id == model.id).collect();
        (model, own)
    });
    Ok(with.collect())
}

async fn one(state: &MlflowState, id: String) -> Answer<One> {
    let mut found = state
        .read(move |tx| {
            let model = logged_models::get(tx, &id)?;
            with_metrics(tx, vec![model])
        })
        .await?;
    let (model, metrics) = found.pop().ok_or_else(|| ApiError::missing("Logged model not found."))?;
    Ok(Json(One { model: LoggedModelWire::new(model, metrics) }))
}

async fn by_id(Within(state): Within, Path(id): Path<String>) -> Answer<One> {
    one(&state, id).await
}

fn status(params: &Params) -> Result<LoggedModelStatus, ApiError> {
    let text = params.required("status")?;
    LoggedModelStatus::parse(&text).ok_or_else(|| params.wrong("status", &Value::String(text)))
}

async fn finalize(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<One> {
    let status = status(&call.params)?;
    let model = id.clone();
    state.write(call.actor, move |tx| logged_models::finalize(tx, &model, status)).await?;
    one(&state, id).await
}

async fn remove(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<Void> {
    state.write(call.actor, move |tx| logged_models::delete(tx, &id)).await?;
    Ok(Json(Void {}))
}

async fn set_tags(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<One> {
    let tags = call.params.pairs("tags")?;
    let model = id.clone();
    state.write(call.actor, move |tx| logged_models::set_tags(tx, &model, &tags)).await?;
    one(&state, id).await
}

async fn delete_tag(
    Within(state): Within,
    Path((id, key)): Path<(String, String)>,
    call: Call,
) -> Answer<Void> {
    state.write(call.actor, move |tx| logged_models::delete_tag(tx, &id, &key)).await?;
    Ok(Json(Void {}))
}

async fn log_params(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<Void> {
    let params = call.params.pairs("params")?;
    state.write(call.actor, move |tx| logged_models::log_params(tx, &id, &params)).await?;
    Ok(Json(Void {}))
}

/// The order comes as objects here, not as text.
fn order_by(params: &Params) -> Result<Vec<String>, ApiError> {
    let key = |key: &Params| {
        let direction = if key.flag("ascending")?.unwrap_or(true) { "ASC" } else { "DESC" };
        Ok(format!("{} {direction}", key.required("field_name")?))
    };
    params.objects("order_by")?.iter().map(key).collect()
}

async fn find(Within(state): Within, call: Call) -> Answer<Many> {
    let params = &call.params;
    let datasets = params.objects("datasets")?;
    let dataset = |dataset: &Params| Ok((dataset.required("dataset_name")?, dataset.text("dataset_digest")?));
    let measured_on = datasets.iter().map(dataset).collect::<Result<_, ApiError>>()?;
    let ids = experiments::ids(&params.texts("experiment_ids")?)?;
    let query = search::Query {
        filter: params.text("filter")?.unwrap_or_default(),
        order_by: order_by(params)?,
        limit: params.max_results(100, 1000)?,
        offset: page_token::offset(params)?,
        measured_on,
    };
    let (models, next) = state
        .read(move |tx| {
            let page = search::logged_models(tx, &ids, &query)?;
            Ok::<_, TrackingError>((with_metrics(tx, page.items)?, page.next))
        })
        .await?;
    Ok(Json(Many {
        models: models.into_iter().map(|(model, metrics)| LoggedModelWire::new(model, metrics)).collect(),
        next_page_token: next.map(page_token::encode),
    }))
}

async fn list_artifacts(
    Within(state): Within,
    Path(id): Path<String>,
    call: Call,
) -> Answer<artifacts::Listing> {
    let model = state.read(move |tx| logged_models::get(tx, &id)).await?;
    let path = call.params.text("artifact_directory_path")?.unwrap_or_default();
    artifacts::list_below(&state, model.artifact_uri, &path).await
}

async fn artifact(
    Within(state): Within,
    Path(id): Path<String>,
    headers: HeaderMap,
    call: Call,
) -> Result<Response, ApiError> {
    let model = state.read(move |tx| logged_models::get(tx, &id)).await?;
    downloads::below(&state, &headers, &call, &model.artifact_uri, "artifact_file_path").await
}
