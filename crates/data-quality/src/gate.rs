//! Holding files against a contract.

use std::path::{Path, PathBuf};
use std::time::Instant;

use mainspring_tables::{Table, TableError};
use serde_json::Map;

use crate::cells::{Cell, is_missing, repeated_rows, rows_where};
use crate::contract::{Check, Contract, Metric, Rule, Severity, Unit};
use crate::expectation::Expectation;
use crate::report::{CheckReport, ContractReference, FileReport, GateReport, SampleRow, Verdict};
use crate::sql::{self, Database};

/// Failing rows shown for each check.
const SAMPLE_ROWS: usize = 5;
/// Columns shown of a failing row.
const SAMPLE_COLUMNS: usize = 9;

/// Why the gate could not look at the files at all.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// No files were given.
    #[error("no files to check")]
    NoFiles,
    /// A file cannot be opened or read.
    #[error(transparent)]
    Unreadable(TableError),
}

/// Holds each of `files` against `contract`. Every file must satisfy every rule by itself: a contract
/// describes one delivery.
///
/// A file that can be read but is no table (ragged, empty, not UTF-8) gives a failing report, not an
/// error.
///
/// # Errors
/// [`GateError`] if there are no files, or one cannot be opened.
pub fn check(contract: &Contract, files: &[PathBuf]) -> Result<GateReport, GateError> {
    let started = Instant::now();
    if files.is_empty() {
        return Err(GateError::NoFiles);
    }
    let (mut checks, mut reports) = (Vec::new(), Vec::new());
    for file in files {
        let rows = match Table::read_csv(file) {
            Ok(table) => {
                check_table(contract, &table, &mut checks);
                table.rows() as u64
            }
            Err(error @ TableError::Io { .. }) => return Err(GateError::Unreadable(error)),
            Err(error) => {
                checks.push(built_in("readable", file, Some(error.to_string()), "a CSV table"));
                0
            }
        };
        reports.push(FileReport { path: file.display().to_string(), rows, md5: None });
    }
    Ok(GateReport {
        version: 1,
        contract: ContractReference {
            id: contract.id.clone(),
            name: contract.name.clone(),
            version: contract.version.clone(),
            file: contract.file.display().to_string(),
        },
        files: reports,
        verdict: checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Fail),
        checks,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// A check that every contract makes.
fn built_in(rule: &str, file: &Path, problem: Option<String>, expected: &str) -> CheckReport {
    CheckReport {
        name: rule.to_owned(),
        rule: rule.to_owned(),
        column: None,
        file: file.display().to_string(),
        severity: Severity::Error,
        verdict: if problem.is_some() { Verdict::Fail } else { Verdict::Pass },
        measured: None,
        expected: expected.to_owned(),
        failing_rows: 0,
        sample: Vec::new(),
        message: problem.unwrap_or_else(|| expected.to_owned()),
    }
}

fn check_table(contract: &Contract, table: &Table, checks: &mut Vec<CheckReport>) {
    let empty = (table.rows() == 0).then(|| "the file has a header and no rows".to_owned());
    checks.push(built_in("rows", table.file(), empty, "at least one row"));
    let missing: Vec<&str> =
        contract.columns.iter().filter(|name| table.column(name).is_none()).map(String::as_str).collect();
    let problem = (!missing.is_empty()).then(|| format!("missing columns: {}", missing.join(", ")));
    checks.push(built_in("columns", table.file(), problem, "every column of the contract"));
    let wants_sql = contract.checks.iter().any(|check| matches!(check.rule, Rule::Sql { .. }));
    let database = wants_sql.then(|| Database::load(&contract.table, table));
    for check in &contract.checks {
        let finding = find(check, table, database.as_ref());
        checks.push(report(contract, check, table, finding));
    }
}

/// What a rule found in a table.
enum Finding {
    /// Rows that break a rule about rows.
    Rows { broken: Vec<usize>, expected: String },
    /// A number against its expectations, with the rows it counts where that is known.
    Number {
        measured: f64,
        expected: Vec<Expectation>,
        unit: &'static str,
        noun: &'static str,
        rows: Vec<usize>,
    },
    /// The rule could not be decided.
    Undecided { expected: String, reason: String },
}

fn find(check: &Check, table: &Table, database: Option<&Result<Database, rusqlite::Error>>) -> Finding {
    match &check.rule {
        Rule::Sql { query, expected } => return find_sql(query, expected, database),
        Rule::Metric { metric: Metric::RowCount, expected, .. } => {
            let expected = expected.clone();
            return Finding::Number {
                measured: table.rows() as f64,
                expected,
                unit: "",
                noun: "rows",
                rows: Vec::new(),
            };
        }
        _ => {}
    }
    let expected = expected_text(&check.rule);
    let columns: Vec<&str> = match &check.rule {
        Rule::Unique(columns) | Rule::Metric { metric: Metric::DuplicateValues(columns), .. } => {
            columns.iter().map(String::as_str).collect()
        }
        _ => check.column.iter().map(String::as_str).collect(),
    };
    if let Some(missing) = columns.iter().find(|name| table.column(name).is_none()) {
        return Finding::Undecided { expected, reason: format!("the column `{missing}` is missing") };
    }
    let Some(broken) = broken_rows(check, table) else {
        return Finding::Undecided { expected, reason: "the rule names no column".to_owned() };
    };
    match &check.rule {
        Rule::Metric { metric, expected, unit } => {
            let count = broken.len() as f64;
            let (measured, unit) = match unit {
                Unit::Rows => (count, ""),
                Unit::Percent => (100.0 * count / table.rows() as f64, " %"),
            };
            Finding::Number { measured, expected: expected.clone(), unit, noun: metric.noun(), rows: broken }
        }
        _ => Finding::Rows { broken, expected },
    }
}

/// The rows that a row rule refuses or a metric counts.
fn broken_rows(check: &Check, table: &Table) -> Option<Vec<usize>> {
    if let Rule::Unique(columns) | Rule::Metric { metric: Metric::DuplicateValues(columns), .. } = &check.rule
    {
        return repeated_rows(table, columns);
    }
    let column = table.column(check.column.as_ref()?)?;
    Some(match &check.rule {
        Rule::Type(logical_type) => rows_where(column, |cell| {
            // NaN is a missing value for `required` and the null metrics, and never a number.
            !matches!(cell, Cell::Null) && !cell.is_of(*logical_type)
        }),
        Rule::Required | Rule::Metric { metric: Metric::NullValues, .. } => rows_where(column, is_missing),
        Rule::Bounds(bounds) => rows_where(column, |cell| {
            !is_missing(cell) && !cell.number().is_some_and(|number| bounds.contain(number))
        }),
        Rule::MultipleOf(step) => rows_where(column, |cell| {
            !is_missing(cell) && !cell.number().is_some_and(|number| is_multiple(number, *step))
        }),
        Rule::Length { min, max } => rows_where(column, |cell| {
            let length = cell.text().chars().count() as u64;
            let fits = min.is_none_or(|min| length >= min) && max.is_none_or(|max| length <= max);
            !is_missing(cell) && !fits
        }),
        Rule::Pattern(pattern) => {
            rows_where(column, |cell| !is_missing(cell) && !pattern.is_match(&cell.text()))
        }
        Rule::Metric { metric: Metric::MissingValues(values), .. } => {
            rows_where(column, |cell| is_missing(cell) || values.iter().any(|value| *value == cell.text()))
        }
        Rule::Metric { metric: Metric::InvalidValues { valid, pattern }, .. } => rows_where(column, |cell| {
            let valid = valid.as_ref().is_none_or(|valid| valid.iter().any(|value| *value == cell.text()));
            let matches = pattern.as_ref().is_none_or(|pattern| pattern.is_match(&cell.text()));
            let accepted = valid && matches;
            !is_missing(cell) && !accepted
        }),
        Rule::Unique(_) | Rule::Sql { .. } | Rule::Metric { .. } => return None,
    })
}

fn is_multiple(number: f64, step: f64) -> bool {
    let ratio = number / step;
    (ratio - ratio.round()).abs() <= 1e-9 * ratio.abs().max(1.0)
}

fn find_sql(
    query: &str,
    expected: &[Expectation],
    database: Option<&Result<Database, rusqlite::Error>>,
) -> Finding {
    let undecided = |reason: String| Finding::Undecided { expected: joined(expected), reason };
    let database = match database {
        Some(Ok(database)) => database,
        Some(Err(error)) => return undecided(sql::reason(error)),
        None => return undecided("no table to query".to_owned()),
    };
    match database.number(query) {
        Ok(Some(measured)) if measured.is_finite() => Finding::Number {
            measured,
            expected: expected.to_vec(),
            unit: "",
            noun: "counted by the query",
            rows: database.counted_rows(query, SAMPLE_ROWS),
        },
        Ok(_) => undecided("the query gave no number".to_owned()),
        Err(error) => undecided(sql::reason(&error)),
    }
}

fn report(contract: &Contract, check: &Check, table: &Table, finding: Finding) -> CheckReport {
    let (holds, measured, expected, rows, failing, mut message) = match finding {
        Finding::Rows { broken, expected } => {
            let count = broken.len();
            let message = format!("{count} of {} rows are not {expected}", table.rows());
            (broken.is_empty(), Some(count as f64), expected, broken, count as u64, message)
        }
        Finding::Number { measured, expected, unit, noun, rows } => {
            let holds = expected.iter().all(|expected| expected.holds(measured));
            let text = joined(&expected);
            let message = format!("{}{unit} {noun}, expected {text}{unit}", rounded(measured));
            // A query counts its rows itself; of a counting metric every row is known.
            let counted = if matches!(check.rule, Rule::Sql { .. }) && !rows.is_empty() {
                measured as u64
            } else {
                rows.len() as u64
            };
            (holds, Some(measured), format!("{text}{unit}"), rows, counted, message)
        }
        Finding::Undecided { expected, reason } => (false, None, expected, Vec::new(), 0, reason),
    };
    if !check.description.is_empty() {
        message = format!("{message}. {}", check.description);
    }
    let verdict = match check.severity {
        _ if holds => Verdict::Pass,
        Severity::Warning => Verdict::Warn,
        Severity::Error => Verdict::Fail,
    };
    let shown = shown_columns(contract, check);
    let sample = rows.iter().take(if holds { 0 } else { SAMPLE_ROWS });
    CheckReport {
        name: check.name.clone(),
        rule: check.rule.name().to_owned(),
        column: check.column.clone(),
        file: table.file().display().to_string(),
        severity: check.severity,
        verdict,
        measured,
        expected,
        failing_rows: if holds { 0 } else { failing },
        sample: sample.map(|row| sample_row(table, *row, &shown)).collect(),
        message: if holds { String::new() } else { message },
    }
}

/// The columns of a failing row that tell what is wrong and which row it is.
fn shown_columns(contract: &Contract, check: &Check) -> Vec<String> {
    let mut shown: Vec<String> = check.column.iter().cloned().collect();
    match &check.rule {
        Rule::Unique(columns) | Rule::Metric { metric: Metric::DuplicateValues(columns), .. } => {
            shown.extend(columns.iter().cloned());
        }
        Rule::Sql { query, .. } => {
            let words: Vec<&str> = query.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            shown.extend(contract.columns.iter().filter(|name| words.contains(&name.as_str())).cloned());
        }
        _ => {}
    }
    for column in &contract.identity {
        if !shown.contains(column) {
            shown.push(column.clone());
        }
    }
    shown.truncate(SAMPLE_COLUMNS);
    shown
}

fn sample_row(table: &Table, row: usize, columns: &[String]) -> SampleRow {
    let mut values = Map::new();
    for name in columns {
        if let Some(column) = table.column(name) {
            values.insert(name.clone(), column.value(row));
        }
    }
    SampleRow { file: table.file().display().to_string(), line: table.line(row), values }
}

fn expected_text(rule: &Rule) -> String {
    match rule {
        Rule::Type(Some(logical_type)) => format!("of type {}", logical_type.name()),
        Rule::Type(None) => "finite".to_owned(),
        Rule::Required => "present".to_owned(),
        Rule::Unique(columns) => format!("unique in {}", columns.join(", ")),
        Rule::Bounds(bounds) => bounds.to_string(),
        Rule::MultipleOf(step) => format!("a multiple of {step}"),
        Rule::Length { min, max } => match (min, max) {
            (Some(min), Some(max)) => format!("{min} to {max} characters long"),
            (Some(min), None) => format!("at least {min} characters long"),
            (None, Some(max)) => format!("at most {max} characters long"),
            (None, None) => "of any length".to_owned(),
        },
        Rule::Pattern(pattern) => format!("like {pattern}"),
        Rule::Metric { expected, unit, .. } => match unit {
            Unit::Rows => joined(expected),
            Unit::Percent => format!("{} %", joined(expected)),
        },
        Rule::Sql { expected, .. } => joined(expected),
    }
}

fn joined(expected: &[Expectation]) -> String {
    let parts: Vec<String> = expected.iter().map(ToString::to_string).collect();
    parts.join(" and ")
}

/// At most three digits after the point.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
