//! The handle that everybody shares.

use crate::driver::Connection;
use crate::migrate::migrate;
use crate::readers::Readers;
use crate::sql::{SqlTx, audit};
use crate::traits::{ReadTx, WriteTx};
use crate::writer::Writer;
use crate::{Result, StoreError};
use mainspring_domain::{Actor, Clock};
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
        let conn = Connection::sqlite_writer(&path)?;
        migrate(&conn)?;
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
        tokio::task::spawn_blocking(move || readers.with(|conn| query(&SqlTx::reader(conn))))
            .await
            .unwrap_or_else(|_| Err(E::from(StoreError::Closed)))
    }

    /// A channel that shows the number of the newest committed event.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<i64> {
        self.changes.clone()
    }
}
