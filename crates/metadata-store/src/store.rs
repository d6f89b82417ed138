//! The handle that everybody shares.

use crate::driver::{Connection, PostgresAddress};
use crate::migrate::migrate;
use crate::readers::{Connect, Limits, Readers};
use crate::sql::{SqlTx, audit};
use crate::traits::{ReadTx, WriteTx};
use crate::writer::Writer;
use crate::{Result, StoreError};
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_domain::{Actor, Clock};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// The database's name in a data directory.
const FILE: &str = "mainspring.db";

/// Where the rows are.
#[derive(Clone, Debug, Default)]
pub enum Backend {
    /// In SQLite, in the data directory.
    #[default]
    Sqlite,
    /// In a PostgreSQL database that several servers may share.
    Postgres(PostgresAddress),
}

impl Backend {
    fn writer(&self, data_dir: &Path) -> Connect {
        let path = data_dir.join(FILE);
        match self.clone() {
            Self::Sqlite => Box::new(move || Connection::sqlite_writer(&path)),
            Self::Postgres(address) => Box::new(move || Connection::postgres_writer(&address)),
        }
    }

    fn reader(&self, data_dir: &Path) -> Connect {
        let path = data_dir.join(FILE);
        match self.clone() {
            Self::Sqlite => Box::new(move || Connection::sqlite_reader(&path)),
            Self::Postgres(address) => Box::new(move || Connection::postgres_reader(&address)),
        }
    }

    /// A connection for queries beside a server that perhaps runs; none when there is no database yet.
    pub(crate) fn onlooker(&self, data_dir: &Path) -> Result<Option<Connection>> {
        let path = data_dir.join(FILE);
        match self {
            Self::Sqlite if !path.exists() => Ok(None),
            Self::Sqlite => Connection::sqlite_onlooker(&path).map(Some),
            Self::Postgres(address) => Connection::postgres_reader(address).map(Some),
        }
    }

    /// Does something with a connection for queries, beside a server that perhaps runs.
    pub(crate) fn look<T: Send>(
        &self,
        data_dir: &Path,
        work: impl FnOnce(&Connection) -> Result<T> + Send,
    ) -> Result<T> {
        apart(|| {
            let conn = match self {
                Self::Sqlite => Connection::sqlite_onlooker(&data_dir.join(FILE)),
                Self::Postgres(address) => Connection::postgres_reader(address),
            }?;
            conn.begin_read()?;
            work(&conn)
        })
    }

    const fn limits(&self) -> Limits {
        match self {
            // A thread each is the limit there.
            Self::Sqlite => Limits { idle: 4, busy: usize::MAX },
            // A PostgreSQL server has 100 connections unless it is told otherwise.
            Self::Postgres(_) => Limits { idle: 8, busy: 8 },
        }
    }
}

/// The durable state of one server, or of several that share a database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    changes: watch::Receiver<i64>,
    backend: Backend,
    within: Option<WorkspaceName>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("backend", &self.backend).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens (or makes) the store in a data directory and takes its lock.
    ///
    /// # Errors
    /// When the directory cannot be used, another process has it, or the database is newer than
    /// this version.
    pub fn open(data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::open_on(Backend::Sqlite, data_dir, clock)
    }

    /// Opens (or makes) the store on a backend. The lock of the data directory is taken all the
    /// same: other things of one server live there too.
    ///
    /// # Errors
    /// As [`Store::open`], and when a database cannot be reached.
    pub fn open_on(backend: Backend, data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let lock = lock(data_dir)?;
        let (writer, reader) = (backend.writer(data_dir), backend.reader(data_dir));
        let first = apart(|| {
            let conn = writer()?;
            migrate(&conn)?;
            let head = audit::head(&conn)?;
            Ok((conn, head))
        })?;
        let (newest, changes) = watch::channel(first.1.seq);
        let newest = Arc::new(newest);
        if let Backend::Postgres(address) = &backend {
            address.follow_changes(Arc::clone(&newest))?;
        }
        Ok(Self {
            writer: Arc::new(Writer::start(first, writer, clock, newest, lock)?),
            readers: Arc::new(Readers::new(backend.limits(), reader)),
            changes,
            backend,
            within: None,
        })
    }

    /// The same store, of which transactions see one workspace: experiments and models of others, and all
    /// that belongs to them, are not there for them.
    #[must_use]
    pub fn within(&self, workspace: WorkspaceName) -> Self {
        Self { within: Some(workspace), ..self.clone() }
    }

    /// The workspace that transactions see; none when they see everything.
    #[must_use]
    pub const fn workspace(&self) -> Option<&WorkspaceName> {
        self.within.as_ref()
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
        let answer = self.writer.submit((actor, self.within.clone()), change).map_err(E::from)?;
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
        let (readers, within) = (Arc::clone(&self.readers), self.within.clone());
        tokio::task::spawn_blocking(move || readers.with(|conn| query(&SqlTx::reader(conn, within))))
            .await
            .unwrap_or_else(|_| Err(E::from(StoreError::Closed)))
    }

    /// A channel that shows the number of the newest committed event, whichever server committed it.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<i64> {
        self.changes.clone()
    }

    /// A channel that shows whether this server is the one that runs what must run once. With a
    /// database of its own it always is; of several servers with one database it is one, and
    /// another one when that dies. Losing the database means losing the lead.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn leadership(&self) -> Result<watch::Receiver<bool>> {
        match &self.backend {
            Backend::Sqlite => Ok(watch::channel(true).1),
            Backend::Postgres(address) => apart(|| address.seek_leadership()),
        }
    }
}

/// Takes the lock of a data directory.
fn lock(data_dir: &Path) -> Result<File> {
    let path = || data_dir.display().to_string();
    let open_error = |error: std::io::Error| StoreError::Open { path: path(), reason: error.to_string() };
    std::fs::create_dir_all(data_dir).map_err(open_error)?;
    let lock = File::create(data_dir.join("server.lock")).map_err(open_error)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Locked { path: path() }),
        Err(std::fs::TryLockError::Error(error)) => Err(open_error(error)),
    }
}

/// Does something on a thread of its own: a connection waits for its answers, which is forbidden
/// where others wait asynchronously.
fn apart<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap_or(Err(StoreError::Closed)))
}
