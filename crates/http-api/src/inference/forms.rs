//! Input forms of several protocols, as rows.

use super::v2::Failure;
use axum::http::StatusCode;
use mainspring_serving::{ColumnSpec, MAX_CELLS, Rows};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Reads the input forms of MLflow's scoring protocol: the rows, and parameters for the model.
///
/// # Errors
/// Says what is expected.
pub(super) fn mlflow_forms(body: Value) -> Result<(Rows, Value), Failure> {
    let Value::Object(mut body) = body else { return Err(expected("the body must be a JSON object").into()) };
    let params = match body.remove("params") {
        None | Some(Value::Null) => json!({}),
        Some(params @ Value::Object(_)) => params,
        Some(_) => return Err(Failure::bad("`params` must be an object")),
    };
    let known = ["dataframe_split", "dataframe_records", "instances", "inputs"];
    let given: Vec<&str> = known.into_iter().filter(|key| body.contains_key(*key)).collect();
    let [form] = given.as_slice() else {
        return Err(expected(&format!("{} input forms are given", given.len())).into());
    };
    let value = body.remove(*form).unwrap_or(Value::Null);
    let rows = match *form {
        "dataframe_split" => split(&value)?,
        "dataframe_records" => records(value)?,
        _ => instances(value)?,
    };
    Ok((rows, params))
}

fn too_large(problem: String) -> Failure {
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, problem)
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
            let names: Option<Vec<String>> =
                columns.as_array().and_then(|names| names.iter().map(column_name).collect());
            Some(names.ok_or("`columns` of dataframe_split must be a list of names, texts or numbers")?)
        }
    };
    Ok(Rows { columns, data: data.ok_or("each row of dataframe_split must be a list")? })
}

/// A column's name. Tables without names have numbers for it, which a signature knows as texts.
fn column_name(name: &Value) -> Option<String> {
    match name {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn records(value: Value) -> Result<Rows, Failure> {
    let bad = || Failure::bad("dataframe_records must be a list of objects");
    let Value::Array(records) = value else { return Err(bad()) };
    let records: Option<Vec<Map<String, Value>>> = records
        .into_iter()
        .map(|record| match record {
            Value::Object(fields) => Some(fields),
            _ => None,
        })
        .collect();
    let records = records.ok_or_else(bad)?;
    let mut columns: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    for name in records.iter().flat_map(|record| record.keys()) {
        if known.insert(name.as_str()) {
            columns.push(name.clone());
        }
    }
    // Records may each bring names of their own, so few bytes can ask for a large table.
    if columns.len().saturating_mul(records.len()) > MAX_CELLS {
        return Err(too_large(format!(
            "{} records with {} columns are more than {MAX_CELLS} values",
            records.len(),
            columns.len()
        )));
    }
    let row = |record: &Map<String, Value>| {
        columns.iter().map(|name| record.get(name).cloned().unwrap_or(Value::Null)).collect()
    };
    let data = records.iter().map(row).collect();
    Ok(Rows { columns: Some(columns), data })
}

/// Lists of rows, of records or of single values; or columns by name.
///
/// # Errors
/// Says what is expected.
pub(super) fn instances(value: Value) -> Result<Rows, Failure> {
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
                return Err(Failure::bad("each column of `inputs` must be a list of the same length"));
            }
            let cell = |values: &Value, row: usize| values.get(row).cloned().unwrap_or(Value::Null);
            let data =
                (0..height).map(|row| columns.values().map(|values| cell(values, row)).collect()).collect();
            Ok(Rows { columns: Some(columns.keys().cloned().collect()), data })
        }
        _ => Err(expected("the input is neither a list nor an object").into()),
    }
}

/// The rows of a CSV file with a header. A column that the model knows is read in its type, others as
/// numbers where they are; an empty field is missing.
///
/// # Errors
/// Names the line.
pub(super) fn csv_rows(text: &[u8], inputs: Option<&[ColumnSpec]>) -> Result<Rows, Failure> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text);
    let about = |error: csv::Error| format!("the CSV cannot be read: {error}");
    let columns: Vec<String> = reader.headers().map_err(about)?.iter().map(str::to_owned).collect();
    let kind = |name: &String| inputs.unwrap_or_default().iter().find(|input| input.name == *name);
    let texts: Vec<bool> = columns
        .iter()
        .map(|name| {
            kind(name).is_some_and(|input| matches!(input.kind.as_str(), "string" | "binary" | "datetime"))
        })
        .collect();
    let mut data = Vec::new();
    for record in reader.records() {
        let record = record.map_err(about)?;
        if columns.len().saturating_mul(data.len() + 1) > MAX_CELLS {
            return Err(too_large(format!("the CSV has more than {MAX_CELLS} values")));
        }
        data.push(record.iter().zip(&texts).map(|(field, text)| cell(field, *text)).collect());
    }
    Ok(Rows { columns: Some(columns), data })
}

fn cell(field: &str, text: bool) -> Value {
    if field.is_empty() {
        return Value::Null;
    }
    if text {
        return field.into();
    }
    let plain = field.trim();
    match plain.to_ascii_lowercase().as_str() {
        "true" => return true.into(),
        "false" => return false.into(),
        "nan" => return Value::Null,
        _ => {}
    }
    if let Ok(whole) = plain.parse::<i64>() {
        return whole.into();
    }
    plain.parse::<f64>().ok().filter(|real| real.is_finite()).map_or_else(|| field.into(), Value::from)
}

/// Puts null for `NaN` outside of texts.
pub(super) fn without_nan(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() + 8);
    let (mut rest, mut in_text) = (json, false);
    while let Some((&byte, after)) = rest.split_first() {
        if !in_text && let Some(after) = rest.strip_prefix(b"NaN") {
            out.extend(b"null");
            rest = after;
            continue;
        }
        out.push(byte);
        rest = after;
        match byte {
            b'"' => in_text = !in_text,
            b'\\' if in_text => {
                if let Some((&escaped, after)) = rest.split_first() {
                    out.push(escaped);
                    rest = after;
                }
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{csv_rows, mlflow_forms, without_nan};
    use mainspring_serving::ColumnSpec;
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
            let (rows, _) = mlflow_forms(form.clone()).unwrap();
            assert_eq!(rows.columns, Some(vec!["a".to_owned(), "b".to_owned()]), "{form}");
            assert_eq!(rows.data, [[json!(1), json!("x")], [json!(2), json!("y")]], "{form}");
        }
    }

    #[test]
    fn columns_may_be_numbers() {
        let form = json!({ "dataframe_split": { "columns": [0, "b", 2.5], "data": [[1, 2, 3]] } });
        let (rows, _) = mlflow_forms(form).unwrap();
        assert_eq!(rows.columns.unwrap(), ["0", "b", "2.5"]);
        let form = json!({ "dataframe_split": { "columns": ["a", null], "data": [[1, 2]] } });
        assert!(mlflow_forms(form).unwrap_err().message.contains("names, texts or numbers"));
    }

    #[test]
    fn records_with_names_of_their_own_are_no_way_to_a_large_table() {
        let records: Vec<_> = (0..2001).map(|name| json!({ name.to_string(): 1 })).collect();
        let refused = mlflow_forms(json!({ "dataframe_records": records })).unwrap_err();
        assert_eq!(refused.status.as_u16(), 413, "{}", refused.message);
    }

    #[test]
    fn bad_forms_are_explained() {
        for bad in [json!([]), json!({}), json!({ "inputs": 1 }), json!({ "inputs": [1], "instances": [1] })]
        {
            assert!(mlflow_forms(bad.clone()).is_err(), "{bad}");
        }
        assert!(mlflow_forms(json!({ "dataframe_split": { "data": [1] } })).is_err());
        assert!(mlflow_forms(json!({ "inputs": { "a": [1], "b": [1, 2] } })).is_err());
    }

    #[test]
    fn csv_is_read_in_the_types_of_the_model() {
        let zip = ColumnSpec {
            name: "zip".into(),
            kind: "string".into(),
            required: true,
            dtype: None,
            shape: None,
        };
        let rows = csv_rows(b"zip,x,ok,s\n01234,1,true,a\n,2.5,,\"b,c\"\n", Some(&[zip])).unwrap();
        assert_eq!(rows.columns.unwrap(), ["zip", "x", "ok", "s"]);
        assert_eq!(json!(rows.data), json!([["01234", 1, true, "a"], [null, 2.5, null, "b,c"]]));
        let short = csv_rows(b"a,b\n1\n", None).unwrap_err().message;
        assert!(short.contains("line: 2"), "{short}");
        assert!(csv_rows(b"a\n\xff\n", None).is_err());
    }

    #[test]
    fn nan_becomes_null_outside_of_texts() {
        let text = br#"{"inputs": [NaN, "NaN \" NaN", "\\", NaN]}"#;
        assert_eq!(without_nan(text), br#"{"inputs": [null, "NaN \" NaN", "\\", null]}"#);
    }
}
