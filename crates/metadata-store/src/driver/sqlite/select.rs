//! Queries that somebody else wrote, on SQLite.

use crate::driver::row::Row;
use crate::driver::select::{Rows, Select, SelectError};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode};
use std::time::{Duration, Instant};

/// The longest text or row, in bytes.
const MAX_LENGTH: i32 = 10_000_000;
/// Steps of SQLite's machine between two looks at the time.
const STEPS: i32 = 1000;

/// The rows of a query, each as `map` reads it from the places of the wanted columns. From then on the
/// connection only reads.
pub(in crate::driver) fn select<T>(
    conn: &mut Connection,
    select: &Select<'_>,
    mut map: impl FnMut(&Row<'_>, &[Option<usize>]) -> Result<Option<T>, String>,
) -> Result<Vec<T>, SelectError> {
    let failed = |error: rusqlite::Error| failed(&error, select.time_limit);
    guard(conn, Instant::now() + select.time_limit).map_err(failed)?;
    let mut statement = conn.prepare(&select.within("*", select.sql)).map_err(failed)?;
    for index in 1..=statement.parameter_count() {
        let value = select.parameter(statement.parameter_name(index).unwrap_or("?"))?;
        statement.raw_bind_parameter(index, value).map_err(failed)?;
    }
    let places = select.places(&statement.column_names().collect::<Vec<_>>())?;
    let mut answer = statement.raw_query();
    let mut rows = Rows::new(select.max_rows);
    while let Some(row) = answer.next().map_err(failed)? {
        rows.push(map(&Row::Sqlite(row), &places))?;
    }
    Ok(rows.kept())
}

/// Reads only, of this file only, until a time. That the file is opened for reading keeps it as it is;
/// this keeps a statement from other files, from settings and from what is temporary.
fn guard(conn: &mut Connection, deadline: Instant) -> rusqlite::Result<()> {
    conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_LENGTH)?;
    conn.authorizer(Some(|context: AuthContext<'_>| match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if !function_name.eq_ignore_ascii_case("load_extension") => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }))?;
    conn.progress_handler(STEPS, Some(move || Instant::now() >= deadline))
}

fn failed(error: &rusqlite::Error, limit: Duration) -> SelectError {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => SelectError::TimedOut(limit),
        Some(ErrorCode::CannotOpen | ErrorCode::DatabaseBusy | ErrorCode::NotADatabase) => {
            SelectError::Unavailable(error.to_string())
        }
        Some(ErrorCode::AuthorizationForStatementDenied) => {
            SelectError::Refused("it may do nothing but read".to_owned())
        }
        _ => SelectError::Refused(error.to_string()),
    }
}
