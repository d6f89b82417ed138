//! Values in PostgreSQL's binary form.

use super::error::Nul;
use crate::driver::value::Value;
use crate::{Result, StoreError};
use bytes::BytesMut;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::error::Error;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, WrongType, to_sql_checked};

type Encoded = std::result::Result<IsNull, Box<dyn Error + Sync + Send>>;

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Encoded {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Bool(value) => integer(i64::from(*value), kind, out),
            Self::Integer(number) => integer(*number, kind, out),
            Self::Real(number) if *kind == Type::FLOAT8 => number.to_sql(kind, out),
            Self::Text(value) => text(value, kind, out),
            Self::Real(_) => Err(Box::new(WrongType::new::<f64>(kind.clone()))),
        }
    }

    fn accepts(_: &Type) -> bool {
        // What fits is seen with the value.
        true
    }

    to_sql_checked!();
}

#[expect(clippy::cast_precision_loss, reason = "a whole number among measurements is small")]
fn integer(number: i64, kind: &Type, out: &mut BytesMut) -> Encoded {
    match *kind {
        Type::INT8 => number.to_sql(kind, out),
        Type::INT4 => i32::try_from(number)?.to_sql(kind, out),
        Type::BOOL => (number != 0).to_sql(kind, out),
        Type::FLOAT8 => (number as f64).to_sql(kind, out),
        _ => Err(Box::new(WrongType::new::<i64>(kind.clone()))),
    }
}

fn text(text: &str, kind: &Type, out: &mut BytesMut) -> Encoded {
    match *kind {
        // A list is bound as JSON.
        Type::INT8_ARRAY => list::<i64>(text)?.to_sql(kind, out),
        Type::TEXT_ARRAY => {
            let texts = list::<Cow<'_, str>>(text)?;
            texts.iter().try_for_each(|text| without_nul(text))?;
            texts.to_sql(kind, out)
        }
        _ => {
            without_nul(text)?;
            text.to_sql(kind, out)
        }
    }
}

fn list<T: DeserializeOwned>(text: &str) -> serde_json::Result<Vec<T>> {
    serde_json::from_str(text)
}

fn without_nul(text: &str) -> std::result::Result<(), Nul> {
    if text.as_bytes().contains(&0) { Err(Nul) } else { Ok(()) }
}

impl<'a> FromSql<'a> for Value<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> std::result::Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match *kind {
            Type::INT8 => Self::Integer(i64::from_sql(kind, raw)?),
            Type::INT4 => Self::Integer(i32::from_sql(kind, raw)?.into()),
            Type::FLOAT8 => Self::Real(f64::from_sql(kind, raw)?),
            Type::BOOL => Self::Bool(bool::from_sql(kind, raw)?),
            _ => Self::Text(Cow::Borrowed(std::str::from_utf8(raw)?)),
        })
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(
            *kind,
            Type::INT8
                | Type::INT4
                | Type::FLOAT8
                | Type::BOOL
                | Type::TEXT
                | Type::VARCHAR
                | Type::NAME
                | Type::JSON
        )
    }
}

pub(in crate::driver) fn value(row: &Row, index: usize) -> Result<Value<'_>> {
    row.try_get(index).map_err(|_| StoreError::Column { index, wanted: "any that is known here" })
}
