//! Checking a request against the model's signature before it reaches a worker.

use crate::Rows;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use thiserror::Error;

/// One input or output of a model: a column, or a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSpec {
    /// Its name.
    pub name: String,
    /// Its MLflow type: `double`, `long`, `string` ...; `tensor` for a tensor.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it must be given.
    pub required: bool,
    /// A tensor's element type in the words of NumPy: `float32`, `int64`, `object` ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// A tensor's shape, rows first; -1 for a side of any length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<i64>>,
}

impl ColumnSpec {
    /// Whether it is a tensor and not a column.
    #[must_use]
    pub fn is_tensor(&self) -> bool {
        self.kind == TENSOR
    }
}

/// The type of a tensor in [`ColumnSpec::kind`].
pub(crate) const TENSOR: &str = "tensor";

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// Columns that the model needs are not there.
    #[error("missing columns: {}; the model takes: {}", .missing.join(", "), .expected.join(", "))]
    Missing {
        /// The absent ones.
        missing: Vec<String>,
        /// All that the model takes.
        expected: Vec<String>,
    },
    /// Rows without column names do not have as many values as the model has columns.
    #[error("row {row} has {found} values, the model takes {expected}")]
    Width {
        /// The row, from 0.
        row: usize,
        /// Values in it.
        found: usize,
        /// Columns of the model.
        expected: usize,
    },
    /// A value cannot be of the column's type.
    #[error("column `{column}`, row {row}: expected {expected}, found {found}")]
    Type {
        /// The column.
        column: String,
        /// The row, from 0.
        row: usize,
        /// The type of the signature.
        expected: String,
        /// The value.
        found: String,
    },
    /// There are no rows.
    #[error("the request has no rows")]
    Empty,
}

/// Brings rows into the order of the signature. Columns that the model does not know are dropped,
/// as MLflow's schema enforcement does.
pub(crate) fn enforce(inputs: Option<&[ColumnSpec]>, rows: Rows) -> Result<Rows, SignatureError> {
    if rows.data.is_empty() {
        return Err(SignatureError::Empty);
    }
    let Some(inputs) = inputs.filter(|inputs| !inputs.is_empty()) else { return Ok(rows) };
    if let [only] = inputs
        && only.is_tensor()
    {
        return one_tensor(only, rows);
    }
    let ordered = match &rows.columns {
        Some(columns) => select(inputs, columns, &rows.data)?,
        None => positional(inputs, rows.data)?,
    };
    for (index, row) in ordered.data.iter().enumerate() {
        for (value, column) in row.iter().zip(inputs) {
            if !fits(value, &column.kind) {
                return Err(SignatureError::Type {
                    column: column.name.clone(),
                    row: index,
                    expected: column.kind.clone(),
                    found: value.to_string(),
                });
            }
        }
    }
    Ok(ordered)
}

/// What a model with one tensor takes: rows without names. Names that come with them are those of
/// its columns, or the tensor's own with a row in its only cell.
fn one_tensor(input: &ColumnSpec, rows: Rows) -> Result<Rows, SignatureError> {
    let own = rows.columns.as_deref().is_some_and(|names| matches!(names, [name] if *name == input.name));
    let unwrap = |mut row: Vec<serde_json::Value>| match (own, row.pop()) {
        (true, Some(serde_json::Value::Array(values))) => values,
        (_, last) => {
            row.extend(last);
            row
        }
    };
    let data: Vec<_> = rows.data.into_iter().map(unwrap).collect();
    if let Some([_, width]) = input.shape.as_deref()
        && let Ok(expected) = usize::try_from(*width)
        && let Some((row, found)) =
            data.iter().map(Vec::len).enumerate().find(|(_, found)| *found != expected)
    {
        return Err(SignatureError::Width { row, found, expected });
    }
    Ok(Rows { columns: None, data })
}

fn select(
    inputs: &[ColumnSpec],
    columns: &[String],
    data: &[Vec<serde_json::Value>],
) -> Result<Rows, SignatureError> {
    let mut places = HashMap::with_capacity(columns.len());
    for (place, column) in columns.iter().enumerate() {
        places.entry(column.as_str()).or_insert(place);
    }
    let positions: Vec<Option<usize>> =
        inputs.iter().map(|input| places.get(input.name.as_str()).copied()).collect();
    let missing: Vec<String> = inputs
        .iter()
        .zip(&positions)
        .filter(|(input, position)| input.required && position.is_none())
        .map(|(input, _)| input.name.clone())
        .collect();
    if !missing.is_empty() {
        let expected = inputs.iter().map(|input| input.name.clone()).collect();
        return Err(SignatureError::Missing { missing, expected });
    }
    let mut out = Vec::with_capacity(data.len());
    for (index, row) in data.iter().enumerate() {
        if row.len() != columns.len() {
            return Err(SignatureError::Width { row: index, found: row.len(), expected: columns.len() });
        }
        let value = |position: &Option<usize>| {
            position.and_then(|position| row.get(position)).cloned().unwrap_or(serde_json::Value::Null)
        };
        out.push(positions.iter().map(value).collect());
    }
    let names = inputs.iter().map(|input| input.name.clone()).collect();
    Ok(Rows { columns: Some(names), data: out })
}

fn positional(inputs: &[ColumnSpec], data: Vec<Vec<serde_json::Value>>) -> Result<Rows, SignatureError> {
    if let Some((row, found)) =
        data.iter().enumerate().map(|(row, values)| (row, values.len())).find(|(_, n)| *n != inputs.len())
    {
        return Err(SignatureError::Width { row, found, expected: inputs.len() });
    }
    let names = inputs.iter().map(|input| input.name.clone()).collect();
    Ok(Rows { columns: Some(names), data })
}

fn fits(value: &serde_json::Value, kind: &str) -> bool {
    use serde_json::Value::{Bool, Null, Number, String};
    match (kind, value) {
        // Null stands for a missing value; whether the model bears it is the model's business.
        (_, Null) | ("double" | "float", Number(_)) | ("string", String(_)) | ("boolean", Bool(_)) => true,
        ("long" | "integer", Number(number)) => {
            number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|n| n.fract() == 0.0)
        }
        ("double" | "float" | "long" | "integer" | "string" | "boolean", _) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{ColumnSpec, SignatureError, enforce};
    use crate::Rows;
    use serde_json::json;

    fn inputs() -> Vec<ColumnSpec> {
        let column = |name: &str, kind: &str| ColumnSpec {
            name: name.into(),
            kind: kind.into(),
            required: true,
            dtype: None,
            shape: None,
        };
        vec![column("carrier", "string"), column("hour", "long"), column("temp", "double")]
    }

    fn rows(columns: &[&str], row: &serde_json::Value) -> Rows {
        let columns = columns.iter().map(ToString::to_string).collect();
        Rows { columns: Some(columns), data: vec![row.as_array().unwrap().clone()] }
    }

    #[test]
    fn columns_are_put_in_order_and_unknown_ones_dropped() {
        let given = rows(&["temp", "extra", "hour", "carrier"], &json!([50.5, 1, 9, "UA"]));
        let fitted = enforce(Some(&inputs()), given).unwrap();
        assert_eq!(fitted.data, [vec![json!("UA"), json!(9), json!(50.5)]]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let missing = enforce(Some(&inputs()), rows(&["temp"], &json!([1.0])));
        assert_eq!(
            missing.unwrap_err().to_string(),
            "missing columns: carrier, hour; the model takes: carrier, hour, temp"
        );
        let wrong = enforce(Some(&inputs()), rows(&["carrier", "hour", "temp"], &json!(["UA", "nine", 1.0])));
        assert_eq!(wrong.unwrap_err().to_string(), "column `hour`, row 0: expected long, found \"nine\"");
        let nothing = enforce(Some(&inputs()), Rows { columns: None, data: Vec::new() });
        assert_eq!(nothing, Err(SignatureError::Empty));
    }

    #[test]
    fn a_tensor_takes_rows_with_and_without_names() {
        let tensor = ColumnSpec {
            name: "X".into(),
            kind: "tensor".into(),
            required: true,
            dtype: Some("float32".into()),
            shape: Some(vec![-1, 2]),
        };
        let expected = Rows { columns: None, data: vec![vec![json!(1), json!(2)]] };
        let given = [
            expected.clone(),
            rows(&["a", "b"], &json!([1, 2])),
            Rows { columns: Some(vec!["X".into()]), data: vec![vec![json!([1, 2])]] },
        ];
        for given in given {
            assert_eq!(enforce(Some(std::slice::from_ref(&tensor)), given), Ok(expected.clone()));
        }
        let wide = enforce(Some(&[tensor]), rows(&["a"], &json!([1])));
        assert_eq!(wide, Err(SignatureError::Width { row: 0, found: 1, expected: 2 }));
    }
}
