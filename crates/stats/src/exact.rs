//! Floating-point numbers in documents, to the last bit.
//!
//! JSON has no NaN or infinity, and not every reader restores the last bit of a number. What a decision
//! is replayed from is therefore written as text: the shortest decimal that reads back as the same
//! bits, or `NaN`, `inf`, `-inf`. Numbers are read too.
//!
//! Use with `#[serde(with = "exact")]` on an `f64`, and `exact::many` on a `Vec<f64>`.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number that is written exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exact(pub f64);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Exact;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number, or a number as text")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Exact, E> {
                text.parse().map(Exact).map_err(|_| E::custom(format!("`{text}` is not a number")))
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Exact, E> {
                Ok(Exact(value))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Exact, E> {
                Ok(Exact(value as f64))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Exact, E> {
                Ok(Exact(value as f64))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// Writes one number.
///
/// # Errors
///
/// What the serializer answers.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    Exact(*value).serialize(serializer)
}

/// Reads one number.
///
/// # Errors
///
/// If there is none.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Exact::deserialize(deserializer).map(|value| value.0)
}

/// For `Option<f64>`.
pub mod maybe {
    use super::{Deserialize as _, Deserializer, Exact, Serialize as _, Serializer};

    /// Writes a number or nothing.
    ///
    /// # Errors
    ///
    /// What the serializer answers.
    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(Exact).serialize(serializer)
    }

    /// Reads a number or nothing.
    ///
    /// # Errors
    ///
    /// If something else is there.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Ok(Option::<Exact>::deserialize(deserializer)?.map(|value| value.0))
    }
}

/// For `Vec<f64>`.
pub mod many {
    use super::{Deserialize as _, Deserializer, Exact, Serializer};

    /// Writes numbers.
    ///
    /// # Errors
    ///
    /// What the serializer answers.
    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|value| Exact(*value)))
    }

    /// Reads numbers.
    ///
    /// # Errors
    ///
    /// If something else is among them.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        Ok(Vec::<Exact>::deserialize(deserializer)?.into_iter().map(|value| value.0).collect())
    }
}
