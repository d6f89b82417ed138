//! The single writer: takes waiting changes together, commits once, then answers each.

use crate::driver::{Connection, Dialect, Failure, Undo};
use crate::readers::Connect;
use crate::sql::SqlTx;
use crate::sql::audit::{self, Head};
use crate::traits::WriteTx;
use crate::{Result, StoreError};
use mainspring_domain::workspaces::WorkspaceName;
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

/// What a change runs on, or why it cannot run.
type Turn<'t> = std::result::Result<(&'t Connection, &'t mut Head, &'t dyn Clock, Undo), Failure>;

/// A waiting change: runs so that it can be undone, gives back how to answer after the commit.
type Job = Box<dyn FnOnce(Turn<'_>) -> Acknowledge + Send>;

pub(crate) struct Writer {
    jobs: Sender<Job>,
}

impl Writer {
    /// Starts the writer thread. The lock file lives as long as the thread.
    pub(crate) fn start(
        (conn, head): (Connection, Head),
        connect: Connect,
        clock: Arc<dyn Clock>,
        newest: Arc<watch::Sender<i64>>,
        lock: File,
    ) -> Result<Self> {
        let (jobs, waiting) = channel();
        let mut work = Work { conn, connect, head, clock, newest, stopped: None };
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || {
                while let Ok(first) = waiting.recv() {
                    work.batch(first, &waiting);
                }
                drop(lock);
            })
            .map_err(|error| StoreError::Open { path: "thread".into(), reason: error.to_string() })?;
        Ok(Self { jobs })
    }

    /// Queues a change of somebody, who sees a workspace or everything; the receiver gets its result after
    /// the commit.
    pub(crate) fn submit<T, E, F>(
        &self,
        scope: (Actor, Option<WorkspaceName>),
        change: F,
    ) -> Result<oneshot::Receiver<std::result::Result<T, E>>>
    where
        F: FnOnce(&mut dyn WriteTx) -> std::result::Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (send, receive) = oneshot::channel();
        let job: Job = Box::new(move |turn| {
            let result = match turn {
                Ok((conn, head, clock, undo)) => run_change((conn, undo), head, clock, scope, change),
                Err(failure) => Err(E::from(failure.into())),
            };
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

/// What the writer thread has.
struct Work {
    conn: Connection,
    connect: Connect,
    /// The end of the audit trail as of the last commit that was seen.
    head: Head,
    clock: Arc<dyn Clock>,
    newest: Arc<watch::Sender<i64>>,
    stopped: Option<Failure>,
}

impl Work {
    /// Commits a change together with those that wait already.
    fn batch(&mut self, first: Job, waiting: &Receiver<Job>) {
        let mut answers = Vec::new();
        let outcome = self.run(first, waiting, &mut answers);
        match &outcome {
            Ok(head) => {
                raise(&self.newest, head.seq);
                self.head = head.clone();
            }
            Err(failure) => {
                // There may be no transaction left to roll back; on a connection that is lost there
                // is none.
                let _ = self.conn.rollback();
                if let Failure::Stopped(_) = failure {
                    self.stopped = Some(failure.clone());
                }
            }
        }
        let outcome = outcome.map(drop);
        for answer in answers {
            answer(outcome.clone());
        }
    }

    fn run(
        &mut self,
        first: Job,
        waiting: &Receiver<Job>,
        answers: &mut Vec<Acknowledge>,
    ) -> std::result::Result<Head, Failure> {
        let begun = match &self.stopped {
            Some(failure) => Err(failure.clone()),
            None => self.begin().map_err(|error| Failure::NotWritten(error.to_string())),
        };
        let mut head = match begun {
            Ok(head) => head,
            Err(failure) => {
                answers.push(first(Err(failure.clone())));
                return Err(failure);
            }
        };
        let before = head.seq;
        answers.push(first(Ok((&self.conn, &mut head, &*self.clock, Undo::Batch))));
        while answers.len() < BATCH && self.conn.in_transaction() {
            let Ok(job) = waiting.try_recv() else { break };
            answers.push(job(Ok((&self.conn, &mut head, &*self.clock, Undo::Savepoint))));
        }
        if !self.conn.in_transaction() {
            return Err(Failure::NotWritten("the database gave the changes up".to_owned()));
        }
        self.conn.commit((head.seq != before).then_some(head.seq))?;
        Ok(head)
    }

    /// Begins a transaction and finds the end of the audit trail. A connection that was lost since
    /// the last batch is replaced: nothing of this one was sent yet.
    fn begin(&mut self) -> Result<Head> {
        let begun = self.try_begin();
        if begun.is_err() && self.conn.is_lost() {
            self.conn = (self.connect)()?;
            return self.try_begin();
        }
        begun
    }

    fn try_begin(&self) -> Result<Head> {
        self.conn.begin_write()?;
        match self.conn.dialect() {
            // No one else writes there.
            Dialect::Sqlite => Ok(self.head.clone()),
            Dialect::Postgres => audit::head(&self.conn),
        }
    }
}

/// Raises the number of the newest event. Numbers only rise, in whatever order they are heard of.
pub(crate) fn raise(newest: &watch::Sender<i64>, seq: i64) {
    newest.send_if_modified(|held| {
        let higher = seq > *held;
        *held = seq.max(*held);
        higher
    });
}

fn run_change<T, E, F>(
    (conn, undo): (&Connection, Undo),
    head: &mut Head,
    clock: &dyn Clock,
    scope: (Actor, Option<WorkspaceName>),
    change: F,
) -> std::result::Result<T, E>
where
    F: FnOnce(&mut dyn WriteTx) -> std::result::Result<T, E>,
    E: From<StoreError>,
{
    let before = head.clone();
    conn.begin_change(undo)?;
    let rows_before = conn.total_changes();
    let mut tx = SqlTx::writer(conn, scope, clock.now(), head);
    let result = catch_unwind(AssertUnwindSafe(|| change(&mut tx)));
    let recorded = tx.is_recorded();
    let result = match result {
        Ok(Ok(_)) if !recorded && conn.total_changes() != rows_before => Err(E::from(StoreError::Unrecorded)),
        Ok(Ok(_)) if conn.has_failed() => Err(E::from(StoreError::Abandoned)),
        Ok(result) => result,
        Err(_) => Err(E::from(StoreError::Closed)),
    };
    if result.is_ok() {
        conn.keep_change(undo)?;
    } else {
        *head = before;
        conn.undo_change(undo)?;
    }
    result
}
