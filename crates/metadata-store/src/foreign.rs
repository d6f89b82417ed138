//! A small door to databases of other tools, so that their drivers stay in this crate. It knows no
//! table: whoever comes through it brings the SQL, in the words that the areas are written in.

use crate::driver::{Connection, Dialect, Failure, Params, Row, Select, SelectError, ToValue, Value};
use crate::{PostgresAddress, Result, StoreError};
use std::borrow::Cow;
use std::path::Path;

/// One value of a foreign row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// No value.
    Null,
    /// A whole number; a truth value is 0 or 1.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// A text.
    Text(String),
    /// Something that is none of these: bytes, or text that is not UTF-8.
    Unreadable,
}

impl Cell {
    /// A text, or nothing.
    pub fn optional(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.into()))
    }

    fn of(row: &Row<'_>, index: usize) -> Self {
        match row.value(index) {
            Ok(Value::Null) => Self::Null,
            Ok(Value::Bool(value)) => Self::Integer(i64::from(value)),
            Ok(Value::Integer(number)) => Self::Integer(number),
            Ok(Value::Real(number)) => Self::Real(number),
            Ok(Value::Text(text)) => Self::Text(text.into_owned()),
            Err(_) => Self::Unreadable,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl ToValue for Cell {
    fn to_value(&self) -> Value<'_> {
        match self {
            Self::Null | Self::Unreadable => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Real(number) => Value::Real(*number),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
        }
    }
}

struct Cells<'a>(&'a [Cell]);

impl Params for Cells<'_> {
    fn bind<R>(self, then: impl FnOnce(&[Value<'_>]) -> R) -> R {
        then(&self.0.iter().map(ToValue::to_value).collect::<Vec<_>>())
    }
}

/// A database that belongs to another tool.
pub struct ForeignDatabase {
    conn: Connection,
}

impl std::fmt::Debug for ForeignDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForeignDatabase").finish_non_exhaustive()
    }
}

impl ForeignDatabase {
    /// Opens a SQLite file for queries only.
    ///
    /// # Errors
    /// When there is no such file or it is no database.
    pub fn open_sqlite(path: &Path) -> Result<Self> {
        Ok(Self { conn: Connection::sqlite_onlooker(path)? })
    }

    /// Connects to a PostgreSQL database for queries only, which see one state throughout. Not where
    /// others wait asynchronously.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn open_postgres(address: &PostgresAddress) -> Result<Self> {
        let conn = Connection::postgres_reader(address)?;
        conn.begin_read()?;
        Ok(Self { conn })
    }

    /// Opens a SQLite file that exists, for changes.
    ///
    /// # Errors
    /// When there is no such file or it is no database.
    pub fn open_sqlite_for_changes(path: &Path) -> Result<Self> {
        Ok(Self { conn: Connection::sqlite_guest(path)? })
    }

    /// The columns of a table; none when there is no such table.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn columns(&self, table: &str) -> Result<Vec<String>> {
        let sql = match self.conn.dialect() {
            Dialect::Sqlite => "SELECT name FROM pragma_table_info(?1) ORDER BY cid",
            Dialect::Postgres => {
                "SELECT column_name::text FROM information_schema.columns
                 WHERE table_schema = current_schema() AND table_name = ?1 ORDER BY ordinal_position"
            }
        };
        self.conn.rows(sql, &[Value::Text(Cow::Borrowed(table))], |row| row.get(0))
    }

    /// Hands the rows of a query to `each`, one at a time, with its first `width` columns.
    ///
    /// # Errors
    /// What `each` gives, or when the database refuses.
    pub fn rows<E: From<StoreError>>(
        &self,
        sql: &str,
        values: &[Cell],
        width: usize,
        mut each: impl FnMut(&[Cell]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut failed = None;
        let all = Cells(values).bind(|values| {
            self.conn.rows(sql, values, |row| {
                let cells: Vec<Cell> = (0..width).map(|index| Cell::of(row, index)).collect();
                each(&cells).map_err(|error| {
                    failed = Some(error);
                    StoreError::NoRow
                })
            })
        });
        match (all, failed) {
            (_, Some(error)) => Err(error),
            (all, None) => all.map(drop).map_err(E::from),
        }
    }

    /// The rows of a query that somebody else wrote. `map` gets the wanted columns of each row, in their
    /// order and without a value where the query has no such column; it may leave a row out. The database
    /// must be open for queries only; on SQLite nothing else can be asked afterwards.
    ///
    /// # Errors
    /// When the query cannot be answered within its limits, or what `map` has against a row.
    pub fn select<T>(
        &mut self,
        select: &Select<'_>,
        mut map: impl FnMut(&[Option<Cell>]) -> std::result::Result<Option<T>, String>,
    ) -> std::result::Result<Vec<T>, SelectError> {
        let mut cells = Vec::with_capacity(select.columns.len());
        self.conn.select(select, |row, places| {
            cells.clear();
            cells.extend(places.iter().map(|place| place.map(|index| Cell::of(row, index))));
            map(&cells)
        })
    }

    /// Runs a statement for each of the rows.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn execute_many(&self, sql: &str, rows: &[Vec<Cell>]) -> Result<()> {
        rows.iter().try_for_each(|row| Cells(row).bind(|values| self.conn.execute(sql, values)).map(drop))
    }

    /// Runs changes as one transaction: all or nothing.
    ///
    /// # Errors
    /// What `change` gives, or when the database refuses.
    pub fn change<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&Self) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.conn.begin_write()?;
        let changed = change(self).and_then(|value| {
            self.conn.commit(None).map_err(|failure: Failure| E::from(failure.into()))?;
            Ok(value)
        });
        if changed.is_err() {
            // What failed is told; there may be no transaction left to roll back.
            let _ = self.conn.rollback();
        }
        changed
    }
}
