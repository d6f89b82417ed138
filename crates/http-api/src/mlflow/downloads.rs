//! Files as downloads: never shown by the browser as a page of this server.

use super::artifacts::own_path;
use super::model_versions::version_of;
use super::request::Call;
use super::{ApiError, MlflowState};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, LAST_MODIFIED};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use mainspring_artifact_store::ArtifactPath;
use mainspring_registry::versions;
use mainspring_tracking::runs;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::SystemTime;
use tokio_util::io::ReaderStream;

/// Bytes read at once.
const PIECE: usize = 256 << 10;

pub(super) fn routes() -> Router<MlflowState> {
    Router::new().route("/get-artifact", get(of_run)).route("/model-versions/get-artifact", get(of_version))
}

async fn of_run(State(state): State<MlflowState>, call: Call) -> Result<Response, ApiError> {
    let (id, path) = (call.params.run_id()?, call.params.required("path")?);
    let run = state.read(move |tx| runs::info(tx, &id)).await?;
    attachment(&state, &own_path(&run.artifact_uri)?.join(&path)?).await
}

async fn of_version(State(state): State<MlflowState>, call: Call) -> Result<Response, ApiError> {
    let ((name, version), path) = (version_of(&call.params)?, call.params.required("path")?);
    let uri = state.read(move |tx| versions::download_uri(tx, &name, version)).await?;
    attachment(&state, &own_path(&uri)?.join(&path)?).await
}

/// Streams a file with headers that make it a download.
pub(super) async fn attachment(state: &MlflowState, path: &ArtifactPath) -> Result<Response, ApiError> {
    let opened = state.artifacts.open(path).await?;
    let name = path.file_name();
    let body = Body::from_stream(ReaderStream::with_capacity(tokio::fs::File::from_std(opened.file), PIECE));
    let headers = [
        (CONTENT_TYPE, media_type(name).to_owned()),
        (CONTENT_LENGTH, opened.size.to_string()),
        (CONTENT_DISPOSITION, disposition(name)),
        (LAST_MODIFIED, http_date(opened.modified)),
    ];
    Ok((headers, body).into_response())
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
        "" if name == "MLmodel" || name == "MLproject" => "text/plain",
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
