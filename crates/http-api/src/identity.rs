//! Who sends a request.

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use mainspring_domain::Actor;
use mainspring_metadata_store::{Store, StoreError};
use mainspring_pipelines::token_sha256;

/// Puts the [`Actor`] of a request into its extensions: the task attempt that a bearer token was
/// given to, or the anonymous user. An unknown token acts as nobody in particular.
pub(crate) async fn identify(State(store): State<Store>, mut request: Request, next: Next) -> Response {
    let token = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(token_sha256);
    let attempt = match token {
        Some(hash) => store.read(move |tx| tx.attempt_by_token(&hash)).await,
        None => Ok::<_, StoreError>(None),
    };
    let actor = match attempt {
        Ok(Some(attempt)) => {
            Actor::task(&attempt.dag_id, &attempt.run_id, &attempt.task_id, attempt.try_number)
        }
        Ok(None) => Actor::user("anonymous"),
        Err(error) => {
            tracing::warn!(%error, "cannot look up a token");
            Actor::user("anonymous")
        }
    };
    request.extensions_mut().insert(actor);
    next.run(request).await
}
