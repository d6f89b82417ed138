//! The Open Inference Protocol, version 2, over REST with JSON tensors.

use super::InferenceState;
use super::serve::serve;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use mainspring_serving::Rows;
use serde::Deserialize;
use serde_json::{Value, json};

/// Values in one request at most.
const MAX_VALUES: usize = 4_000_000;

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    parameters: Option<Value>,
    inputs: Vec<Tensor>,
}

#[derive(Deserialize)]
struct Tensor {
    name: String,
    shape: Vec<usize>,
    datatype: String,
    data: Value,
}

fn error(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(json!({ "error": message.into() }))).into_response()
}

/// `GET /v2`
pub(super) async fn server() -> Json<Value> {
    Json(json!({ "name": "mainspring", "version": env!("CARGO_PKG_VERSION"), "extensions": [] }))
}

/// `GET /v2/health/live`
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// `GET /v2/health/ready`: ready when every deployed model is.
pub(super) async fn ready(State(state): State<InferenceState>) -> Response {
    let ready = state.gateway.views().iter().all(|view| view.ready);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready }))).into_response()
}

/// `GET /v2/models/{model}/ready`
pub(super) async fn model_ready(State(state): State<InferenceState>, Path(model): Path<String>) -> Response {
    match state.gateway.stable(&model) {
        Some(version) if version.server.is_ready() => {
            Json(json!({ "name": model, "ready": true })).into_response()
        }
        Some(_) => error(StatusCode::SERVICE_UNAVAILABLE, format!("model `{model}` is not ready")),
        None => error(StatusCode::NOT_FOUND, format!("model `{model}` is not deployed")),
    }
}

/// `GET /v2/models/{model}`
pub(super) async fn metadata(State(state): State<InferenceState>, Path(model): Path<String>) -> Response {
    let Some(stable) = state.gateway.stable(&model) else {
        return error(StatusCode::NOT_FOUND, format!("model `{model}` is not deployed"));
    };
    let inputs: Vec<Value> = stable
        .server
        .inputs()
        .unwrap_or_default()
        .iter()
        .map(|column| json!({ "name": column.name, "datatype": datatype(&column.kind), "shape": [-1, 1] }))
        .collect();
    Json(json!({
        "name": model,
        "versions": [stable.version.to_string()],
        "platform": "mlflow_pyfunc",
        "inputs": inputs,
        "outputs": [{ "name": "predictions", "datatype": "FP64", "shape": [-1] }],
    }))
    .into_response()
}

fn datatype(kind: &str) -> &'static str {
    match kind {
        "double" => "FP64",
        "float" => "FP32",
        "long" => "INT64",
        "integer" => "INT32",
        "boolean" => "BOOL",
        _ => "BYTES",
    }
}

/// `POST /v2/models/{model}/infer`
pub(super) async fn infer(
    State(state): State<InferenceState>,
    Path(model): Path<String>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Response {
    if headers.contains_key("inference-header-content-length") {
        return error(StatusCode::BAD_REQUEST, "binary tensors are not supported yet; send JSON tensors");
    }
    // The body is read whatever its Content-Type says: clients of this protocol differ in it.
    let request: Request = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(bad) => return error(StatusCode::BAD_REQUEST, format!("the request cannot be read: {bad}")),
    };
    let rows = match rows(&request.inputs) {
        Ok(rows) => rows,
        Err(message) => return error(StatusCode::BAD_REQUEST, message),
    };
    let params = request.parameters.unwrap_or_else(|| json!({}));
    match serve(&state, &model, request.id, &headers, rows, &params).await {
        Ok(answer) => {
            let headers = answer.headers();
            let body = json!({
                "model_name": model,
                "model_version": answer.version.to_string(),
                "id": answer.request_id,
                "outputs": [output(&answer.predictions)],
            });
            (headers, Json(body)).into_response()
        }
        Err((status, message)) => error(status, message),
    }
}

/// One tensor per column, or one matrix for all.
fn rows(inputs: &[Tensor]) -> Result<Rows, String> {
    let mut columns: Vec<(String, Vec<Value>)> = Vec::new();
    let mut matrix: Option<Vec<Vec<Value>>> = None;
    for tensor in inputs {
        let values = values(tensor)?;
        let height = tensor.shape.first().copied().unwrap_or(1);
        let width = values.len() / height.max(1);
        if tensor.shape.contains(&0) {
            return Err(format!("tensor `{}` has no values: its shape is {:?}", tensor.name, tensor.shape));
        }
        if width == 1 {
            columns.push((tensor.name.clone(), values));
        } else if inputs.len() == 1 && height > 0 {
            matrix = Some(values.chunks(width).map(<[Value]>::to_vec).collect());
        } else {
            return Err(format!(
                "tensor `{}`: with several inputs each must have the shape [n] or [n, 1]",
                tensor.name
            ));
        }
    }
    if let Some(data) = matrix {
        return Ok(Rows { columns: None, data });
    }
    let Some(height) = columns.first().map(|(_, values)| values.len()) else {
        return Err("`inputs` is empty".to_owned());
    };
    if let Some((name, values)) = columns.iter().find(|(_, values)| values.len() != height) {
        return Err(format!("tensor `{name}` has {} rows, the first has {height}", values.len()));
    }
    let data =
        (0..height).map(|row| columns.iter().map(|(_, values)| values[row].clone()).collect()).collect();
    Ok(Rows { columns: Some(columns.into_iter().map(|(name, _)| name).collect()), data })
}

/// A tensor's values, flat, checked against shape and type.
fn values(tensor: &Tensor) -> Result<Vec<Value>, String> {
    let known = [
        "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP32", "FP64",
        "BYTES",
    ];
    if !known.contains(&tensor.datatype.as_str()) {
        let (name, found) = (&tensor.name, &tensor.datatype);
        return Err(format!("tensor `{name}`: unknown datatype `{found}`; known are {}", known.join(", ")));
    }
    let size = tensor.shape.iter().try_fold(1_usize, |size, side| size.checked_mul(*side));
    let size = size
        .filter(|size| *size <= MAX_VALUES)
        .ok_or_else(|| format!("tensor `{}` is larger than {MAX_VALUES} values", tensor.name))?;
    let mut flat = Vec::with_capacity(size);
    flatten(&tensor.data, &mut flat);
    if flat.len() != size {
        return Err(format!(
            "tensor `{}` has {} values, its shape {:?} needs {size}",
            tensor.name,
            flat.len(),
            tensor.shape
        ));
    }
    Ok(flat)
}

fn flatten(value: &Value, flat: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, flat)),
        single => flat.push(single.clone()),
    }
}

/// The predictions as one tensor.
fn output(predictions: &[Value]) -> Value {
    let mut flat = Vec::new();
    for prediction in predictions {
        flatten(prediction, &mut flat);
    }
    let width = flat.len() / predictions.len().max(1);
    let shape = if width == 1 { json!([predictions.len()]) } else { json!([predictions.len(), width]) };
    let datatype = if flat.iter().all(Value::is_i64) {
        "INT64"
    } else if flat.iter().all(|value| value.is_number() || value.is_null()) {
        "FP64"
    } else {
        "BYTES"
    };
    json!({ "name": "predictions", "datatype": datatype, "shape": shape, "data": flat })
}
