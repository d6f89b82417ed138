//! `POST /files/{entity}/{project}/{run}/file_stream`: lines that a run sends while it works.

use super::WandbState;
use super::storage::refusal;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use mainspring_domain::Actor;
use mainspring_metadata_store::StoreError;
use mainspring_tracking::TrackingError;
use mainspring_tracking::wandb::streams::{self, Chunk, Lines};
use mainspring_tracking::wandb::{projects, runs};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Default, Deserialize)]
struct SentLines {
    #[serde(default)]
    offset: i64,
    #[serde(default)]
    content: Vec<String>,
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    files: Option<BTreeMap<String, SentLines>>,
    #[serde(default)]
    complete: Option<bool>,
    #[serde(default)]
    exitcode: Option<i64>,
}

impl Sent {
    fn chunk(self) -> Chunk {
        let mut files = self.files.unwrap_or_default();
        let mut lines = |name: &str| {
            let sent = files.remove(name).unwrap_or_default();
            Lines { offset: sent.offset, lines: sent.content }
        };
        Chunk {
            history: lines("wandb-history.jsonl"),
            events: lines("wandb-events.jsonl"),
            console: lines("output.log"),
            summary: lines("wandb-summary.json").lines.pop(),
            exit_code: self.complete.unwrap_or(false).then(|| self.exitcode.unwrap_or(0)),
        }
    }
}

/// Takes lines; they are durable when this answers.
pub(super) async fn append(
    State(state): State<WandbState>,
    Path((entity, project, run)): Path<(String, String, String)>,
    Extension(actor): Extension<Actor>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Response> {
    let body = body.map_err(|error| refusal(StatusCode::PAYLOAD_TOO_LARGE, error))?;
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(refusal(StatusCode::BAD_REQUEST, "The request is no JSON object."));
    }
    let sent: Sent =
        serde_json::from_slice(&body).map_err(|error| refusal(StatusCode::BAD_REQUEST, error))?;
    let chunk = sent.chunk();
    let written: Result<(), TrackingError> = state
        .store
        .write(actor, move |tx| {
            let missing = || TrackingError::NoRun(run.clone());
            let experiment = projects::find(tx, &entity, &project)?.ok_or_else(missing)?;
            let info = runs::find(tx, experiment.id, &run)?.ok_or_else(missing)?;
            streams::append(tx, &info.id, chunk)
        })
        .await;
    written.map(|()| Json(json!({}))).map_err(|error| match error {
        TrackingError::NoRun(_) => refusal(StatusCode::NOT_FOUND, error),
        // Clients send again what is answered so.
        TrackingError::Store(
            StoreError::NotWritten(_) | StoreError::WritesStopped(_) | StoreError::Closed,
        ) => {
            tracing::error!(%error, "the store does not write");
            refusal(StatusCode::SERVICE_UNAVAILABLE, error)
        }
        TrackingError::Store(_) => {
            tracing::error!(%error, "the store failed");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, error)
        }
        error => refusal(StatusCode::BAD_REQUEST, error),
    })
}
