//! Rows of a result.

use super::value::Value;
use super::{postgres, sqlite};
use crate::{Result, StoreError};
use std::borrow::Cow;

/// One row, as long as the engine shows it.
#[derive(Clone, Copy)]
pub(crate) enum Row<'r> {
    /// A row of SQLite.
    Sqlite(&'r rusqlite::Row<'r>),
    /// A row of PostgreSQL.
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> Row<'r> {
    /// The value of a column.
    pub(crate) fn get<T: Column>(&self, index: usize) -> Result<T> {
        T::from_value(self.value(index)?).ok_or(StoreError::Column { index, wanted: T::NAME })
    }

    /// The text of a column, without a copy.
    pub(crate) fn text(&self, index: usize) -> Result<&'r str> {
        match self.value(index)? {
            Value::Text(Cow::Borrowed(text)) => Ok(text),
            _ => Err(StoreError::Column { index, wanted: String::NAME }),
        }
    }

    /// The value of a column, as the engine has it.
    pub(crate) fn value(&self, index: usize) -> Result<Value<'r>> {
        match *self {
            Self::Sqlite(row) => sqlite::value(row, index),
            Self::Postgres(row) => postgres::value(row, index),
        }
    }
}

/// What can be read from a column.
pub(crate) trait Column: Sized {
    /// What it is called in an error.
    const NAME: &'static str;

    /// The value in this type, when it has one.
    fn from_value(value: Value<'_>) -> Option<Self>;
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl Column for $kind {
            const NAME: &'static str = stringify!($kind);

            fn from_value(value: Value<'_>) -> Option<Self> {
                match value {
                    Value::Integer(number) => number.try_into().ok(),
                    _ => None,
                }
            }
        }
    )*};
}
integers!(i64, i32, u32, u16, u8);

impl Column for bool {
    const NAME: &'static str = "bool";

    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(value),
            Value::Integer(number) => Some(number != 0),
            _ => None,
        }
    }
}

impl Column for f64 {
    const NAME: &'static str = "f64";

    #[expect(clippy::cast_precision_loss, reason = "a whole number in a column of numbers is small")]
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Real(number) => Some(number),
            Value::Integer(number) => Some(number as Self),
            _ => None,
        }
    }
}

impl Column for String {
    const NAME: &'static str = "text";

    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }
}

impl<T: Column> Column for Option<T> {
    const NAME: &'static str = T::NAME;

    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}
