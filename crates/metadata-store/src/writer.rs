//! The single writer: takes waiting changes together, commits once, then answers each.

use crate::driver::{Connection, Failure};
use crate::sql::SqlTx;
use crate::sql::audit::Head;
use crate::traits::WriteTx;
use crate::{Result, StoreError};
use mainspring_domain::{Actor, Clock};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{oneshot, watch};

/// Changes that share one commit at most: bounds the time that the first of them waits.
const BATCH: usize = 512;

/// Tells the one who waits for a change how the commit went.
type Acknowledge = Box<dyn FnOnce(std::result::Result<(), Failure>) + Send>;

/// A waiting change: runs in a savepoint, gives back how to answer after the commit.
type Job = Box<dyn FnOnce(&Connection, &mut Head, &dyn Clock) -> Acknowledge + Send>;

pub(crate) struct Writer {
    jobs: Sender<Job>,
}

impl Writer {
    /// Starts the writer thread. The lock file lives as long as the thread.
    pub(crate) fn start(
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
    pub(crate) fn submit<T, E, F>(
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
                    Err(failure) => Err(E::from(failure.into())),
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
    let mut stopped: Option<Failure> = None;
    while let Ok(first) = waiting.recv() {
        let before = head.clone();
        let mut answers: Vec<Acknowledge> = Vec::new();
        let begun = match &stopped {
            Some(failure) => Err(failure.clone()),
            None => conn.begin_write().map_err(|error| Failure::NotWritten(error.to_string())),
        };
        let outcome = begun.and_then(|()| {
            answers.push(first(conn, &mut head, clock));
            while answers.len() < BATCH && conn.in_transaction() {
                let Ok(job) = waiting.try_recv() else { break };
                answers.push(job(conn, &mut head, clock));
            }
            if !conn.in_transaction() {
                return Err(Failure::NotWritten("the database rolled the changes back".to_owned()));
            }
            conn.commit()
        });
        match &outcome {
            Ok(()) => {
                changed.send_if_modified(|seq| std::mem::replace(seq, head.seq) != head.seq);
            }
            Err(failure) => {
                conn.rollback();
                head = before;
                if let Failure::Stopped(_) = failure {
                    stopped = Some(failure.clone());
                }
            }
        }
        for answer in answers {
            answer(outcome.clone());
        }
    }
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
    conn.begin_change()?;
    let rows_before = conn.total_changes();
    let mut tx = SqlTx::writer(conn, actor, clock.now(), head);
    let result = catch_unwind(AssertUnwindSafe(|| change(&mut tx)));
    let recorded = tx.is_recorded();
    let result = match result {
        Ok(Ok(_)) if !recorded && conn.total_changes() != rows_before => Err(E::from(StoreError::Unrecorded)),
        Ok(result) => result,
        Err(_) => Err(E::from(StoreError::Closed)),
    };
    if result.is_ok() {
        conn.keep_change()?;
    } else {
        *head = before;
        conn.undo_change()?;
    }
    result
}
