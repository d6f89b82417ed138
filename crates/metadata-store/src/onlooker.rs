//! A look at a store without opening it: nothing is locked, made or migrated.

use crate::driver::Connection;
use crate::migrate;
use crate::sql::SqlTx;
use crate::traits::ReadTx;
use crate::{Backend, Result, StoreError};
use std::path::Path;

/// A view of the store in a data directory, which a server may be using meanwhile.
pub struct Onlooker {
    conn: Connection,
}

impl std::fmt::Debug for Onlooker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Onlooker").finish_non_exhaustive()
    }
}

impl Onlooker {
    /// Looks at the store of a data directory; none when there is none yet. Not where others wait
    /// asynchronously.
    ///
    /// # Errors
    /// When it cannot be read, or its schema is not the one of this version.
    pub fn open(backend: &Backend, data_dir: &Path) -> Result<Option<Self>> {
        let Some(conn) = backend.onlooker(data_dir)? else { return Ok(None) };
        migrate::check_current(&conn)?;
        Ok(Some(Self { conn }))
    }

    /// Runs a query on a consistent state.
    ///
    /// # Errors
    /// What `query` gives, or an error of the store.
    pub fn read<T, E: From<StoreError>>(
        &self,
        query: impl FnOnce(&dyn ReadTx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.conn.begin_read()?;
        let result = query(&SqlTx::reader(&self.conn, None));
        self.conn.rollback()?;
        result
    }
}
