//! What can go wrong in the store.

use thiserror::Error;

/// An error of the store itself. A capability wraps it in its own error.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database engine refused.
    #[error("database error: {0}")]
    Database(#[from] rusqlite::Error),
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
    /// A change that says nothing of itself.
    #[error("a change was made without a record; nothing was written")]
    Unrecorded,
    /// An earlier commit failed in a way that leaves the disk's state unknown.
    #[error("writing has stopped after a failed commit ({0}); restart the server")]
    WritesStopped(String),
    /// The writer is gone.
    #[error("the store is shut down")]
    Closed,
}
