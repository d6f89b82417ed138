//! Labels that come later.

use super::InferenceState;
use super::serve::{BAD_ID, is_acceptable};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use mainspring_domain::Actor;
use mainspring_metadata_store::StoreError;
use serde::Deserialize;
use serde_json::json;

/// Labels in one request at most.
const MAX_LABELS: usize = 10_000;

/// One label or many.
#[derive(Deserialize)]
pub(super) struct Feedback {
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    label: Option<f64>,
    #[serde(default)]
    labels: Vec<Label>,
}

#[derive(Deserialize)]
struct Label {
    request_id: String,
    label: f64,
}

/// `POST /v2/models/{model}/feedback`: `{"request_id", "label"}` or `{"labels": [{...}, ...]}`. The
/// answer says how many found their request; the others are kept aside. A second label for the same
/// request changes nothing, so a client may safely repeat a call.
pub(super) async fn feedback(
    State(state): State<InferenceState>,
    Path(_model): Path<String>,
    Json(feedback): Json<Feedback>,
) -> Response {
    let mut labels = feedback.labels;
    match (feedback.request_id, feedback.label) {
        (Some(request_id), Some(label)) => labels.push(Label { request_id, label }),
        (None, None) => {}
        _ => return refuse("`request_id` and `label` belong together"),
    }
    if labels.is_empty() || labels.len() > MAX_LABELS {
        return refuse(&format!("give 1 to {MAX_LABELS} labels"));
    }
    if labels.iter().any(|label| !is_acceptable(&label.request_id)) {
        return refuse(BAD_ID);
    }
    if labels.iter().any(|label| !label.label.is_finite()) {
        return refuse("a label must be a finite number");
    }
    let written = state
        .store
        .write(Actor::system("feedback"), move |tx| {
            let mut matched = 0_usize;
            let total = labels.len();
            for label in labels {
                matched += usize::from(tx.add_label(&label.request_id, label.label)?);
            }
            tx.bookkeeping();
            Ok::<_, StoreError>((matched, total))
        })
        .await;
    match written {
        Ok((matched, total)) => {
            Json(json!({ "matched": matched, "unknown": total - matched })).into_response()
        }
        Err(error) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": error.to_string() }))).into_response()
        }
    }
}

fn refuse(message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": message }))).into_response()
}
