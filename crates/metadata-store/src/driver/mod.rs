//! What stands between the SQL of the areas and an engine: values, rows and connections. An area is
//! written once, in SQL that SQLite takes as it is and that [`postgres`] puts into other words.

mod connection;
mod postgres;
mod row;
mod select;
mod sqlite;
mod value;

pub(crate) use connection::{Connection, Dialect, Failure, Undo};
pub use postgres::{AddressError, PostgresAddress};
pub(crate) use row::{Column, Row};
pub use select::{ColumnKind, Select, SelectError, WantedColumn};
pub(crate) use value::{Params, ToValue, Value, params};
