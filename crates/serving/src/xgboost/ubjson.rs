//! UBJSON (draft 12) as XGBoost writes it: objects and arrays that end with a bracket, and arrays of one type
//! with their length. Nothing is taken into memory that the file does not have bytes for.

use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use std::fmt;

/// How deep values may lie within each other.
const DEEPEST: usize = 64;

/// What is wrong with a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Reads a value.
pub(super) fn read<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Problem> {
    let mut reader = Reader { rest: bytes, depth: 0 };
    let value = T::deserialize(&mut reader)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(problem("there are bytes behind the end")) }
}

fn problem(text: impl Into<String>) -> Problem {
    Problem(text.into())
}

struct Reader<'de> {
    rest: &'de [u8],
    depth: usize,
}

/// A number of fixed size.
enum Number {
    Whole(i64),
    Single(f32),
    Double(f64),
}

impl Number {
    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self {
            Self::Whole(number) => visitor.visit_i64(number),
            Self::Single(number) => visitor.visit_f32(number),
            Self::Double(number) => visitor.visit_f64(number),
        }
    }
}

/// Bytes of a number of a type.
const fn size(marker: u8) -> Option<usize> {
    match marker {
        b'i' | b'U' | b'C' => Some(1),
        b'I' => Some(2),
        b'l' | b'd' => Some(4),
        b'L' | b'D' => Some(8),
        _ => None,
    }
}

impl<'de> Reader<'de> {
    fn peek(&self) -> Result<u8, Problem> {
        self.rest.first().copied().ok_or_else(|| problem("it ends too early"))
    }

    fn byte(&mut self) -> Result<u8, Problem> {
        let byte = self.peek()?;
        self.bytes(1)?;
        Ok(byte)
    }

    fn bytes(&mut self, count: usize) -> Result<&'de [u8], Problem> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| problem("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        self.bytes(N)?.try_into().map_err(|_| problem("it ends too early"))
    }

    fn number(&mut self, marker: u8) -> Result<Number, Problem> {
        Ok(match marker {
            b'i' => Number::Whole(i8::from_be_bytes(self.array()?).into()),
            b'U' | b'C' => Number::Whole(self.byte()?.into()),
            b'I' => Number::Whole(i16::from_be_bytes(self.array()?).into()),
            b'l' => Number::Whole(i32::from_be_bytes(self.array()?).into()),
            b'L' => Number::Whole(i64::from_be_bytes(self.array()?)),
            b'd' => Number::Single(f32::from_be_bytes(self.array()?)),
            b'D' => Number::Double(f64::from_be_bytes(self.array()?)),
            other => return Err(problem(format!("`{}` is no type of a number", other.escape_ascii()))),
        })
    }

    fn length(&mut self) -> Result<usize, Problem> {
        let marker = self.byte()?;
        match self.number(marker)? {
            Number::Whole(length) => usize::try_from(length).map_err(|_| problem("a length is negative")),
            Number::Single(_) | Number::Double(_) => Err(problem("a length is no whole number")),
        }
    }

    fn text(&mut self) -> Result<&'de str, Problem> {
        let length = self.length()?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| problem("a text is not UTF-8"))
    }

    fn list<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Problem> {
        let mut marker = None;
        if self.peek()? == b'$' {
            self.byte()?;
            marker = Some(self.byte()?);
        }
        let left = if marker.is_some() || self.peek()? == b'#' {
            if self.byte()? != b'#' {
                return Err(problem("an array of one type has no length"));
            }
            Some(self.length()?)
        } else {
            None
        };
        if let (Some(marker), Some(left)) = (marker, left) {
            // Types without content would make a long list of few bytes.
            let size = size(marker).ok_or_else(|| problem("an array of a type without a size"))?;
            if left > self.rest.len() / size {
                return Err(problem("an array is longer than the file"));
            }
        }
        visitor.visit_seq(List { reader: self, marker, left })
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let marker = self.byte()?;
        match marker {
            b'Z' => visitor.visit_unit(),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'S' => visitor.visit_borrowed_str(self.text()?),
            b'{' | b'[' => {
                self.depth += 1;
                if self.depth > DEEPEST {
                    return Err(problem("its values lie too deep within each other"));
                }
                let value = if marker == b'{' {
                    visitor.visit_map(Fields { reader: self })
                } else {
                    self.list(visitor)
                };
                self.depth -= 1;
                value
            }
            other => self.number(other)?.visit(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if self.peek()? == b'Z' {
            self.byte()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The items of an array: of one type or of any, with a length or up to a bracket.
struct List<'a, 'de> {
    reader: &'a mut Reader<'de>,
    marker: Option<u8>,
    left: Option<usize>,
}

impl<'de> SeqAccess<'de> for List<'_, 'de> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        match &mut self.left {
            Some(0) => return Ok(None),
            Some(left) => *left -= 1,
            None if self.reader.peek()? == b']' => {
                self.reader.byte()?;
                return Ok(None);
            }
            None => {}
        }
        let Some(marker) = self.marker else { return seed.deserialize(&mut *self.reader).map(Some) };
        match self.reader.number(marker)? {
            Number::Whole(number) => seed.deserialize(number.into_deserializer()),
            Number::Single(number) => seed.deserialize(number.into_deserializer()),
            Number::Double(number) => seed.deserialize(number.into_deserializer()),
        }
        .map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        self.marker.and(self.left)
    }
}

/// The fields of an object.
struct Fields<'a, 'de> {
    reader: &'a mut Reader<'de>,
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        if self.reader.peek()? == b'}' {
            self.reader.byte()?;
            return Ok(None);
        }
        let name = self.reader.text()?;
        seed.deserialize(de::value::BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        seed.deserialize(&mut *self.reader)
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use serde_json::{Value, json};

    fn value(bytes: &[u8]) -> Result<Value, String> {
        read(bytes).map_err(|problem| problem.to_string())
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let bytes = b"{L\0\0\0\0\0\0\0\x01aSL\0\0\0\0\0\0\0\x02xyU\x01b[TFZi\xff]U\x01c[$d#L\0\0\0\0\0\0\0\x02\x3f\0\0\0\xc0\0\0\0U\x01d[#U\x02l\0\0\x01\0C\x07}";
        let expected = json!({"a": "xy", "b": [true, false, null, -1], "c": [0.5, -2.0], "d": [256, 7]});
        assert_eq!(value(bytes), Ok(expected));
    }

    #[test]
    fn what_is_no_ubjson_says_why() {
        let deep = [b'['; 100];
        for (bytes, part) in [
            (&b"{U\x01a"[..], "ends too early"),
            (b"{U\x05a", "ends too early"),
            (b"[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff", "without a size"),
            (b"[$l#L\0\0\0\0\x7f\xff\xff\xff", "longer than the file"),
            (b"[$l]", "has no length"),
            (b"[#i\xff", "negative"),
            (b"SU\x01\xff", "not UTF-8"),
            (b"TT", "behind the end"),
            (b"?", "no type of a number"),
            (&deep, "too deep"),
        ] {
            let problem = value(bytes).unwrap_err();
            assert!(problem.contains(part), "{problem}");
        }
    }
}
