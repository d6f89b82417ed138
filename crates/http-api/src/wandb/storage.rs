//! Files at signed URLs.

use super::WandbState;
use super::tickets::{Right, Signer, Ticket};
use crate::streaming;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use mainspring_artifact_store::{ArtifactError, ArtifactPath};
use md5::{Digest as _, Md5};
use serde_json::json;
use std::fmt::Write as _;

/// Why a file is not taken or given, in the form of the other answers.
pub(super) fn refusal(status: StatusCode, message: impl std::fmt::Display) -> Response {
    let message = message.to_string();
    (status, Json(json!({ "error": message, "errors": [{ "message": message }] }))).into_response()
}

fn failed(error: ArtifactError) -> Response {
    match error {
        ArtifactError::NotFound(_) => refusal(StatusCode::NOT_FOUND, error),
        ArtifactError::InvalidPath
        | ArtifactError::NotKept(_)
        | ArtifactError::Multipart(_)
        | ArtifactError::ReadOnly => refusal(StatusCode::BAD_REQUEST, error),
        ArtifactError::Damaged(_) => {
            tracing::error!(%error, "an artifact is damaged");
            refusal(StatusCode::GONE, error)
        }
        ArtifactError::NotServed => refusal(StatusCode::NOT_IMPLEMENTED, error),
        ArtifactError::Remote(_) => {
            tracing::error!(%error, "the object store cannot be used");
            refusal(StatusCode::SERVICE_UNAVAILABLE, error)
        }
        ArtifactError::Io(_) | ArtifactError::Destination(_) => {
            tracing::error!(%error, "artifact storage failed");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "artifact storage failed")
        }
    }
}

#[expect(clippy::result_large_err, reason = "the error is the answer")]
fn checked(ticket: Option<Ticket>, right: Right) -> Result<(Ticket, ArtifactPath), Response> {
    let ticket = ticket.filter(|ticket| ticket.right == right);
    let refused =
        || refusal(StatusCode::FORBIDDEN, "This URL is not valid, or no longer; ask for a new one.");
    let ticket = ticket.ok_or_else(refused)?;
    let path = ArtifactPath::parse(&ticket.path).map_err(failed)?;
    Ok((ticket, path))
}

async fn ticket(state: &WandbState, text: &str, right: Right) -> Result<(Ticket, ArtifactPath), Response> {
    let signer = Signer::of(&state.store).await.map_err(|error| {
        tracing::error!(%error, "cannot check a signature");
        refusal(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer")
    })?;
    checked(signer.check(text, state.clock.now()), right)
}

/// `PUT /wandb/storage/{ticket}`
pub(super) async fn upload(
    State(state): State<WandbState>,
    Path(text): Path<String>,
    body: Body,
) -> Result<StatusCode, Response> {
    let (ticket, path) = ticket(&state, &text, Right::Put).await?;
    let mut upload = state.artifacts.upload().await.map_err(failed)?;
    let mut pieces = body.into_data_stream();
    let mut hasher = Md5::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece
            .map_err(|error| refusal(StatusCode::BAD_REQUEST, format!("The upload broke off: {error}")))?;
        hasher.update(&piece);
        upload.write(piece).await.map_err(failed)?;
    }
    if let Some(expected) = &ticket.md5 {
        let mut found = String::with_capacity(32);
        for byte in hasher.finalize() {
            let _ = write!(found, "{byte:02x}");
        }
        if found != *expected {
            let message = format!("The file's MD5 is {found}, expected was {expected}; nothing was stored.");
            return Err(refusal(StatusCode::BAD_REQUEST, message));
        }
    }
    upload.commit(&path).await.map_err(failed)?;
    Ok(StatusCode::OK)
}

/// `GET /wandb/storage/{ticket}`
pub(super) async fn download(
    State(state): State<WandbState>,
    Path(text): Path<String>,
) -> Result<Response, Response> {
    let (_, path) = ticket(&state, &text, Right::Get).await?;
    let opened = state.artifacts.open(&path).await.map_err(failed)?;
    let size = opened.size;
    let body = streaming::body(opened, 0..size).await.map_err(failed)?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, size.to_string()),
        (CONTENT_DISPOSITION, "attachment".to_owned()),
    ];
    Ok((headers, body).into_response())
}
