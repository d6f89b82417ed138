//! Traces in the form of MLflow 2: begun, ended, and their spans among the artifacts.

use super::reading::{Answer, query};
use super::wire::{self, LegacyInfoWire};
use crate::mlflow::request::{Call, Params, Within};
use crate::mlflow::{ApiError, MlflowState, experiments, page_token};
use axum::Json;
use axum::extract::Path;
use mainspring_domain::Timestamp;
use mainspring_tracking::experiments::parse_id;
use mainspring_tracking::traces::info::{self as infos, Said};
use mainspring_tracking::traces::search;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct One {
    trace_info: LegacyInfoWire,
}

#[derive(Debug, Serialize)]
pub(super) struct Found {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    traces: Vec<LegacyInfoWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

fn said(params: &Params) -> Result<Said, ApiError> {
    Ok(Said { metadata: params.pairs("request_metadata")?, tags: params.pairs("tags")? })
}

fn time(params: &Params) -> Result<Timestamp, ApiError> {
    Ok(Timestamp::from_millis(params.integer("timestamp_ms")?.unwrap_or_default()))
}

/// Begins a trace.
pub(super) async fn begin(state: MlflowState, call: Call) -> Answer<One> {
    let experiment = parse_id(&call.params.text("experiment_id")?.unwrap_or_default())?;
    let (started, said) = (time(&call.params)?, said(&call.params)?);
    let trace = state.write(call.actor, move |tx| infos::begin(tx, experiment, started, said)).await?;
    Ok(Json(One { trace_info: trace.into() }))
}

pub(super) async fn end(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<One> {
    let (ended, said) = (time(&call.params)?, said(&call.params)?);
    let how = wire::state(&call.params, "status")?;
    let trace = state.write(call.actor, move |tx| infos::end(tx, &id, ended, how, said)).await?;
    Ok(Json(One { trace_info: trace.into() }))
}

pub(super) async fn info(Within(state): Within, Path(id): Path<String>) -> Answer<One> {
    let trace = state.read(move |tx| infos::get(tx, &id)).await?;
    Ok(Json(One { trace_info: trace.into() }))
}

pub(super) async fn find(Within(state): Within, call: Call) -> Answer<Found> {
    let ids = call.params.texts("experiment_ids")?;
    if ids.is_empty() {
        return Err(call.params.missing("experiment_ids"));
    }
    let ids = experiments::ids(&ids)?;
    let query = query(&call.params)?;
    let page = state.read(move |tx| search::traces(tx, &ids, &query)).await?;
    Ok(Json(Found {
        traces: page.items.into_iter().map(Into::into).collect(),
        next_page_token: page.next.map(page_token::encode),
    }))
}
