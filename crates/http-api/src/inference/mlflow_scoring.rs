//! The MLflow scoring server's `/invocations` and `/ping`.

use super::InferenceState;
use super::serve::{Call, answer_headers, serve};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use mainspring_serving::Rows;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Values in one request at most.
const MAX_CELLS: usize = 4_000_000;
/// Names the model when several are deployed.
const MODEL: &str = "x-mainspring-model";

/// `GET /ping`
pub(super) async fn ping() -> &'static str {
    "\n"
}

/// `POST /invocations`
pub(super) async fn invocations(
    State(state): State<InferenceState>,
    headers: HeaderMap,
    body: Json<Value>,
) -> Response {
    let model = match model(&state, &headers) {
        Ok(model) => model,
        Err(message) => return error(StatusCode::BAD_REQUEST, &message),
    };
    let (rows, params) = match rows(body.0) {
        Ok(parsed) => parsed,
        Err(message) => return error(StatusCode::BAD_REQUEST, &message),
    };
    let call = Call { model: &model, version: None, request_id: None, params: &params };
    match serve(&state, call, &headers, rows).await {
        Ok(answer) => (
            answer_headers(&answer.request_id, answer.version),
            Json(json!({ "predictions": answer.predictions })),
        )
            .into_response(),
        Err((status, message)) => error(status, &message),
    }
}

fn error(status: StatusCode, message: &str) -> Response {
    let code = match status {
        StatusCode::BAD_REQUEST => "BAD_REQUEST",
        StatusCode::NOT_FOUND => "RESOURCE_DOES_NOT_EXIST",
        StatusCode::SERVICE_UNAVAILABLE => "TEMPORARILY_UNAVAILABLE",
        StatusCode::TOO_MANY_REQUESTS => "REQUEST_LIMIT_EXCEEDED",
        _ => "INTERNAL_ERROR",
    };
    (status, Json(json!({ "error_code": code, "message": message }))).into_response()
}

/// The model meant: the one named in the header, or the only one.
fn model(state: &InferenceState, headers: &HeaderMap) -> Result<String, String> {
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

/// Reads the input forms of MLflow's scoring protocol.
fn rows(body: Value) -> Result<(Rows, Value), String> {
    let Value::Object(mut body) = body else { return Err(expected("the body must be a JSON object")) };
    let params = body.remove("params").unwrap_or_else(|| json!({}));
    let known = ["dataframe_split", "dataframe_records", "instances", "inputs"];
    let given: Vec<&str> = known.into_iter().filter(|key| body.contains_key(*key)).collect();
    let [form] = given.as_slice() else {
        return Err(expected(&format!("{} input forms are given", given.len())));
    };
    let value = body.remove(*form).unwrap_or(Value::Null);
    let rows = match *form {
        "dataframe_split" => split(&value),
        "dataframe_records" => records(value),
        _ => instances(value),
    };
    Ok((rows?, params))
}

fn expected(problem: &str) -> String {
    format!("{problem}; send exactly one of dataframe_split, dataframe_records, instances, inputs")
}

fn split(value: &Value) -> Result<Rows, String> {
    let data =
        value.get("data").and_then(Value::as_array).ok_or("dataframe_split needs `data`, a list of rows")?;
    let data: Option<Vec<Vec<Value>>> = data.iter().map(|row| row.as_array().cloned()).collect();
    let columns = match value.get("columns") {
        None => None,
        Some(columns) => {
            let names: Option<Vec<String>> = columns
                .as_array()
                .map(|names| names.iter().filter_map(|n| n.as_str().map(str::to_owned)).collect());
            Some(names.ok_or("`columns` of dataframe_split must be a list of names")?)
        }
    };
    Ok(Rows { columns, data: data.ok_or("each row of dataframe_split must be a list")? })
}

fn records(value: Value) -> Result<Rows, String> {
    let bad = "dataframe_records must be a list of objects";
    let Value::Array(records) = value else { return Err(bad.to_owned()) };
    let records: Option<Vec<Map<String, Value>>> = records
        .into_iter()
        .map(|record| match record {
            Value::Object(fields) => Some(fields),
            _ => None,
        })
        .collect();
    let records = records.ok_or(bad)?;
    let mut columns: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    for name in records.iter().flat_map(|record| record.keys()) {
        if known.insert(name.as_str()) {
            columns.push(name.clone());
        }
    }
    // Records may each bring names of their own, so few bytes can ask for a large table.
    if columns.len().saturating_mul(records.len()) > MAX_CELLS {
        return Err(format!(
            "{} records with {} columns are more than {MAX_CELLS} values",
            records.len(),
            columns.len()
        ));
    }
    let row = |record: &Map<String, Value>| {
        columns.iter().map(|name| record.get(name).cloned().unwrap_or(Value::Null)).collect()
    };
    let data = records.iter().map(row).collect();
    Ok(Rows { columns: Some(columns), data })
}

/// Lists of rows, of records or of single values; or columns by name.
fn instances(value: Value) -> Result<Rows, String> {
    match value {
        Value::Array(items) if items.iter().all(Value::is_object) => records(Value::Array(items)),
        Value::Array(items) => {
            let row = |item| match item {
                Value::Array(values) => values,
                single => vec![single],
            };
            Ok(Rows { columns: None, data: items.into_iter().map(row).collect() })
        }
        Value::Object(columns) => {
            let height = columns.values().filter_map(Value::as_array).map(Vec::len).max().unwrap_or(0);
            let even =
                columns.values().all(|values| values.as_array().is_some_and(|list| list.len() == height));
            if !even {
                return Err("each column of `inputs` must be a list of the same length".to_owned());
            }
            let cell = |values: &Value, row: usize| values.get(row).cloned().unwrap_or(Value::Null);
            let data =
                (0..height).map(|row| columns.values().map(|values| cell(values, row)).collect()).collect();
            Ok(Rows { columns: Some(columns.keys().cloned().collect()), data })
        }
        _ => Err(expected("the input is neither a list nor an object")),
    }
}

#[cfg(test)]
mod tests {
    use super::rows;
    use serde_json::json;

    #[test]
    fn the_input_forms_give_the_same_rows() {
        let forms = [
            json!({ "dataframe_split": { "columns": ["a", "b"], "data": [[1, "x"], [2, "y"]] } }),
            json!({ "dataframe_records": [{ "a": 1, "b": "x" }, { "b": "y", "a": 2 }] }),
            json!({ "inputs": { "a": [1, 2], "b": ["x", "y"] } }),
            json!({ "instances": [{ "a": 1, "b": "x" }, { "a": 2, "b": "y" }] }),
        ];
        for form in forms {
            let (rows, _) = rows(form.clone()).unwrap();
            assert_eq!(rows.columns, Some(vec!["a".to_owned(), "b".to_owned()]), "{form}");
            assert_eq!(rows.data, [[json!(1), json!("x")], [json!(2), json!("y")]], "{form}");
        }
    }

    #[test]
    fn bad_forms_are_explained() {
        for bad in [json!([]), json!({}), json!({ "inputs": 1 }), json!({ "inputs": [1], "instances": [1] })]
        {
            assert!(rows(bad.clone()).is_err(), "{bad}");
        }
        assert!(rows(json!({ "dataframe_split": { "data": [1] } })).is_err());
        assert!(rows(json!({ "inputs": { "a": [1], "b": [1, 2] } })).is_err());
    }
}
