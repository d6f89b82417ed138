//! Between rows and the values of ONNX Runtime.

use crate::signature::{ColumnSpec, TENSOR};
use crate::{Rows, ServeError};
use ort::session::{SessionInputValue, SessionOutputs};
use ort::value::{DynMapValueType, DynValue, Outlet, Tensor, TensorElementType, ValueType};
use serde_json::{Map, Value};

/// An input of the model.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Port {
    pub(super) name: String,
    element: TensorElementType,
    /// The sides, rows first; -1 for any length.
    sides: Vec<i64>,
}

impl Port {
    /// # Errors
    /// When the input is no tensor of a type that requests can carry.
    pub(super) fn of(outlet: &Outlet) -> Result<Self, String> {
        let name = outlet.name().to_owned();
        match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } if dtype(*ty).is_some() => {
                Ok(Self { name, element: *ty, sides: shape.to_vec() })
            }
            other => Err(format!("the input `{name}` is a {other}, which requests cannot carry")),
        }
    }

    pub(super) fn spec(&self) -> ColumnSpec {
        spec(&self.name, self.element, self.sides.clone())
    }

    /// Whether the model takes one row at a time.
    pub(super) fn takes_one_row(&self) -> bool {
        self.sides.first() == Some(&1)
    }
}

fn spec(name: &str, element: TensorElementType, mut sides: Vec<i64>) -> ColumnSpec {
    // However many rows the export was made for, requests have any number.
    if let Some(rows) = sides.first_mut() {
        *rows = -1;
    }
    ColumnSpec {
        name: name.to_owned(),
        kind: TENSOR.to_owned(),
        required: true,
        dtype: Some(dtype(element).unwrap_or("object").to_owned()),
        shape: Some(sides),
    }
}

/// What is known of an output.
pub(super) fn output_spec(outlet: &Outlet) -> ColumnSpec {
    match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => spec(outlet.name(), *ty, shape.to_vec()),
        // A ZipMap: the probabilities of the classes.
        _ => spec(outlet.name(), TensorElementType::Float32, vec![-1, -1]),
    }
}

/// An element type in the words of NumPy; none for what is not taken.
fn dtype(element: TensorElementType) -> Option<&'static str> {
    Some(match element {
        TensorElementType::Float32 => "float32",
        TensorElementType::Float64 => "float64",
        TensorElementType::Int8 => "int8",
        TensorElementType::Int16 => "int16",
        TensorElementType::Int32 => "int32",
        TensorElementType::Int64 => "int64",
        TensorElementType::Uint8 => "uint8",
        TensorElementType::Uint16 => "uint16",
        TensorElementType::Uint32 => "uint32",
        TensorElementType::Uint64 => "uint64",
        TensorElementType::Bool => "bool",
        TensorElementType::String => "object",
        _ => return None,
    })
}

/// Values of a made-up row at most.
const MOST_BLANK: i64 = 1_000_000;

/// A row of zeros and empty texts; none when it would be large.
pub(super) fn blank(ports: &[Port]) -> Option<Rows> {
    let size =
        |port: &Port| port.sides.iter().skip(1).fold(1_i64, |size, side| size.saturating_mul((*side).max(1)));
    if ports.iter().map(size).fold(0_i64, i64::saturating_add) > MOST_BLANK {
        return None;
    }
    let cell = |port: &Port| {
        let zero = match port.element {
            TensorElementType::String => Value::from(""),
            TensorElementType::Bool => Value::from(false),
            _ => Value::from(0),
        };
        let sides = port.sides.get(1..).unwrap_or_default().iter();
        sides.rev().fold(zero, |inner, side| Value::Array(vec![inner; usize::try_from(*side).unwrap_or(1)]))
    };
    Some(Rows {
        columns: Some(ports.iter().map(|port| port.name.clone()).collect()),
        data: vec![ports.iter().map(cell).collect()],
    })
}

/// The inputs of a run.
pub(super) type Inputs<'a> = Vec<(&'a str, SessionInputValue<'static>)>;

/// Rows as inputs: all columns in one tensor when the model has one input, else one column per input.
///
/// # Errors
/// Names the input and row that do not fit.
pub(super) fn inputs<'a>(ports: &'a [Port], rows: &Rows) -> Result<Inputs<'a>, ServeError> {
    if let [only] = ports {
        let cells = rows.data.iter().map(Vec::as_slice);
        return Ok(vec![(&only.name, tensor(only, cells, rows.data.len())?)]);
    }
    let mut inputs = Vec::with_capacity(ports.len());
    for (number, port) in ports.iter().enumerate() {
        let place = match &rows.columns {
            Some(columns) => columns.iter().position(|column| *column == port.name),
            None => Some(number),
        };
        let missing = || {
            let expected: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
            ServeError::Input(format!(
                "the input `{}` is missing; the model takes {}",
                port.name,
                expected.join(", ")
            ))
        };
        let place = place.ok_or_else(missing)?;
        let cells: Option<Vec<&[Value]>> =
            rows.data.iter().map(|row| row.get(place).map(std::slice::from_ref)).collect();
        let cells = cells.ok_or_else(missing)?;
        inputs.push((port.name.as_str(), tensor(port, cells.into_iter(), rows.data.len())?));
    }
    Ok(inputs)
}

fn tensor<'a>(
    port: &Port,
    cells: impl Iterator<Item = &'a [Value]>,
    rows: usize,
) -> Result<SessionInputValue<'static>, ServeError> {
    let wrong = |problem: String| ServeError::Input(format!("input `{}`: {problem}", port.name));
    let mut values: Vec<&Value> = Vec::new();
    let (mut width, mut first) = (0, None);
    for (number, cell) in cells.enumerate() {
        let before = values.len();
        cell.iter().for_each(|value| leaves(value, &mut values));
        let found = values.len() - before;
        if number == 0 {
            (width, first) = (found, Some(cell));
        } else if found != width {
            return Err(wrong(format!("row {number} has {found} values, row 0 has {width}")));
        }
    }
    let shape = shape(port, rows, width, first.unwrap_or_default()).map_err(wrong)?;
    let at = |place: usize| (place / width.max(1), values.get(place));
    let failed = |place: usize| {
        let (row, value) = at(place);
        let value = value.map_or_else(String::new, ToString::to_string);
        wrong(format!("row {row}: expected {}, found {value}", dtype(port.element).unwrap_or("a value")))
    };
    match fill(port.element, &shape, &values) {
        Ok(Some(made)) => made.map_err(|error| ServeError::Model(error.to_string())),
        Ok(None) => Err(wrong("its type cannot be carried".to_owned())),
        Err(place) => Err(failed(place)),
    }
}

fn leaves<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
        single => found.push(single),
    }
}

/// The shape of the tensor: the model's, where it leaves one side open at most, else that of the data.
fn shape(port: &Port, rows: usize, width: usize, first: &[Value]) -> Result<Vec<i64>, String> {
    let long = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
    let sides = port.sides.get(1..).unwrap_or_default();
    // A model's sides may be so large that nothing fits them.
    let fixed = sides.iter().filter(|side| **side >= 0).try_fold(1_i64, |size, side| size.checked_mul(*side));
    let fixed = fixed.unwrap_or(-1);
    let open = sides.iter().filter(|side| **side < 0).count();
    let mut shape = vec![long(rows)];
    match open {
        0 if fixed == long(width) => shape.extend(sides),
        1 if fixed > 0 && long(width) % fixed == 0 => {
            shape.extend(sides.iter().map(|side| if *side < 0 { long(width) / fixed } else { *side }));
        }
        0 | 1 => {
            return Err(format!("row 0 has {width} values, the model takes rows of the shape {sides:?}"));
        }
        _ => {
            let (mut inner, mut list) = (Vec::new(), first);
            while let Some(value) = list.first() {
                inner.push(long(list.len()));
                let Value::Array(items) = value else { break };
                list = items;
            }
            let fits = |(side, found): (&i64, &i64)| *side < 0 || side == found;
            let size = inner.iter().try_fold(1_i64, |size, side| size.checked_mul(*side));
            let even = size == Some(long(width)) && sides.iter().zip(&inner).all(fits);
            if inner.len() != sides.len() || !even {
                return Err(format!("the model takes rows of the shape {sides:?}, not {inner:?}"));
            }
            shape.extend(inner);
        }
    }
    Ok(shape)
}

type Made = ort::Result<SessionInputValue<'static>>;

/// Converts values; an error is the place of the first that does not fit.
fn fill(element: TensorElementType, shape: &[i64], values: &[&Value]) -> Result<Option<Made>, usize> {
    fn all<T>(values: &[&Value], one: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, usize> {
        values.iter().enumerate().map(|(place, value)| one(value).ok_or(place)).collect()
    }
    // Whole numbers may be written as 1.0.
    fn whole(value: &Value) -> Option<i64> {
        let exact = |real: &f64| real.fract() == 0.0 && real.abs() < 9.0e15;
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
        value.as_i64().or_else(|| value.as_f64().filter(exact).map(|real| real as i64))
    }
    fn narrow<T: TryFrom<i64>>(value: &Value) -> Option<T> {
        whole(value).and_then(|whole| T::try_from(whole).ok())
    }
    // What is missing is not a number.
    let real = |value: &Value| if value.is_null() { Some(f64::NAN) } else { value.as_f64() };
    macro_rules! made {
        ($values:expr) => {
            Tensor::from_array((shape.to_vec(), $values)).map(SessionInputValue::from)
        };
    }
    Ok(Some(match element {
        #[expect(clippy::cast_possible_truncation, reason = "the model computes in single precision")]
        TensorElementType::Float32 => made!(all(values, |value| real(value).map(|real| real as f32))?),
        TensorElementType::Float64 => made!(all(values, real)?),
        TensorElementType::Int8 => made!(all(values, narrow::<i8>)?),
        TensorElementType::Int16 => made!(all(values, narrow::<i16>)?),
        TensorElementType::Int32 => made!(all(values, narrow::<i32>)?),
        TensorElementType::Int64 => made!(all(values, whole)?),
        TensorElementType::Uint8 => made!(all(values, narrow::<u8>)?),
        TensorElementType::Uint16 => made!(all(values, narrow::<u16>)?),
        TensorElementType::Uint32 => made!(all(values, narrow::<u32>)?),
        TensorElementType::Uint64 => {
            made!(all(values, |value| value.as_u64().or_else(|| narrow::<u64>(value)))?)
        }
        TensorElementType::Bool => made!(all(values, Value::as_bool)?),
        TensorElementType::String => {
            let texts = all(values, |value| value.as_str().map(str::to_owned))?;
            Tensor::from_string_array((shape.to_vec(), texts.as_slice())).map(SessionInputValue::from)
        }
        _ => return Ok(None),
    }))
}

/// The outputs of a run as one prediction per row.
///
/// # Errors
/// When an output does not have one entry per row, or is of a type that answers cannot carry.
pub(super) fn predictions(outputs: &SessionOutputs<'_>, rows: usize) -> Result<Vec<Value>, ServeError> {
    let mut columns = Vec::with_capacity(outputs.len());
    for (name, value) in outputs {
        let column =
            column(&value).map_err(|problem| ServeError::Model(format!("its output `{name}` {problem}")))?;
        if column.len() != rows {
            let found = column.len();
            return Err(ServeError::Model(format!(
                "its output `{name}` has {found} entries for {rows} rows"
            )));
        }
        columns.push((name.to_owned(), column.into_iter()));
    }
    if let [(_, only)] = columns.as_mut_slice() {
        return Ok(only.collect());
    }
    let mut predictions = Vec::with_capacity(rows);
    for _ in 0..rows {
        let fields =
            columns.iter_mut().map(|(name, column)| (name.clone(), column.next().unwrap_or(Value::Null)));
        predictions.push(Value::Object(fields.collect()));
    }
    Ok(predictions)
}

fn column(value: &DynValue) -> Result<Vec<Value>, String> {
    let failed = |error: ort::Error| format!("cannot be read: {error}");
    match value.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            let values = elements(value, *ty).map_err(failed)?;
            let values =
                values.ok_or_else(|| format!("has elements of the type {ty}, which answers cannot carry"))?;
            let sides: Vec<usize> =
                shape.iter().map(|side| usize::try_from(*side).unwrap_or_default()).collect();
            let mut values = values.into_iter();
            let (rows, inner) = sides.split_first().map_or((1, &[][..]), |(rows, inner)| (*rows, inner));
            Ok((0..rows).map(|_| nest(&mut values, inner)).collect())
        }
        ValueType::Sequence(inner) if matches!(**inner, ValueType::Map { .. }) => {
            let maps = value.try_extract_sequence::<DynMapValueType>().map_err(failed)?;
            maps.iter().map(zip_map).collect()
        }
        other => Err(format!("is a {other}, which answers cannot carry")),
    }
}

/// The probabilities of the classes, by class in order.
fn zip_map(map: &ort::value::DynMap) -> Result<Value, String> {
    let failed = |error: ort::Error| format!("cannot be read: {error}");
    let ValueType::Map { key, .. } = map.dtype() else { return Err("is no map".to_owned()) };
    let pairs: Vec<(String, f32)> = if *key == TensorElementType::String {
        let mut pairs = map.try_extract_key_values::<String, f32>().map_err(failed)?;
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs
    } else {
        let mut pairs = map.try_extract_key_values::<i64, f32>().map_err(failed)?;
        pairs.sort_by_key(|(class, _)| *class);
        pairs.into_iter().map(|(class, probability)| (class.to_string(), probability)).collect()
    };
    let fields: Map<String, Value> =
        pairs.into_iter().map(|(class, probability)| (class, f64::from(probability).into())).collect();
    Ok(Value::Object(fields))
}

fn nest(values: &mut impl Iterator<Item = Value>, sides: &[usize]) -> Value {
    match sides {
        [] => values.next().unwrap_or(Value::Null),
        [side, rest @ ..] => Value::Array((0..*side).map(|_| nest(values, rest)).collect()),
    }
}

/// The elements in a row; what is not a number becomes null.
fn elements(value: &DynValue, element: TensorElementType) -> ort::Result<Option<Vec<Value>>> {
    macro_rules! all {
        ($kind:ty) => {
            value.try_extract_tensor::<$kind>()?.1.iter().map(|one| Value::from(*one)).collect()
        };
    }
    Ok(Some(match element {
        TensorElementType::Float32 => all!(f32),
        TensorElementType::Float64 => all!(f64),
        TensorElementType::Int8 => all!(i8),
        TensorElementType::Int16 => all!(i16),
        TensorElementType::Int32 => all!(i32),
        TensorElementType::Int64 => all!(i64),
        TensorElementType::Uint8 => all!(u8),
        TensorElementType::Uint16 => all!(u16),
        TensorElementType::Uint32 => all!(u32),
        TensorElementType::Uint64 => all!(u64),
        TensorElementType::Bool => all!(bool),
        TensorElementType::String => value.try_extract_strings()?.1.into_iter().map(Value::from).collect(),
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use super::{Port, TensorElementType, shape};
    use serde_json::json;

    #[test]
    fn rows_have_the_shape_that_the_model_leaves_open() {
        let port = |sides: &[i64]| Port {
            name: "x".into(),
            element: TensorElementType::Float32,
            sides: [&[-1], sides].concat(),
        };
        let of = |sides: &[i64], width: usize, row: serde_json::Value| {
            shape(&port(sides), 2, width, row.as_array().unwrap())
        };
        assert_eq!(of(&[2, -1], 6, json!([1, 2, 3, 4, 5, 6])), Ok(vec![2, 2, 3]));
        assert_eq!(of(&[-1, -1], 4, json!([[1, 2], [3, 4]])), Ok(vec![2, 2, 2]));
        assert_eq!(of(&[-1, 2, -1], 4, json!([[[1], [2]], [[3], [4]]])), Ok(vec![2, 2, 2, 1]));
        for (sides, width, row) in [
            (&[-1, -1][..], 3, json!([[1, 2], [3]])),
            (&[-1, -1], 2, json!([1, 2])),
            (&[-1, 3, -1], 4, json!([[[1], [2]], [[3], [4]]])),
            (&[i64::MAX, 4], 4, json!([1, 2, 3, 4])),
            (&[i64::MAX, 4, -1, -1], 1, json!([[[[1]]]])),
        ] {
            let refused = of(sides, width, row).unwrap_err();
            assert!(refused.contains("takes rows of the shape"), "{refused}");
        }
    }
}
