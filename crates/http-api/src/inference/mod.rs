//! Inference: the Open Inference Protocol (REST), MLflow scoring, and feedback.

mod feedback;
mod mlflow_scoring;
mod open_inference;
mod serve;

use axum::Router;
use axum::routing::{get, post};
use mainspring_automation::Config;
use mainspring_metadata_store::Store;
use mainspring_serving::Gateway;
use std::sync::Arc;

/// What inference works with.
#[derive(Clone)]
pub struct InferenceState {
    /// The store, for the log of predictions.
    pub store: Store,
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The configuration: it says which model `/invocations` means when only one is there.
    pub config: Arc<Config>,
}

/// The routes.
pub fn router(state: InferenceState) -> Router {
    Router::new()
        .route("/ping", get(mlflow_scoring::ping))
        .route("/invocations", post(mlflow_scoring::invocations))
        .route("/v2", get(open_inference::server))
        .route("/v2/health/live", get(open_inference::live))
        .route("/v2/health/ready", get(open_inference::ready))
        .route("/v2/models/{model}", get(open_inference::metadata))
        .route("/v2/models/{model}/ready", get(open_inference::model_ready))
        .route("/v2/models/{model}/infer", post(open_inference::infer))
        .route("/v2/models/{model}/feedback", post(feedback::feedback))
        .with_state(state)
}
