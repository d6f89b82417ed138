//! A small pool of connections for queries.

use crate::driver::Connection;
use crate::{Result, StoreError};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    keep: usize,
}

impl Readers {
    pub(crate) const fn new(path: PathBuf, keep: usize) -> Self {
        Self { path, idle: Mutex::new(Vec::new()), keep }
    }

    /// Runs a query in a transaction of its own, so that it sees one state throughout.
    pub(crate) fn with<T, E: From<StoreError>>(
        &self,
        query: impl FnOnce(&Connection) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let conn = self.begin()?;
        let result = query(&conn);
        conn.end_read()?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.keep {
            idle.push(conn);
        }
        result
    }

    fn begin(&self) -> Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = idle.map_or_else(|| Connection::sqlite_reader(&self.path), Ok)?;
        conn.begin_read()?;
        Ok(conn)
    }
}
