//! The MLflow REST API, as unmodified clients speak it.
//!
//! Each module holds the routes of one group. A handler reads its request with [`request::Call`],
//! runs one function of a capability in one transaction, and shows the result in the wire types of
//! [`wire`]. All rules and their messages are the capabilities'.

mod artifacts;
mod batch;
mod downloads;
mod error;
mod evaluation;
mod experiments;
pub mod graphql;
mod logged_models;
mod logging;
mod model_versions;
mod page_token;
mod ranges;
mod registered_models;
mod request;
mod runs;
mod server_info;
mod traces;
mod transfers;
mod unsupported;
mod webhooks;
mod wire;
mod workspaces;

pub use error::ApiError;
pub use transfers::Transfers;
pub use unsupported::endpoint_not_found;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use mainspring_artifact_store::Artifacts;
use mainspring_domain::Actor;
use mainspring_metadata_store::{ReadTx, Store, WriteTx};
use mainspring_registry::StageCheck;
use mainspring_tracking::locations::Locations;
use std::sync::Arc;

/// Requests in JSON end here; profiles of data sets may be large. Artifacts have no limit.
const BODY_LIMIT: usize = 32 << 20;

/// What the routes work on.
#[derive(Clone)]
pub struct MlflowState {
    /// Where experiments, runs and models are kept.
    pub store: Store,
    /// Where files are kept.
    pub artifacts: Artifacts,
    /// Where new experiments keep their files.
    pub locations: Arc<Locations>,
    /// How large files are transferred.
    pub transfers: Transfers,
    /// The gate before a change of stage.
    pub stage_check: Arc<StageCheck<'static>>,
    /// Who sends messages to webhooks.
    pub webhooks: mainspring_automation::webhooks::Sender,
}

impl std::fmt::Debug for MlflowState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MlflowState").finish_non_exhaustive()
    }
}

/// What the routes work on, with all workspaces in sight. Handlers take [`request::Within`] instead,
/// unless what they do is the same in every workspace.
#[derive(Clone)]
struct AllWorkspaces(MlflowState);

impl MlflowState {
    /// The name by which the whole server knows a registered model that the client names.
    fn model(&self, name: &str) -> String {
        self.store.workspace().cloned().unwrap_or_default().qualify(name)
    }

    /// Runs a change in a transaction of its own.
    async fn write<T, E, F>(&self, actor: Actor, change: F) -> Result<T, ApiError>
    where
        F: FnOnce(&mut dyn WriteTx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<mainspring_metadata_store::StoreError> + Send + 'static,
        ApiError: From<E>,
    {
        self.store.write(actor, change).await.map_err(ApiError::from)
    }

    /// Runs a query on one state of the store.
    async fn read<T, E, F>(&self, query: F) -> Result<T, ApiError>
    where
        F: FnOnce(&dyn ReadTx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<mainspring_metadata_store::StoreError> + Send + 'static,
        ApiError: From<E>,
    {
        self.store.read(query).await.map_err(ApiError::from)
    }
}

/// All routes. The middleware that puts the [`Actor`] of a request into its extensions belongs
/// around them.
pub fn router(state: MlflowState) -> Router {
    let api = Router::new()
        .merge(experiments::routes())
        .merge(runs::routes())
        .merge(logging::routes())
        .merge(logged_models::routes())
        .merge(registered_models::routes())
        .merge(model_versions::routes())
        .merge(evaluation::routes())
        .merge(webhooks::routes())
        .merge(workspaces::routes())
        .merge(artifacts::run_routes())
        .merge(transfers::run_routes())
        .merge(traces::routes())
        .merge(server_info::api_routes())
        .fallback(unsupported::answer)
        .method_not_allowed_fallback(unsupported::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    let proxy = artifacts::proxy_routes()
        .merge(transfers::proxy_routes())
        .fallback(unsupported::answer)
        .layer(DefaultBodyLimit::disable());
    let mut router = Router::new()
        .merge(server_info::root_routes())
        .merge(downloads::routes())
        .merge(traces::collector_routes().layer(DefaultBodyLimit::max(BODY_LIMIT)));
    for prefix in ["/api", "/ajax-api"] {
        for version in ["2.0", "3.0"] {
            router = router
                .nest(&format!("{prefix}/{version}/mlflow"), api.clone())
                .nest(&format!("{prefix}/{version}/mlflow-artifacts"), proxy.clone());
        }
    }
    router.layer(map_response(guard)).with_state(AllWorkspaces(state))
}

/// Headers that every answer carries: no foreign page may frame it or guess its type.
async fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    response
}
