//! What a measurement gives and what an expression computes with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A value of the expression language.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing was measured.
    Nil,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number; may be NaN or infinite, as measurements are.
    Float(f64),
    /// Text.
    Text(String),
    /// A list, shared by its copies.
    List(Arc<[Self]>),
    /// Values by name, shared by their copies.
    Map(Arc<BTreeMap<String, Self>>),
}

impl Value {
    /// The name of the kind, as the language's messages have it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "array",
            Self::Map(_) => "map",
        }
    }

    /// The number, where it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The first number in the value: what a chart of the measurement shows.
    #[must_use]
    pub fn first_number(&self) -> Option<f64> {
        match self {
            Self::List(items) => items.first().and_then(Self::first_number),
            other => other.number(),
        }
    }

    /// How many values it consists of, texts by their length; counting ends at `limit`. Shared parts count
    /// as often as they occur.
    pub(super) fn weight(&self, limit: usize) -> usize {
        match self {
            Self::Text(text) => 1 + text.len() / 16,
            Self::List(items) => weight(items.iter(), limit),
            Self::Map(fields) => weight(fields.values(), limit),
            _ => 1,
        }
    }

    /// Whether something was measured and every number in it is finite.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Float(number) => number.is_finite(),
            Self::List(items) => !items.is_empty() && items.iter().all(Self::is_measured),
            Self::Map(fields) => !fields.is_empty() && fields.values().all(Self::is_measured),
            Self::Bool(_) | Self::Int(_) | Self::Text(_) => true,
        }
    }
}

fn weight<'a>(items: impl Iterator<Item = &'a Value>, limit: usize) -> usize {
    let mut sum = 1;
    for item in items {
        if sum >= limit {
            break;
        }
        sum += item.weight(limit - sum);
    }
    sum
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<&serde_json::Value> for Value {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Nil,
            serde_json::Value::Bool(flag) => Self::Bool(*flag),
            serde_json::Value::Number(number) => {
                number.as_i64().map_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN)), Self::Int)
            }
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (name.clone(), Self::from(value)));
                Self::Map(Arc::new(fields.collect()))
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => formatter.write_str("nil"),
            Self::Bool(flag) => write!(formatter, "{flag}"),
            Self::Int(number) => write!(formatter, "{number}"),
            Self::Float(number) => write!(formatter, "{number:.4}"),
            Self::Text(text) => write!(formatter, "{text:?}"),
            Self::List(items) => {
                formatter.write_str("[")?;
                for (position, item) in items.iter().enumerate() {
                    let comma = if position == 0 { "" } else { "," };
                    write!(formatter, "{comma}{item}")?;
                }
                formatter.write_str("]")
            }
            Self::Map(fields) => {
                formatter.write_str("{")?;
                for (position, (name, value)) in fields.iter().enumerate() {
                    let comma = if position == 0 { "" } else { "," };
                    write!(formatter, "{comma}{name}:{value}")?;
                }
                formatter.write_str("}")
            }
        }
    }
}
