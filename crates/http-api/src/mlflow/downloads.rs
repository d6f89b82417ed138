//! Files as downloads: never shown by the browser as a page of this server.

use super::model_versions::version_of;
use super::ranges::{self, Wanted};
use super::request::{Call, Within};
use super::{AllWorkspaces, ApiError, MlflowState, transfers};
use crate::streaming;
use axum::Router;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    IF_RANGE, LAST_MODIFIED, RANGE,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use mainspring_artifact_store::{ArtifactPath, ArtifactStore, Located};
use mainspring_registry::versions;
use mainspring_tracking::runs;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::SystemTime;

pub(super) fn routes() -> Router<AllWorkspaces> {
    Router::new().route("/get-artifact", get(of_run)).route("/model-versions/get-artifact", get(of_version))
}

async fn of_run(Within(state): Within, headers: HeaderMap, call: Call) -> Result<Response, ApiError> {
    let (id, path) = (call.params.run_id()?, call.params.required("path")?);
    ArtifactPath::parse(&path)?;
    let run = state.read(move |tx| runs::info(tx, &id)).await?;
    let place = state.artifacts.locate(&run.artifact_uri)?;
    attachment(&place.store, &place.path.join(&path)?, &headers).await
}

async fn of_version(Within(state): Within, headers: HeaderMap, call: Call) -> Result<Response, ApiError> {
    let (name, version) = version_of(&state, &call.params)?;
    let uri = state.read(move |tx| versions::download_uri(tx, &name, version)).await?;
    below(&state, &headers, &call, &uri, "path").await
}

/// A file below a URI, or a link to it when the query says `presigned=true`.
pub(super) async fn below(
    state: &MlflowState,
    headers: &HeaderMap,
    call: &Call,
    uri: &str,
    parameter: &str,
) -> Result<Response, ApiError> {
    let path = call.params.required(parameter)?;
    ArtifactPath::parse(&path)?;
    let place = state.artifacts.locate(uri)?;
    let place = Located { path: place.path.join(&path)?, ..place };
    if call.params.flag("presigned")?.unwrap_or(false) {
        return transfers::presigned(state, headers, &place).await;
    }
    attachment(&place.store, &place.path, headers).await
}

/// Streams a file with headers that make it a download; a part of it, or nothing when the client has
/// it already.
pub(super) async fn attachment(
    store: &ArtifactStore,
    path: &ArtifactPath,
    request: &HeaderMap,
) -> Result<Response, ApiError> {
    let artifact = store.open(path).await?;
    let (name, size) = (path.file_name(), artifact.size);
    let tag = format!("\"{}\"", artifact.tag);
    let modified = http_date(artifact.modified);
    let known = [(ETAG, tag.clone()), (LAST_MODIFIED, modified.clone())];
    let text = |name| request.get(name).and_then(|value| value.to_str().ok());
    if text(IF_NONE_MATCH).is_some_and(|tags| ranges::names(tags, &tag)) {
        return Ok((StatusCode::NOT_MODIFIED, known).into_response());
    }
    // A range of something that has changed since would be a mixture.
    let same = text(IF_RANGE).is_none_or(|given| given == tag || given == modified);
    let wanted = text(RANGE).filter(|_| same).map_or(Wanted::All, |range| ranges::wanted(range, size));
    let (status, range) = match wanted {
        Wanted::All => (StatusCode::OK, 0..size),
        Wanted::Some(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Nothing => {
            let whole = [(CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, known, whole).into_response());
        }
    };
    let length = range.end - range.start;
    let mut headers = HeaderMap::new();
    let mut add = |name: HeaderName, value: String| {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    };
    add(CONTENT_TYPE, media_type(name).to_owned());
    add(CONTENT_LENGTH, length.to_string());
    add(CONTENT_DISPOSITION, disposition(name));
    add(ACCEPT_RANGES, "bytes".to_owned());
    if status == StatusCode::PARTIAL_CONTENT {
        add(CONTENT_RANGE, format!("bytes {}-{}/{size}", range.start, range.end - 1));
    }
    let body = streaming::body(artifact, range).await?;
    Ok((status, known, headers, body).into_response())
}

fn disposition(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b';'));
    if plain {
        format!("attachment; filename={name}")
    } else {
        format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
    }
}

/// The date form of HTTP: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(time: SystemTime) -> String {
    let instant = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The type that the name suggests. Notes of models and data are text, so that they can be read.
fn media_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    match extension.as_str() {
        "" if name.eq_ignore_ascii_case("MLmodel") || name.eq_ignore_ascii_case("MLproject") => "text/plain",
        "txt" | "log" | "yaml" | "yml" | "json" | "py" | "md" | "rst" | "toml" | "cfg" | "ini" | "jsonl" => {
            "text/plain"
        }
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "webp" => "image/webp",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::{disposition, media_type};

    #[test]
    fn names_suggest_types_and_cannot_break_headers() {
        assert_eq!(media_type("MLmodel"), "text/plain");
        assert_eq!(media_type("a.b.PNG"), "image/png");
        assert_eq!(media_type("model.skops"), "application/octet-stream");
        assert_eq!(disposition("model.pkl"), "attachment; filename=model.pkl");
        assert_eq!(disposition("a\"b\r\n"), "attachment; filename*=UTF-8''a%22b%0D%0A");
    }
}
