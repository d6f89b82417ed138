//! What this server is and offers.

use super::AllWorkspaces;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

/// The version of the protocol that clients are told.
const PROTOCOL_VERSION: &str = "3.18.0";

pub(super) fn api_routes() -> Router<AllWorkspaces> {
    Router::new().route("/server-info", get(server_info))
}

pub(super) fn root_routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/health", get(|| async { "OK" }))
        .route("/version", get(|| async { PROTOCOL_VERSION }))
}

/// Clients choose between ways of transfer by this.
async fn server_info(State(AllWorkspaces(state)): State<AllWorkspaces>) -> Json<Value> {
    let served = state.artifacts.own().is_ok();
    Json(json!({
        "store_type": "SqlStore",
        "workspaces_enabled": state.locations.workspaces,
        "trace_archival_enabled": false,
        "multipart_uploads_enabled": served && state.transfers.uploads_in_parts,
        "multipart_downloads_enabled": served && state.transfers.downloads_in_parts,
        "artifact_serving_enabled": served,
        "presigned_upload_run_id_supported": true,
        "presigned_upload_model_id_supported": true,
        "model_artifact_presigned_downloads_supported": true,
        "features_enabled": { "gateway": false, "scheduled_issue_detection": false },
        "tracking_auth": "",
        "artifacts_presigned_only": false,
    }))
}
