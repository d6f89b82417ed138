//! The MLflow scoring server's `/invocations` and `/ping`.

use super::InferenceState;
use super::forms::{csv_rows, mlflow_forms, without_nan};
use super::serve::{Call, answer_headers, model_meant, refusal, serve};
use super::v2::{Failure, Payload};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use mainspring_serving::Rows;
use serde_json::{Value, json};

/// `GET /ping`
pub(super) async fn ping() -> &'static str {
    "\n"
}

/// `POST /invocations`: JSON, CSV or Parquet, as the Content-Type says; JSON when it says nothing.
pub(super) async fn invocations(
    State(state): State<InferenceState>,
    payload: Result<Payload, Failure>,
) -> Response {
    match invoke(&state, payload).await {
        Ok(response) => response,
        Err(failure) => error(&failure),
    }
}

async fn invoke(state: &InferenceState, payload: Result<Payload, Failure>) -> Result<Response, Failure> {
    let payload = payload?;
    let model = model_meant(state, &payload.headers).map_err(Failure::bad)?;
    let (rows, params) = read(state, &model, &payload).await?;
    let call = Call { model: &model, version: None, request_id: None, params: &params };
    let answer = serve(state, call, &payload.headers, rows).await?;
    let headers = answer_headers(&answer.request_id, answer.version);
    Ok((headers, Json(json!({ "predictions": answer.predictions }))).into_response())
}

async fn read(state: &InferenceState, model: &str, payload: &Payload) -> Result<(Rows, Value), Failure> {
    let kind =
        payload.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let found = state.gateway.find(model, None);
    match kind.split(';').next().unwrap_or_default().trim() {
        "" | "application/json" => {
            let body = match serde_json::from_slice(&payload.body) {
                Ok(body) => body,
                // MLflow's client writes what is missing as NaN, which is not JSON.
                Err(bad) => serde_json::from_slice(&without_nan(&payload.body))
                    .map_err(|_| Failure::bad(format!("the request is not JSON: {bad}")))?,
            };
            mlflow_forms(body)
        }
        "text/csv" => {
            let inputs = found.as_ref().ok().and_then(|found| found.server.inputs());
            Ok((csv_rows(&payload.body, inputs)?, json!({})))
        }
        "application/vnd.apache.parquet" => {
            let found = found.map_err(|error| refusal(&error))?;
            let rows = found.server.read_parquet(&payload.body).await.map_err(|error| refusal(&error))?;
            Ok((rows, json!({})))
        }
        other => Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "`{other}` is not taken; send application/json, text/csv or application/vnd.apache.parquet"
            ),
        )),
    }
}

fn error(failure: &Failure) -> Response {
    let code = match failure.status {
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "BAD_REQUEST"
        }
        StatusCode::NOT_FOUND => "RESOURCE_DOES_NOT_EXIST",
        StatusCode::SERVICE_UNAVAILABLE => "TEMPORARILY_UNAVAILABLE",
        StatusCode::TOO_MANY_REQUESTS => "REQUEST_LIMIT_EXCEEDED",
        _ => "INTERNAL_ERROR",
    };
    (failure.status, Json(json!({ "error_code": code, "message": failure.message }))).into_response()
}
