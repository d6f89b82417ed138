//! Lineage and the audit trail.

use super::{ApiError, NativeState};
use axum::Json;
use axum::extract::{Query, State};
use mainspring_governance::lineage;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(super) struct WhyQuery {
    id: String,
}

#[derive(Deserialize)]
pub(super) struct AuditQuery {
    #[serde(default)]
    subject: String,
    limit: Option<u32>,
}

/// `GET /api/v1/why?id=`: a request id, or `model/version`.
pub(super) async fn why(
    State(state): State<NativeState>,
    Query(query): Query<WhyQuery>,
) -> Result<Json<Value>, ApiError> {
    let id = query.id.clone();
    match state.store.read(move |tx| lineage::trace(tx, &query.id)).await? {
        Some(lineage) => Ok(Json(json!(lineage))),
        None => Err(ApiError::not_found(format!("nothing is known of `{id}`"))
            .hint("give a request id (`x-request-id` of an answer), or MODEL/VERSION such as flights/2")),
    }
}

/// `GET /api/v1/audit?subject=&limit=`: entries whose subject begins with the text, newest first.
pub(super) async fn audit(
    State(state): State<NativeState>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Value>, ApiError> {
    let limit = query.limit.unwrap_or(100).min(1000);
    let entries = state.store.read(move |tx| tx.audit_entries(&query.subject, limit)).await?;
    Ok(Json(json!({ "entries": entries })))
}
