//! Rules of `type: sql`, run in an in-memory SQLite that holds one file's rows and can do nothing but
//! read them.

use std::time::{Duration, Instant};

use mainspring_tables::Table;
use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, params_from_iter};
use serde_json::Value;

/// The time for all queries on one file; the query that exceeds it is stopped, and its check fails.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// SQLite steps between two looks at the clock.
const STEPS_BETWEEN_CHECKS: i32 = 100_000;

/// One file's rows as a table of SQLite.
pub(crate) struct Database {
    connection: Connection,
}

impl Database {
    /// Loads `table` under `name`; row `i` of the file has rowid `i + 1`.
    pub(crate) fn load(name: &str, table: &Table) -> Result<Self, rusqlite::Error> {
        let columns: Vec<String> = table.columns().map(|column| column.name().to_owned()).collect();
        let mut connection = empty(name, &columns)?;
        let marks = vec!["?"; columns.len()].join(",");
        let insert = format!("INSERT INTO {} VALUES ({marks})", quoted(name));
        let transaction = connection.transaction()?;
        {
            let mut statement = transaction.prepare(&insert)?;
            for row in 0..table.rows() {
                statement.execute(params_from_iter(table.row(row).into_iter().map(sql_value)))?;
            }
        }
        transaction.commit()?;
        lock(&mut connection)?;
        Ok(Self { connection })
    }

    /// The one number that `query` gives; `None` if it gives no row, null or text.
    pub(crate) fn number(&self, query: &str) -> Result<Option<f64>, rusqlite::Error> {
        let mut statement = self.connection.prepare(query)?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        Ok(match row.get::<_, SqlValue>(0)? {
            SqlValue::Integer(number) => Some(number as f64),
            SqlValue::Real(number) => Some(number),
            _ => None,
        })
    }

    /// The first rows (from 0) that a `SELECT COUNT(*) FROM ...` counts; empty for other queries.
    pub(crate) fn counted_rows(&self, query: &str, limit: usize) -> Vec<usize> {
        let Some(rest) = after_count_star(query) else {
            return Vec::new();
        };
        let listing = format!("SELECT rowid FROM {rest} LIMIT {limit}");
        let Ok(mut statement) = self.connection.prepare(&listing) else {
            return Vec::new();
        };
        let ids = statement.query_map([], |row| row.get::<_, i64>(0));
        let ids = ids.into_iter().flatten().flatten();
        ids.filter_map(|id| usize::try_from(id - 1).ok()).collect()
    }
}

/// Prepares `query` over an empty table with the contract's columns.
pub(crate) fn validate(table: &str, columns: &[String], query: &str) -> Result<(), String> {
    let first = query.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    if first != "select" && first != "with" {
        return Err("it is not a SELECT".to_owned());
    }
    let check = || -> Result<(bool, usize), rusqlite::Error> {
        let mut connection = empty(table, columns)?;
        lock(&mut connection)?;
        let mut batch = rusqlite::Batch::new(&connection, query);
        let statement = batch.next()?;
        let shape = statement.map(|statement| (statement.readonly(), statement.column_count()));
        let (readonly, columns) = shape.unwrap_or((false, 0));
        Ok((readonly && batch.next()?.is_none(), columns))
    };
    match check() {
        Err(error) => Err(reason(&error)),
        Ok((false, _)) => Err("it is not a single statement that only reads".to_owned()),
        Ok((true, 1)) => Ok(()),
        Ok((true, columns)) => Err(format!("it gives {columns} columns, not one number")),
    }
}

/// What SQLite says about `error`, without its error code.
pub(crate) fn reason(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// `name` as an SQL identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn empty(name: &str, columns: &[String]) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_in_memory()?;
    let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    connection.execute_batch(&format!("CREATE TABLE {} ({})", quoted(name), columns.join(",")))?;
    Ok(connection)
}

/// From here on only reading: the authorizer refuses everything but SELECT, column reads and functions,
/// and a statement is stopped when the time is up.
fn lock(connection: &mut Connection) -> Result<(), rusqlite::Error> {
    connection.pragma_update(None, "query_only", true)?;
    connection.authorizer(Some(|context: AuthContext<'_>| match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if function_name != "load_extension" => Authorization::Allow,
        _ => Authorization::Deny,
    }))?;
    let mut started: Option<Instant> = None;
    connection.progress_handler(
        STEPS_BETWEEN_CHECKS,
        Some(move || started.get_or_insert_with(Instant::now).elapsed() > TIME_LIMIT),
    )
}

fn sql_value(value: Value) -> SqlValue {
    match value {
        Value::Bool(flag) => SqlValue::Integer(i64::from(flag)),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => SqlValue::Integer(integer),
            None => number.as_f64().map_or(SqlValue::Null, SqlValue::Real),
        },
        Value::String(text) => SqlValue::Text(text),
        Value::Null | Value::Array(_) | Value::Object(_) => SqlValue::Null,
    }
}

/// What follows `SELECT COUNT(*) FROM`, whatever the case and the blanks.
fn after_count_star(query: &str) -> Option<&str> {
    let mut rest = query.trim_start();
    for token in ["select", "count", "(", "*", ")", "from"] {
        let head = rest.get(..token.len())?;
        if !head.eq_ignore_ascii_case(token) {
            return None;
        }
        rest = rest.get(token.len()..)?.trim_start();
    }
    Some(rest.trim_end().trim_end_matches(';'))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn only_one_reading_statement_is_accepted() {
        let columns = ["a".to_owned(), "b".to_owned()];
        let refused = |query: &str| validate("t", &columns, query).err();
        assert_eq!(refused("SELECT COUNT(*) FROM t WHERE a > b"), None);
        assert_eq!(refused("with x as (select a from t) select max(a) from x"), None);
        for query in [
            "DELETE FROM t",
            "SELECT 1; DROP TABLE t",
            "SELECT a, b FROM t",
            "SELECT COUNT(*) FROM u",
            "SELECT load_extension('x')",
            "ATTACH 'x' AS y",
            "SELECT COUNT(*) FROM t WHERE",
            "",
        ] {
            assert!(refused(query).is_some(), "{query} must be refused");
        }
    }

    #[test]
    fn counts_and_shows_the_counted_rows() {
        let table = Table::parse_csv("a,b\n1,2\n5,3\n,1\n9,8\n", Path::new("t.csv")).unwrap();
        let database = Database::load("t", &table).unwrap();
        let query = "select count(*) from t where a > b";
        assert_eq!(database.number(query).unwrap(), Some(2.0));
        assert_eq!(database.counted_rows(query, 5), [1, 3]);
        assert_eq!(database.number("select max(a) from t where 0").unwrap(), None);
        assert!(database.number("delete from t").is_err());
    }
}
