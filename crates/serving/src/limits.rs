//! How much one request may bring. Each row is predicted and kept with its columns' names, so the names
//! count as often as there are rows.

use crate::signature::ColumnSpec;
use crate::{Rows, ServeError};
use serde_json::Value;

/// Rows of a request at most.
pub const MAX_ROWS: usize = 100_000;
/// Values of a request at most, those within lists and objects included.
pub const MAX_CELLS: usize = 4_000_000;
/// Bytes of column names times rows at most.
const MAX_NAMES: usize = 256 << 20;
/// Bytes of an error that are kept with each row.
const KEPT_ERROR: usize = 500;

/// Checks the rows of a request, before anything is made of them.
///
/// # Errors
/// Says what is too much.
pub(crate) fn check(rows: &Rows) -> Result<(), ServeError> {
    let height = rows.data.len();
    if height > MAX_ROWS {
        return Err(ServeError::TooLarge(format!("{height} rows; send at most {MAX_ROWS}")));
    }
    let cells = rows.data.iter().flatten().try_fold(0, |cells: usize, value| {
        let cells = cells.saturating_add(leaves(value));
        (cells <= MAX_CELLS).then_some(cells)
    });
    cells.ok_or_else(too_many)?;
    let names: usize = rows.columns.iter().flatten().map(String::len).sum();
    if names.saturating_mul(height) > MAX_NAMES {
        return Err(ServeError::TooLarge(format!(
            "{height} rows with {names} bytes of column names, more than {MAX_NAMES} together"
        )));
    }
    Ok(())
}

/// Checks rows for a model with these inputs: columns that are not given are filled in.
///
/// # Errors
/// When that makes too many values.
pub(crate) fn check_filled(rows: &Rows, inputs: Option<&[ColumnSpec]>) -> Result<(), ServeError> {
    let width = inputs.map_or(0, <[ColumnSpec]>::len);
    if rows.data.len().saturating_mul(width) > MAX_CELLS { Err(too_many()) } else { Ok(()) }
}

fn too_many() -> ServeError {
    ServeError::TooLarge(format!("more than {MAX_CELLS} values; send fewer rows"))
}

/// The single values in a value.
pub(crate) fn leaves(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(leaves).sum::<usize>().max(1),
        Value::Object(fields) => fields.values().map(leaves).sum::<usize>().max(1),
        _ => 1,
    }
}

/// Why a row has no prediction, as it is kept with the row: an error may quote all that was sent.
#[must_use]
pub fn kept_error(error: &ServeError) -> String {
    let mut text = error.to_string();
    if text.len() > KEPT_ERROR {
        text.truncate(text.floor_char_boundary(KEPT_ERROR));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{MAX_CELLS, MAX_ROWS, check, check_filled, kept_error};
    use crate::signature::ColumnSpec;
    use crate::{Rows, ServeError};
    use serde_json::{Value, json};

    #[test]
    fn rows_values_and_names_are_bounded_together() {
        let rows = |height: usize, row: Vec<Value>| Rows { columns: None, data: vec![row; height] };
        assert_eq!(check(&rows(MAX_ROWS, vec![json!(1)])), Ok(()));
        let many = check(&rows(MAX_ROWS + 1, vec![json!(1)])).unwrap_err();
        assert_eq!(many.to_string(), "the request is too large: 100001 rows; send at most 100000");
        let nested = vec![Value::Array(vec![json!([0, 1]); MAX_CELLS / 20 + 1])];
        assert!(matches!(check(&rows(10, nested)), Err(ServeError::TooLarge(_))));
        let column =
            ColumnSpec { name: "x".into(), kind: "double".into(), required: false, dtype: None, shape: None };
        let inputs = vec![column; 1000];
        assert_eq!(check_filled(&rows(4000, vec![json!(1)]), Some(&inputs)), Ok(()));
        assert!(check_filled(&rows(4001, vec![json!(1)]), Some(&inputs)).is_err());
        let named = Rows { columns: Some(vec!["n".repeat(1 << 20)]), data: vec![vec![json!(1)]; 257] };
        assert!(check(&named).is_err(), "each row has the names");
    }

    #[test]
    fn long_errors_are_cut_between_characters() {
        let kept = kept_error(&ServeError::Model("é".repeat(1000)));
        assert!(kept.len() < 510 && kept.starts_with("the model failed: éé") && kept.ends_with("é…"));
        assert_eq!(kept_error(&ServeError::NotReady), ServeError::NotReady.to_string());
    }
}
