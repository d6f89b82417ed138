//! What kind of values a column of text holds.

use arrow_schema::DataType;

/// The kinds of columns a CSV file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers that fit 64 bits.
    Integer,
    /// Numbers; `NaN` and `inf` are values, not nulls.
    Number,
    /// `true` / `false` in any case.
    Boolean,
    /// Anything else.
    Text,
}

impl Kind {
    /// The word for this kind in messages and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Text => "text",
        }
    }

    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Text => DataType::Utf8,
        }
    }

    /// The narrowest kind that also holds a field of kind `other`.
    pub(crate) fn join(self, other: Self) -> Self {
        match (self, other) {
            (left, right) if left == right => left,
            (Self::Integer, Self::Number) | (Self::Number, Self::Integer) => Self::Number,
            _ => Self::Text,
        }
    }

    /// The kind of one field; `None` for a field that is null in a column of any kind but text.
    pub(crate) fn of(field: &str) -> Option<Self> {
        if is_null(field) {
            None
        } else if field.parse::<i64>().is_ok() {
            Some(Self::Integer)
        } else if field.parse::<f64>().is_ok() {
            Some(Self::Number)
        } else if boolean(field).is_some() {
            Some(Self::Boolean)
        } else {
            Some(Self::Text)
        }
    }
}

/// Empty fields are null in every column. `NA`, as R writes it, is null in columns that are otherwise
/// not text; in a text column it stays text.
pub(crate) fn is_null(field: &str) -> bool {
    field.is_empty() || field == "NA"
}

pub(crate) fn boolean(field: &str) -> Option<bool> {
    if field.eq_ignore_ascii_case("true") {
        Some(true)
    } else if field.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}
