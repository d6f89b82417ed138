//! One column of a table.

use std::borrow::Cow;

use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use serde_json::{Number, Value};

use crate::infer::Kind;
use crate::table::Table;

/// One column of a [`Table`].
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    table: &'a Table,
    index: usize,
}

impl<'a> Column<'a> {
    pub(crate) fn new(table: &'a Table, index: usize) -> Self {
        Self { table, index }
    }

    /// The name in the header.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.table.described(self.index).0
    }

    /// The kind of the values.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.table.described(self.index).1
    }

    /// Number of null values.
    #[must_use]
    pub fn null_count(&self) -> usize {
        self.arrays().map(Array::null_count).sum()
    }

    /// Every value as a number: booleans as 0 and 1, nulls and text as `None`.
    pub fn numbers(&self) -> impl Iterator<Item = Option<f64>> + use<'a> {
        self.arrays().flat_map(|array| (0..array.len()).map(move |row| number(array, row)))
    }

    /// Every value as text, numbers in their shortest form, nulls as `None`.
    pub fn texts(&self) -> impl Iterator<Item = Option<Cow<'a, str>>> + use<'a> {
        self.arrays().flat_map(|array| (0..array.len()).map(move |row| text(array, row)))
    }

    /// The value in `row` as a JSON scalar; null beyond the end, `"NaN"`, `"inf"` and `"-inf"` for
    /// the numbers that JSON does not have.
    #[must_use]
    pub fn value(&self, row: usize) -> Value {
        let Some((batch, row)) = self.table.locate(row) else {
            return Value::Null;
        };
        let array = batch.column(self.index);
        if array.is_null(row) {
            return Value::Null;
        }
        match self.kind() {
            Kind::Integer => cast::<Int64Array>(array).map_or(Value::Null, |array| array.value(row).into()),
            Kind::Boolean => cast::<BooleanArray>(array).map_or(Value::Null, |array| array.value(row).into()),
            Kind::Text => cast::<StringArray>(array).map_or(Value::Null, |array| array.value(row).into()),
            Kind::Number => cast::<Float64Array>(array).map_or(Value::Null, |array| {
                let number = array.value(row);
                Number::from_f64(number).map_or_else(|| Value::from(number.to_string()), Value::Number)
            }),
        }
    }

    fn arrays(&self) -> impl Iterator<Item = &'a ArrayRef> + use<'a> {
        let (table, index) = (self.table, self.index);
        table.batches().iter().map(move |batch| batch.column(index))
    }
}

fn cast<T: 'static>(array: &ArrayRef) -> Option<&T> {
    array.as_any().downcast_ref::<T>()
}

fn number(array: &ArrayRef, row: usize) -> Option<f64> {
    if array.is_null(row) {
        None
    } else if let Some(array) = cast::<Float64Array>(array) {
        Some(array.value(row))
    } else if let Some(array) = cast::<Int64Array>(array) {
        Some(array.value(row) as f64)
    } else {
        cast::<BooleanArray>(array).map(|array| f64::from(u8::from(array.value(row))))
    }
}

fn text(array: &ArrayRef, row: usize) -> Option<Cow<'_, str>> {
    if array.is_null(row) {
        None
    } else if let Some(array) = cast::<StringArray>(array) {
        Some(Cow::Borrowed(array.value(row)))
    } else if let Some(array) = cast::<Int64Array>(array) {
        Some(Cow::Owned(array.value(row).to_string()))
    } else if let Some(array) = cast::<Float64Array>(array) {
        Some(Cow::Owned(array.value(row).to_string()))
    } else {
        cast::<BooleanArray>(array).map(|array| Cow::Owned(array.value(row).to_string()))
    }
}
