//! A store in a temporary directory.

use crate::PostgresSchema;
use mainspring_domain::Clock;
use mainspring_metadata_store::{Backend, Store, StoreError};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a store that was dropped may take to let go of its directory.
const RELEASE: Duration = Duration::from_secs(10);

/// A real store whose directory is removed with it.
pub struct TempStore {
    directory: TempDir,
    store: Option<Store>,
    clock: Arc<dyn Clock>,
    backend: Backend,
}

/// Names the engine under every store that is not made for one: `postgres`, or else SQLite.
const ENGINE: &str = "MAINSPRING_TEST_STORE";

/// Where the rows of a new store are: in SQLite, unless the tests are told otherwise.
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
fn backend() -> Backend {
    if std::env::var_os(ENGINE).is_some_and(|engine| engine == "postgres") {
        PostgresSchema::new().expect("a PostgreSQL server").backend()
    } else {
        Backend::Sqlite
    }
}

/// Opens a new, empty store whose folder is the caller's.
///
/// # Panics
/// When it cannot be made: a test that has no store has failed.
#[must_use]
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
pub fn new_store(directory: &Path, clock: Arc<dyn Clock>) -> Store {
    Store::open_on(backend(), directory, clock).expect("a new store")
}

impl TempStore {
    /// Opens a new, empty store.
    ///
    /// # Panics
    /// When it cannot be made: a test that has no store has failed.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::on(backend(), clock)
    }

    /// Opens a new, empty store on a backend.
    ///
    /// # Panics
    /// When it cannot be made: a test that has no store has failed.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn on(backend: Backend, clock: Arc<dyn Clock>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open_on(backend.clone(), directory.path(), Arc::clone(&clock));
        Self { directory, store: Some(store.expect("a new store")), clock, backend }
    }

    /// Where its rows are.
    #[must_use]
    pub const fn backend(&self) -> &Backend {
        &self.backend
    }

    /// The store; clones of it must be dropped before [`TempStore::reopen`].
    ///
    /// # Panics
    /// Never: there is a store except within `reopen`.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn store(&self) -> Store {
        self.store.clone().expect("the store is open")
    }

    /// Closes the store and opens it again, as a restart of the server does.
    ///
    /// # Panics
    /// When somebody still holds the old one.
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn reopen(&mut self) -> Store {
        self.store = None;
        let since = Instant::now();
        let clock = Arc::clone(&self.clock);
        let store = loop {
            match Store::open_on(self.backend.clone(), self.directory.path(), Arc::clone(&clock)) {
                Err(StoreError::Locked { .. }) if since.elapsed() < RELEASE => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                other => break other.expect("the store opens again"),
            }
        };
        self.store = Some(store.clone());
        store
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}
