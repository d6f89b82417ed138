//! The handle that everybody shares.

use super::readers::Readers;
use super::tx::SqliteTx;
use super::writer::Writer;
use super::{audit, migrate};
use crate::traits::{ReadTx, WriteTx};
use crate::{Result, StoreError};
use mainspring_domain::{Actor, Clock};
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// The durable state of one server. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    changes: watch::Receiver<i64>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens (or makes) the store in a data directory and takes its lock.
    ///
    /// # Errors
    /// When the directory cannot be used, another process has it, or the database is newer than
    /// this version.
    pub fn open(data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let open_error = |error: std::io::Error| StoreError::Open {
            path: data_dir.display().to_string(),
            reason: error.to_string(),
        };
        std::fs::create_dir_all(data_dir).map_err(open_error)?;
        let lock = File::create(data_dir.join("server.lock")).map_err(open_error)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { path: data_dir.display().to_string() });
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(open_error(error)),
        }
        let path = data_dir.join("mainspring.db");
        let mut conn = Connection::open(&path)?;
        configure(&conn)?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        migrate::migrate(&mut conn)?;
        let head = audit::head(&conn)?;
        let (writer, changes) = Writer::start(conn, head, clock, lock)?;
        let readers = Readers::new(path, 4);
        Ok(Self { writer: Arc::new(writer), readers: Arc::new(readers), changes })
    }

    /// Runs a change. It is durable when this returns.
    ///
    /// # Errors
    /// What `change` gives (then nothing is written), or an error of the store.
    pub async fn write<T, E, F>(&self, actor: Actor, change: F) -> std::result::Result<T, E>
    where
        F: FnOnce(&mut dyn WriteTx) -> std::result::Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let answer = self.writer.submit(actor, change).map_err(E::from)?;
        answer.await.unwrap_or_else(|_| Err(E::from(StoreError::Closed)))
    }

    /// Runs a query on a consistent state, away from the async threads.
    ///
    /// # Errors
    /// What `query` gives, or an error of the store.
    pub async fn read<T, E, F>(&self, query: F) -> std::result::Result<T, E>
    where
        F: FnOnce(&dyn ReadTx) -> std::result::Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let readers = Arc::clone(&self.readers);
        tokio::task::spawn_blocking(move || readers.with(|conn| query(&SqliteTx::reader(conn))))
            .await
            .unwrap_or_else(|_| Err(E::from(StoreError::Closed)))
    }

    /// A channel that shows the number of the newest committed event.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<i64> {
        self.changes.clone()
    }

    /// Opens a database for reading only, without a server: for `audit verify` and the like.
    ///
    /// # Errors
    /// When there is no database in the directory.
    pub(super) fn open_readonly(data_dir: &Path) -> Result<Connection> {
        let path = data_dir.join("mainspring.db");
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        conn.busy_timeout(std::time::Duration::from_secs(5))?;
        Ok(conn)
    }
}

/// Settings of every connection.
pub(super) fn configure(conn: &Connection) -> Result<()> {
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "wal_autocheckpoint", 4000)?;
    conn.pragma_update(None, "cache_size", -16_384)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.set_prepared_statement_cache_capacity(256);
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(())
}
