//! A query that somebody else wrote: what it may be, what is read of it, and where it ends.

use std::time::Duration;
use thiserror::Error;

/// A query that somebody else wrote, and the limits under which it runs.
#[derive(Clone, Copy, Debug)]
pub struct Select<'a> {
    /// One SELECT. `:name` stands for a parameter.
    pub sql: &'a str,
    /// Parameters by name, without the colon. It need not use them all.
    pub parameters: &'a [(&'a str, f64)],
    /// The columns that are read, in this order.
    pub columns: &'a [Wanted<'a>],
    /// The largest number of rows that it may give.
    pub max_rows: usize,
    /// How long it may take.
    pub time_limit: Duration,
}

/// A column that is read.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Its name; capitals do not matter.
    pub name: &'a str,
    /// What it holds.
    pub kind: Kind,
    /// Whether the query must have it.
    pub required: bool,
}

/// What a column holds. Types that only one engine has are given in this form: decimal numbers as
/// floating-point ones or texts, dates and times as seconds since 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Names.
    Text,
    /// Numbers.
    Number,
    /// Times.
    Time,
}

/// Why a query has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectError {
    /// The database cannot be reached, or the connection was lost.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// The database refuses the query.
    #[error("the database refuses it: {0}")]
    Refused(String),
    /// A parameter that it does not get.
    #[error("it has the parameter `{0}`, which is not given")]
    Parameter(String),
    /// A column that it must have.
    #[error("it has no column `{name}`; it has {found}")]
    MissingColumn {
        /// The column.
        name: String,
        /// Those that it has, for people.
        found: String,
    },
    /// It gives more rows than it may.
    #[error("it gives more than {0} rows")]
    TooManyRows(usize),
    /// It takes longer than it may.
    #[error("it took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
    /// A row that its reader does not take.
    #[error("row {number}: {reason}")]
    Row {
        /// Its number, from 1.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// Columns that an error names.
const SHOWN: usize = 20;

impl Select<'_> {
    /// A statement that gives `list` of the query `sql`. In brackets nothing but a SELECT can stand. One
    /// row too many shows that there are more than may be.
    pub(super) fn within(&self, list: &str, sql: &str) -> String {
        let sql = sql.trim_end();
        let sql = sql.strip_suffix(';').unwrap_or(sql);
        format!("SELECT {list} FROM (\n{sql}\n) AS asked LIMIT {}", self.max_rows.saturating_add(1))
    }

    /// The place of each wanted column among those of the query.
    pub(super) fn places(&self, names: &[&str]) -> Result<Vec<Option<usize>>, SelectError> {
        let place = |wanted: &Wanted<'_>| {
            let place = names.iter().position(|name| name.eq_ignore_ascii_case(wanted.name));
            if place.is_some() || !wanted.required {
                return Ok(place);
            }
            let shown = names.get(..SHOWN).unwrap_or(names).join(", ");
            let more = if names.len() > SHOWN { ", ..." } else { "" };
            Err(SelectError::MissingColumn { name: wanted.name.to_owned(), found: format!("{shown}{more}") })
        };
        self.columns.iter().map(place).collect()
    }

    /// The value of a parameter; its name comes as it is written, for errors.
    pub(super) fn parameter(&self, written: &str) -> Result<f64, SelectError> {
        let name = written.strip_prefix(':');
        let given = self.parameters.iter().find(|(given, _)| name == Some(given));
        given.map(|(_, value)| *value).ok_or_else(|| SelectError::Parameter(written.to_owned()))
    }
}

/// The rows of an answer, as far as they may go.
pub(super) struct Rows<T> {
    most: usize,
    seen: usize,
    kept: Vec<T>,
}

impl<T> Rows<T> {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, seen: 0, kept: Vec::new() }
    }

    /// Takes a row, or what its reader has against it.
    pub(super) fn push(&mut self, row: Result<Option<T>, String>) -> Result<(), SelectError> {
        self.seen += 1;
        if self.seen > self.most {
            return Err(SelectError::TooManyRows(self.most));
        }
        self.kept.extend(row.map_err(|reason| SelectError::Row { number: self.seen, reason })?);
        Ok(())
    }

    pub(super) fn kept(self) -> Vec<T> {
        self.kept
    }
}
