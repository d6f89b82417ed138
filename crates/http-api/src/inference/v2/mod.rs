//! The Open Inference Protocol, version 2: REST and gRPC, with what Triton's clients ask beyond it.

mod datatype;
mod describe;
mod failure;
mod flat;
mod grpc;
mod incoming;
mod infer;
mod message;
mod repository;
mod rest;
mod tensor;
mod triton;

pub(super) use failure::Failure;
pub(super) use incoming::{Payload, Target};

use super::InferenceState;
use axum::Router;
use axum::routing::{get, post};

/// The routes of the protocol.
pub(super) fn router() -> Router<InferenceState> {
    let mut router = Router::new()
        .route("/v2", get(rest::server))
        .route("/v2/health/live", get(rest::live))
        .route("/v2/health/ready", get(rest::ready))
        .route("/v2/repository/index", post(repository::index))
        .route("/v2/repository/models/{model}/load", post(repository::load))
        .route("/v2/repository/models/{model}/unload", post(repository::unload))
        .route("/v2/models/stats", get(triton::all_statistics))
        .route("/v2/trace/setting", get(triton::trace_settings).post(triton::set_trace))
        .route("/v2/logging", get(triton::log_settings).post(triton::set_log));
    // The two ways to name a model: by its version in charge, and by a version.
    for model in ["/v2/models/{model}", "/v2/models/{model}/versions/{version}"] {
        router = router
            .route(model, get(rest::metadata))
            .route(&format!("{model}/ready"), get(rest::model_ready))
            .route(&format!("{model}/infer"), post(rest::infer_rest))
            .route(&format!("{model}/config"), get(triton::config))
            .route(&format!("{model}/stats"), get(triton::statistics))
            .route(&format!("{model}/trace/setting"), get(triton::trace_settings).post(triton::set_trace));
    }
    for kind in ["/v2/systemsharedmemory", "/v2/cudasharedmemory"] {
        router = router
            .route(&format!("{kind}/status"), get(triton::no_regions))
            .route(&format!("{kind}/unregister"), post(triton::unregister))
            .route(&format!("{kind}/region/{{region}}/status"), get(triton::no_region))
            .route(&format!("{kind}/region/{{region}}/register"), post(triton::register))
            .route(&format!("{kind}/region/{{region}}/unregister"), post(triton::unregister));
    }
    router.merge(grpc::router())
}
