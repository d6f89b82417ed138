//! `POST traces`, in both of its forms.

use super::assessments;
use super::legacy::begin;
use super::wire::{self, TraceWire};
use crate::mlflow::ApiError;
use crate::mlflow::request::{Call, Params, Within};
use axum::Json;
use axum::extract::OriginalUri;
use axum::response::{IntoResponse as _, Response};
use mainspring_domain::Timestamp;
use mainspring_domain::traces::TraceInfo;
use mainspring_tracking::experiments::parse_id;
use mainspring_tracking::traces::info;
use serde::Serialize;
use serde_json::json;

/// An answer with one trace.
#[derive(Debug, Serialize)]
pub(super) struct One {
    pub(super) trace: TraceWire,
}

/// Takes a whole trace, or begins one in the older form, which has no object `trace`.
pub(super) async fn start(
    Within(state): Within,
    OriginalUri(uri): OriginalUri,
    call: Call,
) -> Result<Response, ApiError> {
    let whole = call.params.object("trace")?;
    let Some(whole) = whole else {
        if uri.path().contains("/3.0/") {
            return Err(call.params.missing("trace"));
        }
        return begin(state, call).await.map(axum::response::IntoResponse::into_response);
    };
    let trace = trace_info(&whole.object("trace_info")?.ok_or_else(|| whole.missing("trace_info"))?)?;
    let trace = state.write(call.actor, move |tx| info::start(tx, trace)).await?;
    Ok(Json(One { trace: trace.into() }).into_response())
}

/// The experiment that a location names, when it names one.
pub(super) fn experiment(location: &Params) -> Result<Option<i64>, ApiError> {
    let Some(place) = location.object("mlflow_experiment")? else { return Ok(None) };
    Ok(Some(parse_id(&place.required("experiment_id")?)?))
}

/// A time, the beginning of 1970 when it is not given.
pub(super) fn time(params: &Params, name: &str) -> Result<Timestamp, ApiError> {
    let Some(text) = params.text(name)? else { return Ok(Timestamp::default()) };
    Timestamp::parse(&text).ok_or_else(|| params.wrong(name, &json!(text)))
}

fn trace_info(params: &Params) -> Result<TraceInfo, ApiError> {
    let location = params.object("trace_location")?.ok_or_else(|| params.missing("trace_location"))?;
    let duration = match params.text("execution_duration")? {
        None => None,
        Some(text) => Some(
            wire::parse_duration(&text).ok_or_else(|| params.wrong("execution_duration", &json!(text)))?,
        ),
    };
    Ok(TraceInfo {
        id: params.required("trace_id")?,
        experiment: experiment(&location)?.ok_or_else(|| location.missing("mlflow_experiment"))?,
        started: time(params, "request_time")?,
        duration,
        state: wire::state(params, "state")?,
        client_request_id: params.any_text("client_request_id")?,
        request_preview: params.any_text("request_preview")?,
        response_preview: params.any_text("response_preview")?,
        metadata: params.map("trace_metadata")?,
        tags: params.map("tags")?,
        assessments: params
            .objects("assessments")?
            .iter()
            .map(assessments::assessment)
            .collect::<Result<_, _>>()?,
    })
}
