//! The API of W&B, as its unmodified clients speak it.
//!
//! `schema.graphql` says what is served. [`nodes`] shows what the store has in its types, the other
//! modules hold the resolvers by subject. Files go to signed URLs of [`storage`], lines of runs to
//! [`stream`]. All rules are those of `mainspring_tracking::wandb`.

mod artifact_log;
mod artifacts;
mod asked;
mod collections;
mod files;
mod filters;
mod history;
mod nodes;
mod projects;
mod resolvers;
mod run_log;
mod runs;
mod storage;
mod stream;
mod tickets;
mod viewer;

use crate::graphql::Executor;
use asked::Asked;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use mainspring_artifact_store::ArtifactStore;
use mainspring_domain::Clock;
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_metadata_store::Store;
use std::sync::Arc;

/// Bytes of a request to GraphQL or of a stream; files have no limit.
const BODY_LIMIT: usize = 32 << 20;

/// What the routes work on.
#[derive(Clone)]
pub struct WandbState {
    /// Where runs and artifacts are kept.
    pub store: Store,
    /// Where files are kept.
    pub artifacts: ArtifactStore,
    /// The time that signed URLs go by.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for WandbState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WandbState").finish_non_exhaustive()
    }
}

/// The routes of files, and that of GraphQL. The middleware that says who asks belongs around both.
pub fn routers(mut state: WandbState) -> (Router, Router) {
    // These clients know no workspaces: what lies in others than the default one is not there for them.
    state.store = state.store.within(WorkspaceName::default());
    let executor = match Executor::<Asked>::new(include_str!("schema.graphql"), resolvers::all()) {
        Ok(executor) => executor,
        Err(error) => {
            tracing::error!(%error, "the schema of GraphQL is not one; W&B clients are not served");
            return (Router::new(), Router::new());
        }
    };
    let files = Router::new()
        .route("/wandb/storage/{ticket}", get(storage::download).put(storage::upload))
        .layer(DefaultBodyLimit::disable())
        .with_state(state.clone());
    let graphql = Router::new()
        .route("/graphql", post(asked::answer))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state((state.clone(), executor));
    let streams = Router::new()
        .route("/files/{entity}/{project}/{run}/file_stream", post(stream::append))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(state);
    (streams.merge(files), graphql)
}

#[cfg(test)]
mod tests {
    use super::{Asked, resolvers};
    use crate::graphql::Executor;

    #[test]
    fn the_schema_is_one_and_has_a_field_for_each_resolver() {
        let built = Executor::<Asked>::new(include_str!("schema.graphql"), resolvers::all());
        assert!(built.is_ok(), "{:?}", built.err());
    }
}
