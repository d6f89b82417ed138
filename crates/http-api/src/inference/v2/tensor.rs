//! Tensors of the Open Inference Protocol, as rows for a model and from its predictions.

use super::datatype::{Datatype, text};
use super::failure::Failure;
use axum::http::StatusCode;
use mainspring_serving::{ColumnSpec, MAX_CELLS, Rows};
use serde_json::Value;
use std::collections::HashSet;

/// Tensors of one request at most.
const MAX_TENSORS: usize = 10_000;
/// Sides of a tensor at most.
const MAX_SIDES: usize = 32;

/// A tensor with its values in a row, the last side fastest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) datatype: Datatype,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<Value>,
}

/// How many values a tensor of this shape has.
///
/// # Errors
/// When they are none or too many.
pub(crate) fn volume(shape: &[usize]) -> Result<usize, String> {
    if shape.len() > MAX_SIDES {
        return Err(format!("has more than {MAX_SIDES} sides"));
    }
    match shape.iter().try_fold(1_usize, |size, side| size.checked_mul(*side)) {
        Some(0) => Err(format!("has no values: its shape is {shape:?}")),
        Some(size) if size <= MAX_CELLS => Ok(size),
        _ => Err(format!("is larger than {MAX_CELLS} values")),
    }
}

/// Reads the tensors of a request. They are bounded together while they are read: few bytes hold many
/// values.
///
/// # Errors
/// When one cannot be read, or all are too many or too large.
pub(crate) fn together(
    tensors: impl ExactSizeIterator<Item = Result<Tensor, String>>,
) -> Result<Vec<Tensor>, Failure> {
    let too_large = |problem| Failure::new(StatusCode::PAYLOAD_TOO_LARGE, problem);
    if tensors.len() > MAX_TENSORS {
        return Err(too_large(format!("{} tensors; send at most {MAX_TENSORS}", tensors.len())));
    }
    let (mut read, mut size) = (Vec::with_capacity(tensors.len()), 0_usize);
    for tensor in tensors {
        let tensor = tensor?;
        size = size.saturating_add(tensor.values.len());
        if size > MAX_CELLS {
            return Err(too_large(format!("the tensors have more than {MAX_CELLS} values together")));
        }
        read.push(tensor);
    }
    Ok(read)
}

impl Tensor {
    /// A tensor from the values of JSON data.
    ///
    /// # Errors
    /// When they do not fit shape and type.
    pub(crate) fn from_values(
        name: String,
        datatype: Datatype,
        shape: Vec<usize>,
        mut values: Vec<Value>,
    ) -> Result<Self, String> {
        let about = |problem: String| format!("tensor `{name}` {problem}");
        let size = volume(&shape).map_err(about)?;
        if values.len() != size {
            let found = values.len();
            return Err(about(format!("has {found} values, its shape {shape:?} needs {size}")));
        }
        for (number, value) in values.iter_mut().enumerate() {
            if !datatype.holds(value) {
                *value = datatype.take(value.take()).ok_or_else(|| {
                    about(format!("has a value that does not fit {}: number {number}", datatype.as_str()))
                })?;
            }
        }
        Ok(Self { name, datatype, shape, values })
    }

    /// A tensor from its bytes.
    ///
    /// # Errors
    /// When the bytes do not fit shape and type.
    pub(crate) fn from_bytes(
        name: String,
        datatype: Datatype,
        shape: Vec<usize>,
        bytes: &[u8],
    ) -> Result<Self, String> {
        let read = volume(&shape).and_then(|size| datatype.read(bytes, size));
        let values = read.map_err(|problem| format!("tensor `{name}` {problem}"))?;
        Ok(Self { name, datatype, shape, values })
    }

    fn height(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Values of one row.
    fn width(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// One value per row: a list of lists where a row has sides.
    fn into_cells(self) -> Vec<Value> {
        let (height, sides) = (self.height(), self.shape);
        let mut values = self.values.into_iter();
        (0..height).map(|_| nest(&mut values, sides.get(1..).unwrap_or_default())).collect()
    }
}

fn nest(values: &mut impl Iterator<Item = Value>, sides: &[usize]) -> Value {
    match sides {
        [] => values.next().unwrap_or(Value::Null),
        [side, rest @ ..] => Value::Array((0..*side).map(|_| nest(values, rest)).collect()),
    }
}

/// The rows that tensors stand for: one matrix for all columns, one tensor per column, or the tensors
/// that the model takes.
///
/// # Errors
/// When the tensors do not go together.
pub(crate) fn to_rows(mut tensors: Vec<Tensor>, inputs: Option<&[ColumnSpec]>) -> Result<Rows, String> {
    let Some(first) = tensors.first() else { return Err("`inputs` is empty".to_owned()) };
    let height = first.height();
    let mut names = HashSet::with_capacity(tensors.len());
    for tensor in &tensors {
        if tensor.height() != height {
            return Err(format!(
                "tensor `{}` has {} rows, the first has {height}",
                tensor.name,
                tensor.height()
            ));
        }
        if !names.insert(tensor.name.as_str()) {
            return Err(format!("tensor `{}` is given twice", tensor.name));
        }
    }
    let takes_tensors = inputs.is_some_and(|inputs| inputs.iter().any(ColumnSpec::is_tensor));
    if tensors.len() == 1
        && let Some(only) = tensors.pop_if(|only| is_matrix(only, inputs))
    {
        let keep_sides = takes_tensors || (inputs.is_none() && only.shape.len() > 2);
        return Ok(Rows { columns: None, data: matrix(only, keep_sides) });
    }
    if let Some(wide) = tensors.iter().find(|tensor| tensor.width() != 1 && !takes_tensors) {
        return Err(format!(
            "tensor `{}`: with several inputs each must have the shape [{height}] or [{height}, 1], not {:?}",
            wide.name, wide.shape
        ));
    }
    let mut columns = Vec::with_capacity(tensors.len());
    let mut cells = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        columns.push(tensor.name.clone());
        // A column is a list of values however it is written; a tensor keeps its sides.
        let column = if takes_tensors { tensor.into_cells() } else { tensor.values };
        cells.push(column.into_iter());
    }
    let data =
        (0..height).map(|_| cells.iter_mut().map(|column| column.next().unwrap_or(Value::Null)).collect());
    Ok(Rows { data: data.collect(), columns: Some(columns) })
}

/// Whether the only tensor holds all columns and not the one that has its name.
fn is_matrix(tensor: &Tensor, inputs: Option<&[ColumnSpec]>) -> bool {
    match inputs {
        Some([only]) => only.is_tensor() || only.name != tensor.name,
        Some(several) if several.iter().any(ColumnSpec::is_tensor) => false,
        _ => tensor.width() != 1,
    }
}

fn matrix(tensor: Tensor, keep_sides: bool) -> Vec<Vec<Value>> {
    let width = tensor.width();
    if keep_sides {
        let rows = tensor.into_cells().into_iter();
        return rows.map(|row| if let Value::Array(row) = row { row } else { vec![row] }).collect();
    }
    let (height, mut values) = (tensor.height(), tensor.values.into_iter());
    (0..height).map(|_| values.by_ref().take(width).collect()).collect()
}

/// The name of a model's only output when its signature gives none.
pub(crate) const PREDICTIONS: &str = "predictions";

/// Predictions as tensors: one for each key when they are objects, else one for all.
pub(crate) fn from_predictions(predictions: Vec<Value>, outputs: Option<&[ColumnSpec]>) -> Vec<Tensor> {
    let specs = outputs.unwrap_or_default();
    let spec = |name: &str| specs.iter().find(|spec| spec.name == name);
    let keys: Option<Vec<String>> = match predictions.first() {
        Some(Value::Object(first)) if specs.len() != 1 => Some(first.keys().cloned().collect()),
        _ => None,
    };
    let Some(keys) = keys else {
        let (name, spec) = match specs {
            [only] => (only.name.as_str(), Some(only)),
            _ => (PREDICTIONS, None),
        };
        return vec![output(name.to_owned(), predictions, spec)];
    };
    let mut columns: Vec<Vec<Value>> = keys.iter().map(|_| Vec::with_capacity(predictions.len())).collect();
    for prediction in predictions {
        let Value::Object(mut fields) = prediction else { continue };
        for (key, column) in keys.iter().zip(&mut columns) {
            column.push(fields.remove(key).unwrap_or(Value::Null));
        }
    }
    keys.into_iter()
        .zip(columns)
        .map(|(key, column)| {
            let spec = spec(&key);
            output(key, column, spec)
        })
        .collect()
}

fn output(name: String, rows: Vec<Value>, spec: Option<&ColumnSpec>) -> Tensor {
    let height = rows.len();
    let sides = rows.first().map(sides).unwrap_or_default();
    let even = rows.iter().all(|row| self::sides(row) == sides);
    let mut values = Vec::new();
    for row in rows {
        if even { spread(row, &mut values) } else { values.push(Value::String(row.to_string())) }
    }
    let size = sides.iter().product::<usize>() * height;
    let mut shape = vec![height];
    if even && values.len() == size {
        shape.extend(sides);
    } else if values.len() != height {
        // Lists of unlike lengths within a row: what is there, in a row.
        shape = vec![values.len()];
    }
    let datatype = spec.map(Datatype::of).filter(|known| values.iter().all(|value| known.holds(value)));
    let datatype = datatype.unwrap_or_else(|| Datatype::that_holds(&values));
    if datatype == Datatype::Bytes {
        values = values.iter().map(|value| Value::String(text(value))).collect();
    }
    Tensor { name, datatype, shape, values }
}

/// The shape of one row: of lists, or of the values of an object (the classes of a ZipMap).
fn sides(value: &Value) -> Vec<usize> {
    let mut found = Vec::new();
    let mut inner = Some(value);
    while let Some(value) = inner {
        let (length, first) = match value {
            Value::Array(items) => (items.len(), items.first()),
            Value::Object(fields) => (fields.len(), fields.values().next()),
            _ => break,
        };
        found.push(length);
        inner = first;
    }
    found
}

fn spread(value: Value, values: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.into_iter().for_each(|item| spread(item, values)),
        Value::Object(fields) => fields.into_iter().for_each(|(_, item)| spread(item, values)),
        single => values.push(single),
    }
}

#[cfg(test)]
mod tests {
    use super::super::datatype::Datatype;
    use super::super::flat::Flat;
    use super::{MAX_TENSORS, Tensor, from_predictions, to_rows, together};
    use mainspring_serving::{ColumnSpec, MAX_CELLS};
    use serde_json::{Value, json};

    fn tensor(name: &str, shape: &[usize], data: Value) -> Result<Tensor, String> {
        let values = match serde_json::from_value::<Flat>(data) {
            Ok(flat) => flat.0,
            Err(error) => panic!("{error}"),
        };
        Tensor::from_values(name.into(), Datatype::Fp64, shape.to_vec(), values)
    }

    fn spec(name: &str, kind: &str, dtype: Option<&str>) -> ColumnSpec {
        let dtype = dtype.map(str::to_owned);
        ColumnSpec { name: name.into(), kind: kind.into(), required: true, dtype, shape: None }
    }

    #[test]
    fn flat_and_nested_data_are_the_same() {
        let flat = tensor("x", &[2, 2], json!([1, 2, 3, 4])).unwrap();
        assert_eq!(tensor("x", &[2, 2], json!([[1, 2], [3, 4]])).unwrap(), flat);
        for (shape, data, message) in [
            (&[2, 2][..], json!([1, 2, 3]), "tensor `x` has 3 values, its shape [2, 2] needs 4"),
            (&[1], json!([1, 2]), "tensor `x` has 2 values, its shape [1] needs 1"),
            (&[2], json!([1, "a"]), "tensor `x` has a value that does not fit FP64: number 1"),
            (&[0, 3], json!([]), "tensor `x` has no values: its shape is [0, 3]"),
            (&[usize::MAX, 3], json!([]), "tensor `x` is larger than 4000000 values"),
        ] {
            assert_eq!(tensor("x", shape, data).unwrap_err(), message);
        }
    }

    #[test]
    fn rows_come_from_one_matrix_or_from_a_tensor_per_column() {
        let columns = [spec("a", "double", None), spec("b", "double", None)];
        let matrix = tensor("input-0", &[2, 2], json!([1, 2, 3, 4])).unwrap();
        let rows = to_rows(vec![matrix], Some(&columns)).unwrap();
        assert_eq!((rows.columns, json!(rows.data)), (None, json!([[1, 2], [3, 4]])));
        let by_column =
            vec![tensor("b", &[2, 1], json!([2, 4])).unwrap(), tensor("a", &[2], json!([1, 3])).unwrap()];
        let rows = to_rows(by_column.clone(), Some(&columns)).unwrap();
        assert_eq!(rows.columns, Some(vec!["b".into(), "a".into()]));
        assert_eq!(json!(rows.data), json!([[2, 1], [4, 3]]));
        let uneven = vec![by_column[0].clone(), tensor("a", &[1], json!([1])).unwrap()];
        assert_eq!(to_rows(uneven, None).unwrap_err(), "tensor `a` has 1 rows, the first has 2");
        let twice = vec![by_column[0].clone(), by_column[0].clone()];
        assert_eq!(to_rows(twice, None).unwrap_err(), "tensor `b` is given twice");
        let wide = vec![by_column[0].clone(), tensor("a", &[2, 2], json!([1, 2, 3, 4])).unwrap()];
        assert!(to_rows(wide, None).unwrap_err().contains("[2] or [2, 1], not [2, 2]"));
    }

    #[test]
    fn the_tensors_of_a_request_are_bounded_together() {
        let one = |name: usize| tensor(&name.to_string(), &[1], json!([1]));
        assert_eq!(together((0..MAX_TENSORS).map(one)).unwrap().len(), MAX_TENSORS);
        let many = together((0..MAX_TENSORS + 1).map(one)).unwrap_err();
        assert_eq!(many.message, "10001 tensors; send at most 10000");
        let large = |name: usize| {
            let bytes = vec![0; MAX_CELLS / 2 + 1];
            Tensor::from_bytes(name.to_string(), Datatype::Bool, vec![bytes.len()], &bytes)
        };
        let refused = together((0..8).map(large)).unwrap_err();
        assert_eq!(refused.status.as_u16(), 413);
        // Looking for a name twice must not go through all names again and again.
        let began = std::time::Instant::now();
        let named = |number: usize| tensor(&format!("{number:0>1000}"), &[1], json!([1]));
        let tensors = together((0..MAX_TENSORS).map(named)).unwrap();
        assert_eq!(to_rows(tensors, None).unwrap().data[0].len(), MAX_TENSORS);
        assert!(began.elapsed().as_secs() < 2, "{:?}", began.elapsed());
    }

    #[test]
    fn tensors_keep_their_sides() {
        let image = tensor("image", &[1, 2, 2], json!([1, 2, 3, 4])).unwrap();
        let inputs = [spec("image", "tensor", Some("float32"))];
        assert_eq!(
            json!(to_rows(vec![image.clone()], Some(&inputs)).unwrap().data),
            json!([[[1, 2], [3, 4]]])
        );
        let both = [inputs[0].clone(), spec("weight", "tensor", Some("float32"))];
        let rows = to_rows(vec![image, tensor("weight", &[1], json!([7])).unwrap()], Some(&both)).unwrap();
        assert_eq!(json!(rows.data), json!([[[[1, 2], [3, 4]], 7]]));
    }

    #[test]
    fn predictions_become_tensors() {
        let shown = |predictions: Value, outputs: Option<&[ColumnSpec]>| {
            let predictions = predictions.as_array().unwrap().clone();
            let tensors = from_predictions(predictions, outputs).into_iter();
            let shown: Vec<Value> =
                tensors.map(|t| json!([t.name, t.datatype.as_str(), t.shape, t.values])).collect();
            Value::from(shown)
        };
        assert_eq!(shown(json!([0.5, null]), None), json!([["predictions", "FP64", [2], [0.5, null]]]));
        assert_eq!(
            shown(json!([[1, 2], [3, 4]]), None),
            json!([["predictions", "INT64", [2, 2], [1, 2, 3, 4]]])
        );
        let outputs = [spec("label", "long", None), spec("probabilities", "tensor", Some("float32"))];
        assert_eq!(
            shown(json!([{ "label": 1, "probabilities": { "0": 0.25, "1": 0.75 } }]), Some(&outputs)),
            json!([["label", "INT64", [1], [1]], ["probabilities", "FP32", [1, 2], [0.25, 0.75]]])
        );
        assert_eq!(
            shown(json!([["a"], ["b", "c"]]), None),
            json!([["predictions", "BYTES", [2], ["[\"a\"]", "[\"b\",\"c\"]"]]])
        );
        // A type that does not hold what came is not claimed.
        let whole = [spec("n", "long", None)];
        assert_eq!(shown(json!([1.5]), Some(&whole)), json!([["n", "FP64", [1], [1.5]]]));
    }
}
