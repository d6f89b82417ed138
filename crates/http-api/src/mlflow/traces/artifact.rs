//! `get-trace-artifact`: the spans of a trace as the file that clients know, wherever they are kept,
//! and files that belong to it.

use super::values::file_span;
use crate::mlflow::request::{Call, Within};
use crate::mlflow::{ApiError, MlflowState, downloads};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use mainspring_artifact_store::ArtifactPath;
use mainspring_tracking::TrackingError;
use mainspring_tracking::traces::{info, spans};
use serde_json::{Value, json};

const FILE: &str = "traces.json";

pub(super) async fn download(
    Within(state): Within,
    headers: HeaderMap,
    call: Call,
) -> Result<Response, ApiError> {
    let id = call
        .params
        .text("request_id")?
        .ok_or_else(|| ApiError::bad_request("Request must include the \"request_id\" query parameter."))?;
    if let Some(path) = call.params.text("path")? {
        ArtifactPath::parse(&path)?;
        return file(&state, &headers, id, &format!("attachments/{path}")).await;
    }
    let own = id.clone();
    // In-progress traces are shown as well.
    let kept = state.read(move |tx| match spans::get(tx, &own, true) {
        Err(TrackingError::SpansElsewhere(_)) => Ok(None),
        found => found.map(Some),
    });
    let Some(trace) = kept.await? else { return file(&state, &headers, id, FILE).await };
    let file: Vec<Value> = trace.spans.iter().map(file_span).collect();
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename={FILE}")),
    ];
    Ok((headers, json!({ "spans": file }).to_string()).into_response())
}

/// A file that belongs to a trace.
async fn file(
    state: &MlflowState,
    headers: &HeaderMap,
    id: String,
    path: &str,
) -> Result<Response, ApiError> {
    let trace = state.read(move |tx| info::get(tx, &id)).await?;
    let uri = info::artifact_uri(&trace)
        .ok_or_else(|| ApiError::missing(format!("The trace with ID '{}' has no artifacts.", trace.id)))?;
    let place = state.artifacts.locate(uri)?;
    downloads::attachment(&place.store, &place.path.join(path)?, headers).await
}
