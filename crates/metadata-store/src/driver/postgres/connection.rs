//! One connection and its transactions.

use super::address::PostgresAddress;
use super::error::{is_loss, text};
use super::session::{LOCKS, Names, Role, connect, set_up};
use super::sql::{translate, writes};
use crate::driver::connection::Failure;
use crate::driver::row::Row;
use crate::driver::select::SelectError;
use crate::driver::value::{ToValue as _, Value};
use crate::{Result, StoreError};
use futures_util::future::{join, join_all};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, Statement};

/// Statements that stay prepared.
const PREPARED: usize = 256;
/// Rows that one look at the connection takes, and statements that are sent ahead of their answers.
const AHEAD: usize = 512;

#[derive(Clone)]
struct Prepared {
    statement: Statement,
    writes: bool,
}

pub(crate) struct PostgresConnection {
    /// There until the end: it must not be dropped where others wait asynchronously.
    runtime: Option<Runtime>,
    client: Client,
    names: Names,
    prepared: RefCell<HashMap<String, Prepared>>,
    /// Statements of transaction control that travel with the next one that needs an answer.
    pending: RefCell<String>,
    changes: Cell<u64>,
    failed: Cell<bool>,
    lost: Cell<bool>,
}

impl Drop for PostgresConnection {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl PostgresConnection {
    pub(in crate::driver) fn open(address: &PostgresAddress, role: Role) -> Result<Self> {
        let runtime = runtime()?;
        let (client, names) = runtime.block_on(async {
            let (client, connection) = connect(address).await?;
            // Its end shows in every call of the client.
            tokio::spawn(connection);
            let names = set_up(&client, role).await?;
            Ok::<_, StoreError>((client, names))
        })?;
        Ok(Self {
            runtime: Some(runtime),
            client,
            names,
            prepared: RefCell::default(),
            pending: RefCell::default(),
            changes: Cell::new(0),
            failed: Cell::new(false),
            lost: Cell::new(false),
        })
    }

    /// Waits for an answer, with what is pending sent ahead.
    fn wait<T>(&self, answer: impl Future<Output = std::result::Result<T, Error>>) -> Result<T> {
        let Some(runtime) = &self.runtime else { return Err(StoreError::Closed) };
        let ahead = std::mem::take(&mut *self.pending.borrow_mut());
        let outcome = runtime.block_on(async {
            if ahead.is_empty() {
                return answer.await;
            }
            let (ahead, answer) = join(self.client.batch_execute(&ahead), answer).await;
            ahead.and(answer)
        });
        outcome.map_err(|error| self.note(error))
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for an answer until a time. `limit` is what the server was told of it.
    pub(super) fn wait_until<T>(
        &self,
        until: Instant,
        limit: Duration,
        answer: impl Future<Output = std::result::Result<T, Error>>,
    ) -> std::result::Result<T, SelectError> {
        let Some(runtime) = &self.runtime else {
            return Err(SelectError::Unavailable(StoreError::Closed.to_string()));
        };
        match runtime.block_on(async { tokio::time::timeout_at(until.into(), answer).await }) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.code() == Some(&SqlState::QUERY_CANCELED) => {
                Err(SelectError::TimedOut(limit))
            }
            Ok(Err(error)) if is_loss(&error) => Err(SelectError::Unavailable(text(&error))),
            Ok(Err(error)) => Err(SelectError::Refused(text(&error))),
            Err(_) => Err(SelectError::TimedOut(limit)),
        }
    }

    fn note(&self, error: Error) -> StoreError {
        let lost = is_loss(&error) || self.client.is_closed();
        self.lost.set(self.lost.get() || lost);
        // What the driver itself refuses never reaches the server and leaves the transaction whole.
        self.failed.set(self.failed.get() || lost || error.as_db_error().is_some());
        error.into()
    }

    fn prepare(&self, sql: &str) -> Result<Prepared> {
        if let Some(prepared) = self.prepared.borrow().get(sql) {
            return Ok(prepared.clone());
        }
        let statement = self.wait(self.client.prepare(&translate(sql)))?;
        let prepared = Prepared { statement, writes: writes(sql) };
        let mut all = self.prepared.borrow_mut();
        if all.len() >= PREPARED {
            // Searches make ever new statements; those in use are soon back.
            all.clear();
        }
        all.insert(sql.to_owned(), prepared.clone());
        Ok(prepared)
    }

    fn changed(&self, rows: u64) {
        self.changes.set(self.changes.get() + rows);
    }

    pub(in crate::driver) fn total_changes(&self) -> u64 {
        self.changes.get()
    }

    pub(in crate::driver) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<usize> {
        let prepared = self.prepare(sql)?;
        let rows = self.wait(self.client.execute_raw(&prepared.statement, values))?;
        self.changed(rows);
        Ok(usize::try_from(rows).unwrap_or(usize::MAX))
    }

    pub(in crate::driver) fn execute_many<'v, const N: usize>(
        &self,
        sql: &str,
        mut rows: impl Iterator<Item = [Value<'v>; N]>,
    ) -> Result<usize> {
        let prepared = self.prepare(sql)?;
        let mut changed = 0;
        loop {
            let chunk: Vec<[Value<'v>; N]> = rows.by_ref().take(AHEAD).collect();
            if chunk.is_empty() {
                self.changed(changed);
                return Ok(usize::try_from(changed).unwrap_or(usize::MAX));
            }
            let sent = chunk.iter().map(|values| self.client.execute_raw(&prepared.statement, values));
            let answers = self.wait(async { join_all(sent).await.into_iter().collect() })?;
            changed += Vec::<u64>::into_iter(answers).sum::<u64>();
        }
    }

    pub(in crate::driver) fn rows<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let prepared = self.prepare(sql)?;
        let stream = self.wait(self.client.query_raw(&prepared.statement, values))?;
        let mut chunks = pin!(stream.try_ready_chunks(AHEAD));
        let mut all = Vec::new();
        loop {
            let next = async { chunks.next().await.transpose().map_err(|error| error.1) };
            let Some(chunk) = self.wait(next)? else { break };
            for row in &chunk {
                all.push(map(&Row::Postgres(row))?);
            }
        }
        if prepared.writes {
            self.changed(all.len() as u64);
        }
        Ok(all)
    }

    pub(in crate::driver) fn row<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        map: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let prepared = self.prepare(sql)?;
        let first = self.wait(async {
            let mut stream = pin!(self.client.query_raw(&prepared.statement, values).await?);
            let first = stream.next().await.transpose()?;
            if first.is_some() {
                while stream.next().await.transpose()?.is_some() {}
            }
            Ok(first)
        })?;
        if prepared.writes && first.is_some() {
            self.changed(1);
        }
        first.map(|row| map(&Row::Postgres(&row))).transpose()
    }
}

/// Schema and transactions.
impl PostgresConnection {
    fn control(&self, sql: &str) {
        self.pending.borrow_mut().push_str(sql);
    }

    /// Sends what is pending and waits until it is done.
    fn flush(&self) -> Result<()> {
        self.wait(async { Ok(()) })
    }

    /// Whether the connection is known to be of no use any more.
    pub(in crate::driver) fn is_lost(&self) -> bool {
        self.lost.get()
    }

    /// Whether a statement of this change failed: PostgreSQL takes no further ones then.
    pub(in crate::driver) fn has_failed(&self) -> bool {
        self.failed.get()
    }

    pub(in crate::driver) fn begin_read(&self) -> Result<()> {
        self.control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;");
        self.flush()
    }

    /// Each statement sees what was committed before it, so that what follows the lock sees all
    /// that other writers did.
    pub(in crate::driver) fn begin_write(&self) {
        self.failed.set(false);
        let key = self.names.write_lock;
        self.control(&format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({LOCKS}, {key});"
        ));
    }

    pub(in crate::driver) fn begin_change(&self) {
        self.failed.set(false);
        self.control("SAVEPOINT change;");
    }

    pub(in crate::driver) fn keep_change(&self) {
        self.control("RELEASE SAVEPOINT change;");
    }

    pub(in crate::driver) fn undo_change(&self) {
        self.control("ROLLBACK TO SAVEPOINT change; RELEASE SAVEPOINT change;");
    }

    pub(in crate::driver) fn commit(&self, announce: Option<i64>) -> std::result::Result<(), Failure> {
        // What comes before the commit is done first: its failure is no doubt about the commit.
        if let Some(seq) = announce {
            let mut pending = self.pending.borrow_mut();
            let _ = write!(pending, "SELECT pg_notify('{}', '{seq}');", self.names.channel);
        }
        self.control("COMMIT;");
        self.flush().map_err(|error| match error {
            StoreError::Unavailable(reason) => Failure::Unknown(reason),
            other => Failure::NotWritten(other.to_string()),
        })
    }

    pub(in crate::driver) fn rollback(&self) -> Result<()> {
        self.pending.borrow_mut().clear();
        self.control("ROLLBACK;");
        self.flush()
    }

    pub(in crate::driver) fn schema_version(&self) -> Result<i64> {
        let has = |table: &str| {
            let sql = "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = ?1)";
            self.row(sql, &[table.to_value()], |row| row.get(0)).map(|found| found == Some(true))
        };
        if has("mainspring_schema")? {
            let sql = "SELECT COALESCE(MAX(version), 0) FROM mainspring_schema";
            return Ok(self.row(sql, &[], |row| row.get(0))?.unwrap_or(0));
        }
        if has("experiments")? {
            return Err(StoreError::Unusable(
                "it holds the tables of another program; make an empty database, or a schema that the URI names \
                 with ?options=-csearch_path%3DNAME"
                    .to_owned(),
            ));
        }
        Ok(0)
    }

    pub(in crate::driver) fn migrate(&self, number: i64, sql: &str) -> Result<()> {
        self.control("CREATE TABLE IF NOT EXISTS mainspring_schema (version BIGINT NOT NULL);");
        self.wait(self.client.batch_execute(sql))?;
        self.execute("INSERT INTO mainspring_schema (version) VALUES (?1)", &[Value::Integer(number)])?;
        Ok(())
    }

    /// Waits for a while, or until something happens.
    pub(super) fn pause(&self, time: Duration, unless: impl Future<Output = ()>) {
        if let Some(runtime) = &self.runtime {
            let _ = runtime.block_on(async { tokio::time::timeout(time, unless).await });
        }
    }

    /// Tries to become the one server that runs what must run once; holds until the session ends.
    pub(super) fn try_lead(&self) -> Result<bool> {
        let sql = format!("SELECT pg_try_advisory_lock({LOCKS}, {})", self.names.lead_lock);
        Ok(self.row(&sql, &[], |row| row.get(0))?.unwrap_or(false))
    }
}

pub(super) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}
