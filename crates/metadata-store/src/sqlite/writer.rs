//! The single writer: takes waiting changes together, commits once, then answers each.

use super::audit::Head;
use super::tx::SqliteTx;
use crate::traits::WriteTx;
use crate::{Result, StoreError};
use mainspring_domain::{Actor, Clock};
use rusqlite::{Connection, ErrorCode};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{oneshot, watch};

/// Changes that share one commit at most: bounds the time that the first of them waits.
const BATCH: usize = 512;

/// Tells the one who waits for a change how the commit went.
type Acknowledge = Box<dyn FnOnce(std::result::Result<(), String>) + Send>;

/// A waiting change: runs in a savepoint, gives back how to answer after the commit.
type Job = Box<dyn FnOnce(&Connection, &mut Head, &dyn Clock) -> Acknowledge + Send>;

pub(super) struct Writer {
    jobs: Sender<Job>,
}

impl Writer {
    /// Starts the writer thread. The lock file lives as long as the thread.
    pub(super) fn start(
        conn: Connection,
        head: Head,
        clock: Arc<dyn Clock>,
        lock: File,
    ) -> Result<(Self, watch::Receiver<i64>)> {
        let (jobs, waiting) = channel();
        let (changed, changes) = watch::channel(head.seq);
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || {
                work(&conn, head, &*clock, &waiting, &changed);
                drop(lock);
            })
            .map_err(|error| StoreError::Open { path: "thread".into(), reason: error.to_string() })?;
        Ok((Self { jobs }, changes))
    }

    /// Queues a change; the receiver gets its result after the commit.
    pub(super) fn submit<T, E, F>(
        &self,
        actor: Actor,
        change: F,
    ) -> Result<oneshot::Receiver<std::result::Result<T, E>>>
    where
        F: FnOnce(&mut dyn WriteTx) -> std::result::Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (send, receive) = oneshot::channel();
        let job: Job = Box::new(move |conn, head, clock| {
            let result = in_savepoint(conn, head, clock, actor, change);
            Box::new(move |committed| {
                let answer = match committed {
                    Ok(()) => result,
                    Err(reason) => Err(E::from(StoreError::WritesStopped(reason))),
                };
                // The one who asked may have gone away; the change stands all the same.
                let _ = send.send(answer);
            })
        });
        self.jobs.send(job).map_err(|_| StoreError::Closed)?;
        Ok(receive)
    }
}

fn work(
    conn: &Connection,
    mut head: Head,
    clock: &dyn Clock,
    waiting: &Receiver<Job>,
    changed: &watch::Sender<i64>,
) {
    let mut stopped: Option<String> = None;
    while let Ok(first) = waiting.recv() {
        let mut answers: Vec<Acknowledge> = Vec::new();
        let before = head.clone();
        let begun = match &stopped {
            Some(reason) => Err(reason.clone()),
            None => conn.execute_batch("BEGIN IMMEDIATE").map_err(|error| error.to_string()),
        };
        let outcome = begun.and_then(|()| {
            answers.push(first(conn, &mut head, clock));
            while answers.len() < BATCH && !conn.is_autocommit() {
                let Ok(job) = waiting.try_recv() else { break };
                answers.push(job(conn, &mut head, clock));
            }
            if conn.is_autocommit() {
                // Some errors (disk full, out of memory) make the engine roll everything back by
                // itself; what ran before in this batch is gone with it.
                return Err("the database rolled the changes back".to_owned());
            }
            conn.execute_batch("COMMIT").map_err(|error| {
                if !is_harmless(&error) {
                    stopped = Some(error.to_string());
                }
                error.to_string()
            })
        });
        if outcome.is_ok() {
            changed.send_if_modified(|seq| std::mem::replace(seq, head.seq) != head.seq);
        } else {
            // A failed rollback means there was no transaction left to roll back.
            let _ = conn.execute_batch("ROLLBACK");
            head = before;
        }
        for answer in answers {
            answer(outcome.clone());
        }
    }
}

/// Whether a failed commit left the disk in a known state. After a failed fsync it is unknown, and
/// trying again could report success for lost pages, so every other error stops writing.
fn is_harmless(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy))
}

fn in_savepoint<T, E, F>(
    conn: &Connection,
    head: &mut Head,
    clock: &dyn Clock,
    actor: Actor,
    change: F,
) -> std::result::Result<T, E>
where
    F: FnOnce(&mut dyn WriteTx) -> std::result::Result<T, E>,
    E: From<StoreError>,
{
    let before = head.clone();
    conn.execute_batch("SAVEPOINT change").map_err(StoreError::from)?;
    let rows_before = conn.total_changes();
    let mut tx = SqliteTx::writer(conn, actor, clock.now(), head);
    let result = catch_unwind(AssertUnwindSafe(|| change(&mut tx)));
    let recorded = tx.is_recorded();
    let result = match result {
        Ok(Ok(_)) if !recorded && conn.total_changes() != rows_before => Err(E::from(StoreError::Unrecorded)),
        Ok(result) => result,
        Err(_) => Err(E::from(StoreError::Closed)),
    };
    if result.is_ok() {
        conn.execute_batch("RELEASE change").map_err(StoreError::from)?;
    } else {
        *head = before;
        conn.execute_batch("ROLLBACK TO change; RELEASE change").map_err(StoreError::from)?;
    }
    result
}
