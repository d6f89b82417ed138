//! `workspaces`: the places in which teams keep experiments and models apart.

use super::request::{Call, Params};
use super::{AllWorkspaces, ApiError, MlflowState};
use crate::access::NO_WORKSPACES;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use mainspring_automation::workspaces::{Deletion, delete};
use mainspring_domain::access::Scope;
use mainspring_domain::workspaces::{Workspace, WorkspaceName};
use mainspring_tracking::TrackingError;
use mainspring_tracking::workspaces::{self, WorkspaceChange, parse_name};
use serde::{Deserialize, Serialize};

type Answer<T> = Result<Json<T>, ApiError>;

pub(super) fn routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/workspaces", get(list).post(create))
        .route("/workspaces/{workspace}", get(by_name).patch(update).delete(remove))
}

#[derive(Serialize)]
struct WorkspaceWire {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_artifact_root: Option<String>,
}

impl From<Workspace> for WorkspaceWire {
    fn from(workspace: Workspace) -> Self {
        Self {
            name: workspace.name.to_string(),
            description: workspace.description,
            default_artifact_root: workspace.artifact_root,
        }
    }
}

#[derive(Serialize)]
struct One {
    workspace: WorkspaceWire,
}

#[derive(Serialize)]
struct Many {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    workspaces: Vec<WorkspaceWire>,
}

/// Refuses where the server was started without workspaces.
fn enabled(state: &MlflowState) -> Result<(), ApiError> {
    if state.locations.workspaces {
        return Ok(());
    }
    Err(ApiError::disabled(format!("{NO_WORKSPACES}. To enable them, start it with `--enable-workspaces`.")))
}

fn name(text: &str) -> Result<WorkspaceName, ApiError> {
    Ok(parse_name(text)?)
}

async fn list(State(AllWorkspaces(state)): State<AllWorkspaces>, call: Call) -> Answer<Many> {
    enabled(&state)?;
    let mut all: Vec<Workspace> = state.read(|tx| Ok::<_, TrackingError>(tx.workspaces()?)).await?;
    all.retain(|workspace| call.sees(&Scope::Workspace(workspace.name.clone())));
    Ok(Json(Many { workspaces: all.into_iter().map(Into::into).collect() }))
}

async fn by_name(State(AllWorkspaces(state)): State<AllWorkspaces>, Path(path): Path<String>) -> Answer<One> {
    enabled(&state)?;
    let name = name(&path)?;
    let found = state.read(move |tx| workspaces::get(tx, &name)).await?;
    Ok(Json(One { workspace: found.into() }))
}

/// What a request says of a workspace; none when it says nothing.
fn change(params: &Params) -> Result<Option<WorkspaceChange>, ApiError> {
    let archive = params.object("trace_archival_config")?;
    if let Some(archive) = archive {
        let told = archive.text("location")?.or(archive.text("retention")?);
        if told.is_some() {
            return Err(ApiError::not_implemented(
                "The archive of traces is not available in this server: leave trace_archival_config out.",
            ));
        }
    }
    let change = WorkspaceChange {
        description: params.any_text("description")?,
        artifact_root: params.any_text("default_artifact_root")?,
    };
    Ok((change.description.is_some() || change.artifact_root.is_some()).then_some(change))
}

async fn create(
    State(AllWorkspaces(state)): State<AllWorkspaces>,
    call: Call,
) -> Result<(StatusCode, Json<One>), ApiError> {
    enabled(&state)?;
    let name = call.params.required("name")?;
    let said = change(&call.params)?.unwrap_or_default();
    let made = state.write(call.actor, move |tx| workspaces::create(tx, &name, said)).await?;
    Ok((StatusCode::CREATED, Json(One { workspace: made.into() })))
}

async fn update(
    State(AllWorkspaces(state)): State<AllWorkspaces>,
    Path(path): Path<String>,
    call: Call,
) -> Answer<One> {
    enabled(&state)?;
    let name = name(&path)?;
    let change = change(&call.params)?
        .ok_or_else(|| ApiError::invalid("Workspace update must have at least one key"))?;
    let changed = state.write(call.actor, move |tx| workspaces::update(tx, &name, change)).await?;
    Ok(Json(One { workspace: changed.into() }))
}

/// What a deletion takes in its query.
#[derive(Deserialize)]
struct How {
    mode: Option<String>,
}

async fn remove(
    State(AllWorkspaces(state)): State<AllWorkspaces>,
    Path(path): Path<String>,
    Query(how): Query<How>,
    call: Call,
) -> Result<StatusCode, ApiError> {
    enabled(&state)?;
    let name = name(&path)?;
    let mode = how.mode.as_deref().unwrap_or(Deletion::Restrict.as_str());
    let mode = Deletion::parse(mode).ok_or_else(|| {
        ApiError::invalid(format!(
            "Invalid deletion mode '{mode}'. Must be one of: {}",
            Deletion::ALL.map(Deletion::as_str).join(", ")
        ))
    })?;
    state.write(call.actor, move |tx| delete(tx, &name, mode)).await?;
    Ok(StatusCode::NO_CONTENT)
}
