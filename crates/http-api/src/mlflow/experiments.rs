//! `experiments/*`

use super::request::{Call, Within};
use super::wire::{ExperimentWire, Void};
use super::{AllWorkspaces, ApiError, page_token, runs};
use axum::routing::{get, post};
use axum::{Json, Router};
use mainspring_domain::access::Scope;
use mainspring_governance::users;
use mainspring_metadata_store::WriteTx;
use mainspring_metadata_store::traits::DatasetSummary;
use mainspring_tracking::experiments::{self, parse_id};
use mainspring_tracking::{TrackingError, search};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

type Answer<T> = Result<Json<T>, ApiError>;

/// Experiments whose data sets one request may ask for.
const DATASET_EXPERIMENTS: usize = 20;
/// Data sets in one answer.
const DATASETS: usize = 1000;

pub(super) fn routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/experiments/create", post(create))
        .route("/experiments/get", get(by_id))
        .route("/experiments/get-by-name", get(by_name))
        .route("/experiments/search", get(find).post(find))
        .route("/experiments/search-datasets", post(find_datasets))
        .route("/experiments/update", post(update))
        .route("/experiments/delete", post(delete))
        .route("/experiments/restore", post(restore))
        .route("/experiments/set-experiment-tag", post(set_tag))
        .route("/experiments/delete-experiment-tag", post(delete_tag))
}

#[derive(Serialize)]
struct One {
    experiment: ExperimentWire,
}

#[derive(Serialize)]
struct Many {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    experiments: Vec<ExperimentWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

async fn create(Within(state): Within, call: Call) -> Answer<Value> {
    let name = call.params.required("name")?;
    let location = call.params.text("artifact_location")?;
    let tags = call.params.pairs("tags")?;
    let locations = Arc::clone(&state.locations);
    let create = move |tx: &mut dyn WriteTx| {
        let id = experiments::create(tx, &locations, &name, location.as_deref(), tags)?;
        users::own(tx, &Scope::Experiment(id))?;
        Ok::<_, TrackingError>(id)
    };
    let id = state.write(call.actor, create).await?;
    Ok(Json(json!({ "experiment_id": id.to_string() })))
}

fn id(call: &Call) -> Result<i64, ApiError> {
    Ok(parse_id(&call.params.required("experiment_id")?)?)
}

async fn by_id(Within(state): Within, call: Call) -> Answer<One> {
    let id = id(&call)?;
    let experiment = state.read(move |tx| experiments::get(tx, id)).await?;
    Ok(Json(One { experiment: experiment.into() }))
}

async fn by_name(Within(state): Within, call: Call) -> Answer<One> {
    let name = call.params.required("experiment_name")?;
    let experiment = state.read(move |tx| experiments::get_by_name(tx, &name)).await?;
    Ok(Json(One { experiment: experiment.into() }))
}

async fn find(Within(state): Within, call: Call) -> Answer<Many> {
    let view = runs::view(&call.params, "view_type")?;
    let query = search::Query {
        filter: call.params.text("filter")?.unwrap_or_default(),
        order_by: call.params.texts("order_by")?,
        limit: call.params.max_results(1000, 50_000)?,
        offset: page_token::offset(&call.params)?,
        ..search::Query::default()
    };
    let mut page = state.read(move |tx| search::experiments(tx, view, &query)).await?;
    page.items.retain(|experiment| call.sees(&Scope::Experiment(experiment.id)));
    Ok(Json(Many {
        experiments: page.items.into_iter().map(Into::into).collect(),
        next_page_token: page.next.map(page_token::encode),
    }))
}

async fn update(Within(state): Within, call: Call) -> Answer<Void> {
    let (id, name) = (id(&call)?, call.params.required("new_name")?);
    state.write(call.actor, move |tx| experiments::rename(tx, id, &name)).await?;
    Ok(Json(Void {}))
}

async fn delete(Within(state): Within, call: Call) -> Answer<Void> {
    let id = id(&call)?;
    state.write(call.actor, move |tx| experiments::delete(tx, id)).await?;
    Ok(Json(Void {}))
}

async fn restore(Within(state): Within, call: Call) -> Answer<Void> {
    let id = id(&call)?;
    state.write(call.actor, move |tx| experiments::restore(tx, id)).await?;
    Ok(Json(Void {}))
}

async fn set_tag(Within(state): Within, call: Call) -> Answer<Void> {
    let (id, tag) = (id(&call)?, call.params.pair()?);
    state.write(call.actor, move |tx| experiments::set_tag(tx, id, &tag)).await?;
    Ok(Json(Void {}))
}

async fn delete_tag(Within(state): Within, call: Call) -> Answer<Void> {
    let (id, key) = (id(&call)?, call.params.required("key")?);
    state.write(call.actor, move |tx| experiments::delete_tag(tx, id, &key)).await?;
    Ok(Json(Void {}))
}

/// Reads the experiments that a search covers.
pub(super) fn ids(texts: &[String]) -> Result<Vec<i64>, TrackingError> {
    texts.iter().map(|text| parse_id(text)).collect()
}

#[derive(Serialize)]
struct DatasetSummaryWire {
    experiment_id: String,
    name: String,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
}

#[derive(Serialize)]
struct DatasetSummaries {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dataset_summaries: Vec<DatasetSummaryWire>,
}

async fn find_datasets(Within(state): Within, call: Call) -> Answer<DatasetSummaries> {
    let texts = call.params.texts("experiment_ids")?;
    if texts.is_empty() {
        return Err(ApiError::invalid("SearchDatasets request must specify at least one experiment_id."));
    }
    if texts.len() > DATASET_EXPERIMENTS {
        return Err(ApiError::invalid(format!(
            "SearchDatasets request cannot specify more than {DATASET_EXPERIMENTS} experiment_ids. \
             Received {} experiment_ids.",
            texts.len()
        )));
    }
    let ids = ids(&texts)?;
    let found: Result<_, TrackingError> =
        state.store.read(move |tx| Ok(tx.dataset_summaries(&ids, DATASETS)?)).await;
    let wire = |summary: DatasetSummary| DatasetSummaryWire {
        experiment_id: summary.experiment.to_string(),
        name: summary.name,
        digest: summary.digest,
        context: summary.context,
    };
    Ok(Json(DatasetSummaries { dataset_summaries: found?.into_iter().map(wire).collect() }))
}
