//! The element types of the Open Inference Protocol, as JSON values and as bytes.

use half::{bf16, f16};
use mainspring_serving::ColumnSpec;
use serde_json::{Number, Value};

/// Bytes of a text's length in front of it.
const PREFIX: usize = 4;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Datatype {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp16,
    Bf16,
    Fp32,
    Fp64,
    Bytes,
}

const NAMES: [(Datatype, &str); 14] = [
    (Datatype::Bool, "BOOL"),
    (Datatype::Uint8, "UINT8"),
    (Datatype::Uint16, "UINT16"),
    (Datatype::Uint32, "UINT32"),
    (Datatype::Uint64, "UINT64"),
    (Datatype::Int8, "INT8"),
    (Datatype::Int16, "INT16"),
    (Datatype::Int32, "INT32"),
    (Datatype::Int64, "INT64"),
    (Datatype::Fp16, "FP16"),
    (Datatype::Bf16, "BF16"),
    (Datatype::Fp32, "FP32"),
    (Datatype::Fp64, "FP64"),
    (Datatype::Bytes, "BYTES"),
];

impl Datatype {
    /// Reads a name.
    ///
    /// # Errors
    /// Lists the names that there are.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(_, name)| *name == text).map(|(datatype, _)| *datatype);
        found.ok_or_else(|| {
            let known: Vec<&str> = NAMES.iter().map(|(_, name)| *name).collect();
            format!("unknown datatype `{text}`; known are {}", known.join(", "))
        })
    }

    pub(crate) fn as_str(self) -> &'static str {
        NAMES.iter().find(|(datatype, _)| *datatype == self).map_or("", |(_, name)| name)
    }

    /// The type of a model's input or output.
    pub(crate) fn of(spec: &ColumnSpec) -> Self {
        match spec.dtype.as_deref().unwrap_or(&spec.kind) {
            "double" | "float64" => Self::Fp64,
            "float" | "float32" => Self::Fp32,
            "float16" => Self::Fp16,
            "bfloat16" => Self::Bf16,
            "long" | "int64" => Self::Int64,
            "integer" | "int32" => Self::Int32,
            "int16" => Self::Int16,
            "int8" => Self::Int8,
            "uint64" => Self::Uint64,
            "uint32" => Self::Uint32,
            "uint16" => Self::Uint16,
            "uint8" => Self::Uint8,
            "boolean" | "bool" => Self::Bool,
            _ => Self::Bytes,
        }
    }

    /// The narrowest of the common types that holds all values.
    pub(crate) fn that_holds(values: &[Value]) -> Self {
        if values.iter().all(Value::is_boolean) {
            Self::Bool
        } else if values.iter().all(Value::is_i64) {
            Self::Int64
        } else if values.iter().all(Value::is_u64) {
            Self::Uint64
        } else if values.iter().all(|value| value.is_number() || value.is_null()) {
            Self::Fp64
        } else {
            Self::Bytes
        }
    }

    /// Bytes of one element; none for texts.
    pub(crate) fn size(self) -> Option<usize> {
        Some(match self {
            Self::Bool | Self::Uint8 | Self::Int8 => 1,
            Self::Uint16 | Self::Int16 | Self::Fp16 | Self::Bf16 => 2,
            Self::Uint32 | Self::Int32 | Self::Fp32 => 4,
            Self::Uint64 | Self::Int64 | Self::Fp64 => 8,
            Self::Bytes => return None,
        })
    }

    pub(crate) fn is_real(self) -> bool {
        matches!(self, Self::Fp16 | Self::Bf16 | Self::Fp32 | Self::Fp64)
    }

    /// Whether a value can be of this type without a change. Null stands for what is not a number.
    pub(crate) fn holds(self, value: &Value) -> bool {
        let unsigned = |most: u64| value.as_u64().is_some_and(|number| number <= most);
        let signed = |range: std::ops::RangeInclusive<i64>| {
            value.as_i64().is_some_and(|number| range.contains(&number))
        };
        match self {
            Self::Bool => value.is_boolean(),
            Self::Uint8 => unsigned(u8::MAX.into()),
            Self::Uint16 => unsigned(u16::MAX.into()),
            Self::Uint32 => unsigned(u32::MAX.into()),
            Self::Uint64 => unsigned(u64::MAX),
            Self::Int8 => signed(i8::MIN.into()..=i8::MAX.into()),
            Self::Int16 => signed(i16::MIN.into()..=i16::MAX.into()),
            Self::Int32 => signed(i32::MIN.into()..=i32::MAX.into()),
            Self::Int64 => signed(i64::MIN..=i64::MAX),
            Self::Fp16 | Self::Bf16 | Self::Fp32 | Self::Fp64 => value.is_number() || value.is_null(),
            Self::Bytes => value.is_string(),
        }
    }

    /// A value of a JSON request, as it goes to the model: whole numbers may be written as `1.0`, truth
    /// as 0 and 1.
    pub(crate) fn take(self, value: Value) -> Option<Value> {
        if self.holds(&value) {
            return Some(value);
        }
        let number = value.as_f64()?;
        let whole = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
        let taken = match self {
            Self::Bool if number == 0.0 || number == 1.0 => Value::Bool(number == 1.0),
            _ if self.is_real() || self == Self::Bytes || !whole => return None,
            #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within 2^53")]
            _ => Value::from(number as i64),
        };
        self.holds(&taken).then_some(taken)
    }

    /// Reads `count` elements from bytes, little-endian.
    ///
    /// # Errors
    /// When the bytes are too few or too many, a text is not UTF-8, or a number is infinite.
    pub(crate) fn read(self, bytes: &[u8], count: usize) -> Result<Vec<Value>, String> {
        let Some(size) = self.size() else { return read_texts(bytes, count) };
        if Some(bytes.len()) != count.checked_mul(size) {
            return Err(format!(
                "has {} bytes, {count} elements of {} need {}",
                bytes.len(),
                self.as_str(),
                count.saturating_mul(size)
            ));
        }
        bytes.chunks_exact(size).map(|element| self.element(element)).collect()
    }

    fn element(self, bytes: &[u8]) -> Result<Value, String> {
        let mut wide = [0_u8; 8];
        for (to, from) in wide.iter_mut().zip(bytes) {
            *to = *from;
        }
        let raw = u64::from_le_bytes(wide);
        let [a, b, c, d, ..] = wide;
        Ok(match self {
            Self::Bool => Value::Bool(raw != 0),
            Self::Uint8 | Self::Uint16 | Self::Uint32 | Self::Uint64 => Value::from(raw),
            Self::Int8 => Value::from(i8::from_le_bytes([a])),
            Self::Int16 => Value::from(i16::from_le_bytes([a, b])),
            Self::Int32 => Value::from(i32::from_le_bytes([a, b, c, d])),
            Self::Int64 => Value::from(i64::from_le_bytes(wide)),
            Self::Fp16 => real(f16::from_le_bytes([a, b]).into())?,
            Self::Bf16 => real(bf16::from_le_bytes([a, b]).into())?,
            Self::Fp32 => real(f32::from_le_bytes([a, b, c, d]).into())?,
            Self::Fp64 => real(f64::from_le_bytes(wide))?,
            Self::Bytes => Value::Null,
        })
    }

    /// Appends values as bytes, little-endian. A value that is not of the type is written as zero; the
    /// caller has chosen a type that holds all.
    pub(crate) fn write(self, values: &[Value], out: &mut Vec<u8>) {
        for value in values {
            let real = || value.as_f64().unwrap_or(f64::NAN);
            match self {
                Self::Bytes => {
                    let text = text(value);
                    out.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
                    out.extend(text.as_bytes());
                }
                Self::Bool => out.push(u8::from(value.as_bool().unwrap_or_default())),
                #[expect(clippy::cast_possible_truncation, reason = "the protocol's type is narrower")]
                Self::Fp32 => out.extend((real() as f32).to_le_bytes()),
                Self::Fp64 => out.extend(real().to_le_bytes()),
                Self::Fp16 => out.extend(f16::from_f64(real()).to_le_bytes()),
                Self::Bf16 => out.extend(bf16::from_f64(real()).to_le_bytes()),
                _ => {
                    let unsigned = value.as_u64().map(u64::to_le_bytes);
                    let wide = unsigned.or_else(|| value.as_i64().map(i64::to_le_bytes)).unwrap_or_default();
                    out.extend(wide.iter().take(self.size().unwrap_or_default()));
                }
            }
        }
    }
}

/// A value as a text of a BYTES tensor.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Not a number becomes null, by which models know what is missing.
pub(crate) fn real(number: f64) -> Result<Value, String> {
    if number.is_infinite() {
        return Err("has an infinite number".to_owned());
    }
    Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
}

fn read_texts(bytes: &[u8], count: usize) -> Result<Vec<Value>, String> {
    let mut values = Vec::with_capacity(count.min(bytes.len() / PREFIX));
    let mut rest = bytes;
    for _ in 0..count {
        let short = || format!("has {} texts, its shape needs {count}", values.len());
        let (length, after) = rest.split_first_chunk::<PREFIX>().ok_or_else(short)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (text, after) = after.split_at_checked(length).ok_or_else(short)?;
        values.push(utf8(text)?);
        rest = after;
    }
    if rest.is_empty() {
        Ok(values)
    } else {
        Err(format!("has {} bytes more than its {count} texts", rest.len()))
    }
}

/// Bytes of a BYTES tensor as the text that models take.
pub(crate) fn utf8(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes);
    text.map(Value::from).map_err(|_| "has bytes that are not UTF-8 text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Datatype, NAMES};
    use serde_json::{Value, json};

    #[test]
    fn what_is_written_is_read() {
        let cases = [
            (Datatype::Bool, json!([true, false])),
            (Datatype::Uint8, json!([0, 255])),
            (Datatype::Uint16, json!([0, 65535])),
            (Datatype::Uint32, json!([0, u32::MAX])),
            (Datatype::Uint64, json!([0, u64::MAX])),
            (Datatype::Int8, json!([-128, 127])),
            (Datatype::Int16, json!([-32768, 32767])),
            (Datatype::Int32, json!([i32::MIN, i32::MAX])),
            (Datatype::Int64, json!([i64::MIN, i64::MAX])),
            (Datatype::Fp16, json!([1.5, null])),
            (Datatype::Bf16, json!([-2.0, null])),
            (Datatype::Fp32, json!([0.25, null])),
            (Datatype::Fp64, json!([0.1, null])),
            (Datatype::Bytes, json!(["", "Zürich"])),
        ];
        assert_eq!(cases.len(), NAMES.len());
        for (datatype, values) in cases {
            let values = values.as_array().unwrap();
            assert!(values.iter().all(|value| datatype.holds(value)), "{datatype:?}");
            let mut bytes = Vec::new();
            datatype.write(values, &mut bytes);
            assert_eq!(&datatype.read(&bytes, 2).unwrap(), values, "{datatype:?}");
            assert_eq!(Datatype::parse(datatype.as_str()), Ok(datatype));
            assert!(datatype.read(&bytes, 3).is_err() && datatype.read(&bytes, 1).is_err(), "{datatype:?}");
        }
    }

    #[test]
    fn every_half_comes_back() {
        for datatype in [Datatype::Fp16, Datatype::Bf16] {
            for bits in 0..=u16::MAX {
                // Infinite numbers are refused.
                let Ok(read) = datatype.read(&bits.to_le_bytes(), 1) else { continue };
                let mut written = Vec::new();
                datatype.write(&read, &mut written);
                if read[0].is_null() {
                    assert_eq!(datatype.read(&written, 1), Ok(vec![Value::Null]), "not a number stays none");
                } else {
                    assert_eq!(written, bits.to_le_bytes(), "{datatype:?} {read:?}");
                }
            }
        }
        let written = |datatype: Datatype, number: f64| {
            let mut bytes = Vec::new();
            datatype.write(&[number.into()], &mut bytes);
            u16::from_le_bytes([bytes[0], bytes[1]])
        };
        let halves = [1.0 + 1.0 / 4096.0, 1e9, 65519.0].map(|number| written(Datatype::Fp16, number));
        assert_eq!(halves, [0x3c00, 0x7c00, 0x7bff]);
        assert_eq!(written(Datatype::Bf16, 1.007), 0x3f81, "rounded, not cut off");
    }

    #[test]
    fn json_values_are_taken_where_they_mean_the_same() {
        assert_eq!(Datatype::Int32.take(json!(3.0)), Some(json!(3)));
        assert_eq!(Datatype::Bool.take(json!(1)), Some(json!(true)));
        for (datatype, bad) in [
            (Datatype::Int32, json!(3.5)),
            (Datatype::Uint8, json!(256)),
            (Datatype::Uint8, json!(-1)),
            (Datatype::Fp32, json!("1")),
            (Datatype::Bytes, json!(1)),
            (Datatype::Int64, Value::Null),
        ] {
            assert_eq!(datatype.take(bad.clone()), None, "{datatype:?} {bad}");
        }
        let infinite = f32::INFINITY.to_le_bytes();
        assert_eq!(Datatype::Fp32.read(&infinite, 1), Err("has an infinite number".to_owned()));
    }
}
