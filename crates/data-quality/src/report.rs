//! What the gate found.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::contract::Severity;

/// The outcome of a check, of a file, of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything holds.
    Pass,
    /// A rule of severity `warning` is broken.
    Warn,
    /// A rule of severity `error` is broken or cannot be decided.
    Fail,
}

/// What the gate found in a set of files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// Version of this format: 1.
    pub version: u32,
    /// The contract that was held against the files.
    pub contract: ContractReference,
    /// The files, in the order given.
    pub files: Vec<FileReport>,
    /// The worst verdict of all checks.
    pub verdict: Verdict,
    /// One entry for each check and file, in the order of the contract.
    pub checks: Vec<CheckReport>,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// Which contract was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractReference {
    /// `id` of the contract.
    pub id: String,
    /// `name` of the contract.
    pub name: String,
    /// `version` of the contract.
    pub version: String,
    /// The contract's file.
    pub file: String,
}

/// One of the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// The file, as it was named by the caller.
    pub path: String,
    /// Rows, the header not counted; 0 for a file that is not a table.
    pub rows: u64,
    /// MD5 of the bytes, where the caller knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
}

/// What one check found in one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// The check's `id` or `name` in the contract, or `column.rule`.
    pub name: String,
    /// The rule: `logicalType`, `required`, `range`, `nullValues`, `sql`, ...
    pub rule: String,
    /// The column, for a rule of a property.
    pub column: Option<String>,
    /// The file it was made on.
    pub file: String,
    /// What a failure means.
    pub severity: Severity,
    /// The outcome.
    pub verdict: Verdict,
    /// The number that was measured; `None` if it could not be.
    pub measured: Option<f64>,
    /// What was expected, for people.
    pub expected: String,
    /// Rows that break the rule; 0 where the rule is not about rows.
    pub failing_rows: u64,
    /// The first of these rows, at most five.
    pub sample: Vec<SampleRow>,
    /// One sentence for people.
    pub message: String,
}

/// A row that breaks a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRow {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// The offending values and those that name the row.
    pub values: Map<String, Value>,
}

impl GateReport {
    /// The part of the report that is about one of its files. A file that was not judged has failed.
    #[must_use]
    pub fn of_file(&self, path: &str) -> Self {
        let checks: Vec<CheckReport> =
            self.checks.iter().filter(|check| check.file == path).cloned().collect();
        Self {
            files: self.files.iter().filter(|file| file.path == path).cloned().collect(),
            verdict: checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Fail),
            checks,
            ..self.clone()
        }
    }

    /// The checks that did not pass, worst first.
    #[must_use]
    pub fn broken(&self) -> Vec<&CheckReport> {
        let mut broken: Vec<&CheckReport> =
            self.checks.iter().filter(|check| check.verdict != Verdict::Pass).collect();
        broken.sort_by_key(|check| std::cmp::Reverse(check.verdict));
        broken
    }

    /// Number of checks with this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.verdict == verdict).count()
    }
}
