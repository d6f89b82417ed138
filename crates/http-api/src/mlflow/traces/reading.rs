//! Reading traces.

use super::starting::{One, experiment};
use super::wire::{TraceInfoWire, TraceWire};
use crate::mlflow::request::{Call, Params, Within};
use crate::mlflow::{ApiError, experiments, page_token};
use axum::Json;
use axum::extract::Path;
use mainspring_tracking::TrackingError;
use mainspring_tracking::traces::{info as infos, search, spans};
use serde::Serialize;
use std::time::Duration;

pub(super) type Answer<T> = Result<Json<T>, ApiError>;

/// How long a trace that is not whole yet is waited for before it is asked for again.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

#[derive(Debug, Serialize)]
pub(super) struct Whole {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    traces: Vec<TraceWire>,
}

#[derive(Debug, Serialize)]
pub(super) struct Infos {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trace_infos: Vec<TraceInfoWire>,
}

#[derive(Debug, Serialize)]
pub(super) struct Found {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    traces: Vec<TraceInfoWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

pub(super) async fn info(Within(state): Within, Path(id): Path<String>) -> Answer<One> {
    let trace = state.read(move |tx| infos::get(tx, &id)).await?;
    Ok(Json(One { trace: trace.into() }))
}

/// A trace with its spans. Clients send spans on their own, so the last ones may still be on their
/// way.
pub(super) async fn whole(Within(state): Within, call: Call) -> Answer<One> {
    let id = call.params.required("trace_id")?;
    let partial = call.params.flag("allow_partial")?.unwrap_or(false);
    let mut pauses = PAUSES.into_iter();
    loop {
        let own = id.clone();
        let found = state.read(move |tx| match spans::get(tx, &own, partial) {
            Err(TrackingError::NotExported(_)) => Ok(None),
            found => found.map(Some),
        });
        match (found.await?, pauses.next()) {
            (Some(trace), _) => return Ok(Json(One { trace: trace.into() })),
            (None, Some(pause)) => tokio::time::sleep(pause).await,
            (None, None) => return Err(TrackingError::NotExported(id).into()),
        }
    }
}

/// The traces that are asked for, and the experiments they may belong to.
fn asked(params: &Params) -> Result<(Vec<String>, Option<Vec<i64>>), ApiError> {
    let ids = params.texts("trace_ids")?;
    if ids.is_empty() {
        return Err(params.missing("trace_ids"));
    }
    let experiments = if params.has("experiment_ids") {
        Some(experiments::ids(&params.texts("experiment_ids")?)?)
    } else {
        None
    };
    Ok((ids, experiments))
}

pub(super) async fn many(Within(state): Within, call: Call) -> Answer<Whole> {
    let (ids, experiments) = asked(&call.params)?;
    let found = state.read(move |tx| spans::get_many(tx, &ids, experiments.as_deref())).await?;
    Ok(Json(Whole { traces: found.into_iter().map(Into::into).collect() }))
}

pub(super) async fn many_infos(Within(state): Within, call: Call) -> Answer<Infos> {
    let (ids, experiments) = asked(&call.params)?;
    let found = state.read(move |tx| infos::get_many(tx, &ids, experiments.as_deref())).await?;
    Ok(Json(Infos { trace_infos: found.into_iter().map(Into::into).collect() }))
}

/// The filter, order and page that a search asks for.
pub(super) fn query(params: &Params) -> Result<search::Query, ApiError> {
    Ok(search::Query {
        filter: params.text("filter")?.unwrap_or_default(),
        order_by: params.texts("order_by")?,
        limit: params.max_results(100, 500)?,
        offset: page_token::offset(params)?,
    })
}

pub(super) async fn find(Within(state): Within, call: Call) -> Answer<Found> {
    if !call.params.has("locations") {
        return Err(call.params.missing("locations"));
    }
    let places = call.params.objects("locations")?;
    let ids: Vec<Option<i64>> = places.iter().map(experiment).collect::<Result<_, _>>()?;
    let ids: Vec<i64> = ids.into_iter().flatten().collect();
    let query = query(&call.params)?;
    let page = state.read(move |tx| search::traces(tx, &ids, &query)).await?;
    Ok(Json(Found {
        traces: page.items.into_iter().map(Into::into).collect(),
        next_page_token: page.next.map(page_token::encode),
    }))
}
