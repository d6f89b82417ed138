//! Checking a request against the model's signature before it reaches a worker.

use crate::Rows;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One input column of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSpec {
    /// Its name.
    pub name: String,
    /// Its MLflow type: `double`, `long`, `string` ...
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it must be given.
    pub required: bool,
}

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

fn select(
    inputs: &[ColumnSpec],
    columns: &[String],
    data: &[Vec<serde_json::Value>],
) -> Result<Rows, SignatureError> {
    let positions: Vec<Option<usize>> =
        inputs.iter().map(|input| columns.iter().position(|column| *column == input.name)).collect();
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
        let column =
            |name: &str, kind: &str| ColumnSpec { name: name.into(), kind: kind.into(), required: true };
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
}
