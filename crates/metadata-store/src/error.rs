//! What can go wrong in the store.

use crate::driver::Failure;
use thiserror::Error;

/// An error of the store itself. A capability wraps it in its own error.
#[derive(Debug, Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("database error: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL refused.
    #[error("database error: {0}")]
    Postgres(String),
    /// PostgreSQL cannot be reached, or the connection to it was lost.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// The database exists and cannot hold a store.
    #[error("this database cannot be used: {0}")]
    Unusable(String),
    /// A value that this database cannot hold: the caller's mistake.
    #[error("this cannot be stored: {0}")]
    Unstorable(String),
    /// A column does not hold what is expected of it.
    #[error("column {index} of a result is not of type {wanted}")]
    Column {
        /// The column's place.
        index: usize,
        /// What was expected.
        wanted: &'static str,
    },
    /// A query gave no row where there must be one.
    #[error("a query gave no row")]
    NoRow,
    /// A search names something that the entity does not have.
    #[error("this cannot be searched by {0}")]
    Search(String),
    /// A stored document does not have its form.
    #[error("stored document is damaged: {0}")]
    Document(#[from] serde_json::Error),
    /// The data directory cannot be used.
    #[error("cannot open the data directory `{path}`: {reason}")]
    Open {
        /// The directory.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// Another process has the data directory.
    #[error("the data directory `{path}` is in use by another server")]
    Locked {
        /// The directory.
        path: String,
    },
    /// The database was made by a newer version.
    #[error("the database has schema {found}, this version knows up to {known}; use a newer version")]
    TooNew {
        /// The schema's number.
        found: i64,
        /// The newest one known.
        known: i64,
    },
    /// The database was made by an older version and has not been opened by this one yet.
    #[error("the database has schema {found}, this version has {known}; start `mainspring server` once")]
    TooOld {
        /// The schema's number.
        found: i64,
        /// The newest one known.
        known: i64,
    },
    /// A change that says nothing of itself.
    #[error("a change was made without a record; nothing was written")]
    Unrecorded,
    /// A batch of changes was not committed.
    #[error("nothing was written ({0}); try again")]
    NotWritten(String),
    /// The connection was lost while a batch was committed.
    #[error("whether this was written is unknown ({0}); look before you repeat it")]
    Unknown(String),
    /// A change that went on after a statement of it had failed.
    #[error("a statement of this change failed; nothing of it was written")]
    Abandoned,
    /// An earlier commit failed in a way that leaves the disk's state unknown.
    #[error("writing has stopped after a failed commit ({0}); restart the server")]
    WritesStopped(String),
    /// The writer is gone.
    #[error("the store is shut down")]
    Closed,
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotWritten(reason) => Self::NotWritten(reason),
            Failure::Unknown(reason) => Self::Unknown(reason),
            Failure::Stopped(reason) => Self::WritesStopped(reason),
        }
    }
}
