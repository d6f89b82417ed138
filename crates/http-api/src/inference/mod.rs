//! Inference: the Open Inference Protocol (REST and gRPC), the protocols of MLflow's scoring server, of
//! KServe's first version and of Seldon's, and feedback.

mod feedback;
mod forms;
mod kserve;
mod log;
mod metrics;
mod mlflow_scoring;
mod seldon;
mod serve;
mod telemetry;
mod v2;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use mainspring_automation::{Config, Repository};
use mainspring_metadata_store::Store;
use mainspring_serving::Gateway;
use std::sync::Arc;

pub use log::PredictionLog;
pub use telemetry::{NoExport, Telemetry};

/// What inference works with.
#[derive(Clone)]
pub struct InferenceState {
    /// The store, for feedback and what is deployed.
    pub store: Store,
    /// The log of predictions.
    pub log: PredictionLog,
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Loads and unloads models.
    pub repository: Arc<Repository>,
    /// The configuration: it says which model `/invocations` means when only one is there.
    pub config: Arc<Config>,
    /// Makes spans of calls.
    pub telemetry: Telemetry,
}

/// The routes.
pub fn router(state: InferenceState) -> Router {
    Router::new()
        .route("/metrics", get(metrics::metrics))
        .route("/ping", get(mlflow_scoring::ping))
        .route("/invocations", post(mlflow_scoring::invocations))
        .route("/v2/models/{model}/feedback", post(feedback::feedback))
        .route("/v1/models", get(kserve::models))
        .route("/v1/models/{model}", get(kserve::model).post(kserve::predict))
        .route("/api/v1.0/predictions", post(seldon::predictions))
        .route("/api/v1.0/feedback", post(seldon::feedback))
        .route("/seldon/{namespace}/{model}/api/v1.0/predictions", post(seldon::predictions))
        .route("/seldon/{namespace}/{model}/api/v1.0/feedback", post(seldon::feedback))
        .merge(v2::router())
        .route_layer(middleware::from_fn_with_state(state.telemetry.clone(), telemetry::trace))
        .with_state(state)
}
