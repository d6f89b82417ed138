//! Traces: those that MLflow's clients write, and those of any OpenTelemetry exporter.

mod artifact;
mod assessments;
mod changes;
mod figures;
mod legacy;
mod otlp;
mod reading;
mod starting;
mod values;
mod wire;

use super::AllWorkspaces;
use axum::Router;
use axum::routing::{get, patch, post};

/// Routes below the API's prefixes.
pub(super) fn routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/traces", post(starting::start).get(legacy::find))
        .route("/traces/{id}", get(reading::info).patch(legacy::end))
        .route("/traces/{id}/info", get(legacy::info))
        .route("/traces/get", get(reading::whole))
        .route("/traces/batchGet", get(reading::many))
        .route("/traces/batchGetInfos", post(reading::many_infos))
        .route("/traces/search", post(reading::find))
        .route("/traces/{id}/tags", patch(changes::set_tag).delete(changes::delete_tag))
        .route("/traces/delete-traces", post(changes::delete))
        .route("/traces/link-to-run", post(changes::link_to_run))
        .route("/traces/link-prompts", post(changes::link_prompts))
        .route("/traces/{id}/assessments", post(assessments::create))
        .route(
            "/traces/{id}/assessments/{assessment}",
            get(assessments::by_id).patch(assessments::update).delete(assessments::delete),
        )
        .route("/traces/metrics", post(figures::metrics))
        .route("/traces/calculate-filter-correlation", post(figures::correlation))
        .route("/get-trace-artifact", get(artifact::download))
}

/// The route by which any exporter of OpenTelemetry sends its spans.
pub(super) fn collector_routes() -> Router<AllWorkspaces> {
    Router::new().route("/v1/traces", post(otlp::collect))
}
