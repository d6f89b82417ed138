//! A small pool of read-only connections.

use super::store::configure;
use crate::{Result, StoreError};
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    keep: usize,
}

impl Readers {
    pub(super) const fn new(path: PathBuf, keep: usize) -> Self {
        Self { path, idle: Mutex::new(Vec::new()), keep }
    }

    /// Runs a query in a transaction of its own, so that it sees one state throughout.
    pub(super) fn with<T, E: From<StoreError>>(
        &self,
        query: impl FnOnce(&Connection) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let conn = self.take().map_err(E::from)?;
        conn.execute_batch("BEGIN").map_err(StoreError::from)?;
        let result = query(&conn);
        conn.execute_batch("ROLLBACK").map_err(StoreError::from)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.keep {
            idle.push(conn);
        }
        result
    }

    fn take(&self) -> Result<Connection> {
        if let Some(conn) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(conn);
        }
        let conn = Connection::open(&self.path)?;
        configure(&conn)?;
        conn.pragma_update(None, "query_only", true)?;
        Ok(conn)
    }
}
