//! Tensor data of a JSON request, nested or not, read into one row: half the memory of a tree of lists, and
//! no more values than a tensor may have.

use mainspring_serving::MAX_CELLS;
use serde::de::{DeserializeSeed, Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};
use std::fmt;

/// The values in their order.
#[derive(Debug, PartialEq)]
pub(super) struct Flat(pub(super) Vec<Value>);

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut values = Vec::new();
        Leaves(&mut values).deserialize(deserializer)?;
        Ok(Self(values))
    }
}

struct Leaves<'a>(&'a mut Vec<Value>);

impl Leaves<'_> {
    fn push<E: Error>(self, value: Value) -> Result<(), E> {
        if self.0.len() >= MAX_CELLS {
            return Err(E::custom(format!("a tensor has more than {MAX_CELLS} values")));
        }
        self.0.push(value);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Leaves<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Leaves<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("lists of numbers, texts, true, false or null")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.push(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.push(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.push(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.push(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.push(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.push(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Leaves(self.0))?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Flat;
    use serde_json::json;

    #[test]
    fn lists_are_unrolled_and_nothing_else_is_taken() {
        let read = |text: &str| serde_json::from_str::<Flat>(text);
        let flat = read(r#"[[1, -2], [[0.5, "a"]], true, null]"#).unwrap();
        assert_eq!(json!(flat.0), json!([1, -2, 0.5, "a", true, null]));
        assert!(read(r#"[{"b64": "x"}]"#).unwrap_err().to_string().contains("expected lists of numbers"));
        let many = format!("[{}0]", "0,".repeat(super::MAX_CELLS));
        assert!(read(&many).unwrap_err().to_string().contains("more than 4000000 values"));
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
