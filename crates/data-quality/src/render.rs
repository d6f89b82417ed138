//! The report as text for people.

use std::fmt::Write as _;

use serde_json::Value;

use crate::report::{CheckReport, GateReport, SampleRow, Verdict};

/// The report as aligned text: what was checked, every rule that is broken with its first rows, and a
/// closing line.
#[must_use]
pub fn render_text(report: &GateReport) -> String {
    let mut text = String::new();
    let contract = &report.contract;
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{} {} ({})", contract.name, contract.version, contract.file);
    for file in &report.files {
        let _ = writeln!(text, "  {}: {} rows", file.path, file.rows);
    }
    let broken = report.broken();
    let width = broken.iter().map(|check| check.name.len()).max().unwrap_or(0);
    for check in &broken {
        let word = if check.verdict == Verdict::Fail { "FAIL" } else { "WARN" };
        let _ = writeln!(text, "\n{word}  {:width$}  {}", check.name, message(report, check));
        text.push_str(&sample_table(&check.sample));
        let more = check.failing_rows.saturating_sub(check.sample.len() as u64);
        if more > 0 && !check.sample.is_empty() {
            let _ = writeln!(text, "      and {more} more");
        }
    }
    let _ = writeln!(
        text,
        "\n{} checks: {} passed, {} warned, {} failed",
        report.checks.len(),
        report.count(Verdict::Pass),
        report.count(Verdict::Warn),
        report.count(Verdict::Fail)
    );
    text
}

fn message(report: &GateReport, check: &CheckReport) -> String {
    if report.files.len() > 1 { format!("{}: {}", check.file, check.message) } else { check.message.clone() }
}

fn sample_table(sample: &[SampleRow]) -> String {
    let Some(first) = sample.first() else {
        return String::new();
    };
    let mut header = vec!["line".to_owned()];
    header.extend(first.values.keys().cloned());
    let rows = sample.iter().map(|row| {
        let mut cells = vec![row.line.to_string()];
        cells.extend(row.values.values().map(cell));
        cells
    });
    let lines: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(String::len).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        let _ = writeln!(text, "      {}", cells.join("  "));
    }
    text
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
