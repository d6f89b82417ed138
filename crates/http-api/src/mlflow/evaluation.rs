//! `datasets/*`: data sets for evaluation.

use super::request::{Call, Params, Within};
use super::wire::Void;
use super::{AllWorkspaces, ApiError, experiments, page_token};
use axum::extract::Path;
use axum::routing::{delete, get, patch, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mainspring_domain::Timestamp;
use mainspring_domain::access::Scope;
use mainspring_domain::evaluation::{EvaluationDataset, EvaluationRecord};
use mainspring_domain::tracking::KeyValue;
use mainspring_tracking::{TrackingError, evaluation, search};
use serde::Serialize;
use serde_json::{Map, Value, json};

type Answer<T> = Result<Json<T>, ApiError>;

/// Records in one answer.
const RECORDS: usize = 50_000;

pub(super) fn routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/datasets/create", post(create))
        .route("/datasets/search", get(find).post(find))
        .route("/datasets/{dataset}", get(by_id).delete(remove))
        .route("/datasets/{dataset}/tags", patch(set_tags))
        .route("/datasets/{dataset}/tags/{key}", delete(delete_tag))
        .route("/datasets/{dataset}/records", get(records).post(upsert_records).delete(delete_records))
        .route("/datasets/{dataset}/experiment-ids", get(experiment_ids))
        .route("/datasets/{dataset}/add-experiments", post(add_experiments))
        .route("/datasets/{dataset}/remove-experiments", post(remove_experiments))
}

/// A data set. Its tags are a JSON object in a text.
#[derive(Serialize)]
struct DatasetWire {
    dataset_id: String,
    name: String,
    tags: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    digest: String,
    created_time: i64,
    last_update_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_updated_by: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    experiment_ids: Vec<String>,
}

impl From<EvaluationDataset> for DatasetWire {
    fn from(dataset: EvaluationDataset) -> Self {
        let tags: Map<String, Value> =
            dataset.tags.into_iter().map(|tag| (tag.key, Value::String(tag.value))).collect();
        Self {
            dataset_id: dataset.id,
            name: dataset.name,
            tags: Value::Object(tags).to_string(),
            schema: dataset.schema,
            profile: dataset.profile,
            digest: dataset.digest,
            created_time: dataset.created.as_millis(),
            last_update_time: dataset.updated.as_millis(),
            created_by: dataset.created_by,
            last_updated_by: dataset.updated_by,
            experiment_ids: texts(&dataset.experiments),
        }
    }
}

fn texts(ids: &[i64]) -> Vec<String> {
    ids.iter().map(i64::to_string).collect()
}

#[derive(Serialize)]
struct One {
    dataset: DatasetWire,
}

impl From<EvaluationDataset> for One {
    fn from(dataset: EvaluationDataset) -> Self {
        Self { dataset: dataset.into() }
    }
}

#[derive(Serialize)]
struct Many {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    datasets: Vec<DatasetWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Reads a parameter that is JSON in a text.
fn json_text(params: &Params, name: &str) -> Result<Option<Value>, ApiError> {
    let Some(text) = params.text(name)? else { return Ok(None) };
    let value = serde_json::from_str(&text);
    value
        .map(Some)
        .map_err(|error| ApiError::invalid(format!("Parameter '{name}' is not valid JSON: {error}")))
}

/// Reads tags as clients send them: an object in a text. What has no value is left out.
fn tags(params: &Params) -> Result<Option<Vec<KeyValue>>, ApiError> {
    let value = |value: Value| match value {
        Value::String(text) => text,
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        other => other.to_string(),
    };
    match json_text(params, "tags")? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(tags)) => Ok(Some(
            tags.into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, tag)| KeyValue { key, value: value(tag) })
                .collect(),
        )),
        Some(_) => Err(ApiError::invalid("Parameter 'tags' must hold a JSON object.")),
    }
}

fn ids(params: &Params) -> Result<Vec<i64>, ApiError> {
    Ok(experiments::ids(&params.texts("experiment_ids")?)?)
}

async fn create(Within(state): Within, call: Call) -> Answer<One> {
    let name = call.params.required("name")?;
    let (tags, experiments) = (tags(&call.params)?.unwrap_or_default(), ids(&call.params)?);
    let made = state.write(call.actor, move |tx| evaluation::create(tx, &name, tags, experiments)).await?;
    Ok(Json(made.into()))
}

async fn by_id(Within(state): Within, Path(id): Path<String>) -> Answer<One> {
    Ok(Json(state.read(move |tx| evaluation::get(tx, &id)).await?.into()))
}

async fn remove(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<Void> {
    state.write(call.actor, move |tx| evaluation::delete(tx, &id)).await?;
    Ok(Json(Void {}))
}

/// Whether a caller may see a data set: all of its experiments, its workspace, or the whole server.
fn sees(call: &Call, dataset: &EvaluationDataset) -> bool {
    let all = dataset.experiments.iter().all(|id| call.sees(&Scope::Experiment(*id)));
    call.sees(&Scope::Workspace(dataset.workspace.clone())) || (all && !dataset.experiments.is_empty())
}

async fn find(Within(state): Within, call: Call) -> Answer<Many> {
    let params = &call.params;
    let experiments = ids(params)?;
    let query = search::Query {
        filter: params.text("filter_string")?.unwrap_or_default(),
        order_by: params.texts("order_by")?,
        limit: params.max_results(1000, 50_000)?,
        offset: page_token::offset(params)?,
        ..search::Query::default()
    };
    let mut page = state.read(move |tx| search::evaluation_datasets(tx, &experiments, &query)).await?;
    page.items.retain(|dataset| sees(&call, dataset));
    Ok(Json(Many {
        datasets: page.items.into_iter().map(Into::into).collect(),
        next_page_token: page.next.map(page_token::encode),
    }))
}

async fn set_tags(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<One> {
    let tags = tags(&call.params)?.ok_or_else(|| call.params.missing("tags"))?;
    let dataset = state.write(call.actor, move |tx| evaluation::set_tags(tx, &id, &tags)).await?;
    Ok(Json(dataset.into()))
}

async fn delete_tag(
    Within(state): Within,
    Path((id, key)): Path<(String, String)>,
    call: Call,
) -> Answer<Void> {
    state.write(call.actor, move |tx| evaluation::delete_tag(tx, &id, &key)).await?;
    Ok(Json(Void {}))
}

async fn upsert_records(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<Value> {
    let records = match json_text(&call.params, "records")? {
        Some(Value::Array(records)) => records,
        Some(_) => return Err(ApiError::invalid("Parameter 'records' must hold a JSON list.")),
        None => return Err(call.params.missing("records")),
    };
    let upsert =
        move |tx: &mut dyn mainspring_metadata_store::WriteTx| evaluation::upsert_records(tx, &id, &records);
    let (inserted, updated) = state.write(call.actor, upsert).await?;
    Ok(Json(json!({ "inserted_count": inserted, "updated_count": updated })))
}

async fn delete_records(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<Value> {
    let records = call.params.texts("dataset_record_ids")?;
    let removed = state.write(call.actor, move |tx| evaluation::delete_records(tx, &id, &records)).await?;
    Ok(Json(json!({ "deleted_count": removed })))
}

/// A record as clients read it: an object without what is not there.
fn record(dataset: &str, record: EvaluationRecord) -> Value {
    let mut wire = json!({
        "dataset_record_id": record.id,
        "dataset_id": dataset,
        "inputs": record.inputs,
        "tags": record.tags,
        "created_time": record.created.as_millis(),
        "last_update_time": record.updated.as_millis(),
    });
    let source_id = record.source.as_ref().and_then(|source| source.id()).map(str::to_owned);
    let optional = [
        ("outputs", record.outputs),
        ("expectations", record.expectations.map(Value::Object)),
        ("source_id", source_id.map(Value::from)),
        ("source_type", record.source.as_ref().map(|source| json!(source.kind))),
        (
            "source",
            record.source.map(|source| json!({ "source_type": source.kind, "source_data": source.data })),
        ),
        ("created_by", record.created_by.map(Value::from)),
        ("last_updated_by", record.updated_by.map(Value::from)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            wire[name] = value;
        }
    }
    wire
}

async fn records(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<Value> {
    let limit = call.params.max_results(1000, RECORDS)?;
    let after = match call.params.text("page_token")? {
        Some(token) => Some(decode(&token).ok_or_else(|| ApiError::invalid("Invalid page token"))?),
        None => None,
    };
    let dataset = id.clone();
    let mut found = state
        .read(move |tx| {
            let after = after.as_ref().map(|(time, id)| (*time, id.as_str()));
            evaluation::records(tx, &id, after, limit + 1)
        })
        .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let token = found.last().filter(|_| more).map(|last| encode(last.created, &last.id));
    let records: Vec<Value> = found.into_iter().map(|one| record(&dataset, one)).collect();
    let mut answer = json!({ "records": Value::Array(records).to_string() });
    if let Some(token) = token {
        answer["next_page_token"] = json!(token);
    }
    Ok(Json(answer))
}

/// The token of the page that follows a record.
fn encode(created: Timestamp, id: &str) -> String {
    STANDARD.encode(format!("{}:{id}", created.as_millis()))
}

fn decode(token: &str) -> Option<(Timestamp, String)> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let (time, id) = text.split_once(':')?;
    Some((Timestamp::from_millis(time.parse().ok()?), id.to_owned()))
}

async fn experiment_ids(Within(state): Within, Path(id): Path<String>) -> Answer<Value> {
    let found: Result<_, TrackingError> = state.store.read(move |tx| Ok(tx.evaluation_dataset(&id)?)).await;
    let ids = found?.map(|dataset| texts(&dataset.experiments)).unwrap_or_default();
    Ok(Json(if ids.is_empty() { json!({}) } else { json!({ "experiment_ids": ids }) }))
}

async fn add_experiments(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<One> {
    let ids = ids(&call.params)?;
    let dataset = state.write(call.actor, move |tx| evaluation::add_to_experiments(tx, &id, &ids)).await?;
    Ok(Json(dataset.into()))
}

async fn remove_experiments(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<One> {
    let ids = ids(&call.params)?;
    let remove = move |tx: &mut dyn mainspring_metadata_store::WriteTx| {
        evaluation::remove_from_experiments(tx, &id, &ids)
    };
    Ok(Json(state.write(call.actor, remove).await?.into()))
}
