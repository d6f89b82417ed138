//! One connection to an engine, and what a transaction needs of it.

use super::row::Row;
use super::sqlite;
use super::value::{Params, Value};
use crate::{Result, StoreError};
use std::path::Path;

/// Which SQL an engine speaks where the common words do not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite.
    Sqlite,
}

/// How a batch of changes ended that was not committed.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// Nothing was written; the next batch may succeed.
    NotWritten(String),
    /// What is on the disk is unknown: nothing may be written any more.
    Stopped(String),
}

/// A connection. It is used by one thread at a time.
pub(crate) enum Connection {
    /// To a SQLite database.
    Sqlite(rusqlite::Connection),
}

impl Connection {
    /// Opens a SQLite database for changes.
    pub(crate) fn sqlite_writer(path: &Path) -> Result<Self> {
        Ok(Self::Sqlite(sqlite::writer(path)?))
    }

    /// Opens a SQLite database for queries.
    pub(crate) fn sqlite_reader(path: &Path) -> Result<Self> {
        Ok(Self::Sqlite(sqlite::reader(path)?))
    }

    /// Opens a SQLite database that perhaps belongs to a running server, for queries only.
    pub(crate) fn sqlite_onlooker(path: &Path) -> Result<Self> {
        Ok(Self::Sqlite(sqlite::onlooker(path)?))
    }

    /// The SQL it speaks.
    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Runs a statement that changes something; gives the number of rows.
    pub(crate) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<usize> {
        match self {
            Self::Sqlite(conn) => sqlite::execute(conn, sql, values),
        }
    }

    /// Runs a statement once for each of the given rows; gives the number of rows that changed.
    pub(crate) fn execute_many<P: Params>(&self, sql: &str, rows: impl Iterator<Item = P>) -> Result<usize> {
        match self {
            Self::Sqlite(conn) => sqlite::execute_many(conn, sql, rows),
        }
    }

    /// All rows of a query.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        match self {
            Self::Sqlite(conn) => sqlite::rows(conn, sql, values, map),
        }
    }

    /// The first row of a query.
    pub(crate) fn row<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        map: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        match self {
            Self::Sqlite(conn) => sqlite::row(conn, sql, values, map),
        }
    }

    /// A number that is another one after rows were changed.
    pub(crate) fn total_changes(&self) -> u64 {
        match self {
            Self::Sqlite(conn) => conn.total_changes(),
        }
    }
}

/// The schema.
impl Connection {
    /// The number of the newest migration that was applied; 0 for an empty database.
    pub(crate) fn schema_version(&self) -> Result<i64> {
        match self {
            Self::Sqlite(conn) => Ok(conn.query_row("PRAGMA user_version", [], |row| row.get(0))?),
        }
    }

    /// Applies a migration within the transaction.
    pub(crate) fn migrate(&self, number: i64, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(conn) => {
                conn.execute_batch(sql)?;
                Ok(conn.pragma_update(None, "user_version", number)?)
            }
        }
    }
}

/// Transactions. A batch of changes is one transaction, each change of it a savepoint.
impl Connection {
    /// Begins a transaction for queries, which sees one state throughout.
    pub(crate) fn begin_read(&self) -> Result<()> {
        self.control("BEGIN")
    }

    /// Ends a transaction for queries.
    pub(crate) fn end_read(&self) -> Result<()> {
        self.control("ROLLBACK")
    }

    /// Begins a transaction for changes, of which there is one at a time.
    pub(crate) fn begin_write(&self) -> Result<()> {
        self.control("BEGIN IMMEDIATE")
    }

    /// Whether the transaction still stands. Some errors (disk full, out of memory) make the engine
    /// roll everything back by itself; what ran before in the same batch is gone with it.
    pub(crate) fn in_transaction(&self) -> bool {
        match self {
            Self::Sqlite(conn) => !conn.is_autocommit(),
        }
    }

    /// Begins a change within the batch.
    pub(crate) fn begin_change(&self) -> Result<()> {
        self.control("SAVEPOINT change")
    }

    /// Keeps a change.
    pub(crate) fn keep_change(&self) -> Result<()> {
        self.control("RELEASE change")
    }

    /// Undoes a change.
    pub(crate) fn undo_change(&self) -> Result<()> {
        self.control("ROLLBACK TO change")?;
        self.control("RELEASE change")
    }

    /// Makes the batch durable.
    pub(crate) fn commit(&self) -> std::result::Result<(), Failure> {
        self.control("COMMIT").map_err(|error| match &error {
            StoreError::Sqlite(cause) if !sqlite::is_harmless(cause) => Failure::Stopped(error.to_string()),
            _ => Failure::NotWritten(error.to_string()),
        })
    }

    /// Gives the batch up. There may be no transaction left to roll back.
    pub(crate) fn rollback(&self) {
        let _ = self.control("ROLLBACK");
    }

    fn control(&self, sql: &str) -> Result<()> {
        self.execute(sql, &[]).map(drop)
    }
}
