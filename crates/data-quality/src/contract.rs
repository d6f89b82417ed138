//! A contract as the gate uses it: one table, its columns, and a flat list of checks.

use std::fmt;
use std::path::{Path, PathBuf};

use mainspring_expressions::yaml::SourceError;
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::expectation::Expectation;
use crate::parse;

/// An Open Data Contract Standard file that has been read and found complete.
#[derive(Debug, Clone)]
pub struct Contract {
    /// `id` of the contract.
    pub id: String,
    /// `name` of the contract; its id if it has none.
    pub name: String,
    /// `version` of the contract.
    pub version: String,
    /// The file it was read from, as the caller named it.
    pub file: PathBuf,
    /// Name of the schema object, which is the table's name in SQL rules.
    pub table: String,
    /// Names of the properties, in order: the columns every file must have.
    pub columns: Vec<String>,
    /// Columns that together name a row; shown beside a failing value.
    pub(crate) identity: Vec<String>,
    pub(crate) checks: Vec<Check>,
}

impl Contract {
    /// Reads a contract; `file` is used in messages only.
    ///
    /// # Errors
    /// [`ContractError`] with line and column for anything that is not YAML, not part of the standard,
    /// or part of it but not something this gate can check: a rule that would be skipped in silence is
    /// refused.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ContractError> {
        parse::contract(text, file).map_err(|fault| ContractError(fault.in_file(file)))
    }

    /// Number of checks that [`crate::check`] makes for each file, the presence of rows and columns
    /// not counted.
    #[must_use]
    pub fn check_count(&self) -> usize {
        self.checks.len()
    }
}

/// Why a contract is refused: prints as `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct ContractError(#[from] SourceError);

impl ContractError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.0.hint
    }

    /// The place and the parts of the message.
    #[must_use]
    pub fn source_error(&self) -> &SourceError {
        &self.0
    }
}

/// What a broken rule means for the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The gate warns and lets the data pass.
    Warning,
    /// The gate fails.
    Error,
}

/// The logical types of the standard that a CSV column can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogicalType {
    /// Any text.
    String,
    /// Whole numbers; `5.0` counts as 5.
    Integer,
    /// Finite numbers.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `YYYY-MM-DD`.
    Date,
    /// `YYYY-MM-DD` and `HH:MM[:SS[.f]]` with `T` or a blank between, and an optional zone.
    Timestamp,
    /// `HH:MM[:SS[.f]]`.
    Time,
}

impl LogicalType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Time => "time",
        }
    }
}

/// One check of a contract.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) column: Option<String>,
    pub(crate) severity: Severity,
    pub(crate) description: String,
    pub(crate) rule: Rule,
}

/// What a check looks at.
#[derive(Debug, Clone)]
pub(crate) enum Rule {
    /// Every value that is not null reads as the type; without a type, no value is NaN or infinite.
    Type(Option<LogicalType>),
    /// No value is null.
    Required,
    /// No combination of the columns' values appears twice.
    Unique(Vec<String>),
    /// Every number lies within the limits.
    Bounds(Bounds),
    /// Every number is a multiple of this.
    MultipleOf(f64),
    /// The number of characters lies within the limits.
    Length { min: Option<u64>, max: Option<u64> },
    /// Every text contains a match.
    Pattern(Regex),
    /// A library metric against an expectation.
    Metric { metric: Metric, expected: Vec<Expectation>, unit: Unit },
    /// A query that gives one number, against an expectation.
    Sql { query: String, expected: Vec<Expectation> },
}

impl Rule {
    /// The rule's name in reports.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Type(_) => "logicalType",
            Self::Required => "required",
            Self::Unique(_) => "unique",
            Self::Bounds(_) => "range",
            Self::MultipleOf(_) => "multipleOf",
            Self::Length { .. } => "length",
            Self::Pattern(_) => "pattern",
            Self::Metric { metric, .. } => metric.name(),
            Self::Sql { .. } => "sql",
        }
    }
}

/// Limits of a number; each may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Bounds {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) above: Option<f64>,
    pub(crate) below: Option<f64>,
}

impl Bounds {
    pub(crate) fn contain(self, number: f64) -> bool {
        self.min.is_none_or(|min| number >= min)
            && self.max.is_none_or(|max| number <= max)
            && self.above.is_none_or(|above| number > above)
            && self.below.is_none_or(|below| number < below)
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(">=", self.min), (">", self.above), ("<=", self.max), ("<", self.below)];
        let parts: Vec<String> = parts
            .into_iter()
            .filter_map(|(sign, limit)| limit.map(|limit| format!("{sign} {limit}")))
            .collect();
        formatter.write_str(&parts.join(" and "))
    }
}

/// The library metrics of the standard.
#[derive(Debug, Clone)]
pub(crate) enum Metric {
    NullValues,
    /// Nulls and these texts.
    MissingValues(Vec<String>),
    InvalidValues {
        valid: Option<Vec<String>>,
        pattern: Option<Regex>,
    },
    /// Rows that repeat an earlier row's values in these columns.
    DuplicateValues(Vec<String>),
    RowCount,
}

impl Metric {
    pub(crate) const NAMES: [&str; 5] =
        ["nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"];

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::NullValues => "nullValues",
            Self::MissingValues(_) => "missingValues",
            Self::InvalidValues { .. } => "invalidValues",
            Self::DuplicateValues(_) => "duplicateValues",
            Self::RowCount => "rowCount",
        }
    }

    /// What the metric counts, for people.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::NullValues => "null values",
            Self::MissingValues(_) => "missing values",
            Self::InvalidValues { .. } => "invalid values",
            Self::DuplicateValues(_) => "duplicate rows",
            Self::RowCount => "rows",
        }
    }
}

/// What a metric's count is expressed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Rows,
    /// Of the rows of the file, 0 to 100.
    Percent,
}
