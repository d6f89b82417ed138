//! What stands between the SQL of the areas and an engine: values, rows and connections. An area is
//! written once, in SQL that every engine takes after [`sqlite`] or its sibling has put it into the
//! engine's words.

mod connection;
mod row;
mod sqlite;
mod value;

pub(crate) use connection::{Connection, Dialect, Failure};
pub(crate) use row::{Column, Row};
pub(crate) use value::{Params, ToValue, Value, params};
