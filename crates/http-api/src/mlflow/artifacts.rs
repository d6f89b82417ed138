//! The artifact proxy, and lists of the artifacts of runs and models.

use super::request::{Call, Within};
use super::{AllWorkspaces, ApiError, MlflowState, downloads};
use axum::body::Body;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::StreamExt as _;
use mainspring_artifact_store::{ArtifactError, ArtifactPath, ArtifactStore, Upload};
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_tracking::locations::{FOLDER, folder_of, own_folder};
use mainspring_tracking::{TrackingError, runs};
use serde::{Deserialize, Serialize};

type Answer<T> = Result<Json<T>, ApiError>;

/// Bytes of a file that comes through `upload-artifact`.
const UPLOAD_LIMIT: usize = 10 << 20;

/// `artifacts/list` of the tracking API.
pub(super) fn run_routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/artifacts/list", get(list_of_run))
        .route("/upload-artifact", post(upload_one).layer(DefaultBodyLimit::max(UPLOAD_LIMIT)))
}

/// Routes below `mlflow-artifacts`.
pub(super) fn proxy_routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/artifacts", get(list))
        .route("/artifacts/{*path}", get(download).put(upload).delete(remove))
}

#[derive(Serialize)]
pub(super) struct FileInfo {
    path: String,
    is_dir: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_size: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Listing {
    #[serde(skip_serializing_if = "Option::is_none")]
    root_uri: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileInfo>,
}

/// One level of a folder; names get a prefix.
async fn entries(
    store: &ArtifactStore,
    path: &ArtifactPath,
    prefix: &str,
) -> Result<Vec<FileInfo>, ApiError> {
    let entries = store.list(path).await?;
    let file = |entry: mainspring_artifact_store::Entry| FileInfo {
        path: if prefix.is_empty() { entry.name } else { format!("{prefix}/{}", entry.name) },
        is_dir: entry.size.is_none(),
        file_size: entry.size,
    };
    Ok(entries.into_iter().map(file).collect())
}

/// The path of an artifact that a client names. In another workspace than the default one all paths lie
/// in the workspace's folder, and no path leads into that of another.
pub(super) async fn path_within(state: &MlflowState, path: &str) -> Result<ArtifactPath, ApiError> {
    let parsed = ArtifactPath::parse(path)?;
    let Some(workspace) = state.store.workspace().filter(|_| state.locations.workspaces) else {
        return Ok(parsed);
    };
    let mut parts = parsed.as_str().split('/');
    // On some disks names in small and in large letters are the same.
    if !parts.next().is_some_and(|first| first.eq_ignore_ascii_case(FOLDER)) {
        if workspace.is_default() {
            return Ok(parsed);
        }
        return of_workspace(state, workspace, parsed.as_str()).await;
    }
    let Some(named) = parts.next() else {
        return Err(ApiError::invalid(
            "Artifact paths prefixed with 'workspaces/' must include a workspace name.",
        ));
    };
    if named == workspace.as_str() {
        let rest: Vec<&str> = parts.collect();
        return of_workspace(state, workspace, &rest.join("/")).await;
    }
    // An experiment that was moved out of a workspace which is gone keeps its artifacts where they are.
    if let Some(id) = parts.next().and_then(|id| id.parse().ok()) {
        let found = state.read(move |tx| Ok::<_, TrackingError>(tx.experiment(id)?)).await?;
        let folder = found.as_ref().and_then(|found| own_folder(&found.artifact_location, id));
        let below = folder.and_then(|folder| parsed.as_str().strip_prefix(folder));
        if below.is_some_and(|below| below.is_empty() || below.starts_with('/')) {
            return Ok(parsed);
        }
    }
    Err(ApiError::invalid(format!(
        "Artifact path targets workspace '{named}' but the workspace specified in the request is \
         '{workspace}'."
    )))
}

/// A path in the folder of a workspace. What was left there by experiments of an earlier workspace of the
/// same name is not there.
async fn of_workspace(
    state: &MlflowState,
    workspace: &WorkspaceName,
    rest: &str,
) -> Result<ArtifactPath, ApiError> {
    if !workspace.is_default()
        && let Some(id) = rest.split('/').next().and_then(|first| first.parse().ok())
    {
        let found = state.read(move |tx| Ok::<_, TrackingError>(tx.experiment(id)?)).await?;
        found.ok_or_else(|| ArtifactError::NotFound(rest.to_owned()))?;
    }
    Ok(ArtifactPath::parse(&folder_of(workspace))?.join(rest)?)
}

async fn list(Within(state): Within, call: Call) -> Answer<Listing> {
    let path = path_within(&state, &call.params.text("path")?.unwrap_or_default()).await?;
    Ok(Json(Listing { root_uri: None, files: entries(state.artifacts.own()?, &path, "").await? }))
}

async fn list_of_run(Within(state): Within, call: Call) -> Answer<Listing> {
    let id = call.params.run_id()?;
    let path = call.params.text("path")?.unwrap_or_default();
    let run = state.read(move |tx| runs::info(tx, &id)).await?;
    list_below(&state, run.artifact_uri, &path).await
}

/// Lists a folder below an artifact URI; paths are relative to the URI.
pub(super) async fn list_below(state: &MlflowState, root_uri: String, path: &str) -> Answer<Listing> {
    let below = ArtifactPath::parse(path)?;
    let place = state.artifacts.locate(&root_uri)?;
    let files = entries(&place.store, &place.path.join(path)?, below.as_str()).await?;
    Ok(Json(Listing { root_uri: Some(root_uri), files }))
}

async fn download(
    Within(state): Within,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let path = path_within(&state, &path).await?;
    downloads::attachment(state.artifacts.own()?, &path, &headers).await
}

async fn upload(Within(state): Within, Path(path): Path<String>, body: Body) -> Result<StatusCode, ApiError> {
    if ArtifactPath::parse(&path)?.as_str().is_empty() {
        return Err(ArtifactError::InvalidPath.into());
    }
    let path = path_within(&state, &path).await?;
    receive(state.artifacts.own()?, body).await?.commit(&path).await?;
    Ok(StatusCode::OK)
}

/// Takes a body in, piece by piece.
pub(super) async fn receive(store: &ArtifactStore, body: Body) -> Result<Upload, ApiError> {
    let mut upload = store.upload().await?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| ApiError::bad_request(format!("The upload broke off: {error}")))?;
        upload.write(piece).await?;
    }
    Ok(upload)
}

async fn remove(
    Within(state): Within,
    Path(path): Path<String>,
) -> Result<Json<super::wire::Void>, ApiError> {
    state.artifacts.own()?.delete(&path_within(&state, &path).await?).await?;
    Ok(Json(super::wire::Void {}))
}

/// What `upload-artifact` takes in its query.
#[derive(Deserialize)]
struct Target {
    run_id: Option<String>,
    run_uuid: Option<String>,
    path: Option<String>,
}

/// A small file as a whole, into a run's artifacts.
async fn upload_one(
    Within(state): Within,
    Query(target): Query<Target>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ApiError> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let run_id = given(target.run_id).or_else(|| given(target.run_uuid));
    let run_id = run_id.ok_or_else(|| ApiError::invalid("Request must specify run_id or run_uuid."))?;
    let path = given(target.path).ok_or_else(|| ApiError::invalid("Request must specify path."))?;
    ArtifactPath::parse(&path)?;
    let body = body.map_err(|_| ApiError::invalid("Artifact size is too large. Max size is 10MB."))?;
    if body.is_empty() {
        return Err(ApiError::invalid("Request must specify data."));
    }
    let run = state.read(move |tx| runs::info(tx, &run_id)).await?;
    let place = state.artifacts.locate(&run.artifact_uri)?;
    place.store.put(&place.path.join(&path)?, body).await?;
    Ok(StatusCode::OK)
}
