//! SQLite, through rusqlite. Its own SQL is the one that the areas are written in.

mod select;

pub(super) use select::select;

use super::connection::Failure;
use super::row::Row;
use super::value::Value;
use crate::{Result, StoreError};
use regex::Regex;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Opens a database for changes, or makes it. Commits are on the disk when they return.
pub(super) fn writer(path: &Path) -> Result<Connection> {
    let conn = Connection::open(path)?;
    configure(&conn)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    Ok(conn)
}

/// Opens a database for queries.
pub(super) fn reader(path: &Path) -> Result<Connection> {
    let conn = Connection::open(path)?;
    configure(&conn)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

/// Opens a database for queries without touching its files.
pub(super) fn onlooker(path: &Path) -> Result<Connection> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    add_regexp(&conn)?;
    Ok(conn)
}

/// Opens a database that exists and belongs to another tool, for changes.
pub(super) fn guest(path: &Path) -> Result<Connection> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    Ok(conn)
}

fn configure(conn: &Connection) -> Result<()> {
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "wal_autocheckpoint", 4000)?;
    conn.pragma_update(None, "cache_size", -16_384)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    // Statements are planned once, not anew for each value that is bound where a partial index or a
    // limit could make a difference.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(256);
    conn.busy_timeout(Duration::from_secs(5))?;
    add_regexp(conn)
}

/// `text REGEXP pattern`, which SQLite leaves to its user. A pattern is read once per statement.
fn add_regexp(conn: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function("regexp", 2, flags, |context| {
        let pattern: Arc<Regex> = context.get_or_create_aux(0, |pattern| {
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Regex::new(pattern.as_str()?)?)
        })?;
        let text = context.get_raw(1);
        Ok(text.as_str_or_null().ok().flatten().map(|text| pattern.is_match(text)))
    })?;
    Ok(())
}

pub(super) fn execute(conn: &Connection, sql: &str, values: &[Value<'_>]) -> Result<usize> {
    Ok(conn.prepare_cached(sql)?.execute(params_from_iter(values))?)
}

pub(super) fn execute_many<'v, const N: usize>(
    conn: &Connection,
    sql: &str,
    rows: impl Iterator<Item = [Value<'v>; N]>,
) -> Result<usize> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut changed = 0;
    for row in rows {
        changed += statement.execute(params_from_iter(row))?;
    }
    Ok(changed)
}

pub(super) fn rows<T>(
    conn: &Connection,
    sql: &str,
    values: &[Value<'_>],
    mut map: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(map(&Row::Sqlite(row))?);
    }
    Ok(all)
}

pub(super) fn row<T>(
    conn: &Connection,
    sql: &str,
    values: &[Value<'_>],
    map: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    rows.next()?.map(|row| map(&Row::Sqlite(row))).transpose()
}

pub(super) fn value<'r>(row: &'r rusqlite::Row<'_>, index: usize) -> Result<Value<'r>> {
    Ok(match row.get_ref(index)? {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text);
            Value::Text(Cow::Borrowed(text.map_err(|_| StoreError::Column { index, wanted: "UTF-8" })?))
        }
        ValueRef::Blob(_) => return Err(StoreError::Column { index, wanted: "anything but bytes" }),
    })
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// Runs a statement of transaction control.
pub(super) fn control(conn: &Connection, sql: &str) -> Result<()> {
    execute(conn, sql, &[]).map(drop)
}

pub(super) fn commit(conn: &Connection) -> std::result::Result<(), Failure> {
    control(conn, "COMMIT").map_err(|error| match &error {
        StoreError::Sqlite(cause) if is_harmless(cause) => Failure::NotWritten(error.to_string()),
        _ => Failure::Stopped(error.to_string()),
    })
}

/// Whether a failed commit left the disk in a known state. After a failed fsync it is unknown, and
/// trying again could report success for lost pages.
fn is_harmless(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy))
}
