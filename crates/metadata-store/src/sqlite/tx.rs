//! One transaction on a connection. The traits are implemented for it, area by area, in the
//! modules beside this one.

use super::audit::Head;
use crate::Result;
use mainspring_domain::{Actor, Timestamp};
use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) struct SqliteTx<'c> {
    pub(super) conn: &'c Connection,
    pub(super) actor: Actor,
    pub(super) now: Timestamp,
    pub(super) head: Option<&'c mut Head>,
    recorded: bool,
}

impl<'c> SqliteTx<'c> {
    pub(super) fn reader(conn: &'c Connection) -> Self {
        Self { conn, actor: Actor::system("reader"), now: Timestamp::default(), head: None, recorded: true }
    }

    pub(super) const fn writer(
        conn: &'c Connection,
        actor: Actor,
        now: Timestamp,
        head: &'c mut Head,
    ) -> Self {
        Self { conn, actor, now, head: Some(head), recorded: false }
    }

    pub(super) const fn set_recorded(&mut self) {
        self.recorded = true;
    }

    pub(super) const fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// Runs a statement that changes something; gives the number of rows.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        Ok(self.conn.prepare_cached(sql)?.execute(params)?)
    }

    /// All rows of a query.
    pub(super) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let rows = statement.query_map(params, map)?.collect::<rusqlite::Result<_>>()?;
        Ok(rows)
    }

    /// The first row of a query.
    pub(super) fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.conn.prepare_cached(sql)?.query_row(params, map).optional()?)
    }

    /// The single value of a query.
    pub(super) fn scalar<T: FromSql>(&self, sql: &str, params: impl Params) -> Result<T> {
        Ok(self.conn.prepare_cached(sql)?.query_row(params, |row| row.get(0))?)
    }

    /// The documents that a query gives in its first column.
    pub(super) fn documents<T: DeserializeOwned>(&self, sql: &str, params: impl Params) -> Result<Vec<T>> {
        let texts: Vec<String> = self.rows(sql, params, |row| row.get(0))?;
        texts.iter().map(|text| Ok(serde_json::from_str(text)?)).collect()
    }

    /// The document that a query gives in its first column.
    pub(super) fn document<T: DeserializeOwned>(&self, sql: &str, params: impl Params) -> Result<Option<T>> {
        let text: Option<String> = self.row(sql, params, |row| row.get(0))?;
        text.map(|text| Ok(serde_json::from_str(&text)?)).transpose()
    }
}

/// A document's stored form.
pub(super) fn to_text(document: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(document)?)
}

/// An unsigned size as SQLite holds it.
pub(super) fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count or size read back.
pub(super) fn to_u64(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
