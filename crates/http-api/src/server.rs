//! All faces on one port.

use crate::access::{Gate, guarded};
use crate::inference::{self, InferenceState};
use crate::mlflow::{self, MlflowState};
use crate::native::{self, NativeState};
use crate::ui;
use crate::wandb::{self, WandbState};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use mainspring_domain::SystemClock;
use std::any::Any;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

/// Bytes of a request body, artifact uploads excepted (they are streamed).
const BODY_LIMIT: usize = 32 << 20;

/// The whole application.
pub fn application(
    gate: Gate,
    mlflow: MlflowState,
    inference: InferenceState,
    native: NativeState,
) -> Router {
    // Clients of W&B send files to this server only: where it keeps none, there is nothing to offer.
    let wandb = mlflow.artifacts.own().ok().map(|artifacts| {
        wandb::routers(WandbState {
            store: mlflow.store.clone(),
            artifacts: artifacts.clone(),
            clock: Arc::new(SystemClock),
        })
    });
    let (files, wandb) = wandb.unzip();
    let mlflow = mlflow::router(mlflow);
    let graphql = mlflow::graphql::router(guarded(mlflow.clone(), gate.clone()), wandb);
    let routes = Router::new()
        .merge(inference::router(inference))
        .merge(native::router(native))
        .merge(ui::router())
        .merge(mlflow)
        .merge(files.unwrap_or_default())
        .merge(graphql)
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    guarded(routes, gate).layer(middleware::map_response(protect)).layer(CatchPanicLayer::custom(panicked))
}

/// Headers that keep pages and downloads from being used against their reader.
async fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("x-frame-options"), HeaderValue::from_static("SAMEORIGIN"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    response
}

/// A bug in one handler must not end the server.
#[expect(clippy::needless_pass_by_value, reason = "the layer calls it with the box")]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(message, "a request handler panicked");
    (StatusCode::INTERNAL_SERVER_ERROR, "internal error").into_response()
}
