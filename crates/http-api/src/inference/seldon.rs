//! The protocol of Seldon Core's first version: predictions and their feedback.

use super::InferenceState;
use super::feedback::{Label, attach};
use super::forms::instances;
use super::serve::{Call, answer_headers, model_meant, serve};
use super::v2::{Failure, Payload};
use axum::Json;
use axum::extract::{RawPathParams, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use mainspring_serving::Rows;
use serde_json::{Map, Value, json};

/// The name of a model without one, as in Seldon's own answers.
const DEFAULT: &str = "t:0";

/// A refusal in Seldon's form.
pub(super) struct Refused(Failure);

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Failure { status, message } = self.0;
        let reason =
            if status.is_client_error() { "MICROSERVICE_BAD_DATA" } else { "MICROSERVICE_INTERNAL_ERROR" };
        let body = json!({ "status": {
            "code": status.as_u16(), "info": message, "reason": reason, "status": "FAILURE" } });
        (status, Json(body)).into_response()
    }
}

/// The deployment in the path, or what the headers say.
fn model(state: &InferenceState, params: &RawPathParams, headers: &HeaderMap) -> Result<String, Failure> {
    let named = params.iter().find(|(name, _)| *name == "model").map(|(_, model)| model.to_owned());
    named.map_or_else(|| model_meant(state, headers).map_err(Failure::bad), Ok)
}

/// `POST /api/v1.0/predictions`, `POST /seldon/{namespace}/{model}/api/v1.0/predictions`
pub(super) async fn predictions(
    State(state): State<InferenceState>,
    params: RawPathParams,
    payload: Result<Payload, Failure>,
) -> Result<Response, Refused> {
    let payload = payload?;
    let model = model(&state, &params, &payload.headers)?;
    let body = payload.json()?;
    let (rows, form) = rows(&body)?;
    let request_id = body["meta"]["puid"].as_str().map(str::to_owned);
    let call = Call { model: &model, version: None, request_id, params: &json!({}) };
    let answer = serve(&state, call, &payload.headers, rows).await.map_err(Failure::from)?;
    let (names, data) = table(answer.predictions);
    let data = match form {
        Form::Tensor => json!({ "names": names, "tensor": tensor(&data) }),
        Form::Lists => json!({ "names": names, "ndarray": data }),
    };
    let body = json!({ "data": data, "meta": {
        "puid": answer.request_id, "requestPath": { &model: answer.version.to_string() } } });
    Ok((answer_headers(&answer.request_id, answer.version), Json(body)).into_response())
}

/// How the data came, and so how it goes back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Lists,
    Tensor,
}

fn rows(body: &Value) -> Result<(Rows, Form), Failure> {
    if let Some(data) = body.get("jsonData") {
        return Ok((instances(data.clone())?, Form::Lists));
    }
    let data = body.get("data").and_then(Value::as_object);
    let data = data.ok_or_else(|| Failure::bad("the body must be an object with `data` or `jsonData`"))?;
    let (mut rows, form) = match (data.get("ndarray"), data.get("tensor")) {
        (Some(lists @ Value::Array(_)), None) => (instances(lists.clone())?, Form::Lists),
        (None, Some(tensor)) => (of_tensor(tensor)?, Form::Tensor),
        _ => {
            return Err(Failure::bad(
                "`data` must have `ndarray`, a list of rows, or `tensor`, with shape and values",
            ));
        }
    };
    if let Some(names) = data.get("names").and_then(Value::as_array).filter(|names| !names.is_empty()) {
        let names: Option<Vec<String>> = names.iter().map(|name| name.as_str().map(str::to_owned)).collect();
        let names = names.ok_or_else(|| Failure::bad("`names` must be a list of texts"))?;
        // Names that no column goes by are those which clients make up: `t:0`, `t:1` ...
        if !names.iter().all(|name| name.starts_with("t:")) {
            rows.columns = Some(names);
        }
    }
    Ok((rows, form))
}

fn of_tensor(tensor: &Value) -> Result<Rows, String> {
    let shape: Option<Vec<usize>> = tensor["shape"].as_array().and_then(|sides| {
        sides.iter().map(|side| side.as_u64().and_then(|side| usize::try_from(side).ok())).collect()
    });
    let shape = shape.ok_or("`tensor` needs `shape`, a list of whole numbers")?;
    let values = tensor["values"].as_array().ok_or("`tensor` needs `values`, a list of numbers")?;
    let (height, width) = match shape.as_slice() {
        [height] => (*height, 1),
        [height, width] => (*height, *width),
        _ => return Err("`tensor` must have one or two sides".to_owned()),
    };
    if height.checked_mul(width) != Some(values.len()) || values.is_empty() {
        return Err(format!("`tensor` has {} values, its shape is {shape:?}", values.len()));
    }
    Ok(Rows { columns: None, data: values.chunks(width).map(<[Value]>::to_vec).collect() })
}

/// Predictions as rows, with names where they have some.
fn table(predictions: Vec<Value>) -> (Vec<String>, Vec<Value>) {
    let names = match predictions.first() {
        Some(Value::Object(fields)) => fields.keys().cloned().collect(),
        Some(Value::Array(values)) => (0..values.len()).map(|number| format!("t:{number}")).collect(),
        _ => vec![DEFAULT.to_owned()],
    };
    let row = |prediction| match prediction {
        Value::Object(fields) => Value::Array(Map::into_iter(fields).map(|(_, value)| value).collect()),
        other => other,
    };
    (names, predictions.into_iter().map(row).collect())
}

fn tensor(data: &[Value]) -> Value {
    let mut values = Vec::new();
    for row in data {
        match row {
            Value::Array(row) => values.extend(row.iter().cloned()),
            single => values.push(single.clone()),
        }
    }
    let width = values.len() / data.len().max(1);
    let shape = if width == 1 { vec![data.len()] } else { vec![data.len(), width] };
    json!({ "shape": shape, "values": values })
}

/// `POST /api/v1.0/feedback`, `POST /seldon/{namespace}/{model}/api/v1.0/feedback`: the truth of the
/// prediction whose `puid` is in the response, or the reward when there is no truth.
pub(super) async fn feedback(
    State(state): State<InferenceState>,
    params: RawPathParams,
    payload: Result<Payload, Failure>,
) -> Result<Response, Refused> {
    let payload = payload?;
    let model = model(&state, &params, &payload.headers)?;
    let body = payload.json()?;
    let puid = ["response", "request"].iter().find_map(|part| body[part]["meta"]["puid"].as_str());
    let puid = puid.ok_or_else(|| Failure::bad("`response.meta.puid` must be the id of the prediction"))?;
    let truth = match body.get("truth").filter(|truth| !truth.is_null()) {
        None => None,
        Some(truth) => Some(rows(truth)?.0.data),
    };
    let labels: Option<Vec<Label>> = match truth {
        Some(rows) => {
            let label = |(index, row): (usize, Vec<Value>)| {
                let request_id = if index == 0 { puid.to_owned() } else { format!("{puid}.{index}") };
                Some(Label { request_id, label: row.last()?.clone() })
            };
            rows.into_iter().enumerate().map(label).collect()
        }
        None => body
            .get("reward")
            .map(|reward| vec![Label { request_id: puid.to_owned(), label: reward.clone() }]),
    };
    let labels = labels.ok_or_else(|| Failure::bad("give `truth` or `reward`"))?;
    let (matched, unknown) = attach(&state, model, labels).await?;
    if matched == 0 {
        let message = format!("no prediction has the id {}; the label is kept aside", unknown.join(", "));
        return Err(Failure::new(StatusCode::NOT_FOUND, message).into());
    }
    Ok(Json(json!({ "data": { "ndarray": [] }, "meta": { "puid": puid } })).into_response())
}
