//! Transfers of large files: in parts, and by links that carry their own authority.

use super::artifacts::{path_within, receive};
use super::request::{Call, Params, Within};
use super::{AllWorkspaces, ApiError, BODY_LIMIT, MlflowState, downloads};
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use mainspring_artifact_store::{ArtifactError, ArtifactPath, Grant, Located};
use mainspring_tracking::{logged_models, runs};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// What stays plain in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// Links to parts of an upload live this long: the client sends the parts one after the other.
const PARTS_LIVE: Duration = Duration::from_secs(24 * 60 * 60);
/// A link for an upload lives this long unless the client asks for another time.
const UPLOAD_LIVES: i64 = 900;
/// No link lives longer; S3 allows no more.
const LONGEST: i64 = 7 * 24 * 60 * 60;

/// How large files go between clients and the store.
#[derive(Clone, Copy, Debug)]
pub struct Transfers {
    /// Clients are told to upload large files in parts.
    pub uploads_in_parts: bool,
    /// Clients are told to download large files in parts.
    pub downloads_in_parts: bool,
    /// How long links for downloads live.
    pub links_live: Duration,
}

impl Default for Transfers {
    fn default() -> Self {
        Self { uploads_in_parts: false, downloads_in_parts: false, links_live: Duration::from_secs(300) }
    }
}

/// Routes below `mlflow`.
pub(super) fn run_routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/artifacts/presigned-upload-url", post(upload_link))
        .route("/artifacts/presigned-download-url", post(download_link))
}

/// Routes below `mlflow-artifacts`.
pub(super) fn proxy_routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/mpu/create/{*path}", post(begin))
        .route("/mpu/complete/{*path}", post(complete))
        .route("/mpu/abort/{*path}", post(abort))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .route("/presigned/{*path}", get(proxy_link))
        .route("/signed/{*path}", get(signed_download).put(signed_upload))
}

/// The file of a multipart upload: the folder of the URL and the name in the body. Old clients send
/// the path that the file has with them, of which only the name counts.
async fn target(state: &MlflowState, folder: &str, params: &Params) -> Result<ArtifactPath, ApiError> {
    let given = params.required("path")?;
    let name = ArtifactPath::parse(given.rsplit(['/', '\\']).next().unwrap_or_default())?;
    if name.as_str().is_empty() || name.as_str() != name.file_name() {
        return Err(ArtifactError::InvalidPath.into());
    }
    Ok(path_within(state, folder).await?.join(name.as_str())?)
}

async fn begin(
    Within(state): Within,
    Path(folder): Path<String>,
    headers: HeaderMap,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let path = target(&state, &folder, &call.params).await?;
    let parts = call.params.integer("num_parts")?.unwrap_or(1);
    // Whatever is no number of parts is refused with all that are too many.
    let parts = u32::try_from(parts).unwrap_or(u32::MAX);
    let upload = state.artifacts.own()?.begin_parts(&path, parts, PARTS_LIVE).await?;
    let urls = match upload.urls {
        Some(urls) => urls,
        None => {
            let link = |part| own_link(&state, &headers, "PUT", &path, PARTS_LIVE, Some((&upload.id, part)));
            (1..=parts).map(link).collect::<Result<_, _>>()?
        }
    };
    let credentials: Vec<Value> = urls
        .into_iter()
        .zip(1..)
        .map(|(url, part): (String, u32)| json!({ "url": url, "part_number": part, "headers": {} }))
        .collect();
    Ok(Json(json!({ "upload_id": upload.id, "credentials": credentials })))
}

async fn complete(
    Within(state): Within,
    Path(folder): Path<String>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let path = target(&state, &folder, &call.params).await?;
    let id = call.params.required("upload_id")?;
    let part = |part: &Params| {
        let number = part.integer("part_number")?.and_then(|number| u32::try_from(number).ok());
        let number = number.ok_or_else(|| part.missing("part_number"))?;
        Ok((number, part.text("etag")?.unwrap_or_default()))
    };
    let parts = call.params.objects("parts")?.iter().map(part).collect::<Result<_, ApiError>>()?;
    state.artifacts.own()?.join_parts(&path, &id, parts).await?;
    Ok(Json(json!({})))
}

async fn abort(
    Within(state): Within,
    Path(folder): Path<String>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let path = target(&state, &folder, &call.params).await?;
    state.artifacts.own()?.drop_parts(&path, &call.params.required("upload_id")?).await?;
    Ok(Json(json!({})))
}

/// A link to an artifact, of the store or of this server, and the artifact's size.
async fn read_link(
    state: &MlflowState,
    headers: &HeaderMap,
    place: &Located,
    lives: Duration,
) -> Result<(String, u64), ApiError> {
    let (size, url) = place.store.read_url(&place.path, lives).await?;
    let url = match url {
        Some(url) => url,
        None if place.own => own_link(state, headers, "GET", &place.path, lives, None)?,
        None => return Err(unsupported()),
    };
    Ok((url, size))
}

fn unsupported() -> ApiError {
    ApiError::not_implemented("Presigned URLs are not supported for artifacts on a shared local disk.")
}

/// The answer with a link where clients ask for `presigned`.
pub(super) async fn presigned(
    state: &MlflowState,
    headers: &HeaderMap,
    place: &Located,
) -> Result<Response, ApiError> {
    let (url, size) = read_link(state, headers, place, state.transfers.links_live).await?;
    Ok(Json(json!({ "url": url, "headers": {}, "file_size": size })).into_response())
}

async fn proxy_link(
    Within(state): Within,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let place =
        Located { store: state.artifacts.own()?.clone(), path: path_within(&state, &path).await?, own: true };
    presigned(&state, &headers, &place).await
}

fn expiration(call: &Call, default: i64) -> Result<Duration, ApiError> {
    let seconds = call.params.integer("expiration")?.unwrap_or(default);
    if !(1..=LONGEST).contains(&seconds) {
        return Err(ApiError::invalid(format!(
            "expiration must be between 1 and {LONGEST} seconds (got {seconds})."
        )));
    }
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}

async fn upload_link(Within(state): Within, headers: HeaderMap, call: Call) -> Result<Json<Value>, ApiError> {
    let (run, model) = (call.params.text("run_id")?, call.params.text("model_id")?);
    let path = call.params.required("path")?;
    let lives = expiration(&call, UPLOAD_LIVES)?;
    ArtifactPath::parse(&path)?;
    let uri = match (run, model) {
        (Some(id), None) => state.read(move |tx| runs::info(tx, &id)).await?.artifact_uri,
        (None, Some(id)) => state.read(move |tx| logged_models::get(tx, &id)).await?.artifact_uri,
        _ => return Err(ApiError::invalid("Exactly one of run_id and model_id must be provided.")),
    };
    let place = state.artifacts.locate(&uri)?;
    let path = place.path.join(&path)?;
    let url = match place.store.write_url(&path, lives).await? {
        Some(url) => url,
        None => own_link(&state, &headers, "PUT", &path, lives, None)?,
    };
    Ok(Json(json!({ "presigned_url": url, "headers": {} })))
}

async fn download_link(
    Within(state): Within,
    headers: HeaderMap,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let (id, path) = (call.params.required("run_id")?, call.params.required("path")?);
    let default = i64::try_from(state.transfers.links_live.as_secs()).unwrap_or(LONGEST);
    let lives = expiration(&call, default)?;
    ArtifactPath::parse(&path)?;
    let uri = state.read(move |tx| runs::info(tx, &id)).await?.artifact_uri;
    let place = state.artifacts.locate(&uri)?;
    let place = Located { path: place.path.join(&path)?, ..place };
    let (url, size) = read_link(&state, &headers, &place, lives).await?;
    Ok(Json(json!({ "presigned_url": url, "headers": {}, "file_size": size })))
}

/// A link of this server, by the name under which the client reached it.
fn own_link(
    state: &MlflowState,
    headers: &HeaderMap,
    method: &str,
    path: &ArtifactPath,
    lives: Duration,
    part: Option<(&str, u32)>,
) -> Result<String, ApiError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host").ok_or_else(|| ApiError::bad_request("The request names no host."))?;
    let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    let grant = Grant::new(method, path, lives, part.map(|(id, part)| (id.to_owned(), part)));
    let signature = state.artifacts.signer().sign(&grant);
    let of_part = part.map(|(id, part)| format!("&upload={id}&part={part}")).unwrap_or_default();
    Ok(format!(
        "{scheme}://{host}/api/2.0/mlflow-artifacts/signed/{}?expires={}{of_part}&signature={signature}",
        utf8_percent_encode(path.as_str(), PATH),
        grant.expires
    ))
}

/// What a link carries.
#[derive(Deserialize)]
struct Link {
    expires: u64,
    upload: Option<String>,
    part: Option<u32>,
    signature: String,
}

/// Checks a link; gives what it grants.
fn granted(state: &MlflowState, method: &str, path: &str, link: Link) -> Result<Grant, ApiError> {
    let path = ArtifactPath::parse(path)?;
    let grant =
        Grant { method: method.to_owned(), path, expires: link.expires, part: link.upload.zip(link.part) };
    if state.artifacts.signer().allows(&grant, &link.signature) {
        Ok(grant)
    } else {
        Err(ApiError::forbidden("This link is not valid, or not any more. Ask for another."))
    }
}

async fn signed_download(
    State(AllWorkspaces(state)): State<AllWorkspaces>,
    Path(path): Path<String>,
    Query(link): Query<Link>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let grant = granted(&state, "GET", &path, link)?;
    downloads::attachment(state.artifacts.own()?, &grant.path, &headers).await
}

async fn signed_upload(
    State(AllWorkspaces(state)): State<AllWorkspaces>,
    Path(path): Path<String>,
    Query(link): Query<Link>,
    body: Body,
) -> Result<Response, ApiError> {
    let grant = granted(&state, "PUT", &path, link)?;
    let upload = receive(state.artifacts.own()?, body).await?;
    let tag = match &grant.part {
        Some((id, part)) => upload.commit_part(&grant.path, id, *part).await?,
        None => upload.commit(&grant.path).await?.sha256,
    };
    Ok([(header::ETAG, format!("\"{tag}\""))].into_response())
}
