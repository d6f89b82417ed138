//! What all inference protocols share: identify the request, serve it, store what was served.

use super::{InferenceState, telemetry};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use mainspring_domain::Timestamp;
use mainspring_domain::ab::AbRequest;
use mainspring_domain::delivery::Arm;
use mainspring_domain::monitoring::Prediction;
use mainspring_serving::{Assigned, Caller, MAX_ROWS, ModelServer, Rows, ServeError};
use opentelemetry::trace::{FutureExt as _, Span as _};
use serde_json::Value;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

/// The request's id: taken from the client, or made here; the answer carries it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What keeps a client on one side of a canary.
const KEY: HeaderName = HeaderName::from_static("x-mainspring-key");
/// When the thing predicted takes place, RFC 3339.
const EVENT_TIME: HeaderName = HeaderName::from_static("x-mainspring-event-time");

/// A request, whatever protocol brought it.
pub(super) struct Call<'a> {
    pub(super) model: &'a str,
    /// The version that the client names; none for the one that the route gives it.
    pub(super) version: Option<u32>,
    /// The id that the client gives in the body.
    pub(super) request_id: Option<String>,
    /// Parameters for the model.
    pub(super) params: &'a Value,
}

/// An answered request.
pub(super) struct Answer {
    pub(super) request_id: String,
    pub(super) version: u32,
    /// The workers that answered, which know what they give.
    pub(super) server: Arc<ModelServer>,
    pub(super) predictions: Vec<Value>,
}

/// Headers that tell a client what answered.
pub(super) fn answer_headers(request_id: &str, version: u32) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert("x-mainspring-model-version", HeaderValue::from(version));
    headers
}

/// A request that has no answer: status and text.
pub(super) type Refusal = (StatusCode, String);

/// Serves rows. Unless the model's log is set to less, the record of what was served is durable before
/// this returns, so that a label that names the request id finds it, whatever happens to the server.
pub(super) async fn serve(
    state: &InferenceState,
    call: Call<'_>,
    headers: &HeaderMap,
    rows: Rows,
) -> Result<Answer, Refusal> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let request_id = call.request_id.or_else(|| text(&REQUEST_ID).map(str::to_owned));
    let request_id = match request_id.filter(|id| !id.is_empty()) {
        Some(id) if is_acceptable(&id) => id,
        Some(_) => return Err((StatusCode::BAD_REQUEST, BAD_ID.to_owned())),
        None => uuid::Uuid::now_v7().to_string(),
    };
    let event_time = match text(&EVENT_TIME) {
        None => None,
        Some(time) => Some(Timestamp::parse(time).ok_or_else(|| {
            (StatusCode::BAD_REQUEST, format!("`{time}` in {EVENT_TIME} is not an RFC 3339 time"))
        })?),
    };
    let watched = state.gateway.watched_headers(call.model);
    let headers = watched.into_iter().filter_map(|name| {
        let value = headers.get(name.as_str())?.to_str().ok()?.to_owned();
        Some((name, value))
    });
    let caller = Caller { key: text(&KEY).map(str::to_owned), headers: headers.collect() };
    let work = predict_and_record(
        state.clone(),
        (call.model.to_owned(), call.version),
        request_id,
        caller,
        event_time,
        rows,
        call.params.clone(),
    );
    let mut work = Box::pin(work.with_current_context());
    // What is done at once needs no task.
    if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
        return answer;
    }
    // A task of its own: a client that gives up must not keep a slow model out of the record.
    tokio::spawn(work)
        .await
        .unwrap_or_else(|error| Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string())))
}

async fn predict_and_record(
    state: InferenceState,
    (model, version): (String, Option<u32>),
    request_id: String,
    caller: Caller,
    event_time: Option<Timestamp>,
    rows: Rows,
    params: Value,
) -> Result<Answer, Refusal> {
    let gateway = &state.gateway;
    let mut span = state.telemetry.begin("predict");
    let served = match version {
        None => gateway.predict(&model, &request_id, &caller, event_time, rows, &params).await,
        Some(version) => {
            gateway.predict_version(&model, version, &request_id, event_time, rows, &params).await
        }
    };
    if let Some(span) = &mut span {
        match &served {
            Ok(served) => telemetry::describe(span, &request_id, served),
            Err(error) => telemetry::fail(span, error),
        }
        span.end();
    }
    let served = served.map_err(|error| refusal(&error))?;
    match &served.outcome {
        // The client's mistake says nothing of the model.
        Err(error @ ServeError::Input(_)) => return Err(refusal(error)),
        // What is turned away is counted; writing each of its rows would make too much work more. A rollout
        // and a test keep it: a version on trial must not look better for what it did not take.
        Err(error @ ServeError::Overloaded)
            if served.assigned.is_none() && served.predictions.iter().all(|row| row.arm == Arm::Stable) =>
        {
            return Err(refusal(error));
        }
        _ => {}
    }
    let predictions = served.predictions;
    let requests = served.assigned.map(|assigned| counted(&assigned, &predictions)).unwrap_or_default();
    let _span = state.telemetry.begin("log");
    state
        .log
        .keep(&model, predictions, requests)
        .await
        .map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    match served.outcome {
        Ok(predictions) => {
            Ok(Answer { request_id, version: served.version, server: served.server, predictions })
        }
        Err(error) => Err(refusal(&error)),
    }
}

/// The rows of a request as those of a unit in an A/B test.
fn counted(assigned: &Assigned, rows: &[Prediction]) -> Vec<AbRequest> {
    let request = |row: &Prediction| AbRequest {
        request: row.id.clone(),
        test: assigned.test.clone(),
        phase: assigned.phase,
        unit: assigned.unit.clone(),
        arm: assigned.arm,
        time: row.time,
    };
    rows.iter().map(request).collect()
}

/// What a refused id is answered with.
pub(super) const BAD_ID: &str = "a request id has 1 to 128 bytes and no control characters";

pub(super) fn is_acceptable(id: &str) -> bool {
    (1..=128).contains(&id.len()) && !id.chars().any(char::is_control)
}

/// Digits of a row's number at most.
const ROW_DIGITS: usize = MAX_ROWS.ilog10() as usize + 1;

/// Whether this is the id of a request, or of a later row of one: `ID.1`, `ID.2` ...
pub(super) fn is_row_id(id: &str) -> bool {
    let later = |(base, row): (&str, &str)| {
        (1..=ROW_DIGITS).contains(&row.len())
            && row.bytes().all(|digit| digit.is_ascii_digit())
            && is_acceptable(base)
    };
    is_acceptable(id) || id.rsplit_once('.').is_some_and(later)
}

/// Names the model when several are deployed.
const MODEL: &str = "x-mainspring-model";

/// The model meant where a path names none: that of the header, or the only one.
///
/// # Errors
/// When there is a choice.
pub(super) fn model_meant(state: &InferenceState, headers: &HeaderMap) -> Result<String, String> {
    if let Some(name) = headers.get(MODEL) {
        return name.to_str().map(str::to_owned).map_err(|_| format!("{MODEL} is not readable text"));
    }
    let deployed = state.gateway.views();
    match deployed.as_slice() {
        [only] => Ok(only.model.clone()),
        [] => match state.config.model.keys().next() {
            Some(name) => Ok(name.clone()),
            None => Err("no model is deployed".to_owned()),
        },
        several => {
            let names: Vec<&str> = several.iter().map(|view| view.model.as_str()).collect();
            Err(format!("several models are deployed ({}); name one in the header {MODEL}", names.join(", ")))
        }
    }
}

/// The status of each failure. What the client did wrong is 400; what may go away is 503.
pub(super) fn refusal(error: &ServeError) -> Refusal {
    let status = match error {
        ServeError::NotDeployed(_) | ServeError::NotLoaded { .. } => StatusCode::NOT_FOUND,
        ServeError::Signature(_) | ServeError::Input(_) => StatusCode::BAD_REQUEST,
        ServeError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        ServeError::Model(_) => StatusCode::INTERNAL_SERVER_ERROR,
        ServeError::WorkerDied | ServeError::NotReady => StatusCode::SERVICE_UNAVAILABLE,
        ServeError::Overloaded => StatusCode::TOO_MANY_REQUESTS,
        ServeError::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
    };
    (status, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::{is_acceptable, is_row_id};

    #[test]
    fn a_later_row_of_a_long_id_has_an_id_too() {
        let long = "x".repeat(128);
        for id in [long.clone(), format!("{long}.1"), format!("{long}.99999"), "a.b".into()] {
            assert!(is_row_id(&id), "{id}");
        }
        for id in [
            format!("{long}x"),
            format!("{long}.x"),
            format!("{long}."),
            format!("{long}.1234567"),
            String::new(),
        ] {
            assert!(!is_row_id(&id), "{id}");
        }
        assert!(!is_acceptable(&format!("{long}.1")));
    }
}
