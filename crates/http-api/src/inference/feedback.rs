//! Labels and rewards that come later.

use super::InferenceState;
use super::serve::{BAD_ID, is_row_id};
use super::v2::{Failure, Payload, Target};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mainspring_domain::Actor;
use mainspring_domain::delivery::PREVIEW;
use mainspring_metadata_store::StoreError;
use serde::Deserialize;
use serde_json::{Value, json};

/// Labels in one request at most.
const MAX_LABELS: usize = 10_000;
/// Unknown ids that an answer names at most.
const MAX_NAMED: usize = 100;

/// One label or many.
#[derive(Deserialize)]
struct Feedback {
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default, alias = "reward")]
    label: Option<Value>,
    #[serde(default)]
    labels: Vec<Label>,
}

/// What became known of a request: a number, or true and false.
#[derive(Deserialize)]
pub(super) struct Label {
    pub(super) request_id: String,
    #[serde(alias = "reward")]
    pub(super) label: Value,
}

/// `POST /v2/models/{model}/feedback`: `{"request_id", "label"}` or `{"labels": [{...}, ...]}`. The
/// answer says how many found their request, and names the others, which are kept aside. A second label
/// for the same request changes nothing, so a client may safely repeat a call.
pub(super) async fn feedback(
    State(state): State<InferenceState>,
    target: Target,
    payload: Payload,
) -> Result<Json<Value>, Failure> {
    let feedback: Feedback = serde_json::from_value(payload.json()?)
        .map_err(|bad| Failure::bad(format!("the feedback cannot be read: {bad}")))?;
    let mut labels = feedback.labels;
    match (feedback.request_id, feedback.label) {
        (Some(request_id), Some(label)) => labels.push(Label { request_id, label }),
        (None, None) => {}
        _ => return Err(Failure::bad("`request_id` and `label` belong together")),
    }
    let (matched, unknown) = attach(&state, target.model, labels).await?;
    let named: Vec<&String> = unknown.iter().take(MAX_NAMED).collect();
    Ok(Json(json!({ "matched": matched, "unknown": unknown.len(), "unknown_ids": named })))
}

/// Attaches labels to the requests of a model. Gives how many found theirs, and the ids of the others.
pub(super) async fn attach(
    state: &InferenceState,
    model: String,
    labels: Vec<Label>,
) -> Result<(usize, Vec<String>), Failure> {
    if labels.is_empty() || labels.len() > MAX_LABELS {
        return Err(Failure::bad(format!("give 1 to {MAX_LABELS} labels")));
    }
    let mut numbers = Vec::with_capacity(labels.len());
    for Label { request_id, label } in labels {
        if !is_row_id(&request_id) {
            return Err(Failure::bad(BAD_ID));
        }
        let number = label.as_f64().or_else(|| label.as_bool().map(f64::from));
        let number = number.filter(|number| number.is_finite());
        let number = number.ok_or_else(|| {
            Failure::bad(format!(
                "a label must be a finite number, or true or false; that of `{request_id}` is {label}"
            ))
        })?;
        numbers.push((request_id, number));
    }
    // What the preview answers is kept under the model.
    let model = model.strip_suffix(PREVIEW).map(str::to_owned).unwrap_or(model);
    // A label may come sooner than a buffered prediction is written.
    state.log.flush().await;
    let written = state.store.write(Actor::system("feedback"), move |tx| {
        let (mut matched, mut unknown) = (0_usize, Vec::new());
        for (request_id, label) in numbers {
            // The caller may speak for this model only.
            let foreign = tx.prediction(&request_id)?.is_some_and(|found| found.model != model);
            if !foreign && tx.add_label(&request_id, label)? {
                matched += 1;
            } else {
                unknown.push(request_id);
            }
        }
        tx.bookkeeping();
        Ok::<_, StoreError>((matched, unknown))
    });
    written.await.map_err(|error| Failure::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))
}
