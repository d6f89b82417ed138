//! A pool of connections for queries.

use crate::driver::Connection;
use crate::{Result, StoreError};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many connections are open at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Those that stay open without work.
    pub(crate) idle: usize,
    /// Those that work at a time; who needs one more waits.
    pub(crate) busy: usize,
}

/// Makes a connection for queries.
pub(crate) type Connect = Box<dyn Fn() -> Result<Connection> + Send + Sync>;

pub(crate) struct Readers {
    connect: Connect,
    limits: Limits,
    pool: Mutex<Pool>,
    freed: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    busy: usize,
}

impl Readers {
    pub(crate) fn new(limits: Limits, connect: Connect) -> Self {
        Self { connect, limits, pool: Mutex::default(), freed: Condvar::new() }
    }

    /// Runs a query in a transaction of its own, so that it sees one state throughout.
    pub(crate) fn with<T, E: From<StoreError>>(
        &self,
        query: impl FnOnce(&Connection) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let _place = self.wait_for_place();
        let conn = self.begin()?;
        let result = query(&conn);
        // What was read stands, whether or not the connection is good for another time.
        if conn.rollback().is_ok() {
            let mut pool = self.pool();
            if pool.idle.len() < self.limits.idle {
                pool.idle.push(conn);
            }
        }
        result
    }

    /// A connection with a transaction. One that was lost while it was idle is replaced.
    fn begin(&self) -> Result<Connection> {
        while let Some(conn) = self.take_idle() {
            match conn.begin_read() {
                Ok(()) => return Ok(conn),
                Err(_) if conn.is_lost() => {}
                Err(error) => return Err(error),
            }
        }
        let conn = (self.connect)()?;
        conn.begin_read()?;
        Ok(conn)
    }

    fn take_idle(&self) -> Option<Connection> {
        self.pool().idle.pop()
    }

    fn wait_for_place(&self) -> Place<'_> {
        let full = |pool: &mut Pool| pool.busy >= self.limits.busy;
        let pool = self.freed.wait_while(self.pool(), full);
        pool.unwrap_or_else(PoisonError::into_inner).busy += 1;
        Place(self)
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those that work, given back even by a query that panics.
struct Place<'r>(&'r Readers);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.pool().busy -= 1;
        self.0.freed.notify_one();
    }
}
