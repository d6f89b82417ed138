//! Values on their way into a statement or out of a row.

use std::borrow::Cow;

/// One value. Text is borrowed wherever it can be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// No value.
    Null,
    /// A truth value; SQLite has it as 0 or 1.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// A text; also a document, or a list as a JSON array.
    Text(Cow<'a, str>),
}

/// What can be bound to a placeholder.
pub(crate) trait ToValue {
    /// The value to bind.
    fn to_value(&self) -> Value<'_>;
}

impl ToValue for Value<'_> {
    fn to_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Integer(value) => Value::Integer(*value),
            Self::Real(value) => Value::Real(*value),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
        }
    }
}

impl ToValue for bool {
    fn to_value(&self) -> Value<'_> {
        Value::Bool(*self)
    }
}

impl ToValue for f64 {
    fn to_value(&self) -> Value<'_> {
        Value::Real(*self)
    }
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl ToValue for $kind {
            fn to_value(&self) -> Value<'_> {
                Value::Integer(i64::from(*self))
            }
        }
    )*};
}
integers!(i64, i32, u32, u16, u8);

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self))
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self))
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Value::Integer(value)
    }
}

/// The values of a statement's placeholders, in their order.
pub(crate) trait Params {
    /// Calls `then` with the values.
    fn bind<R>(self, then: impl FnOnce(&[Value<'_>]) -> R) -> R;
}

impl Params for [Value<'_>; 0] {
    fn bind<R>(self, then: impl FnOnce(&[Value<'_>]) -> R) -> R {
        then(&[])
    }
}

impl Params for &[Value<'_>] {
    fn bind<R>(self, then: impl FnOnce(&[Value<'_>]) -> R) -> R {
        then(self)
    }
}

impl Params for Vec<Value<'_>> {
    fn bind<R>(self, then: impl FnOnce(&[Value<'_>]) -> R) -> R {
        then(&self)
    }
}

macro_rules! arrays {
    ($($length:literal)*) => {$(
        impl<T: ToValue> Params for [T; $length] {
            fn bind<R>(self, then: impl FnOnce(&[Value<'_>]) -> R) -> R {
                then(&self.each_ref().map(ToValue::to_value))
            }
        }
    )*};
}
// Not for every length at once: an empty array must not be asked for the type of its items.
arrays!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);

/// Values of different types, in the order of their placeholders.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::driver::ToValue::to_value(&$value)),*] as &[$crate::driver::Value<'_>]
    };
}
pub(crate) use params;
