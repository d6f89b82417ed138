//! A request: who sends it, by which name of this server, and what it may do.

use super::{BODY_LIMIT, WandbState};
use crate::graphql::{Executor, GraphqlError};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use mainspring_artifact_store::ArtifactError;
use mainspring_domain::Actor;
use mainspring_domain::access::{Role, Scope};
use mainspring_domain::tracking::Experiment;
use mainspring_governance::access::Principal;
use mainspring_governance::users;
use mainspring_metadata_store::{ReadTx, StoreError, WriteTx};
use mainspring_tracking::TrackingError;
use mainspring_tracking::wandb::projects;
use std::sync::Arc;

type Answer<T> = Result<T, GraphqlError>;

/// What resolvers know of a request.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) state: WandbState,
    pub(super) actor: Actor,
    principal: Arc<Principal>,
    /// The server's address as the client knows it.
    pub(super) base: String,
}

impl Asked {
    pub(super) async fn read<T, F>(&self, query: F) -> Answer<T>
    where
        F: FnOnce(&dyn ReadTx) -> Result<T, TrackingError> + Send + 'static,
        T: Send + 'static,
    {
        self.state.store.read(query).await.map_err(GraphqlError::from)
    }

    pub(super) async fn write<T, F>(&self, change: F) -> Answer<T>
    where
        F: FnOnce(&mut dyn WriteTx) -> Result<T, TrackingError> + Send + 'static,
        T: Send + 'static,
    {
        self.state.store.write(self.actor.clone(), change).await.map_err(GraphqlError::from)
    }

    /// The name of the caller.
    pub(super) fn user_name(&self) -> &str {
        let actor = self.actor.as_str();
        actor.strip_prefix("user:").unwrap_or(actor)
    }

    /// Whether the caller may see an experiment.
    pub(super) fn sees(&self, experiment: i64) -> bool {
        self.principal.may(Role::Reader, &Scope::Experiment(experiment))
    }

    /// Asks for a role on an experiment.
    pub(super) fn require(&self, role: Role, experiment: i64) -> Answer<()> {
        self.require_on(role, &Scope::Experiment(experiment))
    }

    fn require_on(&self, role: Role, scope: &Scope) -> Answer<()> {
        if self.principal.may(role, scope) {
            return Ok(());
        }
        let place = match scope {
            Scope::Experiment(id) => format!("the project with the number {id}"),
            _ => "the whole server".to_owned(),
        };
        let message =
            format!("permission denied: `{}` needs the role {} on {place}", self.actor, role.as_str());
        Err(GraphqlError(message))
    }

    /// The experiment of a project, for readers of it.
    pub(super) async fn project(&self, entity: &str, project: &str) -> Answer<Option<Experiment>> {
        let (entity, project) = (entity.to_owned(), project.to_owned());
        let found = self.read(move |tx| projects::find(tx, &entity, &project)).await?;
        Ok(found.filter(|experiment| self.sees(experiment.id)))
    }

    /// The number of a project's experiment for somebody who writes to it; it is made when there
    /// is none.
    pub(super) async fn project_to_write(&self, entity: &str, project: &str) -> Answer<i64> {
        let (entity, project) = (entity.to_owned(), project.to_owned());
        let names = (entity.clone(), project.clone());
        if let Some(found) = self.read(move |tx| projects::find(tx, &names.0, &names.1)).await? {
            self.require(Role::Editor, found.id)?;
            return Ok(found.id);
        }
        self.require_on(Role::Editor, &Scope::Server)?;
        self.write(move |tx| {
            let known = projects::find(tx, &entity, &project)?;
            let id = projects::ensure(tx, &entity, &project)?;
            // Whoever makes a project is its manager.
            if known.is_none() {
                users::own(tx, &Scope::Experiment(id))?;
            }
            Ok(id)
        })
        .await
    }
}

impl From<TrackingError> for GraphqlError {
    fn from(error: TrackingError) -> Self {
        if let TrackingError::Store(error) = &error {
            tracing::error!(%error, "the store does not answer W&B clients");
        }
        Self(error.to_string())
    }
}

impl From<StoreError> for GraphqlError {
    fn from(error: StoreError) -> Self {
        TrackingError::from(error).into()
    }
}

impl From<ArtifactError> for GraphqlError {
    fn from(error: ArtifactError) -> Self {
        if let ArtifactError::Io(error) = &error {
            tracing::error!(%error, "artifact storage does not answer W&B clients");
        }
        Self(error.to_string())
    }
}

/// The address by which the client called.
fn base(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = match text("x-forwarded-proto") {
        Some("https") => "https",
        _ => "http",
    };
    let host = text("x-forwarded-host").or_else(|| text(header::HOST.as_str())).unwrap_or("localhost");
    format!("{scheme}://{host}")
}

/// `POST /graphql`. Errors are part of an answer with status 200, as clients expect.
pub(super) async fn answer(
    State((state, executor)): State<(WandbState, Executor<Asked>)>,
    Extension(actor): Extension<Actor>,
    Extension(principal): Extension<Arc<Principal>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(body) = body else {
        let message = format!("The request has more than {BODY_LIMIT} bytes.");
        return Json(crate::graphql::errors(&message)).into_response();
    };
    let asked = Asked { state, actor, principal, base: base(&headers) };
    Json(executor.execute(&body, asked).await).into_response()
}
