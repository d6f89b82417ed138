//! `runs/*`: their life and the search for them.

use super::request::{Call, Params, Within};
use super::wire::{RunInfoWire, RunWire, Void};
use super::{AllWorkspaces, ApiError, experiments, page_token};
use axum::routing::{get, post};
use axum::{Json, Router};
use mainspring_domain::Timestamp;
use mainspring_domain::tracking::RunStatus;
use mainspring_metadata_store::traits::search::View;
use mainspring_tracking::experiments::parse_id;
use mainspring_tracking::runs::{self, NewRun, RunChange};
use mainspring_tracking::{TrackingError, search};
use serde::Serialize;
use serde_json::Value;

type Answer<T> = Result<Json<T>, ApiError>;

pub(super) fn routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/runs/create", post(create))
        .route("/runs/get", get(by_id))
        .route("/runs/update", post(update))
        .route("/runs/delete", post(delete))
        .route("/runs/restore", post(restore))
        .route("/runs/search", post(find))
        .route("/runs/set-tag", post(set_tag))
        .route("/runs/delete-tag", post(delete_tag))
}

#[derive(Serialize)]
struct One {
    run: RunWire,
}

#[derive(Serialize)]
struct Info {
    run_info: RunInfoWire,
}

#[derive(Serialize)]
struct Many {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<RunWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

async fn create(Within(state): Within, call: Call) -> Answer<One> {
    let params = &call.params;
    let new = NewRun {
        experiment: parse_id(&params.text("experiment_id")?.unwrap_or_default())?,
        name: params.text("run_name")?.unwrap_or_default(),
        user: params.text("user_id")?.unwrap_or_default(),
        start: params.integer("start_time")?.filter(|time| *time > 0).map(Timestamp::from_millis),
        tags: params.pairs("tags")?,
    };
    let run = state.write(call.actor, move |tx| runs::create(tx, new)).await?;
    Ok(Json(One { run: run.into() }))
}

async fn by_id(Within(state): Within, call: Call) -> Answer<One> {
    let id = call.params.run_id()?;
    let (run, models) = state
        .read(move |tx| {
            let run = runs::get(tx, &id)?;
            let models = tx.model_inputs(&id)?;
            Ok::<_, TrackingError>((run, models))
        })
        .await?;
    Ok(Json(One { run: RunWire::from(run).with_model_inputs(models) }))
}

fn status(params: &Params) -> Result<Option<RunStatus>, ApiError> {
    // The wire format also numbers the states.
    let named = match params.integer("status") {
        Ok(number) => number.and_then(|number| {
            let names = [
                RunStatus::Running,
                RunStatus::Scheduled,
                RunStatus::Finished,
                RunStatus::Failed,
                RunStatus::Killed,
            ];
            usize::try_from(number - 1).ok().and_then(|index| names.get(index).copied())
        }),
        Err(_) => None,
    };
    if named.is_some() {
        return Ok(named);
    }
    let Some(text) = params.text("status")? else { return Ok(None) };
    RunStatus::parse(&text).map(Some).ok_or_else(|| params.wrong("status", &Value::String(text)))
}

async fn update(Within(state): Within, call: Call) -> Answer<Info> {
    let id = call.params.run_id()?;
    let change = RunChange {
        status: status(&call.params)?,
        end: call.params.integer("end_time")?.map(Timestamp::from_millis),
        name: call.params.text("run_name")?,
    };
    let info = state.write(call.actor, move |tx| runs::update(tx, &id, change)).await?;
    Ok(Json(Info { run_info: info.into() }))
}

async fn delete(Within(state): Within, call: Call) -> Answer<Void> {
    let id = call.params.run_id()?;
    state.write(call.actor, move |tx| runs::delete(tx, &id)).await?;
    Ok(Json(Void {}))
}

async fn restore(Within(state): Within, call: Call) -> Answer<Void> {
    let id = call.params.run_id()?;
    state.write(call.actor, move |tx| runs::restore(tx, &id)).await?;
    Ok(Json(Void {}))
}

async fn set_tag(Within(state): Within, call: Call) -> Answer<Void> {
    let (id, tag) = (call.params.run_id()?, call.params.pair()?);
    state.write(call.actor, move |tx| runs::set_tag(tx, &id, tag)).await?;
    Ok(Json(Void {}))
}

async fn delete_tag(Within(state): Within, call: Call) -> Answer<Void> {
    let (id, key) = (call.params.run_id()?, call.params.required("key")?);
    state.write(call.actor, move |tx| runs::delete_tag(tx, &id, &key)).await?;
    Ok(Json(Void {}))
}

/// Which lifecycles a search covers.
pub(super) fn view(params: &Params, name: &str) -> Result<View, ApiError> {
    match params.text(name)?.as_deref() {
        None | Some("ACTIVE_ONLY") => Ok(View::Active),
        Some("DELETED_ONLY") => Ok(View::Deleted),
        Some("ALL") => Ok(View::All),
        Some(other) => Err(params.wrong(name, &Value::from(other))),
    }
}

async fn find(Within(state): Within, call: Call) -> Answer<Many> {
    let params = &call.params;
    let ids = experiments::ids(&params.texts("experiment_ids")?)?;
    let view = view(params, "run_view_type")?;
    let query = search::Query {
        filter: params.text("filter")?.unwrap_or_default(),
        order_by: params.texts("order_by")?,
        limit: params.max_results(1000, 50_000)?,
        offset: page_token::offset(params)?,
        ..search::Query::default()
    };
    let page = state.read(move |tx| search::runs(tx, &ids, view, &query)).await?;
    Ok(Json(Many {
        runs: page.items.into_iter().map(Into::into).collect(),
        next_page_token: page.next.map(page_token::encode),
    }))
}
