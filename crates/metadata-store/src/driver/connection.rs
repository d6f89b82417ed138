//! One connection to an engine, and what a transaction needs of it.

use super::postgres::{PostgresAddress, PostgresConnection, Role};
use super::row::Row;
use super::select::{Select, SelectError};
use super::sqlite;
use super::value::Value;
use crate::Result;
use std::path::Path;

/// Which SQL an engine speaks where the common words do not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// How a batch of changes ended that was not committed.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// Nothing was written; the next batch may succeed.
    NotWritten(String),
    /// Whether it was written is unknown; the next batch may succeed.
    Unknown(String),
    /// What is on the disk is unknown: nothing may be written any more.
    Stopped(String),
}

/// How a change of a batch can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undo {
    /// With the batch, in which there is nothing before it. SQLite needs no copies of pages for that.
    Batch,
    /// By itself, with a savepoint.
    Savepoint,
}

/// A connection. It is used by one thread at a time.
pub(crate) enum Connection {
    /// To a SQLite database.
    Sqlite(rusqlite::Connection),
    /// To a PostgreSQL database.
    Postgres(Box<PostgresConnection>),
}

impl Connection {
    /// Connects to a PostgreSQL database for changes.
    pub(crate) fn postgres_writer(address: &PostgresAddress) -> Result<Self> {
        Ok(Self::Postgres(Box::new(PostgresConnection::open(address, Role::Writer)?)))
    }

    /// Connects to a PostgreSQL database for queries.
    pub(crate) fn postgres_reader(address: &PostgresAddress) -> Result<Self> {
        Ok(Self::Postgres(Box::new(PostgresConnection::open(address, Role::Reader)?)))
    }

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

    /// Opens a SQLite database of another tool for changes, as that tool has configured it.
    pub(crate) fn sqlite_guest(path: &Path) -> Result<Self> {
        Ok(Self::Sqlite(sqlite::guest(path)?))
    }

    /// The SQL it speaks.
    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement that changes something; gives the number of rows.
    pub(crate) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<usize> {
        match self {
            Self::Sqlite(conn) => sqlite::execute(conn, sql, values),
            Self::Postgres(conn) => conn.execute(sql, values),
        }
    }

    /// Runs a statement once for each of the given rows; gives the number of rows that changed.
    pub(crate) fn execute_many<'v, const N: usize>(
        &self,
        sql: &str,
        rows: impl Iterator<Item = [Value<'v>; N]>,
    ) -> Result<usize> {
        match self {
            Self::Sqlite(conn) => sqlite::execute_many(conn, sql, rows),
            Self::Postgres(conn) => conn.execute_many(sql, rows),
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
            Self::Postgres(conn) => conn.rows(sql, values, map),
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
            Self::Postgres(conn) => conn.row(sql, values, map),
        }
    }

    /// The rows of a query that somebody else wrote, each as `map` reads it from the places of the
    /// wanted columns. On SQLite the connection only reads from then on; on PostgreSQL it must be within a
    /// transaction for queries.
    pub(crate) fn select<T>(
        &mut self,
        select: &Select<'_>,
        map: impl FnMut(&Row<'_>, &[Option<usize>]) -> std::result::Result<Option<T>, String>,
    ) -> std::result::Result<Vec<T>, SelectError> {
        match self {
            Self::Sqlite(conn) => sqlite::select(conn, select, map),
            Self::Postgres(conn) => conn.select(select, map),
        }
    }

    /// A number that is another one after rows were changed.
    pub(crate) fn total_changes(&self) -> u64 {
        match self {
            Self::Sqlite(conn) => conn.total_changes(),
            Self::Postgres(conn) => conn.total_changes(),
        }
    }
}

/// The schema.
impl Connection {
    /// The number of the newest migration that was applied; 0 for an empty database.
    pub(crate) fn schema_version(&self) -> Result<i64> {
        match self {
            Self::Sqlite(conn) => Ok(conn.query_row("PRAGMA user_version", [], |row| row.get(0))?),
            Self::Postgres(conn) => conn.schema_version(),
        }
    }

    /// Lets references between tables be checked, and what follows from them be done, or not. Where a
    /// table can only be changed by making it anew, dropping the old one must not take along the rows that
    /// refer to it.
    pub(crate) fn check_references(&self, on: bool) -> Result<()> {
        match self {
            Self::Sqlite(conn) => Ok(conn.pragma_update(None, "foreign_keys", on)?),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Applies a migration within the transaction.
    pub(crate) fn migrate(&self, number: i64, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(conn) => {
                conn.execute_batch(sql)?;
                Ok(conn.pragma_update(None, "user_version", number)?)
            }
            Self::Postgres(conn) => conn.migrate(number, sql),
        }
    }
}

/// Transactions. A batch of changes is one transaction, each change of it a savepoint, which the first
/// one does not need on SQLite. On PostgreSQL what needs no answer waits for the next statement that does.
impl Connection {
    /// Begins a transaction for queries, which sees one state throughout.
    pub(crate) fn begin_read(&self) -> Result<()> {
        match self {
            Self::Sqlite(conn) => sqlite::control(conn, "BEGIN"),
            Self::Postgres(conn) => conn.begin_read(),
        }
    }

    /// Begins a transaction for changes, of which there is one at a time in a database.
    pub(crate) fn begin_write(&self) -> Result<()> {
        match self {
            Self::Sqlite(conn) => sqlite::control(conn, "BEGIN IMMEDIATE"),
            Self::Postgres(conn) => {
                conn.begin_write();
                Ok(())
            }
        }
    }

    /// Whether the transaction still stands. It may have gone: some errors (disk full, out of memory)
    /// make SQLite roll everything back by itself, and a connection to PostgreSQL can be lost.
    pub(crate) fn in_transaction(&self) -> bool {
        match self {
            Self::Sqlite(conn) => !conn.is_autocommit(),
            Self::Postgres(conn) => !conn.is_lost(),
        }
    }

    /// Whether the connection is lost and another one is needed.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(conn) => conn.is_lost(),
        }
    }

    /// Begins a change within the batch.
    pub(crate) fn begin_change(&self, undo: Undo) -> Result<()> {
        match self {
            Self::Sqlite(_) if undo == Undo::Batch => Ok(()),
            Self::Sqlite(conn) => sqlite::control(conn, "SAVEPOINT change"),
            Self::Postgres(conn) => {
                conn.begin_change();
                Ok(())
            }
        }
    }

    /// Whether a change cannot be kept, because a statement of it failed.
    pub(crate) fn has_failed(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(conn) => conn.has_failed(),
        }
    }

    /// Keeps a change.
    pub(crate) fn keep_change(&self, undo: Undo) -> Result<()> {
        match self {
            Self::Sqlite(_) if undo == Undo::Batch => Ok(()),
            Self::Sqlite(conn) => sqlite::control(conn, "RELEASE change"),
            Self::Postgres(conn) => {
                conn.keep_change();
                Ok(())
            }
        }
    }

    /// Undoes a change.
    pub(crate) fn undo_change(&self, undo: Undo) -> Result<()> {
        match self {
            Self::Sqlite(conn) if undo == Undo::Batch => {
                sqlite::control(conn, "ROLLBACK")?;
                sqlite::control(conn, "BEGIN IMMEDIATE")
            }
            Self::Sqlite(conn) => {
                sqlite::control(conn, "ROLLBACK TO change")?;
                sqlite::control(conn, "RELEASE change")
            }
            Self::Postgres(conn) => {
                conn.undo_change();
                Ok(())
            }
        }
    }

    /// Makes the batch durable; other servers hear of the given event.
    pub(crate) fn commit(&self, announce: Option<i64>) -> std::result::Result<(), Failure> {
        match self {
            Self::Sqlite(conn) => sqlite::commit(conn),
            Self::Postgres(conn) => conn.commit(announce),
        }
    }

    /// Gives up what was begun. There may be no transaction left to roll back.
    pub(crate) fn rollback(&self) -> Result<()> {
        match self {
            Self::Sqlite(conn) => sqlite::control(conn, "ROLLBACK"),
            Self::Postgres(conn) => conn.rollback(),
        }
    }
}
