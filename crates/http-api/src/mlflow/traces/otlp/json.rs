//! The JSON form of OTLP: ids in hexadecimal, large numbers perhaps as texts, names of enumerations
//! perhaps as numbers.

use super::messages::{self, List, Map, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A number, perhaps as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Numeric<T> {
    Number(T),
    Text(String),
}

impl<T: std::str::FromStr> Numeric<T> {
    fn value<E: serde::de::Error>(self) -> Result<T, E> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Text(text) => {
                text.trim().parse().map_err(|_| E::custom(format!("`{text}` is not such a number")))
            }
        }
    }
}

pub(super) fn unsigned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Numeric::deserialize(deserializer)?.value()
}

pub(super) fn hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(Vec::new()) };
    let byte = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    bytes.filter(|_| text.len().is_multiple_of(2)).ok_or_else(|| D::Error::custom("an id is not hexadecimal"))
}

/// A member of an enumeration, by number or name.
fn member<'de, D: Deserializer<'de>>(deserializer: D, names: &[&str]) -> Result<i32, D::Error> {
    match Numeric::<i32>::deserialize(deserializer)? {
        Numeric::Number(number) => Ok(number),
        Numeric::Text(text) => {
            let place = names.iter().position(|name| *name == text);
            place
                .and_then(|place| i32::try_from(place).ok())
                .ok_or_else(|| D::Error::custom(format!("`{text}` is not known here")))
        }
    }
}

pub(super) fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    member(
        deserializer,
        &[
            "SPAN_KIND_UNSPECIFIED",
            "SPAN_KIND_INTERNAL",
            "SPAN_KIND_SERVER",
            "SPAN_KIND_CLIENT",
            "SPAN_KIND_PRODUCER",
            "SPAN_KIND_CONSUMER",
        ],
    )
}

pub(super) fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    member(deserializer, &["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"])
}

/// A value with its kind as the name of a member.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnyValue {
    string_value: Option<String>,
    bool_value: Option<bool>,
    int_value: Option<Numeric<i64>>,
    double_value: Option<Numeric<f64>>,
    array_value: Option<List>,
    kvlist_value: Option<Map>,
    bytes_value: Option<String>,
}

impl From<AnyValue> for messages::AnyValue {
    fn from(json: AnyValue) -> Self {
        let whole = |number: Numeric<i64>| number.value::<serde::de::value::Error>().ok().map(Value::Int);
        let double = |number: Numeric<f64>| number.value::<serde::de::value::Error>().ok().map(Value::Double);
        let value = None
            .or_else(|| json.string_value.map(Value::Text))
            .or_else(|| json.bool_value.map(Value::Bool))
            .or_else(|| json.int_value.and_then(whole))
            .or_else(|| json.double_value.and_then(double))
            .or_else(|| json.array_value.map(Value::List))
            .or_else(|| json.kvlist_value.map(Value::Map))
            .or_else(|| json.bytes_value.and_then(|text| STANDARD.decode(text).ok()).map(Value::Bytes));
        Self { value }
    }
}
