//! One transaction on a connection. The traits are implemented for it, area by area, in the
//! modules beside this one.

use super::audit::Head;
use crate::driver::{Column, Connection, Dialect, Params, Row, Value};
use crate::{Result, StoreError};
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_domain::{Actor, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) struct SqlTx<'c> {
    conn: &'c Connection,
    pub(super) actor: Actor,
    pub(super) now: Timestamp,
    pub(super) head: Option<&'c mut Head>,
    pub(super) within: Option<WorkspaceName>,
    recorded: bool,
}

impl<'c> SqlTx<'c> {
    pub(crate) fn reader(conn: &'c Connection, within: Option<WorkspaceName>) -> Self {
        let (actor, now) = (Actor::system("reader"), Timestamp::default());
        Self { conn, actor, now, head: None, within, recorded: true }
    }

    pub(crate) fn writer(
        conn: &'c Connection,
        scope: (Actor, Option<WorkspaceName>),
        now: Timestamp,
        head: &'c mut Head,
    ) -> Self {
        let (actor, within) = scope;
        Self { conn, actor, now, head: Some(head), within, recorded: false }
    }

    pub(super) const fn set_recorded(&mut self) {
        self.recorded = true;
    }

    pub(crate) const fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// The SQL that this engine speaks.
    pub(super) const fn dialect(&self) -> Dialect {
        self.conn.dialect()
    }

    /// Runs a statement that changes something; gives the number of rows.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        params.bind(|values| self.conn.execute(sql, values))
    }

    /// Runs a statement for each of many rows; gives the number of rows that changed.
    pub(super) fn execute_many<'v, const N: usize>(
        &self,
        sql: &str,
        rows: impl IntoIterator<Item = [Value<'v>; N]>,
    ) -> Result<usize> {
        self.conn.execute_many(sql, rows.into_iter())
    }

    /// All rows of a query.
    pub(super) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        params.bind(|values| self.conn.rows(sql, values, map))
    }

    /// The first row of a query.
    pub(super) fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        params.bind(|values| self.conn.row(sql, values, map))
    }

    /// The single value of a query.
    pub(super) fn scalar<T: Column>(&self, sql: &str, params: impl Params) -> Result<T> {
        self.row(sql, params, |row| row.get(0))?.ok_or(StoreError::NoRow)
    }

    /// The documents that a query gives in its first column.
    pub(super) fn documents<T: DeserializeOwned>(&self, sql: &str, params: impl Params) -> Result<Vec<T>> {
        self.rows(sql, params, |row| Ok(serde_json::from_str(row.text(0)?)?))
    }

    /// The document that a query gives in its first column.
    pub(super) fn document<T: DeserializeOwned>(&self, sql: &str, params: impl Params) -> Result<Option<T>> {
        self.row(sql, params, |row| Ok(serde_json::from_str(row.text(0)?)?))
    }
}

/// What a query gathered into one JSON text; nothing when there was nothing to gather.
pub(super) fn gathered<T: DeserializeOwned + Default>(row: &Row<'_>, index: usize) -> Result<T> {
    let text: Option<String> = row.get(index)?;
    text.map_or_else(|| Ok(T::default()), |text| Ok(serde_json::from_str(&text)?))
}

/// A document's stored form.
pub(super) fn to_text(document: &(impl Serialize + ?Sized)) -> Result<String> {
    Ok(serde_json::to_string(document)?)
}

/// An unsigned size as it is stored.
pub(super) fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A place in a sequence as it is bound.
pub(super) fn place(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count or size read back.
pub(super) fn to_u64(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
